package validate

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"

	"cohsim/internal/config"
)

// Free is a key that calibration may move.
type Free struct {
	Key     string // as free_keys names it: fabric.near.data_ns
	Integer bool
	Lo, Hi  float64 // what the key may be
	Start   float64
	Value   float64 // fitted, rounded as it is written
	// Sensitivity is how the rows move when the key grows by 15 %: the root
	// mean square of the logarithms, and the row that moves most.
	Sensitivity float64
	MostMoved   *Result
	MostBy      float64
}

// Fit is what calibration found.
type Fit struct {
	Free    []Free
	Results []Result    // of the fitted machine, calibrate rows only
	Aborted []Uncovered // rows that were left out, because they abort on the machine as it is
	Later   []Uncovered // rows that abort with the fitted values, but not on the machine as it was
	Turned  []string    // ids of rows that aborted in a trial, which the fit turned back from
	Runs    int         // rows simulated
	Before  float64     // root mean square of the errors' logarithms
	After   float64
}

// CalibrateOptions tune a calibration.
type CalibrateOptions struct {
	Options
	Steps int // of the method, each as many simulations of the rows as there are keys; 0 is 8
}

// Calibrate fits the free keys of a machine to the calibrate rows among points:
// it minimises the sum of the squared logarithms of simulated over measured in
// the logarithms of the keys, with the same seeds for every trial. Rows for validation are never run.
func Calibrate(ctx context.Context, m Machine, points []Point, opt CalibrateOptions) (*Fit, error) {
	rows := slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !p.Calibrate || p.Machine != m.Name })
	if len(rows) == 0 {
		return nil, fmt.Errorf("no point for calibrate names the machine %q; %s", m.Name, Named(points))
	}
	plan, err := NewPlan(rows, []Machine{m}, opt.Seeds)
	if err != nil {
		return nil, err
	}
	if len(plan.Uncovered) > 0 {
		return nil, fmt.Errorf("%s: %s", plan.Uncovered[0].ID, plan.Uncovered[0].Why)
	}
	cfg := plan.cases[0].exp.Points[0].Config.Machine
	fit := &Fit{}
	keys := config.Keys("", &cfg)
	for _, name := range cfg.Free {
		f, err := freeKey(name, keys)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(fit.Free, func(g Free) bool { return g.Key == name }) {
			return nil, fmt.Errorf("free_keys: %q stands there twice", name)
		}
		fit.Free = append(fit.Free, f)
	}
	if len(fit.Free) == 0 {
		return nil, fmt.Errorf("the machine %q declares no key free: list what may be fitted as free_keys = [\"fabric.near.data_ns\"]", m.Name)
	}
	t := &trials{ctx: ctx, machine: m, rows: rows, opt: opt, free: fit.Free, known: make([]map[string]Result, len(rows)), moves: make([][]bool, len(rows))}
	for i := range rows {
		t.known[i], t.moves[i] = map[string]Result{}, make([]bool, len(fit.Free))
	}
	at := make([]float64, len(fit.Free))
	for i, f := range fit.Free {
		at[i] = math.Log(f.Start)
	}
	before, err := t.run(at)
	if err != nil {
		return nil, err
	}
	if fit.Aborted = t.aborted; len(fit.Aborted) > 0 {
		if before = t.leaveOut(before); len(before) == 0 {
			return nil, fmt.Errorf("every point for calibrate of the machine %q aborts; the first, %s: %s", m.Name, fit.Aborted[0].ID, fit.Aborted[0].Why)
		}
	}
	fit.Before = rms(before)
	if err := t.explore(at); err != nil {
		return nil, err
	}
	limit := opt.Steps
	if limit == 0 {
		limit = 8
	}
	if at, err = t.minimise(at, limit); err != nil {
		return nil, err
	}
	if fit.Results, err = t.run(at); err != nil {
		return nil, err
	}
	fit.After = rms(fit.Results)
	fit.later(t)
	for i := range fit.Free {
		fit.Free[i].Value = fit.Free[i].round(math.Exp(at[i]))
		if err := t.sensitivity(fit, i, at); err != nil {
			return nil, err
		}
	}
	fit.Runs = t.runs
	return fit, nil
}

// freeKey looks a key up among the machine's.
func freeKey(name string, keys []config.Key) (Free, error) {
	i := slices.IndexFunc(keys, func(k config.Key) bool { return k.Path == name })
	if i < 0 {
		var numbers []string
		for _, k := range keys {
			if k.Type == "number" || k.Type == "integer" {
				numbers = append(numbers, k.Path)
			}
		}
		return Free{}, fmt.Errorf("free_keys: a machine has no key %q%s", name, meant(name, numbers))
	}
	k := keys[i]
	f := Free{Key: name, Integer: k.Type == "integer", Lo: 0, Hi: math.Inf(1)}
	if k.Type != "number" && !f.Integer {
		return f, fmt.Errorf("free_keys: %s is %s; only numbers can be fitted", name, k.Type)
	}
	if k.Min != "" {
		f.Lo, _ = strconv.ParseFloat(k.Min, 64) // tags of ours
	}
	if k.Max != "" {
		f.Hi, _ = strconv.ParseFloat(k.Max, 64)
	}
	f.Start, _ = strconv.ParseFloat(strings.ReplaceAll(k.Default, "_", ""), 64)
	if f.Start <= 0 {
		return f, fmt.Errorf("free_keys: %s is %s; a fit moves the logarithm of a key, so it has to start above 0", name, k.Default)
	}
	return f, nil
}

// round is a value as a machine file has it: three digits, or a whole number.
func (f *Free) round(v float64) float64 {
	v = min(max(v, f.Lo), f.Hi)
	if f.Integer {
		return math.Round(v)
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	return r
}

// Text is the fitted value as TOML writes it.
func (f *Free) Text() string {
	if f.Integer {
		return strconv.FormatFloat(f.Value, 'f', 0, 64)
	}
	return tomlValue(f.Value)
}

// trials simulates the rows for values of the free keys, and remembers what it
// simulated by the values of those keys that the row moves with.
type trials struct {
	ctx     context.Context
	machine Machine
	rows    []Point
	opt     CalibrateOptions
	free    []Free
	known   []map[string]Result // by row
	moves   [][]bool            // by row and key: the row moves with the key
	all     bool                // exploring: every key may matter
	aborted []Uncovered         // rows that did, in any trial
	runs    int                 // simulated rows
}

// run is every row; subset of them if any are given.
func (t *trials) run(logs []float64, subset ...int) ([]Result, error) {
	if len(subset) == 0 {
		for i := range t.rows {
			subset = append(subset, i)
		}
	}
	m := t.machine
	m.Set = slices.Clone(m.Set)
	for i, f := range t.free {
		f.Value = f.round(math.Exp(logs[i]))
		m.Set = append(m.Set, "machine."+f.Key+"="+f.Text())
	}
	keys := m.Set[len(t.machine.Set):]
	var todo []Point
	var which []int
	for _, r := range subset {
		if _, ok := t.known[r][t.key(r, keys)]; !ok {
			todo, which = append(todo, t.rows[r]), append(which, r)
		}
	}
	if len(todo) > 0 {
		plan, err := NewPlan(todo, []Machine{m}, t.opt.Seeds)
		if err != nil {
			return nil, err
		}
		rs, missing, err := plan.Run(t.ctx, t.opt.Options)
		if err != nil {
			return nil, err
		}
		for _, u := range missing {
			if !u.Aborted {
				return nil, fmt.Errorf("%s: %s", u.ID, u.Why)
			}
			t.aborted = append(t.aborted, u)
		}
		t.runs += len(todo)
		for _, r := range which {
			p := &t.rows[r]
			res := Result{p, p.Value * offByAbort, p.Value * offByAbort, p.Value * offByAbort}
			if len(rs) > 0 && rs[0].ID == p.ID {
				res, rs = rs[0], rs[1:]
				res.Point = p
			}
			t.known[r][t.key(r, keys)] = res
		}
	}
	var out []Result
	for _, r := range subset {
		out = append(out, t.known[r][t.key(r, keys)])
	}
	return out, nil
}

// later tells the rows that abort with the fitted values from those that aborted in a
// trial on the way.
func (fit *Fit) later(t *trials) {
	for _, u := range t.aborted[len(fit.Aborted):] {
		i := slices.IndexFunc(fit.Results, func(r Result) bool { return r.ID == u.ID })
		switch {
		case fit.Results[i].Sim != u.Value*offByAbort:
			if !slices.Contains(fit.Turned, u.ID) {
				fit.Turned = append(fit.Turned, u.ID)
			}
		case !slices.ContainsFunc(fit.Later, func(l Uncovered) bool { return l.ID == u.ID }):
			fit.Later = append(fit.Later, u)
		}
	}
}

// offByAbort is by how much a row that aborts in a trial is taken to be off, so that
// the fit turns back from there.
const offByAbort = 10

// leaveOut takes the rows that aborted in the only trial so far out of the fit, and
// returns the results of the others.
func (t *trials) leaveOut(rs []Result) (left []Result) {
	var rows []Point
	for i := range rs {
		if !slices.ContainsFunc(t.aborted, func(u Uncovered) bool { return u.ID == rs[i].ID }) {
			rows, left = append(rows, t.rows[i]), append(left, rs[i])
		}
	}
	t.rows, t.known, t.moves = rows, t.known[:len(rows)], t.moves[:len(rows)]
	for i := range rows {
		left[i].Point = &rows[i]
		t.known[i] = map[string]Result{}
	}
	return left
}

// key is what a row's result depends on.
func (t *trials) key(row int, keys []string) string {
	if t.all {
		return strings.Join(keys, " ")
	}
	var of []string
	for i, moves := range t.moves[row] {
		if moves {
			of = append(of, keys[i])
		}
	}
	return strings.Join(of, " ")
}

// explore finds out which rows move with which keys.
func (t *trials) explore(at []float64) error {
	base, err := t.run(at)
	if err != nil {
		return err
	}
	t.all = true
	for i := range t.free {
		rs, err := t.run(t.stepped(at, i))
		if err != nil {
			return err
		}
		for r := range rs {
			t.moves[r][i] = rs[r].Sim != base[r].Sim || rs[r].Min != base[r].Min || rs[r].Max != base[r].Max
		}
	}
	t.all = false
	for r := range t.known {
		t.known[r] = map[string]Result{} // keyed by all keys until now
	}
	return nil
}

// stepShare is the step of finite differences: large enough that a delay of a few
// ns changes by a cycle.
const stepShare = 0.15

// stepped is at with one key that much larger, a whole one by at least 1.
func (t *trials) stepped(at []float64, i int) []float64 {
	f := &t.free[i]
	v := f.round(math.Exp(at[i]))
	step := v * stepShare
	if f.Integer {
		step = max(step, 1)
	}
	x := slices.Clone(at)
	x[i] = math.Log(f.round(v + step))
	return x
}

// minimise is the method of Gauss and Newton: the rows' logarithms are nearly
// linear in those of the keys, so a few steps do, where a simplex over as many
// keys would simulate everything hundreds of times. The derivatives are finite
// differences; what they cannot tell apart is kept where it is by a small damping.
func (t *trials) minimise(at []float64, steps int) ([]float64, error) {
	var failed error
	keep := func(err error) bool {
		if err != nil && failed == nil {
			failed = err
		}
		return failed == nil
	}
	residuals := func(x []float64) []float64 {
		rs, err := t.run(x)
		if !keep(err) {
			return make([]float64, len(t.rows))
		}
		out := make([]float64, len(rs))
		for i := range rs {
			out[i] = math.Log(rs[i].Sim / rs[i].Value)
		}
		return out
	}
	jacobian := func(x []float64) *mat.Dense {
		j := mat.NewDense(len(t.rows), len(x), nil)
		base := residuals(x)
		for k := range x {
			y := t.stepped(x, k)
			for r, v := range residuals(y) {
				if d := y[k] - x[k]; d != 0 {
					j.Set(r, k, (v-base[r])/d)
				}
			}
		}
		return j
	}
	problem := optimize.Problem{
		Func: func(x []float64) float64 {
			sum := 0.0
			for _, r := range residuals(x) {
				sum += r * r / 2
			}
			return sum
		},
		Grad: func(grad, x []float64) {
			g := mat.NewVecDense(len(x), grad)
			g.MulVec(jacobian(x).T(), mat.NewVecDense(len(t.rows), residuals(x)))
		},
		Hess: func(hess *mat.SymDense, x []float64) {
			j := jacobian(x)
			hess.SymOuterK(1, j.T())
			for k := range x {
				hess.SetSym(k, k, hess.At(k, k)+damping)
			}
		},
		Status: func() (optimize.Status, error) {
			if failed != nil {
				return optimize.Failure, failed
			}
			return optimize.NotTerminated, nil
		},
	}
	res, err := optimize.Minimize(problem, at, &optimize.Settings{
		MajorIterations: steps,
		Converger:       &optimize.FunctionConverge{Absolute: 1e-5, Iterations: 2},
	}, &optimize.Newton{Linesearcher: &optimize.Backtracking{}})
	switch {
	case failed != nil:
		return nil, failed
	case res == nil:
		return nil, err
	}
	return res.X, nil // a line search that finds nothing better has arrived
}

// damping is the curvature that a key has of its own. A row that moves by as
// much as its key has curvature 1.
const damping = 0.01

// sensitivity is how the rows move with a key.
func (t *trials) sensitivity(fit *Fit, i int, at []float64) error {
	f := &fit.Free[i]
	rs, err := t.run(t.stepped(at, i))
	if err != nil {
		return err
	}
	for k := range rs {
		d := math.Log(rs[k].Sim / fit.Results[k].Sim)
		f.Sensitivity += d * d / float64(len(rs))
		if math.Abs(d) > math.Abs(f.MostBy) {
			f.MostBy, f.MostMoved = d, &fit.Results[k]
		}
	}
	f.Sensitivity = math.Sqrt(f.Sensitivity)
	return nil
}

// rms is the root mean square of ln(simulated/measured).
func rms(rs []Result) float64 {
	sum := 0.0
	for i := range rs {
		d := math.Log(rs[i].Sim / rs[i].Value)
		sum += d * d
	}
	return math.Sqrt(sum / float64(len(rs)))
}
