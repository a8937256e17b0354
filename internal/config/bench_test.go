package config

import "testing"

// Loading must cost nothing beside a simulation: a thousand points in well below a
// second, with the hash of each.
func BenchmarkThousandPoints(b *testing.B) {
	const text = "machine = \"twin\"\n[workload]\nkind = \"vma_pairs\"\n[sweep]\n\"workload.vmas\" = { from = 1, to = 250, step = 1 }\n\"run.cores\" = [1, 2, 3, 4]\n"
	b.ReportAllocs()
	for b.Loop() {
		e := mustLoad(b, text)
		if len(e.Points) != 1000 || e.Hash() == "" {
			b.Fatal("wrong points")
		}
	}
}
