package mesi

import "strings"

// Coverage counts how often each row fired. One Coverage serves one single-threaded
// user at a time.
type Coverage struct {
	cache [NumStates][NumCacheEvents]uint64
	home  [numHomeStates][NumHomeEvents]uint64
}

// Pair is one (state, event) pair and how often it was seen.
type Pair struct {
	AtHome bool
	State  string
	Event  string
	Count  uint64
}

// String prints the pair with C for cache or D for directory in front.
func (p Pair) String() string {
	if p.AtHome {
		return "D " + p.State + " " + p.Event
	}
	return "C " + p.State + " " + p.Event
}

// CacheCount returns how often a cache in state s saw e.
func (c *Coverage) CacheCount(s State, e CacheEvent) uint64 { return c.cache[s][e] }

// HomeCount returns how often a home in state s saw e.
func (c *Coverage) HomeCount(s HomeState, e HomeEvent) uint64 { return c.home[s][e] }

// Count counts one event at a home.
func (c *Coverage) Count(s HomeState, e HomeEvent) { c.home[s][e]++ }

// CountCache counts one event at a cache.
func (c *Coverage) CountCache(s State, e CacheEvent) { c.cache[s][e]++ }

// Add adds the counts of o.
func (c *Coverage) Add(o *Coverage) {
	for s := range c.cache {
		for e := range c.cache[s] {
			c.cache[s][e] += o.cache[s][e]
		}
	}
	for s := range c.home {
		for e := range c.home[s] {
			c.home[s][e] += o.home[s][e]
		}
	}
}

// Pairs lists the pairs seen at least once, caches first, in table order.
func (c *Coverage) Pairs() []Pair {
	var ps []Pair
	for s := range c.cache {
		for e, n := range c.cache[s] {
			if n > 0 {
				ps = append(ps, Pair{false, State(s).String(), CacheEvent(e).String(), n})
			}
		}
	}
	for s := range c.home {
		for e, n := range c.home[s] {
			if n > 0 {
				ps = append(ps, Pair{true, "D_" + HomeState(s).String(), HomeEvent(e).String(), n})
			}
		}
	}
	for i := range ps {
		ps[i].State = strings.Replace(ps[i].State, "D_B_", "B_", 1)
		ps[i].State = strings.Replace(ps[i].State, "D_R_", "R_", 1)
		ps[i].State = strings.Replace(ps[i].State, "D_A_", "A_", 1)
	}
	return ps
}

// MessagePairs lists the pairs seen, by message type and by whether the sender of a
// request is owner ("own"), listed ("shr") or neither ("none"): the coarser names of
// the literature, without core events and without the split by ack balance. Counts of
// pairs that fall together are added up.
func (c *Coverage) MessagePairs() []Pair {
	var ps []Pair
	add := func(p Pair) {
		for i := range ps {
			if ps[i].AtHome == p.AtHome && ps[i].State == p.State && ps[i].Event == p.Event {
				ps[i].Count += p.Count
				return
			}
		}
		ps = append(ps, p)
	}
	for _, p := range c.Pairs() {
		ev, rest, _ := strings.Cut(p.Event, ".")
		if !p.AtHome {
			switch ev {
			case "Load", "Store", "Evict", "Far":
				continue
			}
			if !strings.Contains(p.State, "_") {
				p.State = "C_" + p.State
			}
			p.Event = ev
			add(p)
			continue
		}
		if ev == "Recall" {
			continue
		}
		q, _, _ := strings.Cut(rest, ".")
		switch q {
		case "none", "own":
			ev += " " + q
		case "listed", "unsure":
			ev += " shr"
		case "last":
			if strings.HasPrefix(ev, "Put") {
				ev += " shr"
			}
		}
		p.Event = ev
		add(p)
	}
	return ps
}
