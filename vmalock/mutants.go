package vmalock

// Mutant is the lock vm_refcnt with a known mistake: one that was made in a real kernel, or
// a single op taken out. `cohsim check --mutant NAME` must catch it.
type Mutant struct {
	Name   string
	Doc    string // what is wrong
	Source string // where it comes from: a commit, a review, or "constructed"
	Edits  []Edit

	// The smallest check that catches it.
	Model                       string
	Readers, Writers, Detachers int
	Scenario                    string
	Window                      int    // ops in flight, 0 for the default
	Law                         string // that it breaks there
}

// Mutants lists the known mistakes.
func Mutants() []Mutant {
	return []Mutant{
		{
			Name: "relaxed-read-cas", Doc: "the compare-and-swap of the read lock does not acquire",
			Source: "review of v9, January 2025; 7f8ceea0c580, 4e0dbe105d50",
			Edits: []Edit{{Program: "__refcount_inc_not_zero_limited_acquire",
				Old: []string{"cas.acq seen, [vma.vm_refcnt], old, new"},
				New: []string{"cas seen, [vma.vm_refcnt], old, new  ghost caller"}}},
			Model: "armv8", Readers: 1, Writers: 1, Scenario: "grace", Law: "I1",
		},
		{
			Name: "relaxed-seq-unlock", Doc: "the unlock of the sequence number does not order the writer's stores before it",
			Source: "b1f02b95758d (6.5)",
			Edits:  []Edit{{Program: "mm_lock_seqcount_end", Old: []string{"wmb"}}},
			Model:  "armv8", Readers: 1, Writers: 1, Scenario: "grace", Law: "I1",
		},
		{
			Name: "relaxed-seq-check", Doc: "the check that counts does not acquire the sequence number",
			Source: "b1f02b95758d (6.5)",
			Edits: []Edit{{Program: "vma_start_read",
				Old: []string{"load.acq theirs, [mm.mm_lock_seq.sequence]"},
				New: []string{"load theirs, [mm.mm_lock_seq.sequence]"}}},
			Model: "armv8", Window: 12, Readers: 1, Writers: 1, Scenario: "grace", Law: "I12",
		},
		{
			Name: "mm-after-drop", Doc: "a put reads vma->vm_mm after it has given its count back",
			Source: "the copy is taken since v9",
			Edits: []Edit{
				{Program: "vma_refcount_put", Old: []string{"call rcuwait_wake_up(mm)"},
					New: []string{"load mm, [vma.vm_mm]", "call rcuwait_wake_up(mm)"}},
				{Program: "vma_refcount_put", Old: []string{"load mm, [vma.vm_mm]", "call lock_release(vma)"},
					New: []string{"call lock_release(vma)"}},
			},
			Model: "sc", Readers: 1, Writers: 1, Scenario: "grace", Law: "I8",
		},
		{
			Name: "no-mmgrab", Doc: "a reader that has counted itself on another mm's VMA does not pin that mm while it wakes its writer",
			Source: "9bbffee67ffd, CVE-2025-38554 (6.15, 6.16)",
			Edits: []Edit{
				{Program: "vma_start_read", Old: []string{"call mmgrab(other)"}},
				{Program: "vma_start_read", Old: []string{"call mmdrop(other)"}},
			},
			Model: "sc", Readers: 1, Detachers: 1, Scenario: "exit", Law: "I8",
		},
		{
			Name: "no-mm-check", Doc: "a reader does not ask whose VMA it has counted itself on",
			Source: "needed by 3104138517fc (SLAB_TYPESAFE_BY_RCU)",
			Edits: []Edit{{Program: "vma_start_read",
				Old: []string{"bne other, mm, unstable unlikely"},
				New: []string{"bne other, other, unstable unlikely"}}},
			Model: "sc", Readers: 1, Detachers: 1, Scenario: "reuse", Law: "I4",
		},
		{
			Name: "plain-attach", Doc: "a VMA is attached by a plain store, which does not publish its fields",
			Source: "the reason for refcount_set_release",
			Edits: []Edit{{Program: "refcount_set_release",
				Old: []string{"store.rel [vma.vm_refcnt], n"},
				New: []string{"store [vma.vm_refcnt], n  ghost caller"}}},
			Model: "armv8", Readers: 1, Detachers: 1, Scenario: "reuse", Law: "I7",
		},
		{
			Name: "detach-does-not-wait", Doc: "detaching does not wait for readers that are about to find out",
			Source: "review of December 2024",
			Edits:  []Edit{{Program: "vma_mark_detached", Old: []string{"call __vma_exclude_readers_for_detach(vma)"}}},
			Model:  "sc", Readers: 1, Detachers: 1, Scenario: "reuse", Law: "I3",
		},
		{
			Name: "wake-at-flag-and-one", Doc: "a put wakes the writer at the flag and one, not at the flag",
			Source: "constructed",
			Edits: []Edit{{Program: "__vma_are_readers_excluded",
				Old: []string{"bclr count, FLAG, done likely"},
				New: []string{"bne count, 0x40000001, done"}}},
			Model: "sc", Readers: 1, Detachers: 1, Scenario: "grace", Law: "I5",
		},
		{
			Name: "no-barrier-a", Doc: "the waiter's state is not ordered before its look at the count",
			Source: "the comment of rcuwait",
			Edits: []Edit{{Program: "rcuwait_wait_event",
				Old: []string{"store.mb [task.__state], state", "load count, [vma.vm_refcnt]", "beq count, target, alone likely", "count lock.write.waits"},
				New: []string{"store [task.__state], state", "load count, [vma.vm_refcnt]", "beq count, target, alone likely", "count lock.write.waits"}}},
			Model: "tso", Readers: 1, Writers: 1, Scenario: "grace", Law: "I5",
		},
		{
			Name: "no-barrier-b", Doc: "the put is not ordered before its look for a waiter",
			Source: "the comment of rcuwait",
			Edits:  []Edit{{Program: "rcuwait_wake_up", Old: []string{"mb"}}},
			Model:  "armv8", Window: 10, Readers: 1, Writers: 1, Scenario: "grace", Law: "I5",
		},
		{
			Name: "late-waiter", Doc: "the waiter is published after its first look at the count",
			Source: "constructed",
			Edits: []Edit{{Program: "rcuwait_wait_event",
				Old: []string{"store.rel [mm.vma_writer_wait.task], task", "store.mb [task.__state], state", "load count, [vma.vm_refcnt]", "beq count, target, alone likely"},
				New: []string{"store.mb [task.__state], state", "load count, [vma.vm_refcnt]", "beq count, target, alone likely", "store.rel [mm.vma_writer_wait.task], task"}}},
			Model: "sc", Readers: 1, Writers: 1, Scenario: "grace", Law: "I5",
		},
		{
			Name: "killed-keeps-flag", Doc: "a writer whose wait a signal ends leaves the flag behind, so that readers stay out for ever",
			Source: "near the wrong warning in patch 7 of the 2026 series; 2197bb60f890",
			Edits: []Edit{{Program: "__vma_start_exclude_readers",
				Old: []string{"call __vma_end_exclude_readers(it) attached=exit:interrupted detached=exit:interrupted"},
				New: []string{"exit interrupted"}}},
			Model: "sc", Readers: 1, Writers: 1, Detachers: 1, Scenario: "killed", Law: "I7",
		},
		{
			Name: "killed-clears-twice", Doc: "a writer whose wait a signal ends takes its flag back twice",
			Source: "near the wrong warning in patch 7 of the 2026 series; 2197bb60f890",
			Edits: []Edit{{Program: "__vma_start_exclude_readers",
				Old: []string{"call __vma_end_exclude_readers(it) attached=exit:interrupted detached=exit:interrupted"},
				New: []string{"call __vma_end_exclude_readers(it) attached=twice detached=twice", "twice:", "call __vma_end_exclude_readers(it) attached=exit:interrupted detached=exit:interrupted"}}},
			Model: "sc", Readers: 1, Writers: 1, Detachers: 1, Scenario: "killed", Law: "edges",
		},
		{
			Name: "stale-walk", Doc: "a reader that finds its VMA detached tries the same one again",
			Source: "6.18, syzbot 131f9eb2b5807573275c",
			Edits: []Edit{{Program: "lock_vma_under_rcu", Old: []string{"jump again"},
				New: []string{"beq vma, 0, again", "jump try"}}},
			Model: "sc", Readers: 1, Detachers: 1, Scenario: "grace", Law: "livelock",
		},
		{
			Name: "put-on-miss", Doc: "a reader that got no count gives one back",
			Source: "February 2025, syzbot 556fda2d78f9b0daa141",
			Edits: []Edit{{Program: "lock_vma_under_rcu", Old: []string{"count lock.read.miss"},
				New: []string{"count lock.read.miss", "call vma_end_read(vma)"}}},
			Model: "sc", Readers: 1, Detachers: 1, Scenario: "grace", Law: "I10",
		},
		{
			Name: "check-before-lock", Doc: "whether the VMA covers the address is asked before it is locked",
			Source: "657b5146955e (6.5), 107d2107779",
			Edits: []Edit{
				{Program: "lock_vma_under_rcu", Old: []string{"call vma_start_read(mm, vma)"},
					New: []string{"load bound, [vma.vm_start]", "blt addr, bound, nothing unlikely", "load bound, [vma.vm_end]", "bge addr, bound, nothing unlikely",
						"call vma_start_read(mm, vma) locked=got retry=gone fallback=abort"}},
				{Program: "lock_vma_under_rcu",
					Old: []string{"load bound, [vma.vm_start]", "blt addr, bound, moved unlikely", "load bound, [vma.vm_end]", "bge addr, bound, moved unlikely",
						"count lock.read.success", "exit locked", "moved:", "call vma_end_read(vma)", "jump abort"},
					New: []string{"count lock.read.success  ghost reader_true vma", "exit locked"}},
			},
			Model: "sc", Readers: 1, Detachers: 1, Scenario: "remap", Law: "I4",
		},
		{
			Name: "no-start-write", Doc: "a writer changes the VMA without write-locking it",
			Source: "fb49c455323f, 33313a747e81, c137381f71ae, d8ab9f7b644a, 6c21e066f925 (6.4 and 6.5)",
			Edits:  []Edit{{Program: "write_vma", Old: []string{"call vma_start_write(vma)"}}},
			Model:  "sc", Readers: 1, Writers: 1, Scenario: "grace", Law: "I1",
		},
		{
			Name: "early-mark", Doc: "the mark is written before readers are excluded",
			Source: "constructed from the rule for vm_lock_seq",
			Edits: []Edit{{Program: "__vma_start_write",
				Old: []string{"call __vma_start_exclude_readers(mm, vma, TARGET, state) excluded=mark"},
				New: []string{"store [vma.vm_lock_seq], seq  ghost seq_write vma",
					"call __vma_start_exclude_readers(mm, vma, TARGET, state) excluded=mark detached=mark interrupted=failed"}}},
			Model: "sc", Readers: 1, Writers: 1, Scenario: "grace", Law: "I7",
		},
		{
			Name: "late-mark", Doc: "the mark is written when readers are let in again",
			Source: "constructed from the rule for vm_lock_seq",
			Edits: []Edit{{Program: "__vma_start_write",
				Old: []string{"store [vma.vm_lock_seq], now", "marked:", "load exclusive, [task.ves.exclusive]", "beq exclusive, 0, done unlikely", "call __vma_end_exclude_readers(vma) attached=ended detached=ended", "ended:"},
				New: []string{"marked:", "load exclusive, [task.ves.exclusive]", "beq exclusive, 0, done unlikely", "call __vma_end_exclude_readers(vma) attached=ended detached=ended", "ended:", "store [vma.vm_lock_seq], now  ghost seq_write vma"}}},
			Model: "sc", Readers: 1, Writers: 1, Scenario: "grace", Law: "I7",
		},
		{
			Name: "no-grace-period", Doc: "a replaced leaf of the tree is written again without waiting for walks that are in it",
			Source: "constructed from the rule for maple nodes",
			Edits:  []Edit{{Program: "mas_preallocate", Old: []string{"call cond_synchronize_rcu(ready)"}}},
			Model:  "sc", Readers: 1, Writers: 1, Scenario: "tree", Law: "RCU",
		},
		{
			Name: "grace-does-not-ask", Doc: "a grace period ends without asking whether the readers have left",
			Source: "constructed",
			Edits:  []Edit{{Program: "rcu_gp_fqs_loop", Old: []string{"beq p, 0, all"}, New: []string{"bge p, 0, all"}}},
			Model:  "sc", Readers: 1, Writers: 1, Scenario: "tree", Law: "RCU",
		},
	}
}
