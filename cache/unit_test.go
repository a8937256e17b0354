package cache

import (
	"math/rand"
	"testing"

	"cohsim/mesi"
)

func stable(s mesi.State) bool { return s == mesi.I || s == mesi.S || s == mesi.E || s == mesi.M }

// geometries are two levels, and one.
var geometries = []struct {
	name   string
	l1, l2 Config
}{
	{"two levels", Config{Bytes: 4 * LineBytes, Ways: 2, Replacement: "lru"}, Config{Bytes: 16 * LineBytes, Ways: 4, Replacement: "lru"}},
	{"two levels, plru", Config{Bytes: 4 * LineBytes, Ways: 2, Replacement: "plru"}, Config{Bytes: 16 * LineBytes, Ways: 4, Replacement: "plru"}},
	{"an L1 as large as its L2", Config{Bytes: 8 * LineBytes, Ways: 4, Replacement: "lru"}, Config{Bytes: 8 * LineBytes, Ways: 4, Replacement: "lru"}},
	{"one level", Config{Bytes: 16 * LineBytes, Ways: 4, Replacement: "lru"}, Config{}},
}

// driver uses a unit as the machine does, at random.
type driver struct {
	*Unit
	r       *rand.Rand
	lines   int
	pending []int32 // frames whose miss is outstanding
	parked  []uint64
	pinned  []int32
}

func newDriver(l1, l2 Config, seed int64) *driver {
	return &driver{Unit: NewUnit(l1, l2, 4, 0, 48), r: rand.New(rand.NewSource(seed)), lines: 48}
}

// step does one random thing and returns the frame that it evicted, -1 if none.
func (d *driver) step(check func(what string, f int32)) {
	d.Reserve()
	switch line := uint64(d.r.Intn(d.lines)); d.r.Intn(8) {
	default: // access
		if f := d.Find(line); f >= 0 {
			if fr := &d.Frames[f]; fr.MSHR < 0 {
				d.Use(f)
			}
			return
		}
		if d.FreeMSHRs() == 0 || d.FindParked(line) != nil {
			return
		}
		f, taken := d.Take(line, stable)
		if !taken {
			if f < 0 || !d.CanPark() {
				return
			}
			if check != nil {
				check("victim", f)
			}
			d.parked = append(d.parked, d.Frames[f].Tag)
			d.Park(f)
			d.Empty(f)
			f, _ = d.Take(line, stable)
		}
		d.Miss(f, line, 0, true)
		d.Frames[f].State = mesi.IS_D
		d.pending = append(d.pending, f)
	case 0, 1: // an answer comes
		if len(d.pending) == 0 {
			return
		}
		f := d.pending[0]
		copy(d.pending, d.pending[1:])
		d.pending = d.pending[:len(d.pending)-1]
		d.Filled(f)
		d.Frames[f].State = mesi.S
		d.Use(f)
	case 2: // a snoop takes a line
		if f := d.Find(line); f >= 0 && stable(d.Frames[f].State) && d.Frames[f].Pinned == 0 {
			d.Empty(f)
		}
	case 3: // an eviction is acknowledged
		if n := len(d.parked); n > 0 {
			i := d.r.Intn(n)
			d.Unpark(d.FindParked(d.parked[i]))
			d.parked[i] = d.parked[n-1]
			d.parked = d.parked[:n-1]
		}
	case 4: // a locked op begins or ends
		if len(d.pinned) > 0 {
			f := d.pinned[0]
			d.pinned = d.pinned[:0]
			d.Frames[f].Pinned--
		} else if f := d.Find(line); f >= 0 && stable(d.Frames[f].State) {
			d.Frames[f].Pinned++
			d.pinned = append(d.pinned, f)
		}
	}
}

func TestALineOfTheL1HasAFrameAndEveryFrameOneWay(t *testing.T) {
	for _, g := range geometries {
		d := newDriver(g.l1, g.l2, 5)
		for step := range 30000 {
			d.step(nil)
			held := 0
			for f := range d.Frames {
				fr := &d.Frames[f]
				if fr.Tag == NoLine {
					continue
				}
				held++
				if d.outer.Tag(fr.way) != fr.Tag {
					t.Fatalf("%s, step %d: the way of line %d names another", g.name, step, fr.Tag)
				}
				if w := d.Held(fr.Tag).L1(); w >= 0 && d.L1.Tag(w) != fr.Tag {
					t.Fatalf("%s, step %d: line %d is not where it says in the L1", g.name, step, fr.Tag)
				}
				if got := d.Find(fr.Tag); got != int32(f) {
					t.Fatalf("%s, step %d: line %d is found in frame %d, not %d", g.name, step, fr.Tag, got, f)
				}
			}
			if held+len(d.spare) != len(d.Frames) {
				t.Fatalf("%s, step %d: %d frames in use and %d spare of %d", g.name, step, held, len(d.spare), len(d.Frames))
			}
			for i := range int32(len(d.L1.all)) {
				tag := d.L1.Tag(i)
				if tag == NoLine {
					continue
				}
				if h := d.Held(tag); h.Frame() < 0 || d.Frames[h.Frame()].Tag != tag || h.L1() != i {
					t.Fatalf("%s, step %d: the L1 holds line %d, which the unit does not", g.name, step, tag)
				}
			}
			for i := range int32(len(d.outer.all)) {
				if tag := d.outer.Tag(i); tag != NoLine && d.Find(tag) < 0 {
					t.Fatalf("%s, step %d: line %d has a way and no frame", g.name, step, tag)
				}
			}
		}
	}
}

func TestALineInTransitionOrLockedIsNoVictim(t *testing.T) {
	for _, g := range geometries {
		d := newDriver(g.l1, g.l2, 6)
		victims := 0
		for range 30000 {
			d.step(func(_ string, f int32) {
				victims++
				if fr := &d.Frames[f]; fr.Pinned > 0 || !stable(fr.State) {
					t.Fatalf("%s: the victim is in %s with %d locked ops", g.name, fr.State, fr.Pinned)
				}
			})
		}
		if victims < 100 {
			t.Errorf("%s: only %d evictions", g.name, victims)
		}
	}
}

// whole fills the one set of a unit with lines 0 to 3 in state S.
func whole() *Unit {
	u := NewUnit(Config{Bytes: 2 * LineBytes, Ways: 2, Replacement: "lru"}, Config{Bytes: 4 * LineBytes, Ways: 4, Replacement: "lru"}, 4, 0, 48)
	for line := range uint64(4) {
		u.Reserve()
		f, _ := u.Take(line, stable)
		u.Frames[f].State = mesi.S
		u.Use(f)
	}
	return u
}

func TestTheL2SparesWhatTheL1Holds(t *testing.T) {
	u := whole()
	hit := func(line uint64) { u.L1.Touch(u.Held(line).L1()) }
	u.Use(u.Find(0))
	u.Use(u.Find(1))
	hit(0)
	u.Use(u.Find(2))
	hit(0)
	u.Use(u.Find(3))
	// The L1 has kept 0, which it hit, and 3; the L2 has seen 0, 1, 2, 3.
	if f, taken := u.Take(9, stable); taken || u.Frames[f].Tag != 1 {
		t.Errorf("the victim is line %d, want 1", u.Frames[f].Tag)
	}
	u.Frames[u.Find(1)].Pinned = 1
	if f, taken := u.Take(9, stable); taken || u.Frames[f].Tag != 2 {
		t.Errorf("the victim is line %d, want 2", u.Frames[f].Tag)
	}
	u.Frames[u.Find(2)].State = mesi.IS_D
	// Nothing outside the L1 may go: the least recent of all that may.
	if f, taken := u.Take(9, stable); taken || u.Frames[f].Tag != 0 {
		t.Errorf("the victim is line %d, want 0", u.Frames[f].Tag)
	}
	u.Frames[u.Find(0)].Pinned, u.Frames[u.Find(3)].State = 1, mesi.SM_AD
	if f, taken := u.Take(9, stable); taken || f != -1 {
		t.Errorf("the victim is frame %d although none may go", f)
	}
}

func TestAnL1HitDoesNotShowInTheL2(t *testing.T) {
	u := whole()
	// 2 and 3 are in the L1. Line 2 is hit there often, then pushed out of it.
	for range 10 {
		u.L1.Touch(u.Held(2).L1())
	}
	u.Use(u.Find(0))
	u.Use(u.Find(1))
	if f, _ := u.Take(9, stable); u.Frames[f].Tag != 2 {
		t.Errorf("the victim is line %d, want 2, which the L2 saw before 3", u.Frames[f].Tag)
	}
}

func TestAMissIsAUseAndSoIsAHit(t *testing.T) {
	u := NewUnit(Config{Bytes: 4 * LineBytes, Ways: 4, Replacement: "lru"}, Config{}, 4, 0, 48)
	take := func(line uint64) {
		f, _ := u.Take(line, stable)
		u.Frames[f].State = mesi.S
	}
	victim := func(want uint64) {
		t.Helper()
		if f, _ := u.Take(9, stable); u.Frames[f].Tag != want {
			t.Errorf("the victim is line %d, want %d", u.Frames[f].Tag, want)
		}
	}
	for line := range uint64(4) {
		take(line)
	}
	u.Empty(u.Find(0))
	take(4) // where line 0 was
	victim(1)
	u.Use(u.Find(1))
	victim(2)
}

func TestALinePlainlyAllowsWhatSyncSaidIfTheL1HasIt(t *testing.T) {
	u := whole()
	for line := range uint64(4) {
		f, inL1 := u.Find(line), u.Held(line).L1() >= 0
		for _, r := range []Rights{0, MayRead, MayRead | MayWrite, MayRead | MayWrite | Plain, Plain} {
			u.Sync(&u.Frames[f], r)
			h := u.Held(line)
			if h.Frame() != f || (h.L1() >= 0) != inL1 {
				t.Fatalf("line %d in frame %d, in the L1 %t, is in frame %d and way %d of it after Sync", line, f, inL1, h.Frame(), h.L1())
			}
			for want := range MayRead | MayWrite | Plain + 1 {
				if got := h.Allows(want); got != (inL1 && r&want == want) {
					t.Errorf("line %d, in the L1 %t, with rights %03b: allows %03b %t", line, inL1, r, want, got)
				}
			}
		}
	}
}

func TestLinesOutsideTheMemoryAreNotHeld(t *testing.T) {
	u := NewUnit(Config{Bytes: 4 * LineBytes, Ways: 4, Replacement: "lru"}, Config{}, 4, 1000, 2*pageLines)
	last := 1000 + 2*uint64(pageLines) - 1
	f, _ := u.Take(last, stable)
	for _, line := range []uint64{0, 999, 1000, last - 1, last + 1, last + pageLines, NoLine} {
		if u.Find(line) >= 0 {
			t.Errorf("line %d is found", line)
		}
	}
	if u.Find(last) != f {
		t.Errorf("the last line is in frame %d, not %d", u.Find(last), f)
	}
}

func TestMSHRsAreTakenAndGivenBack(t *testing.T) {
	u := whole()
	for n := range 4 {
		if u.FreeMSHRs() != 4-n || u.Quiet() != (n == 0) {
			t.Fatalf("%d misses outstanding: %d MSHRs free, quiet %t", n, u.FreeMSHRs(), u.Quiet())
		}
		f := u.Find(uint64(n))
		u.Miss(f, uint64(n), uint8(8*n), n%2 == 0)
		m := u.MSHRs[u.Frames[f].MSHR]
		if m != (MSHR{Line: uint64(n), Frame: f, Demand: n%2 == 0, Offset: uint8(8 * n), InUse: true}) {
			t.Fatalf("the MSHR of line %d is %+v", n, m)
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a fifth miss finds an MSHR")
			}
		}()
		u.Miss(0, 0, 0, true)
	}()
	for n := range 4 {
		f := u.Find(uint64(3 - n))
		u.Filled(f)
		if u.FreeMSHRs() != n+1 || u.Frames[f].MSHR != -1 {
			t.Errorf("%d MSHRs free after %d answers", u.FreeMSHRs(), n+1)
		}
	}
	if !u.Quiet() {
		t.Error("not quiet after all answers")
	}
}

func TestTheEvictionBufferHoldsLinesUntilTheyAreAcknowledged(t *testing.T) {
	u := whole()
	for line := range uint64(4) {
		f := u.Find(line)
		u.Frames[f].State, u.Frames[f].Data[0] = mesi.MI_A, byte(line+1)
		if !u.CanPark() {
			t.Fatalf("no room for line %d", line)
		}
		u.Park(f)
		u.Empty(f)
	}
	if u.CanPark() || u.Quiet() {
		t.Error("room for a fifth line")
	}
	left := map[uint64]bool{0: true, 1: true, 2: true, 3: true}
	for _, gone := range []uint64{1, 3, 0, 2} {
		for line := range uint64(4) {
			p := u.FindParked(line)
			if (p != nil) != left[line] {
				t.Fatalf("line %d is parked: %t", line, p != nil)
			}
			if p != nil && (p.Tag != line || p.State != mesi.MI_A || p.Data[0] != byte(line+1)) {
				t.Fatalf("line %d is parked as line %d, %s, byte %d", line, p.Tag, p.State, p.Data[0])
			}
		}
		u.Unpark(u.FindParked(gone))
		left[gone] = false
	}
	if !u.Quiet() || !u.CanPark() {
		t.Error("not quiet after all acknowledgements")
	}
}

func TestFramesAreMadeOnDemandAndNeverMoreThanWays(t *testing.T) {
	u := NewUnit(geometries[0].l1, Config{Bytes: 1 << 20, Ways: 16, Replacement: "lru"}, 4, 0, 1<<20)
	if len(u.Frames) > 4*len(u.MSHRs) {
		t.Errorf("a new unit has %d frames", len(u.Frames))
	}
	ways := len(u.outer.all)
	for line := range uint64(2 * ways) {
		u.Reserve()
		f, taken := u.Take(line, stable)
		if !taken {
			u.Empty(f)
			f, _ = u.Take(line, stable)
		}
		u.Frames[f].State = mesi.S
	}
	if len(u.Frames) != ways {
		t.Errorf("%d frames for %d ways", len(u.Frames), ways)
	}
}

func TestAUnitInUseAllocatesNothing(t *testing.T) {
	for _, g := range geometries {
		d := newDriver(g.l1, g.l2, 7)
		d.pending, d.parked, d.pinned = make([]int32, 0, 64), make([]uint64, 0, 64), make([]int32, 0, 64)
		for range 10000 {
			d.step(nil)
		}
		if n := testing.AllocsPerRun(100, func() {
			for range 100 {
				d.step(nil)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations in 100 operations", g.name, n)
		}
	}
}
