package mesi

import (
	"errors"
	"fmt"
	"slices"
)

func setOf(states ...State) uint32 {
	var m uint32
	for _, s := range states {
		m |= 1 << s
	}
	return m
}

var (
	holding  = setOf(S, E, M, O, F, SM_AD, SM_A, OM_AD, OM_A, IM_A, MI_A, EI_A, SI_A, OI_A)
	asking   = setOf(IS_D, ISI_D, IM_AD, IM_A, SM_AD, SM_A, OM_AD, OM_A)
	parked   = setOf(MI_A, EI_A, SI_A, OI_A, II_A)
	writable = setOf(E, M)
	valid    = setOf(S, E, M, O, F)
)

// Lint checks laws that one row can be judged by on its own: that its effects are the
// ones its change of state implies. The model checker does not look at effects that
// only the machine obeys (Perform, Lost, Freed and so on); this does.
func (p *Protocol) Lint() error {
	var errs []error
	for _, r := range p.cacheRows {
		for _, law := range lintRow(r) {
			errs = append(errs, fmt.Errorf("cache row %v %v: %s", r.From, r.On, law))
		}
	}
	states := setOf(I)
	for _, r := range p.cacheRows {
		states |= 1 << r.To
	}
	for s := range NumStates {
		if states>>s&1 == 0 {
			continue
		}
		for _, e := range []CacheEvent{OnLoad, OnStore} {
			if !p.Has(s, e) {
				errs = append(errs, fmt.Errorf("cache state %v: a core may ask at any time, but %v has no row", s, e))
			}
		}
		if valid>>s&1 != 0 && !p.Has(s, OnEvict) && !p.Has(s, OnSilentEvict) {
			errs = append(errs, fmt.Errorf("cache state %v: the line cannot be evicted", s))
		}
	}
	for _, r := range p.cacheRows {
		t, isMsg := r.On.Msg()
		for _, a := range r.Do {
			for _, u := range Sends(a) {
				if !mayCause(t, isMsg, u) {
					errs = append(errs, fmt.Errorf("cache row %v %v: %v must not cause %v", r.From, r.On, r.On, u))
				}
			}
		}
	}
	for _, r := range p.homeRows {
		t, isMsg := r.On.Msg()
		for _, a := range r.Do {
			for _, u := range Sends(a) {
				// A recall is a request of the home itself.
				if !mayCause(t, true, u) && isMsg {
					errs = append(errs, fmt.Errorf("home row %v %v: %v must not cause %v", r.From, r.On, r.On, u))
				}
			}
		}
		waits := !r.From.Stable() && r.On <= AtFarOp
		if waits != (len(r.Do) == 1 && r.Do[0] == StallHere && r.To == r.From) {
			errs = append(errs, fmt.Errorf("home row %v %v: a request stalls exactly in the blocked states", r.From, r.On))
		}
	}
	return errors.Join(errs...)
}

// mayCause says which message may be sent because of which: a request causes forwards
// and replies, a forward causes replies, data cause an unblock, and what an owner or a
// sharer tells the home causes data at most. So no kind of message waits for itself, and
// finite buffers cannot deadlock as long as forwards and replies are always taken.
func mayCause(t MsgType, isMsg bool, u MsgType) bool {
	unblock := u == UnbS || u == UnbO || u == UnbX
	switch {
	case t == FarDone && isMsg:
		return u == FarVal
	case !isMsg:
		return u.VN() == Request
	case t.VN() == Request:
		return u.VN() != Request
	case t.VN() == Forward:
		return u.VN() == Reply && !unblock
	case t.ToHome():
		return u >= DataS && u <= DataD || u == FarDone
	}
	return unblock
}

func lintRow(r CacheRow) []string {
	var broken []string
	law := func(ok bool, text string) {
		if !ok {
			broken = append(broken, text)
		}
	}
	in := func(set uint32, s State) bool { return set>>s&1 != 0 }
	var f Effect
	for _, a := range r.Do {
		f |= a.Effect()
		if a >= SendGetS && a <= SendUnbX && sends[a].Data == FromLine {
			law(in(holding, r.From), "sends bytes it does not hold")
		}
	}
	has := func(e Effect) bool { return f&e != 0 }
	t, isMsg := r.On.Msg()
	switch r.On {
	case OnLoad, OnStore:
		law(has(Hit) != has(Wait), "a core request hits or waits")
	case OnFar:
		law(has(Wait) && !has(Hit) && r.To == r.From, "a far atomic waits for the home and leaves the line as it is")
	default:
		law(!has(Hit) && !has(Wait), "only a core request hits or waits")
	}
	if has(Hit) && r.On == OnLoad {
		law(in(readable, r.From) && r.To == r.From, "a load hits in a readable state and changes nothing")
	}
	if has(Hit) && r.On == OnStore {
		law(in(writable, r.From) && r.To == M, "a store hits in a writable state and leaves M")
	}
	done := isMsg && in(asking, r.From) && !in(asking, r.To)
	law(has(Perform) == (done || r.On == OnFarVal), "the access is performed exactly when its transaction ends")
	if done {
		want := []State{M} // a write transaction
		switch r.On {
		case OnDataS, OnDataSo:
			want = []State{S}
		case OnDataSn:
			want = []State{S, I} // I: used once
		case OnDataF:
			want = []State{F}
		case OnDataE:
			want = []State{E}
		}
		law(slices.Contains(want, r.To), "a transaction ends with the permission that was asked for or granted")
	}
	if r.On == OnFarVal {
		law(r.To == r.From, "the result of a far atomic leaves the line as it is")
	}
	law(has(UseOnce) == (done && !in(valid, r.To)), "data are used once exactly when no copy stays")
	law(has(Freed) == (in(parked, r.From) && !in(parked, r.To)), "the buffer is freed exactly when the eviction ends")
	law(has(Parked) == (r.On == OnEvict && in(parked, r.To)), "the line is parked exactly when an eviction begins")
	if r.On == OnFwdGetS {
		law(in(holding, r.From) == in(holding, r.To), "an owner that shares keeps its copy")
	}
	if r.On == OnFwdGetSMigrate {
		law(!in(holding, r.To), "an owner that hands over keeps nothing")
	}
	forward := isMsg && t.VN() == Forward
	law(has(Lost) == (forward && in(readable, r.From) && !in(readable, r.To)), "Lost exactly when somebody else takes read permission")
	law(has(Downgraded) == (forward && in(writable, r.From) && in(readable, r.To) && !in(writable, r.To)), "Downgraded exactly when somebody else takes write permission")
	data := isMsg && t >= DataS && t <= DataD
	law(has(Fill) == data, "bytes are filled exactly when data come")
	gone := (in(holding, r.From) || data) && !in(holding, r.To)
	law(has(Drop) == gone, "bytes are dropped exactly when the state holds none")
	return broken
}
