package cpu

// Config describes one core. Latencies in _cycles are core clock cycles;
// those in _ns keep their length when the clock changes.
type Config struct {
	ClockMHz int `toml:"clock_mhz" min:"100" max:"10000" doc:"core clock in MHz; the engine's tick is one core cycle"`

	Window      int `toml:"window" min:"1" max:"512" doc:"micro-ops in flight; 1 is a blocking in-order core"`
	FetchWidth  int `toml:"fetch_width" min:"1" max:"16" doc:"micro-ops that enter the window per cycle"`
	RetireWidth int `toml:"retire_width" min:"1" max:"16" doc:"micro-ops that retire per cycle, in order"`

	ALUCycles      int    `toml:"alu_cycles" min:"1" max:"100" doc:"latency of add, mov, logic and branch"`
	MulCycles      int    `toml:"mul_cycles" min:"1" max:"100" doc:"latency of mul and rem"`
	MispredictCost int    `toml:"mispredict_cycles" min:"0" max:"1000" doc:"cycles from a mispredicted branch's resolution to the first op of the right path"`
	Branches       string `toml:"branches" oneof:"static learned" doc:"how branches are predicted: static, by the likely and unlikely of the program; learned, also from how each branch went the last times"`
	SquashCost     int    `toml:"squash_cycles" min:"0" max:"1000" doc:"cycles from the loss of a line that squashes a speculative load to its refetch"`

	StoreBuffer   int     `toml:"store_buffer_entries" min:"1" max:"512" doc:"stores from dispatch until they are visible"`
	ForwardCycles int     `toml:"store_forward_cycles" min:"0" max:"100" doc:"latency of a load that takes its value from an older store of its own core"`
	StoreCommit   int     `toml:"store_commit_cycles" min:"0" max:"1000" doc:"cycles from a store's retirement into an empty store queue until it can be visible"`
	StoreMerge    bool    `toml:"store_merge" doc:"consecutive buffered stores to one line become visible together"`
	StoreRestart  float64 `toml:"store_restart_ns" min:"0" max:"1000" doc:"delay of the next drain after a store that missed got its line"`
	StorePrefetch string  `toml:"store_prefetch" oneof:"drain retire address" doc:"when a store asks for ownership: when it is to leave the buffer, already when it retires into it, or as soon as its address is known"`

	AtomicPre      int    `toml:"atomic_pre_cycles" min:"0" max:"1000" doc:"locked op: cycles before it needs the line, from when all older accesses, fences and branches are done; it ends at the window's head"`
	AtomicHold     int    `toml:"atomic_hold_cycles" min:"1" max:"1000" doc:"locked op: cycles that it holds the line against snoops"`
	AtomicPost     int    `toml:"atomic_post_cycles" min:"0" max:"1000" doc:"locked op: cycles from unlock to retirement; younger loads already run"`
	AtomicGrace    int    `toml:"atomic_grace_ops" min:"0" max:"64" doc:"back-to-back locked ops on a line that still run after a snoop for it arrived"`
	AtomicForward  int    `toml:"atomic_forward_cycles" min:"0" max:"1000" doc:"cycles from a locked op's unlock until a younger load of its word has the new value; no less than an L1 hit"`
	Atomics        string `toml:"atomics" oneof:"near far" doc:"where atomic ops without .far are performed: near, in the core's cache; far, at the line's home, which sends the old value back (arm64-lse)"`
	AtomicPrefetch bool   `toml:"atomic_prefetch" doc:"a locked op asks for ownership when its address is known, before it reaches the window's head"`
	AtomicLoads    string `toml:"loads_over_atomic" oneof:"wait speculate" doc:"loads younger than a pending locked op (tso, sc): wait for its unlock, or bind early under the squash rule"`

	StoreExclusive int `toml:"store_exclusive_cycles" min:"1" max:"1000" doc:"latency of a store-conditional that has its line, or that fails"`
	Sibling        int `toml:"sibling_cycles" min:"0" max:"1000" doc:"cycles from a thread's write of a line until the other threads of its core can use it"`
	ExclusiveHold  int `toml:"exclusive_hold_cycles" min:"0" max:"1000" doc:"how long after a load-linked the core keeps an owned line from snoops, so that its store-conditional can win"`
	ExclusiveTries int `toml:"exclusive_tries" min:"0" max:"1000" doc:"store-conditionals that may fail in a row before the next load-linked takes its line for writing and keeps it, from the core's own evictions too, for exclusive_hold_cycles, and twice as long after each further failure; 0: never"`

	FenceFull  int `toml:"fence_full_cycles" min:"0" max:"1000" doc:"intrinsic latency of a full fence, beyond what it waits for"`
	FenceLoad  int `toml:"fence_load_cycles" min:"0" max:"1000" doc:"intrinsic latency of a load fence (dmb ishld)"`
	FenceStore int `toml:"fence_store_cycles" min:"0" max:"1000" doc:"intrinsic latency of a store fence (dmb ishst, sfence)"`
	LFence     int `toml:"lfence_cycles" min:"0" max:"1000" doc:"intrinsic latency of lfence"`
	ISB        int `toml:"isb_cycles" min:"0" max:"1000" doc:"intrinsic latency of isb"`

	PauseNS    float64 `toml:"pause_ns" min:"0" max:"1000" doc:"how long a pause holds back younger ops"`
	ScheduleNS float64 `toml:"schedule_ns" min:"0" max:"1000000" doc:"a task that leaves its core (sleeps, halts, is preempted): time in schedule() until the core is idle or turns to the next task"`
	SwitchNS   float64 `toml:"switch_ns" min:"0" max:"1000000" doc:"switch to another task than the one that ran last"`
	WakeupNS   float64 `toml:"wakeup_ns" min:"0" max:"1000000" doc:"from the change of the word a task sleeps on until the task is in its core's run queue (try_to_wake_up)"`
	IPINS      float64 `toml:"ipi_ns" min:"0" max:"1000000" doc:"an idle core, from the task's arrival in its run queue: interrupt and way out of idle"`
	SliceNS    float64 `toml:"slice_ns" min:"1" max:"1000000000" doc:"how long a task runs before another of its core that can run takes over (EEVDF's base slice)"`
	Preemption string  `toml:"preemption" oneof:"none full" doc:"where a task whose slice is over may be preempted: between its operations (return to user mode), or wherever it has not disabled preemption"`
}

// DefaultConfig is a generic large out-of-order core; presets override it.
func DefaultConfig() Config {
	return Config{
		ClockMHz: 3000, Window: 224, FetchWidth: 6, RetireWidth: 8,
		ALUCycles: 1, MulCycles: 3, Branches: "learned", MispredictCost: 14, SquashCost: 25,
		StoreBuffer: 56, ForwardCycles: 4, StoreMerge: false, StoreRestart: 4, StorePrefetch: "retire",
		AtomicPre: 8, AtomicHold: 4, AtomicPost: 6, AtomicGrace: 0, AtomicForward: 0, Atomics: "near", AtomicPrefetch: false, AtomicLoads: "wait", StoreExclusive: 1, ExclusiveHold: 16, ExclusiveTries: 32,
		FenceFull: 30, FenceLoad: 4, FenceStore: 4, LFence: 10, ISB: 30,
		PauseNS: 40, ScheduleNS: 1500, SwitchNS: 500, WakeupNS: 1500, IPINS: 1000, SliceNS: 2_800_000, Preemption: "none",
	}
}
