package workloads_test

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/internal/structs"
	"cohsim/vmalock"
	"cohsim/vmalock/interp"
	"cohsim/workloads"
)

var isas = []cpu.ISA{cpu.X86_64, cpu.ARM64LSE, cpu.ARM64LLSC}

func env(t *testing.T, lock vmalock.Kind, isa cpu.ISA, threads int) *workloads.Env {
	t.Helper()
	l, err := structs.Load(configs.FS, "", lock.Layout)
	if err != nil {
		t.Fatal(err)
	}
	l = vmalock.Supplement(l)
	return &workloads.Env{Threads: threads, Layout: l, Space: mem.NewSpace(l), Lock: lock, ISA: isa, Seed: 1,
		CyclesNS: func(ns float64) int64 { return int64(ns*3 + 0.5) }}
}

// run is a plan on the interpreter.
type run struct {
	m     *interp.Machine
	plan  *workloads.Plan
	ops   []int // completed outermost regions per thread
	count map[string]int
}

func start(t *testing.T, e *workloads.Env, plan *workloads.Plan) *run {
	t.Helper()
	r := &run{m: interp.New(), plan: plan, ops: make([]int, e.Threads), count: map[string]int{}}
	var progs []*cpu.Program
	for _, p := range plan.Programs {
		linked, err := cpu.Link(p.Proc(), cpu.LinkOptions{ISA: e.ISA, Layout: e.Layout, Params: p.Params, Library: plan.Library})
		if err != nil {
			t.Fatal(err)
		}
		progs = append(progs, linked)
	}
	if len(plan.Threads) != e.Threads {
		t.Fatalf("%d threads planned, want %d", len(plan.Threads), e.Threads)
	}
	for _, th := range plan.Threads {
		bind := map[string]uint64{}
		for _, b := range th.Bind {
			bind[b.Name] = b.Of(e.Seed)
		}
		if _, err := r.m.Add(progs[th.Program], th.Task, bind); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range plan.Init {
		r.m.Write(w.Addr, w.Bytes, w.Value)
	}
	open := make([]string, e.Threads)
	r.m.OnMark = func(i int, fn cpu.Fn, name string) {
		switch fn {
		case cpu.Count:
			r.count[name]++
		case cpu.Begin:
			if open[i] != "" {
				t.Errorf("thread %d begins %s inside %s", i, name, open[i])
			}
			open[i] = name
		case cpu.End:
			if open[i] != name {
				t.Errorf("thread %d ends %s, and %q is open", i, name, open[i])
			}
			open[i] = ""
			for _, op := range plan.Ops {
				if op == name {
					r.ops[i]++
				}
			}
		}
	}
	judge := vmalock.NewJudge(nil)
	if plan.Judge != nil {
		judge = plan.Judge()
	}
	r.m.OnGhost = func(g interp.Ghost) error {
		ev, ok := vmalock.ParseEvent(g.Event)
		if !ok {
			return fmt.Errorf("unknown ghost event %q", g.Event)
		}
		return judge.Observe(g.At, g.Thread, ev, g.Object, g.Old, g.New)
	}
	return r
}

// steps runs n ops, thread by thread at random.
func (r *run) steps(t *testing.T, n int) {
	t.Helper()
	mix, x := cpu.Op{Code: cpu.ALU, Fn: cpu.Mix}, uint64(7)
	for range n {
		x = mix.Eval(x, 0)
		if _, err := r.m.Step(int(x % uint64(len(r.m.Threads)))); err != nil {
			t.Fatal(err)
		}
	}
}

// progress runs until there are so many operations, and one at least of each thread
// that has any: fork takes thousands of ops. false: it gave up.
func (r *run) progress(t *testing.T, plan *workloads.Plan, want int) bool {
	t.Helper()
	for range 40 {
		r.steps(t, 20000)
		all, idle := 0, false
		for i, n := range r.ops {
			all += n
			idle = idle || n == 0 && plan.Threads[i].Program == 0
		}
		if all >= want && !idle {
			return true
		}
	}
	return false
}

func threadsFor(name string) int {
	switch name {
	case "pingpong", "alternate", "line_state", "load_next_to", "vma_pairs_vs_seq_writer":
		return 2
	}
	return 3
}

// userText is a program as a user may write it: the lock on an mm and a VMA that
// cohsim places, and lines of its own.
const userText = `
program helper
	in line
	rmw.add.acqrel _, [line], 1

program visits
	role vma vm_area_struct
	role mm mm_struct
	in addr mine ours thread threads rnd
	reg found:vm_area_struct
	reg held
	param n
again:
	mark begin visit
	call read_begin(mm, addr) -> found, held  locked=in none=out
in:
	call helper(ours)
	store [mine], n
	call read_end(mm, found, held)
	mark end visit
	jump again
out:
	halt
`

func TestEveryWorkloadMakesProgressOnEveryLockAndISA(t *testing.T) {
	for _, k := range workloads.Kinds() {
		for _, lock := range vmalock.Kinds() {
			if !k.Locks && lock.Name != vmalock.VMRefcnt.Name {
				continue
			}
			for _, isa := range isas {
				t.Run(fmt.Sprint(k.Name, "/", lock.Name, "/", isa), func(t *testing.T) {
					e := env(t, lock, isa, threadsFor(k.Name))
					params := k.Params()
					if p, ok := params.(*workloads.UserProgram); ok {
						p.SetSource("test.uop", []byte(userText))
						p.Private, p.Values = []string{"mine"}, map[string]int64{"addr": 0x55555555000, "n": 3}
					}
					plan, err := k.Build(e, params)
					if err != nil {
						t.Fatal(err)
					}
					r := start(t, e, plan)
					if !r.progress(t, plan, 5) {
						t.Errorf("%v operations in %d ops", r.ops, r.m.Steps)
					}
				})
			}
		}
	}
}

// variants are parameter sets that take other paths than the defaults.
var variants = []struct {
	kind string
	set  func(p any)
}{
	{"fault_same_vma", func(p any) {
		f := p.(*workloads.FaultSame)
		f.RetryPercent, f.ThinkNS, f.FaultWorkNS, f.VMAs = 30, 0, 0, 1
	}},
	{"fault_private_vma", func(p any) { f := p.(*workloads.FaultPrivate); f.VMAs, f.MapleDepth = 2, 3 }},
	{"fault_mixed", func(p any) {
		f := p.(*workloads.FaultMix)
		f.WritePercent, f.WriteVMAs, f.VMAs, f.RetryPercent = 30, 3, 4, 10
	}},
	{"vma_pairs", func(p any) {
		f := p.(*workloads.VMAPairs)
		f.VMAs, f.Refcnt, f.ThinkImul, f.HoldImul = 2, "one_line", 4, 2
	}},
	{"vma_pairs", func(p any) { f := p.(*workloads.VMAPairs); f.Refcnt = "seq_line" }},
	{"contend", func(p any) { f := p.(*workloads.Contend); f.Op, f.ThinkImul = "load_cas", 3 }},
	{"contend", func(p any) { f := p.(*workloads.Contend); f.Op, f.Stride = "inc_dec", 64 }},
	{"contend", func(p any) { f := p.(*workloads.Contend); f.Op, f.Stride = "plain_add", 8 }},
	{"contend", func(p any) { p.(*workloads.Contend).Op = "store" }},
	{"contend", func(p any) { p.(*workloads.Contend).Op = "load" }},
	{"alternate", func(p any) { p.(*workloads.Alternate).Op = "load_cas" }},
	{"pingpong", func(p any) { f := p.(*workloads.PingPong); f.Op, f.Lines = "store_load", 2 }},
	{"pingpong", func(p any) { f := p.(*workloads.PingPong); f.Op, f.Lines = "store_load", 1 }},
	{"load_next_to", func(p any) { p.(*workloads.LoadNext).Writer = "xadd" }},
	{"line_state", func(p any) { f := p.(*workloads.LineState); f.State, f.Action = "shared_clean", "store_fence" }},
	{"line_state", func(p any) { f := p.(*workloads.LineState); f.State, f.Action = "local_M", "xadd" }},
	{"line_state", func(p any) { p.(*workloads.LineState).State = "memory" }},
	{"line_state", func(p any) { p.(*workloads.LineState).State = "remote_E" }},
	{"line_state", func(p any) { p.(*workloads.LineState).State = "remote_wrote_then_local_read" }},
	{"line_state", func(p any) { p.(*workloads.LineState).State = "local_wrote_then_remote_read" }},
	{"page_fault1", func(p any) { f := p.(*workloads.AnonFaults); f.Pages, f.RetryPercent, f.KernelPercent = 4, 20, 20 }},
	{"page_fault1", func(p any) { f := p.(*workloads.AnonFaults); f.Pages, f.Merge = 4, false }},
	{"page_fault1", func(p any) { f := p.(*workloads.AnonFaults); f.Pages, f.Mode = 4, "processes" }},
	{"page_fault2", func(p any) { f := p.(*workloads.CowFaults); f.Pages, f.RetryPercent = 4, 20 }},
	{"page_fault3", func(p any) { f := p.(*workloads.Touching); f.Pages, f.RetryPercent = 4, 20 }},
	{"mmap1", func(p any) { p.(*workloads.MmapAnon).Merge = false }},
	{"fork_storm", func(p any) { f := p.(*workloads.ForkStorm); f.Forkers, f.Pages, f.Merge = 2, 2, false }},
	{"fork_storm", func(p any) { f := p.(*workloads.ForkStorm); f.VMAs, f.Mode = 5, "processes" }},
	{"fork_storm", func(p any) { f := p.(*workloads.ForkStorm); f.Forkers, f.VMAs, f.Pages = 1, 3, 2 }},
	{"proc_maps_reader", func(p any) { f := p.(*workloads.MapsReaders); f.VMAs, f.Pages, f.Merge = 2, 1, false }},
	{"proc_maps_reader", func(p any) { f := p.(*workloads.MapsReaders); f.Readers, f.Pages = 2, 2 }},
	{"proc_maps_reader", func(p any) { f := p.(*workloads.MapsReaders); f.Pages, f.Mode = 2, "processes" }},
	{"uncontended", func(p any) { p.(*workloads.Uncontended).Op = "cas_fail" }},
	{"uncontended", func(p any) { p.(*workloads.Uncontended).Op = "mfence" }},
	{"uncontended", func(p any) { p.(*workloads.Uncontended).Op = "pause" }},
}

func TestEveryVariantOfAWorkloadRunsOnEveryLock(t *testing.T) {
	for i, v := range variants {
		k, ok := workloads.Find(v.kind)
		if !ok {
			t.Fatal("no kind", v.kind)
		}
		for _, lock := range vmalock.Kinds() {
			if !k.Locks && lock.Name != vmalock.VMRefcnt.Name {
				continue
			}
			t.Run(fmt.Sprint(i, v.kind, "/", lock.Name), func(t *testing.T) {
				p := k.Params()
				v.set(p)
				e := env(t, lock, cpu.X86_64, threadsFor(k.Name))
				plan, err := k.Build(e, p)
				if err != nil {
					t.Fatal(err)
				}
				r := start(t, e, plan)
				if !r.progress(t, plan, 10) {
					t.Errorf("%v operations in %d ops", r.ops, r.m.Steps)
				}
			})
		}
	}
}

func TestMixedFaultsWriteAboutAsOftenAsAsked(t *testing.T) {
	k, _ := workloads.Find("fault_mixed")
	p := k.Params().(*workloads.FaultMix)
	p.WritePercent = 25
	e := env(t, vmalock.VMRefcnt, cpu.X86_64, 1)
	plan, err := k.Build(e, p)
	if err != nil {
		t.Fatal(err)
	}
	plan.Ops = []string{"write"}
	r := start(t, e, plan)
	r.steps(t, 400000)
	writes := r.ops[0]
	all := writes + r.count["lock.read.success"]
	if share := 100 * writes / all; share < 20 || share > 30 {
		t.Errorf("%d of %d operations wrote, %d %%, want about 25", writes, all, share)
	}
	if r.count["lock.read.abort"] != 0 {
		t.Error("a single thread never finds a writer")
	}
}

func TestRetriedFaultsTakeMmapLock(t *testing.T) {
	k, _ := workloads.Find("fault_same_vma")
	p := k.Params().(*workloads.FaultSame)
	p.RetryPercent = 100
	e := env(t, vmalock.VMRefcnt, cpu.X86_64, 2)
	plan, err := k.Build(e, p)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, e, plan)
	r.steps(t, 50000)
	if got, want := r.count["lock.read.retry"], r.ops[0]+r.ops[1]; got < want || got > want+2 {
		t.Errorf("%d retries for %d faults, want one each", got, want)
	}
}

func TestEveryParameterIsDocumentedAndHasARange(t *testing.T) {
	for _, k := range workloads.Kinds() {
		if k.Doc == "" {
			t.Errorf("%s has no doc", k.Name)
		}
		var walk func(ty reflect.Type)
		walk = func(ty reflect.Type) {
			for i := range ty.NumField() {
				f := ty.Field(i)
				if !f.IsExported() || k.Name == "program" && f.Tag.Get("doc") != "" {
					continue // what a user writes has no range
				}
				if f.Anonymous {
					walk(f.Type)
					continue
				}
				if f.Tag.Get("toml") == "" || f.Tag.Get("doc") == "" {
					t.Errorf("%s.%s lacks a tag", k.Name, f.Name)
				}
				if f.Type.Kind() == reflect.String {
					if f.Tag.Get("oneof") == "" {
						t.Errorf("%s.%s lacks oneof", k.Name, f.Name)
					}
				} else if f.Type.Kind() != reflect.Bool && (f.Tag.Get("min") == "" || f.Tag.Get("max") == "") {
					t.Errorf("%s.%s lacks min or max", k.Name, f.Name)
				}
			}
		}
		walk(reflect.TypeOf(k.Params()).Elem())
	}
}

func TestMistakesInParametersNameTheKey(t *testing.T) {
	for _, c := range []struct {
		kind, want string
		threads    int
		set        func(p any)
	}{
		{"pingpong", "run.cores", 3, func(any) {}},
		{"vma_pairs_vs_seq_writer", "run.cores", 1, func(any) {}},
		{"vma_pairs", "workload.refcnt", 1, func(p any) { p.(*workloads.VMAPairs).Refcnt = "elsewhere" }},
		{"contend", "workload.stride_bytes", 2, func(p any) { p.(*workloads.Contend).Stride = 4 }},
		{"contend", "workload.op", 2, func(p any) { p.(*workloads.Contend).Op = "xor" }},
		{"chase", "workload.bytes", 1, func(p any) { p.(*workloads.Chase).Bytes = 100 }},
		{"line_state", "workload.state", 2, func(p any) { p.(*workloads.LineState).State = "lost" }},
		{"pingpong", "workload.lines", 2, func(p any) { p.(*workloads.PingPong).Lines = 2 }},
	} {
		k, _ := workloads.Find(c.kind)
		p := k.Params()
		c.set(p)
		_, err := k.Build(env(t, vmalock.VMRefcnt, cpu.X86_64, c.threads), p)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that names %s", c.kind, err, c.want)
		}
	}
}

func TestAPlanServesEverySeedOrSaysSo(t *testing.T) {
	seeded, random := 0, 0
	for _, k := range workloads.Kinds() {
		if _, ok := k.Params().(*workloads.UserProgram); ok {
			continue // needs a file
		}
		build := func(seed uint64) (*workloads.Plan, bool) {
			e := env(t, vmalock.VMRefcnt, cpu.X86_64, 2)
			e.Seed = seed
			p, err := k.Build(e, k.Params())
			if err != nil {
				t.Fatal(err)
			}
			p.Judge, p.Library = nil, nil // functions, which cannot be compared
			return p, e.Seeded
		}
		a, ofSeed := build(1)
		if again, _ := build(1); !reflect.DeepEqual(a, again) {
			t.Errorf("%s: two builds of one seed differ", k.Name)
		}
		if b, _ := build(2); !ofSeed && !reflect.DeepEqual(a, b) {
			t.Errorf("%s: the plans of two seeds differ, and Env.Seeded does not tell", k.Name)
		}
		if ofSeed {
			seeded++
		}
		for i := range a.Threads {
			for _, b := range a.Threads[i].Bind {
				if b.Of(1) != b.Of(2) {
					random++
				}
			}
		}
	}
	if seeded == 0 || random == 0 {
		t.Errorf("%d plans and %d registers depend on the seed", seeded, random)
	}
}

// munmap replaces a leaf of the tree, and a fault whose walk stands in it begins again;
// under mmap_lock none can.
func TestMunmapSendsWalksBackToTheRoot(t *testing.T) {
	k, _ := workloads.Find("fault_mixed")
	p := k.Params().(*workloads.FaultMix)
	p.RemapPercent, p.VMAs = 20, 4
	for _, lock := range []vmalock.Kind{vmalock.VMRefcnt, vmalock.MmapLock} {
		plan, err := k.Build(env(t, lock, cpu.X86_64, 4), p)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, env(t, lock, cpu.X86_64, 4), plan)
		r.steps(t, 400000)
		if n := r.count["lock.walk.restarts"]; (n > 0) != (lock.Name != "mmap_lock") {
			t.Errorf("%s: %d walks began again", lock.Name, n)
		}
	}
}

// A reader that has found a VMA, and comes to count itself on it when it is another
// process's, leaves it alone: the other mm is pinned meanwhile.
func TestAVMAThatIsAnotherProcesssByNowIsLeftAlone(t *testing.T) {
	k, _ := workloads.Find("fault_mixed")
	p := k.Params().(*workloads.FaultMix)
	p.Processes, p.RemapCores, p.VMAs, p.WritePercent = 2, 2, 2, 0
	e := env(t, vmalock.VMRefcnt, cpu.X86_64, 4)
	plan, err := k.Build(e, p)
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, e, plan)
	field := func(vma mem.Addr, name string) uint64 {
		f, _ := e.Layout.Struct("vm_area_struct").Field(name)
		return r.m.Read(vma+mem.Addr(f.Offset), f.Size)
	}
	var found mem.Addr
	pins := 0
	r.m.OnAccess = func(a interp.Access) {
		switch {
		case a.Thread == 0 && a.Site.Proc == "mtree_walk_leaf" && a.Site.Field == "maple_range_64.slot[0]":
			found = mem.Addr(a.Old)
		case a.Thread == 0 && a.Site.Proc == "mmgrab":
			pins++
		}
	}
	for range 100 {
		r.steps(t, 5000)
		found = 0
		for step := 1; found == 0; step++ {
			if _, err := r.m.Step(0); err != nil {
				t.Fatal(err)
			}
			if step%100 == 0 { // it may wait for somebody
				r.steps(t, 400)
			}
		}
		mm := field(found, "vm_mm")
		for step := range 20_000 {
			if field(found, "vm_mm") != mm && field(found, "vm_refcnt") == 1 {
				break
			}
			if _, err := r.m.Step(1 + step%3); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Some of the finds were under mmap_lock, where nobody takes the VMA away.
	if n := r.count["lock.read.foreign"]; n < 3 || pins < n {
		t.Errorf("VMAs of another mm were met %d times, and the mm was pinned %d times", n, pins)
	}
}

func TestSignalsEndWaitsForMmapLockAndForReaders(t *testing.T) {
	k, _ := workloads.Find("fault_mixed")
	for _, percent := range []float64{0, 10} {
		p := k.Params().(*workloads.FaultMix)
		p.SignalPercent, p.WritePercent, p.ForkPercent, p.VMAs = percent, 20, 20, 2
		e := env(t, vmalock.VMRefcnt, cpu.X86_64, 4)
		plan, err := k.Build(e, p)
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, e, plan)
		ended := map[string]int{}
		r.m.OnAccess = func(a interp.Access) {
			if a.Site.Proc == "rwsem_del_wake_waiter" || a.Site.Proc == "__vma_end_exclude_readers" && a.Op.Code == cpu.Load {
				ended[a.Site.Proc]++
			}
		}
		r.steps(t, 1_000_000)
		if n := r.count["lock.interrupted"]; (n > 0) != (percent > 0) || (ended["rwsem_del_wake_waiter"] > 0) != (percent > 0) {
			t.Errorf("signals in %v %% of operations ended %d waits: %v", percent, n, ended)
		}
	}
}

// A program whose work lasts longer is what linking it anew would give.
func TestARetimedProgramIsTheOneLinkedAnew(t *testing.T) {
	retimed, others := 0, 0
	for _, k := range workloads.Kinds() {
		if _, ok := k.Params().(*workloads.UserProgram); ok {
			continue // needs a file
		}
		e := env(t, vmalock.VMRefcnt, cpu.X86_64, 2)
		plan, err := k.Build(e, k.Params())
		if err != nil {
			t.Fatal(err)
		}
		for i := range plan.Programs {
			main := &plan.Programs[i]
			link := func(params map[string]int64) *cpu.Program {
				p, err := cpu.Link(main.Proc(), cpu.LinkOptions{ISA: e.ISA, Layout: e.Layout, Params: params, Library: plan.Library})
				if err != nil {
					return nil // another number is a mistake
				}
				return p
			}
			first := link(main.Params)
			for name, n := range main.Params {
				for _, other := range []int64{0, 1, n + 1} {
					params := maps.Clone(main.Params)
					params[name] = other
					got := first.Retimed(params)
					if got == nil {
						others++
					} else if retimed++; !reflect.DeepEqual(got, link(params)) {
						t.Errorf("%s: with %s = %d instead of %d another program is linked", k.Name, name, other, n)
					}
				}
			}
		}
	}
	if retimed < 10 || others < 10 {
		t.Errorf("%d programs were retimed, %d were not", retimed, others)
	}
}
