package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cohsim/internal/stats"
)

func copyDoc(d *Document) *Document {
	c := *d
	c.Records = slices.Clone(d.Records)
	for i := range c.Records {
		c.Records[i].Metrics = slices.Clone(c.Records[i].Metrics)
	}
	return &c
}

// with is the document with one metric of some records set.
func with(d *Document, metric, value string, records ...int) *Document {
	c := copyDoc(d)
	v, err := stats.ParseValue(value)
	if err != nil {
		panic(err)
	}
	for _, i := range records {
		k := slices.IndexFunc(c.Records[i].Metrics, func(m stats.Reading) bool { return m.Name == metric })
		c.Records[i].Metrics[k].Value = v
	}
	return c
}

func rules(t *testing.T, parse func(string) (Rule, error), texts ...string) (out []Rule) {
	t.Helper()
	for _, text := range texts {
		r, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// exact is 4 points with one seed; 100 CAS failures at the third.
func exact() *Document {
	return with(sampleDoc([]string{"mmap_lock", "vm_refcnt"}, []int{1, 4}, 1), "lock.cas.failures", "100", 2)
}

func names(p *PointDiff) (out []string) {
	for _, m := range p.Metrics {
		out = append(out, m.Name)
	}
	return out
}

func TestAResultIsIdenticalToItself(t *testing.T) {
	for _, seeds := range []int{1, 5} {
		d := sampleDoc(quickLocks, []int{1, 2, 8}, seeds)
		c := Compare(d, copyDoc(d), nil, rules(t, ParseRule, "*>0"))
		if !c.Identical() || len(c.Failures) != 0 || !strings.HasPrefix(c.Verdict(), "identical: ") {
			t.Errorf("%d seeds: %s", seeds, c.Verdict())
		}
	}
}

func TestTheSmallestChangeOfOneMetricIsFound(t *testing.T) {
	d := with(exact(), "op.cycles.mean", "123456.789", 2)
	c := Compare(d, with(d, "op.cycles.mean", "123456.788", 2), nil, nil)
	if len(c.Points) != 1 || !slices.Equal(names(&c.Points[0]), []string{"op.cycles.mean"}) || c.Equal() {
		t.Fatalf("%+v", c.Points)
	}
	m := &c.Points[0].Metrics[0]
	if m.Test != nil || !strings.HasPrefix(m.Percent.String(), "-0.00000081") || m.percentText() != "-0.0001 %" {
		t.Errorf("%s %%, shown as %s, test %v", m.Percent, m.percentText(), m.Test)
	}
	if got, want := c.Verdict(), fmt.Sprintf("1 of %d metrics moved, at 1 of 4 points", len(d.Records[0].Metrics)); got != want {
		t.Error(got)
	}
}

func TestRulesFireInTheWorseDirectionBeyondTheirLimit(t *testing.T) {
	for _, c := range []struct {
		rule, metric, base, head string
		fires                    bool
	}{
		{"lock.cas.failures>5", "lock.cas.failures", "100", "105", false}, // exactly the limit
		{"lock.cas.failures>5", "lock.cas.failures", "100", "106", true},
		{"lock.cas.failures>5%", "lock.cas.failures", "100", "106", true},
		{" lock.cas.failures > 5 ", "lock.cas.failures", "100", "106", true},
		{"lock.cas.failures>5", "lock.cas.failures", "100", "50", false}, // lower is better
		{"lock.cas.failures>0", "lock.cas.failures", "0", "1", true},     // more than any percentage of 0
		{"lock.cas.failures>1e9", "lock.cas.failures", "0", "1", true},
		{"ops.per_second>5", "ops.per_second", "1000", "949.999", true}, // higher is better
		{"ops.per_second>5", "ops.per_second", "1000", "950", false},
		{"ops.per_second>5", "ops.per_second", "1000", "2000", false},
		{"sim.memops>1", "sim.memops", "1000", "1011", true}, // neither: both ways
		{"sim.memops>1", "sim.memops", "1000", "989", true},
		{"sim.memops>1", "sim.memops", "1000", "1010", false},
		{"op.cycles.*>0", "op.cycles.p99", "1000", "1001", true},
		{"*>0", "op.cycles.p99", "1000", "1001", true},
		{"coh.*>0", "op.cycles.p99", "1000", "1001", false},
		{"op.cycles.p99>0", "op.cycles.p99", "1000", "null", true}, // gone
		{"op.cycles.p99>0", "op.cycles.p99", "null", "1000", false},
	} {
		base, head := with(exact(), c.metric, c.base, 2), with(exact(), c.metric, c.head, 2)
		got := Compare(base, head, nil, rules(t, ParseRule, c.rule))
		if fired := len(got.Failures) == 1; fired != c.fires || len(got.Points) != 1 {
			t.Errorf("%s: %s from %s to %s: %d failures, %d points", c.rule, c.metric, c.base, c.head, len(got.Failures), len(got.Points))
		}
	}
	c := Compare(exact(), with(exact(), "lock.cas.failures", "200", 2), nil, rules(t, ParseRule, "lock.cas.failures>5"))
	if f := c.Failures[0]; f.Name != "lock.cas.failures" || point(f.Point).label(true) != "run.cores = 4, lock = mmap_lock" {
		t.Errorf("%+v", f)
	}
}

func TestATolerableChangeDoesNotCountAndARuleSeesItAllTheSame(t *testing.T) {
	head := with(exact(), "lock.cas.failures", "105", 2)
	tolerance := rules(t, ParseTolerance, "lock.*=5")
	if c := Compare(exact(), head, tolerance, nil); !c.Equal() || c.Identical() || c.Tolerated != 1 || !strings.HasPrefix(c.Verdict(), "equal within the tolerances") {
		t.Errorf("%s", c.Verdict())
	}
	head = with(exact(), "lock.cas.failures", "106", 2)
	if c := Compare(exact(), head, tolerance, nil); c.Equal() {
		t.Errorf("%s", c.Verdict())
	}
	if c := Compare(exact(), head, rules(t, ParseTolerance, "lock.*=10"), rules(t, ParseRule, "lock.cas.failures>5")); !c.Equal() || len(c.Failures) != 1 {
		t.Errorf("%s", c.Verdict())
	}
}

func TestMistakesInRulesAreTold(t *testing.T) {
	for _, c := range []struct {
		parse      func(string) (Rule, error)
		text, want string
	}{
		{ParseRule, "op.cycles.mean", `is not METRIC>PCT`},
		{ParseRule, "op.cycles.mean>x", `"x" is no percentage`},
		{ParseRule, "op.cycles.mean>-1", `"-1" is no percentage`},
		{ParseRule, "op.cycles.mean>null", `"null" is no percentage`},
		{ParseRule, "op.cycles.men>1", `unknown metric "op.cycles.men"; did you mean "op.cycles.mean"?`},
		{ParseRule, "opp.*>1", `unknown metric "opp.*"`},
		{ParseRule, "[>1", `unknown metric "["`},
		{ParseTolerance, "op.cycles.mean>1", `is not METRIC=PCT`},
		{ParseTolerance, "=1", `unknown metric ""`},
	} {
		if _, err := c.parse(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

func TestRecordsAreMatchedByPointAndSeedInAnyOrder(t *testing.T) {
	d := sampleDoc([]string{"mmap_lock", "vm_refcnt"}, []int{1, 4}, 2)
	head := copyDoc(d)
	slices.Reverse(head.Records)
	for i := range head.Records {
		head.Records[i].Point = slices.Clone(head.Records[i].Point)
		slices.Reverse(head.Records[i].Point)
	}
	if c := Compare(d, head, nil, nil); !c.Identical() {
		t.Errorf("another order: %s", c.Verdict())
	}
	lacks := copyDoc(d)
	lacks.Records = slices.Delete(lacks.Records, 3, 4)
	c := Compare(d, lacks, nil, nil)
	if c.Equal() || !slices.Equal(c.OnlyBase, []string{`run.cores=1 lock="vm_refcnt" seed=2`}) || len(c.OnlyHead) != 0 || len(c.Base.Records) != 7 {
		t.Errorf("%v, %v, %s", c.OnlyBase, c.OnlyHead, c.Verdict())
	}
	if c = Compare(lacks, d, nil, nil); c.Equal() || len(c.OnlyBase) != 0 || len(c.OnlyHead) != 1 {
		t.Errorf("%v, %v, %s", c.OnlyBase, c.OnlyHead, c.Verdict())
	}
	if err := Compare(d, &Document{}, nil, nil).Comparable(); err == nil {
		t.Error("nothing was compared")
	}
}

func TestPointsAndMetricsAreSortedByTheCyclesThatMoved(t *testing.T) {
	d := exact()
	head := with(with(d, "cpu.cycles.near", "1", 0), "cpu.cycles.l1", "999", 0)
	head = with(with(with(head, "coh.getm", "1", 0), "ops.per_second", "1", 0), "sim.memops", "1", 0)
	head = with(head, "cpu.cycles.near", "2", 2) // of four times the cycles
	head = with(head, "op.cycles.mean", "1", 3)  // no cause
	c := Compare(d, head, nil, nil)
	var order []string
	for i := range c.Points {
		order = append(order, point(c.Points[i].Point).label(false))
	}
	if len(order) != 3 || order[2] != "4, vm_refcnt" {
		t.Errorf("order %q", order)
	}
	for i := 1; i < len(c.Points); i++ {
		if compareValues(c.Points[i-1].Share, c.Points[i].Share) < 0 {
			t.Errorf("%s %% stand above %s %%", c.Points[i-1].Share, c.Points[i].Share)
		}
	}
	first := slices.IndexFunc(c.Points, func(p PointDiff) bool { return point(p.Point).label(false) == "1, mmap_lock" })
	if got := names(&c.Points[first]); !slices.Equal(got, []string{"sim.memops", "ops.per_second", "cpu.cycles.near", "cpu.cycles.l1", "coh.getm"}) {
		t.Errorf("metrics %q", got)
	}
	near, _ := d.Records[0].Get("cpu.cycles.near")
	want := stats.Int(near.Value.Rat().Num().Uint64() - 1 + 999)
	if c.Points[first].Cycles != want {
		t.Errorf("%s cycles moved, not %s", c.Points[first].Cycles, want)
	}
}

// Seeds that overlap are chance; seeds that do not are none, and neither are too few.
func TestSeedsTellChanceFromChange(t *testing.T) {
	sides := func(base, head []string) (*Comparison, *MetricDiff) {
		d := sampleDoc([]string{"mmap_lock"}, []int{4}, len(base))
		b, h := d, d
		for i := range base {
			b, h = with(b, "op.cycles.p99", base[i], i), with(h, "op.cycles.p99", head[i], i)
		}
		c := Compare(b, h, nil, rules(t, ParseRule, "op.cycles.p99>1"))
		return c, &c.Points[0].Metrics[0]
	}
	c, m := sides([]string{"100", "101", "102", "103", "104"}, []string{"110", "111", "112", "113", "114"})
	if m.Chance() || len(c.Failures) != 1 || m.Test.P > 0.01 {
		t.Errorf("a clear change: p = %v, %d failures", m.Test.P, len(c.Failures))
	}
	c, m = sides([]string{"100", "110", "102", "103", "104"}, []string{"109", "101", "106", "99", "111"})
	if !m.Chance() || len(c.Failures) != 0 || m.change() != "+2.9 % ~" {
		t.Errorf("noise: p = %v, %d failures, %s", m.Test.P, len(c.Failures), m.change())
	}
	c, m = sides([]string{"100", "110", "102"}, []string{"109", "101", "106"})
	if m.Chance() || len(c.Failures) != 1 {
		t.Errorf("three seeds: p = %v, %d failures", m.Test.P, len(c.Failures))
	}
	c, m = sides([]string{"100", "110", "102"}, []string{"110", "102", "100"})
	if m.percentText() != "seeds only" || len(c.Failures) != 0 {
		t.Errorf("the same numbers for other seeds: %s, %d failures", m.percentText(), len(c.Failures))
	}
}

func TestKeysOfTheConfigThatDifferAreNamed(t *testing.T) {
	d := exact()
	d.Config = json.RawMessage(`{"machine":{"l1":{"latency_cycles":4},"old":1},"list":[1,2]}`)
	head := copyDoc(d)
	head.Config = json.RawMessage(`{"machine":{"l1":{"latency_cycles":5}},"list":[1,3],"new":{"a":"x"}}`)
	want := []KeyDiff{{"list", "[1,2]", "[1,3]"}, {"machine.l1.latency_cycles", "4", "5"}, {"machine.old", "1", "-"}, {"new.a", "-", `"x"`}}
	if c := Compare(d, head, nil, nil); !slices.Equal(c.Config, want) || !c.Identical() {
		t.Errorf("%+v", c.Config)
	}
}

func TestGoldenOfAComparisonInEveryFormat(t *testing.T) {
	base := sampleDoc([]string{"mmap_lock", "vm_refcnt"}, []int{1, 4}, 5)
	base.Config = json.RawMessage(`{"name":"fault-storm","machine":{"l1":{"latency_cycles":4}}}`)
	head := copyDoc(base)
	head.ConfigHash, head.Config = "0011223344556677", json.RawMessage(`{"name":"fault-storm","machine":{"l1":{"latency_cycles":5}}}`)
	for i := range 5 {
		head = with(head, "cpu.cycles.near", stats.Int(uint64(1_200_000+i)).String(), 10+i)
		head = with(head, "op.cycles.mean", stats.Int(uint64(900+i)).String(), 10+i)
		head = with(head, "coh.hitm", stats.Int(uint64(40*i)).String(), 15+i)
	}
	head.Records = head.Records[:19]
	for _, format := range ComparisonFormats() {
		c := Compare(base, head, nil, rules(t, ParseRule, "op.cycles.*>1"))
		var b, again bytes.Buffer
		if err := WriteComparison(&b, format, c, Options{}); err != nil {
			t.Fatal(err)
		}
		if err := WriteComparison(&again, format, Compare(base, head, nil, rules(t, ParseRule, "op.cycles.*>1")), Options{}); err != nil || again.String() != b.String() {
			t.Errorf("%s: other bytes the second time (%v)", format, err)
		}
		if format == "bench" {
			continue // is both results, and those have golden files
		}
		golden(t, "compare."+format, b.String())
		if format != "csv" {
			continue
		}
		rows, err := csv.NewReader(&b).ReadAll()
		if err != nil || !slices.Equal(rows[0], []string{"run.cores", "lock", "layer", "metric", "unit", "base", "head", "percent", "p", "broken"}) || len(rows) < 3 {
			t.Errorf("csv: %v, %q", err, rows)
		}
	}
}

func TestAPairOfBenchmarkTextsDiffersInOneKeyOnly(t *testing.T) {
	var b bytes.Buffer
	if err := WriteComparison(&b, "bench", Compare(exact(), exact(), nil, nil), Options{}); err != nil {
		t.Fatal(err)
	}
	base, head, ok := strings.Cut(b.String(), "result: head\n")
	_, base, ok2 := strings.Cut(base, "result: base\n")
	if !ok || !ok2 || strings.TrimSpace(base) != strings.TrimSpace(head) || strings.Count(base, "\nBenchmark") != 4 {
		t.Errorf("got\n%s", b.String())
	}
}

// CSV carries no config; that is no difference from a result that has one.
func TestAResultWithoutItsConfigDiffersInNoKey(t *testing.T) {
	d := sampleDoc(quickLocks, []int{1, 2}, 1)
	bare := *d
	bare.Config = nil
	if c := Compare(d, &bare, nil, nil); len(c.Config) != 0 {
		t.Errorf("%v", c.Config)
	}
	other := *d
	other.Config = json.RawMessage(`{"name":"other"}`)
	if c := Compare(d, &other, nil, nil); len(c.Config) == 0 {
		t.Error("two configs do not differ")
	}
}
