package measure

import "slices"

// Host is what is known of the machine.
type Host struct {
	Model string // CPU model, as the host says it
	CPUs  []CPU  // that the process may use, ascending
	llc   int    // bytes of the largest cache, 0 if unknown
}

// CPU is one logical CPU and its place. Equal numbers mean shared.
type CPU struct {
	ID               int
	core, l3, socket int
}

// Look finds out about this host.
func Look() (*Host, error) { return look("/") }

// Distances of two CPUs, by the names that placements of presets have.
var distances = []string{"smt", "near", "far", "cross_socket"}

// distance is the class of a pair: threads of one core, cores behind one L3,
// behind different L3s of a socket, or on different sockets.
func distance(a, b CPU) string {
	switch {
	case a.core == b.core:
		return "smt"
	case a.socket != b.socket:
		return "cross_socket"
	case a.l3 != b.l3:
		return "far"
	}
	return "near"
}

// pair is two CPUs.
type pair struct{ a, b CPU }

// pairs lists all pairs of a distance.
func (h *Host) pairs(of string) []pair {
	var out []pair
	for i, a := range h.CPUs {
		for _, b := range h.CPUs[i+1:] {
			if distance(a, b) == of {
				out = append(out, pair{a, b})
			}
		}
	}
	return out
}

// cores lists one CPU of every core in the order in which threads are added: a
// whole L3 after the other.
func (h *Host) cores() []CPU {
	var out []CPU
	for _, c := range h.CPUs {
		if !slices.ContainsFunc(out, func(o CPU) bool { return o.core == c.core }) {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b CPU) int {
		if a.socket != b.socket {
			return a.socket - b.socket
		}
		return a.l3 - b.l3
	})
	return out
}

// spread says what n threads on the first cores have between them at most: the
// placement of a row with many threads.
func spread(cpus []CPU) string {
	worst := 1 // near
	for i, a := range cpus {
		for _, b := range cpus[i+1:] {
			worst = max(worst, slices.Index(distances, distance(a, b)))
		}
	}
	return distances[worst]
}
