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

// unspecifiedAtCache and unspecifiedAtHome panic, away from the path of messages that
// are specified.
//
//go:noinline
func unspecifiedAtCache(s State, ev CacheEvent, self Node, m *Msg) {
	u := Unspecified{State: s.String(), Event: m.Type.String(), Self: self, Msg: *m}
	if ev != noEvent {
		u.Event = ev.String()
	}
	panic(u)
}

//go:noinline
func unspecifiedAtHome(s HomeState, ev HomeEvent, m *Msg) {
	u := Unspecified{AtHome: true, State: s.String(), Event: m.Type.String(), Self: Home, Msg: *m}
	if ev != noEvent {
		u.Event = ev.String()
	}
	panic(u)
}

// Core presents a core request for a line of cache self. Hit, Wait or a silent change
// is in the effect; Evict and SilentEvict are legal in stable valid states only.
func (p *Protocol) Core(l *Line, ev CoreEvent, self Node, out *Out) Effect {
	v := p.Ask(l, ev, self)
	v.send(out, &Msg{From: self, To: self, Req: Home}, self)
	return v.Effect
}

// Ask is Core for a caller that sends what the row says itself.
func (p *Protocol) Ask(l *Line, ev CoreEvent, self Node) *Move {
	e := CacheEvent(ev)
	if ev == Evict {
		e = p.evict[l.State]
	}
	v := &p.cache[l.State][e]
	if !v.ok {
		unspecifiedAtCache(l.State, e, self, &Msg{From: self, To: self, Req: Home})
	}
	if p.Cov != nil {
		p.Cov.cache[l.State][e]++
	}
	l.State = v.to
	return v
}

// Cache delivers a forward or reply to cache self. With migrate an owner in M or E
// answers a FwdGetS with ownership instead of a shared copy.
func (p *Protocol) Cache(l *Line, m *Msg, migrate bool, self Node, out *Out) Effect {
	v := p.Receive(l, m, migrate, self)
	v.send(out, m, self)
	return v.Effect
}

// Receive is Cache for a caller that sends what the row says itself.
func (p *Protocol) Receive(l *Line, m *Msg, migrate bool, self Node) *Move {
	ev := classifyCache(l, m, migrate)
	if ev == noEvent {
		unspecifiedAtCache(l.State, ev, self, m)
	}
	v := &p.cache[l.State][ev]
	if !v.ok {
		unspecifiedAtCache(l.State, ev, self, m)
	}
	if p.Cov != nil {
		p.Cov.cache[l.State][ev]++
	}
	l.Bal += v.expect*m.Acks - v.come
	l.State = v.to
	return v
}

// send is what the row sends because of message in.
func (v *Move) send(out *Out, in *Msg, self Node) {
	for i := range v.Sends() {
		s := &v.sends[i]
		to, acks := s.To(in)
		out.add(s.Type, s.Data, self, to, Home, acks)
	}
}

// EventAtCache names the event that Cache would see.
func EventAtCache(l Line, m Msg, migrate bool) CacheEvent { return classifyCache(&l, &m, migrate) }

// Home delivers a request or a reply to the home.
func (p *Protocol) Home(e *Entry, m *Msg, out *Out) Effect {
	return p.homeStep(e, classifyHome(e, m), m, out)
}

// EventAtHome names the event that Home would see.
func EventAtHome(e *Entry, m Msg) HomeEvent { return classifyHome(e, &m) }

// Recall makes the home take the line back. It is legal in stable states with copies.
func (p *Protocol) Recall(e *Entry, out *Out) Effect {
	return p.homeStep(e, AtRecall, &Msg{From: Home, To: Home, Req: Home}, out)
}

// sends are the cache's actions that send.
var sends = [firstEffect]Send{
	SendGetS:    {GetS, NoData, false, 0},
	SendGetM:    {GetM, NoData, false, 0},
	SendUpg:     {Upg, NoData, false, 0},
	SendPutS:    {PutS, NoData, false, 0},
	SendPutE:    {PutE, NoData, false, 0},
	SendPutM:    {PutM, FromLine, false, 0},
	SendFarOp:   {FarOp, NoData, false, 0},
	SendDataS:   {DataS, FromLine, true, 0},
	SendDataSo:  {DataSo, FromLine, true, 0},
	SendDataE:   {DataE, FromLine, true, 0},
	SendDataF:   {DataF, FromLine, true, 0},
	SendDataD:   {DataD, FromLine, true, 0},
	SendDataM:   {DataM, FromLine, true, 1},
	SendInvAck:  {InvAck, NoData, true, 0},
	SendRcAck:   {RcAck, NoData, false, 0},
	SendWbData:  {WbData, FromLine, false, 0},
	SendWbClean: {WbClean, NoData, false, 0},
	SendFwdMiss: {FwdMiss, NoData, false, 0},
	SendUnbS:    {UnbS, NoData, false, 0},
	SendUnbO:    {UnbO, NoData, false, 0},
	SendUnbX:    {UnbX, NoData, false, 0},
}

func (p *Protocol) homeStep(e *Entry, ev HomeEvent, m *Msg, out *Out) Effect {
	if ev == noEvent {
		unspecifiedAtHome(e.State, ev, m)
	}
	s := &p.home[e.State][ev]
	if !s.ok {
		unspecifiedAtHome(e.State, ev, m)
	}
	if p.Cov != nil {
		p.Cov.home[e.State][ev]++
	}
	if s.take {
		e.Req = m.From
		if e.State == HI {
			e.Owner = -1 // the zero Entry says 0
		}
	}
	if s.first != noAction {
		e.send(s.first, m, out)
	}
	if s.do[0] != noAction {
		p.interpret(e, s, m, out)
	}
	if s.last != 0 {
		if s.last&addReq != 0 {
			p.addSharer(e, e.Req)
		}
		if s.last&ownReq != 0 {
			e.Owner = e.Req
		}
		if s.last&forgetOwner != 0 {
			e.Owner = -1
		}
		if s.last&forgetReq != 0 {
			e.Req = -1
		}
	}
	e.State = s.to
	return s.effect
}

// interpret does the actions in the middle of a row.
func (p *Protocol) interpret(e *Entry, s *homeStep, m *Msg, out *Out) {
	for _, a := range &s.do {
		if a == noAction {
			break
		}
		switch a {
		case ForgetReq:
			e.Req = -1
		case InvOthers:
			for c := e.Sharers.Next(0); c >= 0; c = e.Sharers.Next(c + 1) {
				if c != e.Req && !ownerInO(e, c) {
					out.add(Inv, NoData, Home, c, e.Req, 0)
				}
			}
			e.clearSharers()
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
					out.add(RcInv, NoData, Home, c, Home, 0)
					e.Acks++
				}
			}
			e.clearSharers()
		case SubRcAck:
			e.Acks--
		default:
			e.send(a, m, out)
		}
	}
}

// send sends the one message of an action.
func (e *Entry) send(a Action, m *Msg, out *Out) {
	t := &homeSends[a]
	to, req, acks := e.Req, Home, int16(0)
	switch t.to {
	case toOwner:
		to = e.Owner
	case toSender:
		to = m.From
	case toItself:
		to = Home
	}
	if t.serves {
		req = e.Req
	}
	if t.counts {
		acks = others(e) + t.acks
	}
	out.add(t.msg, t.data, Home, to, req, acks)
}

// Receivers of what the home sends.
const (
	toRequester = iota
	toOwner
	toSender
	toItself
)

// homeSends are the home's actions that send one message.
var homeSends = [firstEffect]struct {
	msg    MsgType
	data   Source
	to     uint8
	serves bool  // the message names the requester
	counts bool  // it brings the number of others,
	acks   int16 // plus so many
}{
	GrantDataS:    {DataS, FromMem, toRequester, false, false, 0},
	GrantDataSn:   {DataSn, FromMem, toRequester, false, false, 0},
	GrantDataE:    {DataE, FromMem, toRequester, false, false, 0},
	GrantDataF:    {DataF, FromMem, toRequester, false, false, 0},
	GrantDataM:    {DataM, FromMem, toRequester, false, true, 0},
	GrantUpg:      {AckCnt, NoData, toRequester, false, true, 0},
	GrantUpgOwner: {AckCnt, NoData, toRequester, false, true, 1},
	ForwardGetS:   {FwdGetS, NoData, toOwner, true, false, 0},
	ForwardGetM:   {FwdGetM, NoData, toOwner, true, true, 0},
	InvOwner:      {Inv, NoData, toOwner, true, false, 0},
	AckPut:        {PutAck, NoData, toSender, false, false, 0},
	RecallOwner:   {RcX, NoData, toOwner, false, false, 0},
	StartFar:      {FarDone, NoData, toItself, false, false, 0},
	AnswerFar:     {FarVal, NoData, toRequester, false, false, 0},
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
