package experiment

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cohsim/internal/config"
	"cohsim/internal/machine"
	"cohsim/vmalock"
	"cohsim/workloads"
)

// exempt are the keys that need not change a metric, and why.
var exempt = map[string]string{
	"machine.name":                       "a name: printed, never simulated",
	"machine.doc":                        "text",
	"machine.free_keys":                  "what cohsim calibrate may move; no run looks at it",
	"run.seeds":                          "a list of replicates; TestBytesDoNotDependOnJobsOrEngine demands that a seed has an effect",
	"run.engine":                         "both engines must give the same bytes; tests here and in package machine demand it",
	"run.check":                          "check: looks on, and must change nothing",
	"workload.file":                      "a path; TestAProgramIsFoundBesideItsConfigAndHashedByItsText",
	"machine.protocol.silent_s_eviction": "half of one choice: off it demands explicit_s_eviction, and that alone decides what a cache does",
	"machine.protocol.silent_e_eviction": "half of one choice: off it demands explicit_e_eviction, and that alone decides what a cache does",
	"machine.protocol.recall":            "half of one choice: directory.entries demands it, and without them it is an error",
	"machine.protocol.far_atomics":       "half of one choice: atomic ops at the home demand it, and nothing else looks at it",
}

// effectScenarios are machines under stress, some milliseconds each. Between them
// every part of a machine is busy; the workloads' own keys are tried on a scenario
// for each kind besides.
var effectScenarios = []struct{ name, text string }{
	{"x86", `
workload = { kind = "program", file = "x86.uop", private = ["own", "rnd"], values = { steps = 3 } }
[machine]
placements = { back = [3, 2, 1, 0] }
core = { schedule_ns = 150, wakeup_ns = 250 }
`},
	{"x86 that speculates", `
workload = { kind = "program", file = "x86.uop", private = ["own", "rnd"], values = { steps = 3 } }
[machine]
mshrs = 2
topology = { l3_per_socket = 1, cores_per_l3 = 4 }
core = { window = 32, store_merge = true, loads_over_atomic = "speculate", store_buffer_entries = 4 }
protocol = { read_dirty = "migrate" }
`},
	{"lse", `
workload = { kind = "program", file = "arm.uop", private = ["own", "rnd"], values = { steps = 3 } }
[machine]
isa = "arm64-lse"
protocol = { read_dirty = "migrate_if_written", share_if_locked_within_ns = 20 }
`},
	{"far atomics", `
workload = { kind = "program", file = "arm.uop", private = ["own", "rnd"], values = { steps = 3 } }
[machine]
isa = "arm64-lse"
core = { atomics = "far" }
protocol = { far_atomics = true }
`},
	{"llsc", `
workload = { kind = "program", file = "arm.uop", private = ["own", "rnd"], values = { steps = 3 } }
[machine]
isa = "arm64-llsc"
topology = { l3_per_socket = 2, cores_per_l3 = 2, l3_local = false }
`},
	{"exclusives that starve", `
workload = { kind = "vma_pairs" }
[machine]
isa = "arm64-llsc"
l1 = { bytes = 64, ways = 1 }
l2 = { bytes = 0 }
`},
	{"in order", `
workload = { kind = "program", file = "arm.uop", private = ["own", "rnd"], values = { steps = 3 } }
[machine]
isa = "arm64-llsc"
core = { window = 1 }
`},
	{"tiny caches", `
workload = { kind = "fault_mixed", think_ns = 20, fault_work_ns = 20, write_percent = 5, vmas = 40, write_hold_ns = 20 }
[machine]
adjacent_line_prefetch = true
mshrs = 4
l1 = { bytes = 512, ways = 4 }
l2 = { bytes = 2048, ways = 4 }
llc = { bytes = 4096, ways = 4 }
`},
	{"two sockets, occupied", `
workload = { kind = "fault_mixed", think_ns = 20, fault_work_ns = 20, write_percent = 5, vmas = 40, write_hold_ns = 20 }
[machine]
topology = { sockets = 2, l3_per_socket = 2, cores_per_l3 = 1, home_socket = "interleave", l3_local = false }
fabric = { home_occupancy_ns = 5, link_occupancy_ns = 5 }
protocol = { name = "moesi", silent_s_eviction = false, explicit_s_eviction = true }
l1 = { bytes = 1024, ways = 4 }
l2 = { bytes = 0 }
`},
	{"two sockets", `
workload = { kind = "program", file = "x86.uop", private = ["own", "rnd"], values = { steps = 3 } }
[machine]
topology = { sockets = 2, l3_per_socket = 2, cores_per_l3 = 1 }
`},
	{"mesh", `
workload = { kind = "contend" }
[machine]
topology = { l3_per_socket = 1, cores_per_l3 = 9, l3_local = false }
fabric = { kind = "mesh" }
placements = { apart = [0, 2, 6, 8] }
[run]
placement = "apart"
`},
	{"matrix", `
workload = { kind = "contend" }
[machine]
topology = { l3_per_socket = 1, cores_per_l3 = 4 }
fabric = { kind = "matrix", matrix_ns = [[5, 40, 60, 80], [40, 5, 60, 80], [60, 60, 5, 80], [80, 80, 80, 5]] }
`},
	{"few pointers", `
workload = { kind = "fault_mixed", think_ns = 20, fault_work_ns = 20, write_percent = 5 }
run = { cores = 8 }
[machine]
topology = { l3_per_socket = 1, cores_per_l3 = 8 }
protocol = { name = "mesif", sharer_pointers = 2, sharer_group = 4 }
`},
	{"siblings", `
workload = { kind = "contend" }
run = { cores = 8 }
[machine]
topology = { l3_per_socket = 1, cores_per_l3 = 4, threads_per_core = 2 }
`},

	{"pointers that do not fit", `
workload = { kind = "chase", bytes = 2048 }
[machine]
l1 = { bytes = 512, ways = 2 }
l2 = { bytes = 1024, ways = 4 }
llc = { bytes = 16384, ways = 4 }
fabric = { link_occupancy_ns = 5 }
protocol = { silent_e_eviction = true }
`},
	{"sleepers", `
workload = { kind = "program", file = "sleep.uop" }
run = { cores = 4 }
[machine]
core = { schedule_ns = 150, wakeup_ns = 250 }
`},
	{"more tasks than cores", `
workload = { kind = "fault_mixed", think_ns = 20, fault_work_ns = 20, write_percent = 5 }
run = { cores = 2, tasks = 6 }
[machine]
core = { schedule_ns = 30, switch_ns = 20, wakeup_ns = 30, ipi_ns = 20, slice_ns = 200 }
`},
	{"a queue for mmap_lock", `
workload = { kind = "fault_mixed", think_ns = 20, fault_work_ns = 20, write_percent = 10, write_hold_ns = 30 }
lock = { kind = "mmap_lock", rwsem_spin_on_owner = false }
run = { cores = 6 }
[machine]
core = { schedule_ns = 10, switch_ns = 10, wakeup_ns = 10, ipi_ns = 10 }
`},
	{"the kernel's lock", `
workload = { kind = "program", file = "kernel.uop" }
`},
	{"a kernel that checks itself", `
workload = { kind = "fault_mixed", think_ns = 20, fault_work_ns = 20, write_percent = 5, maps_percent = 10, remap_percent = 10, vmas = 6 }
lock = { lockdep = true, debug_vm = true }
`},
	{"replaced nodes", `
workload = { kind = "fault_mixed", think_ns = 20, fault_work_ns = 20, write_percent = 0, remap_percent = 100, spare_nodes = 1, write_hold_ns = 10, vmas = 6 }
lock = { rcu_grace_ns = 500 }
run = { cores = 1 }
`},
	{"freed VMAs", `
workload = { kind = "fault_mixed", think_ns = 20, fault_work_ns = 20, write_percent = 0, remap_percent = 100, spare_vmas = 1, write_hold_ns = 10, vmas = 6 }
lock = { kind = "rwsem_separate", rcu_grace_ns = 500 }
run = { cores = 1 }
`},
	{"few entries", `
workload = { kind = "fault_mixed", think_ns = 20, fault_work_ns = 20, write_percent = 5 }
[machine]
protocol = { recall = true }
directory = { entries = 16, ways = 2 }
`},
	{"flags", `
workload = { kind = "pingpong", op = "store_load" }
run = { cores = 2 }
`},
}

// effectProgram does a little of everything, on shared lines and on some of the
// thread's own.
const effectProgram = `
	in word next own rnd
	param steps
	reg v w old i
again:
	mark begin op
	mix rnd, rnd
	rmw.add.acqrel old, [word], 1
	load v, [own]
	load w, [next]
	rmw.add _, [word], 2
	store [next], rnd
	store [next+8], rnd
	store [own+8], v
	store [own+16], v
	load w, [own+8]
	mul w, w, 3
	cas.acqrel old, [next+32], w, rnd
	load v, [next+40]
	mb
	load v, [word]
	wmb
	rmb
	{FENCES}
	and v, rnd, 3
	bne v, 0, few unlikely
	pause
few:
	mark end op
	mov i, 0
think:
	add i, i, 1
	blt i, steps, think
	jump again
`

var effectFiles = map[string]string{
	"x86.uop": "program first\n\tin own rnd\n\tparam steps\nagain:\n\tmark begin op\n\twork steps\n\tload rnd, [own]\n\tmark end op\n\tjump again\n\nprogram x86" + strings.ReplaceAll(effectProgram, "{FENCES}", "fence.full\n\tfence.st\n\tfence.lfence"),
	"sleep.uop": `
program sleeper
	in word thread
	reg seen mine next turns
	mov turns, 0
again:
	mark begin turn
	and mine, thread, 1
	sleep.eq seen, [word], mine
	xor next, mine, 1
	store [word], next
	mark end turn
	jump again
`,
	"kernel.uop": `
program reader
	role mm mm_struct
	role vma vm_area_struct
	reg found:vm_area_struct
	reg seq held
again:
	mark begin look
	load seq, [vma.vm_flags]
	rmw.add.4 _, [vma.vm_refcnt], 0
	load.4 seq, [vma.vm_lock_seq]
	call read_begin(mm, 0x55555555000) -> found, held  locked=inside none=again
inside:
	call read_end(mm, found, held)
	mark end look
	jump again
`,
	"arm.uop": "program arm" + strings.ReplaceAll(effectProgram, "{FENCES}", "fence.full\n\tfence.st\n\tfence.ld\n\tfence.isb"),
}

// effectValues are what a key is set to where its range does not say enough.
var effectValues = map[string][]string{
	"machine.placements":       {"{ back = [3, 2, 1, 0], apart = [8, 6, 2, 1] }"},
	"machine.fabric.matrix_ns": {"[[5, 41, 61, 81], [41, 5, 61, 81], [61, 61, 5, 81], [81, 81, 81, 5]]"},
	"run.placement":            {"back"},
	"run.limit_cycles":         {"100"},
	"run.cores":                {"2", "3", "4"},
	"run.warmup_ns":            {"0", "1500"},
	"run.measure_ns":           {"1500"},
	"workload.main":            {"first"},
	"workload.blocks":          {"1"},
	"workload.stride_bytes":    {"8", "64", "128"},
	"workload.private":         {`["own", "next", "rnd"]`},
	"workload.values":          {"{ steps = 9 }"},
}

// stress is a scenario as run before anything is perturbed.
type stress struct {
	name, path, text string
	metrics          string
}

func newStress(t *testing.T, dir, name, text string) *stress {
	s := &stress{name: name, path: filepath.Join(dir, "e.toml"), text: text}
	var err error
	if s.metrics, err = s.run(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

var errUnfit = errors.New("no config for this scenario")

// run is what the metrics are under --set.
func (s *stress) run(set ...string) (string, error) {
	e, err := LoadText(s.path, []byte(s.text), Overrides{Set: set})
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnfit, err)
	}
	doc, _, err := e.Run(context.Background(), Options{Jobs: 1})
	var aborted *machine.Aborted
	switch {
	case errors.As(err, &aborted):
		return "aborted: " + aborted.Why, nil
	case err != nil:
		return "", err
	}
	return fmt.Sprint(doc.Records[0].Metrics), nil
}

// feels reports whether one of the values of a key changes a metric.
func (s *stress) feels(t *testing.T, key string, values []string) bool {
	for _, v := range values {
		got, err := s.run(key + "=" + v)
		if errors.Is(err, errUnfit) {
			continue
		}
		if err != nil {
			t.Errorf("%s = %s on %s: %v", key, v, s.name, err)
			continue
		}
		if got != s.metrics {
			return true
		}
	}
	return false
}

// perturbed are values to try for a key: all that are allowed if they are few,
// else some of its range around the default.
func perturbed(k config.Key) []string {
	if v := effectValues[k.Path]; v != nil {
		return v
	}
	switch {
	case len(k.OneOf) > 0:
		return k.OneOf
	case k.Type == "boolean":
		return []string{"true", "false"}
	}
	var out []string
	def, _ := strconv.ParseFloat(strings.ReplaceAll(k.Default, "_", ""), 64)
	for _, x := range []float64{2*def + 1, 2 * def, def / 2, 0, 1, 2, 4, 7, 32, 300} {
		if k.Type == "integer" {
			x = float64(int64(x))
		}
		lo, err := strconv.ParseFloat(k.Min, 64)
		if err == nil && x < lo {
			continue
		}
		hi, err := strconv.ParseFloat(k.Max, 64)
		if err == nil && x > hi {
			continue
		}
		if s := strconv.FormatFloat(x, 'f', -1, 64); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

const effectRun = `
[run]
warmup_ns = 500
measure_ns = 2500
cores = 4
`

func TestEveryKeyHasAnEffect(t *testing.T) {
	dir := write(t, effectFiles)
	var all []*stress
	for _, s := range effectScenarios {
		text := s.text
		switch {
		case strings.Contains(text, "run = {"):
			text = strings.Replace(text, "run = {", "run = { warmup_ns = 500, measure_ns = 2500,", 1)
		case strings.Contains(text, "[run]"):
			text = strings.Replace(text, "[run]\n", effectRun[1:], 1)
		default:
			text += effectRun
		}
		all = append(all, newStress(t, dir, s.name, text))
	}
	demand := func(k config.Key, on []*stress) {
		values := perturbed(k)
		if exempt[k.Path] != "" || k.Type == "table" {
			return
		}
		i := slices.IndexFunc(on, func(s *stress) bool { return s.feels(t, k.Path, values) })
		if i < 0 {
			t.Errorf("%s (%s) has no effect: set to %s, it changes no metric of any scenario", k.Path, k.Doc, strings.Join(values, ", "))
			return
		}
		// The next key is likely of the same part of the machine.
		s := on[i]
		copy(on[1:i+1], on[:i])
		on[0] = s
	}
	m := machine.DefaultConfig()
	for _, k := range config.Keys("machine", &m) {
		demand(k, all)
	}
	r := config.DefaultRun()
	for _, k := range config.Keys("run", &r) {
		demand(k, all)
	}
	for _, k := range config.Keys("lock", Locks{}.Params(defaultLock)) {
		demand(k, all)
	}
	locks := slices.DeleteFunc(Locks{}.Names(), func(name string) bool { return name == vmalock.FileLock }) // which needs a file
	for _, kind := range workloads.Kinds() {
		var on []*stress
		for _, s := range all {
			if strings.Contains(s.text, `kind = "`+kind.Name+`"`) {
				on = append(on, s)
			}
		}
		switch kind.Name {
		case "program": // which needs a file
		case "line_state": // which prepares lines before it times them, and ends
			on = append(on, newStress(t, dir, kind.Name, "workload = { kind = \"line_state\", blocks = 2 }\n[run]\nwarmup_ns = 0\nmeasure_ns = 200000\ncores = 2\n"))
		case "page_fault1", "page_fault2", "page_fault3": // which map, touch and unmap more than once
			on = append(on, newStress(t, dir, kind.Name, "workload = { kind = \""+kind.Name+"\", pages = 4, think_ns = 20, map_work_ns = 20 }\n[run]\nwarmup_ns = 0\nmeasure_ns = 20000\ncores = 3\n"))
		case "fork_storm", "proc_maps_reader": // beside threads that map, touch and unmap
			first := map[string]string{"fork_storm": "forkers", "proc_maps_reader": "readers"}[kind.Name]
			on = append(on, newStress(t, dir, kind.Name, "workload = { kind = \""+kind.Name+"\", "+first+" = 1, pages = 4, think_ns = 20, map_work_ns = 20, vmas = 4 }\n[run]\nwarmup_ns = 0\nmeasure_ns = 100000\ncores = 3\n"))
		default:
			on = append(on, newStress(t, dir, kind.Name, "workload = { kind = \""+kind.Name+"\" }\n[run]\nwarmup_ns = 0\nmeasure_ns = 10000\ncores = 2\n"))
		}
		for _, k := range config.Keys("workload", kind.Params()) {
			demand(k, on)
		}
		if kind.Locks {
			demand(config.Key{Path: "lock.kind", Doc: "on " + kind.Name, OneOf: locks}, on)
			demand(config.Key{Path: "layout", Doc: "on " + kind.Name, OneOf: []string{"seq-beside-refcnt", "owner-isolated"}}, on)
		}
	}
	demand(config.Key{Path: "workload.kind", OneOf: Workloads{}.Names()}, all)
	demand(config.Key{Path: "machine.base", OneOf: []string{"zen5-epyc"}}, all)
}

func TestEveryExemptionIsAKey(t *testing.T) {
	m, r := machine.DefaultConfig(), config.DefaultRun()
	keys := slices.Concat(config.Keys("machine", &m), config.Keys("run", &r))
	for _, kind := range workloads.Kinds() {
		keys = append(keys, config.Keys("workload", kind.Params())...)
	}
	for path := range exempt {
		if !slices.ContainsFunc(keys, func(k config.Key) bool { return k.Path == path }) {
			t.Errorf("%s is exempt and no key", path)
		}
	}
}
