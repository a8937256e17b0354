package mesi

import (
	"fmt"
	"slices"
)

// CacheRow is one transition of the cache controller.
type CacheRow struct {
	From State
	On   CacheEvent
	Do   []Action // in this order
	To   State
	Why  string
}

// HomeRow is one transition of the home controller.
type HomeRow struct {
	From HomeState
	On   HomeEvent
	Do   []Action // in this order
	To   HomeState
	Why  string
}

// group is a set of rows that belongs to a protocol when the options match.
type group struct {
	when  []feature // any of these sets is on; none means always
	cache []CacheRow
	home  []HomeRow
}

func (g group) on(have feature) bool {
	if len(g.when) == 0 {
		return true
	}
	for _, f := range g.when {
		if have&f == f {
			return true
		}
	}
	return false
}

func when(any ...feature) []feature { return any }
func do(a ...Action) []Action       { return a }

// definition is a protocol before its options are chosen.
type definition struct {
	name     string
	doc      string
	defaults Options
	allow    func(Options) error
	groups   []group
}

// definitions lists every protocol of the package, sorted by file.
var definitions []*definition

func define(name, doc string, defaults Options, allow func(Options) error, groups ...group) *definition {
	d := &definition{name, doc, defaults, allow, groups}
	definitions = append(definitions, d)
	return d
}

const (
	maxDo    = 6
	maxSends = 2
)

// Move is a compiled row of the cache: the effects, what it sends, and how it
// changes the balance of acks. Nothing is left to interpret.
type Move struct {
	Effect Effect
	to     State
	ok     bool
	n      uint8
	sends  [maxSends]Send
	expect int16 // the balance grows by so many times the message's acks
	come   int16 // and shrinks by so much
}

// Sends are the messages that the row sends, in this order.
func (v *Move) Sends() []Send { return v.sends[:v.n] }

// Send is a message that a row of the cache sends.
type Send struct {
	Type  MsgType
	Data  Source
	ToReq bool  // to the requester of the forward in hand, otherwise to the home
	acks  int16 // so many times the acks of the message in hand
}

// To is the receiver, and acks the count it gets, where in is the message in hand.
func (s *Send) To(in *Msg) (to Node, acks int16) {
	if s.ToReq {
		return in.Req, s.acks * in.Acks
	}
	return Home, s.acks * in.Acks
}

func compileCache(r CacheRow) (Move, error) {
	s := Move{to: r.To, ok: true}
	for _, a := range r.Do {
		switch f := a.Effect(); {
		case f != 0:
			s.Effect |= f
		case a == AddAcks:
			s.expect = 1
		case a == SubAck:
			s.come = 1
		case s.n == maxSends:
			return s, fmt.Errorf("more than %d messages", maxSends)
		default:
			s.sends[s.n] = sends[a]
			s.n++
		}
	}
	return s, nil
}

// homeStep is a compiled row of the home: the actions in their order, with those that
// most rows begin and end with taken out of the list, and the effects.
type homeStep struct {
	effect Effect
	to     HomeState
	ok     bool
	take   bool          // TakeReq comes first
	first  Action        // and then the message that this sends
	do     [maxDo]Action // the actions between
	last   lastActions   // and those that come last
}

// lastActions are AddReq, OwnReq or ForgetOwner, and ForgetReq, in this order.
type lastActions uint8

const (
	addReq lastActions = 1 << iota
	ownReq
	forgetOwner
	forgetReq
)

var asLast = [firstEffect]lastActions{AddReq: addReq, OwnReq: ownReq, ForgetOwner: forgetOwner, ForgetReq: forgetReq}

func compileHome(r HomeRow) (homeStep, error) {
	s := homeStep{to: r.To, ok: true}
	var do []Action
	for _, a := range r.Do {
		if f := a.Effect(); f != 0 {
			s.effect |= f
			continue
		}
		do = append(do, a)
	}
	if r.To.Stable() && s.effect&Stall == 0 {
		s.effect |= Unblocked
	}
	if len(do) > maxDo {
		return s, fmt.Errorf("more than %d actions", maxDo)
	}
	if len(do) > 0 && do[0] == TakeReq {
		s.take, do = true, do[1:]
	}
	if slices.Contains(do, TakeReq) {
		return s, fmt.Errorf("TakeReq is not the first action")
	}
	if len(do) > 0 && homeSends[do[0]].msg != 0 {
		s.first, do = do[0], do[1:]
	}
	for next := lastActions(1 << 7); len(do) > 0; {
		l := asLast[do[len(do)-1]]
		if l == 0 || l >= next {
			break
		}
		s.last, next, do = s.last|l, l, do[:len(do)-1]
	}
	copy(s.do[:], do)
	return s, nil
}

// Protocol is a compiled protocol table. It is read-only but for the counts in Cov, so
// simulators that run at the same time need one each only if they count coverage.
type Protocol struct {
	Cov   *Coverage // counts rows fired, when not nil
	evict [NumStates]CacheEvent
	group Node // caches per bit of a coarse sharer list
	limit int  // sharers named exactly; more make the list coarse
	last  Node // largest cache number a coarse list may round up to
	cache [NumStates][NumCacheEvents]Move
	home  [numHomeStates][NumHomeEvents]homeStep

	name      string
	doc       string
	options   Options
	cacheRows []CacheRow
	homeRows  []HomeRow
}

// Check finds unknown names and combinations of options that make no sense; the errors
// say what is allowed.
func Check(name string, o Options) error {
	_, err := find(name, o)
	return err
}

func find(name string, o Options) (*definition, error) {
	d, err := lookup(name)
	if err != nil {
		return nil, err
	}
	if err := o.check(name); err != nil {
		return nil, err
	}
	if err := d.allow(o); err != nil {
		return nil, fmt.Errorf("protocol %q: %w", name, err)
	}
	return d, nil
}

// New compiles the named protocol with the options. Its errors are those of Check.
func New(name string, o Options) (*Protocol, error) {
	d, err := find(name, o)
	if err != nil {
		return nil, err
	}
	have := o.features()
	var cache []CacheRow
	var home []HomeRow
	for _, g := range d.groups {
		if g.on(have) {
			cache = append(cache, g.cache...)
			home = append(home, g.home...)
		}
	}
	cache, home = prune(cache, home)
	p := &Protocol{name: name, doc: d.doc, options: o}
	return p.WithRows(cache, home)
}

// prune leaves out rows that options made impossible: rows for a message that no row
// sends, or in a state that no row leads to. So a group need not repeat the conditions
// of the rows that feed it. What is left must be reachable; the checker's tests say so.
func prune(cache []CacheRow, home []HomeRow) ([]CacheRow, []HomeRow) {
	for {
		var sent [numMsgTypes]bool
		var cacheTo [NumStates]bool
		var homeTo [numHomeStates]bool
		cacheTo[I], homeTo[HI] = true, true
		note := func(do []Action) {
			for _, a := range do {
				for _, t := range Sends(a) {
					sent[t] = true
				}
			}
		}
		for _, r := range cache {
			cacheTo[r.To] = cacheTo[r.To] || r.From != r.To
			note(r.Do)
		}
		for _, r := range home {
			homeTo[r.To] = homeTo[r.To] || r.From != r.To
			note(r.Do)
		}
		c := slices.DeleteFunc(slices.Clone(cache), func(r CacheRow) bool {
			t, ok := r.On.Msg()
			return !cacheTo[r.From] || ok && !sent[t]
		})
		h := slices.DeleteFunc(slices.Clone(home), func(r HomeRow) bool {
			t, ok := r.On.Msg()
			return !homeTo[r.From] || ok && !sent[t]
		})
		if len(c) == len(cache) && len(h) == len(home) {
			return c, h
		}
		cache, home = c, h
	}
}

// WithRows compiles other rows under the name and options of p: what mutation tests
// and hand-made tables use.
func (p *Protocol) WithRows(cache []CacheRow, home []HomeRow) (*Protocol, error) {
	q := &Protocol{name: p.name, doc: p.doc, options: p.options, cacheRows: cache, homeRows: home}
	q.limit, q.group, q.last = MaxCaches, 1, MaxCaches-1
	if o := p.options; o.SharerPointers > 0 {
		q.limit, q.group, q.last = o.SharerPointers, Node(o.SharerGroup), Node(o.Caches-1)
	}
	for _, r := range cache {
		s, err := compileCache(r)
		if err != nil {
			return nil, fmt.Errorf("protocol %q: cache row %v %v: %w", p.name, r.From, r.On, err)
		}
		if q.cache[r.From][r.On].ok {
			return nil, fmt.Errorf("protocol %q: two cache rows for %v %v", p.name, r.From, r.On)
		}
		q.cache[r.From][r.On] = s
	}
	for _, r := range home {
		s, err := compileHome(r)
		if err != nil {
			return nil, fmt.Errorf("protocol %q: home row %v %v: %w", p.name, r.From, r.On, err)
		}
		if q.home[r.From][r.On].ok {
			return nil, fmt.Errorf("protocol %q: two home rows for %v %v", p.name, r.From, r.On)
		}
		q.home[r.From][r.On] = s
	}
	for s := range q.evict {
		q.evict[s] = OnEvict
		if !q.cache[s][OnEvict].ok && q.cache[s][OnSilentEvict].ok {
			q.evict[s] = OnSilentEvict
		}
	}
	return q, nil
}

// Name returns the protocol's name.
func (p *Protocol) Name() string { return p.name }

// Doc returns the sentence that describes the protocol.
func (p *Protocol) Doc() string { return p.doc }

// Options returns the options the table was compiled with.
func (p *Protocol) Options() Options { return p.options }

// CacheRows returns the rows of the cache controller. The caller must not change them.
func (p *Protocol) CacheRows() []CacheRow { return p.cacheRows }

// HomeRows returns the rows of the home controller. The caller must not change them.
func (p *Protocol) HomeRows() []HomeRow { return p.homeRows }

// Has reports whether a cache row exists for the pair.
func (p *Protocol) Has(s State, e CacheEvent) bool { return p.cache[s][e].ok }

// HomeHas reports whether a home row exists for the pair.
func (p *Protocol) HomeHas(s HomeState, e HomeEvent) bool { return p.home[s][e].ok }

// Readable reports whether a load may use the bytes of a line in this state.
func (p *Protocol) Readable(s State) bool { return s.In(readable) }

// Writable reports whether a store may be performed without asking; E counts, it
// becomes M without a message.
func (p *Protocol) Writable(s State) bool { return s == E || s == M }

// Stable reports whether no transaction is under way at the cache.
func (p *Protocol) Stable(s State) bool { return s <= F }

const readable = 1<<S | 1<<E | 1<<M | 1<<O | 1<<F | 1<<SM_AD | 1<<SM_A | 1<<OM_AD | 1<<OM_A

// CacheRow returns what the row of the pair does, and false where there is none.
func (p *Protocol) CacheRow(s State, e CacheEvent) (to State, do []Action, ok bool) {
	for i := range p.cacheRows {
		if r := &p.cacheRows[i]; r.From == s && r.On == e {
			return r.To, r.Do, true
		}
	}
	return 0, nil, false
}

// HomeRow returns what the row of the pair does, and false where there is none.
func (p *Protocol) HomeRow(s HomeState, e HomeEvent) (to HomeState, do []Action, ok bool) {
	for i := range p.homeRows {
		if r := &p.homeRows[i]; r.From == s && r.On == e {
			return r.To, r.Do, true
		}
	}
	return 0, nil, false
}
