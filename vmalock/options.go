package vmalock

import "cohsim/cpu"

// Merged is the patch level of the lock as it was merged (v4 of the series, in
// Linux 7.0); the levels below it are those of v3, patch by patch.
const Merged = 11

// Options are how the kernel is configured, and which of its versions it is.
// Programs read them as params, which are bound before anything is linked, so
// that what is off costs nothing: each names its param below. Every program of
// every lock may declare the params that it needs; a lock whose programs use none
// of them, as mmap_lock mostly, does not feel the key.
type Options struct {
	Patch         int  `toml:"patch" min:"0" max:"11" doc:"the per-VMA lock as it stands after so many of the ten patches of the 2026 series 'mm: add and use vma_assert_stabilised() helper' (v3): 0 is before it, 11 as merged (v4, Linux 7.0)"`
	PerVMALock    bool `toml:"per_vma_lock" doc:"CONFIG_PER_VMA_LOCK: without it every function of the per-VMA lock is its empty fallback, and faults take mmap_lock"`
	DebugVM       bool `toml:"debug_vm" doc:"CONFIG_DEBUG_VM: VM_WARN_ON and VM_BUG_ON look at what they assert; without it they are no code"`
	Lockdep       bool `toml:"lockdep" doc:"CONFIG_LOCKDEP: every acquire and release is entered in the task's list of held locks, and assertions look there"`
	LockdepCycles int  `toml:"lockdep_cycles" min:"0" max:"100000" doc:"work of lockdep for one acquire or release, its hash and list walks (assumed); no effect unless lockdep is on"`
	PreemptRCU    bool `toml:"preempt_rcu" doc:"CONFIG_PREEMPT_RCU: rcu_read_lock counts its nesting in the task; without it RCU read sections are no code"`
	RCUGrace      int  `toml:"rcu_grace_ns" min:"0" max:"1000000000" doc:"how long an RCU grace period takes at least, after which a replaced node of a maple tree is free; longer if a reader that was inside when it began is still there (assumed; milliseconds in the kernel, whose slab has other nodes meanwhile)"`
	RWSemSpin     bool `toml:"rwsem_spin_on_owner" doc:"CONFIG_RWSEM_SPIN_ON_OWNER: a writer that finds a rw_semaphore taken spins while its owner runs, before it queues and sleeps"`
	RWSemHandoff  int  `toml:"rwsem_handoff_ns" min:"0" max:"1000000000" doc:"how long the first in the queue of a rw_semaphore lets others pass before it has it handed over (4 ms in the kernel, rounded up to a tick)"`
	SeqBits       int  `toml:"seq_bits" min:"2" max:"32" doc:"width of vm_lock_seq and mm_lock_seq; the kernel's are 32 bits wide, and narrow ones wrap in a run that can be had"`
}

// FileLock is the name by which a config takes a lock from a file.
const FileLock = "file"

// FileOptions are the parameters of a lock from a file.
type FileOptions struct {
	Options
	File string `toml:"file" required:"yes" dump:"-" doc:"a lock of yours: a .uop file as in CONTRIBUTING.md; a path relative to the config file"`

	text []byte
}

// Source is where the lock is and what it says: results depend on the text, not on
// where it lies.
func (o *FileOptions) Source() (file string, text []byte) { return o.File, o.text }

// SetSource gives the parameters their text, which this package does not read itself,
// and the path under which it was found.
func (o *FileOptions) SetSource(file string, text []byte) { o.File, o.text = file, text }

// DefaultOptions is a production kernel of 7.0.
func DefaultOptions() Options {
	return Options{Patch: Merged, PerVMALock: true, LockdepCycles: 60, RCUGrace: 50_000, RWSemSpin: true, RWSemHandoff: 4_000_000, SeqBits: 32}
}

// params are the names by which programs read the options.
func (o Options) params() map[string]int64 {
	return map[string]int64{
		"PATCH":            int64(o.Patch),
		"PER_VMA_LOCK":     number(o.PerVMALock),
		"DEBUG_VM":         number(o.DebugVM),
		"LOCKDEP":          number(o.Lockdep),
		"LOCKDEP_CYCLES":   int64(o.LockdepCycles),
		"PREEMPT_RCU":      number(o.PreemptRCU),
		"RCU_GRACE_NS":     int64(o.RCUGrace),
		"RWSEM_SPIN":       number(o.RWSemSpin),
		"RWSEM_HANDOFF_NS": int64(o.RWSemHandoff),
		"SEQ_MASK":         int64(seqMask(o.SeqBits)),
	}
}

func number(on bool) int64 {
	if on {
		return 1
	}
	return 0
}

// seqMask is the largest sequence number: the one that a VMA has which was never
// write-locked.
func seqMask(bits int) uint64 { return 1<<bits - 1 }

// Bind makes the params of procs that are options of o numbers, in place.
func (o Options) Bind(procs []*cpu.Proc) { bindParams(procs, o.params()) }

func bindParams(procs []*cpu.Proc, values map[string]int64) {
	for _, p := range procs {
		rest := p.Params[:0]
		for _, name := range p.Params {
			if v, ok := values[name]; ok {
				p.Consts = append(p.Consts, cpu.Const{Name: name, Value: v})
			} else {
				rest = append(rest, name)
			}
		}
		p.Params = rest
	}
}
