package workloads

import (
	"fmt"

	"cohsim/vmalock"
)

// PingPong are the parameters of pingpong.
type PingPong struct {
	Op    string `toml:"op" oneof:"cas store_load" doc:"cas: both threads wait for their turn's value in one word with compare-and-swap; store_load: each stores its own flag and spins on the other's"`
	Lines int    `toml:"lines" min:"1" max:"2" doc:"store_load: the flags lie on one line or on two"`
}

const pingCAS = `
# Waits for its turn in the word and passes it on; one op is a round trip.
program ping_cas
	in word mine other
	reg seen
again:
	mark begin turn
try:
	cas.acqrel seen, [word], mine, other
	bne seen, mine, try unlikely
	mark end turn
	jump again
`

const pingFlags = `
# Stores its flag and waits for the other's; one op is a round trip.
program ping_flags
	in mine other first turn
	reg seen
	beq first, 0, answer
again:
	mark begin turn
	add turn, turn, 1
	store.rel [mine], turn
ask:
	load.acq seen, [other]
	bne seen, turn, ask unlikely
	mark end turn
	jump again
answer:
	mark begin turn
	add turn, turn, 1
wait:
	load.acq seen, [other]
	bne seen, turn, wait unlikely
	store.rel [mine], turn
	mark end turn
	jump answer
`

// PingPongKind is the measured loop pingpong.
var PingPongKind = define(Kind{
	Name:   "pingpong",
	Doc:    "two threads pass a turn back and forth; an operation is a round trip",
	Params: func() any { return &PingPong{Op: "cas", Lines: 1} },
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*PingPong)
		if err := env.exactly("pingpong", 2); err != nil {
			return nil, err
		}
		w := vmalock.NewWorld(env.Layout, env.Space)
		switch f.Op {
		case "cas":
			if f.Lines != 1 {
				return nil, fmt.Errorf("workload.lines = %d: pingpong with op \"cas\" has one word on one line", f.Lines)
			}
			word := w.Space.NewRaw("turn", 8, 128)
			p := bench(env, w, pingCAS, "turn")
			for i := range p.Threads {
				p.Threads[i].bind("word", uint64(word))
				p.Threads[i].bind("mine", uint64(i))
				p.Threads[i].bind("other", uint64(1-i))
			}
			return p.finish(w)
		case "store_load":
			align := 8
			if f.Lines == 2 {
				align = 128
			}
			a := w.Space.NewRaw("flag[0]", 8, 128)
			b := w.Space.NewRaw("flag[1]", 8, align)
			p := bench(env, w, pingFlags, "turn")
			p.Threads[0].bind("mine", uint64(a))
			p.Threads[0].bind("other", uint64(b))
			p.Threads[0].bind("first", 1)
			p.Threads[1].bind("mine", uint64(b))
			p.Threads[1].bind("other", uint64(a))
			return p.finish(w)
		}
		return nil, fmt.Errorf("workload.op = %q is neither cas nor store_load", f.Op)
	},
})

// Alternate are the parameters of alternate.
type Alternate struct {
	Op string `toml:"op" oneof:"cas load_cas" doc:"how a thread waits for its turn: by compare-and-swap at once, or by loads and then one"`
}

const alternateText = `
# Increments the word whenever its parity is this thread's.
program alternate
	in word turn
	reg next seen
again:
	mark begin op
	add next, turn, 1
wait:
{LOOK}
	cas.acqrel seen, [word], turn, next
	bne seen, turn, wait unlikely
	add turn, turn, 2
	mark end op
	jump again
`

// AlternateKind is the measured loop alternate.
var AlternateKind = define(Kind{
	Name:   "alternate",
	Doc:    "two threads increment one word in turn; an operation is an increment",
	Params: func() any { return &Alternate{Op: "cas"} },
	Build: func(env *Env, params any) (*Plan, error) {
		f := params.(*Alternate)
		if err := env.exactly("alternate", 2); err != nil {
			return nil, err
		}
		look := ""
		switch f.Op {
		case "load_cas":
			look = "\tload seen, [word]\n\tbne seen, turn, wait unlikely"
		case "cas":
		default:
			return nil, fmt.Errorf("workload.op = %q is neither cas nor load_cas", f.Op)
		}
		text := fill(alternateText, "LOOK", look)
		w := vmalock.NewWorld(env.Layout, env.Space)
		word := w.Space.NewRaw("word", 8, 128)
		p := bench(env, w, text, "op")
		for i := range p.Threads {
			p.Threads[i].bind("word", uint64(word))
			p.Threads[i].bind("turn", uint64(i))
		}
		return p.finish(w)
	},
})

// Ticket are the parameters of ticket_lock: it has none.
type Ticket struct{}

const ticketText = `
# Takes a ticket, waits to be served, increments a word, calls the next.
program ticket_lock
	in lock word
	reg mine serving value
again:
	mark begin section
	rmw.add.acq.4 mine, [lock], 1
spin:
	load.acq.4 serving, [lock+4]
	bne serving, mine, spin unlikely
	load value, [word]
	add value, value, 1
	store [word], value
	add serving, serving, 1
	store.rel.4 [lock+4], serving
	mark end section
	jump again
`

// TicketLock is the measured loop ticket_lock.
var TicketLock = define(Kind{
	Name:   "ticket_lock",
	Doc:    "every thread enters a short section under one ticket lock, again and again",
	Params: func() any { return &Ticket{} },
	Build: func(env *Env, _ any) (*Plan, error) {
		w := vmalock.NewWorld(env.Layout, env.Space)
		lock := w.Space.NewRaw("lock", 8, 128)
		word := w.Space.NewRaw("word", 8, 128)
		p := bench(env, w, ticketText, "section")
		for i := range p.Threads {
			p.Threads[i].bind("lock", uint64(lock))
			p.Threads[i].bind("word", uint64(word))
		}
		return p.finish(w)
	},
})
