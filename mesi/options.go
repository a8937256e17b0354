package mesi

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

// Options choose among the row groups of a protocol. They are data: the keys of a
// machine's [protocol] table.
type Options struct {
	SilentS        bool `toml:"silent_s_eviction" json:"silent_s_eviction" doc:"a cache may drop a shared line without telling the home"`
	PutS           bool `toml:"explicit_s_eviction" json:"explicit_s_eviction" doc:"a cache announces the eviction of a shared line with PutS; with silent_s_eviction also on, evictions are announced"`
	SilentE        bool `toml:"silent_e_eviction" json:"silent_e_eviction" doc:"a cache may drop a clean exclusive line without telling the home"`
	PutE           bool `toml:"explicit_e_eviction" json:"explicit_e_eviction" doc:"a cache announces the eviction of a clean exclusive line with PutE; with silent_e_eviction also on, evictions are announced"`
	NonBlockingS   bool `toml:"non_blocking_gets" json:"non_blocking_gets" doc:"the home answers reads of shared lines without blocking the line"`
	Recall         bool `toml:"recall" json:"recall" doc:"the home may take its entry back (a sparse directory)"`
	FarAtomics     bool `toml:"far_atomics" json:"far_atomics,omitempty" doc:"the home can perform atomic ops: those that say .far, or all with core.atomics = \"far\""`
	Upgrade        bool `toml:"upgrade" json:"upgrade" doc:"a store to a shared line asks for permission only (Upg), not for data"`
	ExclusiveGrant bool `toml:"exclusive_grant" json:"exclusive_grant" doc:"a read of a line that nobody has is granted exclusively"`
	SharerPointers int  `toml:"sharer_pointers" json:"sharer_pointers" doc:"sharers the home can name exactly; more make the list coarse; 0 names all"`
	SharerGroup    int  `toml:"sharer_group" json:"sharer_group" doc:"caches per bit of a coarse sharer list"`
	Caches         int  `toml:"-" json:"-" doc:"number of caches, needed with sharer_pointers; the machine fills it in"`
}

// feature is a set of options, as row groups ask for them. Absent options that matter
// have their own bit, so that a group never needs a negation.
type feature uint16

const (
	silentS feature = 1 << iota
	putS
	silentE
	putE
	nonBlocking
	blocking
	recall
	far
	recalled // copies are taken back: for their entry, or for a far atomic
	upgrade
	noUpgrade
	exclusive
	noExclusive
	coarse
)

func (o Options) features() feature {
	var f feature
	set := func(on bool, yes, no feature) {
		if on {
			f |= yes
		} else {
			f |= no
		}
	}
	set(o.SilentS, silentS, 0)
	set(o.PutS, putS, 0)
	set(o.SilentE && o.ExclusiveGrant, silentE, 0)
	set(o.PutE && o.ExclusiveGrant, putE, 0)
	set(o.NonBlockingS, nonBlocking, blocking)
	set(o.Recall, recall, 0)
	set(o.FarAtomics, far, 0)
	set(o.Recall || o.FarAtomics, recalled, 0)
	set(o.Upgrade, upgrade, noUpgrade)
	set(o.ExclusiveGrant, exclusive, noExclusive)
	set(o.SharerPointers > 0, coarse, 0)
	return f
}

// check rejects combinations that no protocol can run with.
func (o Options) check(name string) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !o.SilentS && !o.PutS {
		bad("a shared line could not be evicted: set silent_s_eviction, explicit_s_eviction or both")
	}
	if o.ExclusiveGrant && !o.SilentE && !o.PutE {
		bad("a clean exclusive line could not be evicted: set silent_e_eviction, explicit_e_eviction or both")
	}
	if !o.ExclusiveGrant && o.SilentE {
		bad("silent_e_eviction has no effect without exclusive_grant: allowed are exclusive_grant = true, or silent_e_eviction = false")
	}
	switch {
	case o.SharerPointers < 0:
		bad("sharer_pointers = %d: allowed are 0 (name all) and more", o.SharerPointers)
	case o.SharerPointers == 0 && o.SharerGroup > 1:
		bad("sharer_group has no effect without sharer_pointers: allowed is sharer_group = 1")
	case o.SharerPointers > 0 && o.SharerGroup < 1:
		bad("sharer_group = %d: allowed are 1 and more", o.SharerGroup)
	case o.SharerPointers > 0 && (o.Caches < 1 || o.Caches > MaxCaches):
		bad("a coarse sharer list needs the number of caches, 1 to %d, not %d", MaxCaches, o.Caches)
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("protocol %q: %w", name, errors.Join(errs...))
}

// Names returns the names of all protocols, sorted.
func Names() []string {
	var names []string
	for _, d := range definitions {
		names = append(names, d.name)
	}
	sort.Strings(names)
	return names
}

// DefaultOptions returns the options a protocol has when nothing is said, and the zero
// Options for a name that does not exist.
func DefaultOptions(name string) Options {
	d, err := lookup(name)
	if err != nil {
		return Options{}
	}
	return d.defaults
}

func lookup(name string) (*definition, error) {
	for _, d := range definitions {
		if d.name == name {
			return d, nil
		}
	}
	return nil, fmt.Errorf("unknown protocol %q: allowed are %s", name, strings.Join(Names(), ", "))
}
