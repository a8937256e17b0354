package machine

import (
	"fmt"
	"reflect"
	"testing"
	"unsafe"
)

// A machine built from one that is done with is the machine that it would be without:
// in every field when it is new, and in what comes out of the run.
func TestAMachineBuiltFromAnotherIsAsNew(t *testing.T) {
	n := uint64(60)
	if testing.Short() {
		n = 15
	}
	var old *Machine
	for seed := uint64(1); seed <= n; seed++ {
		// Once of a machine of another config, then of one of its own.
		for _, of := range []string{"another", "its own"} {
			w, _ := randomWorld(t, seed, false, nil)
			fresh, err := New(w.setup)
			if err != nil {
				t.Fatal(err)
			}
			w.setup.From = old
			renewed, err := New(w.setup)
			if err != nil {
				t.Fatal(err)
			}
			if at := difference(reflect.ValueOf(fresh), reflect.ValueOf(renewed), map[[2]unsafe.Pointer]bool{}); at != "" {
				t.Fatalf("seed %d, from a machine of %s config: machine%s", seed, of, at)
			}
			want, err := fresh.Simulate()
			if err != nil {
				t.Fatal(err)
			}
			got, err := renewed.Simulate()
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(outcomeOf(fresh, want), outcomeOf(renewed, got)) {
				t.Fatalf("seed %d, from a machine of %s config: another outcome", seed, of)
			}
			old = renewed
		}
	}
}

// kept are the fields in which a machine keeps memory that it has no use for yet.
var kept = map[string]bool{"Machine.spareLLC": true, "index.emptied": true, "scheduler.before": true}

// difference says where two values differ, "" if they do not. Pointers are equal if what
// they point to is; of functions only whether they are there is known.
func difference(a, b reflect.Value, seen map[[2]unsafe.Pointer]bool) string {
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() != b.IsNil() {
				return fmt.Sprintf(": nil %t and %t", a.IsNil(), b.IsNil())
			}
			return ""
		}
		if a.Kind() == reflect.Pointer {
			pair := [2]unsafe.Pointer{a.UnsafePointer(), b.UnsafePointer()}
			if seen[pair] || pair[0] == pair[1] {
				return ""
			}
			seen[pair] = true
		}
		return difference(a.Elem(), b.Elem(), seen)
	case reflect.Struct:
		for i := range a.NumField() {
			name := a.Type().Field(i).Name
			if kept[a.Type().Name()+"."+name] {
				continue
			}
			if at := difference(a.Field(i), b.Field(i), seen); at != "" {
				return "." + name + at
			}
		}
	case reflect.Slice, reflect.Array:
		if a.Len() != b.Len() {
			return fmt.Sprintf(": %d and %d elements", a.Len(), b.Len())
		}
		for i := range a.Len() {
			if at := difference(a.Index(i), b.Index(i), seen); at != "" {
				return fmt.Sprintf("[%d]%s", i, at)
			}
		}
	case reflect.Func, reflect.Map:
		if a.IsNil() != b.IsNil() {
			return ": one is nil"
		}
	default:
		if !a.Equal(b) {
			return fmt.Sprintf(": %v and %v", a, b)
		}
	}
	return ""
}
