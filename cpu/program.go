package cpu

import "slices"

// A Proc is a program as written: symbolic operands, labels, calls. It comes
// from .uop text (Parse) or from Go code, and prints back to text (Proc.String).
// Link turns a main Proc and the Procs it calls into a Program.
type Proc struct {
	Name   string
	File   string // where it was written, for errors
	Line   int
	Doc    string   // the comment block above "program"
	Roles  []Role   // registers that point to structs
	Ins    []string // further input registers, in call order after the roles
	Outs   []string // result registers
	Regs   []string // locals
	Types  []Role   // ins, outs and locals that point to structs: "reg vma:vm_area_struct"
	Params []string // named constants bound at link time (workload parameters)
	Consts []Const
	Exits  []string // named ways out; empty for a main program, which loops or halts
	Insts  []Inst
}

// Role is a register that points to an object of a struct.
type Role struct {
	Name, Struct string
}

// Const is a named constant of a Proc.
type Const struct {
	Name  string
	Value int64
}

// Inst is one written instruction.
type Inst struct {
	Labels []string // labels that stand before it
	Name   string   // mnemonic with suffixes, e.g. "cas.acq"
	Args   []Operand
	Hint   string // "likely", "unlikely" or ""
	Ghosts []GhostText
	Call   *Call // for "call"
	Line   int
	Col    int
	Doc    string // comment lines above
	Note   string // trailing comment
	Source string // the line as written, for errors
}

// OperandKind tells the forms of an operand apart.
type OperandKind uint8

const (
	OpdReg   OperandKind = iota // a register, role, constant or parameter name
	OpdImm                      // a number
	OpdMem                      // [base.field], [base+offset]
	OpdLabel                    // a label or exit name
	OpdNone                     // "_": no result
)

// Operand is one written operand.
type Operand struct {
	Kind  OperandKind
	Name  string // register, constant, label; base register of a memory operand
	Field string // field of the base's struct, "" if none
	Imm   int64  // number; offset added to the base or field
	Col   int
}

// GhostText is a written ghost annotation: "ghost ref_get vma", or "ghost
// caller", which has no role.
type GhostText struct {
	Event string
	Role  string
}

// Call is a written call: the callee is inlined at link time.
type Call struct {
	Callee string
	Args   []Operand         // roles, then ins
	Outs   []string          // registers that receive the callee's outs
	Exits  map[string]string // callee's exit -> label here, or "exit:NAME" for an exit of the caller
	Order  []string          // keys of Exits as written
}

// Program is a linked program: flat ops with resolved registers, offsets and
// targets, for one ISA and one layout.
type Program struct {
	Name    string
	ISA     ISA
	Layout  string // name of the layout its offsets come from
	Ops     []Op
	Sites   []Site         // what each op is, for people and ghosts; Op.Site indexes it
	Regions []string       // names of marked regions and counted events; Site.Region indexes it
	RegName []string       // name of each register in use, for listings
	Bind    map[string]Reg // the main program's roles, ins, outs and locals -> register, for who initialises or reads them

	params []param // that it was linked with, by their names
}

// param is a value that a program was linked with.
type param struct {
	name  string
	value int64
	// length says that the program depends on it in how long work lasts and nothing
	// else, and work is those ops. Work of no cycles is no op.
	length bool
	work   []int32
}

// Retimed is what Link would make of p with other parameters, if they differ in nothing
// but how long work lasts; nil if they do. It shares all but Ops with p.
func (p *Program) Retimed(params map[string]int64) *Program {
	if len(params) != len(p.params) {
		return nil
	}
	q := *p
	q.Ops, q.params = slices.Clone(p.Ops), slices.Clone(p.params)
	for i := range q.params {
		to := &q.params[i]
		value, ok := params[to.name]
		if !ok || value != to.value && !(to.length && to.value > 0 && value > 0) {
			return nil
		}
		to.value = value
		if to.length {
			for _, op := range to.work {
				q.Ops[op].Imm = value
			}
		}
	}
	return &q
}

// retimed tells whether one of p and q comes from the other by Retimed, or both from a third.
func (p *Program) retimed(q *Program) bool {
	return len(p.Sites) > 0 && len(p.Sites) == len(q.Sites) && &p.Sites[0] == &q.Sites[0]
}

// Site says where an op comes from and what ghost state it moves.
type Site struct {
	Proc    string // program it was written in
	Line    int32
	Text    string // the op with the names of the program: as written, or lowered
	Written string // the instruction it comes from, where Text is lowered; otherwise ""
	Field   string // what a memory op accesses, "vm_area_struct.vm_refcnt"; "" if unknown
	Region  int32  // Mark ops: index into Program.Regions; -1 otherwise
	Ghosts  []Ghost
}

// Ghost is an annotation on an op: when the op performs (a Cas or StoreExcl:
// when it succeeds), Event happens to the object that Reg points to.
type Ghost struct {
	Event string
	Reg   Reg
	ID    int32 // number of Event in the run's ghost vocabulary, set by the machine
}
