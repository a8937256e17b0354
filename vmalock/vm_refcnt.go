package vmalock

// VMRefcnt is the lock of Linux 6.15 and later: a reference count per VMA.
var VMRefcnt = define(Kind{
	Name:   "vm_refcnt",
	Doc:    "per-VMA reference count checked against two sequence numbers (Linux 6.15 and later)",
	Layout: "linux-6.18",
	PerVMA: true,
})
