package report

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"cohsim/internal/stats"
)

// USL is Gunther's Universal Scalability Law, fitted to throughput X over N:
//
//	X(N) = Lambda N / (1 + Sigma (N-1) + Kappa N (N-1))
//
// Sigma is the share that is serial (contention), Kappa the cost of agreeing with
// each other (coherency), which makes throughput fall beyond the peak.
type USL struct {
	Lambda       float64   // throughput of one core
	Sigma, Kappa float64   // both at least 0
	R2           float64   // share of the variance that the law explains; can be below 0
	Residuals    []float64 // (measured - law) / measured, in the order of the points
}

// At is the throughput that the law gives.
func (u *USL) At(n float64) float64 {
	return u.Lambda * n / (1 + u.Sigma*(n-1) + u.Kappa*n*(n-1))
}

// Peak is the number of cores with the highest throughput; +Inf if it never falls.
func (u *USL) Peak() float64 {
	switch {
	case u.Kappa > 0:
		return math.Max(1, math.Sqrt(math.Max(0, 1-u.Sigma)/u.Kappa))
	case u.Sigma > 1:
		return 1
	}
	return math.Inf(1)
}

// FitUSL fits the law to at least three points of distinct n >= 1 and x > 0, by
// least squares of the relative error of N/X, which is linear in the parameters.
// Parameters below 0 mean nothing, so the best fit without them is taken.
func FitUSL(n, x []float64) (*USL, error) {
	distinct := map[float64]bool{}
	for i := range n {
		if n[i] < 1 || !(x[i] > 0) {
			return nil, fmt.Errorf("a throughput of %g at %g cores cannot be fitted", x[i], n[i])
		}
		distinct[n[i]] = true
	}
	if len(distinct) < 3 {
		return nil, errors.New("three numbers of cores are the least that can be fitted")
	}
	// X/N (a + b (N-1) + c N (N-1)) = 1, with a = 1/Lambda, b = Sigma a, c = Kappa a.
	best, bestErr := []float64(nil), math.Inf(1)
	for _, use := range [][]int{{0, 1, 2}, {0, 1}, {0, 2}, {0}} {
		a := mat.NewDense(len(n), len(use), nil)
		one := mat.NewVecDense(len(n), nil)
		for i := range n {
			terms := [3]float64{1, n[i] - 1, n[i] * (n[i] - 1)}
			for k, j := range use {
				a.Set(i, k, x[i]/n[i]*terms[j])
			}
			one.SetVec(i, 1)
		}
		var p mat.VecDense
		if p.SolveVec(a, one) != nil {
			continue
		}
		full, sound := make([]float64, 3), true
		for k, j := range use {
			full[j] = p.AtVec(k)
			sound = sound && full[j] >= 0
		}
		var r mat.VecDense
		r.MulVec(a, &p)
		r.SubVec(&r, one)
		if e := mat.Norm(&r, 2); sound && full[0] > 0 && e < bestErr {
			best, bestErr = full, e
		}
	}
	if best == nil {
		return nil, errors.New("no law fits")
	}
	u := &USL{Lambda: 1 / best[0], Sigma: best[1] / best[0], Kappa: best[2] / best[0]}
	law := make([]float64, len(n))
	for i := range n {
		law[i] = u.At(n[i])
		u.Residuals = append(u.Residuals, (x[i]-law[i])/x[i])
	}
	u.R2 = stat.RSquaredFrom(law, x, nil)
	return u, nil
}

// usl makes the tables of a fit: the parameters of every column, and what they
// leave unexplained, row by row.
func (v *view) usl(metric string) []Table {
	fit := Table{
		Title: v.title([]string{metric}) + " · Universal Scalability Law",
		Columns: []Column{{Name: "series"}, {Name: "one core", Unit: v.b.units[metric]}, {Name: "contention", Fixed: true, Decimals: 4},
			{Name: "coherency", Fixed: true, Decimals: 6}, {Name: "peak cores", Fixed: true, Decimals: 1}, {Name: "R²", Fixed: true, Decimals: 3}, {Name: "worst %", Fixed: true, Decimals: 1}},
		Notes: []string{"throughput(N) = one core × N / (1 + contention (N-1) + coherency N (N-1)); worst: largest residual, in percent of the simulated value. No peak: it never falls."},
	}
	left := Table{Title: v.title([]string{metric}) + " · residuals in percent", Columns: []Column{{Name: v.rows, Right: true}}}
	rows := map[string][]Cell{}
	for _, c := range v.columns {
		name := c[len(v.fixed):].label(false)
		if name == "" {
			name = metric
		}
		var n, x []float64
		var at []Scalar
		for _, r := range v.b.values[v.rows] {
			e := v.spec.estimate(v.b.seedValues(c.with(v.rows, r), metric))
			value, ok := e.center.Float64()
			cores, err := stats.ParseValue(r.String())
			if f, _ := cores.Float64(); ok && err == nil {
				n, x, at = append(n, f), append(x, value), append(at, r)
			}
		}
		u, err := FitUSL(n, x)
		if err != nil {
			fit.Rows = append(fit.Rows, []Cell{Str(name), Num(stats.Missing), Num(stats.Missing), Num(stats.Missing), Num(stats.Missing), Num(stats.Missing), Num(stats.Missing)})
			fit.Notes = append(fit.Notes, name+": "+err.Error()+".")
			continue
		}
		if few := "Three values for three parameters: R² and residuals say little of the law then."; len(n) == 3 && !slices.Contains(fit.Notes, few) {
			fit.Notes = append(fit.Notes, few)
		}
		worst := 0.0
		left.Columns = append(left.Columns, Column{Name: name, Fixed: true, Decimals: 1})
		for i, r := range u.Residuals {
			worst = max(worst, math.Abs(r))
			key := at[i].String()
			for len(rows[key]) < len(left.Columns)-2 {
				rows[key] = append(rows[key], Num(stats.Missing))
			}
			rows[key] = append(rows[key], Num(percentOf(r)))
		}
		fit.Rows = append(fit.Rows, []Cell{Str(name), Num(fromFloat(u.Lambda)), Num(fromFloat(u.Sigma)), Num(fromFloat(u.Kappa)), Num(fromFloat(u.Peak())), Num(fromFloat(u.R2)), Num(percentOf(worst))})
	}
	for _, r := range v.b.values[v.rows] {
		if row := rows[r.String()]; row != nil {
			for len(row) < len(left.Columns)-1 {
				row = append(row, Num(stats.Missing))
			}
			left.Rows = append(left.Rows, append([]Cell{Str(r.String())}, row...))
		}
	}
	if len(left.Rows) == 0 {
		return []Table{fit}
	}
	return []Table{fit, left}
}

// percentOf is a share in percent, to a hundredth: beyond that a fit says nothing.
func percentOf(share float64) stats.Value {
	if math.IsNaN(share) || math.IsInf(share, 0) {
		return stats.Missing
	}
	return stats.Rat(big.NewRat(int64(math.Round(share*10000)), 100))
}
