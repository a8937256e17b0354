package cpu

import "strings"

// Class is what a memory access or fence is to the ordering table. An RMW has
// two: one for its load half, one for its store half.
type Class uint8

const (
	Ld   Class = iota // plain load, load half of a plain or release RMW
	LdN               // load half of an RMW whose result nobody takes (stadd): DMB LD does not order it
	LdQ               // ldapr
	LdA               // ldar, ldaxr, load half of an acquire RMW
	St                // plain store, store half of a plain or acquire RMW
	StL               // stlr, stlxr, store half of a release RMW
	StAL              // store half of an acquire-release RMW, of an x86 locked op
	FSY               // full fence
	FLD               // load fence
	FST               // store fence
	FISB              // isb, lfence
	NumClasses
)

var classNames = [NumClasses]string{"Ld", "LdN", "LdQ", "LdA", "St", "StL", "StAL", "FSY", "FLD", "FST", "ISB"}

func (c Class) String() string { return classNames[c] }

// ClassSet is a set of classes.
type ClassSet uint16

// Has reports whether c is in the set.
func (s ClassSet) Has(c Class) bool { return s&(1<<c) != 0 }

func (s ClassSet) String() string {
	var names []string
	for c := range NumClasses {
		if s.Has(c) {
			names = append(names, c.String())
		}
	}
	return strings.Join(names, " ")
}

// Model is a memory model: one ordering table. Dependencies, same-address
// order and control are the same for all models and not in the table.
type Model struct {
	Name string
	Doc  string

	// Before[c] holds the classes of older ops that must perform before a
	// younger op of class c may.
	Before [NumClasses]ClassSet

	// Squash holds the older classes that a load need not wait for although
	// Before names them: the core lets the load bind its value early and
	// squashes it if its line is lost before they have performed. The checker
	// knows no speculation and ignores this set.
	Squash ClassSet

	// SameAddressLoads keeps loads of one address in order by the same squash
	// (models whose table orders all loads need no such rule).
	SameAddressLoads bool
}

// MustPrecede reports whether an older op of class i must perform before a
// younger one of class j may.
func (m *Model) MustPrecede(i, j Class) bool { return m.Before[j].Has(i) }

// StoresInOrder reports whether buffered stores leave in program order.
func (m *Model) StoresInOrder() bool { return m.MustPrecede(St, St) }

// The tables, as rows: row = older op, columns = younger ones it holds back,
// in the order of the classes above (the fence FISB has no column: it waits
// for branches and addresses, not for accesses).
//
//	Ld N Q A  St L AL  FSY FLD FST
var (
	SC = define("sc", "sequential consistency: every access in program order", Squashing(Ld, LdN, LdQ, LdA, St, StL, StAL), []string{
		"Ld    1 1 1 1  1 1 1   1 1 1",
		"LdN   1 1 1 1  1 1 1   1 1 1",
		"LdQ   1 1 1 1  1 1 1   1 1 1",
		"LdA   1 1 1 1  1 1 1   1 1 1",
		"St    1 1 1 1  1 1 1   1 1 1",
		"StL   1 1 1 1  1 1 1   1 1 1",
		"StAL  1 1 1 1  1 1 1   1 1 1",
		"FSY   1 1 1 1  1 1 1   . . .",
		"FLD   1 1 1 1  1 1 1   . . .",
		"FST   . . . .  1 1 1   . . .",
		"ISB   1 1 1 1  1 1 1   . . .",
	})
	TSO = define("tso", "x86: only a store followed by a load may be reordered", Squashing(Ld, LdN, LdQ, LdA, StAL), []string{
		"Ld    1 1 1 1  1 1 1   1 1 1",
		"LdN   1 1 1 1  1 1 1   1 1 1",
		"LdQ   1 1 1 1  1 1 1   1 1 1",
		"LdA   1 1 1 1  1 1 1   1 1 1",
		"St    . . . 1  1 1 1   1 . 1",
		"StL   . . . 1  1 1 1   1 . 1",
		"StAL  1 1 1 1  1 1 1   1 1 1",
		"FSY   1 1 1 1  1 1 1   . . .",
		"FLD   1 1 1 1  1 1 1   . . .",
		"FST   . . . .  1 1 1   . . .",
		"ISB   1 1 1 1  1 1 1   . . .",
	})
	ARMv8 = define("armv8", "Armv8 (other-multi-copy-atomic): only what acquire, release, fences and dependencies ask for", Squashing(), []string{
		"Ld    . . . .  . 1 1   1 1 .",
		"LdN   . . . .  . 1 1   1 . .",
		"LdQ   1 1 1 1  1 1 1   1 1 .",
		"LdA   1 1 1 1  1 1 1   1 1 .",
		"St    . . . .  . 1 1   1 . 1",
		"StL   . . . 1  . 1 1   1 . 1",
		"StAL  1 1 1 1  1 1 1   1 1 1",
		"FSY   1 1 1 1  1 1 1   . . .",
		"FLD   1 1 1 1  1 1 1   . . .",
		"FST   . . . .  1 1 1   . . .",
		"ISB   1 1 1 1  1 1 1   . . .",
	})
)

// Models lists every memory model.
func Models() []*Model { return []*Model{SC, TSO, ARMv8} }

// ModelByName returns the model of that name, nil if there is none.
func ModelByName(name string) *Model {
	for _, m := range Models() {
		if m.Name == name {
			return m
		}
	}
	return nil
}

// Squashing is the set of older classes a load may pass speculatively.
func Squashing(cs ...Class) ClassSet {
	var s ClassSet
	for _, c := range cs {
		s |= 1 << c
	}
	return s
}

func define(name, doc string, squash ClassSet, rows []string) *Model {
	m := &Model{Name: name, Doc: doc, Squash: squash}
	if len(rows) != int(NumClasses) {
		panic("cpu: model " + name + " lacks a row")
	}
	for i, row := range rows {
		f := strings.Fields(row)
		if f[0] != Class(i).String() || len(f) != 1+int(FISB) {
			panic("cpu: model " + name + ": bad row " + row)
		}
		for j, cell := range f[1:] {
			if cell == "1" {
				m.Before[j] |= 1 << i
			}
		}
	}
	m.SameAddressLoads = !m.MustPrecede(Ld, Ld)
	return m
}

// Classes returns the classes of an op's load and store half; ok tells which
// halves it has. A fence has its class as ld.
func (o *Op) Classes() (ld, st Class, hasLd, hasSt bool) {
	switch o.Code {
	case Load, LoadExcl, Wait:
		return o.loadClass(), 0, true, false
	case Store, StoreExcl:
		if o.Order == Rel || o.Order == AcqRel {
			return 0, StL, false, true
		}
		return 0, St, false, true
	case RMW:
		if o.Flags&Locked != 0 {
			return LdA, StAL, true, true
		}
		ld, st = o.loadClass(), St
		if o.Dst == NoReg {
			ld = LdN // Arm: without a result register the acquire is lost
		}
		switch {
		case o.Order == AcqRel && o.Dst != NoReg:
			st = StAL
		case o.Order == Rel || o.Order == AcqRel:
			st = StL
		}
		return ld, st, true, true
	case Fence:
		switch o.Fn {
		case Full:
			return FSY, 0, true, false
		case LoadF:
			return FLD, 0, true, false
		case StoreF:
			return FST, 0, true, false
		}
		return FISB, 0, true, false
	}
	return 0, 0, false, false
}

func (o *Op) loadClass() Class {
	switch o.Order {
	case Acq, AcqRel:
		return LdA
	case AcqPC:
		return LdQ
	}
	return Ld
}
