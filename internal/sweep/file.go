package sweep

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unfinished opens the names of files that have not got their own name yet.
const unfinished = ".cohsim-"

// WriteFile replaces a file in one step: whoever looks sees the old bytes or the
// new ones. A file that has these bytes already is left alone.
func WriteFile(name string, data []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return replaceFile(name, func(tmp *os.File) error {
		_, err := tmp.Write(data)
		return err
	})
}

// replaceFile is WriteFile for what fill writes, which may be called again.
func replaceFile(name string, fill func(tmp *os.File) error) error {
	for tries := 0; ; tries++ {
		err := replaceOnce(name, fill)
		// Clean of another process may take the file away before it has its name.
		if tries == 1000 || !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
}

func replaceOnce(name string, fill func(tmp *os.File) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), unfinished+"*")
	if err == nil {
		err = fill(tmp)
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

// removeUnfinished removes what processes that were killed have left half written. If
// one of these files belongs to a process that lives, it writes its file again.
func removeUnfinished(dir string) error {
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
	return nil
}
