package machine

import "cohsim/internal/sim"

// timeHeap is a multiset of cycles with a cheap minimum.
type timeHeap []int64

func (h *timeHeap) least() int64 {
	if len(*h) == 0 {
		return sim.Never
	}
	return (*h)[0]
}

func (h *timeHeap) push(t int64) {
	*h = append(*h, t)
	a := *h
	i := len(a) - 1
	for i > 0 {
		p := (i - 1) / 2
		if a[i] >= a[p] {
			break
		}
		a[i], a[p] = a[p], a[i]
		i = p
	}
}

// pop removes the least.
func (h *timeHeap) pop() int64 {
	a := *h
	t := a[0]
	n := len(a) - 1
	a[0] = a[n]
	a = a[:n]
	*h = a
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && a[c+1] < a[c] {
			c++
		}
		if a[c] >= a[i] {
			break
		}
		a[i], a[c] = a[c], a[i]
		i = c
	}
	return t
}
