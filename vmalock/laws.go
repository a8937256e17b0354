package vmalock

// Law is what a [Judge], or the exploration of a lock, holds every step to.
type Law struct{ Name, Doc string }

// Laws lists the laws that a violation may name. Two more have no number: a deadlock, and
// liveness, that every task can still come to its end.
func Laws() []Law {
	return []Law{
		{"I1", "readers and a writer exclude each other: nobody holds a VMA for reading from when its write lock is taken until the sequence number of its mm moves on"},
		{"I2", "while a writer excludes readers, to mark or detach a VMA, nobody else raises its count"},
		{"I3", "a detached VMA has no readers, not even ones that are about to turn back: it may be freed and used again at once"},
		{"I4", "a reader that succeeds has an attached VMA of its own mm that covers its address, and sees it as it is"},
		{"I5", "no wake-up is lost: a writer that sleeps until readers have left wakes when they have"},
		{"I6", "the place of the waiting writer has one user, who holds mmap_lock for write"},
		{"I7", "sequence numbers change under mmap_lock for write alone: that of the mm is odd while it is write-locked, that of a VMA changes only while readers are excluded"},
		{"I8", "nobody touches a VMA after giving back its count, or an mm after giving back the last reference"},
		{"I9", "what is found in the maple tree is used inside an RCU read section, or under mmap_lock, and never after its grace period"},
		{"I10", "a count goes from one legal value to another: nothing is given back that was not taken, and a wait that a signal ends leaves no trace"},
		{"I12", "a reader that sees the sequence number of an unlock sees everything that the writer stored before it"},
	}
}
