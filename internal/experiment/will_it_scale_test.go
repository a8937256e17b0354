package experiment

import "testing"

// TestWillItScaleIsTheSameInBothEnginesUnderEveryLock also shows that no run of it
// violates a lock: runs are judged.
func TestWillItScaleIsTheSameInBothEnginesUnderEveryLock(t *testing.T) {
	const text = `
machine = "zen5-epyc"
[workload]
think_ns = 50
map_work_ns = 50
[run]
cores = 3
warmup_ns = 1_000
measure_ns = 20_000
[sweep]
"lock.kind" = ["mmap_lock", "rwsem_separate", "rwsem_embedded", "percpu_readers", "vm_refcnt", "vm_refcnt_far"]
"workload.mode" = ["threads", "processes"]
`
	for _, set := range [][]string{
		{"workload.kind=page_fault1", "workload.pages=2"},
		{"workload.kind=page_fault1", "workload.pages=2", "workload.merge=false"},
		{"workload.kind=page_fault2", "workload.pages=2"},
		{"workload.kind=page_fault3", "workload.pages=2"},
		{"workload.kind=mmap1"},
		{"workload.kind=mmap2"},
		{"workload.kind=fork_storm", "workload.pages=2", "workload.forkers=2", "workload.vmas=4"},
		{"workload.kind=proc_maps_reader", "workload.pages=2", "workload.vmas=4"},
	} {
		one := bytesOf(t, loadText(t, text, set...), Options{})
		if bytesOf(t, loadText(t, text, append(set, "run.engine=reference")...), Options{}) != one {
			t.Errorf("%s: the reference engine gives other bytes than run-ahead", set[0])
		}
	}
}
