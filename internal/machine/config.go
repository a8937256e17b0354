package machine

import (
	"fmt"
	"maps"
	"slices"

	"cohsim/cache"
	"cohsim/cpu"
	"cohsim/internal/noc"
	"cohsim/mesi"
)

// Config describes a whole machine; a preset in configs/machines is one.
type Config struct {
	Name        string `toml:"name" doc:"name of the machine"`
	Doc         string `toml:"doc" doc:"what the machine is and where its figures come from"`
	ISA         string `toml:"isa" oneof:"x86-64 arm64-lse arm64-llsc" doc:"what programs are lowered to"`
	MemoryModel string `toml:"memory_model" oneof:"isa sc tso armv8" doc:"ordering table; isa takes the instruction set's own"`

	Core     cpu.Config   `toml:"core" doc:"every core"`
	L1       cache.Config `toml:"l1" doc:"private first-level data cache"`
	L2       cache.Config `toml:"l2" doc:"private second level, the same coherence unit as the L1; bytes = 0 for none"`
	LLC      LLC          `toml:"llc" doc:"shared last-level cache, one slice at every home"`
	MSHRs    int          `toml:"mshrs" min:"1" max:"128" doc:"misses that a core's private caches have outstanding"`
	Adjacent bool         `toml:"adjacent_line_prefetch" doc:"a miss also fetches the other line of its 128-byte pair"`

	Protocol  Protocol     `toml:"protocol" doc:"coherence protocol and its options"`
	Directory Directory    `toml:"directory" doc:"the record that homes keep of who has which line"`
	Topology  noc.Topology `toml:"topology" doc:"sockets, L3s, cores, threads"`
	Fabric    noc.Fabric   `toml:"fabric" doc:"interconnect delays"`
	DRAMNS    float64      `toml:"dram_ns" min:"0" max:"100000" doc:"added to a reply that memory, not the LLC, supplies"`

	Placements map[string][]int `toml:"placements" doc:"named lists of hardware threads, in the order in which run.cores takes them"`

	Free []string `toml:"free_keys" dump:"-" doc:"keys of this machine that cohsim calibrate may fit (fabric.near.data_ns); no run looks at them"`
}

// LLC is the shared cache at one home.
type LLC struct {
	Bytes int     `toml:"bytes" min:"0" max:"4294967296" doc:"capacity of one slice; 0 for none"`
	Ways  int     `toml:"ways" min:"1" max:"64" doc:"associativity"`
	HitNS float64 `toml:"hit_ns" min:"0" max:"10000" doc:"added to a reply that the LLC supplies"`
}

// Protocol selects the coherence protocol.
type Protocol struct {
	Name string `toml:"name" oneof:"msi mesi mesif moesi" doc:"protocol tables"`
	mesi.Options
	ReadDirty   string  `toml:"read_dirty" oneof:"share migrate migrate_if_written" doc:"what a read of another core's dirty line gets: a shared copy, or ownership (always, or only if the owner wrote it)"`
	LockedShare float64 `toml:"share_if_locked_within_ns" min:"0" max:"100000" doc:"a line on which the owner ran a locked op this recently is shared, not migrated; 0 turns the rule off"`
	Arbitration string  `toml:"home_arbitration" oneof:"fifo random" doc:"which of a line's queued requests the home takes next; with fabric.home_replay_ns the first that tries again"`
}

// DefaultConfig is a generic server: a large out-of-order core, one socket of
// two L3s, MESI. Presets state only what differs.
func DefaultConfig() Config {
	return Config{
		Name: "default", ISA: "x86-64", MemoryModel: "isa",
		Doc:       "a generic two-L3 server with round figures; no real machine",
		Core:      cpu.DefaultConfig(),
		L1:        cache.Config{Bytes: 32 << 10, Ways: 8, LatencyCycles: 4, Replacement: "lru"},
		L2:        cache.Config{Bytes: 1 << 20, Ways: 8, LatencyCycles: 14, Replacement: "lru"},
		LLC:       LLC{Bytes: 32 << 20, Ways: 16, HitNS: 5},
		MSHRs:     16,
		Protocol:  Protocol{Name: "mesi", Options: mesi.DefaultOptions("mesi"), ReadDirty: "share", Arbitration: "fifo"},
		Directory: Directory{Ways: 16},
		Topology:  noc.Topology{Sockets: 1, L3PerSocket: 2, CoresPerL3: 32, ThreadsPerCore: 1, Home: "first", L3Local: true},
		Fabric: noc.Fabric{
			Kind: "classes", JitterPercent: 30,
			Near:        noc.Legs{Request: 8, Snoop: 4, Data: 12, Completion: 4, ReadDirty: "inherit"},
			Far:         noc.Legs{Request: 40, Snoop: 35, Data: 50, Completion: 20, ReadDirty: "inherit"},
			Remote:      noc.Legs{Request: 70, Snoop: 65, Data: 80, Completion: 50, ReadDirty: "inherit"},
			FarAtomicNS: 4, // assumed: with the LLC's 5 ns, the 9 ns per contended LDADD measured on Graviton2
			HopNS:       1,
		},
		DRAMNS:     80,
		Placements: map[string][]int{},
	}
}

// Problems says what is wrong with a config, each as "key: message". The ranges
// of single keys are in their tags.
func (c *Config) Problems() []string {
	var ps []string
	for _, l := range []struct {
		key string
		c   cache.Config
	}{{"l1", c.L1}, {"l2", c.L2}, {"llc", cache.Config{Bytes: c.LLC.Bytes, Ways: c.LLC.Ways}}} {
		if p := l.c.Check(); p != "" {
			ps = append(ps, l.key+"."+p)
		}
	}
	if p := c.Directory.check(); p != "" {
		ps = append(ps, "directory."+p)
	}
	switch {
	case c.Directory.Entries > 0 && !c.Protocol.Recall:
		ps = append(ps, "directory.entries: a directory that cannot track every line takes lines back: it needs protocol.recall = true")
	case c.Directory.Entries == 0 && c.Protocol.Recall:
		ps = append(ps, "protocol.recall: has no effect with a directory that tracks every line: set directory.entries, or recall = false")
	}
	switch far := c.Core.Atomics == "far"; {
	case far && c.ISA != "arm64-lse":
		ps = append(ps, fmt.Sprintf("core.atomics: %s has no far atomics: allowed are atomics = \"near\", or isa = \"arm64-lse\"", c.ISA))
	case far && !c.Protocol.FarAtomics:
		ps = append(ps, "core.atomics: homes that perform atomic ops need protocol.far_atomics = true")
	case c.Protocol.FarAtomics && c.ISA != "arm64-lse":
		ps = append(ps, fmt.Sprintf("protocol.far_atomics: has no effect, for %s has no far atomics: allowed are far_atomics = false, or isa = \"arm64-lse\"", c.ISA))
	}
	if c.Fabric.ReplayNS > 0 && c.Protocol.Arbitration == "random" {
		ps = append(ps, "protocol.home_arbitration: has no effect where requests try again by themselves: set home_arbitration = \"fifo\", or fabric.home_replay_ns = 0")
	}
	if c.L1.Bytes == 0 {
		ps = append(ps, "l1.bytes: a core needs an L1")
	}
	if c.L2.Bytes > 0 && c.L2.Bytes < c.L1.Bytes {
		ps = append(ps, fmt.Sprintf("l2.bytes: %d is smaller than the L1 that it includes (%d)", c.L2.Bytes, c.L1.Bytes))
	}
	for _, p := range c.Fabric.Problems(&c.Topology) {
		ps = append(ps, "fabric."+p)
	}
	if n := c.Topology.Cores(); n > mesi.MaxCaches {
		ps = append(ps, fmt.Sprintf("topology.cores_per_l3: %d cores in all, at most %d", n, mesi.MaxCaches))
	}
	opt := c.Protocol.Options
	opt.Caches = min(c.Topology.Cores(), mesi.MaxCaches)
	if err := mesi.Check(c.Protocol.Name, opt); err != nil {
		ps = append(ps, "protocol.name: "+err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(c.Placements)) {
		seen := map[int]bool{}
		for _, t := range c.Placements[name] {
			switch {
			case t < 0 || t >= c.Topology.Threads():
				ps = append(ps, fmt.Sprintf("placements.%s: the machine has no hardware thread %d (it has 0 to %d)", name, t, c.Topology.Threads()-1))
			case seen[t]:
				ps = append(ps, fmt.Sprintf("placements.%s: hardware thread %d stands there twice", name, t))
			}
			seen[t] = true
		}
	}
	return ps
}

// Place returns the hardware threads that the first n threads of a run take:
// the named placement's, or, unnamed, one per core in order, then the siblings.
func (c *Config) Place(placement string, n int) ([]int, error) {
	list := c.Placements[placement]
	if placement == "" {
		t := c.Topology.ThreadsPerCore
		for s := range t {
			for core := range c.Topology.Cores() {
				list = append(list, core*t+s)
			}
		}
	}
	if n > len(list) {
		if placement == "" {
			return nil, fmt.Errorf("%d threads on a machine of %d hardware threads", n, len(list))
		}
		return nil, fmt.Errorf("%d threads, but placement %q lists %d", n, placement, len(list))
	}
	return list[:n], nil
}
