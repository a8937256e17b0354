package validate

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Target is something that the model promises.
type Target struct {
	Name    string
	Reached string // in words
	OK      bool
}

// What the model promises, as factors.
const (
	fitTo       = 1.03 // calibrate rows, each
	meanTo      = 1.10 // validate rows, geometric mean
	mostTo      = 1.20 // 90 % of validate rows
	allTo       = 1.50 // every validate row
	scalingTo   = 1.15 // curves over threads, geometric mean of each
	freeAllowed = 3    // calibrate rows up to which the number of free keys is not looked at
)

func (rep *Report) targets() []Target {
	var out []Target
	add := func(ok bool, name, reached string, args ...any) {
		out = append(out, Target{name, fmt.Sprintf(reached, args...), ok})
	}
	if n := len(rep.Aborted); n > 0 {
		add(false, "every point runs to its end", "%d of %d abort", n, n+len(rep.Results))
	}
	if s := rep.Score("", Fitted); s.Points > 0 {
		over := 0
		for i := range rep.Results {
			if r := &rep.Results[i]; r.Calibrate && r.Err() > math.Log(fitTo) {
				over++
			}
		}
		add(over == 0, "calibrate rows within 3 % each", "%d of %d are not; the worst, %s, is off by %s", over, s.Points, s.Worst.ID, percent(s.Max))
	}
	if s := rep.Score("", All); s.Points > 0 {
		within := 0
		for i := range rep.Results {
			if r := &rep.Results[i]; !r.Calibrate && r.Err() <= math.Log(mostTo) {
				within++
			}
		}
		mean := rep.perMachine(All, func(s Score) float64 { return s.Mean })
		add(s.Mean <= math.Log(meanTo), "validate rows: geometric mean of the error at most 10 %", "%s over rows, %s as the average over machines", percent(s.Mean), percent(mean))
		add(within*10 >= s.Points*9, "90 % of validate rows within 20 %", "%d of %d (%.0f %%)", within, s.Points, 100*float64(within)/float64(s.Points))
		add(s.Max <= math.Log(allTo), "no validate row beyond a factor 1.5", "the worst, %s, is off by a factor %.2f", s.Worst.ID, math.Exp(s.Max))
	}
	var over []string
	worst, n := 0.0, 0
	for _, c := range rep.curves() {
		s := score(c.points)
		n++
		worst = max(worst, s.Mean)
		if s.Mean > math.Log(scalingTo) {
			over = append(over, c.name)
		}
	}
	if n > 0 {
		missed := ""
		if len(over) > 0 {
			missed = "; beyond: " + strings.Join(over, ", ")
		}
		add(len(over) == 0, "curves over 3 and more threads within 15 % (geometric mean of each)", "%d curves, the worst at %s%s", n, percent(worst), missed)
	}
	if len(rep.Claims) > 0 {
		failed := 0
		for i := range rep.Claims {
			if !rep.Claims[i].OK {
				failed++
			}
		}
		add(failed == 0, "every directional claim passes", "%d of %d pass", len(rep.Claims)-failed, len(rep.Claims))
	}
	for _, m := range rep.Machines {
		if rows := rep.Score(m, Fitted).Points; rows > freeAllowed {
			add(2*rep.Free[m] <= rows, fmt.Sprintf("at most half as many free keys as calibrate rows (%s)", m), "%d keys, %d rows", rep.Free[m], rows)
		}
	}
	return out
}

// Missed reports whether any target is.
func (rep *Report) Missed() bool {
	return slices.ContainsFunc(rep.Targets, func(t Target) bool { return !t.OK })
}

// curve are points that differ in their number of threads only.
type curve struct {
	name   string
	points []*Result
}

func (rep *Report) curves() []curve {
	var out []curve
	for i := range rep.Results {
		r := &rep.Results[i]
		if r.Calibrate || r.Family() != Scaling {
			continue
		}
		name := r.Machine + " " + r.Workload
		for _, q := range r.Params {
			if q.Name != "threads" {
				name += fmt.Sprintf(" %s=%v", q.Name, q.Value)
			}
		}
		name += " " + r.Metric.Name
		k := slices.IndexFunc(out, func(c curve) bool { return c.name == name })
		if k < 0 {
			k = len(out)
			out = append(out, curve{name: name})
		}
		out[k].points = append(out[k].points, r)
	}
	return out
}

// percent is an error as the share of a factor.
func percent(e float64) string {
	if math.IsNaN(e) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*math.Expm1(e))
}
