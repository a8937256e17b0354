package validate

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Claim is a direction that hardware shows and a model must not get wrong. It is
// made of every pair of points of one machine and metric that differ in what the
// claim names and in nothing else; what the points say is what is demanded.
type Claim struct {
	Name     string
	Workload string         // "" is any
	Place    bool           // the pair differs in its placement
	Same     bool           // it says that the pair is equal: what differs on hardware is how far from equal it may be
	A, B     map[string]any // or in these parameters
}

// claims are all of them.
var claims = []Claim{
	{Name: "near against far", Place: true},
	{Name: "counts of two VMAs on one line cost what one VMA costs", Workload: "vma_pairs", Same: true,
		A: map[string]any{"vmas": int64(1), "refcnt": "own_line"}, B: map[string]any{"vmas": int64(2), "refcnt": "one_line"}},
	{Name: "two VMAs against one", Workload: "vma_pairs",
		A: map[string]any{"vmas": int64(1), "refcnt": "own_line"}, B: map[string]any{"vmas": int64(2), "refcnt": "own_line"}},
	{Name: "two VMAs apart against two counts on one line", Workload: "vma_pairs",
		A: map[string]any{"vmas": int64(2), "refcnt": "own_line"}, B: map[string]any{"vmas": int64(2), "refcnt": "one_line"}},
	{Name: "a count of its own line against one beside vm_lock_seq", Workload: "vma_pairs",
		A: map[string]any{"refcnt": "own_line"}, B: map[string]any{"refcnt": "seq_line"}},
	{Name: "lines of a pair are as independent as lines far apart", Workload: "contend", Same: true,
		A: map[string]any{"stride_bytes": int64(64)}, B: map[string]any{"stride_bytes": int64(4096)}},
	{Name: "one word against words far apart", Workload: "contend",
		A: map[string]any{"stride_bytes": int64(0)}, B: map[string]any{"stride_bytes": int64(4096)}},
	{Name: "words of one line against words far apart", Workload: "contend",
		A: map[string]any{"stride_bytes": int64(8)}, B: map[string]any{"stride_bytes": int64(4096)}},
	{Name: "one word against words of one line", Workload: "contend",
		A: map[string]any{"stride_bytes": int64(0)}, B: map[string]any{"stride_bytes": int64(8)}},
	{Name: "an add against a compare-and-swap loop", Workload: "contend",
		A: map[string]any{"op": "xadd"}, B: map[string]any{"op": "load_cas"}},
	{Name: "a load before the compare-and-swap", Workload: "alternate",
		A: map[string]any{"op": "cas"}, B: map[string]any{"op": "load_cas"}},
	{Name: "flags on one line against two", Workload: "pingpong",
		A: map[string]any{"op": "store_load", "lines": int64(1)}, B: map[string]any{"op": "store_load", "lines": int64(2)}},
}

// same is the ratio up to which two measured values count as equal, and twice
// that (as logarithms) the one up to which simulated ones do.
const same = 1.1

// Verdict is a claim about two points.
type Verdict struct {
	Claim *Claim
	A, B  *Result
	OK    bool
}

// Says is the verdict's demand in words.
func (v *Verdict) Says() string {
	switch hw := math.Log(v.A.Value / v.B.Value); {
	case v.equal():
		return "about equal"
	case hw < 0:
		return "less"
	}
	return "more"
}

// equal reports whether the hardware makes no difference between the points.
func (v *Verdict) equal() bool {
	overlap := v.A.Lo <= v.B.Hi && v.B.Lo <= v.A.Hi
	return v.Claim.Same || overlap || math.Abs(math.Log(v.A.Value/v.B.Value)) < math.Log(same)
}

func judgeClaims(rs []Result) []Verdict {
	var out []Verdict
	for c := range claims {
		claim := &claims[c]
		for i := range rs {
			for j := range rs {
				a, b := &rs[i], &rs[j]
				if !claim.about(a.Point, b.Point) || claim.Place && i > j {
					continue
				}
				v := Verdict{Claim: claim, A: a, B: b}
				hw, sim := math.Log(a.Value/b.Value), math.Log(a.Sim/b.Sim)
				if v.equal() {
					v.OK = math.Abs(sim) <= max(2*math.Log(same), math.Abs(hw)+math.Log(same))
				} else {
					v.OK = hw*sim > 0
				}
				out = append(out, v)
			}
		}
	}
	return out
}

// about reports whether two points make a pair of the claim.
func (c *Claim) about(a, b *Point) bool {
	if a.Machine != b.Machine || a.Metric.Name != b.Metric.Name || a.Workload != b.Workload || c.Workload != "" && a.Workload != c.Workload {
		return false
	}
	if c.Place != (a.Placement != b.Placement) {
		return false
	}
	return has(a, c.A) && has(b, c.B) && slices.Equal(rest(a, c.A), rest(b, c.B))
}

func has(p *Point, want map[string]any) bool {
	for name, v := range want {
		if p.Get(name) != v {
			return false
		}
	}
	return true
}

// rest are the parameters of a point that a claim does not name.
func rest(p *Point, named map[string]any) []Param {
	return slices.DeleteFunc(slices.Clone(p.Params), func(q Param) bool { _, ok := named[q.Name]; return ok })
}

// Describe names the pair.
func (v *Verdict) Describe() string {
	a := v.A.Point
	var parts []string
	if v.Claim.Place {
		parts = append(parts, a.Placement+" : "+v.B.Placement)
	} else if a.Placement != "" {
		parts = append(parts, a.Placement)
	}
	parts = append(parts, a.Workload)
	for _, q := range rest(a, v.Claim.A) {
		parts = append(parts, fmt.Sprintf("%s=%v", q.Name, q.Value))
	}
	return strings.Join(append(parts, a.Metric.Name), " ")
}
