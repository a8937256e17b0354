package structs

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// The library reads BTF of the byte order of the host only.
var nativeOrder = func() binary.ByteOrder {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return binary.LittleEndian
	}
	return binary.BigEndian
}()

// importAll demands that whatever the bytes are, the outcome is an error or a
// sound layout that can be drawn.
func importAll(t *testing.T, open func(io.ReaderAt) (Source, error), data []byte) {
	src, err := open(bytes.NewReader(data))
	if err != nil {
		return
	}
	for _, name := range []string{"shapes", "choice", "only_a_typedef", "pair", "hidden", "list_head"} {
		s, err := src.Struct(Request{name, 64})
		if err != nil {
			continue
		}
		if err := Draw(io.Discard, &s); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzBTF(f *testing.F) {
	f.Add(shapesBTF(f))
	f.Add([]byte{0x9f, 0xeb, 1, 0})
	f.Fuzz(func(t *testing.T, data []byte) { importAll(t, BTF, data) })
}

func FuzzDWARF(f *testing.F) {
	for _, file := range []string{"shapes.dwarf5.o", "shapes.dwarf2.o"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		importAll(t, DWARF, data)
	})
}

func FuzzParseLayout(f *testing.F) {
	f.Add([]byte(vmaTOML))
	f.Add([]byte("[[struct]]\nname = '''a'''\nfields = [ { \"name\" = \"x\" , offset=0,\nsize=8 } , ]\n[struct.'q\\'.r]\n"))
	f.Add([]byte("a.b.\"c d\" = [[1,2],[{x={}}]] # c\ns = \"\"\"\\\"\"\"\"\"\n[a]\n[a.d]\n"))
	f.Add([]byte("\xef\xbb\xbfname = 1979-05-27"))
	var b bytes.Buffer
	if err := WriteLayout(&b, full()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, src []byte) {
		locate(string(src)) // must end on any text, not only on TOML
		l, ps := ParseLayout("fuzz.toml", src)
		if (l == nil) == (len(ps) == 0) {
			t.Fatalf("layout %v with %d problems", l, len(ps))
		}
		for _, p := range ps {
			if p.Line < 1 || p.Col < 1 || p.Msg == "" || p.Detail() == "" {
				t.Fatalf("problem without place or text: %+v", p)
			}
		}
		if l == nil {
			return
		}
		var one, two bytes.Buffer
		if err := WriteLayout(&one, l); err != nil {
			t.Fatal(err)
		}
		again, ps := ParseLayout("again.toml", one.Bytes())
		if len(ps) > 0 {
			t.Fatalf("%v\n%s", Problems(ps), one.String())
		}
		if err := WriteLayout(&two, again); err != nil {
			t.Fatal(err)
		}
		if one.String() != two.String() {
			t.Fatalf("not canonical:\n%s\n%s", one.String(), two.String())
		}
	})
}
