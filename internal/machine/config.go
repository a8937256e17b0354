package machine

import (
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

	Protocol Protocol     `toml:"protocol" doc:"coherence protocol and its options"`
	Topology noc.Topology `toml:"topology" doc:"sockets, L3s, cores, threads"`
	Fabric   noc.Fabric   `toml:"fabric" doc:"interconnect delays"`
	DRAMNS   float64      `toml:"dram_ns" min:"0" max:"100000" doc:"added to a reply that memory, not the LLC, supplies"`

	Placements map[string][]int `toml:"placements" doc:"named lists of hardware threads, in the order in which run.cores takes them"`
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
	Arbitration string  `toml:"home_arbitration" oneof:"fifo random" doc:"which of a line's queued requests the home takes next"`
}
