package stats

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestHistogramIsExactBelow128AndWithinOnePointSixPercentAbove(t *testing.T) {
	check := func(v uint64) {
		b := bucket(v)
		if b < 0 || b >= numBuckets {
			t.Fatalf("%d falls in bucket %d of %d", v, b, numBuckets)
		}
		m := middle(b)
		if bucket(m) != b {
			t.Fatalf("the middle %d of the bucket of %d lies in another bucket", m, v)
		}
		if v < 128 && m != v {
			t.Fatalf("%d reads back as %d", v, m)
		}
		if diff := max(m, v) - min(m, v); v < 1<<maxBits && diff*1000 > v*16 {
			t.Fatalf("%d reads back as %d", v, m)
		}
	}
	for v := range uint64(1 << 16) {
		check(v)
	}
	for e := range 64 {
		for d := range uint64(3) {
			check(1<<e - 1 + d)
		}
	}
	check(1<<64 - 1)
}

func TestHistogramBucketsAreOrdered(t *testing.T) {
	for b := 1; b < numBuckets; b++ {
		if middle(b) <= middle(b-1) {
			t.Fatalf("bucket %d stands for %d, the one before for %d", b, middle(b), middle(b-1))
		}
	}
	if bucket(1<<maxBits-1) != numBuckets-1 {
		t.Errorf("the last bucket is never used")
	}
}

func TestQuantilesFollowNearestRank(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		var h Histogram
		n := 1 + rng.IntN(50)
		all := make([]uint64, n)
		for i := range all {
			all[i] = rng.Uint64N(128) // exact buckets
			h.Record(all[i])
		}
		slices.Sort(all)
		for _, q := range []uint64{0, 1, 50, 99, 100} {
			rank := max(1, (n*int(q)+99)/100)
			if got := h.Quantile(q, 100); got != Int(all[rank-1]) {
				t.Fatalf("p%d of %v = %s, want %d", q, all, got, all[rank-1])
			}
		}
	}
}

func TestMergedHistogramsEqualOneHistogramOfAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	var all, a, b Histogram
	for i := range 1000 {
		v := rng.Uint64() >> rng.IntN(64)
		all.Record(v)
		if i%3 == 0 {
			a.Record(v)
		} else {
			b.Record(v)
		}
	}
	if Add(&a, &b); a != all {
		t.Error("merging changes the counts")
	}
	if all.Mean() != Ratio(all.Sum(), 1000, 1) {
		t.Error("the mean is not exact")
	}
}

func TestEmptyHistogramHasNoQuantiles(t *testing.T) {
	var h Histogram
	if !h.Quantile(1, 2).IsMissing() || !h.Mean().IsMissing() {
		t.Error("an empty histogram has a median or a mean")
	}
}

func BenchmarkRecord(b *testing.B) {
	var h Histogram
	for i := range b.N {
		h.Record(uint64(i) & 4095)
	}
}
