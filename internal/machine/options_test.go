package machine

import (
	"fmt"
	"testing"

	"cohsim/internal/sim"
)

func TestAdjacentLinePrefetchBringsTheOtherLineOfThePair(t *testing.T) {
	// a to d are four lines in a row; which of them are pairs is a matter of
	// their addresses.
	for _, c := range []struct {
		touch string
		op    string
	}{{"a", "load v, [a]"}, {"b", "load v, [b]"}, {"c", "load v, [c]"}, {"b", "store [b], 1"}} {
		gets := func(on bool) (requests uint64) {
			cfg := plain()
			cfg.Adjacent = on
			w := newWorld(t, cfg, []string{"a", "b", "c", "d"}, "    reg v\n    "+c.op+"\n    fence.full\n    work 1000\n    halt")
			m, res := w.run(t)
			pair := w.addr[c.touch].Line() ^ 1
			for _, name := range []string{"a", "b", "c", "d"} {
				in := m.units[0].Find(w.addr[name].Line()) >= 0
				want := name == c.touch || on && w.addr[name].Line() == pair
				if in != want {
					t.Errorf("prefetch %t, %s: %s is in the cache: %t, want %t", on, c.op, name, in, want)
				}
			}
			return res.Run.Total.Coh.GetS + res.Run.Total.Coh.GetM
		}
		off := gets(false)
		on := gets(true)
		other := false // is the pair's other line memory of the run?
		w := newWorld(t, plain(), []string{"a", "b", "c", "d"}, "    halt")
		for _, name := range []string{"a", "b", "c", "d"} {
			other = other || w.addr[name].Line() == w.addr[c.touch].Line()^1
		}
		if off != 1 || other && on != 2 {
			t.Errorf("%s: %d requests, with the prefetch %d, want 1 and 2", c.op, off, on)
		}
	}
}

// dirtyRead lets core 1 read a line that core 0 owns, and returns who may write
// it afterwards. done is what core 0 did last.
func dirtyRead(t *testing.T, cfg Config, done string, quiet int) (owner string) {
	t.Helper()
	w := newWorld(t, cfg, []string{"a"},
		done+"\n    halt",
		fmt.Sprintf("    reg v\n    work %d\n    fence.lfence\n    load v, [a]\n    fence.lfence\n    halt", quiet))
	w.setup.Init = []Word{{w.addr["a"], 8, 9}}
	m, _ := w.run(t)
	n := w.addr["a"].Line()
	can := func(i int) bool {
		f := m.units[i].Find(n)
		return f >= 0 && m.proto.Writable(m.units[i].Frames[f].State)
	}
	has := func(i int) bool { return m.units[i].Find(n) >= 0 }
	switch {
	case can(1) && !has(0):
		return "reader"
	case has(0) && has(1) && !can(0) && !can(1):
		return "shared"
	}
	return fmt.Sprintf("writable %t %t, held %t %t", can(0), can(1), has(0), has(1))
}

func TestReadDirtySharesOrMigratesAsItSays(t *testing.T) {
	const (
		wrote  = "    store [a], 1"
		loaded = "    reg v\n    load v, [a]" // exclusive and clean
	)
	for _, c := range []struct{ policy, done, want string }{
		{"share", wrote, "shared"},
		{"migrate", wrote, "reader"},
		{"migrate_if_written", wrote, "reader"},
		{"share", loaded, "shared"},
		{"migrate", loaded, "shared"}, // clean: there is nothing dirty to migrate
		{"migrate_if_written", loaded, "shared"},
	} {
		cfg := x86(1)
		cfg.Protocol.ReadDirty = c.policy
		if got := dirtyRead(t, cfg, c.done, 5000); got != c.want {
			t.Errorf("%s after %q: %s, want %s", c.policy, c.done, got, c.want)
		}
	}
	// A distance may say otherwise.
	cfg := x86(1)
	cfg.Protocol.ReadDirty, cfg.Fabric.Near.ReadDirty = "share", "migrate"
	if got := dirtyRead(t, cfg, wrote, 5000); got != "reader" {
		t.Errorf("fabric.near.read_dirty = migrate: %s", got)
	}
	cfg.Fabric.Near.ReadDirty, cfg.Fabric.Far.ReadDirty = "inherit", "migrate"
	if got := dirtyRead(t, cfg, wrote, 5000); got != "shared" {
		t.Errorf("fabric.far.read_dirty at a near distance: %s", got)
	}
}

func TestMigrateIfWrittenKeepsALineThatPassedThroughUnwritten(t *testing.T) {
	// Core 0 writes; core 1 reads and gets the line; core 2 reads what core 1 has
	// not written: a shared copy, where "migrate" hands it over again.
	for _, c := range []struct {
		policy string
		want   bool // core 2 may write
	}{{"migrate_if_written", false}, {"migrate", true}} {
		cfg := x86(1)
		cfg.Protocol.ReadDirty = c.policy
		read := func(at int) string {
			return fmt.Sprintf("    reg v\n    work %d\n    fence.lfence\n    load v, [a]\n    halt", at)
		}
		w := newWorld(t, cfg, []string{"a"}, "    store [a], 1\n    halt", read(3000), read(6000))
		m, _ := w.run(t)
		f := m.units[2].Find(w.addr["a"].Line())
		if got := m.proto.Writable(m.units[2].Frames[f].State); got != c.want {
			t.Errorf("%s: the second reader may write: %t, want %t", c.policy, got, c.want)
		}
	}
}

func TestALineOnWhichALockedOpRanAMomentAgoIsShared(t *testing.T) {
	cfg := x86(1)
	cfg.Protocol.ReadDirty = "migrate"
	const locked = "    rmw.add _, [a], 1"
	// When did the locked op end, and when does the snoop come? The switch from
	// sharing to migration lies within the rule's time of one another.
	turn := func(within float64) int {
		cfg.Protocol.LockedShare = within
		for quiet := 100; quiet < 3000; quiet++ {
			if dirtyRead(t, cfg, locked, quiet) == "reader" {
				return quiet
			}
		}
		return -1
	}
	a, b := turn(300), turn(800)
	if a < 0 || b-a != 500 {
		t.Errorf("shared until the reader starts at %d with 300 ns and at %d with 800 ns, want 500 later", a, b)
	}
	cfg.Protocol.LockedShare = 0
	if got := dirtyRead(t, cfg, locked, a-1); got != "reader" {
		t.Errorf("with the rule off: %s", got)
	}
	cfg.Protocol.LockedShare = 800
	if got := dirtyRead(t, cfg, "    store [a], 1", a); got != "reader" {
		t.Errorf("after a plain store: %s", got)
	}
}

func TestAHomeTakesItsTimeForEachRequest(t *testing.T) {
	end := func(occupied float64) int64 {
		cfg := x86(64)
		cfg.Fabric.HomeNS = occupied
		cfg.Topology.L3PerSocket, cfg.Topology.L3Local = 1, true // one home for all
		w := newWorld(t, cfg, []string{"a", "b", "c"}, "    reg u v w\n    load u, [a]\n    load v, [b]\n    load w, [c]\n    halt")
		_, res := w.run(t)
		return res.End
	}
	// Three requests of one cycle: the last waits for two.
	free := end(0)
	for _, ns := range []float64{1, 10, 70} {
		if got := end(ns) - free; got != 2*int64(ns) {
			t.Errorf("a home busy for %v ns with each of 3 requests delays the last by %d cycles, want %v", ns, got, 2*ns)
		}
	}
}

func TestLoadsOverAPendingLockedOpShowNothingThatTheModelForbids(t *testing.T) {
	// Store buffering with a locked op between: never both 0, whether the younger
	// load waits or binds early. It does bind early: the run is shorter.
	var cycles [2]uint64
	for i, policy := range []string{"wait", "speculate"} {
		for seed := uint64(1); seed <= 100; seed++ {
			r := sim.NewRand(seed, 0, 3)
			cfg := DefaultConfig()
			cfg.Core.AtomicLoads = policy
			side := func(mine, other, lock, out string) string {
				return fmt.Sprintf("    reg t v\n    load t, [%s]\n    beq t, 77, over\nover:\n    work %d\n    fence.full\n    store [%s], 1\n    rmw.add _, [%s], 1\n    load v, [%s]\n    store [%s], v\n    halt",
					other, 600+r.Intn(200), mine, lock, other, out)
			}
			w := newWorld(t, cfg, []string{"x", "y", "l", "k", "r0", "r1"}, side("x", "y", "l", "r0"), side("y", "x", "k", "r1"))
			w.setup.Seed = seed
			m, res := w.run(t)
			cycles[i] += uint64(res.End)
			if m.value(t, w.addr["r0"], 8) == 0 && m.value(t, w.addr["r1"], 8) == 0 {
				t.Fatalf("%s, seed %d: both loads read 0 across a locked op", policy, seed)
			}
		}
	}
	if cycles[1] >= cycles[0] {
		t.Errorf("binding early takes %d cycles, waiting %d", cycles[1], cycles[0])
	}
}
