package workloads

import (
	"fmt"

	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// VMAPairs are the parameters of vma_pairs.
type VMAPairs struct {
	VMAs      int    `toml:"vmas" min:"1" max:"10000" doc:"VMAs, dealt out to the threads in turn"`
	Refcnt    string `toml:"refcnt" oneof:"own_line seq_line one_line" doc:"where the counts lie: 128 bytes behind vm_lock_seq; on its line; or side by side with each other, two to a line"`
	ThinkImul int    `toml:"think_imul" min:"0" max:"1000000" doc:"dependent multiplications between two pairs"`
	HoldImul  int    `toml:"hold_imul" min:"0" max:"1000000" doc:"dependent multiplications between lock and unlock"`
}

// pairText is a read lock and unlock of the bare lock words. It lacks the
// kernel's load of vm_mm, RCU and the tree: it measures the lock words, no more.
const pairText = `
# Read-locks and unlocks the bare words of a per-VMA lock.
program vma_pairs
	in seq mm_seq ref
	reg mine theirs old new seen x i
again:
	mark begin pair
	load.4 mine, [seq]
	load.4 theirs, [mm_seq]
	beq mine, theirs, out unlikely
	load.4 old, [ref]
try:
	add new, old, 1
	cas.acq.4 seen, [ref], old, new
	beq seen, old, got likely
	count lock.cas.failures
	mov old, seen
	jump try
got:
	load.4 mine, [seq]
	load.acq.4 theirs, [mm_seq]
	beq mine, theirs, raced unlikely
	count lock.read.success
{HOLD}
raced:
	rmw.add.rel.4 old, [ref], -1
out:
	mark end pair
{THINK}
	jump again
`

// pairWords are the words of vma_pairs. The objects are raw words, so that their
// distances are those of the measurement and no layout's.
type pairWords struct {
	mmSeq     mem.Addr
	seq, refs []mem.Addr
}

// placePairs places vmas VMAs of 256 bytes each and, 256 bytes from the last, the
// mm's sequence number.
func placePairs(w *vmalock.World, vmas int, refcnt string) (pairWords, error) {
	var p pairWords
	word := func(name string, align int, initial uint64) mem.Addr {
		a := w.Space.NewRaw(name, 4, align)
		w.Init = append(w.Init, vmalock.Word{Addr: a, Bytes: 4, Value: initial})
		return a
	}
	for i := range vmas {
		p.seq = append(p.seq, word(fmt.Sprintf("vma[%d].vm_lock_seq", i), 256, 0xffffffff))
		switch refcnt {
		case "own_line":
			p.refs = append(p.refs, word(fmt.Sprintf("vma[%d].vm_refcnt", i), 128, 1))
		case "seq_line":
			p.refs = append(p.refs, word(fmt.Sprintf("vma[%d].vm_refcnt", i), 4, 1))
		}
	}
	if refcnt == "one_line" {
		for i := range vmas {
			align := 32 // the second count of a line
			if i%2 == 0 {
				align = 256
			}
			p.refs = append(p.refs, word(fmt.Sprintf("vma[%d].vm_refcnt", i), align, 1))
		}
	}
	if len(p.refs) != vmas {
		return p, fmt.Errorf("workload.refcnt = %q is none of own_line, seq_line, one_line", refcnt)
	}
	p.mmSeq = word("mm.mm_lock_seq", 256, 0)
	return p, nil
}

func (w *pairWords) bind(t *Thread, vma int) {
	t.bind("seq", uint64(w.seq[vma]))
	t.bind("mm_seq", uint64(w.mmSeq))
	t.bind("ref", uint64(w.refs[vma]))
}

// VMAPairsKind is the measured loop vma_pairs.
var VMAPairsKind = define(Kind{
	Name:   "vma_pairs",
	Doc:    "read lock and unlock of the bare words of the per-VMA lock, as the hardware measurements do it",
	Params: func() any { return &VMAPairs{VMAs: 1, Refcnt: "own_line"} },
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*VMAPairs)
		w := vmalock.NewWorld(env.Layout, env.Space)
		words, err := placePairs(w, f.VMAs, f.Refcnt)
		if err != nil {
			return nil, err
		}
		p := bench(env, w, fill(pairText, "HOLD", imul("hold", f.HoldImul), "THINK", imul("think", f.ThinkImul)), "pair")
		for i := range p.Threads {
			words.bind(&p.Threads[i], i%f.VMAs)
		}
		return p.finish(w)
	},
})

// SeqWriter are the parameters of vma_pairs_vs_seq_writer.
type SeqWriter struct {
	IntervalImul int `toml:"interval_imul" min:"0" max:"1000000" doc:"dependent multiplications between two writes of mm_lock_seq"`
}

const seqWriterText = `
# Moves mm_lock_seq on by two, as a pair of write lock and unlock would.
program seq_writer
	in mm_seq
	reg seq x i
again:
	load.4 seq, [mm_seq]
	add seq, seq, 2
	store.4 [mm_seq], seq
{INTERVAL}
	jump again
`

// VMAPairsVsSeqWriter is a reader beside a thread that writes mm_lock_seq; the
// operations are the reader's.
var VMAPairsVsSeqWriter = define(Kind{
	Name:   "vma_pairs_vs_seq_writer",
	Doc:    "thread 0 runs vma_pairs, every other one writes mm_lock_seq at intervals; only the pairs count",
	Params: func() any { return &SeqWriter{IntervalImul: 16} },
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*SeqWriter)
		if err := env.need("vma_pairs_vs_seq_writer", 2); err != nil {
			return nil, err
		}
		w := vmalock.NewWorld(env.Layout, env.Space)
		words, err := placePairs(w, 1, "own_line")
		if err != nil {
			return nil, err
		}
		p := bench(env, w, fill(pairText, "HOLD", "", "THINK", ""), "pair")
		p.Programs = append(p.Programs, Program{Text: fill(seqWriterText, "INTERVAL", imul("wait", f.IntervalImul))})
		words.bind(&p.Threads[0], 0)
		for i := 1; i < len(p.Threads); i++ {
			p.Threads[i].Program = 1
			p.Threads[i].bind("mm_seq", uint64(words.mmSeq))
		}
		return p.finish(w)
	},
})
