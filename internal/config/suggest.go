package config

import (
	"fmt"
	"strconv"
	"strings"
)

// closest is the candidate nearest to word, or "" if none is near enough to be
// what was meant: at most one edit in three characters. Of equally near ones the
// first is taken, so that the answer does not depend on chance.
func closest(word string, candidates []string) string {
	best, bestDist := "", len(word)/3+1
	if len(word) > 64 {
		return ""
	}
	fold := strings.ToLower(strings.ReplaceAll(word, "-", "_"))
	for _, c := range candidates {
		if abs(len(c)-len(word)) >= bestDist {
			continue
		}
		d := editDistance(fold, strings.ToLower(strings.ReplaceAll(c, "-", "_")))
		if d < bestDist {
			best, bestDist = c, d
		}
	}
	return best
}

// allowed is the list of what could have been written, with the nearest first.
func allowed(word string, candidates []string) string {
	if len(candidates) == 0 {
		return ""
	}
	list := strings.Join(candidates, ", ")
	if c := closest(word, candidates); c != "" {
		return fmt.Sprintf("; did you mean %q? (allowed: %s)", c, list)
	}
	return "; allowed: " + list
}

// editDistance counts insertions, deletions, replacements and swaps of
// neighbours, the four ways in which fingers slip.
func editDistance(a, b string) int {
	prev2 := make([]int, len(b)+1)
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], prev2[j-2]+1)
			}
		}
		prev2, prev, cur = prev, cur, prev2
	}
	return prev[len(b)]
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}

// A unit is the last word of a key's name. Units of one dimension convert into
// each other; size is how many of the smallest one it is.
type unit struct {
	suffix    string // as a key ends: "ns"
	name      string // as a person says it: "nanoseconds"
	dimension string
	size      float64
}

// units are the units in use in keys and the ones that people write instead.
var units = []unit{
	{"ps", "picoseconds", "time", 1},
	{"ns", "nanoseconds", "time", 1e3},
	{"us", "microseconds", "time", 1e6},
	{"ms", "milliseconds", "time", 1e9},
	{"s", "seconds", "time", 1e12},
	{"cycles", "core clock cycles", "cycles", 1},
	{"bytes", "bytes", "bytes", 1},
	{"kb", "kilobytes", "bytes", 1000},
	{"mb", "megabytes", "bytes", 1e6},
	{"gb", "gigabytes", "bytes", 1e9},
	{"kib", "KiB", "bytes", 1 << 10},
	{"mib", "MiB", "bytes", 1 << 20},
	{"gib", "GiB", "bytes", 1 << 30},
	{"hz", "Hz", "frequency", 1},
	{"khz", "kHz", "frequency", 1e3},
	{"mhz", "MHz", "frequency", 1e6},
	{"ghz", "GHz", "frequency", 1e9},
	{"percent", "percent", "share", 0.01},
	{"share", "a share of 1", "share", 1},
	{"entries", "entries", "entries", 1},
	{"ops", "operations", "ops", 1},
	{"lines", "lines", "lines", 1},
	{"pages", "pages", "pages", 1},
}

// spellings are what people write behind a number, beside the suffixes.
var spellings = map[string]string{
	"nsec": "ns", "usec": "us", "µs": "us", "msec": "ms", "sec": "s", "cycle": "cycles", "cyc": "cycles",
	"b": "bytes", "byte": "bytes", "k": "kib", "m": "mib", "g": "gib", "%": "percent",
}

func unitNamed(suffix string) (unit, bool) {
	suffix = strings.ToLower(suffix)
	if s, ok := spellings[suffix]; ok {
		suffix = s
	}
	for _, u := range units {
		if u.suffix == suffix {
			return u, true
		}
	}
	return unit{}, false
}

// splitUnit takes "think_ns" apart into "think" and the unit. "bytes" alone is a
// whole key and a unit at once.
func splitUnit(key string) (stem string, u unit, ok bool) {
	i := strings.LastIndexByte(key, '_')
	u, ok = unitNamed(key[i+1:])
	if !ok || key[i+1:] != u.suffix {
		return key, unit{}, false
	}
	return key[:max(i, 0)], u, true
}

// sameButUnit finds the candidate that differs from key only in its unit, a
// missing one included.
func sameButUnit(key string, candidates []string) (string, bool) {
	stem, ku, keyHas := splitUnit(key)
	for _, c := range candidates {
		cstem, cu, ok := splitUnit(c)
		// A bare unit ("bytes") is the same quantity as another bare unit of
		// its dimension only ("kib").
		if !ok && keyHas && stem == c {
			return c, true
		}
		if ok && stem == cstem && (stem != "" || keyHas && ku.dimension == cu.dimension) {
			return c, true
		}
	}
	return "", false
}

// convert says what x of unit from is in unit to, as one would write it.
func convert(x float64, from, to unit) (string, bool) {
	if from.dimension != to.dimension || from.dimension == "" {
		return "", false
	}
	return formatNumber(tidy(x * from.size / to.size)), true
}

// formatNumber writes x without an exponent as long as a person would.
func formatNumber(x float64) string {
	if abs := max(x, -x); abs == 0 || abs >= 1e-4 && abs < 1e15 {
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// quantity takes "5ns", "5 us" or "32 KiB" apart.
func quantity(s string) (x float64, u unit, hasUnit, ok bool) {
	s = strings.TrimSpace(s)
	end := 0
	for end < len(s) && strings.IndexByte("0123456789.+-_", s[end]) >= 0 {
		end++
	}
	x, err := strconv.ParseFloat(strings.ReplaceAll(s[:end], "_", ""), 64)
	if err != nil {
		return 0, unit{}, false, false
	}
	rest := strings.TrimSpace(s[end:])
	if rest == "" {
		return x, unit{}, false, true
	}
	u, ok = unitNamed(rest)
	return x, u, ok, ok
}
