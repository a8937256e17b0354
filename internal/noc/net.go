package noc

import (
	"cmp"
	"fmt"
	"math"

	"cohsim/internal/sim"
)

// Part is a leg of a transaction.
type Part uint8

const (
	Request    Part = iota // requester to home
	Snoop                  // home to owner or sharer
	Data                   // home to requester
	Ack                    // sharer to requester: its copy is gone
	Completion             // requester or owner to home
	Supply                 // owner or sharer to requester: the data leg behind a look into its caches
	numParts
)

// Distance is a class of distances.
type Distance uint8

const (
	Near   Distance = iota // one L3
	Far                    // one socket
	Remote                 // across sockets
	NumDistances
)

func (d Distance) String() string { return [...]string{"near", "far", "remote"}[d] }

// Place is where an end point of a message sits.
type Place struct {
	Socket int16
	L3     int16 // -1: the socket's memory side, far from each of its cores
	Tile   int16 // core within the socket (mesh), -1: its centre
	Core   int16 // core of the machine, -1 for a home
}

// Net is the interconnect of one machine.
type Net struct {
	topo   Topology
	kind   string
	legs   [NumDistances][numParts]int64
	flat   bool   // a leg depends on the distance alone
	low    uint64 // jitter, permille: from low on, span values
	span   int
	matrix [][]int64
	hop    int64
	link   int64
	cols   int
	busy   []int64 // next free cycle of each link
}

// Cores is the number of cores, Threads of hardware threads.
func (t *Topology) Cores() int   { return t.Sockets * t.L3PerSocket * t.CoresPerL3 }
func (t *Topology) Threads() int { return t.Cores() * t.ThreadsPerCore }

// CoresPerSocket is the number of cores of a socket.
func (t *Topology) CoresPerSocket() int { return t.L3PerSocket * t.CoresPerL3 }

// CorePlace is where a core sits.
func (t *Topology) CorePlace(core int) Place {
	per := t.CoresPerSocket()
	return Place{Socket: int16(core / per), L3: int16(core / t.CoresPerL3), Tile: int16(core % per), Core: int16(core)}
}

// HomePlace is where the home of a line sits: on the memory side of the socket
// if lines are served by their L3 first, else at one of the socket's L3 slices.
func (t *Topology) HomePlace(socket int, line uint64) Place {
	if t.L3Local {
		return Place{Socket: int16(socket), L3: -1, Tile: -1, Core: -1}
	}
	h := line * 0x9e3779b97f4a7c15 >> 32
	tile := int(h) % t.CoresPerSocket()
	return Place{Socket: int16(socket), L3: int16(socket*t.L3PerSocket + tile/t.CoresPerL3), Tile: int16(tile), Core: -1}
}

// L3Place is the home of lines that are served by an L3.
func (t *Topology) L3Place(l3 int16) Place {
	return Place{Socket: l3 / int16(t.L3PerSocket), L3: l3, Tile: -1, Core: -1}
}

// Between is the distance class of two places.
func Between(a, b Place) Distance { return between(&a, &b) }

func between(a, b *Place) Distance {
	switch {
	case a.Socket != b.Socket:
		return Remote
	case a.L3 != b.L3 || a.L3 < 0:
		return Far
	}
	return Near
}

// New builds the interconnect; cycles converts ns to core cycles. Problems says
// what a config must fulfil.
func New(topo Topology, f Fabric, cycles func(ns float64) int64) *Net {
	n := &Net{topo: topo, kind: f.Kind, hop: cycles(f.HopNS), link: cycles(f.LinkNS)}
	n.low, n.span = uint64(1000-10*f.JitterPercent), 20*f.JitterPercent+1
	n.flat = f.Kind != "matrix" && f.Kind != "mesh"
	for d, l := range []Legs{f.Near, f.Far, f.Remote} {
		supply := f.OwnerNS + l.Data
		n.legs[d] = [numParts]int64{cycles(l.Request), cycles(l.Snoop), cycles(l.Data), cycles(cmp.Or(l.Ack, supply)), cycles(l.Completion), cycles(supply)}
		if n.flat { // then a leg is the whole way
			for p := range n.legs[d] {
				n.legs[d][p] = max(n.legs[d][p], 1)
			}
		}
	}
	if f.Kind == "matrix" {
		n.matrix = make([][]int64, len(f.Matrix))
		for i, row := range f.Matrix {
			for _, ns := range row {
				n.matrix[i] = append(n.matrix[i], cycles(ns))
			}
		}
	}
	if f.Kind == "mesh" {
		per := topo.CoresPerSocket()
		n.cols = f.MeshColumns
		if n.cols == 0 {
			n.cols = int(math.Ceil(math.Sqrt(float64(per))))
		}
		n.busy = make([]int64, 4*topo.Sockets*n.cols*((per+n.cols-1)/n.cols))
	} else {
		n.busy = make([]int64, topo.Cores()+topo.Sockets*topo.L3PerSocket+topo.Sockets)
	}
	return n
}

// Queues reports whether messages compete for links, so that they must be
// routed in the order in which they are sent.
func (n *Net) Queues() bool { return n.link > 0 }

// Leg is the delay of a message without jitter and queueing, at least 1 cycle.
// home is the place of the line's home, for matrices.
func (n *Net) Leg(part Part, from, to, home Place) int64 {
	d := n.legs[Between(from, to)][part]
	switch n.kind {
	case "matrix":
		if part == Supply || part == Ack {
			// The matrix gives the whole way of the line; the last leg takes what
			// the request and the snoop have left.
			d = n.matrix[to.Core][from.Core] - n.Leg(Request, to, home, home) - n.Leg(Snoop, home, from, home)
		}
	case "mesh":
		d += n.hop * int64(n.hops(from, to))
	}
	return max(d, 1)
}

// Delay is what Jitter makes of a leg.
func (n *Net) Delay(part Part, from, to, home *Place, r *sim.Rand) int64 {
	if !n.flat {
		return n.Jitter(n.Leg(part, *from, *to, *home), r)
	}
	return n.Jitter(n.legs[between(from, to)][part], r)
}

// Jitter varies a delay by the next draw of the sender's stream.
func (n *Net) Jitter(d int64, r *sim.Rand) int64 {
	if n.span == 1 {
		return d
	}
	return int64(max((uint64(d)*(n.low+uint64(r.Intn(n.span)))+500)/1000, 1))
}

// Least is the shortest delay that Jitter can make of d.
func (n *Net) Least(d int64) int64 { return int64(max((uint64(d)*n.low+500)/1000, 1)) }

// Route reserves the links of a message that leaves at cycle t and takes d
// cycles on free links. It returns the cycle of arrival. Calls must come in the
// order of t.
func (n *Net) Route(from, to Place, t, d int64) int64 {
	if n.link == 0 {
		return t + d
	}
	wait := int64(0)
	reserve := func(l int) {
		start := max(t+wait, n.busy[l])
		n.busy[l] = start + n.link
		wait = start - t
	}
	if n.kind != "mesh" {
		reserve(n.port(from))
		return t + wait + d
	}
	n.walk(from, to, func(tile, dir int) {
		reserve(4*(int(from.Socket)*n.cols*((n.topo.CoresPerSocket()+n.cols-1)/n.cols)+tile) + dir)
	})
	return t + wait + d
}

// port is the link that a place sends through.
func (n *Net) port(p Place) int {
	switch {
	case p.Core >= 0:
		return int(p.Core)
	case p.L3 >= 0:
		return n.topo.Cores() + int(p.L3)
	}
	return n.topo.Cores() + n.topo.Sockets*n.topo.L3PerSocket + int(p.Socket)
}

func (n *Net) xy(p Place) (x, y int) {
	t := int(p.Tile)
	if t < 0 {
		t = n.topo.CoresPerSocket() / 2
	}
	return t % n.cols, t / n.cols
}

// hops is the length of the XY route between two tiles; between sockets, to and
// from the tile of the socket link at (0, 0).
func (n *Net) hops(a, b Place) int {
	ax, ay := n.xy(a)
	bx, by := n.xy(b)
	if a.Socket != b.Socket {
		return ax + ay + bx + by
	}
	return abs(ax-bx) + abs(ay-by)
}

// walk visits the links of the XY route in the sender's socket.
func (n *Net) walk(a, b Place, visit func(tile, dir int)) {
	x, y := n.xy(a)
	bx, by := n.xy(b)
	if a.Socket != b.Socket {
		bx, by = 0, 0
	}
	for x != bx || y != by {
		tile := y*n.cols + x
		switch {
		case x < bx:
			visit(tile, 0)
			x++
		case x > bx:
			visit(tile, 1)
			x--
		case y < by:
			visit(tile, 2)
			y++
		default:
			visit(tile, 3)
			y--
		}
	}
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}

// Problems says what is wrong with a fabric on a topology, as "key: message".
func (f *Fabric) Problems(t *Topology) []string {
	var ps []string
	if f.Kind == "matrix" {
		if len(f.Matrix) != t.Cores() {
			ps = append(ps, fmt.Sprintf("matrix_ns: %d rows for %d cores", len(f.Matrix), t.Cores()))
		}
		for i, row := range f.Matrix {
			if len(row) != t.Cores() {
				ps = append(ps, fmt.Sprintf("matrix_ns: row %d has %d columns for %d cores", i, len(row), t.Cores()))
				break
			}
		}
	}
	return ps
}
