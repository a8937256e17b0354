package experiment

import (
	"slices"

	"cohsim/vmalock"
	"cohsim/workloads"
)

// The kinds that a config has if it names none.
const (
	defaultWorkload = "fault_same_vma"
	defaultLock     = "vm_refcnt"
)

// Workloads and Locks are the registries as package config wants them.
type (
	Workloads struct{}
	Locks     struct{}
)

// Names lists the workloads, the default first.
func (Workloads) Names() []string {
	var names []string
	for _, k := range workloads.Kinds() {
		names = append(names, k.Name)
	}
	return front(names, defaultWorkload)
}

// Params is a pointer to the defaults of a workload's parameters.
func (Workloads) Params(kind string) any {
	if k, ok := workloads.Find(kind); ok && k.Params != nil {
		return k.Params()
	}
	return nil
}

// Names lists the locks, the default first.
func (Locks) Names() []string {
	return append(front(vmalock.Names(), defaultLock), vmalock.FileLock)
}

// Params is a pointer to the default kernel, whose options every lock takes.
func (Locks) Params(kind string) any {
	o := vmalock.DefaultOptions()
	if kind == vmalock.FileLock {
		return &vmalock.FileOptions{Options: o}
	}
	return &o
}

// front moves one name to the front.
func front(names []string, first string) []string {
	rest := slices.DeleteFunc(names, func(n string) bool { return n == first })
	return slices.Insert(rest, 0, first)
}
