package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"cohsim/cpu"
	"cohsim/internal/litmus"
	"cohsim/internal/machine"
	"cohsim/internal/mem"
	"cohsim/internal/sim"
)

// Registers that no test uses: what a warm-up load returns, and where results go.
const (
	timedScratch cpu.Reg = 62
	timedResults cpu.Reg = 63
)

// timedRuns runs a test on the simulated cores, one run per seed, and counts what came
// out. From run to run the cores, the lines that their caches start with, the moment at
// which each thread starts and the delays of messages differ.
// Stuck lists the seeds of runs that did not end within [timedLimit].
func timedRuns(t *litmus.Test, model *cpu.Model, runs int) (seen map[litmus.Outcome]int, stuck []int, err error) {
	seen = map[litmus.Outcome]int{}
	for seed := 1; seed <= runs; seed++ {
		o, err := timedRun(t, model, uint64(seed))
		var aborted *machine.Aborted
		switch {
		case errors.As(err, &aborted):
			stuck = append(stuck, seed)
		case err != nil:
			return nil, nil, fmt.Errorf("%s, seed %d: %w", t.Name, seed, err)
		default:
			seen[o]++
		}
	}
	return seen, stuck, nil
}

// timedLimit is far more cycles than a litmus test takes.
const timedLimit = 2_000_000

func timedRun(t *litmus.Test, model *cpu.Model, seed uint64) (litmus.Outcome, error) {
	rnd := sim.NewRand(seed, 0, 7)
	cfg := machine.DefaultConfig()
	isa := cpu.X86_64
	cfg.ISA, cfg.MemoryModel = "x86-64", model.Name
	if t.Arch == litmus.AArch64 {
		isa, cfg.ISA = cpu.ARM64LSE, "arm64-lse"
	}
	watch := &timedWatch{test: t, vals: make([]uint64, len(t.Observe)), final: map[uint64]uint64{}}
	setup := machine.Setup{Config: cfg, Space: mem.NewSpace(&mem.Layout{Name: "litmus"}), Seed: seed, Judge: watch, LimitCycles: timedLimit}
	if rnd.Intn(2) == 0 {
		setup.ChaosNS = float64(rnd.Intn(200))
	}
	for _, l := range t.Locs {
		a := setup.Space.NewRaw(l.Name, 64, 64)
		watch.addr = append(watch.addr, uint64(a))
		watch.final[uint64(a)] = uint64(uint32(l.Init))
		setup.Init = append(setup.Init, machine.Word{Addr: a, Bytes: 4, Value: uint64(uint32(l.Init))})
	}
	cores := cfg.Topology.Sockets * cfg.Topology.L3PerSocket * cfg.Topology.CoresPerL3 * cfg.Topology.ThreadsPerCore
	for i := range t.Threads {
		results := setup.Space.NewRaw(fmt.Sprintf("results%d", i), 64*((len(t.Observe)*8+63)/64+1), 64)
		setup.Threads = append(setup.Threads, timedThread(t, i, isa, watch.addr, results, &rnd))
		for {
			if c := int(rnd.Intn(cores)); !slices.Contains(setup.Place, c) {
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
func timedThread(t *litmus.Test, n int, isa cpu.ISA, addr []uint64, results mem.Addr, rnd *sim.Rand) machine.Thread {
	th := &t.Threads[n]
	p := &cpu.Program{Name: fmt.Sprintf("P%d", n), ISA: isa, Bind: map[string]cpu.Reg{}, RegName: make([]string, cpu.NumRegs)}
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
		if rnd.Intn(2) == 0 {
			base := make(cpu.ALU, cpu.Mov)
			base.Dst, base.Imm = timedScratch, int64(a)
			emit(base, "warm-up")
			load := make(cpu.Load, cpu.FnNone)
			load.Dst, load.A = timedScratch, timedScratch
			emit(load, "warm-up")
		}
	}
	work := make(cpu.ALU, cpu.Work)
	work.Imm = int64(600 + rnd.Intn(300))
	emit(work, "start")
	emit(make(cpu.Fence, cpu.Full), "start")
	shift := int32(len(p.Ops))
	for i, op := range th.Ops {
		if op.Code == cpu.Branch {
			op.Off += shift
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

// timedAll runs every test on the cores, as many at a time as the host has processors.
func timedAll(rows []litmusRow, runs int) error {
	errs := make([]error, len(rows))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(rows); i = int(next.Add(1)) - 1 {
				rows[i].seen, rows[i].stuck, errs[i] = timedRuns(rows[i].result.Test, rows[i].result.Model, runs)
			}
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil {
			return err
		}
		for o := range rows[i].seen {
			if !slices.Contains(rows[i].result.Outcomes, o) {
				rows[i].failed = fmt.Sprintf("the cores showed %s, which the model forbids", o)
			}
		}
	}
	return nil
}
