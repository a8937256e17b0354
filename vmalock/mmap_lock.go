package vmalock

// MmapLock is the baseline before Linux 6.4: every fault takes mmap_lock.
var MmapLock = define(Kind{
	Name:   "mmap_lock",
	Doc:    "mmap_lock for read on every fault, a rw_semaphore with owner stores (before Linux 6.4)",
	Layout: "linux-6.18",
})
