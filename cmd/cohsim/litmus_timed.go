package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"cohsim/cpu"
	"cohsim/internal/litmus"
	"cohsim/internal/machine"
	"cohsim/internal/mem"
	"cohsim/internal/sim"
	"cohsim/internal/sweep"
)

// Registers that no test uses: what a warm-up load returns, and where results go.
const (
	timedScratch cpu.Reg = 62
	timedResults cpu.Reg = 63
)

// timedRuns runs a test on the simulated cores, one run per seed, and counts what came
// out. From run to run everything differs that [timedRun] draws.
func timedRuns(t *litmus.Test, model *cpu.Model, runs int) (timedSeen, error) {
	s := timedSeen{runs: runs, seen: map[litmus.Outcome]int{}}
	for seed := 1; seed <= runs; seed++ {
		o, err := timedRun(t, model, uint64(seed))
		var aborted *machine.Aborted
		switch {
		case errors.As(err, &aborted):
			s.stuck = append(s.stuck, seed)
		case err != nil:
			return s, fmt.Errorf("%s, seed %d: %w", t.Name, seed, err)
		default:
			s.seen[o]++
		}
	}
	return s, nil
}

// timedSeen is what the runs of one test came to.
type timedSeen struct {
	runs  int
	seen  map[litmus.Outcome]int
	stuck []int // seeds of runs that did not end within timedLimit
}

// timedLimit is far more cycles than a litmus test takes.
const timedLimit = 2_000_000

// timedConfig draws a machine. Its caches are just large enough for a test: building them
// is most of what a run costs.
func timedConfig(t *litmus.Test, model *cpu.Model, rnd *sim.Rand) machine.Config {
	cfg := machine.DefaultConfig()
	cfg.ISA, cfg.MemoryModel = t.ISA.String(), model.Name
	cfg.Protocol.FarAtomics = t.ISA == cpu.ARM64LSE
	cfg.L1.Bytes, cfg.L2.Bytes, cfg.LLC.Bytes = 2<<10, 4<<10, 32<<10
	cfg.Core.Window = []int{224, 224, 64, 8}[rnd.Intn(4)]
	cfg.Core.StoreMerge = rnd.Intn(4) == 0
	if rnd.Intn(4) == 0 {
		cfg.Core.AtomicLoads = "speculate"
	}
	if rnd.Intn(4) == 0 {
		cfg.Topology.ThreadsPerCore = 2
	}
	cfg.Core.StorePrefetch = []string{"address", "address", "retire"}[rnd.Intn(3)] // early asks let stores pass each other more often
	return cfg
}

// timedRun is one run. Its seed decides the cores and whether some of them share caches,
// the window, the place of locations in their lines and whether they share one, the lines
// that caches start with, the moment at which each thread starts, and the delays of
// messages.
func timedRun(t *litmus.Test, model *cpu.Model, seed uint64) (litmus.Outcome, error) {
	rnd := sim.NewRand(seed, 0, 7)
	cfg := timedConfig(t, model, &rnd)
	watch := &timedWatch{test: t, vals: make([]uint64, len(t.Observe)), final: map[uint64]uint64{}}
	setup := machine.Setup{Config: cfg, Space: mem.NewSpace(&mem.Layout{Name: "litmus"}), Seed: seed, Judge: watch, LimitCycles: timedLimit}
	if rnd.Intn(2) == 0 {
		setup.ChaosNS = float64(rnd.Intn(200))
	}
	together := rnd.Intn(8) == 0 && len(t.Locs) <= mem.LineBytes/8
	var at mem.Addr
	for i, l := range t.Locs {
		if i == 0 || !together {
			at = setup.Space.NewRaw(l.Name, mem.LineBytes, mem.LineBytes)
		}
		slot := i
		if !together {
			slot = rnd.Intn(mem.LineBytes / 8)
		}
		a := at + mem.Addr(8*slot)
		watch.addr = append(watch.addr, uint64(a))
		watch.final[uint64(a)] = t.Word(l.Init)
		setup.Init = append(setup.Init, machine.Word{Addr: a, Bytes: t.Bytes, Value: t.Word(l.Init)})
	}
	cores := cfg.Topology.Threads()
	if rnd.Intn(4) == 0 {
		cores = max(len(t.Threads), 4) // close to each other
	}
	for i := range t.Threads {
		results := setup.Space.NewRaw(fmt.Sprintf("results%d", i), 64*((len(t.Observe)*8+63)/64+1), 64)
		setup.Threads = append(setup.Threads, timedThread(t, i, watch.addr, results, &rnd))
		for {
			if c := rnd.Intn(cores); !slices.Contains(setup.Place, c) {
				setup.Place = append(setup.Place, c)
				break
			}
		}
	}
	m, err := machine.New(setup)
	if err != nil {
		return "", err
	}
	if _, err := m.Simulate(); err != nil {
		return "", err
	}
	for i, v := range t.Observe {
		if v.Thread < 0 {
			watch.vals[i] = watch.final[watch.addr[v.Loc]]
		}
	}
	return t.OutcomeOf(watch.vals, watch.addr), nil
}

// timedThread is a thread of a test between a warm-up and stores of what its registers
// hold at the end.
func timedThread(t *litmus.Test, n int, addr []uint64, results mem.Addr, rnd *sim.Rand) machine.Thread {
	th := &t.Threads[n]
	p := &cpu.Program{Name: fmt.Sprintf("P%d", n), ISA: t.ISA, Bind: map[string]cpu.Reg{}, RegName: make([]string, cpu.NumRegs)}
	emit := func(op cpu.Op, text string, ghosts ...cpu.Ghost) {
		op.Site = int32(len(p.Sites))
		if len(ghosts) > 0 {
			op.Flags |= cpu.Ghosted
		}
		p.Ops = append(p.Ops, op)
		p.Sites = append(p.Sites, cpu.Site{Proc: p.Name, Text: text, Region: -1, Ghosts: ghosts})
	}
	none := cpu.Op{Dst: cpu.NoReg, A: cpu.NoReg, B: cpu.NoReg, C: cpu.NoReg}
	make := func(code cpu.Code, fn cpu.Fn) cpu.Op {
		op := none
		op.Code, op.Fn = code, fn
		return op
	}
	regs := []machine.RegValue{{Reg: cpu.TaskReg, Value: uint64(results)}, {Reg: timedResults, Value: uint64(results)}}
	for _, a := range addr {
		base := make(cpu.ALU, cpu.Mov)
		base.Dst, base.Imm = timedScratch, int64(a)
		warm := make(cpu.Load, cpu.FnNone)
		switch rnd.Intn(4) {
		case 0, 1: // absent, unless another thread's access brings it
			continue
		case 2:
			warm.Dst = timedScratch
		case 3:
			warm = make(cpu.Prefetch, cpu.ForWrite)
		}
		warm.A = timedScratch
		emit(base, "warm-up")
		emit(warm, "warm-up")
	}
	work := make(cpu.ALU, cpu.Work)
	work.Imm = int64(600 + rnd.Intn(300))
	emit(work, "start")
	emit(make(cpu.Fence, cpu.Full), "start")
	shift := int32(len(p.Ops))
	for i, op := range th.Ops {
		switch op.Code {
		case cpu.Branch:
			op.Off += shift
		case cpu.Halt: // on to the results
			op = make(cpu.Branch, cpu.Always)
			op.Off = shift + int32(len(th.Ops))
		}
		switch op.Code {
		case cpu.Store, cpu.RMW, cpu.StoreExcl: // the judge follows memory
			emit(op, th.Text[i], cpu.Ghost{Event: "store", Reg: op.A, ID: 0})
		default:
			emit(op, th.Text[i])
		}
	}
	for i, v := range t.Observe {
		if v.Thread == n {
			st := make(cpu.Store, cpu.FnNone)
			st.Flags, st.A, st.B, st.Off = cpu.Size8, timedResults, v.Reg, int32(8*i)
			emit(st, "result", cpu.Ghost{Event: "result", Reg: timedResults, ID: int32(i + 1)})
		}
	}
	emit(make(cpu.Halt, cpu.FnNone), "halt")
	for _, r := range th.Init {
		v := uint64(r.Value)
		if r.Loc >= 0 {
			v = addr[r.Loc]
		}
		regs = append(regs, machine.RegValue{Reg: r.Reg, Value: v})
	}
	return machine.Thread{Program: p, Regs: regs}
}

// timedWatch sees every store of a run in the order in which memory changes.
type timedWatch struct {
	test  *litmus.Test
	addr  []uint64
	vals  []uint64
	final map[uint64]uint64
}

// Observe implements machine.Judge.
func (w *timedWatch) Observe(_ int64, _ int, event int32, obj mem.Addr, _, new uint64) error {
	if event > 0 {
		w.vals[event-1] = new
	} else {
		w.final[uint64(obj)] = new
	}
	return nil
}

// enoughRuns of a test show most of what the cores can show: outcomes that come in one
// run of a hundred are common.
const enoughRuns = 1000

// tooFewRuns is a hint for those who miss outcomes that more runs may show, or "".
func tooFewRuns(rows []litmusRow, runs int) string {
	weak, unseen := 0, 0
	for i := range rows {
		weak += len(rows[i].weak)
		for _, o := range rows[i].weak {
			if rows[i].timed.seen[o] == 0 {
				unseen++
			}
		}
	}
	if unseen == 0 || runs >= enoughRuns {
		return ""
	}
	return fmt.Sprintf("%d of the %d weak outcomes that the models allow did not show; most take hundreds of runs: --timed %d", unseen, weak, enoughRuns)
}

// timedAll runs every test on the cores, as many at a time as the host has processors.
func timedAll(ctx context.Context, rows []litmusRow, runs int, progress func(sweep.Progress)) error {
	// A machine lives for some microseconds of work and is garbage then.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	one := func(_ context.Context, i int) (timedSeen, error) {
		return timedRuns(rows[i].result.Test, rows[i].result.Model, runs)
	}
	return sweep.Run(ctx, len(rows), sweep.Options{Progress: progress}, one, func(i int, s timedSeen) error {
		rows[i].timed = s
		for o := range s.seen {
			if !slices.Contains(rows[i].result.Outcomes, o) {
				rows[i].failed = fmt.Sprintf("the cores showed %s, which the model forbids", o)
			}
		}
		return nil
	})
}
