package machine

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"cohsim/cache"
	"cohsim/internal/stats"
)

// sparse is a plain machine whose home can keep track of that many lines.
func sparse(entries, ways int) Config {
	c := plain()
	c.Protocol.Recall = entries > 0
	c.Directory = Directory{Entries: entries, Ways: max(ways, 1)}
	return c
}

func TestADirectoryWithoutRoomTakesTheOldestLineBackFirst(t *testing.T) {
	body := `
    reg x
    load x, [a]
    load x, [b]
    load x, [a]
    load x, [b]
    halt`
	run := func(c Config) *Result {
		w := newWorld(t, c, []string{"a", "b"}, body)
		_, res := w.run(t)
		return res
	}
	full, one := run(sparse(0, 1)), run(sparse(1, 1))
	if n := one.Run.Total.Coh.Recall; n != 3 {
		t.Errorf("%d recalls, want 3", n)
	}
	// b's first miss waits for a's recall: a snoop of 4 and its answer of 4. The
	// next two loads miss where they would hit.
	legs := int64(4 + 4)
	miss := int64(8 + 5 + 12) // request, LLC, data
	if got, want := one.End-full.End, 3*legs+2*(miss-0)-2*4; got < want-2 || got > want+10 {
		t.Errorf("recalls cost %d cycles, want about %d", got, want)
	}
	if c := one.Run.Total.Cache; c.Capacity != 2 || c.TrueSharing+c.FalseSharing != 0 {
		t.Errorf("misses after a recall: %d capacity, %d sharing; want 2 and 0", c.Capacity, c.TrueSharing+c.FalseSharing)
	}
}

func TestADirectoryWithRoomForEveryLineChangesNothing(t *testing.T) {
	body := strings.Repeat("    rmw.add _, [a], 1\n    store [b], 1\n    load x, [c]\n", 20)
	run := func(c Config) *Result {
		c.Fabric.JitterPercent = 30
		w := newWorld(t, c, []string{"a", "b", "c"}, "    reg x\n"+body+"    halt", "    reg x\n"+body+"    halt")
		_, res := w.run(t)
		return res
	}
	if a, b := run(sparse(0, 1)), run(sparse(256, 4)); !reflect.DeepEqual(a, b) {
		t.Errorf("%d cycles and %d cycles", a.End, b.End)
	}
}

func TestNoRequestWaitsForEverForAWayOfTheDirectory(t *testing.T) {
	objects := []string{"a", "b", "c", "d", "e"}
	for _, entries := range []int{1, 2, 4} {
		for _, ways := range []int{1, 2, 4} {
			for _, local := range []bool{false, true} {
				if ways > entries {
					continue
				}
				cfg := sparse(entries, ways)
				cfg.Topology.L3Local, cfg.Topology.L3PerSocket, cfg.Topology.CoresPerL3 = local, 2, 8
				var programs []string
				for i := range 16 {
					s := ""
					for k := range objects {
						s += "    rmw.add _, [" + objects[(i+k)%len(objects)] + "], 1\n"
					}
					programs = append(programs, "    reg i\n    mov i, 10\nloop:\n"+s+"    sub i, i, 1\n    bne i, 0, loop\n    halt")
				}
				w := newWorld(t, cfg, objects, programs...)
				w.setup.StuckNS, w.setup.Check = 1e6, CheckFull
				m, res := w.run(t)
				for _, o := range objects {
					if got := m.value(t, w.addr[o], 8); got != 160 {
						t.Errorf("%d entries: %s = %d, want 160", entries, o, got)
					}
				}
				if (local || entries < 4) && res.Run.Total.Coh.Recall == 0 { // else two homes have 8 ways
					t.Errorf("%d entries for %d lines, and no recall", entries, len(objects))
				}
			}
		}
	}
}

func TestAThousandCoresShareALineThroughACoarseList(t *testing.T) {
	cfg := sparse(8, 2)
	cfg.Topology.Sockets, cfg.Topology.L3PerSocket, cfg.Topology.CoresPerL3 = 4, 8, 32
	cfg.Protocol.SharerPointers, cfg.Protocol.SharerGroup = 4, 32
	cfg.L1 = cache.Config{Bytes: 512, Ways: 2, LatencyCycles: 4, Replacement: "lru"}
	if ps := cfg.Problems(); len(ps) > 0 {
		t.Fatal(ps)
	}
	// Two in a hundred write; a coarse list makes each of them invalidate groups.
	program := func(i int) string {
		op := "    load x, [a]\n    load x, [b]\n"
		if i%50 == 0 {
			op += "    rmw.add _, [a], 1\n"
		}
		return "    reg x\n" + op + "    load x, [a]\n    halt"
	}
	w := newWorld(t, cfg, []string{"a", "b"}, func() (ps []string) {
		for i := range 1024 {
			ps = append(ps, program(i))
		}
		return ps
	}()...)
	w.setup.Check = CheckSample
	m, res := w.run(t)
	if got := m.value(t, w.addr["a"], 8); got != 21 {
		t.Errorf("a = %d, want 21", got)
	}
	if n := res.Run.Total.Coh.Inv; n < 21*32 {
		t.Errorf("%d invalidations: whole groups of 32 should be invalidated", n)
	}
}

func TestDirectoryMistakesSayWhatIsAllowed(t *testing.T) {
	for want, edit := range map[string]func(*Config){
		"directory.entries: a directory that cannot":                       func(c *Config) { c.Directory.Entries = 16 },
		"protocol.recall: has no effect":                                   func(c *Config) { c.Protocol.Recall = true },
		"directory.entries: 10 is not":                                     func(c *Config) { c.Protocol.Recall, c.Directory.Entries, c.Directory.Ways = true, 10, 4 },
		"make 3 sets":                                                      func(c *Config) { c.Protocol.Recall, c.Directory.Entries, c.Directory.Ways = true, 12, 4 },
		"unknown protocol \"dragon\": allowed are mesi, mesif, moesi, msi": func(c *Config) { c.Protocol.Name = "dragon" },
		"non_blocking_gets = false":                                        func(c *Config) { c.Protocol.Name, c.Protocol.NonBlockingS = "mesif", true },
		"allowed are 0 (name all) and more":                                func(c *Config) { c.Protocol.SharerPointers = -1 },
		"set silent_s_eviction, explicit_s":                                func(c *Config) { c.Protocol.SilentS = false },
		"sharer_group has no effect without ":                              func(c *Config) { c.Protocol.SharerGroup = 4 },
	} {
		c := DefaultConfig()
		edit(&c)
		if got := fmt.Sprint(c.Problems()); !strings.Contains(got, want) {
			t.Errorf("want %q in %s", want, got)
		}
	}
}

// A home has no bytes of its own: what it sends comes from the LLC if the LLC has
// the line, and from memory otherwise. With llc.bytes = 0 it always is memory.
func TestAHomeWithoutAnLLCFetchesEveryReplyFromMemory(t *testing.T) {
	suppliers := func(llcBytes, ways int) (llc, dram int) {
		cfg := plain()
		cfg.Protocol.Name = "msi"
		cfg.Protocol.ExclusiveGrant, cfg.Protocol.PutE, cfg.Protocol.SilentE = false, false, false
		cfg.LLC.Bytes, cfg.LLC.Ways = llcBytes, ways
		wait := "    work 1000\n    fence.lfence\n"
		w := newWorld(t, cfg, []string{"a", "b"},
			"    reg x\n    load x, [a]\n"+wait+"    load x, [b]\n"+wait+wait+"    load x, [a]\n    halt",
			"    reg x\n"+wait+wait+"    load x, [a]\n    halt")
		_, res := w.run(t)
		for i := range res.Cores {
			c := &res.Cores[i].CPU.Cycles
			if c[stats.LLC] > 0 {
				llc++
			}
			if c[stats.DRAM] > 0 {
				dram++
			}
		}
		if n := res.Cores[0].Cache.L1Hits; n != 1 {
			t.Errorf("LLC of %d bytes: %d hits: the LLC does not include the private caches, so its evictions cost them nothing", llcBytes, n)
		}
		return llc, dram
	}
	if llc, dram := suppliers(4096, 4); llc != 1 || dram != 1 {
		t.Errorf("with an LLC: %d threads served by it, %d by memory; want 1 and 1", llc, dram)
	}
	if llc, dram := suppliers(0, 1); llc != 0 || dram != 2 {
		t.Errorf("without an LLC: %d threads served by it, %d by memory; want 0 and 2", llc, dram)
	}
	if llc, dram := suppliers(64, 1); llc != 0 || dram != 2 {
		t.Errorf("after the LLC evicted the line: %d threads served by it, %d by memory; want 0 and 2", llc, dram)
	}
}
