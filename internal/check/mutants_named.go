package check

import (
	"fmt"
	"slices"

	"cohsim/mesi"
)

// NamedMutant is a mistake that a designer might really make, and the law that catches it.
type NamedMutant struct {
	Name, Story string
	Protocol    string
	Options     func(*mesi.Options) // on top of the protocol's defaults, may be nil
	KilledBy    string
	edit        func(e *rowEditor)
}

// rowEditor changes rows that must exist.
type rowEditor struct {
	cache []mesi.CacheRow
	home  []mesi.HomeRow
}

func (e *rowEditor) atCache(s mesi.State, on mesi.CacheEvent, to mesi.State, do ...mesi.Action) {
	for i := range e.cache {
		if r := &e.cache[i]; r.From == s && r.On == on {
			r.To, r.Do = to, do
			return
		}
	}
	panic(fmt.Sprintf("check: no cache row %v %v to mutate", s, on))
}

func (e *rowEditor) atHome(s mesi.HomeState, on mesi.HomeEvent, to mesi.HomeState, do ...mesi.Action) {
	for i := range e.home {
		if r := &e.home[i]; r.From == s && r.On == on {
			r.To, r.Do = to, do
			return
		}
	}
	panic(fmt.Sprintf("check: no home row %v %v to mutate", s, on))
}

// Build applies the mistake to the protocol.
func (n NamedMutant) Build() (Mutant, error) {
	o := mesi.DefaultOptions(n.Protocol)
	if n.Options != nil {
		n.Options(&o)
	}
	p, err := mesi.New(n.Protocol, o)
	if err != nil {
		return Mutant{}, err
	}
	e := &rowEditor{slices.Clone(p.CacheRows()), slices.Clone(p.HomeRows())}
	n.edit(e)
	q, err := p.WithRows(e.cache, e.home)
	return Mutant{"named", n.Name, q}, err
}

// NamedMutants lists the mistakes, by the part of the protocol they are in.
func NamedMutants() []NamedMutant {
	nonBlocking := func(o *mesi.Options) { o.NonBlockingS = true }
	announce := func(o *mesi.Options) { o.PutS, o.SilentS = true, false }
	silentE := func(o *mesi.Options) { o.SilentE = true }
	return []NamedMutant{
		{"M1", "the home writes the data of a stale PutM", "mesi", nil, "clean home is current", func(e *rowEditor) {
			e.atHome(mesi.HS, mesi.AtPutMNone, mesi.HS, mesi.WriteHome, mesi.AckPut)
		}},
		{"M2", "a writer does not wait for acks", "mesi", nil, "SWMR", func(e *rowEditor) {
			e.atCache(mesi.IM_AD, mesi.OnDataMMore, mesi.M, mesi.AddAcks, mesi.FillLine, mesi.PerformNow, mesi.SendUnbX)
		}},
		{"M3b", "an upgrader ignores the ack count", "mesi", nil, "SWMR", func(e *rowEditor) {
			e.atCache(mesi.SM_AD, mesi.OnAckCntMore, mesi.M, mesi.PerformNow, mesi.SendUnbX)
		}},
		{"M4", "a read overtaken by an Inv keeps its data", "mesi", nonBlocking, "SWMR", func(e *rowEditor) {
			e.atCache(mesi.IS_D, mesi.OnInv, mesi.IS_D, mesi.SendInvAck)
		}},
		{"M5", "MI_A stays MI_A after serving a read", "mesi", nil, "unspecified event", func(e *rowEditor) {
			e.atCache(mesi.MI_A, mesi.OnFwdGetS, mesi.MI_A, mesi.SendDataS, mesi.SendWbData)
		}},
		{"M6", "MI_A takes no notice of a forwarded write", "mesi", nil, "deadlock", func(e *rowEditor) {
			e.atCache(mesi.MI_A, mesi.OnFwdGetM, mesi.MI_A)
		}},
		{"M6b", "MI_A drops the line for a forwarded write and answers nothing", "mesi", nil, "deadlock", func(e *rowEditor) {
			e.atCache(mesi.MI_A, mesi.OnFwdGetM, mesi.II_A, mesi.DropLine)
		}},
		{"M7", "an upgrader keeps its copy when it is invalidated", "mesi", nil, "SWMR", func(e *rowEditor) {
			e.atCache(mesi.SM_AD, mesi.OnInv, mesi.SM_AD, mesi.SendInvAck)
		}},
		{"M8", "an upgrade of a cache that lost its copy is answered without data", "mesi", nil, "unspecified event", func(e *rowEditor) {
			e.atHome(mesi.HS, mesi.AtUpgNone, mesi.B_X, mesi.TakeReq, mesi.GrantUpg, mesi.InvOthers, mesi.ForgetOwner)
		}},
		{"M9", "the home unblocks before the write-back", "mesi", nil, "clean home is current", func(e *rowEditor) {
			e.atHome(mesi.B_FS, mesi.AtUnbS, mesi.HS, mesi.AddReq, mesi.AddOwner, mesi.ForgetOwner, mesi.ForgetReq)
		}},
		{"M10", "an invalid line does not ack an Inv", "mesi", nil, "deadlock", func(e *rowEditor) {
			e.atCache(mesi.I, mesi.OnInv, mesi.I)
		}},
		{"M11", "the ack count includes the requester", "mesi", nil, "deadlock", func(e *rowEditor) {
			e.atHome(mesi.HS, mesi.AtUpgListed, mesi.B_X, mesi.TakeReq, mesi.GrantUpgOwner, mesi.InvOthers, mesi.ForgetOwner)
		}},
		{"M12", "a read of a shared line is granted exclusively", "mesi", nil, "SWMR", func(e *rowEditor) {
			e.atHome(mesi.HS, mesi.AtGetSNone, mesi.B_X, mesi.TakeReq, mesi.GrantDataE)
		}},
		{"M13", "a dirty owner says that memory is current", "mesi", nil, "clean home is current", func(e *rowEditor) {
			e.atCache(mesi.M, mesi.OnFwdGetS, mesi.S, mesi.SendDataS, mesi.SendWbClean, mesi.LoseWrite)
		}},
		{"M14", "the Put of a cache that is not listed gets no ack", "mesi", nil, "liveness", func(e *rowEditor) {
			e.atHome(mesi.HS, mesi.AtPutENone, mesi.HS)
			e.atHome(mesi.HS, mesi.AtPutMNone, mesi.HS)
		}},
		{"M15", "a PutS is not acknowledged", "mesi", announce, "one message per kind", func(e *rowEditor) {
			e.atCache(mesi.S, mesi.OnEvict, mesi.I, mesi.SendPutS, mesi.DropLine)
		}},
		{"M16", "an ack that comes before the data is forgotten", "mesi", nil, "deadlock", func(e *rowEditor) {
			e.atCache(mesi.IM_AD, mesi.OnInvAckMore, mesi.IM_AD)
		}},
		{"M17", "a write forwarded to an owner that dropped its line is not served", "mesi", silentE, "deadlock", func(e *rowEditor) {
			e.atHome(mesi.B_FX, mesi.AtFwdMiss, mesi.B_FX)
		}},
		{"M19", "a sharer's upgrade forgets to invalidate the owner", "moesi", nil, "SWMR", func(e *rowEditor) {
			e.atHome(mesi.HO, mesi.AtUpgListed, mesi.B_X, mesi.TakeReq, mesi.GrantUpg, mesi.InvOthers)
		}},
		{"C1", "a coarse list is trusted when an upgrader may have lost its copy", "mesi", func(o *mesi.Options) {
			o.SharerPointers, o.SharerGroup, o.Caches = 1, 2, 3
		}, "unspecified event", func(e *rowEditor) {
			e.atHome(mesi.HS, mesi.AtUpgUnsure, mesi.B_X, mesi.TakeReq, mesi.GrantUpg, mesi.InvOthers, mesi.ForgetOwner)
		}},
		{"G1", "an owner that hands over a dirty line keeps a copy", "mesi", nil, "SWMR", func(e *rowEditor) {
			e.atCache(mesi.M, mesi.OnFwdGetSMigrate, mesi.S, mesi.SendDataD, mesi.LoseWrite)
		}},
		{"G2", "a dirty line that is handed over counts as clean", "mesi", nil, "clean home is current", func(e *rowEditor) {
			e.atCache(mesi.M, mesi.OnFwdGetSMigrate, mesi.I, mesi.SendDataE, mesi.DropLine, mesi.LosePerm)
		}},
	}
}
