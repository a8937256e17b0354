package cpu

import "testing"

// A core's own store on the word that one of its tasks sleeps on makes that task look
// in the next cycle, and makes nobody else wait: another may be due in this one, and
// a task whose time has passed unnoticed is a lost wake-up.
func TestAStoreOnASleepersWordPutsNobodyElseOff(t *testing.T) {
	sleep := &Op{Code: Wait, Flags: Sleep | Size8}
	for _, c := range []struct {
		store          uint64
		due, at, looks int64 // when the other is due, when the store is, when the core looks next
		want           taskState
	}{
		{store: 64, due: 100, at: 100, looks: 100, want: looking},
		{store: 64, due: 100, at: 99, looks: 100, want: looking},
		{store: 64, due: 100, at: 50, looks: 51, want: looking},
		{store: 128, due: 100, at: 50, looks: 100, want: asleep}, // another word
	} {
		core := &Core{}
		core.tasks = []task{{state: asleep, op: sleep, addr: 64}, {state: waking, at: c.due}}
		core.asleep, core.attend = 2, c.due
		core.stored(c.store, 8, c.at)
		if core.attend != c.looks || core.tasks[0].state != c.want {
			t.Errorf("a store at %d, with a task due at %d: the core looks at %d, want %d; the sleeper is in state %d, want %d",
				c.at, c.due, core.attend, c.looks, core.tasks[0].state, c.want)
		}
	}
}
