package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"path"
	"slices"
	"strings"

	"cohsim/internal/stats"
)

// Rule is a limit on the change of metrics.
type Rule struct {
	Pattern string   // a metric's name, with * for any part of it
	Percent *big.Rat // not negative
	text    string
	limit   string // Percent as it was written
}

func (r Rule) String() string { return r.text }

// ParseRule reads "METRIC>PCT": METRIC must not get worse by more than PCT percent.
func ParseRule(s string) (Rule, error) {
	return parseRule(s, ">", "METRIC>PCT, such as op.cycles.mean>2")
}

// ParseTolerance reads "METRIC=PCT": changes of METRIC by up to PCT percent do not count.
func ParseTolerance(s string) (Rule, error) {
	return parseRule(s, "=", "METRIC=PCT, such as coh.hitm=0.5")
}

func parseRule(s, sep, form string) (Rule, error) {
	name, number, ok := strings.Cut(s, sep)
	if !ok {
		return Rule{}, fmt.Errorf("%q is not %s", s, form)
	}
	name, number = strings.TrimSpace(name), strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(number), "%"))
	v, err := stats.ParseValue(number)
	if err != nil || v.IsMissing() || v.Sign() < 0 {
		return Rule{}, fmt.Errorf("%q is not %s: %q is no percentage", s, form, number)
	}
	var known []string
	for _, m := range stats.Metrics() {
		known = append(known, m.Name)
	}
	r := Rule{Pattern: name, Percent: v.Rat(), text: s, limit: number}
	if _, err := path.Match(name, ""); err != nil || !slices.ContainsFunc(known, r.Matches) {
		return Rule{}, fmt.Errorf("unknown metric %q%s", name, suggest(name, known))
	}
	return r, nil
}

// Matches tells whether the rule is about a metric.
func (r Rule) Matches(metric string) bool {
	ok, err := path.Match(r.Pattern, metric)
	return ok && err == nil
}

// broken tells whether m got worse by more than the rule allows. Metrics that are
// neither better high nor low must not move either way. A difference that the seeds
// show to be chance breaks no rule; a value that is gone breaks every rule.
func (r Rule) broken(m *MetricDiff) bool {
	d := m.delta()
	switch {
	case d == nil:
		return m.Head.IsMissing()
	case m.Better == "lower" && d.Sign() <= 0, m.Better == "higher" && d.Sign() >= 0, m.Chance():
		return false
	}
	return m.beyond(r.Percent)
}

// KeyDiff is a key of the resolved config that differs; a key that one side lacks
// is "-" there.
type KeyDiff struct{ Key, Base, Head string }

// configDiff lists the keys of two JSON objects that differ, in alphabetical order.
func configDiff(base, head json.RawMessage) (out []KeyDiff) {
	if len(base) == 0 || len(head) == 0 {
		return nil // CSV has none, which is no difference
	}
	b, h := flatten(base), flatten(head)
	for k, v := range b {
		if other, ok := h[k]; !ok {
			out = append(out, KeyDiff{k, v, "-"})
		} else if other != v {
			out = append(out, KeyDiff{k, v, other})
		}
	}
	for k, v := range h {
		if _, ok := b[k]; !ok {
			out = append(out, KeyDiff{k, "-", v})
		}
	}
	slices.SortFunc(out, func(x, y KeyDiff) int { return strings.Compare(x.Key, y.Key) })
	return out
}

// flatten lists the leaves of a JSON value by their dotted paths; arrays are leaves.
func flatten(text json.RawMessage) map[string]string {
	out := map[string]string{}
	var walk func(prefix string, text json.RawMessage)
	walk = func(prefix string, text json.RawMessage) {
		var object map[string]json.RawMessage
		if json.Unmarshal(text, &object) == nil && object != nil {
			for k, v := range object {
				walk(strings.TrimPrefix(prefix+"."+k, "."), v)
			}
			return
		}
		var b bytes.Buffer
		if err := json.Compact(&b, text); err == nil {
			out[prefix] = b.String()
		}
	}
	if len(text) > 0 {
		walk("", text)
	}
	return out
}

var errNothingInCommon = errors.New("the results have no point and seed in common")

// Comparable is an error if nothing of two results can be compared.
func (c *Comparison) Comparable() error {
	if len(c.Base.Records) == 0 {
		return errNothingInCommon
	}
	return nil
}
