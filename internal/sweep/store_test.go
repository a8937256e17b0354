package sweep

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// reopen is the store of a sweep in dir, which is made.
func reopen(t *testing.T, dir, sweep string) *Store {
	t.Helper()
	if err := CreateStore(dir); err != nil {
		t.Fatal(err)
	}
	s, err := OpenStore(dir, sweep)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if err := s.Put(key, []byte(`"of `+key+`"`)); err != nil {
			t.Fatal(err)
		}
	}
}

// files are those of a store, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, recordDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(name)] = string(text)
	}
	return texts
}

func TestARecordComesBackAsItWas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "store")
	s := reopen(t, dir, "s")
	records := map[string]string{"a": `{"a":1}`, "b": `{"b": "ä}\\n\"}"}`, "c": `0`}
	for key, record := range records {
		if err := s.Put(key, []byte(record)); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*Store{s, reopen(t, dir, "s"), reopen(t, dir, "another")} {
		for key, record := range records {
			if got, err := s.Get(key); err != nil || string(got) != record {
				t.Errorf("%q came back as %q, %v", record, got, err)
			}
		}
		if _, err := s.Get("other"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a record that was never put: %v", err)
		}
	}
}

func TestEveryCutAndEveryAlteredByteOfARecordIsSeen(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, dir, "s")
	put(t, s, "k", "last")
	if err := s.Finish([]string{"k", "last"}); err != nil {
		t.Fatal(err)
	}
	whole := files(t, dir)["s.jsonl"]
	name := filepath.Join(dir, recordDir, "s.jsonl")
	first, last, _ := strings.Cut(whole, "\n")
	damaged := func(what, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		s := reopen(t, dir, "s")
		if len(s.Damaged) == 0 || s.Damaged[0].Place != name+":1" {
			t.Errorf("%s: damaged are %v", what, s.Damaged)
		}
		if got, err := s.Get("k"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	for n := range first {
		damaged(fmt.Sprintf("cut to %d bytes", n), first[:n]+"\n"+last)
		if n > 0 {
			damaged(fmt.Sprintf("the file cut to %d bytes", n), first[:n])
		}
		damaged(fmt.Sprintf("byte %d altered", n), first[:n]+string(first[n]^1)+first[n+1:]+"\n"+last)
	}
	damaged("the line break is gone", first+last)
	damaged("longer", first+" \n"+last)
	damaged("under another key", strings.Replace(first, `"k"`, `"k2"`, 1)+"\n"+last)
}

// A part ends with half a record if its process was killed as it wrote that.
func TestHalfARecordAtTheEndOfAPartIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	put(t, reopen(t, dir, "s"), "a", "b")
	var part string
	for part = range files(t, dir) {
	}
	whole := files(t, dir)[part]
	for n := strings.Index(whole, "\n") + 1; n < len(whole); n++ {
		if err := os.WriteFile(filepath.Join(dir, recordDir, part), []byte(whole[:n]), 0o644); err != nil {
			t.Fatal(err)
		}
		s := reopen(t, dir, "s")
		_, errA := s.Get("a")
		if _, err := s.Get("b"); !errors.Is(err, fs.ErrNotExist) || errA != nil || len(s.Damaged) > 0 {
			t.Fatalf("cut to %d bytes: a %v, b %v, damaged are %v", n, errA, err, s.Damaged)
		}
	}
}

func TestAFinishedStoreDoesNotTellHowItCameToBe(t *testing.T) {
	keys := []string{"a", "b", "c", "d"}
	want := t.TempDir()
	s := reopen(t, want, "s")
	put(t, s, keys...)
	if err := s.Finish(keys); err != nil {
		t.Fatal(err)
	}
	if got := files(t, want); len(got) != 1 || strings.Count(got["s.jsonl"], "\n") != 4 {
		t.Fatalf("%v", got)
	}
	dir := t.TempDir()
	put(t, reopen(t, dir, "s"), "d") // of a process that was killed,
	put(t, reopen(t, dir, "s"), "c", "a")
	last := reopen(t, dir, "s")
	other := reopen(t, dir, "s") // and of one that does the same
	put(t, last, "b")
	put(t, other, "b")
	for _, name := range []string{".cohsim-1", "records/.cohsim-2"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*Store{last, other, reopen(t, dir, "s")} {
		put(t, other, "b") // whose part may be gone by now
		if err := s.Finish(keys); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(files(t, dir), files(t, want)) && s != last {
			t.Errorf("%v", files(t, dir))
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestAFinishedStoreIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, recordDir, "s.jsonl")
	stat := func() os.FileInfo {
		t.Helper()
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	s := reopen(t, dir, "s")
	put(t, s, "a", "b")
	if err := s.Finish([]string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	before := stat()
	if err := reopen(t, dir, "s").Finish([]string{"a", "b"}); err != nil || !os.SameFile(before, stat()) {
		t.Errorf("a finished store is written again, %v", err)
	}
}

func TestASweepTakesTheRecordsOfAnotherAndOnlyAShorterOneGoes(t *testing.T) {
	dir := t.TempDir()
	finish := func(sweep string, keys ...string) {
		t.Helper()
		s := reopen(t, dir, sweep)
		for _, key := range keys {
			if _, err := s.Get(key); errors.Is(err, fs.ErrNotExist) {
				put(t, s, key)
			}
		}
		if err := s.Finish(keys); err != nil {
			t.Fatal(err)
		}
	}
	names := func() []string { return slices.Sorted(maps.Keys(files(t, dir))) }
	finish("one", "a", "b")
	finish("two", "b", "c")
	if got := names(); !slices.Equal(got, []string{"one.jsonl", "two.jsonl"}) {
		t.Errorf("%v", got)
	}
	put(t, reopen(t, dir, "three"), "a") // which may be at work still
	finish("all", "c", "b", "a")
	if got := names(); len(got) != 2 || got[0] != "all.jsonl" || !strings.HasPrefix(got[1], "three.") {
		t.Errorf("%v", got)
	}
}

func TestManyWritersLoseNothing(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{reopen(t, dir, "s"), reopen(t, dir, "s")}
	var keys []string
	for i := range 200 {
		keys = append(keys, fmt.Sprint(i))
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for _, key := range keys[w*25:][:25] {
				if err := stores[w%2].Put(key, []byte(`"`+strings.Repeat(key, 1000)+`"`)); err != nil {
					t.Errorf("writer %d, record %s: %v", w, key, err)
				}
			}
		})
	}
	wg.Wait()
	s := reopen(t, dir, "s")
	if err := s.Finish(keys); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if got, err := s.Get(key); err != nil || len(got) != 1000*len(key)+2 {
			t.Errorf("%s: %d bytes, %v", key, len(got), err)
		}
	}
}

func TestFilesOfTheEarlierLayoutAreToldAndNotRead(t *testing.T) {
	dir := t.TempDir()
	reopen(t, dir, "s")
	for _, name := range []string{"a.json", "b.json"} {
		if err := os.WriteFile(filepath.Join(dir, recordDir, name), []byte(`{"sha256":"0","record":1}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := reopen(t, dir, "s")
	if len(s.Damaged) != 1 || !strings.Contains(s.Damaged[0].Error(), "*.json: 2 files of an earlier version") {
		t.Errorf("%v", s.Damaged)
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

func TestAFileIsWrittenThoughAnotherProcessCleansUp(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 300 {
			if err := WriteFile(filepath.Join(dir, "f"), []byte(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Go(func() {
		for range 300 {
			if err := removeUnfinished(dir); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if text, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(text) != "299" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestSweepsOfTheSameRunsInAnotherOrderLeaveEachOtherAlone(t *testing.T) {
	dir := t.TempDir()
	a, b := reopen(t, dir, "a"), reopen(t, dir, "b")
	put(t, a, "1", "2")
	put(t, b, "1", "2")
	finish := func(s *Store, keys ...string) {
		t.Helper()
		if err := s.Finish(keys); err != nil {
			t.Fatal(err)
		}
	}
	finish(a, "1", "2")
	finish(b, "2", "1")
	a, b = reopen(t, dir, "a"), reopen(t, dir, "b")
	finish(a, "1", "2")
	finish(b, "2", "1")
	if s := reopen(t, dir, "a"); s.Place("1") == "" || s.Place("2") == "" {
		t.Error("two sweeps that ended at the same time have removed each other's records")
	}
}

func TestFinishKeepsFilesThatItCannotRead(t *testing.T) {
	dir := t.TempDir()
	reopen(t, dir, "a")
	other := filepath.Join(dir, recordDir, "other"+sweepSuffix)
	if err := os.WriteFile(other, []byte("{\"of\":\"another version\"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := reopen(t, dir, "a")
	put(t, s, "1", "2")
	if err := s.Finish([]string{"1", "2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(other); err != nil {
		t.Error(err)
	}
}
