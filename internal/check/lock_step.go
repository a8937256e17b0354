package check

import (
	"errors"
	"fmt"

	"cohsim/cpu"
	"cohsim/internal/mem"
	"cohsim/vmalock"
)

// Initial implements [System].
func (l *Lock) Initial(b *Batch) {
	s := &l.next
	s.mem = append(s.mem[:0], l.words.initial...)
	l.judging, l.err = true, nil
	l.judge, l.ended = l.cfg.World.Judge(), 0
	for i := range s.th {
		s.th[i] = weakThread{regs: append([]uint64(nil), l.regs[i]...)}
	}
	for i := range s.th {
		l.stores = l.stores[:0]
		l.settle(s, i)
		l.hurry(s, i)
		for k := range s.th {
			for _, addr := range l.stores {
				if k != i {
					l.weak.hear(s, k, addr)
				}
			}
		}
	}
	ids := make([]uint32, len(l.ids))
	ids[idMem], ids[idGhost] = l.encodeMem(s), l.encodeGhost()
	for i := range s.th {
		ids[idTasks+i] = l.encode(s, i, l.judge.Holds(i))
	}
	packIDs(b.Copy(make([]uint64, l.Words())), ids)
}

// perform takes a move and tells the judge; false if it leads nowhere or breaks a law. The
// other tasks are still to hear of what it stores.
func (l *Lock) perform(s *weakState, m weakMove) bool {
	t := &s.th[m.thread]
	e, v := &t.win[m.op], &t.views[m.op]
	if m.kind == performLoad && m.from < 0 || m.kind == performStore {
		i := l.words.at(v.addr)
		if i < 0 {
			if v.branches { // on no path that was only guessed
				l.err = &Broken{Law: "access", Detail: fmt.Sprintf("%s accesses %#x, where there is nothing (%s)", l.cfg.Tasks[m.thread].Name, v.addr, l.site(m.thread, e.pc))}
			}
			return false
		}
		if m.kind == performStore || v.branches { // a load on a guessed path counts when it retires
			l.words.note(m.thread, i, v.op.Bytes(), m.kind == performLoad, m.kind == performStore)
		}
		if l.freed(v.addr) {
			if m.kind == performStore {
				l.err = l.useAfterFree(m.thread, v.addr, e.pc)
				return false
			}
			e.freed = true
		}
	}
	if m.kind == performStore {
		old := e.val
		if !v.hasLd {
			old, _ = l.words.load(s.mem, v.addr)
			old = v.op.Truncate(old)
		}
		if !e.told && !l.tellAll(t, m.thread, m.op, old) {
			return false
		}
		l.stores = append(l.stores, v.addr)
	}
	return l.act(s, m) && l.err == nil && l.commit(t, m.thread)
}

// tellAll tells the judge what op n of a task, which stores, means.
func (l *Lock) tellAll(t *weakThread, i, n int, old uint64) bool {
	for _, g := range l.siteOf(i, t.win[n].pc).Ghosts {
		if obj, ok := l.regAt(t, i, n, g.Reg); ok && !l.tell(i, vmalock.Event(g.ID), mem.Addr(obj), old, t.views[n].data) {
			return false
		}
	}
	return true
}

// commit tells the judge of acquiring atomics that are bound to succeed. They have happened
// with their load half: the store may still be under way when younger stores are seen, but
// no other store can come before it. Any other atomic has happened with its store half.
func (l *Lock) commit(t *weakThread, i int) bool {
	for n := range t.win {
		e, v := &t.win[n], &t.views[n]
		if v.op.Code != cpu.RMW || v.ld != cpu.LdA || v.st != cpu.St || e.told || !e.rdone || v.open || !v.hasSt || !v.branches || !v.places {
			continue
		}
		if e.told = true; !l.tellAll(t, i, n, e.val) {
			return false
		}
	}
	return true
}

// hurry takes the moves of a task that no other task can see, or tell from later ones:
// they need no states of their own.
func (l *Lock) hurry(s *weakState, i int) bool {
	var looped []int
	for n := 0; ; n++ {
		m, ok := l.hidden(s, i)
		if !ok {
			return true
		}
		if n >= loopSteps && m.kind == performLoad {
			looped = append(looped, l.words.at(s.th[i].views[m.op].addr))
		}
		if n > 2*loopSteps {
			return l.looped(s, i, looped)
		}
		if !l.perform(s, m) {
			return false
		}
	}
}

// loopSteps is more than any task that ends takes alone.
const loopSteps = 5000

// looped is what becomes of a task that goes on for ever without a step that others see.
// Words on which it seems to wait are looked at step by step from the next exploration on.
func (l *Lock) looped(s *weakState, i int, words []int) bool {
	others := uint64(1)<<len(l.threads) - 1 - 1<<i
	if l.ended&others != others {
		for _, w := range words {
			k, _ := l.words.known(i, w)
			if u := &l.words.learnt[k]; !u.spun {
				u.spun, l.words.news = true, true
			}
		}
		if l.words.news {
			return false
		}
	}
	pc := s.th[i].pc
	if len(s.th[i].win) > 0 {
		pc = s.th[i].win[0].pc
	}
	l.err = &Broken{Law: "livelock", Detail: fmt.Sprintf("%s loops for ever by itself (%s)", l.cfg.Tasks[i].Name, l.site(i, pc))}
	return false
}

// hidden finds a move of a task that may as well be taken at once.
func (l *Lock) hidden(s *weakState, i int) (weakMove, bool) {
	if l.cfg.Unreduced {
		return weakMove{}, false
	}
	l.hiding = l.movesOf(s, i, l.hiding[:0])
	for _, m := range l.hiding {
		t := &s.th[i]
		e, v := &t.win[m.op], &t.views[m.op]
		if m.kind != performLoad && m.kind != performStore {
			continue
		}
		at := l.words.at(v.addr)
		if at < 0 || !v.places { // an older address is open: the move is a bet
			continue
		}
		switch {
		case m.kind == performStore && v.hasLd && v.st == cpu.StAL:
			// Nothing of this task may come between the halves, nor another's store.
			return m, true
		case m.kind == performStore && len(l.siteOf(i, e.pc).Ghosts) == 0 && l.words.unseen(i, at, true, l.ended):
			return m, true
		case m.kind == performLoad && l.words.unseen(i, at, false, l.ended):
			return m, true
		case m.kind == performLoad && v.op.Code == cpu.Load && l.unused(i, e.pc) && !t.follows(m.op):
			return m, true
		}
	}
	return weakMove{}, false
}

// follows says that an older access to the address of op n is still to perform.
func (t *weakThread) follows(n int) bool {
	for j := range n {
		if o := &t.views[j]; (o.hasLd || o.hasSt) && o.addr == t.views[n].addr && !o.done {
			return true
		}
	}
	return false
}

// unused says that nothing reads what the op at pc, which is no branch, returns.
func (l *Lock) unused(i, pc int) bool {
	dst := l.threads[i].ops[pc].Dst
	return dst == cpu.NoReg || l.live[i][pc+1]>>dst&1 == 0
}

// retired is told of every op of a task in program order.
func (l *Lock) retired(s *weakState, i int, e *inflight, v *view) {
	if l.err != nil {
		return
	}
	if e.freed {
		l.err = l.useAfterFree(i, v.addr, e.pc)
		return
	}
	if v.op.Code == cpu.Mark || v.op.Code == cpu.Load {
		t, p := &s.th[i], &l.threads[i]
		for _, g := range l.siteOf(i, e.pc).Ghosts {
			if !l.tell(i, vmalock.Event(g.ID), mem.Addr(t.regs[p.index[g.Reg]]), e.val, e.val) {
				return
			}
		}
	}
	if !v.op.IsMem() {
		return
	}
	if at := l.words.at(v.addr); at >= 0 && v.hasLd && e.fwd < 0 {
		l.words.note(i, at, v.op.Bytes(), true, false)
	}
	h := l.holds[i]
	if l.judging {
		h = l.judge.Holds(i)
	}
	if h&(h>>1)&0x5555555555555555 == 0 { // it has given nothing back
		return
	}
	for _, g := range l.siteOf(i, e.pc).Ghosts {
		if vmalock.Event(g.ID) == vmalock.RefPut {
			return
		}
	}
	l.judges()
	if vma := l.vmaOf(v.addr); vma != 0 {
		if rule, msg := l.judge.Touch(i, vma, false); rule != "" {
			l.err = &Broken{Law: rule, Detail: msg + " (" + l.site(i, e.pc) + ")"}
		}
	}
	if v.hasLd {
		l.judge.Touch(i, mem.Addr(v.res), true)
	}
}

// judges makes sure that the judge has the state at hand.
func (l *Lock) judges() {
	if !l.judging {
		l.setJudge()
		l.judging = true
	}
}

// tell reports an event to the judge; false if it breaks a law.
func (l *Lock) tell(task int, e vmalock.Event, obj mem.Addr, old, new uint64) bool {
	l.judges()
	if err := l.judge.Observe(0, task, e, obj, old, new); err != nil {
		l.err = lockBroken(err)
		return false
	}
	return true
}

func lockBroken(err error) error {
	var v *vmalock.Violation
	if !errors.As(err, &v) {
		return err
	}
	if v.Rule == "idle" {
		return &Broken{Law: "never unlocked", Detail: v.Object + " at the end of all tasks is " + v.Msg}
	}
	return &Broken{Law: v.Rule, Detail: v.Object + ": " + v.Msg}
}

// freed says that an address lies in an mm that was freed.
func (l *Lock) freed(addr uint64) bool {
	if !l.judging && !l.ghostFreed[l.from[idGhost]] {
		return false
	}
	m := l.mmOf(addr)
	if m == 0 {
		return false
	}
	l.judges()
	return l.judge.Freed(m)
}

func (l *Lock) useAfterFree(task int, addr uint64, pc int) error {
	return &Broken{Law: "I8", Detail: fmt.Sprintf("%s accesses %s after the mm was freed (%s)", l.cfg.Tasks[task].Name, l.cfg.World.Space.Symbol(mem.Addr(addr)), l.site(task, pc))}
}

// regAt is the value of a register as op n of a task sees it.
func (l *Lock) regAt(t *weakThread, i, n int, r cpu.Reg) (uint64, bool) {
	for j := n - 1; j >= 0; j-- {
		if v := &t.views[j]; v.op.Dst == r && v.op.Code != cpu.Branch {
			return v.res, v.resOK
		}
	}
	return t.regs[l.threads[i].index[r]], true
}

func (l *Lock) siteOf(task, pc int) *cpu.Site {
	p := l.cfg.Tasks[task].Program
	return &p.Sites[p.Ops[pc].Site]
}

// site says where an op is written.
func (l *Lock) site(task, pc int) string {
	s := l.siteOf(task, pc)
	return fmt.Sprintf("%s:%d %s", s.Proc, s.Line, s.Text)
}
