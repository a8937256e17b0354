package config

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// places prints every key of a text with the position of key and value.
func places(p *place, prefix string, out *[]string) {
	for _, k := range p.order {
		kid := p.kids[k]
		line, col := kid.key.Src.Position(kid.key.Start)
		vline, vcol := kid.val.Src.Position(kid.val.Start)
		*out = append(*out, fmt.Sprintf("%s%s %d:%d %d:%d", prefix, k, line, col, vline, vcol))
		places(kid, prefix+k+".", out)
		items(kid, prefix+k, out)
	}
}

func items(p *place, prefix string, out *[]string) {
	for i, item := range p.items {
		name := fmt.Sprintf("%s[%d]", prefix, i)
		line, col := item.val.Src.Position(item.val.Start)
		*out = append(*out, fmt.Sprintf("%s %d:%d", name, line, col))
		places(item, name+".", out)
		items(item, name, out)
	}
}

func TestEveryKindOfKeyHasItsPosition(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain", "a = 1\n  b= 2", "a 1:1 1:5 | b 2:3 2:6"},
		{"dotted", "a.b . c = 1", "a 1:1 1:1 | a.b 1:3 1:3 | a.b.c 1:7 1:11"},
		{"quoted", `"a.b" = 1` + "\n" + `'c d'."e" = 2`, `a.b 1:1 1:9 | c d 2:1 2:1 | c d.e 2:7 2:13`},
		{"escaped", `"a\u00e9\"" = 1`, `aé" 1:1 1:15`},
		{"table", "[t.u]\nx = 1\n[t]\ny = 2", "t 3:2 3:1 | t.u 1:4 1:1 | t.u.x 2:1 2:5 | t.y 4:1 4:5"},
		{"array of tables", "[[v]]\na = 1\n[[v]]\na = 2\n[v.w]\nb = 3",
			"v 1:3 1:3 | v[0] 1:1 | v[0].a 2:1 2:5 | v[1] 3:1 | v[1].a 4:1 4:5 | v[1].w 5:4 5:1 | v[1].w.b 6:1 6:5"},
		{"inline", `s = { "x.y" = [1, 2], z.w = "}" }`, "s 1:1 1:5 | s.x.y 1:7 1:15 | s.x.y[0] 1:16 | s.x.y[1] 1:19 | s.z 1:23 1:23 | s.z.w 1:25 1:29"},
		{"array over lines", "a = [ # one ]\n  1,\n  [2, 3], # ]\n]\nb = 4", "a 1:1 1:5 | a[0] 2:3 | a[1] 3:3 | a[1][0] 3:4 | a[1][1] 3:7 | b 5:1 5:5"},
		{"multi-line string", "a = \"\"\"\nx = 1\n\\\"\"\" \"\"\"\"\"\nb = '''\n[y]\n''''\nc = 1", "a 1:1 1:5 | b 4:1 4:5 | c 7:1 7:5"},
		{"strings with brackets", `a = ["]", ']', "\"]"]` + "\nb = 1", "a 1:1 1:5 | a[0] 1:6 | a[1] 1:11 | a[2] 1:16 | b 2:1 2:5"},
		{"date with a space", "a = [1979-05-27 07:32:00, 1]", "a 1:1 1:5 | a[0] 1:6 | a[1] 1:27"},
		{"tables in an array", "a = [{b = 1}, {b = 2}]", "a 1:1 1:5 | a[0] 1:6 | a[0].b 1:7 1:11 | a[1] 1:15 | a[1].b 1:16 1:20"},
		{"characters, not bytes", `"é" = "é" # é` + "\n[t] # é\n", "é 1:1 1:7 | t 2:2 2:1"},
		{"carriage returns", "a = 1\r\nb = 2\r\n", "a 1:1 1:5 | b 2:1 2:5"},
		{"byte order mark", "\xef\xbb\xbfa = 1", "a 1:1 1:5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			places(scan(NewSource("x", []byte(c.text))), "", &got)
			if s := strings.Join(got, " | "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
			checkScan(t, c.text)
		})
	}
}

// checkScan demands that the scanner and the library see the same document.
func checkScan(t *testing.T, text string) {
	t.Helper()
	src := NewSource("x", []byte(text))
	p := scan(src)
	var values map[string]any
	if _, err := toml.Decode(src.Text, &values); err != nil {
		return
	}
	sameShape(t, values, p, "")
}

func sameShape(t *testing.T, v any, p *place, path string) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		if len(v) != len(p.order) || len(p.items) != 0 {
			t.Errorf("%s: the library has %d keys, the scanner %d", path, len(v), len(p.order))
		}
		for k, kid := range v {
			q := p.kids[k]
			if q == nil {
				t.Errorf("%s.%q has no position", path, k)
				continue
			}
			text := q.key.Src.Text[q.key.Start:q.key.End]
			if got := splitKey(text); len(got) != 1 || got[0] != k {
				t.Errorf("%s.%q: %q stands at its position", path, k, text)
			}
			sameShape(t, kid, q, path+"."+k)
		}
	case []map[string]any:
		if len(v) != len(p.items) {
			t.Errorf("%s: the library has %d tables, the scanner %d", path, len(v), len(p.items))
			return
		}
		for i := range v {
			sameShape(t, v[i], p.items[i], fmt.Sprintf("%s[%d]", path, i))
		}
	case []any:
		if len(v) != len(p.items) {
			t.Errorf("%s: the library has %d items, the scanner %d", path, len(v), len(p.items))
			return
		}
		for i := range v {
			sameShape(t, v[i], p.items[i], fmt.Sprintf("%s[%d]", path, i))
		}
	default:
		// The text at the value's position must itself be that value.
		text := p.val.Src.Text[p.val.Start:p.val.End]
		var again map[string]any
		if _, err := toml.Decode("x = "+text, &again); err != nil {
			t.Errorf("%s: %q stands at its value's position: %v", path, text, err)
		} else if fmt.Sprint(again["x"]) != fmt.Sprint(v) {
			t.Errorf("%s: %q stands at its value's position, not %v", path, text, v)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, s := range corpus(f) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkScan(t, text)
		src := NewSource("x", []byte(text))
		root, ds := Parse(src)
		if root == nil && len(ds) == 0 {
			t.Error("no tree and no error")
		}
		_ = ds.Error()
	})
}

// corpus is every TOML text of the test data and some that are all corners.
func corpus(t testing.TB) []string {
	out := []string{
		"a.b.c = 1\n[a.d]\n\"x y\" = {z = [1, 2, {q = 'r'}]}\n[[e]]\nf = 1979-05-27 07:32:00\n[[e.g]]\nh = \"\"\"x\"\"\"\"\n",
		"\"\\u0041\\\"\" = '''a\n''''\n[ a . 'b' ]\nc=+1e3#x\n", "a = [[{b=1},{b=2}],[{}]]\n", "a = {b.c = 1, b.d = {}, \n}\n",
		"[[a.b]]\nc=1\n[a.b.d]\n[[a.b]]\n", "x = 5ns\ny = foo\n[z", "a = 1\na = 2\nb = [1,\n", "= 1", "\"\" = 1\n'' .'' = 2",
	}
	paths, _ := filepath.Glob("testdata/*/*.toml")
	sort.Strings(paths)
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}
