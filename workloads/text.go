package workloads

import (
	"fmt"
	"strings"

	"cohsim/cpu"
	"cohsim/vmalock"
)

// mainProc parses the text of a main program. It panics on an error, because the
// text is ours; what a user writes goes through cpu.Parse.
func mainProc(text string) *cpu.Proc {
	procs, err := cpu.Parse("workloads", []byte(text))
	if err != nil {
		panic(fmt.Sprintf("workloads: %v\n%s", err, text))
	}
	return procs[0]
}

// imul is a loop of n dependent multiplications, as the measured benchmarks have
// it: per step a multiplication, an increment, a compare-and-branch. The chain
// starts from a constant, so a window may overlap it with what came before.
// label must be unique in the program, which declares the registers x and i.
func imul(label string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(`
	mov x, 0x9e3779b1
	mov i, 0
%s:
	mul x, x, 0x5851f42d
	add i, i, 1
	blt i, %d, %s likely
`, label, n, label)
}

// fill replaces {NAME} by text, for programs whose shape depends on parameters.
func fill(text string, pairs ...string) string {
	for i := range pairs {
		if i%2 == 0 {
			pairs[i] = "{" + pairs[i] + "}"
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// newWorld is an empty world for the lock.
func newWorld(env *Env) *vmalock.World {
	w := vmalock.NewWorld(env.Layout, env.Space)
	w.SeqBits, w.Grace = env.Lock.Options.SeqBits, env.Lock.Grace
	return w
}

// plan starts a Plan on a world that has a task per thread.
func plan(env *Env, w *vmalock.World, ops ...string) *Plan {
	p := &Plan{Ops: ops}
	for i := range env.Threads {
		t := w.AddTask()
		if env.Cores > 0 && i >= env.Cores {
			w.ShareCPU(t, p.Threads[i-env.Cores].Task)
		}
		p.Threads = append(p.Threads, Thread{Task: t})
	}
	return p
}

// finish takes the initial values from the world, and its error.
func (p *Plan) finish(w *vmalock.World) (*Plan, error) {
	if err := w.Finish(); err != nil {
		return nil, err
	}
	p.Init = w.Init
	return p, nil
}

// bind gives a thread's register its initial value.
func (t *Thread) bind(name string, value uint64) {
	t.Bind = append(t.Bind, Bind{Name: name, Value: value})
}

// bindStream starts a thread's register with stream n of the seed.
func (t *Thread) bindStream(name string, n int) {
	t.Bind = append(t.Bind, Bind{name, uint64(n), true})
}

// bench is a plan of a micro-benchmark in which every thread runs the same text.
func bench(env *Env, w *vmalock.World, text, op string) *Plan {
	p := plan(env, w, op)
	p.Programs = []Program{{Text: userAtomics(env, text)}}
	return p
}

func hex(v uint64) string { return fmt.Sprintf("%#x", v) }
