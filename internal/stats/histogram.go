package stats

import "math/bits"

const (
	// subBits sets the precision: a bucket spans 1/64 of its lower bound.
	subBits = 6
	// exactBelow is the first value that shares its bucket with another.
	exactBelow = 2 << subBits
	// maxBits is the width of the largest value told apart; 2^40 cycles are
	// minutes of simulated time. Larger values count in the last bucket.
	maxBits    = 40
	numBuckets = exactBelow + (maxBits-subBits-1)<<subBits
)

// Histogram counts durations in cycles in log-linear buckets: exact below 128,
// from there on within 1.6 %. It is a counter struct, so histograms of cores merge with
// [Add] and warm-up is removed with [Sub]. (Its minimum and maximum are not
// kept, since those cannot be subtracted.)
type Histogram struct {
	count uint64
	sum   uint64
	n     [numBuckets]uint64
}

// Record counts one duration.
func (h *Histogram) Record(cycles uint64) {
	h.count++
	h.sum += cycles
	h.n[bucket(cycles)]++
}

// Count is how many durations were recorded.
func (h *Histogram) Count() uint64 { return h.count }

// Sum is their exact total in cycles.
func (h *Histogram) Sum() uint64 { return h.sum }

// Mean is their exact mean in cycles, missing if there are none.
func (h *Histogram) Mean() Value { return Ratio(h.sum, h.count, 1) }

// Quantile is the duration of the num/den quantile by the nearest-rank rule
// (the smallest duration that at least that share of all does not exceed),
// given as the middle of its bucket. It is missing if nothing was recorded.
func (h *Histogram) Quantile(num, den uint64) Value {
	if h.count == 0 || den == 0 || num > den {
		return Missing
	}
	// rank = ceil(count × num / den), at least 1; num <= den keeps it in range.
	hi, lo := bits.Mul64(h.count, num)
	rank, rem := bits.Div64(hi%den, lo, den)
	if rem > 0 || rank == 0 {
		rank++
	}
	var seen uint64
	for b := range h.n {
		if seen += h.n[b]; seen >= rank {
			return Int(middle(b))
		}
	}
	return Missing
}

// bucket is the index of the bucket that holds v.
func bucket(v uint64) int {
	if v < exactBelow {
		return int(v)
	}
	v = min(v, 1<<maxBits-1)
	shift := bits.Len64(v) - subBits - 1
	return exactBelow + (shift-1)<<subBits + int(v>>shift) - 1<<subBits
}

// middle is the value that stands for bucket b, within half its width of every
// value in it.
func middle(b int) uint64 {
	if b < exactBelow {
		return uint64(b)
	}
	b -= exactBelow
	shift := b>>subBits + 1
	low := uint64(1<<subBits+b&(1<<subBits-1)) << shift
	return low + (1<<shift-1)/2
}
