package workloads

import (
	"fmt"
	"regexp"
	"strings"

	"cohsim/cpu"
)

var (
	regLine     = regexp.MustCompile(`(?m)^\treg .*$`)
	orderedLine = regexp.MustCompile(`^\s*(rmw\.add|rmw\.swap|cas)\.acqrel (\w+), (\[[^\]]+\]), (-?\w+)(?:, (\w+))?$`)
)

// userAtomics writes the fully ordered atomics of a measured loop as compilers
// do outside a kernel. With load-linked and store-conditional that is a loop of an
// acquire and a release; the portable .acqrel stands for the kernel's, which
// prefetches the line and ends with a full barrier.
func userAtomics(env *Env, text string) string {
	if env.ISA != cpu.ARM64LLSC {
		return text
	}
	n := 0
	var out []string
	for _, line := range strings.Split(text, "\n") {
		m := orderedLine.FindStringSubmatch(line)
		if m == nil {
			out = append(out, line)
			continue
		}
		n++
		op, result, word, a, b := m[1], m[2], m[3], m[4], m[5]
		out = append(out, fmt.Sprintf("ll%d:", n), "\tll.acq was, "+word)
		value := a
		switch op {
		case "rmw.add":
			out, value = append(out, "\tadd fresh, was, "+a), "fresh"
		case "cas":
			out, value = append(out, fmt.Sprintf("\tbne was, %s, end%d unlikely", a, n)), b
		}
		out = append(out, "\tsc.rel lost, "+word+", "+value, fmt.Sprintf("\tbne lost, 0, ll%d unlikely", n))
		if op == "cas" {
			out = append(out, fmt.Sprintf("end%d:", n))
		}
		if result != "_" {
			out = append(out, "\tmov "+result+", was")
		}
	}
	if n == 0 {
		return text
	}
	text = strings.Join(out, "\n")
	at := regLine.FindStringIndex(text)
	return text[:at[1]] + "\n\treg was fresh lost" + text[at[1]:]
}
