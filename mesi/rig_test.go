package mesi

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rig holds a protocol, one line per cache and the home's entry.
type rig struct {
	t    testing.TB
	p    *Protocol
	line []Line
	home Entry
	out  Out
}

func newRig(t testing.TB, name string, caches int, set func(*Options)) *rig {
	t.Helper()
	o := DefaultOptions(name)
	if set != nil {
		set(&o)
	}
	p, err := New(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t: t, p: p, line: make([]Line, caches), home: NewEntry()}
}

func (r *rig) core(c Node, ev CoreEvent) (Effect, []Msg) {
	r.out.Msgs = r.out.Msgs[:0]
	f := r.p.Core(&r.line[c], ev, c, &r.out)
	return f, slices.Clone(r.out.Msgs)
}

func (r *rig) send(m Msg) (Effect, []Msg) { return r.sendMigrate(m, false) }

func (r *rig) sendMigrate(m Msg, migrate bool) (Effect, []Msg) {
	r.out.Msgs = r.out.Msgs[:0]
	var f Effect
	if m.Type.ToHome() {
		f = r.p.Home(&r.home, &m, &r.out)
	} else {
		f = r.p.Cache(&r.line[m.To], &m, migrate, m.To, &r.out)
	}
	return f, slices.Clone(r.out.Msgs)
}

// settle runs a core event and everything that follows from it, oldest message first.
func (r *rig) settle(c Node, ev CoreEvent) {
	r.t.Helper()
	_, bag := r.core(c, ev)
	for n := 0; len(bag) > 0; n++ {
		if n > 10000 {
			r.t.Fatal("messages without end")
		}
		_, more := r.send(bag[0])
		bag = append(bag[1:], more...)
	}
}

func (r *rig) want(got []Msg, want ...Msg) {
	r.t.Helper()
	if !slices.Equal(got, want) {
		r.t.Errorf("messages\n got %v\nwant %v", text(got), text(want))
	}
}

func (r *rig) wantState(c Node, s State) {
	r.t.Helper()
	if r.line[c].State != s {
		r.t.Errorf("cache %v is in %v, want %v", c, r.line[c].State, s)
	}
}

func (r *rig) wantEffect(got, want Effect) {
	r.t.Helper()
	if got != want {
		r.t.Errorf("effect %v, want %v", got, want)
	}
}

func text(ms []Msg) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "\n   %v %v->%v req %v acks %d data %d", m.Type, m.From, m.To, m.Req, m.Acks, m.Data)
	}
	return b.String()
}
