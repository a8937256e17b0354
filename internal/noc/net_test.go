package noc

import (
	"slices"
	"strings"
	"testing"

	"cohsim/internal/sim"
)

// three distances with legs that cannot be mistaken for one another.
var testLegs = Fabric{
	Kind:    "classes",
	Near:    Legs{Request: 11, Snoop: 12, Data: 13, Completion: 14},
	Far:     Legs{Request: 21, Snoop: 22, Data: 23, Completion: 24},
	Remote:  Legs{Request: 31, Snoop: 32, Data: 33, Completion: 34},
	HopNS:   5,
	OwnerNS: 5,
}

// towers are two sockets of two L3s of four cores.
var towers = Topology{Sockets: 2, L3PerSocket: 2, CoresPerL3: 4, ThreadsPerCore: 1}

func whole(ns float64) int64 { return int64(ns) }

// with is a changed copy.
func with(f Fabric, change func(*Fabric)) Fabric { change(&f); return f }

func TestALegIsPricedByTheDistanceOfItsEnds(t *testing.T) {
	n := New(towers, testLegs, whole)
	core := towers.CorePlace
	memory := Place{Socket: 0, L3: -1, Tile: -1, Core: -1}
	for _, c := range []struct {
		what     string
		from, to Place
		tens     int64
	}{
		{"neighbours", core(0), core(3), 10},
		{"a core and itself", core(5), core(5), 10},
		{"two L3s", core(3), core(4), 20},
		{"two sockets", core(7), core(8), 30},
		{"a core and its L3", core(6), towers.L3Place(1), 10},
		{"a core and the other L3", core(6), towers.L3Place(0), 20},
		{"a core and its socket's memory side", core(6), memory, 20},
		{"the memory side and itself", memory, memory, 20},
		{"the memory side and a core of the other socket", memory, core(8), 30},
	} {
		for part, ones := range map[Part]int64{Request: 1, Snoop: 2, Data: 3, Completion: 4, Supply: 8} {
			if got := n.Leg(part, c.from, c.to, c.to); got != c.tens+ones {
				t.Errorf("%s: leg %d takes %d, want %d", c.what, part, got, c.tens+ones)
			}
			if there, back := n.Leg(part, c.from, c.to, c.to), n.Leg(part, c.to, c.from, c.to); there != back {
				t.Errorf("%s: leg %d takes %d there and %d back", c.what, part, there, back)
			}
		}
	}
}

func TestAMessageTakesAtLeastACycle(t *testing.T) {
	f := with(testLegs, func(f *Fabric) { f.Near = Legs{}; f.JitterPercent = 90 })
	n := New(towers, f, whole)
	r := sim.NewRand(1, 0, 0)
	d := n.Leg(Request, towers.CorePlace(0), towers.CorePlace(1), towers.CorePlace(1))
	if d != 1 || n.Least(d) != 1 || n.Least(3) != 1 {
		t.Errorf("a leg of 0 ns takes %d cycles, at least %d", d, n.Least(d))
	}
	for range 1000 {
		if n.Jitter(1, &r) < 1 {
			t.Fatal("jitter makes a message arrive when it is sent")
		}
	}
}

func TestHomesAreWhereTheTopologySays(t *testing.T) {
	local := towers
	local.L3Local = true
	if p := local.HomePlace(1, 77); p.Socket != 1 || p.L3 >= 0 {
		t.Errorf("with l3_local a home is at %+v, not on the memory side of socket 1", p)
	}
	seen := map[int16]int{}
	for line := range uint64(4000) {
		p := towers.HomePlace(1, line)
		if p.Socket != 1 || p.Core != -1 || int(p.L3) != 2+int(p.Tile)/4 {
			t.Fatalf("line %d has its home at %+v", line, p)
		}
		seen[p.Tile]++
	}
	for tile := range int16(8) {
		if seen[tile] < 400 || seen[tile] > 600 {
			t.Errorf("tile %d is home of %d lines in 4000", tile, seen[tile])
		}
	}
}

func TestAMeshAddsAHopPerTileOfTheXYRoute(t *testing.T) {
	topo := Topology{Sockets: 2, L3PerSocket: 1, CoresPerL3: 9}
	n := New(topo, with(testLegs, func(f *Fabric) { f.Kind = "mesh" }), whole)
	// 0 1 2
	// 3 4 5
	// 6 7 8
	for _, c := range []struct{ a, b, hops int }{
		{4, 4, 0}, {0, 1, 1}, {0, 3, 1}, {0, 8, 4}, {2, 6, 4}, {3, 5, 2}, {7, 1, 2},
		{8, 9, 4}, // to (0, 0), and from the other socket's
		{8, 17, 8},
		{0, 9, 0},
	} {
		base := int64(10)
		if c.a/9 != c.b/9 {
			base = 30
		}
		a, b := topo.CorePlace(c.a), topo.CorePlace(c.b)
		for _, d := range []int64{n.Leg(Data, a, b, b), n.Leg(Data, b, a, b)} {
			if d != base+3+5*int64(c.hops) {
				t.Errorf("from tile %d to %d: %d cycles, want %d and %d hops of 5", c.a, c.b, d, base+3, c.hops)
			}
		}
		links := 0
		n.walk(a, b, func(int, int) { links++ })
		if c.a/9 == c.b/9 && links != c.hops {
			t.Errorf("from tile %d to %d: %d links for %d hops", c.a, c.b, links, c.hops)
		}
	}
}

func TestMeshColumnsShapeTheGrid(t *testing.T) {
	topo := Topology{Sockets: 1, L3PerSocket: 1, CoresPerL3: 8}
	hops := func(columns, a, b int) int {
		n := New(topo, with(testLegs, func(f *Fabric) { f.Kind, f.MeshColumns = "mesh", columns }), whole)
		return n.hops(topo.CorePlace(a), topo.CorePlace(b))
	}
	for _, c := range []struct{ columns, want int }{{0, 3}, {1, 7}, {2, 4}, {4, 4}, {8, 7}} { // 0: three columns
		if got := hops(c.columns, 0, 7); got != c.want {
			t.Errorf("%d columns: 0 and 7 are %d hops apart, want %d", c.columns, got, c.want)
		}
	}
}

func TestMessagesThatShareALinkAreSpacedByItsOccupancy(t *testing.T) {
	const occupied, d = 7, 40
	type trip struct{ from, to int }
	for _, c := range []struct {
		kind   string
		a, b   trip
		shared bool
	}{
		// By class: the link is the sender's port.
		{"classes", trip{0, 1}, trip{0, 5}, true},
		{"classes", trip{0, 1}, trip{2, 1}, false},
		// In a mesh of 4 columns: those of the XY route, per direction.
		{"mesh", trip{0, 2}, trip{1, 2}, true},
		{"mesh", trip{0, 2}, trip{2, 0}, false}, // the other direction
		{"mesh", trip{0, 1}, trip{2, 3}, false},
		{"mesh", trip{0, 5}, trip{1, 5}, true},  // x first, then both go down from tile 1
		{"mesh", trip{0, 5}, trip{4, 5}, false}, // the way down of one is not the row of the other
	} {
		topo := Topology{Sockets: 1, L3PerSocket: 1, CoresPerL3: 8}
		n := New(topo, with(testLegs, func(f *Fabric) { f.Kind, f.MeshColumns, f.LinkNS = c.kind, 4, occupied }), whole)
		if !n.Queues() {
			t.Fatal("no queues")
		}
		place := topo.CorePlace
		first := n.Route(place(c.a.from), place(c.a.to), 100, d)
		second := n.Route(place(c.b.from), place(c.b.to), 102, d)
		if first != 100+d {
			t.Errorf("%s %v: on free links it arrives at %d, want %d", c.kind, c.a, first, 100+d)
		}
		want := int64(102 + d)
		if c.shared {
			want = 100 + occupied + d
		}
		if second != want {
			t.Errorf("%s: %v after %v arrives at %d, want %d", c.kind, c.b, c.a, second, want)
		}
		if third := n.Route(place(c.b.from), place(c.b.to), 10000, d); third != 10000+d {
			t.Errorf("%s: a link is still busy long after", c.kind)
		}
	}
	free := New(towers, testLegs, whole)
	if free.Queues() || free.Route(towers.CorePlace(0), towers.CorePlace(1), 5, d) != 5+d || free.Route(towers.CorePlace(0), towers.CorePlace(1), 5, d) != 5+d {
		t.Error("links without occupancy delay messages")
	}
}

func TestSocketsOfAMeshHaveLinksOfTheirOwn(t *testing.T) {
	topo := Topology{Sockets: 2, L3PerSocket: 1, CoresPerL3: 6}
	n := New(topo, with(testLegs, func(f *Fabric) { f.Kind, f.LinkNS = "mesh", 50 }), whole)
	at := n.Route(topo.CorePlace(0), topo.CorePlace(1), 10, 20)
	if other := n.Route(topo.CorePlace(6), topo.CorePlace(7), 10, 20); at != 30 || other != 30 {
		t.Errorf("arrivals at %d and %d, want 30 and 30", at, other)
	}
}

func TestJitterStaysWithinItsShareAndReachesItsEnds(t *testing.T) {
	for _, percent := range []int{0, 1, 10, 30, 90} {
		n := New(towers, with(testLegs, func(f *Fabric) { f.JitterPercent = percent }), whole)
		r := sim.NewRand(9, percent, 0)
		for _, d := range []int64{1, 2, 3, 10, 100, 1000} {
			lo, hi, sum := d, d, int64(0)
			const draws = 20000
			for range draws {
				v := n.Jitter(d, &r)
				lo, hi, sum = min(lo, v), max(hi, v), sum+v
			}
			p := int64(percent)
			if least := max(1, (d*(100-p)+50)/100); lo < least || hi > (d*(100+p)+50)/100 {
				t.Errorf("%d %%: %d becomes %d to %d", percent, d, lo, hi)
			}
			if lo < n.Least(d) {
				t.Errorf("%d %%: %d becomes %d, less than the bound %d", percent, d, lo, n.Least(d))
			}
			if lo != n.Least(d) && percent > 0 && d >= 100 && lo > n.Least(d)+d/100 {
				t.Errorf("%d %%: %d never falls below %d, and the bound is %d", percent, d, lo, n.Least(d))
			}
			if mean := float64(sum) / draws; d >= 100 && (mean < 0.99*float64(d) || mean > 1.01*float64(d)) {
				t.Errorf("%d %%: the mean of %d is %.1f", percent, d, mean)
			}
		}
	}
}

func TestRequestSnoopAndDataAddUpToTheMatrix(t *testing.T) {
	topo := Topology{Sockets: 1, L3PerSocket: 2, CoresPerL3: 2}
	matrix := [][]float64{{70, 71, 90, 91}, {81, 72, 92, 93}, {90, 92, 73, 74}, {91, 93, 74, 75}}
	n := New(topo, with(testLegs, func(f *Fabric) { f.Kind, f.Matrix = "matrix", matrix }), whole)
	homes := []Place{topo.L3Place(0), topo.L3Place(1), topo.HomePlace(0, 5), {Socket: 0, L3: -1, Tile: -1, Core: -1}}
	for req := range 4 {
		for owner := range 4 {
			for _, home := range homes {
				r, o := topo.CorePlace(req), topo.CorePlace(owner)
				sum := n.Leg(Request, r, home, home) + n.Leg(Snoop, home, o, home) + n.Leg(Supply, o, r, home)
				if sum != int64(matrix[req][owner]) {
					t.Errorf("requester %d, owner %d, home %+v: %d, want %v", req, owner, home, sum, matrix[req][owner])
				}
			}
		}
	}
	// What is no transfer from core to core is priced by class.
	if d := n.Leg(Data, topo.L3Place(0), topo.CorePlace(3), topo.L3Place(0)); d != 23 {
		t.Errorf("data from a home take %d, want 23", d)
	}
	if d := n.Leg(Completion, topo.CorePlace(0), topo.L3Place(0), topo.L3Place(0)); d != 14 {
		t.Errorf("a completion takes %d, want 14", d)
	}
}

func TestAMatrixThatDoesNotFitIsNamed(t *testing.T) {
	square := func(n int) (m [][]float64) {
		for range n {
			m = append(m, make([]float64, n))
		}
		return m
	}
	topo := Topology{Sockets: 1, L3PerSocket: 2, CoresPerL3: 2}
	ragged := square(4)
	ragged[2] = ragged[2][:3]
	for _, c := range []struct {
		f    Fabric
		want []string
	}{
		{Fabric{Kind: "classes"}, nil},
		{Fabric{Kind: "matrix", Matrix: square(4)}, nil},
		{Fabric{Kind: "matrix"}, []string{"matrix_ns: 0 rows for 4 cores"}},
		{Fabric{Kind: "matrix", Matrix: square(5)}, []string{"matrix_ns: 5 rows for 4 cores", "matrix_ns: row 0 has 5 columns for 4 cores"}},
		{Fabric{Kind: "matrix", Matrix: ragged}, []string{"matrix_ns: row 2 has 3 columns for 4 cores"}},
	} {
		if got := c.f.Problems(&topo); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.f.Kind, strings.Join(got, "; "), strings.Join(c.want, "; "))
		}
	}
}
