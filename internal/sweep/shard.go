package sweep

import (
	"fmt"
	"strconv"
	"strings"
)

// Shard is a part of the jobs: every Of-th one, from the Index-th on, counted from
// 1. Neighbours cost about the same, so shards take about the same time. The zero
// Shard is all jobs.
type Shard struct{ Index, Of int }

// ParseShard reads "2/5".
func ParseShard(s string) (Shard, error) {
	first, last, _ := strings.Cut(s, "/")
	i, err1 := strconv.Atoi(first)
	n, err2 := strconv.Atoi(last)
	if err1 != nil || err2 != nil || n < 1 || i < 1 || i > n {
		return Shard{}, fmt.Errorf("%q is not a part such as 1/4, the first of four", s)
	}
	return Shard{i, n}, nil
}

// Has tells whether job i, counted from 0, belongs to the shard.
func (s Shard) Has(i int) bool { return s.Of == 0 || i%s.Of == s.Index-1 }
