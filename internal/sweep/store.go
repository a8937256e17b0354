package sweep

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Store keeps the results of the jobs of a sweep as records in a directory. A record
// is one line of a file there, see [frame], and never changed. While the sweep runs,
// each process appends its records to a part of its own, SWEEP.*.part; when all are
// there, [Store.Finish] brings them into one file, SWEEP.jsonl, in the order of the
// sweep, and removes the parts. So the end of a process costs no more than the records
// that it was writing, any number of processes may work on one directory, and what
// they leave in the end does not depend on who wrote what and when.
//
// A store finds the records of every sweep in its directory, and writes only the files
// of its own.
//
// Note: one file for each record would be simpler, and would cost a short job more than
// all else beside the job itself: to make a file takes from 0.1 to 1 ms, to append to
// one 0.01. Parts are not synced to the disk either: what a power cut tears of them is
// found by its checksum and done again.
type Store struct {
	// Damaged are the lines that were no records when the store was opened.
	Damaged []*Damage

	dir   string
	sweep string
	files []*file
	mu    sync.Mutex
	at    map[string]place // of records, by their keys
	part  *file            // of this process; nil before the first Put
}

// file is one with records in it. It stays open, so that its records can be read
// when Finish of another process has removed it.
type file struct {
	*os.File
	path  string
	lines int
	end   int64 // where the next record belongs
	keys  []string
}

// place is where the line of a record is.
type place struct {
	file   *file
	start  int64
	length int
	line   int // of the file, from 1
}

const (
	recordDir   = "records"
	sweepSuffix = ".jsonl"
	partSuffix  = ".part"
)

// CreateStore makes the directory of stores, unless it is there.
func CreateStore(dir string) error { return os.MkdirAll(filepath.Join(dir, recordDir), 0o777) }

// OpenStore reads the store in dir for a sweep; only Put needs the directory. The name of
// the sweep opens the names of its files; another sweep, one with other jobs or with the
// same in another order, must have another name.
func OpenStore(dir, sweep string) (*Store, error) {
	s := &Store{dir: dir, sweep: sweep, at: map[string]place{}}
	entries, err := os.ReadDir(filepath.Join(dir, recordDir))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	early := 0
	for _, e := range entries {
		switch filepath.Ext(e.Name()) {
		case sweepSuffix, partSuffix:
			err := s.read(filepath.Join(dir, recordDir, e.Name()))
			if errors.Is(err, fs.ErrNotExist) {
				return OpenStore(dir, sweep) // its sweep has just ended, and its records are in another file
			}
			if err != nil {
				return nil, err
			}
		case ".json":
			early++
		}
	}
	if early > 0 {
		s.Damaged = append(s.Damaged, &Damage{filepath.Join(dir, recordDir, "*.json"), fmt.Sprintf("%d files of an earlier version of cohsim, which had one for each record", early)})
	}
	return s, nil
}

// read finds the records of a file.
func (s *Store) read(path string) error {
	opened, err := os.Open(path)
	if err != nil {
		return err
	}
	f := &file{File: opened, path: path}
	s.files = append(s.files, f)
	r := bufio.NewReaderSize(opened, 1<<18)
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF && (len(line) == 0 || strings.HasSuffix(path, partSuffix)) {
			return nil // a record at whose writing a process was killed or still is
		}
		if err != nil && err != io.EOF {
			return err
		}
		key, _, what := unframe(line)
		if what == "" {
			s.at[key] = f.add(key, len(line))
			continue
		}
		f.add("", len(line))
		s.Damaged = append(s.Damaged, &Damage{fmt.Sprintf("%s:%d", path, f.lines), what})
	}
}

// add counts a line in. It is none of a record if the key is empty.
func (f *file) add(key string, length int) place {
	p := place{f, f.end, length, f.lines + 1}
	f.lines++
	f.end += int64(length)
	if key != "" {
		f.keys = append(f.keys, key)
	}
	return p
}

// Place says where the record of a key is, as FILE:LINE; "" if there is none.
func (s *Store) Place(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.at[key]
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.file.path, p.line)
}

// Get returns the record of a key. Without one the error is fs.ErrNotExist.
func (s *Store) Get(key string) ([]byte, error) {
	s.mu.Lock()
	p, ok := s.at[key]
	s.mu.Unlock()
	if !ok {
		return nil, fs.ErrNotExist
	}
	line := make([]byte, p.length)
	if _, err := p.file.ReadAt(line, p.start); err != nil {
		return nil, err
	}
	_, record, what := unframe(line)
	if what != "" {
		return nil, &Damage{s.Place(key), what} // since it was opened
	}
	return record, nil
}

// Put keeps a record, one JSON value without line breaks, in place of what the store
// had under its key. It may be called from several goroutines.
func (s *Store) Put(key string, record []byte) error {
	line := frame(key, record)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.part == nil {
		part, err := s.newPart()
		if err != nil {
			return err
		}
		s.part = part
		s.files = append(s.files, part)
	}
	if _, err := s.part.WriteAt(line, s.part.end); err != nil {
		_ = s.part.Truncate(s.part.end) // what is left of it would have no line of its own
		return err
	}
	s.at[key] = s.part.add(key, len(line))
	return nil
}

func (s *Store) newPart() (*file, error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, recordDir), s.sweep+".*"+partSuffix)
	if err != nil {
		return nil, err
	}
	if err := f.Chmod(0o644); err != nil { // CreateTemp lets nobody else read
		return nil, err
	}
	return &file{File: f, path: f.Name()}, nil
}

// Finish makes one file of the records of the sweep, of which the store must have all;
// keys are theirs in the order of the sweep, each once. Then it removes the files that are of no
// more use: parts of this sweep, sweeps all of whose records this one has, and what
// processes that were killed have left half written.
//
// Only a sweep that is complete can be finished without asking who else is at work:
// another process of the same sweep may lose its part, but nothing that is in it.
func (s *Store) Finish(keys []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := filepath.Join(s.dir, recordDir, s.sweep+sweepSuffix)
	if !s.finished(path, keys) {
		err := replaceFile(path, func(tmp *os.File) error {
			if err := s.copyTo(tmp, keys); err != nil {
				return err
			}
			return tmp.Sync() // before the parts go
		})
		if err != nil {
			return err
		}
	}
	// What cannot be removed does no harm.
	for _, f := range s.files {
		if f.path != path && s.covered(f, keys) {
			os.Remove(f.path)
		}
	}
	for _, dir := range []string{s.dir, filepath.Join(s.dir, recordDir)} {
		if err := removeUnfinished(dir); err != nil {
			return err
		}
	}
	return nil
}

// finished tells whether the file of the sweep has just these records already.
func (s *Store) finished(path string, keys []string) bool {
	i := slices.IndexFunc(s.files, func(f *file) bool { return f.path == path })
	return i >= 0 && s.part == nil && s.files[i].lines == len(keys) && slices.Equal(s.files[i].keys, keys)
}

// copyTo writes the lines of the records of keys.
func (s *Store) copyTo(to *os.File, keys []string) error {
	w := bufio.NewWriterSize(to, 1<<18)
	var line []byte
	for _, key := range keys {
		p, ok := s.at[key]
		if !ok {
			return fmt.Errorf("there is no record %s", key)
		}
		line = slices.Grow(line[:0], p.length)[:p.length]
		if _, err := p.file.ReadAt(line, p.start); err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return w.Flush()
}

// covered tells whether a file may go once there is one with the records of keys. One of
// another sweep must have fewer, or two sweeps could remove each other's, and nothing that
// this version cannot read.
func (s *Store) covered(f *file, keys []string) bool {
	if strings.HasSuffix(f.path, partSuffix) {
		return strings.HasPrefix(filepath.Base(f.path), s.sweep+".")
	}
	if len(f.keys) < f.lines || f.lines >= len(keys) {
		return false
	}
	there := map[string]bool{}
	for _, key := range keys {
		there[key] = true
	}
	for _, key := range f.keys {
		if !there[key] {
			return false
		}
	}
	return true
}
