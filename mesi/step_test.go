package mesi

import (
	"slices"
	"strings"
	"testing"
)

func TestReadMissOfAnUncachedLineIsGrantedExclusively(t *testing.T) {
	r := newRig(t, "mesi", 2, nil)
	f, ms := r.core(0, Load)
	r.wantEffect(f, Wait)
	r.want(ms, Msg{GetS, NoData, 0, Home, Home, 0})
	f, ms = r.send(ms[0])
	r.wantEffect(f, 0)
	r.want(ms, Msg{DataE, FromMem, Home, 0, Home, 0})
	f, ms = r.send(ms[0])
	r.wantEffect(f, Fill|Perform)
	r.want(ms, Msg{UnbX, NoData, 0, Home, Home, 0})
	r.wantState(0, E)
	f, ms = r.send(ms[0])
	r.wantEffect(f, Unblocked)
	r.want(ms)
	if r.home.State != HX || r.home.Owner != 0 || r.home.Req != -1 {
		t.Errorf("home is %v, owner %v, requester %v", r.home.State, r.home.Owner, r.home.Req)
	}
}

func TestStoreToExclusiveLineNeedsNoMessage(t *testing.T) {
	r := newRig(t, "mesi", 2, nil)
	r.settle(0, Load)
	f, ms := r.core(0, Store)
	r.wantEffect(f, Hit)
	r.want(ms)
	r.wantState(0, M)
}

func TestMSIAnswersEveryReadWithASharedCopy(t *testing.T) {
	r := newRig(t, "msi", 2, nil)
	r.settle(0, Load)
	r.wantState(0, S)
}

func TestUpgradeInvalidatesEverySharer(t *testing.T) {
	r := newRig(t, "mesi", 4, nil)
	for c := Node(0); c < 4; c++ {
		r.settle(c, Load)
	}
	_, ms := r.core(1, Store)
	r.want(ms, Msg{Upg, NoData, 1, Home, Home, 0})
	_, ms = r.send(ms[0])
	r.want(ms,
		Msg{AckCnt, NoData, Home, 1, Home, 3},
		Msg{Inv, NoData, Home, 0, 1, 0},
		Msg{Inv, NoData, Home, 2, 1, 0},
		Msg{Inv, NoData, Home, 3, 1, 0})
	f, none := r.send(ms[0])
	r.wantEffect(f, 0)
	r.want(none)
	for i, inv := range ms[1:] {
		f, ack := r.send(inv)
		r.wantEffect(f, Drop|Lost)
		r.want(ack, Msg{InvAck, NoData, inv.To, 1, Home, 0})
		r.wantState(inv.To, I)
		f, unb := r.send(ack[0])
		if i < 2 {
			r.wantEffect(f, 0)
			r.want(unb)
			r.wantState(1, SM_A)
			continue
		}
		r.wantEffect(f, Perform)
		r.want(unb, Msg{UnbX, NoData, 1, Home, Home, 0})
		r.wantState(1, M)
	}
}

func TestAcksMayOvertakeTheCount(t *testing.T) {
	r := newRig(t, "mesi", 3, nil)
	r.settle(0, Load)
	r.settle(1, Load)
	_, ms := r.core(0, Store)
	_, ms = r.send(ms[0])
	_, ack := r.send(ms[1])
	f, _ := r.send(ack[0])
	r.wantEffect(f, 0)
	if r.line[0].Bal != -1 {
		t.Errorf("balance %d, want -1", r.line[0].Bal)
	}
	f, unb := r.send(ms[0])
	r.wantEffect(f, Perform)
	r.want(unb, Msg{UnbX, NoData, 0, Home, Home, 0})
}

func TestDirtyReadWritesBackAndShares(t *testing.T) {
	r := newRig(t, "mesi", 2, nil)
	r.settle(0, Store)
	_, ms := r.core(1, Load)
	_, ms = r.send(ms[0])
	r.want(ms, Msg{FwdGetS, NoData, Home, 0, 1, 0})
	f, ms := r.send(ms[0])
	r.wantEffect(f, Downgraded)
	r.want(ms, Msg{DataS, FromLine, 0, 1, Home, 0}, Msg{WbData, FromLine, 0, Home, Home, 0})
	f, _ = r.send(ms[1])
	r.wantEffect(f, WriteMem)
	_, unb := r.send(ms[0])
	f, _ = r.send(unb[0])
	r.wantEffect(f, Unblocked)
	if r.home.State != HS || r.home.Sharers.Count() != 2 {
		t.Errorf("home is %v with %d sharers, want S with 2", r.home.State, r.home.Sharers.Count())
	}
}

func TestMigrateHandsOverOwnershipOfADirtyLine(t *testing.T) {
	for _, name := range Names() {
		r := newRig(t, name, 2, nil)
		r.settle(0, Store)
		_, ms := r.core(1, Load)
		_, ms = r.send(ms[0])
		f, ms := r.sendMigrate(ms[0], true)
		r.wantEffect(f, Drop|Lost)
		r.want(ms, Msg{DataD, FromLine, 0, 1, Home, 0})
		r.wantState(0, I)
		f, ms = r.send(ms[0])
		r.wantEffect(f, Fill|Perform)
		r.want(ms, Msg{UnbX, NoData, 1, Home, Home, 0})
		r.wantState(1, M)
		f, _ = r.send(ms[0])
		r.wantEffect(f, Unblocked)
		if r.home.State != HX || r.home.Owner != 1 {
			t.Errorf("%s: home is %v, owner %v", name, r.home.State, r.home.Owner)
		}
	}
}

func TestMigrateHandsOverACleanLineAsExclusive(t *testing.T) {
	r := newRig(t, "mesi", 2, nil)
	r.settle(0, Load)
	_, ms := r.core(1, Load)
	_, ms = r.send(ms[0])
	_, ms = r.sendMigrate(ms[0], true)
	r.want(ms, Msg{DataE, FromLine, 0, 1, Home, 0})
	r.send(ms[0])
	r.wantState(1, E)
}

func TestOwnerInOIsNeverMigrated(t *testing.T) {
	r := newRig(t, "moesi", 3, nil)
	r.settle(0, Store)
	r.settle(1, Load)
	r.wantState(0, O)
	_, ms := r.core(2, Load)
	_, ms = r.send(ms[0])
	_, ms = r.sendMigrate(ms[0], true)
	r.want(ms, Msg{DataSo, FromLine, 0, 2, Home, 0})
	r.wantState(0, O)
}

func TestForwarderAnswersReadsAndPassesTheRole(t *testing.T) {
	r := newRig(t, "mesif", 3, nil)
	r.settle(0, Load)
	r.settle(1, Load)
	r.wantState(0, S)
	r.wantState(1, F)
	_, ms := r.core(2, Load)
	_, ms = r.send(ms[0])
	r.want(ms, Msg{FwdGetS, NoData, Home, 1, 2, 0})
	_, ms = r.send(ms[0])
	r.want(ms, Msg{DataF, FromLine, 1, 2, Home, 0})
	r.wantState(1, S)
}

func TestBlockedHomeStallsEveryRequestWithoutNotice(t *testing.T) {
	r := newRig(t, "mesi", 3, func(o *Options) { o.PutS = true })
	_, ms := r.core(0, Load)
	r.send(ms[0])
	before := r.home
	for _, q := range []MsgType{GetS, GetM, Upg, PutS, PutE, PutM} {
		f, ms := r.send(Msg{q, NoData, 1, Home, Home, 0})
		r.wantEffect(f, Stall)
		r.want(ms)
	}
	if r.home != before {
		t.Error("a stalled request changed the entry")
	}
}

func TestStalePutMFromASharerIsAckedButNotWritten(t *testing.T) {
	r := newRig(t, "mesi", 2, nil)
	r.settle(0, Store)
	f, put := r.core(0, Evict)
	r.wantEffect(f, Parked)
	r.want(put, Msg{PutM, FromLine, 0, Home, Home, 0})
	r.settle(1, Load)
	r.wantState(0, SI_A)
	f, ms := r.send(put[0])
	r.wantEffect(f, Unblocked)
	r.want(ms, Msg{PutAck, NoData, Home, 0, Home, 0})
	f, _ = r.send(ms[0])
	r.wantEffect(f, Drop|Freed)
	r.wantState(0, I)
}

func TestUpgradeThatLostARaceGetsData(t *testing.T) {
	r := newRig(t, "mesi", 2, nil)
	r.settle(0, Load)
	r.settle(1, Load)
	_, lost := r.core(0, Store)
	r.settle(1, Store)
	r.wantState(0, IM_AD)
	_, ms := r.send(lost[0])
	r.want(ms, Msg{FwdGetM, NoData, Home, 1, 0, 0})
}

func TestNonBlockingReadThatIsOvertakenByAnInvIsUsedOnce(t *testing.T) {
	r := newRig(t, "mesi", 3, func(o *Options) { o.NonBlockingS = true })
	r.settle(0, Load)
	r.settle(1, Load)
	_, ms := r.core(2, Load)
	_, data := r.send(ms[0])
	r.want(data, Msg{DataSn, FromMem, Home, 2, Home, 0})
	r.settle(0, Store)
	r.wantState(2, ISI_D)
	f, ms := r.send(data[0])
	r.wantEffect(f, Fill|Perform|UseOnce|Drop)
	r.want(ms)
	r.wantState(2, I)
}

func TestRecallTakesBackEveryCopy(t *testing.T) {
	r := newRig(t, "moesi", 3, func(o *Options) { o.Recall = true })
	r.settle(0, Store)
	r.settle(1, Load)
	r.out.Msgs = r.out.Msgs[:0]
	r.wantEffect(r.p.Recall(&r.home, &r.out), 0)
	ms := slices.Clone(r.out.Msgs)
	r.want(ms, Msg{RcInv, NoData, Home, 1, Home, 0}, Msg{RcX, NoData, Home, 0, Home, 0})
	_, wb := r.send(ms[1])
	f, _ := r.send(wb[0])
	r.wantEffect(f, WriteMem)
	_, ack := r.send(ms[0])
	f, _ = r.send(ack[0])
	r.wantEffect(f, Unblocked)
	if r.home.State != HI {
		t.Errorf("home is %v, want I", r.home.State)
	}
}

func TestEvictionIsAnnouncedWhereBothKindsAreAllowed(t *testing.T) {
	both := func(o *Options) { o.PutS = true }
	r := newRig(t, "mesi", 2, both)
	r.settle(0, Load)
	r.settle(1, Load)
	_, ms := r.core(0, Evict)
	r.want(ms, Msg{PutS, NoData, 0, Home, Home, 0})
	f, ms := r.core(1, SilentEvict)
	r.wantEffect(f, Drop)
	r.want(ms)
}

func TestCoarseListInvalidatesWholeGroups(t *testing.T) {
	r := newRig(t, "mesi", 6, func(o *Options) { o.SharerPointers, o.SharerGroup, o.Caches = 1, 4, 6 })
	r.settle(0, Load)
	r.settle(4, Load)
	if !r.home.Coarse || r.home.Sharers.Count() != 6 {
		t.Fatalf("coarse %v with %d sharers, want coarse with 6", r.home.Coarse, r.home.Sharers.Count())
	}
	_, ms := r.core(0, Store)
	_, ms = r.send(ms[0])
	r.want(ms[:1], Msg{DataM, FromMem, Home, 0, Home, 5})
	if len(ms) != 6 || r.home.Coarse {
		t.Errorf("%d messages, want data and 5 Inv, and an exact list again", len(ms))
	}
}

func TestPairWithoutARowPanicsAsUnspecified(t *testing.T) {
	r := newRig(t, "mesi", 2, nil)
	defer func() {
		u, ok := recover().(Unspecified)
		if !ok || u.State != "I" || u.Event != "PutAck" || u.Self != 1 {
			t.Errorf("recovered %+v", u)
		}
		r.wantState(1, I)
	}()
	r.send(Msg{PutAck, NoData, Home, 1, Home, 0})
}

func TestZeroEntryIsAnUncachedLine(t *testing.T) {
	r := newRig(t, "msi", 3, nil)
	r.home = Entry{}
	r.settle(1, Load)
	r.settle(2, Load)
	if r.home.State != HS || r.home.Owner != -1 || r.home.Sharers.Count() != 2 {
		t.Errorf("home is %+v", r.home)
	}
}

func TestStepsAllocateNothing(t *testing.T) {
	r := newRig(t, "mesi", 2, nil)
	r.p.Cov = new(Coverage)
	r.settle(0, Store)
	var bag, next Out
	deliver := func() {
		for len(bag.Msgs) > 0 {
			next.Msgs = next.Msgs[:0]
			for _, m := range bag.Msgs {
				if m.Type.ToHome() {
					r.p.Home(&r.home, &m, &next)
				} else {
					r.p.Cache(&r.line[m.To], &m, false, m.To, &next)
				}
			}
			bag, next = next, bag
		}
	}
	round := func() {
		for c := Node(0); c < 2; c++ {
			bag.Msgs = bag.Msgs[:0]
			r.p.Core(&r.line[c], Store, c, &bag)
			deliver()
		}
	}
	round()
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations per round, want 0", n)
	}
}

func TestImpossibleOptionsAreRefusedWithWhatIsAllowed(t *testing.T) {
	cases := []struct {
		name string
		set  func(*Options)
		want string
	}{
		{"mesi", func(o *Options) { o.SilentS = false }, "silent_s_eviction"},
		{"mesi", func(o *Options) { o.PutE = false }, "explicit_e_eviction"},
		{"msi", func(o *Options) { o.ExclusiveGrant, o.PutE = true, true }, `"mesif"`},
		{"mesif", func(o *Options) { o.NonBlockingS = true }, "non_blocking_gets = false"},
		{"mesi", func(o *Options) { o.SharerGroup = 4 }, "sharer_pointers"},
		{"mesi", func(o *Options) { o.SharerPointers, o.SharerGroup = 1, 4 }, "number of caches"},
		{"msi", func(o *Options) { o.SilentE = true }, "exclusive_grant"},
	}
	for _, c := range cases {
		o := DefaultOptions(c.name)
		c.set(&o)
		if _, err := New(c.name, o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %+v: error %v does not mention %s", c.name, o, err, c.want)
		}
	}
	if _, err := New("dragon", Options{}); err == nil || !strings.Contains(err.Error(), "mesi, mesif, moesi, msi") {
		t.Errorf("unknown protocol: %v", err)
	}
}

func BenchmarkLoadHit(b *testing.B) {
	r := newRig(b, "mesi", 1, nil)
	r.settle(0, Load)
	for b.Loop() {
		r.p.Core(&r.line[0], Load, 0, &r.out)
	}
}

// BenchmarkHandoff moves a dirty line between two writers: 7 steps a round.
func BenchmarkHandoff(b *testing.B) {
	r := newRig(b, "mesi", 2, nil)
	r.settle(0, Store)
	steps := 0
	for c := Node(1); b.Loop(); c = 1 - c {
		r.out.Msgs = r.out.Msgs[:0]
		r.p.Core(&r.line[c], Store, c, &r.out)
		steps++
		for i := 0; i < len(r.out.Msgs); i++ {
			m := r.out.Msgs[i]
			if m.Type.ToHome() {
				r.p.Home(&r.home, &m, &r.out)
			} else {
				r.p.Cache(&r.line[m.To], &m, false, m.To, &r.out)
			}
			steps++
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
}
