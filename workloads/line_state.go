package workloads

import (
	"fmt"

	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// LineState are the parameters of line_state.
type LineState struct {
	State  string `toml:"state" oneof:"local_M remote_M remote_E shared_clean memory remote_wrote_then_local_read local_wrote_then_remote_read" doc:"where the lines are before they are timed: modified here or in the other core, clean there alone, in both, in no cache, ..."`
	Action string `toml:"action" oneof:"load xadd store_fence" doc:"what is timed, per line, in a dependent chain"`
	Blocks int    `toml:"blocks" min:"1" max:"64" doc:"blocks of 256 fresh lines of one 2 MiB page that are prepared and timed in turn; then the threads stop"`
}

const (
	stateLines = 256
	statePage  = 2 << 20
)

// How each state is prepared: what the other thread does to every line, and what
// this one does, in which order.
var lineStates = []struct{ name, first, local, remote string }{
	{"local_M", "local", "store", ""},
	{"remote_M", "remote", "", "store"},
	{"remote_E", "remote", "", "load"},
	{"shared_clean", "remote", "load", "load"},
	{"memory", "local", "", ""},
	{"remote_wrote_then_local_read", "remote", "load", "store"},
	{"local_wrote_then_remote_read", "local", "store", "load"},
}

var lineActions = []struct{ name, text string }{
	{"load", "load at, [at]"},
	{"xadd", "rmw.add.acqrel at, [at], 0"}, // the old value is the address of the next line
	{"store_fence", "store [at+16], 1\n\tfence.full\n\tload at, [at]"},
}

// walk goes over all lines of the block at "block" once.
func walk(label, name, do string) string {
	if do == "" {
		return ""
	}
	body := ""
	if do == "store" {
		body = "\tstore [at+8], 1\n"
	}
	return fmt.Sprintf("# %s\n\tload at, [block]\n\tmov i, 0\n%s:\n%s\tload at, [at]\n\tadd i, i, 1\n\tblt i, %d, %s likely\n\tmb\n", name, label, body, stateLines, label)
}

const lineMeasure = `
# Prepares its part of each block, waits for the helper's, then times the lines.
program line_state
	in block turn blocks
	reg at i seen
next:
	beq blocks, 0, done unlikely
{BEFORE}
	store.rel [turn], 1
	wait.eq seen, [turn], 0
{AFTER}
	mb
	load at, [block]
	mov i, 0
timed:
	mark begin op
	{ACTION}
	mark end op
	add i, i, 1
	blt i, {LINES}, timed likely
	add block, block, 64
	sub blocks, blocks, 1
	jump next
done:
	halt
`

const lineHelper = `
# Prepares the other half when it is its turn.
program line_helper
	in block turn blocks
	reg at i seen
next:
	beq blocks, 0, done unlikely
	wait.eq seen, [turn], 1
{REMOTE}
	store.rel [turn], 0
	add block, block, 64
	sub blocks, blocks, 1
	jump next
done:
	halt
`

// LineStateKind is the measured loop line_state.
var LineStateKind = define(Kind{
	Name:   "line_state",
	Doc:    "latency of a load, an atomic, or a store and fence on lines that are in a known state in two cores",
	Params: func() any { return &LineState{State: "remote_M", Action: "load", Blocks: 64} },
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*LineState)
		if err := env.exactly("line_state", 2); err != nil {
			return nil, err
		}
		action := ""
		for _, a := range lineActions {
			if a.name == f.Action {
				action = a.text
			}
		}
		if action == "" {
			return nil, fmt.Errorf("workload.action = %q is unknown to line_state", f.Action)
		}
		for _, s := range lineStates {
			if s.name != f.State {
				continue
			}
			local := walk("prepare", "its own part", s.local)
			before, after := local, ""
			if s.first == "remote" {
				before, after = "", local
			}
			w := vmalock.NewWorld(env.Layout, env.Space)
			p := bench(env, w, fill(lineMeasure, "BEFORE", before, "AFTER", after, "ACTION", action, "LINES", fmt.Sprint(stateLines)), "op")
			p.Programs = append(p.Programs, Program{Text: fill(lineHelper, "REMOTE", walk("prepare", "the other's part", s.remote))})
			p.Threads[1].Program = 1
			turn := w.Space.NewRaw("turn", 8, 128)
			// heads[i] is the address of the first line of block i, on a line of its own.
			heads := w.Space.NewRaw("heads", f.Blocks*mem.LineBytes, 128)
			lines := w.Space.NewRaw("lines", statePage, statePage)
			for b := range f.Blocks {
				first := scatter(env, w, lines, b)
				w.Init = append(w.Init, vmalock.Word{Addr: heads + mem.Addr(b*mem.LineBytes), Bytes: 8, Value: uint64(first)})
			}
			for i := range p.Threads {
				p.Threads[i].bind("block", uint64(heads))
				p.Threads[i].bind("turn", uint64(turn))
				p.Threads[i].bind("blocks", uint64(f.Blocks))
			}
			return p.finish(w)
		}
		return nil, fmt.Errorf("workload.state = %q is unknown to line_state", f.State)
	},
})

// scatter links the 256 lines of a block into a ring in random order and returns
// the first. Line k lies in the k-th 8 KiB of the page, at a place that spreads a
// block's lines evenly over cache sets, gives each block its own, and leaves the
// other line of every 128-byte pair unused.
func scatter(env *Env, w *vmalock.World, page mem.Addr, block int) mem.Addr {
	const spacing = statePage / stateLines
	place := func(a uint64) uint64 {
		k := (a - uint64(page)) / mem.LineBytes
		return uint64(page) + k*spacing + (k+2*uint64(block))*mem.LineBytes%spacing
	}
	first := len(w.Init)
	ring(w, page, stateLines, env.stream(block))
	for i := range w.Init[first:] {
		word := &w.Init[first+i]
		word.Addr, word.Value = mem.Addr(place(uint64(word.Addr))), place(word.Value)
	}
	return w.Init[first].Addr
}
