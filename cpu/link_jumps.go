package cpu

import (
	"maps"
	"slices"
)

// finish threads jumps, drops what no path reaches and fills in targets.
func (l *linker) finish(main *Proc) {
	keep, offEnd := l.reach()
	if offEnd {
		l.probs = append(l.probs, problemAt(main, nil, 0, "", "program %q runs off its end; a thread loops (jump) or ends (halt)", main.Name))
		return
	}
	// From the end, so that a jump to what now follows it falls away.
	at := make([]int, len(l.code)+1) // op behind each draft that is kept
	following := len(l.code)
	for i := len(l.code) - 1; i >= 0; i-- {
		if keep[i] && l.code[i].leave && l.chase(l.code[i].target) == following {
			keep[i] = false
		}
		if keep[i] {
			following = i
		}
		at[i] = following
	}
	index := make([]int32, len(l.code)+1)
	n := int32(0)
	for i := range l.code {
		index[i] = n
		if keep[i] {
			n++
		}
	}
	work := map[string][]int32{} // by the parameter that says how long
	l.prog.Sites, l.prog.Ops = make([]Site, 0, n), make([]Op, 0, n)
	for i := range l.code {
		if !keep[i] {
			continue
		}
		d := &l.code[i]
		if d.target >= 0 {
			d.op.Off = index[at[l.chase(d.target)]]
		}
		if len(d.site.Ghosts) > 0 {
			d.op.Flags |= Ghosted
		}
		d.op.Site = int32(len(l.prog.Sites))
		if d.length != "" {
			work[d.length] = append(work[d.length], d.op.Site)
		}
		l.prog.Sites = append(l.prog.Sites, d.site)
		l.prog.Ops = append(l.prog.Ops, d.op)
	}
	for _, name := range slices.Sorted(maps.Keys(l.o.Params)) {
		l.prog.params = append(l.prog.params, param{name, l.o.Params[name], !l.deciding[name] && work[name] != nil, work[name]})
	}
}

// chase follows jumps that stand for exits to the draft they end at. A loop of
// nothing but such jumps ends at one of them.
func (l *linker) chase(label int) int {
	i := l.labels[label]
	for range l.code {
		if i >= len(l.code) || !l.code[i].leave {
			break
		}
		i = l.labels[l.code[i].target]
	}
	return i
}

// reach marks the drafts that some path reaches. Branches go straight to where
// they end up, so a jump for an exit stays only where a path falls into it.
func (l *linker) reach() (keep []bool, offEnd bool) {
	keep = make([]bool, len(l.code))
	todo := []int{0}
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if i == len(l.code) {
			offEnd = true
			continue
		}
		if keep[i] {
			continue
		}
		keep[i] = true
		d := &l.code[i]
		if d.target >= 0 {
			todo = append(todo, l.chase(d.target))
		}
		if d.op.Code == Halt || d.op.Code == Branch && d.op.Fn == Always {
			continue
		}
		todo = append(todo, i+1)
	}
	return keep, offEnd
}
