package check

import (
	"fmt"
	"os"
	"testing"

	"cohsim/mesi"
)

// allOptions lists every combination of options that the protocol allows.
func allOptions(protocol string) []mesi.Options {
	var all []mesi.Options
	for bits := range 1 << 10 {
		on := func(i int) bool { return bits>>i&1 != 0 }
		o := mesi.Options{SilentS: on(0), PutS: on(1), SilentE: on(2), PutE: on(3), NonBlockingS: on(4),
			Recall: on(5), Upgrade: on(6), ExclusiveGrant: on(7), FarAtomics: on(9)}
		if on(8) {
			o.SharerPointers, o.SharerGroup, o.Caches = 1, 2, 4
		}
		if !o.ExclusiveGrant && o.PutE {
			continue // no effect
		}
		if _, err := mesi.New(protocol, o); err == nil {
			all = append(all, o)
		}
	}
	return all
}

// TestEveryOptionSetIsProven explores every allowed combination of options at 2 caches,
// and with COHSIM_LONG=1 at 3, where every row must also be reached.
func TestEveryOptionSetIsProven(t *testing.T) {
	long := os.Getenv("COHSIM_LONG") != ""
	for _, name := range mesi.Names() {
		t.Run(name, func(t *testing.T) {
			all := allOptions(name)
			bad, unreached := 0, map[string]int{}
			for _, o := range all {
				cfg := ProtocolConfig{Caches: 2, Migrate: true, Symmetry: o.SharerPointers == 0}
				if long && !o.FarAtomics { // 40 times the states: far_test.go has each protocol at 3
					cfg.Caches = 3
				}
				if o.SharerPointers > 0 {
					o.Caches = cfg.Caches
				}
				p, err := mesi.New(name, o)
				if err != nil {
					t.Fatal(err)
				}
				s, err := NewProtocol(p, cfg)
				if err != nil {
					t.Fatal(err)
				}
				r, err := Explore(s, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if r.Violation != nil {
					t.Errorf("%+v: %v\n%s", o, r.Violation.Error(), Chart(s, r.Violation.Path))
					if bad++; bad == 3 {
						return
					}
					continue
				}
				if cfg.Caches == 3 && o.SharerPointers == 0 {
					for _, u := range s.Unreached() {
						k := fmt.Sprint(u)
						if unreached[k]++; unreached[k] <= 2 {
							t.Errorf("%+v: row %v is never used", o, u)
						}
					}
				}
			}
			t.Logf("%d option sets", len(all))
		})
	}
}

// TestCoarseSharerListsReachEveryRow looks at rows that the sweep cannot judge: which of
// them a coarse list reaches depends on how many sharers it can name exactly. Together,
// one pointer and three at 4 caches must reach all.
func TestCoarseSharerListsReachEveryRow(t *testing.T) {
	if os.Getenv("COHSIM_LONG") == "" {
		t.Skip("explores millions of states: COHSIM_LONG=1")
	}
	for _, name := range mesi.Names() {
		o := mesi.DefaultOptions(name)
		o.Recall, o.PutS = true, true
		var cov mesi.Coverage
		var p *mesi.Protocol
		for _, pointers := range []int{1, 3} {
			o.SharerPointers, o.SharerGroup, o.Caches = pointers, 2, 4
			var err error
			if p, err = mesi.New(name, o); err != nil {
				t.Fatal(err)
			}
			s, err := NewProtocol(p, ProtocolConfig{Caches: o.Caches, Migrate: true})
			if err != nil {
				t.Fatal(err)
			}
			r := mustHold(t, s)
			t.Logf("%s, %d pointers, %d caches: %d states", name, pointers, o.Caches, r.States)
			cov.Add(s.Coverage())
		}
		for _, r := range p.CacheRows() {
			if cov.CacheCount(r.From, r.On) == 0 {
				t.Errorf("%s: cache row %v %v is never used", name, r.From, r.On)
			}
		}
		for _, r := range p.HomeRows() {
			if cov.HomeCount(r.From, r.On) == 0 {
				t.Errorf("%s: home row %v %v is never used", name, r.From, r.On)
			}
		}
	}
}
