package validate

import (
	"io/fs"
	"math"
	"reflect"
	"strings"
	"testing"

	"cohsim/configs"
	"cohsim/internal/config"
	"cohsim/internal/machine"
	"cohsim/workloads"
)

// shippedPoints are every point in configs/points.
func shippedPoints(t *testing.T) []Point {
	t.Helper()
	var out []Point
	names, _ := fs.Glob(configs.FS, "points/*.csv")
	for _, name := range names {
		text, err := fs.ReadFile(configs.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		ps, err := Parse(name, text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, ps...)
	}
	return out
}

// presets are the texts of every machine that is shipped.
func presets(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	names, _ := fs.Glob(configs.FS, "machines/*.toml")
	for _, name := range names {
		text, err := fs.ReadFile(configs.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(strings.TrimPrefix(name, "machines/"), ".toml")] = string(text)
	}
	return out
}

func allMachines(t *testing.T) (out []Machine) {
	for name := range presets(t) {
		out = append(out, Machine{Name: name, Ref: name})
	}
	return out
}

func results(t *testing.T, rows string, machines []Machine, seeds ...int) []Result {
	t.Helper()
	points, err := Parse("p.csv", []byte(head+rows))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(points, machines, seeds)
	if err != nil {
		t.Fatal(err)
	}
	rs, missing, err := plan.Run(t.Context(), Options{})
	if err != nil || len(missing) > 0 {
		t.Fatal(err, missing)
	}
	return rs
}

func TestEveryShippedPointHasAMachineAndAWorkload(t *testing.T) {
	plan, err := NewPlan(shippedPoints(t), allMachines(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range plan.Uncovered {
		t.Errorf("%s: %s", u.ID, u.Why)
	}
}

func TestNoPresetMentionsAPoint(t *testing.T) {
	points := shippedPoints(t)
	for name, text := range presets(t) {
		for _, p := range points {
			id := strings.TrimPrefix(p.ID, p.Machine+".")
			if strings.Contains(text, p.ID) || strings.Contains(text, id) {
				t.Errorf("%s mentions the point %s", name, p.ID)
			}
		}
		for _, k := range workloads.Kinds() {
			if strings.Contains(text, k.Name+" ") {
				t.Errorf("%s mentions the workload %s", name, k.Name)
			}
		}
	}
}

// A workload that knew its machine could be made to fit; all it may ask of one is
// the length of a ns and the instruction set that its programs are written in.
func TestNoWorkloadReadsAKeyOfTheMachine(t *testing.T) {
	env := reflect.TypeFor[workloads.Env]()
	for i := range env.NumField() {
		switch f := env.Field(i); f.Name {
		case "Threads", "Cores", "Layout", "Space", "Lock", "ISA", "Seed", "Seeded", "CyclesNS":
		default:
			t.Errorf("workloads.Env has a field %s of type %s: is that the machine's?", f.Name, f.Type)
		}
	}
	cfg := machine.DefaultConfig()
	keys := map[string]bool{}
	for _, k := range config.Keys("", &cfg) {
		keys[k.Path[strings.LastIndexByte(k.Path, '.')+1:]] = true
	}
	for _, kind := range workloads.Kinds() {
		if kind.Params == nil {
			continue
		}
		for _, k := range config.Keys("", kind.Params()) {
			if keys[k.Path] && k.Path != "bytes" { // chase goes through so many
				t.Errorf("the workload %s has a parameter %s, which is a key of machines", kind.Name, k.Path)
			}
		}
	}
}

func TestEveryKeyOfAPresetSaysWhereItComesFrom(t *testing.T) {
	for name, text := range presets(t) {
		if p := ProvenanceOf(text); name != "default" && len(p.Untold) > 0 {
			t.Errorf("%s: the comments of %v begin with none of measured, fitted, documented, assumed", name, p.Untold)
		}
	}
}

func TestAMachineWithMoreThanThreeRowsHasAtMostHalfAsManyFreeKeys(t *testing.T) {
	rows := map[string]int{}
	for _, p := range shippedPoints(t) {
		if p.Calibrate {
			rows[p.Machine]++
		}
	}
	plan, err := NewPlan(shippedPoints(t), allMachines(t), []int{1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range plan.cases {
		cfg := c.exp.Points[0].Config.Machine
		if n := rows[cfg.Name]; n > freeAllowed && 2*len(cfg.Free) > n {
			t.Errorf("%s fits %d keys to %d rows", cfg.Name, len(cfg.Free), n)
			rows[cfg.Name] = 0 // told
		}
	}
}

func TestAPointNeedsNoCodeForOtherParameters(t *testing.T) {
	rs := results(t, `validate,a,zen5-epyc,near,contend,"{op = ""xadd"", threads = 3, stride_bytes = 8, think_imul = 5}",mops_total,100,,,me,
validate,b,zen5-epyc,far,vma_pairs,"{threads = 5, vmas = 3, refcnt = ""seq_line"", hold_imul = 7}",ns_per_op,100,,,me,
validate,c,graviton2,same_socket,ticket_lock,{threads = 7},ns_system_per_op,100,,,me,
validate,d,ryzen-2700x,cross_ccx,pingpong,"{op = ""store_load"", lines = 1}",ns_one_way,100,,,me,
validate,e,lx2160a,cross_cluster,load_next_to,"{writer = ""store"", stride_bytes = 16}",cycles_per_op,100,,,me,
validate,f,skylake-client,same_socket,line_state,"{state = ""remote_E"", action = ""xadd""}",ns_per_op,100,,,me,
`, allMachines(t), 1)
	for i := range rs {
		if !(rs[i].Sim > 0) {
			t.Errorf("%s: %v", rs[i].ID, rs[i].Sim)
		}
	}
}

func TestValuesInsideTheNoiseHaveNoError(t *testing.T) {
	p := &Point{Value: 100, Lo: 90, Hi: 120}
	for _, c := range []struct{ sim, err float64 }{{90, 0}, {120, 0}, {121, math.Log(1.21)}, {50, math.Log(2)}} {
		if e := (&Result{Point: p, Sim: c.sim}).Err(); math.Abs(e-c.err) > 1e-12 {
			t.Errorf("%v: %v, want %v", c.sim, e, c.err)
		}
	}
}

func TestScoresAreMeansAndQuantilesOfLogarithms(t *testing.T) {
	m, _ := metricOf("mops_total")
	var rs []*Result
	for i := range 10 {
		p := &Point{ID: "p", Machine: "m", Metric: m, Value: float64(10 + i)}
		p.Lo, p.Hi = p.Value, p.Value
		rs = append(rs, &Result{Point: p, Sim: p.Value * math.Exp(float64(i)/10)})
	}
	s := score(rs)
	if math.Abs(s.Mean-0.45) > 1e-12 || math.Abs(s.P90-0.8) > 1e-12 || math.Abs(s.Max-0.9) > 1e-12 || s.Tau != 1 || s.Worst != rs[9] {
		t.Errorf("%+v", s)
	}
	rs[0].Sim = 1000 // now nine of 45 pairs disagree
	if s := score(rs); math.Abs(s.Tau-27.0/45) > 1e-12 {
		t.Errorf("tau %v", s.Tau)
	}
}

func TestAClaimFailsWhenTheModelTurnsItRound(t *testing.T) {
	m, _ := metricOf("mops_total")
	point := func(place string, value float64) *Point {
		return &Point{Machine: "m", Placement: place, Workload: "contend", Metric: m, Value: value, Lo: value, Hi: value}
	}
	for _, c := range []struct {
		hw, sim [2]float64
		ok      bool
	}{
		{[2]float64{50, 80}, [2]float64{40, 60}, true},
		{[2]float64{50, 80}, [2]float64{61, 60}, false},
		{[2]float64{50, 52}, [2]float64{60, 55}, true}, // equal on hardware: a little either way is
		{[2]float64{50, 52}, [2]float64{90, 55}, false},
	} {
		vs := judgeClaims([]Result{{Point: point("near", c.hw[0]), Sim: c.sim[0]}, {Point: point("far", c.hw[1]), Sim: c.sim[1]}})
		if len(vs) != 1 || vs[0].OK != c.ok {
			t.Errorf("%v: %+v", c, vs)
		}
	}
}

// That two lines of a pair are independent is a claim of equality: how far hardware
// is from it says how far the model may be, to either side.
func TestAClaimOfEqualityAllowsWhatHardwareDiffersBy(t *testing.T) {
	m, _ := metricOf("mops_total")
	point := func(stride int64, value float64) *Point {
		return &Point{Machine: "m", Workload: "contend", Params: []Param{{"stride_bytes", stride}}, Metric: m, Value: value, Lo: value, Hi: value}
	}
	for sim, ok := range map[float64]bool{100: true, 118: true, 80: true, 140: false, 70: false} {
		vs := judgeClaims([]Result{{Point: point(64, 84), Sim: sim}, {Point: point(4096, 100), Sim: 100}})
		if len(vs) != 1 || vs[0].OK != ok || vs[0].Says() != "about equal" {
			t.Errorf("simulated ratio %v: %+v", sim/100, vs)
		}
	}
}

// Memory that a core's own caches do not hold comes from its L3, which has it from a lap
// before the run.
func TestAChaseBeyondTheL2IsTimedInTheL3(t *testing.T) {
	points, err := Parse("p.csv", []byte(head+"validate,a,zen5-epyc,near,chase,{bytes = 2097152},cycles_per_op,46,,,me,\n"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(points, []Machine{{Name: "zen5-epyc", Ref: "zen5-epyc"}}, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	rs, missing, err := plan.Run(t.Context(), Options{})
	if err != nil || len(missing) > 0 || len(rs) != 1 {
		t.Fatalf("%v, %v, %v", rs, missing, err)
	}
	if got := rs[0].Sim; got < 44 || got > 51 {
		t.Errorf("%v cycles a load, want the 46 of an L3 hit", got)
	}
}

func TestWhatCannotBeRunIsNamed(t *testing.T) {
	points, err := Parse("p.csv", []byte(head+"validate,a,nowhere,,contend,,mops_total,1,,,me,\nvalidate,b,default,,sort,,mops_total,1,,,me,\nvalidate,c,default,,contend,,ns_one_way,1,,,me,\n"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(points, []Machine{{Name: "default", Ref: "default"}}, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	_, missing, err := plan.Run(t.Context(), Options{})
	if err != nil || len(missing) != 3 {
		t.Fatalf("%v, %v", missing, err)
	}
	for i, want := range []string{`no machine "nowhere"`, `no workload "sort"`, "contend has no ns_one_way"} {
		if missing[i].Why != want {
			t.Errorf("%s: %s, want %s", missing[i].ID, missing[i].Why, want)
		}
	}
}

func TestTheNumberOfJobsChangesNothing(t *testing.T) {
	points := shippedPoints(t)[:6]
	var tables [2][]float64
	for i, jobs := range []int{1, 4} {
		plan, err := NewPlan(points, allMachines(t), []int{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		rs, _, err := plan.Run(t.Context(), Options{Jobs: jobs})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			tables[i] = append(tables[i], r.Sim, r.Min, r.Max)
		}
	}
	if !reflect.DeepEqual(tables[0], tables[1]) {
		t.Errorf("%v\n%v", tables[0], tables[1])
	}
}

func TestCalibrationFindsADelayAgainAndLeavesTheFileReadable(t *testing.T) {
	points, err := Parse("p.csv", []byte(head+`calibrate,m.a,m,pair,line_state,"{state = ""remote_M"", action = ""load""}",ns_per_op,40,,,me,
validate,m.b,m,pair,line_state,"{state = ""remote_M"", action = ""load""}",ns_per_op,4000,,,me,
`))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := "name = \"m\"\nfree_keys = [\"fabric.near.data_ns\"]\n[fabric.near]\ndata_ns = 12 # as by default\n[placements]\npair = [0, 1]\n"
	file := write(t, dir, "m.toml", text)
	fit, err := Calibrate(t.Context(), Machine{Name: "m", Ref: file}, points, CalibrateOptions{Options: Options{Seeds: []int{1}}})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(fit.Results[0].Sim-40) > 1 || len(fit.Results) != 1 {
		t.Errorf("%+v: %v", fit.Free, fit.Results[0].Sim)
	}
	fitted := write(t, dir, "fitted.toml", fit.Rewrite(text, "m", "p.csv", []int{1}))
	plan, err := NewPlan(points, []Machine{{Name: "m", Ref: fitted}}, []int{1})
	if err != nil {
		t.Fatal(err)
	}
	if got := plan.cases[0].exp.Points[0].Config.Machine.Fabric.Near.Data; got != fit.Free[0].Value || got == 12 {
		t.Errorf("the file says %v, the fit %v", got, fit.Free[0].Value)
	}
}

func TestAKeyThatCannotBeFittedIsAMistake(t *testing.T) {
	points, err := Parse("p.csv", []byte(head+`calibrate,m.a,m,,contend,,ns_per_op,40,,,me,`+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	for keys, says := range map[string]string{
		`"fabric.near.dota_ns"`:  `did you mean "fabric.near.data_ns"?`,
		`"protocol.name"`:        "only numbers can be fitted",
		`"l2.bytes", "l2.bytes"`: "stands there twice",
		``:                       "declares no key free",
	} {
		file := write(t, t.TempDir(), "m.toml", "name = \"m\"\nfree_keys = ["+keys+"]\n")
		if _, err := Calibrate(t.Context(), Machine{Name: "m", Ref: file}, points, CalibrateOptions{Options: Options{Seeds: []int{1}}}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", keys, err, says)
		}
	}
}

// A row that aborts only with other values than the machine's own is no number in the
// fitted file: neither if it does with the fitted values, nor if the fit turned back.
func TestAFitNamesRowsThatAbortOnTheWay(t *testing.T) {
	ends, turned := &Point{ID: "m.ends", Machine: "m", Value: 7}, &Point{ID: "m.turned", Machine: "m", Value: 7}
	fit := &Fit{Results: []Result{{Point: ends, Sim: 7 * offByAbort}, {Point: turned, Sim: 8}}}
	fit.later(&trials{aborted: []Uncovered{{Point: turned}, {Point: ends, Why: "deadlock"}, {Point: turned}}})
	text := fit.Rewrite("", "m", "points.csv", []int{1})
	if strings.Contains(text, "900") || !strings.Contains(text, "aborts with these values:   ends") ||
		strings.Count(text, "the fit turned back:  turned") != 1 || len(fit.Later) != 1 || fit.Later[0].Why != "deadlock" {
		t.Errorf("%+v\n%s", fit.Later, text)
	}
}
