package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cohsim/internal/experiment"
	"cohsim/internal/machine"
	"cohsim/internal/report"
	"cohsim/internal/sweep"
)

// fought is what c2c knows of an experiment, as a directory keeps it.
type fought struct {
	Schema     string   `json:"schema"`
	Engine     int      `json:"engine"`
	Name       string   `json:"name"`
	ConfigHash string   `json:"config_hash"`
	Points     []*fight `json:"points"`
}

// fight is what the seeds of one point have together.
type fight struct {
	Point  []report.Axis        `json:"point"`
	Ops    uint64               `json:"ops"`    // completed in the measured span
	Cycles uint64               `json:"cycles"` // of all cores in it
	Lines  []machine.LineReport `json:"lines"`  // contended, most costly first
}

const (
	foughtSchema = "cohsim.c2c/v1"
	foughtSuffix = ".c2c.json"
)

// foughtIn adds up the runs of each point. Lines have the same addresses in all of
// them, because a workload places its objects in a fixed order.
func foughtIn(exp *experiment.Experiment, details []experiment.PointResult) *fought {
	k := &fought{Schema: foughtSchema, Engine: machine.Engine, Name: exp.Name, ConfigHash: exp.Hash()}
	for i := range details {
		d := &details[i]
		if i == 0 || details[i-1].Point != d.Point {
			k.Points = append(k.Points, &fight{Point: experiment.Axes(d.Point)})
		}
		f := k.Points[len(k.Points)-1]
		f.Ops += d.Ops
		f.Cycles += d.Cycles
		f.Lines = machine.MergeLines(f.Lines, d.Lines)
	}
	return k
}

// title is "run.cores=4 lock=mmap_lock".
func title(point []report.Axis) string {
	var parts []string
	for _, a := range point {
		v := a.Value.String()
		if strings.Contains(v, " ") {
			v = fmt.Sprintf("%q", v)
		}
		parts = append(parts, a.Name+"="+v)
	}
	return strings.Join(parts, " ")
}

// axes are the names of the axes, each with its values.
func (k *fought) axes() ([]string, map[string][]report.Scalar) {
	var points [][]report.Axis
	for _, f := range k.Points {
		points = append(points, f.Point)
	}
	return axesOf(points)
}

func axesOf(points [][]report.Axis) ([]string, map[string][]report.Scalar) {
	var d report.Document
	for _, p := range points {
		d.Records = append(d.Records, report.Record{Point: p})
	}
	return d.Axes()
}

// last tells of a point whether it stands last on every axis of numbers.
func last(values map[string][]report.Scalar) func(point []report.Axis) bool {
	return func(point []report.Axis) bool {
		return !slices.ContainsFunc(point, func(a report.Axis) bool {
			all := values[a.Name]
			return a.Value.IsNumber() && a.Value != all[len(all)-1]
		})
	}
}

// write keeps it in a directory.
func (k *fought) write(dir string) error {
	text, err := json.Marshal(k)
	if err == nil {
		err = os.MkdirAll(dir, 0o777)
	}
	if err != nil {
		return err
	}
	return sweep.WriteFile(filepath.Join(dir, k.Name+foughtSuffix), append(text, '\n'))
}

// readFought reads what a directory keeps, as far as choices ask for it.
func readFought(dir string, choices []string) (*fought, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+foughtSuffix))
	if err != nil {
		return nil, &ioError{err}
	}
	switch len(files) {
	case 0:
		return nil, notFought(dir)
	case 1:
	default:
		return nil, usage("%s has what c2c knows of several experiments: %s; keep each in a directory of its own", dir, strings.Join(files, ", "))
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return nil, &ioError{err}
	}
	k := &fought{}
	if err := json.Unmarshal(text, k); err != nil {
		return nil, usage("%s is not what c2c --out writes: %v", files[0], err)
	}
	if k.Schema != foughtSchema {
		return nil, usage("%s is not what c2c --out writes: its schema is %q, not %q", files[0], k.Schema, foughtSchema)
	}
	plans, err := experiment.Plans(dir)
	if err != nil {
		return nil, usage("%v", err)
	}
	for _, p := range plans {
		if p.Name == k.Name && (p.ConfigHash != k.ConfigHash || p.Engine != k.Engine) {
			return nil, usage("%s is of config %s, engine %d, and the runs in %s of config %s, engine %d; %s",
				files[0], k.ConfigHash, k.Engine, dir, p.ConfigHash, p.Engine, simulateAgain(p, dir))
		}
	}
	axes, values := k.axes()
	kept, err := experiment.Choose(axes, values, choices)
	if err != nil {
		return nil, usage("--point: %v", err)
	}
	if k.Points = slices.DeleteFunc(k.Points, func(f *fight) bool { return !kept(f.Point) }); len(k.Points) == 0 {
		return nil, usage("--point: no point has %s", strings.Join(choices, " and "))
	}
	return k, nil
}

// notFought is the error of a directory without what c2c needs.
func notFought(dir string) error {
	plans, err := experiment.Plans(dir)
	if err != nil {
		return usage("%v", err)
	}
	if len(plans) == 0 {
		return usage("%s has no sweep: no NAME%s or NAME%s, which run --out and c2c --out write", dir, experiment.PlanSuffix, foughtSuffix)
	}
	return usage("%s has the counters of its runs, but not who fought over which line, which takes simulating them again; %s", dir, simulateAgain(plans[0], dir))
}

func simulateAgain(p *experiment.Plan, dir string) string {
	return fmt.Sprintf("run: %s --out %s", strings.Replace(p.Command, "cohsim run", "cohsim c2c", 1), shell([]string{dir}))
}
