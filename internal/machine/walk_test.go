package machine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cohsim/cache"
	"cohsim/internal/mem"
)

// What threads have read before the run is where it would be had they read it in the run:
// every line's copy with its rank in L1 and L2, the LLC, the home's entry.
func TestAWalkLeavesWhatReadingTheLinesLeaves(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*Config)
	}{
		{"one level", func(c *Config) { c.L2.Bytes = 0 }},
		{"two levels", func(*Config) {}},
		{"plru", func(c *Config) { c.L1.Replacement, c.L2.Replacement = "plru", "plru" }},
		{"no LLC", func(c *Config) { c.LLC.Bytes = 0 }},
		{"a small LLC", func(c *Config) { c.LLC.Bytes = 4096 }},
		{"homes at L3s", func(c *Config) { c.Topology.L3Local = true }},
		{"silent evictions", func(c *Config) {
			c.Protocol.Options.SilentE, c.Protocol.Options.SilentS = true, true
			c.Protocol.Options.PutE, c.Protocol.Options.PutS = false, false
		}},
		{"msi", func(c *Config) {
			c.Protocol.Name, c.Protocol.Options.ExclusiveGrant, c.Protocol.Options.PutE = "msi", false, false
		}},
		{"mesif", func(c *Config) { c.Protocol.Name = "mesif" }},
		{"moesi", func(c *Config) { c.Protocol.Name = "moesi" }},
	} {
		for _, lines := range []int{1, 7, 16, 40, 130, 700} {
			cfg := x86(1)
			cfg.L1 = cache.Config{Bytes: 1024, Ways: 2, Replacement: "lru", LatencyCycles: 4}
			cfg.L2 = cache.Config{Bytes: 4096, Ways: 4, Replacement: "lru", LatencyCycles: 12}
			cfg.LLC.Bytes, cfg.LLC.Ways = 16384, 8
			c.set(&cfg)
			walked := ringOf(t, cfg, lines, false)
			read := ringOf(t, cfg, lines, true)
			for i, want := range read {
				if walked[i] != want {
					t.Errorf("%s, %d lines: after a walk %s, after reading %s", c.name, lines, walked[i], want)
					break
				}
			}
		}
	}
}

// ringOf describes what a thread leaves that has gone through a ring of so many lines,
// in the run or before it.
func ringOf(t *testing.T, cfg Config, lines int, inRun bool) []string {
	t.Helper()
	body := "    halt"
	if inRun {
		body = fmt.Sprintf("    reg p i\n    mov p, a\n    mov i, 0\nnext:\n    load p, [p]\n    add i, i, 1\n    blt i, %d, next likely\n    halt", lines)
	}
	w := newWorld(t, cfg, []string{"a"}, body)
	more := w.setup.Space.NewRaw("more", lines*mem.LineBytes, mem.LineBytes)
	others := w.setup.Space.NewRaw("others", 3*lines*mem.LineBytes, mem.LineBytes)
	// The word "a" is the first line, and every 7th of the others follows.
	order := []uint64{uint64(w.addr["a"]) >> 6}
	for i := range lines - 1 {
		order = append(order, uint64(more)>>6+uint64(i*7%(lines-1)))
	}
	for i := range order {
		w.setup.Init = append(w.setup.Init, Word{Addr: mem.Addr(order[i] << 6), Bytes: 8, Value: order[(i+1)%lines] << 6})
	}
	if !inRun {
		w.setup.Walks = []Walk{{0, order}}
	}
	m, err := New(w.setup)
	if err != nil {
		t.Fatal(err)
	}
	if inRun {
		if _, err := m.Simulate(); err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	u := &m.units[0]
	for _, n := range order {
		l, h := m.line(n), u.Held(n)
		var s strings.Builder
		fmt.Fprintf(&s, "line %#x: home %v owner %d sharers %d at %d, past %v", n, l.State, l.Owner, l.Sharers.Count(), l.at, l.past)
		if f := h.Frame(); f >= 0 {
			fr := &u.Frames[f]
			fmt.Fprintf(&s, ", copy %v %x in L1 %t", fr.State, peek(&fr.Data, 0, 8), h.L1() >= 0)
		}
		for i, a := range m.llc {
			if a != nil {
				fmt.Fprintf(&s, ", LLC %d %t", i, a.Find(n) >= 0)
			}
		}
		out = append(out, s.String())
	}
	out = append(out, "L1 "+victims(u.L1, order))
	for i, a := range m.llc {
		if a != nil {
			out = append(out, fmt.Sprint("LLC ", i, " ", victims(a, order)))
		}
	}
	// The L2's tags are its own: who leaves when others come says the rest.
	var gone []uint64
	for k := range 3 * lines {
		f, taken := u.Take(uint64(others)>>6+uint64(k), m.stable)
		if !taken {
			gone = append(gone, u.Frames[f].Tag)
			u.Empty(f)
		}
	}
	return append(out, fmt.Sprint("L2 ", gone))
}

// victims says which line of each set would go next.
func victims(a *cache.Array, lines []uint64) string {
	var out []string
	for _, n := range lines {
		if a.Room(n) < 0 {
			out = append(out, fmt.Sprintf("%#x", a.Tag(a.Victim(n, nil))))
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}
