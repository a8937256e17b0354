package check

import (
	"fmt"

	"cohsim/vmalock"
)

// lockWords is the memory of a lock system: which words there are, and what is known of
// who uses them. A word that nobody stores is a constant, one that nobody loads is no
// state, one of a task's own objects that only this task touches belongs to the task,
// and a load of a word that no other task stores is seen by nobody. All of that is
// learnt while exploring; what turns out wrong is noted, and the exploration starts
// over until nothing is new.
type lockWords struct {
	first  uint64 // lowest address
	equal  int    // the first so many tasks are equal
	base   []uint64
	owner  []int8 // per 4 bytes from first: task whose object it is, shared or outside
	slot   []int32
	value  []uint64 // at first
	width  []uint8  // of its accesses; 0: none yet
	learnt []wordUse
	use    []wordUse // learnt, as it was when the slots were laid out

	shared  int      // words in slots from 0 that several tasks touch
	private [][]int  // per task: slots of its own words
	initial []uint64 // value of each slot
	news    bool     // something was learnt that the slots do not know
	clash   string   // an access that cannot be told apart from others
}

// wordUse is who uses a word: tasks as bits; of a task's own word 1 is itself, 2 others.
type wordUse struct {
	loads, stores uint64
	spun          bool // a task looped on it without any other step
}

const (
	ownerShared  int8 = -1
	ownerOutside int8 = -2

	slotConst   int32 = -1
	slotOutside int32 = -2
	slotIgnored int32 = -3 // stored, never loaded
)

func newLockWords(w *vmalock.World, equal int) *lockWords {
	objs := w.Space.Objects()
	lo := uint64(objs[0].Base)
	last := objs[len(objs)-1]
	n := (uint64(last.Base) + uint64(last.Bytes) - lo + 3) / 4
	words := &lockWords{first: lo, equal: equal, owner: make([]int8, n), slot: make([]int32, n), value: make([]uint64, n), width: make([]uint8, n),
		learnt: make([]wordUse, n)}
	for i := range words.owner {
		words.owner[i] = ownerOutside
	}
	task := -1
	for _, o := range objs {
		owner := ownerShared
		switch {
		case o.Struct != nil && o.Struct.Name == "task_struct":
			task++
			words.base = append(words.base, uint64(o.Base))
			owner = int8(task)
		case o.Struct != nil && o.Struct.Name == "rwsem_waiter":
			owner = int8(task) // on its stack
		}
		for a := uint64(o.Base); a < uint64(o.Base)+uint64(o.Bytes); a += 4 {
			words.owner[(a-lo)/4] = owner
		}
	}
	for _, i := range w.Init {
		words.value[(uint64(i.Addr)-lo)/4] = i.Value
	}
	if !words.alike() {
		words.equal = 0
	}
	return words
}

// alike says that what the equal tasks find in their own objects is the same, but for
// the addresses of these objects. It is not if each has a place of its own elsewhere.
func (w *lockWords) alike() bool {
	for i := range w.owner {
		task := int(w.owner[i])
		if task <= 0 || task >= w.equal {
			continue
		}
		apart := w.base[task] - w.base[0]
		mine, first := w.value[i], w.value[i-int(apart/4)]
		if mine != first && mine-apart != first {
			return false
		}
	}
	return true
}

// at is the index of an address, -1 outside of every object.
func (w *lockWords) at(addr uint64) int {
	if addr < w.first || addr%4 != 0 {
		return -1
	}
	i := (addr - w.first) / 4
	if i >= uint64(len(w.owner)) || w.owner[i] == ownerOutside {
		return -1
	}
	return int(i)
}

// load implements weakMemory.
func (w *lockWords) load(mem []uint64, addr uint64) (uint64, bool) {
	i := w.at(addr)
	if i < 0 {
		return 0, false
	}
	if s := w.slot[i]; s >= 0 {
		return mem[s], true
	}
	return w.value[i], true
}

// store implements weakMemory.
func (w *lockWords) store(mem []uint64, addr, val uint64) bool {
	i := w.at(addr)
	if i < 0 {
		return false
	}
	if s := w.slot[i]; s >= 0 {
		mem[s] = val
	}
	return true
}

// known is where what is known of a word is kept, and who a task is to it. Equal tasks
// share what is known.
func (w *lockWords) known(task, i int) (at int, who uint64) {
	owner := int(w.owner[i])
	if owner < 0 {
		if task < w.equal {
			return i, 1<<w.equal - 1
		}
		return i, 1 << task
	}
	if owner > 0 && owner < w.equal {
		i = i - int(w.base[owner]-w.base[0])/4
	}
	if owner == task {
		return i, 1
	}
	return i, 2
}

// note learns that a task accesses a word.
func (w *lockWords) note(task, i, bytes int, load, store bool) {
	k, who := w.known(task, i)
	switch {
	case w.width[k] == 0:
		w.width[k] = uint8(bytes)
	case int(w.width[k]) != bytes:
		w.clash = fmt.Sprintf("%d and %d bytes at %#x", w.width[k], bytes, w.first+4*uint64(i))
	}
	u := &w.learnt[k]
	if load && u.loads&who != who {
		u.loads |= who
		w.news = true
	}
	if store && u.stores&who != who {
		u.stores |= who
		w.news = true
	}
}

// unseen says that no task but this one and those at their ends stores the word, nor
// loads it if the access is a store.
func (w *lockWords) unseen(task, i int, store bool, ended uint64) bool {
	k, who := w.known(task, i)
	u := w.use[k]
	if u.spun {
		return false
	}
	users := u.stores
	if store {
		users |= u.loads
	}
	if w.owner[i] >= 0 {
		return users&^who == 0 && who == 1
	}
	return users&^(1<<task)&^ended == 0
}

// layOut gives words their slots, by what is known.
func (w *lockWords) layOut() {
	w.news, w.clash = false, "" // what went wrong may have rested on what was not known
	clear(w.width)
	w.use = append(w.use[:0], w.learnt...)
	w.private = make([][]int, len(w.base))
	w.initial = w.initial[:0]
	slot := int32(0)
	place := func(i int) {
		w.slot[i] = slot
		w.initial = append(w.initial, w.value[i])
		slot++
	}
	own := func(i int) (task int, ok bool) {
		task = int(w.owner[i])
		if task < 0 {
			return task, false
		}
		k, _ := w.known(task, i)
		return task, (w.use[k].loads|w.use[k].stores)&2 == 0
	}
	for i := range w.slot {
		w.slot[i] = slotOutside
		if w.owner[i] == ownerOutside {
			continue
		}
		k := i
		if t := int(w.owner[i]); t >= 0 {
			k, _ = w.known(t, i)
		}
		switch {
		case w.use[k].stores == 0:
			w.slot[i] = slotConst
		case w.use[k].loads == 0:
			w.slot[i] = slotIgnored
		default:
			if _, ok := own(i); !ok {
				place(i)
			}
		}
	}
	w.shared = int(slot)
	for i := range w.slot {
		if task, ok := own(i); ok && w.slot[i] == slotOutside && w.owner[i] != ownerOutside {
			w.private[task] = append(w.private[task], int(slot))
			place(i)
		}
	}
}

// namesEqual says that a value is an address in an object of one of several equal tasks.
func (w *lockWords) namesEqual(v uint64) bool {
	i := w.at(v &^ 3)
	return i >= 0 && w.equal > 1 && int(w.owner[i]) >= 0 && int(w.owner[i]) < w.equal
}
