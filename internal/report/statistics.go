package report

import (
	"fmt"
	"math"
	"math/big"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"cohsim/internal/stats"
)

// estimate is what several seeds say of one number: lo and hi are the ends of
// the interval that the spec asks for, missing with fewer than two seeds.
type estimate struct{ center, lo, hi stats.Value }

// seedValues are the metric's values at a point, one per seed that has one.
func (b *builder) seedValues(p point, metric string) []stats.Value {
	return known(b.cells[b.key(p)].values(metric))
}

// estimate summarizes a metric at a point as the spec says.
func (s *Spec) estimate(values []stats.Value) estimate {
	if len(values) == 0 {
		return estimate{}
	}
	v := slices.Clone(values)
	slices.SortFunc(v, func(a, b stats.Value) int { return a.Rat().Cmp(b.Rat()) })
	e := estimate{center: median(v)}
	if s.Statistic == "mean" {
		e.center = mean(v)
	}
	switch {
	case len(v) == 1:
	case s.Interval == "ci95":
		half := tQuantile(len(v)-1) * stat.StdErr(stat.StdDev(floats(v), nil), float64(len(v)))
		m, _ := e.center.Float64()
		e.lo, e.hi = fromFloat(m-half), fromFloat(m+half)
	default:
		e.lo, e.hi = v[0], v[len(v)-1]
	}
	return e
}

// center is the median of the values that are there.
func center(values []stats.Value) stats.Value {
	s := NewSpec()
	return s.estimate(known(values)).center
}

// known leaves missing values out.
func known(values []stats.Value) []stats.Value {
	return slices.DeleteFunc(slices.Clone(values), stats.Value.IsMissing)
}

// ratio compares two estimates. The range is that of the ratios seed by seed; the
// confidence interval is Welch's, of the logarithms.
func (s *Spec) ratio(values, base []stats.Value) estimate {
	e := estimate{center: quotient(s.estimate(values).center, s.estimate(base).center)}
	if len(values) < 2 || len(base) < 2 || e.center.IsMissing() {
		return e
	}
	if s.Interval == "ci95" {
		a, okA := logs(values)
		b, okB := logs(base)
		if !okA || !okB {
			return e
		}
		va, vb := stat.Variance(a, nil)/float64(len(a)), stat.Variance(b, nil)/float64(len(b))
		at, half := stat.Mean(a, nil)-stat.Mean(b, nil), 0.0
		if va+vb > 0 {
			df := (va + vb) * (va + vb) / (va*va/float64(len(a)-1) + vb*vb/float64(len(b)-1))
			half = tQuantile(df) * math.Sqrt(va+vb)
		}
		e.lo, e.hi = fromFloat(math.Exp(at-half)), fromFloat(math.Exp(at+half))
		return e
	}
	if len(values) != len(base) {
		return e
	}
	for i := range values {
		q := quotient(values[i], base[i])
		if q.IsMissing() {
			return estimate{center: e.center}
		}
		if i == 0 || q.Rat().Cmp(e.lo.Rat()) < 0 {
			e.lo = q
		}
		if i == 0 || q.Rat().Cmp(e.hi.Rat()) > 0 {
			e.hi = q
		}
	}
	return e
}

// intervalName heads the columns of intervals.
func (s *Spec) intervalName() string {
	if s.Interval == "ci95" {
		return "95 %"
	}
	return "min..max"
}

// median of sorted values.
func median(v []stats.Value) stats.Value {
	mid := v[len(v)/2]
	if len(v)%2 == 0 {
		sum := v[len(v)/2-1].Rat()
		mid = stats.Rat(half(sum.Add(sum, mid.Rat())))
	}
	return mid
}

func mean(v []stats.Value) stats.Value {
	sum := new(big.Rat)
	for _, x := range v {
		sum.Add(sum, x.Rat())
	}
	return stats.Rat(sum.Quo(sum, big.NewRat(int64(len(v)), 1)))
}

// geomean is the geometric mean, missing if a value is missing or not above 0.
func geomean(v []stats.Value) stats.Value {
	l, ok := logs(v)
	if !ok || len(l) == 0 {
		return stats.Missing
	}
	return fromFloat(math.Exp(stat.Mean(l, nil)))
}

// tQuantile bounds 95 % of Student's t with so many degrees of freedom.
func tQuantile[N int | float64](df N) float64 {
	return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(df)}.Quantile(0.975)
}

func logs(v []stats.Value) (out []float64, ok bool) {
	for _, x := range v {
		f, known := x.Float64()
		if !known || f <= 0 {
			return nil, false
		}
		out = append(out, math.Log(f))
	}
	return out, true
}

// fromFloat is a computed number; what is no number is missing.
func fromFloat(f float64) stats.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return stats.Missing
	}
	return stats.Rat(new(big.Rat).SetFloat64(f))
}

// method says how a table's numbers come from seeds, "" if there is nothing to say
// that the provenance does not.
func (s *Spec) method(seeds int) string {
	switch {
	case seeds < 2 || s.Statistic != "mean":
		return ""
	case s.Interval == "ci95":
		return fmt.Sprintf("Means of %d seeds with 95 %% confidence intervals (Student's t; of ratios, Welch's of the logarithms).", seeds)
	}
	return fmt.Sprintf("Means of %d seeds.", seeds)
}
