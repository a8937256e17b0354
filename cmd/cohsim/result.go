package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"cohsim/internal/experiment"
	"cohsim/internal/report"
)

// loadResult reads a result from a file, from a directory of run --out, or from
// either as it is in a revision of git: REVISION:PATH.
func loadResult(ref string) (*report.Document, error) {
	files := source(hostFiles{})
	name := ref
	info, err := os.Stat(ref)
	dir := err == nil && info.IsDir()
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && strings.Contains(ref, ":"):
		if files, name, dir, err = openRevision(ref); err != nil {
			return nil, usage("%s: %v", ref, err)
		}
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage("%s: there is no such file or directory; a path is meant from the current directory, REVISION:PATH from the top of its git tree", ref)
	default:
		return nil, &ioError{err}
	}
	if dir {
		if name, err = resultIn(files, name); err != nil {
			return nil, usage("%s: %v", ref, err)
		}
	}
	doc, err := readResult(files, name)
	if err != nil {
		return nil, usage("%s: %v", ref, err)
	}
	return doc, nil
}

func readResult(files source, name string) (*report.Document, error) {
	text, err := files.read(name)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".csv") {
		doc, err := report.ReadCSV(bytes.NewReader(text))
		if err != nil {
			err = fmt.Errorf("%s is no result that run --format csv writes: %w", path.Base(name), err)
		}
		return doc, err
	}
	doc, err := report.ReadJSON(bytes.NewReader(text))
	if err != nil {
		err = fmt.Errorf("%s is no result that run --format json writes: %w", path.Base(name), err)
	}
	return doc, err
}

// resultIn finds the one result of a directory, and refuses one that an unfinished
// sweep is about to replace.
func resultIn(files source, dir string) (string, error) {
	names, err := files.list(dir)
	if err != nil {
		return "", err
	}
	var results []string
	for _, n := range names {
		if strings.HasSuffix(n, ".json") && !strings.HasSuffix(n, experiment.PlanSuffix) {
			results = append(results, n)
		}
	}
	for _, n := range names {
		name, isPlan := strings.CutSuffix(n, experiment.PlanSuffix)
		if !isPlan {
			continue
		}
		done := slices.Contains(results, name+".json")
		if done {
			if done, err = finished(files, path.Join(dir, name)); err != nil {
				return "", err
			}
		}
		if !done {
			return "", fmt.Errorf("the sweep %s is not finished: the command that began it goes on, and cohsim merge joins shards", name)
		}
	}
	switch len(results) {
	case 1:
		return path.Join(dir, results[0]), nil
	case 0:
		return "", errors.New("there is no result in it: no NAME.json, which run --out writes")
	}
	return "", fmt.Errorf("there are several results in it; name one of %s", strings.Join(results, ", "))
}

// finished tells whether the result NAME.json is that of the plan beside it.
func finished(files source, name string) (bool, error) {
	text, err := files.read(name + experiment.PlanSuffix)
	if err != nil {
		return false, err
	}
	plan, err := experiment.ReadPlan(text)
	if err != nil {
		return false, err
	}
	doc, err := readResult(files, name+".json")
	return err == nil && doc.ConfigHash == plan.ConfigHash && doc.Engine == plan.Engine, err
}

// source is where results are read from; names have slashes.
type source interface {
	read(name string) ([]byte, error)
	list(dir string) ([]string, error) // of its files, without the directory
}

// hostFiles are the files of this host.
type hostFiles struct{}

func (hostFiles) read(name string) ([]byte, error) { return os.ReadFile(filepath.FromSlash(name)) }

func (hostFiles) list(dir string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.FromSlash(dir))
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

// revision are the files of a revision of git.
type revision string

// openRevision takes REVISION:PATH apart. As with git, a PATH that begins with ./ is
// relative to the current directory, and any other to the top of the repository.
func openRevision(ref string) (files source, name string, dir bool, err error) {
	rev, name, _ := strings.Cut(ref, ":")
	if strings.HasPrefix(rev, "-") {
		return nil, "", false, errors.New("a revision does not begin with -")
	}
	if strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../") {
		prefix, err := git("rev-parse", "--show-prefix")
		if err != nil {
			return nil, "", false, err
		}
		name = path.Join(strings.TrimSpace(string(prefix)), name)
	}
	name = strings.TrimSuffix(name, "/")
	kind, err := git("cat-file", "-t", rev+":"+name)
	return revision(rev), name, strings.TrimSpace(string(kind)) == "tree", err
}

func (r revision) read(name string) ([]byte, error) { return git("show", string(r)+":"+name) }

func (r revision) list(dir string) ([]string, error) {
	out, err := git("ls-tree", "--name-only", "-z", string(r)+":"+dir)
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), err
}

func git(args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := cmd.Run(); err != nil {
		text := strings.TrimPrefix(strings.TrimSpace(msg.String()), "fatal: ")
		if text == "" {
			text = err.Error()
		}
		return nil, fmt.Errorf("git %s: %s", args[0], text)
	}
	return out.Bytes(), nil
}
