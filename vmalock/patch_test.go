package vmalock_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"cohsim/cpu"
	"cohsim/vmalock"
)

// operations are what the patches are held against, each by one task alone.
var operations = []struct{ name, before, text string }{
	{"page fault", "", "\n\tcall read_begin(mm, addr) -> v, held  locked=in none=in\nin:\n\tcall read_end(mm, v, held)"},
	{"mmap_write_lock and unlock", "", "\n\tcall mmap_write_lock(mm)\n\tcall mmap_write_unlock(mm)"},
	{"vma_start_write", mmapWriteLock, vmaStartWrite},
	{"vma_start_write, again", mmapWriteLock + vmaStartWrite, vmaStartWrite},
	{"vma_start_write, detached", vmaDetached + "\n\tcall vma_lock_init(vma)", vmaStartWrite},
	{"vma_mark_detached", vmaHeldForWrite, "\n\tcall vma_mark_detached(vma)"},
	{"vma_mark_attached", vmaDetached, "\n\tcall vma_mark_attached(vma)"},
	{"vma_assert_write_locked", vmaHeldForWrite, "\n\tcall vma_assert_write_locked(vma)"},
	{"vma_assert_locked, read-locked", vmaHeldForRead, "\n\tcall vma_assert_locked(vma)"},
	{"vma_assert_locked, write-locked", vmaHeldForWrite, "\n\tcall vma_assert_locked(vma)"},
	{"anon_vma_name, read-locked", vmaHeldForRead, "\n\tcall anon_vma_name(vma)"},
	{"anon_vma_name, under mmap_lock", heldForRead, "\n\tcall anon_vma_name(vma)"},
	{"vma_flag_set_atomic, read-locked", vmaHeldForRead, "\n\tcall vma_flag_set_atomic(vma, 0x800)"},
}

// tally is what an operation does: accesses by field, and ops of each kind.
type tally map[string]counts

// tallies runs every operation on one kernel and counts, by difference to what
// comes before it.
func tallies(t *testing.T, o vmalock.Options, isa cpu.ISA) map[string]tally {
	t.Helper()
	kind := vmalock.VMRefcnt.With(o)
	procs, err := kind.Programs()
	if err != nil {
		t.Fatal(err)
	}
	lib, layout := cpu.LibraryOf(procs...), layoutOf(t, kind)
	count := func(text string) (tally, int) {
		b := newBenchWith(t, kind, isa, 1, lib, layout)
		b.run(text+"\n\thalt", nil)
		return b.access, int(b.m.Steps)
	}
	out := map[string]tally{}
	for _, op := range operations {
		all, steps := count(op.before + op.text)
		before, start := count(op.before)
		d := tally{"micro-ops": {loads: steps - start}}
		for field, c := range all {
			b := before[field]
			if c = (counts{c.loads - b.loads, c.stores - b.stores, c.rmws - b.rmws}); c != (counts{}) {
				d[field] = c
			}
		}
		out[op.name] = d
	}
	return out
}

// moved lists the fields that differ.
func moved(was, is tally) (out []string) {
	fields := maps.Clone(was)
	maps.Copy(fields, is)
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		a, b := was[f], is[f]
		if f == "micro-ops" {
			if a != b {
				out = append(out, fmt.Sprintf("micro-ops %+d", b.loads-a.loads))
			}
			continue
		}
		for _, d := range []struct {
			name string
			by   int
		}{{"loads", b.loads - a.loads}, {"stores", b.stores - a.stores}, {"atomics", b.rmws - a.rmws}} {
			if d.by != 0 {
				out = append(out, fmt.Sprintf("%s: %s %+d", f, d.name, d.by))
			}
		}
	}
	return out
}

// debugging are the combinations of debug options.
var debugging = []struct {
	name           string
	debug, lockdep bool
}{{"production", false, false}, {"DEBUG_VM", true, false}, {"lockdep", false, true}, {"DEBUG_VM and lockdep", true, true}}

// "No functional change intended", by exact counts: what each patch moves, in
// which field, by how much.
func TestEachPatchMovesExactlyTheseCounters(t *testing.T) {
	var b strings.Builder
	b.WriteString("# What each patch of the series (v3) changes in the accesses of an operation by one task\n# alone, against the patch before it; 11 is the lock as merged (v4), against patch 10.\n")
	b.WriteString("# Operations that are not named do exactly the same. Micro-ops have no field.\n")
	for _, isa := range []cpu.ISA{cpu.X86_64, cpu.ARM64LSE} {
		for _, d := range debugging {
			fmt.Fprintf(&b, "\n## %v, %s\n", isa, d.name)
			var last map[string]tally
			for patch := range vmalock.Merged + 1 {
				is := tallies(t, options(func(o *vmalock.Options) { o.Patch, o.DebugVM, o.Lockdep = patch, d.debug, d.lockdep }), isa)
				if last == nil {
					last = is
					continue
				}
				lines := ""
				for _, op := range operations {
					if m := moved(last[op.name], is[op.name]); len(m) > 0 {
						lines += fmt.Sprintf("    %s\n        %s\n", op.name, strings.Join(m, "\n        "))
					}
				}
				if lines == "" {
					lines = "    same\n"
				}
				fmt.Fprintf(&b, "patch %d\n%s", patch, lines)
				last = is
			}
		}
	}
	golden(t, "moves.txt", b.String())
}

// The patches that only rename, document or reshape are the same code, op for op,
// with debug options off and on.
func TestPatchesWithoutAChangeAreTheSameCode(t *testing.T) {
	code := func(isa cpu.ISA, o vmalock.Options) map[string]string {
		l := newLister(t, o)
		out := map[string]string{}
		for _, name := range l.names {
			if !strings.HasPrefix(name, "## ") {
				out[name] = l.listing(isa, name)
			}
		}
		return out
	}
	for _, isa := range []cpu.ISA{cpu.X86_64, cpu.ARM64LLSC} {
		for _, d := range []int{0, len(debugging) - 1} {
			d := debugging[d]
			var last map[string]string
			for patch := range vmalock.Merged + 1 {
				is := code(isa, options(func(o *vmalock.Options) { o.Patch, o.DebugVM, o.Lockdep = patch, d.debug, d.lockdep }))
				// Patch 5 goes through another function, on the way out of a wait that a signal ended.
				same := patch == 1 || patch == 2 || patch == 4 || patch == 6 || patch == 10 && !d.lockdep
				if same && !maps.Equal(is, last) {
					t.Errorf("%v, %s: patch %d changes code", isa, d.name, patch)
				}
				if !same && patch > 0 && maps.Equal(is, last) {
					t.Errorf("%v, %s: patch %d changes nothing", isa, d.name, patch)
				}
				last = is
			}
		}
	}
}
