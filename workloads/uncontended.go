package workloads

import (
	"fmt"
	"slices"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// Uncontended are the parameters of uncontended.
type Uncontended struct {
	Op string `toml:"op" oneof:"load store xadd cas cas_fail xchg inc mfence lfence sfence pause dmb_ish dmb_ishld dmb_ishst isb" doc:"the operation, back to back on a line of the thread's own; fences need an isa that has them"`
}

var uncontendedOps = []struct{ name, text string }{
	{"load", "load old, [word]"},
	{"store", "store [word], 1"},
	{"xadd", "rmw.add.acqrel old, [word], 1"},
	{"cas", "cas.acqrel old, [word], 0, 0"},
	{"cas_fail", "cas.acqrel old, [word], 1, 2"},
	{"xchg", "rmw.swap.acqrel old, [word], 0"},
	{"inc", "rmw.add.acqrel _, [word], 1"},
	{"mfence", "fence.full"},
	{"lfence", "fence.lfence"},
	{"sfence", "fence.st"},
	{"pause", "pause"},
	{"dmb_ish", "fence.full"},
	{"dmb_ishld", "fence.ld"},
	{"dmb_ishst", "fence.st"},
	{"isb", "fence.isb"},
}

// UncontendedKind is the measured loop uncontended.
var UncontendedKind = define(Kind{
	Name:   "uncontended",
	Doc:    "every thread repeats one operation on a line of its own",
	Params: func() any { return &Uncontended{Op: "xadd"} },
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*Uncontended)
		w := vmalock.NewWorld(env.Layout, env.Space)
		at, err := words(env, w, mem.PageBytes)
		if err != nil {
			return nil, err
		}
		for _, op := range uncontendedOps {
			if op.name == f.Op {
				p := bench(env, w, fill(contendText, "OP", "\t"+op.text, "THINK", ""), "op")
				for i := range p.Threads {
					p.Threads[i].bind("word", uint64(at[i]))
				}
				return p.finish(w)
			}
		}
		return nil, fmt.Errorf("workload.op = %q is unknown to uncontended", f.Op)
	},
})

// Chase are the parameters of chase.
type Chase struct {
	Bytes int `toml:"bytes" min:"64" max:"1099511627776" doc:"memory that the pointers go through, a multiple of 64; private to each thread; of more than 128 MiB, twice the largest LLC of any machine here, only so much is gone through"`
}

// mostChased is how much memory a thread goes through: more would not fit the caches
// either, and a simulated line takes a few times its bytes.
const mostChased = 1 << 27

const chaseText = `
# Follows the pointers in its lines, one per line, through all lines in a random order,
# as it has done once before the run.
program chase
	in at
again:
	mark begin op
	load at, [at]
	mark end op
	jump again
`

// ChaseKind is the measured loop chase.
var ChaseKind = define(Kind{
	Name:   "chase",
	Doc:    "every thread follows pointers through memory of its own in random order",
	Params: func() any { return &Chase{Bytes: 4096} },
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*Chase)
		if f.Bytes%mem.LineBytes != 0 {
			return nil, fmt.Errorf("workload.bytes = %d is no multiple of %d", f.Bytes, mem.LineBytes)
		}
		bytes := min(f.Bytes, mostChased)
		if bytes*env.Threads > 2*mostChased {
			return nil, fmt.Errorf("workload.bytes = %d for %d threads is more than 256 MiB", bytes, env.Threads)
		}
		w := vmalock.NewWorld(env.Layout, env.Space)
		p := bench(env, w, chaseText, "op")
		for i := range p.Threads {
			base := w.Space.NewRaw(fmt.Sprintf("chase[%d]", i), bytes, mem.PageBytes)
			lines := ring(w, base, bytes/mem.LineBytes, env.stream(i))
			p.Threads[i].bind("at", uint64(base))
			p.Walks = append(p.Walks, Walk{Thread: i, Lines: lines})
		}
		return p.finish(w)
	},
})

// ring links n lines from base into one cycle in a random order (Sattolo's
// algorithm): the first word of each line is the address of the next. It returns the
// lines in the order of the cycle.
func ring(w *vmalock.World, base mem.Addr, n int, seed uint64) []uint64 {
	mix := cpu.Op{Code: cpu.ALU, Fn: cpu.Mix}
	next := make([]int, n)
	for i := range next {
		next[i] = i
	}
	for i := n - 1; i > 0; i-- {
		seed = mix.Eval(seed, 0)
		k := int(seed % uint64(i))
		next[i], next[k] = next[k], next[i]
	}
	w.Init = slices.Grow(w.Init, n)
	for i, to := range next {
		w.Init = append(w.Init, vmalock.Word{Addr: base + mem.Addr(i*mem.LineBytes), Bytes: 8, Value: uint64(base) + uint64(to*mem.LineBytes)})
	}
	lines := make([]uint64, n)
	for i, at := 0, 0; i < n; i++ {
		lines[i], at = base.Line()+uint64(at), next[at]
	}
	return lines
}
