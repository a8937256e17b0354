package mesi

import "testing"

func TestSetVisitsItsMembersInOrder(t *testing.T) {
	var s Set
	want := []Node{0, 1, 63, 64, 200, 1023}
	for i := len(want) - 1; i >= 0; i-- {
		s.Add(want[i])
		s.Add(want[i])
	}
	var got []Node
	for c := s.Next(0); c >= 0; c = s.Next(c + 1) {
		got = append(got, c)
	}
	if len(got) != len(want) || s.Count() != len(want) {
		t.Fatalf("visited %v, count %d, want %v", got, s.Count(), want)
	}
	for i := range got {
		if got[i] != want[i] || !s.Has(want[i]) {
			t.Fatalf("visited %v, want %v", got, want)
		}
	}
	if s.Next(1024) != -1 || s.Has(-1) {
		t.Error("a node outside the set was found")
	}
	s.Del(1023)
	s.Del(1023)
	if s.Count() != len(want)-1 || s.Next(201) != -1 {
		t.Error("the deleted member stayed")
	}
	s.Clear()
	if !s.Empty() || s != (Set{}) {
		t.Error("a cleared set is not the zero set")
	}
}
