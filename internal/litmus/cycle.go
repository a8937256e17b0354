package litmus

import (
	"fmt"
	"slices"
	"strings"
)

// An edge of a cycle leads from one access to the next. Names are those of the
// literature: Rfe, Fre, Coe between threads; PodWR (po, different locations, write to
// read), PosRR (same location), DMB.SYdRW, MFencedWR, ISBdRR, DpAddrdR, DpDatadW,
// DpCtrldW, DpCtrlIsbdR within one. A word between two edges says what the access there
// is, if not a plain one: A, Q, L (ldar, ldapr, stlr) or an atomic of [atomics].
type edge struct {
	name     string
	from, to byte   // 'R' or 'W'
	external bool   // to another thread
	same     bool   // the same location
	po       bool   // program order: not a communication
	link     string // "", a fence's name, or "addr", "data", "ctrl", "ctrlisb"
}

// event is one access of a cycle.
type event struct {
	read, write bool
	kind        string // "" plain, A, Q, L, or an atomic
	in, out     *edge
	thread      int
	loc         int
	old, val    int // what the condition says it reads; what it writes
	reg         string
	status      string // of a store-conditional
}

// atomics lists the read-modify-writes by architecture, with the suffixes of their
// orders: SwpAL, ExA. StAdd and LockAdd have no result.
var atomics = map[Arch][]string{
	X86:     {"Xchg", "Xadd", "Cmpxchg", "LockAdd"},
	AArch64: {"Swp", "Add", "Cas", "StAdd", "Ex"},
}

var orders = []string{"", "A", "L", "AL"}

// atomicOf splits SwpAL into Swp and AL.
func atomicOf(a Arch, word string) (name, order string, ok bool) {
	for _, n := range atomics[a] {
		if o, found := strings.CutPrefix(word, n); found && slices.Contains(orders, o) && (a == AArch64 || o == "") {
			return n, o, n != "StAdd" || o == "" || o == "L"
		}
	}
	return "", "", false
}

var fenceNames = map[Arch][]string{X86: {"MFence"}, AArch64: {"DMB.SY", "DMB.LD", "DMB.ST", "ISB"}}

// parseEdge reads the name of an edge.
func parseEdge(a Arch, s string) (*edge, error) {
	com := map[string]string{"Rf": "WR", "Fr": "RW", "Co": "WW", "Ws": "WW"}
	if len(s) == 3 && com[s[:2]] != "" && (s[2] == 'e' || s[2] == 'i') {
		d := com[s[:2]]
		return &edge{name: s, from: d[0], to: d[1], external: s[2] == 'e', same: true}, nil
	}
	dirs := func(rest string, n int) bool {
		return len(rest) == n+1 && (rest[0] == 'd' || rest[0] == 's') && strings.Trim(rest[1:], "RW") == ""
	}
	if rest, ok := strings.CutPrefix(s, "Po"); ok && dirs(rest, 2) {
		return &edge{name: s, from: rest[1], to: rest[2], same: rest[0] == 's', po: true}, nil
	}
	for _, f := range fenceNames[a] {
		if rest, ok := strings.CutPrefix(s, f); ok && dirs(rest, 2) {
			return &edge{name: s, from: rest[1], to: rest[2], same: rest[0] == 's', po: true, link: f}, nil
		}
	}
	for _, dep := range []string{"Addr", "Data", "CtrlIsb", "Ctrl"} {
		if rest, ok := strings.CutPrefix(s, "Dp"+dep); ok && a == AArch64 && dirs(rest, 1) && (dep != "Data" || rest[1] == 'W') {
			return &edge{name: s, from: 'R', to: rest[1], same: rest[0] == 's', po: true, link: strings.ToLower(dep)}, nil
		}
	}
	known := "Rfe, Fre, Coe, Rfi, Fri, Coi, Pod and Pos with two of R, W, MFenced.."
	if a == AArch64 {
		known = "Rfe, Fre, Coe, Rfi, Fri, Coi, Pod and Pos with two of R, W, DMB.SYd.., DMB.LDd.., DMB.STd.., ISBd.., DpAddrd., DpDatadW, DpCtrld., DpCtrlIsbd."
	}
	return nil, fmt.Errorf("unknown edge %q: there are %s", s, known)
}

// parseCycle makes the accesses of a cycle.
func parseCycle(a Arch, cycle string) ([]event, error) {
	var es []event
	for _, w := range strings.Fields(cycle) {
		_, _, atomic := atomicOf(a, w)
		if atomic || a == AArch64 && (w == "A" || w == "Q" || w == "L") {
			// The word belongs to the access that the next edge leads from.
			if len(es) > 0 && es[len(es)-1].out == nil {
				return nil, fmt.Errorf("two words for one access: %s", w)
			}
			es = append(es, event{kind: w, read: atomic, write: atomic})
			continue
		}
		e, err := parseEdge(a, w)
		if err != nil {
			return nil, err
		}
		if len(es) == 0 || es[len(es)-1].out != nil {
			es = append(es, event{})
		}
		es[len(es)-1].out = e
	}
	if len(es) < 2 {
		return nil, fmt.Errorf("a cycle has two edges or more")
	}
	if last := len(es) - 1; es[last].out == nil { // a word at the end is for the first access
		if es[0].kind != "" {
			return nil, fmt.Errorf("two words for one access: %s", es[last].kind)
		}
		es[0].kind, es[0].read, es[0].write = es[last].kind, es[last].read, es[last].write
		es = es[:last]
	}
	external, threads := -1, 0
	for i := range es {
		e := &es[i]
		e.in = es[(i+len(es)-1)%len(es)].out
		if e.out.external {
			external = i
			threads++
		}
		if !e.read { // plain, or half a pair
			if e.in.to != e.out.from {
				return nil, fmt.Errorf("%s leads to %c, but %s from %c", e.in.name, e.in.to, e.out.name, e.out.from)
			}
			e.read, e.write = e.out.from == 'R', e.out.from == 'W'
			if e.read && e.kind == "L" || e.write && (e.kind == "A" || e.kind == "Q") {
				return nil, fmt.Errorf("%s does not go with %s", e.kind, e.out.name)
			}
		}
	}
	if threads < 2 {
		return nil, fmt.Errorf("a cycle has two edges between threads or more: Rfe, Fre, Coe")
	}
	es = slices.Concat(es[external+1:], es[:external+1])
	return es, place(es)
}

// place gives accesses their threads, locations and values. Along the cycle, the
// accesses to one location stand together, in coherence order.
func place(es []event) error {
	start, locs, thread := -1, 0, 0
	for i := range es {
		es[i].thread, es[i].loc = thread, locs
		if es[i].out.external {
			thread++
		}
		if !es[i].out.same {
			locs++
			start = i + 1
		}
	}
	if locs > len(locNames) || thread > maxThreads {
		return fmt.Errorf("%d locations and %d threads: up to %d and %d", locs, thread, len(locNames), maxThreads)
	}
	if locs == 1 {
		return fmt.Errorf("one edge leads to a different location, but none back")
	}
	for i := range es {
		es[i].loc %= max(locs, 1)
	}
	if locs == 0 { // a cycle that coherence forbids: it breaks at its program order
		for i := range es {
			if es[i].out.po {
				start = i + 1
			}
		}
		if start < 0 {
			return fmt.Errorf("a cycle has an edge in program order")
		}
	}
	last := map[int]int{}
	for i := range es {
		e := &es[(start+i)%len(es)]
		if i > 0 && !e.in.same {
			last[e.loc] = 0
		}
		e.old = last[e.loc]
		if e.write {
			last[e.loc]++
			e.val = last[e.loc]
		}
	}
	return nil
}
