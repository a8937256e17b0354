package mesi

import (
	"slices"
	"strings"
)

// CacheEvent is a classified core request or message at a cache.
type CacheEvent uint8

// Cache events. ".last" and ".more" say whether the ack balance reaches zero with this
// message; ".migrate" is a forwarded read that the owner answers with ownership.
const (
	OnLoad           CacheEvent = iota // the core reads
	OnStore                            // the core writes
	OnEvict                            // the way is needed; tell the home
	OnSilentEvict                      // the way is needed; tell nobody
	OnFar                              // the home shall perform an atomic op
	OnFwdGetS                          // serve a reader, keep a copy
	OnFwdGetSMigrate                   // serve a reader, hand over ownership
	OnFwdGetM                          // serve a writer
	OnInv                              // a writer took over
	OnRcInv                            // the home drops its entry: sharers
	OnRcX                              // the home drops its entry: owner
	OnDataS                            // shared data, the home is blocked
	OnDataSn                           // shared data, the home is not blocked
	OnDataSo                           // shared data from an owner that stays
	OnDataE                            // exclusive clean data
	OnDataF                            // shared data with the forwarder's role
	OnDataD                            // exclusive dirty data
	OnDataMLast                        // data for a writer, no ack outstanding
	OnDataMMore                        // data for a writer, acks outstanding
	OnAckCntLast                       // upgrade granted, no ack outstanding
	OnAckCntMore                       // upgrade granted, acks outstanding
	OnInvAckLast                       // the last outstanding ack
	OnInvAckMore                       // an ack, but not the last; or it came before the count
	OnPutAck                           // the home knows of the eviction
	OnFarVal                           // the home has performed the atomic op
	NumCacheEvents
)

var cacheEventNames = [NumCacheEvents]string{"Load", "Store", "Evict", "Evict.silent", "Far", "FwdGetS",
	"FwdGetS.migrate", "FwdGetM", "Inv", "RcInv", "RcX", "DataS", "DataSn", "DataSo", "DataE", "DataF",
	"DataD", "DataM.last", "DataM.more", "AckCnt.last", "AckCnt.more", "InvAck.last", "InvAck.more", "PutAck", "FarVal"}

func (e CacheEvent) String() string { return name(cacheEventNames[:], int(e)) }

// HomeEvent is a classified message at the home, or its own wish to recall a line.
type HomeEvent uint8

// Home events. A request is told apart by what the home knows of its sender:
// nothing (None), listed as a sharer (Listed), owner or forwarder (Own); a Put also by
// whether it leaves no copy behind (Last). A busy home does not look (Wait).
const (
	AtGetSWait      HomeEvent = iota // the home is blocked
	AtGetSNone                       // reader is not listed
	AtGetSListed                     // reader is listed: it dropped its copy
	AtGetSOwn                        // reader is owner or forwarder: it dropped its copy
	AtGetSNoneFwd                    // reader is not listed, a forwarder is known
	AtGetSListedFwd                  // reader is listed, a forwarder is known
	AtGetMWait
	AtGetMNone
	AtGetMListed
	AtGetMOwn
	AtUpgWait
	AtUpgNone   // the upgrade lost a race: its copy was invalidated
	AtUpgListed // the upgrader holds the line
	AtUpgOwn    // the owner in O, or the forwarder, upgrades
	AtUpgUnsure // a coarse list cannot tell whether the upgrader still holds the line
	AtPutSWait
	AtPutSNone    // stale: the copy was invalidated meanwhile
	AtPutSListed  // other copies stay
	AtPutSLast    // no copy stays
	AtPutSOwn     // the owner or forwarder leaves, other copies stay
	AtPutSOwnLast // the owner or forwarder leaves, no copy stays
	AtPutEWait
	AtPutENone
	AtPutEListed
	AtPutELast
	AtPutEOwn
	AtPutEOwnLast
	AtPutMWait
	AtPutMNone
	AtPutMListed
	AtPutMLast
	AtPutMOwn
	AtPutMOwnLast
	AtFarOpWait
	AtFarOp // whoever asks, and whatever copy it has itself: every copy is taken back
	AtUnbS
	AtUnbO
	AtUnbX
	AtWbData      // dirty data, no recall ack outstanding
	AtWbDataMore  // dirty data, recall acks outstanding
	AtWbClean     // nothing to write, no recall ack outstanding
	AtWbCleanMore // nothing to write, recall acks outstanding
	AtFwdMiss     // the line was dropped silently, no recall ack outstanding
	AtFwdMissMore // the line was dropped silently, recall acks outstanding
	AtRcAckLast   // the last recall ack
	AtRcAckMore   // a recall ack, others outstanding
	AtFarDone     // the far atomic is through the atomic unit
	AtRecall      // the home wants its entry back
	NumHomeEvents
)

var homeEventNames = [NumHomeEvents]string{
	"GetS.wait", "GetS.none", "GetS.listed", "GetS.own", "GetS.none.fwd", "GetS.listed.fwd",
	"GetM.wait", "GetM.none", "GetM.listed", "GetM.own",
	"Upg.wait", "Upg.none", "Upg.listed", "Upg.own", "Upg.unsure",
	"PutS.wait", "PutS.none", "PutS.listed", "PutS.last", "PutS.own", "PutS.own.last",
	"PutE.wait", "PutE.none", "PutE.listed", "PutE.last", "PutE.own", "PutE.own.last",
	"PutM.wait", "PutM.none", "PutM.listed", "PutM.last", "PutM.own", "PutM.own.last",
	"FarOp.wait", "FarOp",
	"UnbS", "UnbO", "UnbX", "WbData", "WbData.more", "WbClean", "WbClean.more", "FwdMiss", "FwdMiss.more",
	"RcAck.last", "RcAck.more", "FarDone", "Recall"}

func (e HomeEvent) String() string { return name(homeEventNames[:], int(e)) }

const noEvent = 0xff

// plainCacheEvent and plainHomeEvent classify the messages whose event needs no look at
// the state; noEvent marks the others.
var plainCacheEvent = [numMsgTypes]CacheEvent{
	GetS: noEvent, GetM: noEvent, Upg: noEvent, PutS: noEvent, PutE: noEvent, PutM: noEvent, FarOp: noEvent,
	FwdGetS: noEvent, FwdGetM: OnFwdGetM, Inv: OnInv, RcInv: OnRcInv, RcX: OnRcX,
	DataS: OnDataS, DataSn: OnDataSn, DataSo: OnDataSo, DataE: OnDataE, DataF: OnDataF, DataM: noEvent,
	DataD: OnDataD, AckCnt: noEvent, InvAck: noEvent, PutAck: OnPutAck, FarVal: OnFarVal,
	UnbS: noEvent, UnbO: noEvent, UnbX: noEvent, WbData: noEvent, WbClean: noEvent, FwdMiss: noEvent, RcAck: noEvent, FarDone: noEvent,
}

// classifyCache names the event that m is for a cache in state l, or noEvent where m is
// not a message to a cache.
func classifyCache(l *Line, m *Msg, migrate bool) CacheEvent {
	if e := plainCacheEvent[m.Type]; e != noEvent {
		return e
	}
	switch m.Type {
	case FwdGetS:
		// An eviction under way and a dirty line with sharers are always shared: their
		// Put is on its way, or other copies forbid handing over exclusively.
		if migrate && (l.State == M || l.State == E) {
			return OnFwdGetSMigrate
		}
		return OnFwdGetS
	case InvAck:
		if l.Bal == 1 {
			return OnInvAckLast
		}
		return OnInvAckMore
	case DataM:
		if l.Bal+m.Acks == 0 {
			return OnDataMLast
		}
		return OnDataMMore
	case AckCnt:
		if l.Bal+m.Acks == 0 {
			return OnAckCntLast
		}
		return OnAckCntMore
	}
	return noEvent
}

var waitEvent = [FarOp + 1]HomeEvent{AtGetSWait, AtGetMWait, AtUpgWait, AtPutSWait, AtPutEWait, AtPutMWait, AtFarOpWait}

// classifyHome names the event that m is for the home, or noEvent where m is not a
// message to the home.
func classifyHome(e *Entry, m *Msg) HomeEvent {
	if m.Type <= FarOp {
		return classifyRequest(e, m.Type, m.From)
	}
	var more HomeEvent
	if e.Acks > 0 {
		more = 1
	}
	switch m.Type {
	case UnbS:
		return AtUnbS
	case UnbO:
		return AtUnbO
	case UnbX:
		return AtUnbX
	case WbData:
		return AtWbData + more
	case WbClean:
		return AtWbClean + more
	case FwdMiss:
		return AtFwdMiss + more
	case RcAck:
		if e.Acks > 1 {
			return AtRcAckMore
		}
		return AtRcAckLast
	case FarDone:
		return AtFarDone
	}
	return noEvent
}

func classifyRequest(e *Entry, t MsgType, c Node) HomeEvent {
	if !e.State.Stable() {
		return waitEvent[t]
	}
	if t == FarOp {
		return AtFarOp
	}
	own, listed := false, false
	if e.State != HI {
		own, listed = e.Owner == c, e.Sharers.Has(c)
	}
	switch t {
	case GetS:
		switch {
		case own:
			return AtGetSOwn
		case e.State == HS && e.Owner >= 0:
			if listed {
				return AtGetSListedFwd
			}
			return AtGetSNoneFwd
		case listed:
			return AtGetSListed
		}
		return AtGetSNone
	case GetM, Upg:
		ev := AtGetMNone
		if t == Upg {
			ev = AtUpgNone
		}
		switch {
		case t == Upg && e.Coarse && !(own && e.State == HO) && listed:
			return AtUpgUnsure
		case own:
			return ev + (AtGetMOwn - AtGetMNone)
		case listed:
			return ev + (AtGetMListed - AtGetMNone)
		}
		return ev
	}
	ev := waitEvent[t]
	switch {
	case own:
		rest := e.Sharers.Count()
		if listed && !e.Coarse {
			rest--
		}
		if rest == 0 {
			return ev + (AtPutSOwnLast - AtPutSWait)
		}
		return ev + (AtPutSOwn - AtPutSWait)
	case listed:
		if e.State == HS && !e.Coarse && e.Sharers.Count() == 1 {
			return ev + (AtPutSLast - AtPutSWait)
		}
		return ev + (AtPutSListed - AtPutSWait)
	}
	return ev + (AtPutSNone - AtPutSWait)
}

// Msg returns the type of message that the event stands for; false for a core event.
func (e CacheEvent) Msg() (MsgType, bool) { return msgNamed(cacheEventNames[e]) }

// Msg returns the type of message that the event stands for; false for Recall.
func (e HomeEvent) Msg() (MsgType, bool) { return msgNamed(homeEventNames[e]) }

func msgNamed(event string) (MsgType, bool) {
	event, _, _ = strings.Cut(event, ".")
	i := slices.Index(msgNames[:], event)
	return MsgType(max(i, 0)), i >= 0
}
