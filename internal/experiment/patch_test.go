package experiment

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// Patches that change no code change no metric: "no functional change", as a
// whole machine sees it.
func TestPatchesWithoutAChangeGiveTheSameMetrics(t *testing.T) {
	const text = `
[workload]
kind = "%s"
think_ns = 50
fault_work_ns = 50
retry_percent = 5
%s
[lock]
lockdep = %t
debug_vm = true
[machine]
isa = "%s"
[run]
cores = %d
warmup_ns = 2000
measure_ns = 30000
`
	const rest = "write_percent = 10\nwrite_hold_ns = 50\nremap_percent = 10\nfork_percent = 3\nmaps_percent = 5\nguard_percent = 5"
	for _, kind := range []string{"fault_same_vma", "fault_private_vma", "fault_mixed"} {
		for _, isa := range []string{"x86-64", "arm64-lse"} {
			for _, lockdep := range []bool{false, true} {
				for _, cores := range []int{1, 4} {
					more := rest
					if kind != "fault_mixed" {
						more = ""
					}
					var last string
					for patch := range 12 {
						e, err := LoadText("e.toml", fmt.Appendf(nil, text, kind, more, lockdep, isa, cores), Overrides{Set: []string{fmt.Sprintf("lock.patch=%d", patch)}})
						if err != nil {
							t.Fatal(err)
						}
						doc, _, err := e.Run(context.Background(), Options{Jobs: 1})
						if err != nil {
							t.Fatal(err)
						}
						is := fmt.Sprint(doc.Records[0].Metrics)
						name := fmt.Sprintf("%s, %s, lockdep %t, %d cores: patch %d", kind, isa, lockdep, cores, patch)
						switch {
						case patch == 1, patch == 2, patch == 4, patch == 6, patch == 5, patch == 10 && !lockdep:
							if is != last {
								t.Errorf("%s changes a metric", name)
							}
						case !strings.HasPrefix(kind, "fault_mixed"):
							if patch > 0 && is != last {
								t.Errorf("%s changes a metric of page faults", name)
							}
						case patch == 7, patch == 11:
							if is == last {
								t.Errorf("%s changes no metric", name)
							}
						}
						last = is
					}
				}
			}
		}
	}
}
