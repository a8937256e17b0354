package mem

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

// small is a vma in miniature: a hole at 12-15, an array, a union, bit-fields.
func small() *Layout {
	return &Layout{
		Name: "small",
		Structs: []Struct{{
			Name: "vma", Size: 128, Align: 64,
			Fields: []Field{
				{Name: "start", Offset: 0, Size: 8},
				{Name: "seq", Offset: 8, Size: 4},
				{Name: "slot", Offset: 16, Size: 8, Count: 4},
				{Name: "lock.count", Offset: 48, Size: 8},
				{Name: "lock.owner", Offset: 56, Size: 8},
				{Name: "refcnt", Offset: 64, Size: 4},
				{Name: "whole", Offset: 72, Size: 8, Union: "whole"},
				{Name: "low", Offset: 72, Size: 4, Union: "whole"},
				{Name: "high", Offset: 76, Size: 4, Union: "whole"},
				{Name: "on", Offset: 80, Size: 1, Bits: 1},
				{Name: "off", Offset: 80, Size: 1, BitOffset: 1, Bits: 7},
			},
		}},
	}
}

func TestAddrSplitsIntoLineAndOffset(t *testing.T) {
	for _, c := range []struct {
		a      Addr
		line   uint64
		offset int
	}{{0, 0, 0}, {63, 0, 63}, {64, 1, 0}, {4096 + 130, 66, 2}} {
		if c.a.Line() != c.line || c.a.Offset() != c.offset {
			t.Errorf("%d: line %d offset %d, want %d and %d", c.a, c.a.Line(), c.a.Offset(), c.line, c.offset)
		}
	}
}

func TestFieldFindsFieldsElementsAndGroups(t *testing.T) {
	s := small().Struct("vma")
	for _, c := range []struct {
		name string
		want Field
		ok   bool
	}{
		{"seq", Field{Name: "seq", Offset: 8, Size: 4}, true},
		{"slot", Field{Name: "slot", Offset: 16, Size: 8, Count: 4}, true},
		{"slot[0]", Field{Name: "slot[0]", Offset: 16, Size: 8}, true},
		{"slot[3]", Field{Name: "slot[3]", Offset: 40, Size: 8}, true},
		{"slot[4]", Field{}, false},
		{"slot[-1]", Field{}, false},
		{"slot[x]", Field{}, false},
		{"seq[0]", Field{}, false},
		{"lock", Field{Name: "lock", Offset: 48, Size: 16}, true},
		{"loc", Field{}, false},
		{"lock.", Field{}, false},
		{"nothing", Field{}, false},
		{"", Field{}, false},
	} {
		got, ok := s.Field(c.name)
		if got != c.want || ok != c.ok {
			t.Errorf("Field(%q) = %+v, %v; want %+v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestAtAnswersTheSmallestCoveringField(t *testing.T) {
	s := small().Struct("vma")
	for _, c := range []struct {
		offset int
		want   string
	}{
		{0, "start"}, {7, "start"}, {8, "seq"}, {11, "seq"},
		{12, ""}, {16, "slot[0]"}, {31, "slot[1]"},
		{72, "low"}, {75, "low"}, {76, "high"}, {80, "on"}, {127, ""}, {128, ""}, {-1, ""},
	} {
		f, ok := s.At(c.offset)
		if f.Name != c.want || ok != (c.want != "") {
			t.Errorf("At(%d) = %q, %v; want %q", c.offset, f.Name, ok, c.want)
		}
	}
}

func TestASoundLayoutHasNoProblems(t *testing.T) {
	if errs := small().Validate(); len(errs) > 0 {
		t.Error(errs)
	}
}

func TestValidateNamesEveryMistake(t *testing.T) {
	for _, c := range []struct {
		why   string
		spoil func(*Layout)
		field int
		key   string
		want  string
	}{
		{"no struct name", func(l *Layout) { l.Structs[0].Name = "" }, -1, "name", "needs a name"},
		{"same struct twice", func(l *Layout) { l.Structs = append(l.Structs, l.Structs[0]) }, -1, "name", "duplicate struct"},
		{"no size", func(l *Layout) { l.Structs[0].Size = 0; l.Structs[0].Fields = nil }, -1, "size_bytes", "positive"},
		{"huge", func(l *Layout) { l.Structs[0].Size = 1 << 40 }, -1, "size_bytes", "more than"},
		{"alignment 48", func(l *Layout) { l.Structs[0].Align = 48 }, -1, "object_align_bytes", "power of two, not 48"},
		{"alignment 0", func(l *Layout) { l.Structs[0].Align = 0 }, -1, "object_align_bytes", "power of two, not 0"},
		{"no field name", func(l *Layout) { l.Structs[0].Fields[1].Name = "" }, 1, "name", "needs a name"},
		{"same field twice", func(l *Layout) { l.Structs[0].Fields[1].Name = "start" }, 1, "name", "duplicate field"},
		{"no field size", func(l *Layout) { l.Structs[0].Fields[1].Size = 0 }, 1, "size", "positive"},
		{"negative offset", func(l *Layout) { l.Structs[0].Fields[1].Offset = -4 }, 1, "offset", "not -4"},
		{"negative count", func(l *Layout) { l.Structs[0].Fields[1].Count = -1 }, 1, "count", "not -1"},
		{"beyond the end", func(l *Layout) { l.Structs[0].Fields[5].Offset = 125 }, 5, "offset", "ends at byte 129, but vma has 128"},
		{"array beyond the end", func(l *Layout) { l.Structs[0].Fields[2].Offset = 104 }, 2, "offset", "ends at byte 136"},
		{"overlap by one byte", func(l *Layout) { l.Structs[0].Fields[1].Offset = 7 }, 1, "offset", `bytes 7-10 overlap "start" at bytes 0-7`},
		{"union label lost", func(l *Layout) { l.Structs[0].Fields[7].Union = "other" }, 7, "offset", `overlap "whole"`},
		{"bits overlap", func(l *Layout) { l.Structs[0].Fields[10].BitOffset = 0 }, 10, "offset", `overlap "on"`},
		{"bits leave the byte", func(l *Layout) { l.Structs[0].Fields[10].Bits = 8 }, 10, "bits", "do not lie in 1 bytes"},
		{"bit offset alone", func(l *Layout) { l.Structs[0].Fields[1].BitOffset = 1 }, 1, "bit_offset", "without bits"},
	} {
		l := small()
		c.spoil(l)
		errs := l.Validate()
		if len(errs) != 1 {
			t.Errorf("%s: %d problems, want 1: %v", c.why, len(errs), errs)
			continue
		}
		var p Problem
		if !errors.As(errs[0], &p) || p.Field != c.field || p.Key != c.key || !strings.Contains(p.Msg, c.want) {
			t.Errorf("%s: got %+v, want field %d, key %s, message with %q", c.why, errs[0], c.field, c.key, c.want)
		}
	}
}

func TestValidateReportsAllProblemsAtOnce(t *testing.T) {
	l := small()
	l.Structs[0].Align = 3
	l.Structs[0].Fields[0].Size = -1
	l.Structs[0].Fields[5].Offset = 16
	if errs := l.Validate(); len(errs) != 3 {
		t.Errorf("%d problems, want 3: %v", len(errs), errs)
	}
}

func TestAnOverlayMovesOnlyWhatItNames(t *testing.T) {
	base := small()
	over := &Layout{Name: "beside", Structs: []Struct{{
		Name: "vma", Fields: []Field{{Name: "refcnt", Offset: 12}},
	}}}
	got, err := Overlay(base, over)
	if err != nil {
		t.Fatal(err)
	}
	want := small()
	want.Name = "beside"
	want.Structs[0].Fields[5].Offset = 12
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !reflect.DeepEqual(base, small()) {
		t.Error("the base was changed")
	}
}

func TestAnOverlayMovesAGroupTogether(t *testing.T) {
	over := &Layout{Structs: []Struct{{
		Name: "vma", Size: 192, Align: 128, Fields: []Field{{Name: "lock.*", Offset: 128}},
	}}}
	got, err := Overlay(small(), over)
	if err != nil {
		t.Fatal(err)
	}
	s := got.Struct("vma")
	count, _ := s.Field("lock.count")
	owner, _ := s.Field("lock.owner")
	if count.Offset != 128 || owner.Offset != 136 || s.Size != 192 || s.Align != 128 {
		t.Errorf("count at %d, owner at %d, size %d, align %d", count.Offset, owner.Offset, s.Size, s.Align)
	}
}

func TestAnOverlayAddsFieldsAndStructs(t *testing.T) {
	task := Struct{Name: "task", Size: 64, Align: 64, Fields: []Field{{Name: "state", Size: 4}}}
	over := &Layout{Structs: []Struct{
		{Name: "vma", Fields: []Field{{Name: "extra", Offset: 96, Size: 8, Count: 2}}}, task,
	}}
	got, err := Overlay(small(), over)
	if err != nil {
		t.Fatal(err)
	}
	if f, ok := got.Struct("vma").Field("extra[1]"); !ok || f.Offset != 104 {
		t.Errorf("extra[1] = %+v, %v", f, ok)
	}
	if s := got.Struct("task"); s == nil || !reflect.DeepEqual(*s, task) {
		t.Errorf("task = %+v", s)
	}
}

func TestAnOverlayThatCollidesIsAnError(t *testing.T) {
	for want, over := range map[string]Struct{
		`overlap "start"`:                             {Name: "vma", Fields: []Field{{Name: "refcnt", Offset: 4}}},
		"ends at byte 132":                            {Name: "vma", Fields: []Field{{Name: "refcnt", Offset: 128}}},
		"vma.new: the size must be":                   {Name: "vma", Fields: []Field{{Name: "new", Offset: 96}}},
		"power of two, not 5":                         {Name: "vma", Align: 5},
		"vma.on: the field ends":                      {Name: "vma", Size: 80},
		"task: the size must":                         {Name: "task", Align: 64},
		"vma.mm.*: the base layout has no such field": {Name: "vma", Fields: []Field{{Name: "mm.*", Offset: 0}}},
	} {
		l, err := Overlay(small(), &Layout{Structs: []Struct{over}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: layout %v, error %v; want %q", over, l, err, want)
		}
	}
}
