package sweep

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func newStore(t *testing.T) *Store {
	t.Helper()
	s := NewStore(filepath.Join(t.TempDir(), "deep", "store"))
	if err := s.Create(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestARecordComesBackAsItWas(t *testing.T) {
	s := newStore(t)
	for _, record := range []string{`{"a":1}`, "{\n  \"b\": \"ä}\\n\"\n}", `0`} {
		if err := s.Put("k", []byte(record)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get("k"); err != nil || string(got) != record {
			t.Errorf("%q came back as %q, %v", record, got, err)
		}
	}
	if _, err := s.Get("other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a record that was never put: %v", err)
	}
}

func TestEveryCutAndEveryAlteredByteOfARecordIsSeen(t *testing.T) {
	s := newStore(t)
	if err := s.Put("k", []byte(`{"metric":12345}`)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.Path("k"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(what, key string, file []byte) {
		t.Helper()
		if err := os.WriteFile(s.Path(key), file, 0o644); err != nil {
			t.Fatal(err)
		}
		var d *Damage
		if got, err := s.Get(key); !errors.As(err, &d) || d.Path != s.Path(key) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	for n := range whole {
		damaged(fmt.Sprintf("cut to %d bytes", n), "k", whole[:n])
		other := bytes.Clone(whole)
		other[n] ^= 1
		damaged(fmt.Sprintf("byte %d altered", n), "k", other)
	}
	damaged("longer", "k", append(bytes.Clone(whole), '\n'))
	damaged("under another key", "k2", whole)
}

func TestManyWritersAndCleanersLoseNothing(t *testing.T) {
	s := newStore(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 200 {
				record := fmt.Sprintf(`{"i":%d,"pad":"%s"}`, i, strings.Repeat("x", i))
				if err := s.Put(fmt.Sprint(i), []byte(record)); err != nil {
					t.Errorf("writer %d, record %d: %v", w, i, err)
				}
				if w == 0 {
					if err := s.Clean(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	for i := range 200 {
		if _, err := s.Get(fmt.Sprint(i)); err != nil {
			t.Error(err)
		}
	}
}

func TestCleanRemovesWhatWasLeftHalfWritten(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{".cohsim-1", "records/.cohsim-2", "result.json"} {
		if err := os.WriteFile(filepath.Join(s.Dir(), name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Clean(); err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(s.Dir(), "*"))
	hidden, _ := filepath.Glob(filepath.Join(s.Dir(), "*", ".*"))
	if more, _ := filepath.Glob(filepath.Join(s.Dir(), ".*")); len(left) != 2 || len(hidden)+len(more) != 0 {
		t.Errorf("left: %v %v %v", left, hidden, more)
	}
}

func TestAFileWithTheseBytesIsLeftAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	write := func(text string) os.FileInfo {
		t.Helper()
		if err := WriteFile(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	a, b, c := write("x"), write("x"), write("y")
	if !os.SameFile(a, b) || os.SameFile(b, c) || c.Mode().Perm() != 0o644 {
		t.Errorf("%v %v, mode %v", os.SameFile(a, b), os.SameFile(b, c), c.Mode())
	}
}

func TestAFileThatCannotBeWrittenLeavesTheOldOneAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "sub", "f")
	err := WriteFile(name, []byte("x"))
	var pe *fs.PathError
	if !errors.As(err, &pe) || pe.Path != name || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	if err := os.MkdirAll(name, 0o777); err != nil { // a directory is in the way
		t.Fatal(err)
	}
	if err := WriteFile(name, []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "sub", ".*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestShardsShareTheJobsAmongThem(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7} {
		for job := range 20 {
			owners := 0
			for i := 1; i <= n; i++ {
				s, err := ParseShard(fmt.Sprintf("%d/%d", i, n))
				if err != nil {
					t.Fatal(err)
				}
				if s.Has(job) {
					owners++
				}
			}
			if owners != 1 || !(Shard{}).Has(job) {
				t.Errorf("job %d belongs to %d of %d shards", job, owners, n)
			}
		}
	}
	for _, bad := range []string{"", "1", "0/2", "3/2", "1/0", "a/2", "1/2/3", "-1/2"} {
		if _, err := ParseShard(bad); err == nil {
			t.Errorf("%q is a shard", bad)
		}
	}
}
