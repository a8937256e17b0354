package report

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"cohsim/internal/stats"
)

func numbers(t *testing.T, texts ...string) (out []stats.Value) {
	t.Helper()
	for _, s := range texts {
		v, err := stats.ParseValue(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func show(e estimate) string {
	return strings.Join([]string{e.center.String(), e.lo.String(), e.hi.String()}, " ")
}

// Intervals against figures worked out by hand: the mean of 1, 2, 3 is 2, its
// standard error 1/sqrt(3), and Student's t with two degrees 4.302653.
func TestEstimatesAreThoseOfTheTextbook(t *testing.T) {
	mean := Spec{Statistic: "mean", Interval: "range"}
	ci := Spec{Statistic: "mean", Interval: "ci95"}
	for _, c := range []struct {
		what string
		got  estimate
		want string
	}{
		{"median and range", new(Spec).estimate(numbers(t, "3", "1", "2")), "2 1 3"},
		{"median of four", new(Spec).estimate(numbers(t, "4", "1", "2", "9")), "3 1 9"},
		{"mean and range", mean.estimate(numbers(t, "1", "2", "6")), "3 1 6"},
		{"t interval", ci.estimate(numbers(t, "1", "2", "3")), "2 -0.484137712 4.48413771"},
		{"equal seeds", ci.estimate(numbers(t, "5", "5", "5")), "5 5 5"},
		{"one seed has no interval", ci.estimate(numbers(t, "5")), "5 null null"},
		{"none has nothing", ci.estimate(nil), "null null null"},
		{"ratio seed by seed", new(Spec).ratio(numbers(t, "2", "9", "6"), numbers(t, "1", "3", "6")), "2 1 3"},
		{"ratio to nothing", new(Spec).ratio(numbers(t, "2", "9"), numbers(t, "0", "0")), "null null null"},
		{"ratio of equal seeds", ci.ratio(numbers(t, "4", "4"), numbers(t, "2", "2")), "2 2 2"},
	} {
		if got := show(c.got); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// A 95 % interval holds the truth in about 95 of 100 samples; one of half the
// width or with the normal's factor would not.
func TestConfidenceIntervalsCoverTheTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	ci := Spec{Statistic: "mean", Interval: "ci95"}
	const trials = 2000
	one, two := 0, 0
	for range trials {
		var a, b []stats.Value
		for range 5 {
			a = append(a, fromFloat(100+5*rng.NormFloat64()))
			b = append(b, fromFloat(50+3*rng.NormFloat64()))
		}
		covers := func(e estimate, truth float64) int {
			lo, _ := e.lo.Float64()
			hi, _ := e.hi.Float64()
			if lo <= truth && truth <= hi {
				return 1
			}
			return 0
		}
		one += covers(ci.estimate(a), 100)
		two += covers(ci.ratio(a, b), 2)
	}
	for what, n := range map[string]int{"mean": one, "ratio": two} {
		if share := float64(n) / trials; share < 0.93 || share > 0.975 {
			t.Errorf("%s: %.3f of the intervals hold the truth", what, share)
		}
	}
}

func TestTheGeometricMeanNeedsPositiveNumbers(t *testing.T) {
	if g := geomean(numbers(t, "1", "4", "16")); g.String() != "4" {
		t.Errorf("geomean %s", g)
	}
	for _, bad := range [][]string{{"1", "0"}, {"1", "null"}, {"-1", "2"}, {}} {
		if g := geomean(numbers(t, bad...)); !g.IsMissing() {
			t.Errorf("geomean of %v is %s", bad, g)
		}
	}
}

func TestTheLawIsFoundInPointsThatObeyIt(t *testing.T) {
	n := []float64{1, 2, 4, 8, 16, 32, 64}
	for _, law := range []USL{{Lambda: 1e6, Sigma: 0.05, Kappa: 0.001}, {Lambda: 3, Sigma: 0, Kappa: 0.02}, {Lambda: 7e8, Sigma: 0.3}, {Lambda: 5}} {
		var x []float64
		for _, k := range n {
			x = append(x, law.At(k))
		}
		u, err := FitUSL(n, x)
		if err != nil {
			t.Fatal(err)
		}
		near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Max(1e-3, math.Abs(b)) }
		if !near(u.Lambda/law.Lambda, 1) || !near(u.Sigma, law.Sigma) || !near(u.Kappa, law.Kappa) || !near(u.R2, 1) {
			t.Errorf("%+v fitted as %+v", law, *u)
		}
		if peak := law.Peak(); law.Kappa > 0 && (law.At(peak) < law.At(peak*1.01) || law.At(peak) < law.At(peak*0.99)) {
			t.Errorf("%+v does not peak at %g", law, peak)
		}
	}
	// Throughput that grows faster than cores has no contention to be fitted.
	if u, err := FitUSL([]float64{1, 2, 4}, []float64{1, 3, 9}); err != nil || u.Sigma != 0 || u.Kappa != 0 || !math.IsInf(u.Peak(), 1) {
		t.Errorf("superlinear: %+v, %v", u, err)
	}
	for _, bad := range []struct{ n, x []float64 }{{[]float64{1, 2}, []float64{1, 2}}, {[]float64{1, 2, 3}, []float64{1, 0, 2}}, {[]float64{0, 1, 2}, []float64{1, 1, 2}}} {
		if u, err := FitUSL(bad.n, bad.x); err == nil {
			t.Errorf("%v fitted as %+v", bad, u)
		}
	}
}

func TestAFitToAsManyValuesAsItHasParametersSaysSo(t *testing.T) {
	for _, c := range []struct {
		cores []int
		notes int
	}{{[]int{1, 2, 4}, 1}, {[]int{1, 2, 4, 8}, 0}} {
		out := text(t, "markdown", sampleDoc(quickLocks[:2], c.cores, 1), []Spec{{Rows: "run.cores", Columns: []string{"lock"}, Value: []string{"ops.per_second"}, Fit: "usl"}}, Options{})
		if n := strings.Count(out, "Three values for three parameters"); n != c.notes {
			t.Errorf("cores %v: said %d times\n%s", c.cores, n, out)
		}
	}
}

func TestAFitAndAGeometricMeanStandBesideTheTable(t *testing.T) {
	d := sampleDoc(quickLocks[:2], []int{1, 2, 4, 8, 16}, 3)
	s := quickSpec
	s.Statistic, s.Interval, s.Summary, s.Fit = "mean", "ci95", "geomean", "usl"
	for format, name := range map[string]string{"table": "statistics", "latex": "statistics.latex", "markdown": "statistics.markdown"} {
		golden(t, name, text(t, format, d, []Spec{s}, Options{}))
	}
}

func TestAReportSaysWhatItsStatisticsCannotBe(t *testing.T) {
	s := Spec{Rows: "lock", Interval: "ci95", Statistic: "median", Fit: "usl"}
	var got []string
	for _, err := range s.Check([]string{"lock", "run.cores"}, nil) {
		got = append(got, err.Error())
	}
	want := []string{
		`report.interval: "ci95" is an interval of the mean, and needs statistic = "mean"`,
		`report.fit: "usl" fits throughput against run.cores, so that axis must be the rows, not lock`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}
