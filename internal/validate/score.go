package validate

import (
	"math"
	"slices"
)

// Err is |ln(simulated/measured)|, 0 inside the measured noise range.
func (r *Result) Err() float64 {
	if r.Sim >= r.Lo && r.Sim <= r.Hi {
		return 0
	}
	return math.Abs(math.Log(r.Sim / r.Value))
}

// Family is a group of points that fail for similar reasons.
type Family string

// The families, in the order of tables.
const (
	Latency    Family = "latency"   // one operation at a time
	Throughput Family = "two cores" // two threads, as fast as they can
	Sweep      Family = "sweep"     // two threads with think time between operations
	Scaling    Family = "N-scaling" // three threads and more
	VMA        Family = "VMA"       // the words of the per-VMA lock
	All        Family = "all"       // every row for validation
	Fitted     Family = "calibrate" // every row for calibration
)

var families = []Family{Latency, Throughput, Sweep, Scaling, VMA}

// Family of a point.
func (p *Point) Family() Family {
	threads := int64(benchOf(p.Workload).threads)
	if n, ok := p.Get("threads").(int64); ok {
		threads = n
	}
	think, _ := p.Get("think_imul").(int64)
	switch p.Workload {
	case "chase", "uncontended", "line_state", "pingpong", "alternate":
		return Latency
	case "vma_pairs", "vma_pairs_vs_seq_writer":
		if threads <= 2 {
			return VMA
		}
	}
	switch {
	case threads == 1:
		return Latency
	case threads > 2:
		return Scaling
	case think > 0:
		return Sweep
	}
	return Throughput
}

// Score sums up a set of results. Errors are logarithms: math.Expm1 makes them
// the share of a factor.
type Score struct {
	Points         int
	Mean, P90, Max float64
	Tau            float64 // Kendall's tau-b of the ranking, NaN if there is nothing to rank
	Worst          *Result // nil without points
}

// score judges results. P90 is the smallest error that 90 % of points do not exceed.
func score(rs []*Result) Score {
	s := Score{Points: len(rs), Tau: math.NaN()}
	if len(rs) == 0 {
		return s
	}
	var errs []float64
	for _, r := range rs {
		e := r.Err()
		errs = append(errs, e)
		s.Mean += e / float64(len(rs))
		if s.Worst == nil || e > s.Max {
			s.Max, s.Worst = e, r
		}
	}
	slices.Sort(errs)
	s.P90 = errs[(len(errs)*9+9)/10-1]
	s.Tau = tau(rs)
	return s
}

// tau is Kendall's tau-b over all pairs that can be compared: of one machine and
// one metric.
func tau(rs []*Result) float64 {
	agree, simPairs, hwPairs := 0.0, 0.0, 0.0
	for i, a := range rs {
		for _, b := range rs[:i] {
			if a.Machine != b.Machine || a.Metric.Name != b.Metric.Name {
				continue
			}
			x, y := sign(a.Sim-b.Sim), sign(a.Value-b.Value)
			agree += x * y
			simPairs += x * x
			hwPairs += y * y
		}
	}
	if simPairs == 0 || hwPairs == 0 {
		return math.NaN()
	}
	return agree / math.Sqrt(simPairs*hwPairs)
}

func sign(f float64) float64 {
	switch {
	case f > 0:
		return 1
	case f < 0:
		return -1
	}
	return 0
}

// Report is everything that validation says.
type Report struct {
	Results   []Result
	Uncovered []Uncovered // never run
	Aborted   []Uncovered
	Machines  []string // with results, in the order of the points
	Claims    []Verdict
	Targets   []Target
	Free      map[string]int // free keys of each machine
}

// Judge derives everything from results. free is how many keys of each machine
// are fitted.
func Judge(results []Result, uncovered []Uncovered, free map[string]int) *Report {
	rep := &Report{Results: results, Free: free}
	for _, u := range uncovered {
		if u.Aborted {
			rep.Aborted = append(rep.Aborted, u)
		} else {
			rep.Uncovered = append(rep.Uncovered, u)
		}
	}
	for i := range results {
		if m := results[i].Machine; !slices.Contains(rep.Machines, m) {
			rep.Machines = append(rep.Machines, m)
		}
	}
	rep.Claims = judgeClaims(results)
	rep.Targets = rep.targets()
	return rep
}

// Score of a family on a machine; an empty machine is all of them.
func (rep *Report) Score(machine string, f Family) Score {
	var rs []*Result
	for i := range rep.Results {
		r := &rep.Results[i]
		if machine != "" && r.Machine != machine {
			continue
		}
		switch {
		case f == Fitted && r.Calibrate, f == All && !r.Calibrate, !r.Calibrate && r.Family() == f:
			rs = append(rs, r)
		}
	}
	return score(rs)
}

// perMachine is the average of a figure over the machines that have one.
func (rep *Report) perMachine(f Family, figure func(Score) float64) float64 {
	sum, n := 0.0, 0
	for _, m := range rep.Machines {
		if s := rep.Score(m, f); s.Points > 0 {
			sum += figure(s)
			n++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	return sum / float64(n)
}
