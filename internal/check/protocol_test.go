package check

import (
	"testing"

	"cohsim/mesi"
)

func explore(t testing.TB, name string, set func(*mesi.Options), cfg ProtocolConfig) (*Result, *Protocol) {
	t.Helper()
	o := mesi.DefaultOptions(name)
	if set != nil {
		set(&o)
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
	return r, s
}

func TestX(t *testing.T) {
	for _, sym := range []bool{false, true} {
		for n := 2; n <= 3; n++ {
			r, _ := explore(t, "mesi", nil, ProtocolConfig{Caches: n, Symmetry: sym})
			t.Logf("%+v", r)
			if r.Violation != nil {
				for _, s := range r.Violation.Path {
					t.Logf("%+v", s)
				}
			}
		}
	}
}
