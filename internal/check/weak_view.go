package check

import "cohsim/cpu"

// view is what an op in flight means: operands, addresses and fences are no state, they
// follow from the window in one walk.
type view struct {
	op     *cpu.Op
	ld, st cpu.Class
	hasLd  bool // has a load half
	hasSt  bool // has a store half, or may have one (a compare-and-swap not yet decided)

	a, b, c          uint64
	aOK, bOK, cOK    bool // the operand is known
	addr             uint64
	addrOK           bool
	open             bool   // compare-and-swap: not known whether it will store
	data             uint64 // what the store half stores
	dataOK           bool
	res              uint64 // of the op's register
	resOK            bool
	taken, takenOK   bool         // branch
	older            cpu.ClassSet // classes of older halves and fences that have not performed
	branches, places bool         // all older branches are resolved, all older addresses known
	done             bool         // nothing is left to do but to retire
}

// look fills in the views of a thread that runs p.
func (w *weak) look(t *weakThread, p *weakProgram) {
	var writer [256]int16 // register -> 1 + youngest op that writes it
	t.views = t.views[:0]
	var older cpu.ClassSet
	branches, places := true, true
	t.sealed = false
	read := func(r cpu.Reg, imm uint64) (uint64, bool) {
		if r == cpu.NoReg {
			return imm, true
		}
		if w := writer[r]; w > 0 {
			return t.views[w-1].res, t.views[w-1].resOK
		}
		return t.regs[p.index[r]], true
	}
	for n := range t.win {
		e := &t.win[n]
		op := &p.ops[e.pc]
		v := view{op: op, older: older, branches: branches, places: places}
		v.a, v.aOK = read(op.A, 0)
		v.b, v.bOK = read(op.B, uint64(op.Imm))
		v.c, v.cOK = read(op.C, 0)
		var ldDone, stDone bool
		switch op.Code {
		case cpu.ALU:
			v.resOK = v.aOK && v.bOK
			v.res = op.Eval(v.a, v.b)
			v.done = v.resOK
		case cpu.Branch:
			v.takenOK = v.aOK && v.bOK
			v.taken = op.Taken(v.a, v.b)
			v.done = v.takenOK
			branches = branches && v.takenOK
		case cpu.Fence:
			c, _, _, _ := op.Classes()
			v.done = w.model.Before[c]&older == 0
			if c == cpu.FISB {
				v.done = branches && places
			}
			if !v.done {
				older |= 1 << c
			}
		case cpu.Load, cpu.LoadExcl, cpu.Wait, cpu.Store, cpu.StoreExcl, cpu.RMW:
			v.ld, v.st, v.hasLd, v.hasSt = op.Classes()
			v.addr, v.addrOK = v.a+uint64(int64(op.Off)), v.aOK
			places = places && v.addrOK
			w.lookAccess(e, &v)
			ldDone, stDone = !v.hasLd || e.rdone, !v.hasSt || e.wdone
			if !ldDone {
				older |= 1 << v.ld
			}
			if !stDone {
				older |= 1 << v.st
			}
			// A task that sleeps runs nothing else.
			t.sealed = t.sealed || op.Code == cpu.Wait && op.Flags&cpu.Sleep != 0 && !e.rdone
			v.done = ldDone && stDone && (op.Code != cpu.StoreExcl || e.guess != guessNone)
		default: // no meaning for memory
			v.done = true
		}
		t.views = append(t.views, v)
		if op.Dst != cpu.NoReg && op.Code != cpu.Branch {
			writer[op.Dst] = int16(n + 1)
		}
	}
	t.sealed = t.sealed || older&w.seals != 0
}

// lookAccess says what an access stores and returns, as far as that is known.
func (w *weak) lookAccess(e *inflight, v *view) {
	switch v.op.Code {
	case cpu.Load, cpu.LoadExcl, cpu.Wait:
		v.res, v.resOK = e.val, e.rdone
	case cpu.Store:
		v.data, v.dataOK = v.op.Truncate(v.b), v.bOK
	case cpu.StoreExcl:
		v.data, v.dataOK = v.op.Truncate(v.b), v.bOK
		// The status is there at once: no dependency goes through it.
		v.resOK = e.guess == guessNo || e.guess == guessYes && (e.wdone || !w.decided)
		v.res = uint64(bit(e.guess == guessNo, 0))
		v.hasSt = e.guess == guessYes
	case cpu.RMW:
		v.res, v.resOK = e.val, e.rdone
		switch v.op.Fn {
		case cpu.Swap: // what it stores needs no load half
			v.data, v.dataOK = v.op.Truncate(v.b), v.bOK
		case cpu.Cas:
			v.open = !e.rdone || !v.cOK
			if !v.open {
				_, v.hasSt = v.op.Modify(e.val, v.b, v.c)
				v.data, v.dataOK = v.op.Truncate(v.b), v.bOK
			}
		default:
			if e.rdone && v.bOK {
				v.data, _ = v.op.Modify(e.val, v.b, v.c)
				v.dataOK = true
			}
		}
	}
}

// source says where the load half of op n of a thread would take its value: another op
// in flight, or memory (-1). ok is false while it has to wait.
func (t *weakThread) source(n int, m *cpu.Model) (from int, ok bool) {
	v := &t.views[n]
	if t.win[n].rdone || !v.hasLd || !v.addrOK || m.Before[v.ld]&v.older != 0 {
		return 0, false
	}
	for j := n - 1; j >= 0; j-- {
		o := &t.views[j]
		if !o.hasSt || !o.addrOK || o.addr != v.addr {
			continue // an address that is not known yet is bet to differ
		}
		switch {
		case t.win[j].wdone:
			return -1, true
		case o.open || !o.dataOK:
			return 0, false
		case v.ld == cpu.LdA || v.ld == cpu.LdQ:
			// An acquire takes the value of an atomic only once that has read.
			if o.op.Code == cpu.RMW && !t.win[j].rdone {
				return 0, false
			}
			if o.op.Code == cpu.StoreExcl {
				if ll := t.linked(j); ll >= 0 && !t.win[ll].rdone {
					return 0, false
				}
			}
		}
		return j, true
	}
	return -1, true
}

// linked finds the load-linked in flight that belongs to store-conditional n; -1 means
// that it has retired, -2 that there is none.
func (t *weakThread) linked(n int) int {
	for j := n - 1; j >= 0; j-- {
		switch t.views[j].op.Code {
		case cpu.LoadExcl:
			return j
		case cpu.StoreExcl:
			return -2
		}
	}
	if !t.monitor.armed {
		return -2
	}
	return -1
}

// fromMemory says that what load n read is in memory, not in a store that waits.
func (t *weakThread) fromMemory(n int) bool {
	e := &t.win[n]
	return e.fwd < 0 || t.win[e.fwd].wdone
}

// mayStore says that the store half of op n of thread i may perform.
func (w *weak) mayStore(s *weakState, i, n int) bool {
	t := &s.th[i]
	e, v := &t.win[n], &t.views[n]
	switch {
	case !v.hasSt || e.wdone || v.open || !v.addrOK || !v.dataOK:
		return false
	case !v.branches || !v.places: // control, and address before anything
		return false
	case w.model.Before[v.st]&v.older != 0:
		return false
	case v.hasLd && (!e.rdone || e.stale):
		return false
	}
	for j := range n { // same address
		o := &t.views[j]
		if o.addrOK && o.addr == v.addr && (o.hasLd && !t.win[j].rdone || o.hasSt && !t.win[j].wdone) {
			return false
		}
	}
	if v.op.Code == cpu.StoreExcl {
		switch ll := t.linked(n); ll {
		case -2:
			return false
		case -1:
			if m := t.monitor; m.addr != v.addr || m.stale && !m.void {
				return false
			}
		default:
			if o := &t.win[ll]; !o.rdone || t.views[ll].addr != v.addr || o.stale && !o.void {
				return false
			}
		}
	}
	return !s.between(i, v.addr)
}

// between says that another thread than i is between the halves of an atomic on addr,
// where no store may come.
func (s *weakState) between(i int, addr uint64) bool {
	for k := range s.th {
		if k == i {
			continue
		}
		u := &s.th[k]
		for j := range u.win {
			if u.halfway(j) && u.views[j].addr == addr {
				return true
			}
		}
	}
	return false
}

// halfway says that op n is an atomic that has read memory and is still to store.
func (t *weakThread) halfway(n int) bool {
	e, v := &t.win[n], &t.views[n]
	return v.op.Code == cpu.RMW && v.addrOK && e.rdone && v.hasSt && !v.open && !e.wdone && t.fromMemory(n)
}

// doomed says that a guess of a thread has turned out wrong.
func (t *weakThread) doomed() bool {
	for n := range t.win {
		e, v := &t.win[n], &t.views[n]
		switch {
		case v.op.Code == cpu.Branch && v.takenOK && e.guess != guessNone && v.taken != (e.guess == guessYes):
			return true
		case v.op.Code == cpu.RMW && v.hasSt && !v.open && e.rdone && e.stale && !e.wdone:
			return true
		case !v.hasLd || !e.rdone:
			continue
		}
		for j := range n {
			o := &t.views[j]
			if !o.addrOK || o.addr != v.addr {
				continue
			}
			if e.stale && o.hasLd && !t.win[j].rdone { // would see an older value than its younger
				return true
			}
			if o.hasSt && !o.open && !t.win[j].wdone && e.fwd < j { // read past an own store
				return true
			}
		}
	}
	return false
}
