package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Store keeps the results of jobs as records in a directory: one file a record,
// named by its key, never changed once it is there. A record is whole or it is not
// there, whatever happens to the process that writes it, so any number of processes
// may work on one directory, and what they leave does not depend on who wrote what
// and when.
//
// A record's file is {"sha256":"…","record":…}: the hash is over the key and the
// record's bytes, so a record that was cut off, altered or renamed is known.
//
// Note: nothing is synced to the disk, since that would cost more than a short
// job; what a power cut tears is found by its checksum and done again.
type Store struct{ dir string }

// recordDir holds the records of a store.
const recordDir = "records"

// NewStore is the store in dir, which need not exist.
func NewStore(dir string) *Store { return &Store{dir} }

// Create makes the directory, unless it is there.
func (s *Store) Create() error { return os.MkdirAll(filepath.Join(s.dir, recordDir), 0o777) }

// Dir is the directory of the store.
func (s *Store) Dir() string { return s.dir }

// Path is where the record of a key lies.
func (s *Store) Path(key string) string { return filepath.Join(s.dir, recordDir, key+".json") }

// Damage is a record that is there and cannot be trusted.
type Damage struct{ Path, What string }

func (e *Damage) Error() string { return e.Path + ": " + e.What }

// Get returns the record of a key. Without one the error is fs.ErrNotExist; a
// *Damage says that its file is not what Put wrote.
func (s *Store) Get(key string) ([]byte, error) {
	file, err := os.ReadFile(s.Path(key))
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(file, []byte(`{"sha256":"`))
	if !ok || len(rest) < hexSum {
		return nil, &Damage{s.Path(key), "the record is cut off or is none"}
	}
	record, ok := bytes.CutPrefix(rest[hexSum:], []byte(`","record":`))
	if ok {
		record, ok = bytes.CutSuffix(record, []byte("}\n"))
	}
	if !ok || string(rest[:hexSum]) != checksum(key, record) {
		return nil, &Damage{s.Path(key), "the record does not have its checksum"}
	}
	return record, nil
}

// Put keeps a record, one JSON value. What was there under its key is replaced.
func (s *Store) Put(key string, record []byte) error {
	file := fmt.Appendf(nil, `{"sha256":"%s","record":%s}`+"\n", checksum(key, record), record)
	return WriteFile(s.Path(key), file)
}

const hexSum = 2 * sha256.Size

func checksum(key string, record []byte) string {
	h := sha256.New()
	h.Write([]byte(key + "\n"))
	h.Write(record)
	return hex.EncodeToString(h.Sum(nil))
}

// Clean removes what processes that were killed have left half written. If one of
// these files belongs to a process that lives, it writes its file again.
func (s *Store) Clean() error {
	for _, dir := range []string{s.dir, filepath.Join(s.dir, recordDir)} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), unfinished) {
				continue
			}
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// unfinished opens the names of files that have not got their own name yet.
const unfinished = ".cohsim-"

// WriteFile replaces a file in one step: whoever looks sees the old bytes or the
// new ones. A file that has these bytes already is left alone.
func WriteFile(name string, data []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	for tries := 0; ; tries++ {
		err := writeFile(name, data)
		// Clean of another process may take the file away before it has its name.
		if tries == 10 || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

func writeFile(name string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), unfinished+"*")
	if err == nil {
		_, err = tmp.Write(data)
		if err == nil {
			err = tmp.Chmod(0o644) // CreateTemp lets nobody else read
		}
		if e := tmp.Close(); err == nil {
			err = e
		}
		if err == nil {
			err = os.Rename(tmp.Name(), name)
		}
		if err != nil {
			os.Remove(tmp.Name())
		}
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		pe.Path = name // the one that the user knows of
	}
	return err
}
