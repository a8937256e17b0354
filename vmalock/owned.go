package vmalock

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cohsim/cpu"
)

// guarded are the fields that belong to those who use a lock: what it guards, and what
// they find VMAs by. A lock that writes them changes what it should keep from changing.
var guarded = map[string][]string{
	"vm_area_struct": {"vm_start", "vm_end", "vm_mm", "vm_page_prot", "vm_flags", "anon_vma_chain", "anon_vma", "vm_ops",
		"vm_pgoff", "vm_file", "vm_private_data", "vm_policy", "shared.rb"},
	"mm_struct": {"mm_mt.ma_root", "mmap_base", "task_size", "pgd", "map_count", "total_vm", "data_vm", "pgtables_bytes"},
}

// callers are the programs of a kind that do a caller's work.
var callers = []string{"vmf_anon_prepare", "mas_store"}

// owned reports the stores of a lock's own programs to fields that are not the lock's.
func owned(procs []*cpu.Proc) error {
	var errs []error
	for _, p := range procs {
		if slices.Contains(callers, p.Name) {
			continue
		}
		structs := map[string]string{}
		for _, r := range append(slices.Clone(p.Roles), p.Types...) {
			structs[r.Name] = r.Struct
		}
		for i := range p.Insts {
			in := &p.Insts[i]
			op, _, _ := strings.Cut(in.Name, ".")
			if op != "store" && op != "rmw" && op != "cas" && op != "sc" {
				continue
			}
			for _, a := range in.Args {
				if s := structs[a.Name]; a.Kind == cpu.OpdMem && slices.Contains(guarded[s], a.Field) {
					errs = append(errs, fmt.Errorf("%s:%d:%d: error: program %q writes %s.%s, which no lock owns: it is what the lock guards\n    %s",
						p.File, in.Line, max(a.Col, 1), p.Name, s, a.Field, strings.TrimSpace(in.Source)))
				}
			}
		}
	}
	return errors.Join(errs...)
}
