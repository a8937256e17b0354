package mesi

import "fmt"

// Unspecified is the panic of a (state, event) pair that has no row: a bug in the
// table, or a message that should not exist.
type Unspecified struct {
	AtHome bool
	State  string // state of the line at the cache or at the home
	Event  string // classified event
	Self   Node   // the cache, or Home
	Msg    Msg    // the message, where the event is one
}

func (u Unspecified) Error() string {
	return fmt.Sprintf("mesi: unspecified event: %v in state %s got %s (%v from %v for %v, acks %d)",
		u.Self, u.State, u.Event, u.Msg.Type, u.Msg.From, u.Msg.Req, u.Msg.Acks)
}

// Core presents a core request for a line of cache self. Hit, Wait or a silent change
// is in the effect; Evict and SilentEvict are legal in stable valid states only.
func (p *Protocol) Core(l *Line, ev CoreEvent, self Node, out *Out) Effect {
	e := CacheEvent(ev)
	if ev == Evict {
		e = p.evict[l.State]
	}
	m := Msg{From: self, To: self, Req: Home}
	return p.cacheStep(l, e, &m, self, out)
}

// Cache delivers a forward or reply to cache self. With migrate an owner in M or E
// answers a FwdGetS with ownership instead of a shared copy.
func (p *Protocol) Cache(l *Line, m Msg, migrate bool, self Node, out *Out) Effect {
	e := classifyCache(l, &m, migrate)
	if e == noEvent {
		panic(Unspecified{State: l.State.String(), Event: m.Type.String(), Self: self, Msg: m})
	}
	return p.cacheStep(l, e, &m, self, out)
}

// EventAtCache names the event that Cache would see.
func EventAtCache(l Line, m Msg, migrate bool) CacheEvent { return classifyCache(&l, &m, migrate) }

// Home delivers a request or a reply to the home.
func (p *Protocol) Home(e *Entry, m Msg, out *Out) Effect {
	ev := classifyHome(e, &m)
	if ev == noEvent {
		panic(Unspecified{AtHome: true, State: e.State.String(), Event: m.Type.String(), Self: Home, Msg: m})
	}
	return p.homeStep(e, ev, &m, out)
}

// EventAtHome names the event that Home would see.
func EventAtHome(e *Entry, m Msg) HomeEvent { return classifyHome(e, &m) }

// Recall makes the home take the line back. It is legal in stable states with copies.
func (p *Protocol) Recall(e *Entry, out *Out) Effect {
	return p.homeStep(e, AtRecall, &Msg{From: Home, To: Home, Req: Home}, out)
}

func (p *Protocol) cacheStep(l *Line, ev CacheEvent, m *Msg, self Node, out *Out) Effect {
	s := &p.cache[l.State][ev]
	if !s.ok {
		panic(Unspecified{State: l.State.String(), Event: ev.String(), Self: self, Msg: *m})
	}
	if p.Cov != nil {
		p.Cov.cache[l.State][ev]++
	}
	for _, a := range &s.do {
		if a == noAction {
			break
		}
		switch a {
		case AddAcks:
			l.Bal += m.Acks
		case SubAck:
			l.Bal--
		case SendDataM:
			out.Msgs = append(out.Msgs, Msg{DataM, FromLine, self, m.Req, Home, m.Acks})
		default:
			t := &sends[a]
			to := Home
			if t.toReq {
				to = m.Req
			}
			out.Msgs = append(out.Msgs, Msg{t.msg, t.data, self, to, Home, 0})
		}
	}
	l.State = State(s.to)
	return s.effect
}

// sends are the cache's actions that only send.
var sends = [firstEffect]struct {
	msg   MsgType
	data  Source
	toReq bool
}{
	SendGetS:    {GetS, NoData, false},
	SendGetM:    {GetM, NoData, false},
	SendUpg:     {Upg, NoData, false},
	SendPutS:    {PutS, NoData, false},
	SendPutE:    {PutE, NoData, false},
	SendPutM:    {PutM, FromLine, false},
	SendDataS:   {DataS, FromLine, true},
	SendDataSo:  {DataSo, FromLine, true},
	SendDataE:   {DataE, FromLine, true},
	SendDataF:   {DataF, FromLine, true},
	SendDataD:   {DataD, FromLine, true},
	SendInvAck:  {InvAck, NoData, true},
	SendRcAck:   {RcAck, NoData, false},
	SendWbData:  {WbData, FromLine, false},
	SendWbClean: {WbClean, NoData, false},
	SendFwdMiss: {FwdMiss, NoData, false},
	SendUnbS:    {UnbS, NoData, false},
	SendUnbO:    {UnbO, NoData, false},
	SendUnbX:    {UnbX, NoData, false},
}

func (p *Protocol) homeStep(e *Entry, ev HomeEvent, m *Msg, out *Out) Effect {
	s := &p.home[e.State][ev]
	if !s.ok {
		panic(Unspecified{AtHome: true, State: e.State.String(), Event: ev.String(), Self: Home, Msg: *m})
	}
	if p.Cov != nil {
		p.Cov.home[e.State][ev]++
	}
	for _, a := range &s.do {
		if a == noAction {
			break
		}
		switch a {
		case TakeReq:
			e.Req = m.From
			if e.State == HI {
				e.Owner = -1 // the zero Entry says 0
			}
		case ForgetReq:
			e.Req = -1
		case GrantDataS:
			grant(e, DataS, 0, out)
		case GrantDataSn:
			grant(e, DataSn, 0, out)
		case GrantDataE:
			grant(e, DataE, 0, out)
		case GrantDataF:
			grant(e, DataF, 0, out)
		case GrantDataM:
			grant(e, DataM, others(e), out)
		case GrantUpg:
			out.Msgs = append(out.Msgs, Msg{AckCnt, NoData, Home, e.Req, Home, others(e)})
		case GrantUpgOwner:
			out.Msgs = append(out.Msgs, Msg{AckCnt, NoData, Home, e.Req, Home, others(e) + 1})
		case ForwardGetS:
			out.Msgs = append(out.Msgs, Msg{FwdGetS, NoData, Home, e.Owner, e.Req, 0})
		case ForwardGetM:
			out.Msgs = append(out.Msgs, Msg{FwdGetM, NoData, Home, e.Owner, e.Req, others(e)})
		case InvOthers:
			for c := e.Sharers.Next(0); c >= 0; c = e.Sharers.Next(c + 1) {
				if c != e.Req && !ownerInO(e, c) {
					out.Msgs = append(out.Msgs, Msg{Inv, NoData, Home, c, e.Req, 0})
				}
			}
			e.clearSharers()
		case InvOwner:
			out.Msgs = append(out.Msgs, Msg{Inv, NoData, Home, e.Owner, e.Req, 0})
		case AckPut:
			out.Msgs = append(out.Msgs, Msg{PutAck, NoData, Home, m.From, Home, 0})
		case AddReq:
			p.addSharer(e, e.Req)
		case AddOwner:
			p.addSharer(e, e.Owner)
		case DelSender:
			if !e.Coarse {
				e.Sharers.Del(m.From)
			}
		case DelOwner:
			if !e.Coarse {
				e.Sharers.Del(e.Owner)
			}
		case OwnReq:
			e.Owner = e.Req
		case ForgetOwner:
			e.Owner = -1
		case RecallSharers:
			e.Acks = 0
			for c := e.Sharers.Next(0); c >= 0; c = e.Sharers.Next(c + 1) {
				if !ownerInO(e, c) {
					out.Msgs = append(out.Msgs, Msg{RcInv, NoData, Home, c, Home, 0})
					e.Acks++
				}
			}
			e.clearSharers()
		case RecallOwner:
			out.Msgs = append(out.Msgs, Msg{RcX, NoData, Home, e.Owner, Home, 0})
		case SubRcAck:
			e.Acks--
		}
	}
	e.State = HomeState(s.to)
	return s.effect
}

func grant(e *Entry, t MsgType, acks int16, out *Out) {
	out.Msgs = append(out.Msgs, Msg{t, FromMem, Home, e.Req, Home, acks})
}

// others counts the sharers that a writer has to wait for: not itself, and not an owner
// in O that a coarse list happens to name (the owner answers the forward instead).
func others(e *Entry) int16 {
	n := e.Sharers.Count()
	if e.Sharers.Has(e.Req) {
		n--
	}
	if e.State == HO && e.Owner != e.Req && e.Sharers.Has(e.Owner) {
		n--
	}
	return int16(n)
}

func ownerInO(e *Entry, c Node) bool { return e.State == HO && c == e.Owner }

func (e *Entry) clearSharers() {
	e.Sharers.Clear()
	e.Coarse = false
}

// addSharer lists c. A list that may name no more caches exactly becomes coarse: each
// member stands for its whole group from then on, until the list is cleared.
func (p *Protocol) addSharer(e *Entry, c Node) {
	if e.Coarse {
		p.addGroup(&e.Sharers, c)
		return
	}
	e.Sharers.Add(c)
	if e.Sharers.Count() > p.limit {
		exact := e.Sharers
		for q := exact.Next(0); q >= 0; q = exact.Next(q + 1) {
			p.addGroup(&e.Sharers, q)
		}
		e.Coarse = true
	}
}

func (p *Protocol) addGroup(s *Set, c Node) {
	first := c - c%p.group
	for q := first; q < first+p.group && q <= p.last; q++ {
		s.Add(q)
	}
}
