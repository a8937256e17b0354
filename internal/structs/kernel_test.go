package structs

import (
	"errors"
	"os"
	"reflect"
	"testing"

	"cohsim/configs"
	"cohsim/internal/mem"
)

// The offsets that the lock programs stand on, in Linux 6.18 on x86-64 with NUMA,
// SWAP and NUMA_BALANCING and without ANON_VMA_NAME and lockdep, noted down
// independently of the importer.
var linuxOffsets = []struct {
	structName, field string
	offset, size      int
}{
	{"vm_area_struct", "vm_start", 0, 8},
	{"vm_area_struct", "vm_end", 8, 8},
	{"vm_area_struct", "vm_mm", 16, 8},
	{"vm_area_struct", "vm_page_prot.pgprot", 24, 8},
	{"vm_area_struct", "vm_flags", 32, 8},
	{"vm_area_struct", "vm_lock_seq", 40, 4},
	{"vm_area_struct", "anon_vma_chain", 48, 16},
	{"vm_area_struct", "anon_vma", 64, 8},
	{"vm_area_struct", "vm_ops", 72, 8},
	{"vm_area_struct", "vm_pgoff", 80, 8},
	{"vm_area_struct", "vm_file", 88, 8},
	{"vm_area_struct", "vm_private_data", 96, 8},
	{"vm_area_struct", "swap_readahead_info", 104, 8},
	{"vm_area_struct", "vm_policy", 112, 8},
	{"vm_area_struct", "numab_state", 120, 8},
	{"vm_area_struct", "vm_refcnt", 128, 4},
	{"vm_area_struct", "shared.rb", 136, 24},
	{"vm_area_struct", "shared.rb_subtree_last", 160, 8},
	{"vm_area_struct", "vm_userfaultfd_ctx", 168, 8},
	{"vm_area_struct", "pfnmap_track_ctx", 176, 8},
	{"mm_struct", "mm_count", 0, 4},
	{"mm_struct", "mm_mt.ma_lock", 64, 4},
	{"mm_struct", "mm_mt.ma_flags", 68, 4},
	{"mm_struct", "mm_mt.ma_root", 72, 8},
	{"mm_struct", "mmap_base", 80, 8},
	{"mm_struct", "task_size", 112, 8},
	{"mm_struct", "pgd", 120, 8},
	{"mm_struct", "membarrier_state", 128, 4},
	{"mm_struct", "mm_users", 132, 4},
	{"mm_struct", "pcpu_cid", 136, 8},
	{"mm_struct", "mm_cid_next_scan", 144, 8},
	{"mm_struct", "max_nr_cid", 156, 4},
	{"mm_struct", "cpus_allowed_lock", 160, 4},
	{"mm_struct", "pgtables_bytes", 168, 8},
	{"mm_struct", "map_count", 176, 4},
	{"mm_struct", "page_table_lock", 180, 4},
	{"mm_struct", "mmap_lock.count", 184, 8},
	{"mm_struct", "mmap_lock.owner", 192, 8},
	{"mm_struct", "mmap_lock.osq", 200, 4},
	{"mm_struct", "mmap_lock.wait_lock", 204, 4},
	{"mm_struct", "mmap_lock.wait_list", 208, 16},
	{"mm_struct", "mmlist", 224, 16},
	{"mm_struct", "vma_writer_wait.task", 240, 8},
	{"mm_struct", "mm_lock_seq.sequence", 248, 4},
	{"mm_struct", "hiwater_rss", 344, 8},
	{"mm_struct", "total_vm", 360, 8},
	{"mm_struct", "data_vm", 384, 8},
	{"mm_struct", "write_protect_seq.sequence", 416, 4},
	{"mm_struct", "rss_stat[0]", 960, 40},
	{"mm_struct", "rss_stat[3].count", 1088, 8},
	{"mm_struct", "context.ctx_id", 1128, 8},
	{"mm_struct", "flags", 1272, 8},
	{"rw_semaphore", "count", 0, 8},
	{"rw_semaphore", "owner", 8, 8},
	{"rw_semaphore", "osq.tail", 16, 4},
	{"rw_semaphore", "wait_lock", 20, 4},
	{"rw_semaphore", "wait_list", 24, 16},
	{"rwsem_waiter", "list", 0, 16},
	{"rwsem_waiter", "task", 16, 8},
	{"anon_vma", "rwsem.count", 8, 8},
	{"address_space", "i_mmap_rwsem.count", 144, 8},
	{"ptdesc", "ptl", 40, 4},
	{"ptdesc", "__page_refcount", 52, 4},
	{"maple_range_64", "pivot[14]", 120, 8},
	{"maple_range_64", "slot[0]", 128, 8},
	{"maple_arange_64", "gap[9]", 232, 8},
	{"task_struct", "__state", 0, 4},
	{"task_struct", "stack[0]", 128, 8},
}

var linuxSizes = []struct {
	name        string
	size, align int
}{
	{"vm_area_struct", 192, 64}, {"mm_struct", 1472, 64}, {"rw_semaphore", 40, 8},
	{"rwsem_waiter", 48, 64}, {"maple_node", 256, 256}, {"maple_range_64", 256, 256}, {"ptdesc", 64, 64}, {"task_struct", 320, 64},
}

func linux(t *testing.T) *mem.Layout {
	t.Helper()
	l, err := Load(configs.FS, ".", "linux-6.18")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLinuxLayoutHasTheOffsetsOfTheKernel(t *testing.T) {
	l := linux(t)
	for _, c := range linuxOffsets {
		s := l.Struct(c.structName)
		if s == nil {
			t.Fatalf("no struct %s", c.structName)
		}
		f, ok := s.Field(c.field)
		if !ok || f.Offset != c.offset || f.Span() != c.size {
			t.Errorf("%s.%s at %d with %d bytes (%v), want %d and %d", c.structName, c.field, f.Offset, f.Span(), ok, c.offset, c.size)
		}
	}
	for _, c := range linuxSizes {
		if s := l.Struct(c.name); s.Size != c.size || s.Align != c.align {
			t.Errorf("%s: %d bytes aligned to %d, want %d and %d", c.name, s.Size, s.Align, c.size, c.align)
		}
	}
}

// Neighbouring VMAs of a slab lie at a stride of 192 bytes, so which line is the
// other half of the 128-byte pair of vm_refcnt alternates from object to object.
func TestThePairOfTheLockLineAlternates(t *testing.T) {
	sp := mem.NewSpace(linux(t))
	var at128 []mem.Addr
	for _, name := range []string{"vma[0]", "vma[1]"} {
		at, err := sp.New("vm_area_struct", name)
		if err != nil {
			t.Fatal(err)
		}
		at128 = append(at128, at+128)
	}
	for i, want := range []string{
		"vma[1].vm_start", // vma[0] starts at a multiple of 128
		"vma[1].anon_vma", // vma[1] at an odd multiple of 64
	} {
		if got := sp.Symbol(mem.Addr((at128[i].Line() ^ 1) * mem.LineBytes)); got != want {
			t.Errorf("the lock line of vma[%d] pairs with %s, want %s", i, got, want)
		}
	}
}

func TestTheShippedOverlaysMoveOnlyWhatTheySay(t *testing.T) {
	for ref, want := range map[string]map[string]int{
		"seq-beside-refcnt": {"vm_area_struct.vm_refcnt": 44},
		"owner-isolated":    {"mm_struct.mm_lock_seq.sequence": 1472},
	} {
		l, base, err := LoadWithBase(configs.FS, ".", ref)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for i := range l.Structs {
			for j, f := range l.Structs[i].Fields {
				if f != base.Structs[i].Fields[j] {
					got[l.Structs[i].Name+"."+f.Name] = f.Offset
				}
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s moves %v, want %v", ref, got, want)
		}
	}
}

// On a host that runs the very kernel, the committed file is what an import
// gives today. Elsewhere there is nothing to compare with.
func TestTheCommittedLayoutEqualsTheRunningKernel(t *testing.T) {
	if os.Getenv("COHSIM_RUNNING_KERNEL") == "" {
		t.Skip("set COHSIM_RUNNING_KERNEL=1 on a host that runs Linux 6.18 with the options of the layout")
	}
	src, err := OpenBTF(RunningKernel)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range linux(t).Structs {
		if want.Name == "task_struct" {
			continue // reduced by hand
		}
		got, err := src.Struct(Request{want.Name, want.Align})
		var unknown *UnknownStruct
		if errors.As(err, &unknown) {
			t.Errorf("%v", err)
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s differs:\n%+v\n%+v", want.Name, got, want)
		}
	}
}
