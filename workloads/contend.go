package workloads

import (
	"fmt"

	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// Contend are the parameters of contend.
type Contend struct {
	Op        string `toml:"op" oneof:"xadd load_cas inc_dec plain_add store load" doc:"what every thread repeats; load_cas: load, compare-and-swap +1 with retry; inc_dec: atomic +1 then -1; plain_add: load, add, store"`
	Stride    int    `toml:"stride_bytes" min:"0" max:"1048576" doc:"distance of the threads' words, a multiple of 8: 0 one word, 8 one line, 64 the lines of a pair, 4096 far apart"`
	ThinkImul int    `toml:"think_imul" min:"0" max:"1000000" doc:"dependent multiplications between two operations"`
}

var contendOps = []struct{ name, text string }{
	{"xadd", `
	rmw.add.acqrel old, [word], 1`},
	{"load_cas", `
	load old, [word]
try:
	add new, old, 1
	cas.acqrel seen, [word], old, new
	beq seen, old, got likely
	count lock.cas.failures
	mov old, seen
	jump try
got:`},
	{"inc_dec", `
	rmw.add.acqrel _, [word], 1
	rmw.add.acqrel _, [word], -1`},
	{"plain_add", `
	load old, [word]
	add old, old, 1
	store [word], old`},
	{"store", `
	store [word], 1`},
	{"load", `
	load old, [word]`},
}

const contendText = `
# Repeats one operation on a word.
program contend
	in word
	reg old new seen x i
again:
	mark begin op
{OP}
	mark end op
{THINK}
	jump again
`

// words places one 8-byte word per thread, stride bytes apart.
func words(env *Env, w *vmalock.World, stride int) ([]mem.Addr, error) {
	if stride%8 != 0 {
		return nil, fmt.Errorf("workload.stride_bytes = %d is no multiple of 8, the size of a word", stride)
	}
	// One object, aligned to a page so that a stride of 64 stays within pairs of
	// lines; the words are where they are, whatever the number of threads.
	base := w.Space.NewRaw("words", stride*(env.Threads-1)+8, mem.PageBytes)
	out := make([]mem.Addr, env.Threads)
	for i := range out {
		out[i] = base + mem.Addr(i*stride)
	}
	return out, nil
}

// ContendKind is the measured loop contend.
var ContendKind = define(Kind{
	Name:   "contend",
	Doc:    "every thread repeats one operation on its word; words are a stride apart",
	Params: func() any { return &Contend{Op: "xadd"} },
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*Contend)
		w := vmalock.NewWorld(env.Layout, env.Space)
		at, err := words(env, w, f.Stride)
		if err != nil {
			return nil, err
		}
		for _, op := range contendOps {
			if op.name == f.Op {
				p := bench(env, w, fill(contendText, "OP", op.text, "THINK", imul("think", f.ThinkImul)), "op")
				for i := range p.Threads {
					p.Threads[i].bind("word", uint64(at[i]))
				}
				return p.finish(w)
			}
		}
		return nil, fmt.Errorf("workload.op = %q is unknown to contend", f.Op)
	},
})

// LoadNext are the parameters of load_next_to.
type LoadNext struct {
	Writer string `toml:"writer" oneof:"store xadd" doc:"how the other thread writes"`
	Stride int    `toml:"stride_bytes" min:"8" max:"1048576" doc:"distance of the two words, a multiple of 8"`
}

// LoadNextTo is a loader beside a writer; the operations are the loader's.
var LoadNextTo = define(Kind{
	Name:   "load_next_to",
	Doc:    "thread 0 loads a word, thread 1 writes one next to it; only the loads count",
	Params: func() any { return &LoadNext{Writer: "store", Stride: 8} },
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*LoadNext)
		if err := env.exactly("load_next_to", 2); err != nil {
			return nil, err
		}
		w := vmalock.NewWorld(env.Layout, env.Space)
		at, err := words(env, w, f.Stride)
		if err != nil {
			return nil, err
		}
		write := "store [word], 1"
		switch f.Writer {
		case "xadd":
			write = "rmw.add.acqrel old, [word], 1"
		case "store":
		default:
			return nil, fmt.Errorf("workload.writer = %q is neither store nor xadd", f.Writer)
		}
		p := bench(env, w, fill(contendText, "OP", "\tload old, [word]", "THINK", ""), "op")
		p.Programs = append(p.Programs, Program{Text: userAtomics(env, "program next_writer\n\tin word\n\treg old\nagain:\n\t"+write+"\n\tjump again\n")})
		p.Threads[1].Program = 1
		for i := range p.Threads {
			p.Threads[i].bind("word", uint64(at[i]))
		}
		return p.finish(w)
	},
})
