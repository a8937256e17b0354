package validate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

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
	// Sensitivity is how the rows move when the key grows by a tenth: the root
	// mean square of the logarithms, and the row that moves most.
	Sensitivity float64
	MostMoved   *Result
	MostBy      float64
}

// Fit is what calibration found.
type Fit struct {
	Free    []Free
	Results []Result // of the fitted machine, calibrate rows only
	Runs    int      // how often all rows were simulated
	Before  float64  // root mean square of the errors' logarithms
	After   float64
}

// CalibrateOptions tune a calibration.
type CalibrateOptions struct {
	Options
	// MaxRuns bounds how often all rows are simulated; 0 is 60 a free key.
	MaxRuns int
}

// Calibrate fits the free keys of a machine to the calibrate rows among points:
// it minimises the sum of the squared logarithms of simulated over measured, by
// the method of Nelder and Mead on the logarithms of the keys, with the same seeds
// for every trial. Rows for validation are never run.
func Calibrate(ctx context.Context, m Machine, points []Point, opt CalibrateOptions) (*Fit, error) {
	rows := slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !p.Calibrate || p.Machine != m.Name })
	if len(rows) == 0 {
		return nil, fmt.Errorf("no point for calibrate names the machine %q", m.Name)
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
	t := trials{ctx: ctx, machine: m, rows: rows, opt: opt, free: fit.Free, known: map[string][]Result{}}
	start := make([]float64, len(fit.Free))
	for i, f := range fit.Free {
		start[i] = math.Log(f.Start)
	}
	before, err := t.run(start)
	if err != nil {
		return nil, err
	}
	fit.Before = rms(before)
	limit := opt.MaxRuns
	if limit == 0 {
		limit = 60 * len(fit.Free)
	}
	best, err := t.minimise(start, limit)
	if err != nil {
		return nil, err
	}
	if fit.Results, err = t.run(best); err != nil {
		return nil, err
	}
	fit.After = rms(fit.Results)
	for i := range fit.Free {
		f := &fit.Free[i]
		f.Value = f.round(math.Exp(best[i]))
		if err := t.sensitivity(fit, i, best); err != nil {
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

// trials simulates the rows for values of the free keys, each set once.
type trials struct {
	ctx     context.Context
	machine Machine
	rows    []Point
	opt     CalibrateOptions
	free    []Free
	known   map[string][]Result
	runs    int
}

var errEnough = errors.New("enough")

func (t *trials) run(logs []float64) ([]Result, error) {
	m := t.machine
	m.Set = slices.Clone(m.Set)
	for i, f := range t.free {
		f.Value = f.round(math.Exp(logs[i]))
		m.Set = append(m.Set, "machine."+f.Key+"="+f.Text())
	}
	key := strings.Join(m.Set, " ")
	if rs, ok := t.known[key]; ok {
		return rs, nil
	}
	plan, err := NewPlan(t.rows, []Machine{m}, t.opt.Seeds)
	if err != nil {
		return nil, err
	}
	rs, missing, err := plan.Run(t.ctx, t.opt.Options)
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%s: %s", missing[0].ID, missing[0].Why)
	}
	if err != nil {
		return nil, err
	}
	t.runs++
	t.known[key] = rs
	return rs, nil
}

// minimise starts the simplex again where it ended, until that gains nothing:
// the objective has steps, on which a simplex may collapse too early.
func (t *trials) minimise(start []float64, limit int) ([]float64, error) {
	best, low := start, math.Inf(1)
	for size := 0.2; ; size /= 2 {
		var failed error
		problem := optimize.Problem{
			Func: func(x []float64) float64 {
				rs, err := t.run(x)
				if err != nil {
					failed = err
					return math.Inf(1)
				}
				return rms(rs)
			},
			Status: func() (optimize.Status, error) {
				if failed != nil {
					return optimize.Failure, failed
				}
				if t.runs >= limit {
					return optimize.Failure, errEnough
				}
				return optimize.NotTerminated, nil
			},
		}
		res, err := optimize.Minimize(problem, best, &optimize.Settings{
			FuncEvaluations: 4 * limit, // those that are known already cost nothing
			Converger:       &optimize.FunctionConverge{Absolute: 1e-4, Iterations: 12 * len(start)},
		}, &optimize.NelderMead{SimplexSize: size})
		if failed != nil {
			return nil, failed
		}
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
		gain := low - res.F
		if res.F < low {
			best, low = res.X, res.F
		}
		if gain < 1e-3 && size < 0.1 || t.runs >= limit {
			return best, nil
		}
	}
}

// sensitivity moves one key by a tenth (a whole one by at least 1).
func (t *trials) sensitivity(fit *Fit, i int, best []float64) error {
	f := &fit.Free[i]
	x := slices.Clone(best)
	x[i] = math.Log(f.round(max(f.Value*1.1, f.Value+boolTo(f.Integer))))
	rs, err := t.run(x)
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

func boolTo(b bool) float64 {
	if b {
		return 1
	}
	return 0
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
