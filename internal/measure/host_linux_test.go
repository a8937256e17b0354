package measure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheDistanceOfCPUsComesFromSysfs(t *testing.T) {
	root := t.TempDir()
	put := func(cpu, file, text string) {
		path := filepath.Join(root, "sys/devices/system/cpu", cpu, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	// Two sockets of two L3s of two cores; CPUs 8 to 15 are the second threads.
	h := &Host{}
	for cpu := range 16 {
		name := "cpu" + string(rune('0'+cpu%10))
		if cpu > 9 {
			name = "cpu1" + string(rune('0'+cpu%10))
		}
		core := cpu % 8
		put(name, "topology/thread_siblings_list", strings.Join([]string{itoa(core), itoa(core + 8)}, ","))
		put(name, "topology/physical_package_id", itoa(core/4))
		put(name, "cache/index0/level", "1")
		put(name, "cache/index3/level", "3")
		put(name, "cache/index3/size", "32768K")
		put(name, "cache/index3/shared_cpu_list", itoa(core/2*2)+"-"+itoa(core/2*2+1)+","+itoa(core/2*2+8)+"-"+itoa(core/2*2+9))
		h.CPUs = append(h.CPUs, readCPU(root, cpu))
	}
	for _, c := range []struct {
		a, b int
		want string
	}{{0, 8, "smt"}, {0, 1, "near"}, {0, 9, "near"}, {0, 2, "far"}, {0, 4, "cross_socket"}, {3, 12, "cross_socket"}} {
		if got := distance(h.CPUs[c.a], h.CPUs[c.b]); got != c.want {
			t.Errorf("CPUs %d and %d are %s, not %s", c.a, c.b, got, c.want)
		}
	}
	if n := len(h.pairs("smt")); n != 8 {
		t.Errorf("%d pairs of siblings", n)
	}
	if cores := h.cores(); len(cores) != 8 || spread(cores[:2]) != "near" || spread(cores[:4]) != "far" || spread(cores) != "cross_socket" {
		t.Errorf("cores %v", cores)
	}
	if readLLC(root) != 32<<20 {
		t.Errorf("last cache of %d bytes", readLLC(root))
	}
}

func itoa(n int) string {
	if n > 9 {
		return itoa(n/10) + itoa(n%10)
	}
	return string(rune('0' + n))
}

func TestTheCPUsNameIsFound(t *testing.T) {
	for text, want := range map[string]string{
		"processor : 0\nmodel name\t: Some CPU @ 2.0GHz\n":              "Some CPU @ 2.0GHz",
		"CPU implementer\t: 0x41\nCPU part\t: 0xd0c\nCPU revision: 1\n": "implementer 0x41 part 0xd0c",
		"": "CPU",
	} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "proc"), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, "proc/cpuinfo"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if got := readModel(root); !strings.Contains(got, want) {
			t.Errorf("model %q of %q", got, text)
		}
	}
}
