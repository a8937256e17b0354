package litmus

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"cohsim/cpu"
)

// Arch is the instruction set of a test.
type Arch uint8

const (
	X86 Arch = iota
	AArch64
)

// String is the word that a test of the architecture begins with.
func (a Arch) String() string { return [...]string{"X86_64", "AArch64"}[a] }

// ISA is the instruction set by the name that machines have.
func (a Arch) ISA() cpu.ISA { return [...]cpu.ISA{cpu.X86_64, cpu.ARM64LSE}[a] }

// Word cuts a value to the width of a location.
func (t *Test) Word(v int64) uint64 {
	if t.Bytes == 4 {
		return uint64(uint32(v))
	}
	return uint64(v)
}

// number is a word as people write it.
func (t *Test) number(v uint64) int64 {
	if t.Bytes == 4 {
		return int64(int32(v))
	}
	return int64(v)
}

// Model is the memory model of the test's instruction set.
func (t *Test) Model() *cpu.Model {
	if t.ISA == cpu.X86_64 {
		return cpu.TSO
	}
	return cpu.ARMv8
}

// Test is one litmus test.
type Test struct {
	Name    string
	File    string
	Suite   string // the folder it lies in
	ISA     cpu.ISA
	Arch    string // the instruction set as the test's format calls it
	Bytes   int    // width of every location
	Threads []Thread
	Locs    []Loc
	Observe []Var // what an outcome consists of: of the condition and "locations"
	Quant   string
	Cond    Cond
}

// FileName is the name of the test's file without its ending.
func (t *Test) FileName() string {
	name := filepath.Base(t.File)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// Shape is the family that a test's name says it belongs to, as in "MP+dmb.sy+addr": what
// stands before the first "+". A test with another kind of name goes by its suite.
func (t *Test) Shape() string {
	name := t.FileName()
	for _, s := range []string{"2+2W", "W+RWC", "W+RW"} { // have a "+" of their own
		if strings.HasPrefix(name, s) {
			return s
		}
	}
	if shape, _, ok := strings.Cut(name, "+"); ok {
		return shape
	}
	return t.Suite
}

// Thread is one thread of a test.
type Thread struct {
	Ops  []cpu.Op
	Text []string // the instruction that each op belongs to
	Init []RegInit
}

// RegInit gives a register its first value: a number, or the address of a location.
type RegInit struct {
	Reg   cpu.Reg
	Value int64
	Loc   int // index into Locs, -1 if Value counts
}

// Loc is a location, one word.
type Loc struct {
	Name string
	Init int64
}

// location is the number of a location, -1 if the test has none of that name.
func (t *Test) location(name string) int {
	return slices.IndexFunc(t.Locs, func(l Loc) bool { return l.Name == name })
}

// Var is a register of a thread, "0:X1", or with Thread < 0 a location, "[x]".
type Var struct {
	Thread int
	Name   string
	Reg    cpu.Reg
	Loc    int
}

func (v Var) String() string {
	if v.Thread < 0 {
		return "[" + v.Name + "]"
	}
	return fmt.Sprintf("%d:%s", v.Thread, v.Name)
}

// compareVars orders registers by thread, then locations.
func compareVars(a, b Var) int {
	return cmp.Or(cmp.Compare(uint(a.Thread), uint(b.Thread)), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name))
}

// Outcome is a set of assignments in one text: "0:X1=0; 1:X0=1; [x]=2".
type Outcome string

// outcomeOf writes assignments in their canonical order.
func outcomeOf(parts []string) Outcome {
	slices.SortFunc(parts, func(a, b string) int {
		if la, lb := strings.HasPrefix(a, "["), strings.HasPrefix(b, "["); la != lb {
			if la {
				return 1
			}
			return -1
		}
		an, _, _ := strings.Cut(a, "=")
		bn, _, _ := strings.Cut(b, "=")
		ta, _, _ := strings.Cut(an, ":")
		tb, _, _ := strings.Cut(bn, ":")
		return cmp.Or(cmp.Compare(len(ta), len(tb)), cmp.Compare(ta, tb), cmp.Compare(len(an), len(bn)), cmp.Compare(an, bn))
	})
	return Outcome(strings.Join(slices.Compact(parts), "; "))
}

// ParseOutcome reads "[x]=1; 0:X0=2;".
func ParseOutcome(s string) Outcome {
	var parts []string
	for p := range strings.SplitSeq(s, ";") {
		if p = strings.ReplaceAll(strings.TrimSpace(p), " ", ""); p != "" {
			parts = append(parts, p)
		}
	}
	return outcomeOf(parts)
}

// names returns what an outcome assigns to.
func (o Outcome) names() []string {
	var ns []string
	for p := range strings.SplitSeq(string(o), "; ") {
		n, _, _ := strings.Cut(p, "=")
		ns = append(ns, n)
	}
	return ns
}

// project keeps the assignments to names.
func (o Outcome) project(names []string) Outcome {
	var parts []string
	for p := range strings.SplitSeq(string(o), "; ") {
		if n, _, _ := strings.Cut(p, "="); slices.Contains(names, n) {
			parts = append(parts, p)
		}
	}
	return outcomeOf(parts)
}

// Cond is a condition on an outcome.
type Cond struct {
	Op   CondOp
	Kids []Cond
	Var  Var   // CondEq
	Val  int64 // CondEq
	Loc  int   // CondEq: the value is the address of this location; -1 if Val counts
}

// CondOp is the kind of a condition.
type CondOp uint8

const (
	CondTrue CondOp = iota
	CondEq
	CondAnd
	CondOr
	CondNot
)

// holds evaluates the condition, given the value of each variable as a number and where
// the locations lie.
func (c *Cond) holds(value func(Var) int64, addr []uint64) bool {
	switch c.Op {
	case CondEq:
		want := c.Val
		if c.Loc >= 0 {
			want = int64(addr[c.Loc])
		}
		return value(c.Var) == want
	case CondAnd:
		for i := range c.Kids {
			if !c.Kids[i].holds(value, addr) {
				return false
			}
		}
	case CondOr:
		for i := range c.Kids {
			if c.Kids[i].holds(value, addr) {
				return true
			}
		}
		return false
	case CondNot:
		return !c.Kids[0].holds(value, addr)
	}
	return true
}

func (c *Cond) String() string {
	join := func(op string) string {
		var parts []string
		for i := range c.Kids {
			s := c.Kids[i].String()
			if c.Kids[i].Op == CondAnd || c.Kids[i].Op == CondOr {
				s = "(" + s + ")"
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, op)
	}
	switch c.Op {
	case CondEq:
		return fmt.Sprintf("%v=%d", c.Var, c.Val)
	case CondAnd:
		return join(" /\\ ")
	case CondOr:
		return join(" \\/ ")
	case CondNot:
		return "~(" + c.Kids[0].String() + ")"
	}
	return "true"
}

// vars adds the variables of the condition to vs.
func (c *Cond) vars(vs []Var) []Var {
	if c.Op == CondEq {
		vs = append(vs, c.Var)
	}
	for i := range c.Kids {
		vs = c.Kids[i].vars(vs)
	}
	return vs
}
