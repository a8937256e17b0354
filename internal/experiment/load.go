package experiment

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cohsim/configs"
	"cohsim/cpu"
	"cohsim/internal/config"
	"cohsim/internal/machine"
	"cohsim/internal/structs"
)

// Experiment is a config whose every point has been built and linked.
type Experiment struct {
	*config.Experiment
	Ref     string // what to type to load it from where one stands: a path, or a shipped name
	Command string // what to type to get the same numbers
	points  map[*config.Config]*point
	used    machines
}

// Overrides is what the command line lays over a config.
type Overrides struct {
	Set  []string // KEY=VALUE
	Seed *int     // replaces run.seeds
}

// Load reads an experiment from a file. The error is one of [cpu.Problems],
// [config.Diagnostics], or both joined, and holds every mistake of one pass.
func Load(file string, o Overrides) (*Experiment, error) {
	return load(file, o, func(opt config.Options) (*config.Experiment, error) { return config.Load(file, opt) })
}

// LoadText is [Load] for a text that is at hand; file is for messages, and for
// finding what it names.
func LoadText(file string, text []byte, o Overrides) (*Experiment, error) {
	return load(file, o, func(opt config.Options) (*config.Experiment, error) { return config.LoadText(file, text, opt) })
}

// LoadShipped is [Load] for an experiment of package configs: what it names is
// shipped with it.
func LoadShipped(name string, o Overrides) (*Experiment, error) {
	text, err := fs.ReadFile(configs.FS, name)
	if err != nil {
		return nil, err
	}
	at := path.Join("configs", name)
	b := newBuilder()
	b.open = func(name string) ([]byte, error) { return fs.ReadFile(configs.FS, name) }
	return b.load(name, o, func(opt config.Options) (*config.Experiment, error) { return config.LoadText(at, text, opt) })
}

func load(file string, o Overrides, read func(config.Options) (*config.Experiment, error)) (*Experiment, error) {
	b := newBuilder()
	b.dir = filepath.Dir(file)
	return b.load(file, o, read)
}

func (b *builder) load(file string, o Overrides, read func(config.Options) (*config.Experiment, error)) (*Experiment, error) {
	b.set = o.Set
	exp, err := read(config.Options{
		Shipped:   configs.FS,
		Machine:   machine.DefaultConfig,
		Workloads: Workloads{},
		Locks:     Locks{},
		Layout:    structs.Load,
		Check:     b.check,
		Set:       o.Set,
		Seed:      o.Seed,
	})
	if len(b.problems) > 0 {
		// The mistakes of programs come first, and the key that led to them after.
		return nil, errors.Join(b.problems, err)
	}
	if err != nil {
		return nil, err
	}
	// The base is not a point, and shows in the document.
	if err := errors.Join(b.sources(exp.Base)...); err != nil && len(exp.Axes) == 0 {
		return nil, err
	}
	return &Experiment{Experiment: exp, Ref: file, Command: command(file, o), points: b.points}, nil
}

// command is what to type to get the same numbers, wherever the file lies.
func command(file string, o Overrides) string {
	words := []string{"cohsim run", filepath.Base(file)}
	for _, s := range o.Set {
		if strings.ContainsAny(s, " \"'$\\`*?[{<>|&;()#~!") {
			s = "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		}
		words = append(words, "--set", s)
	}
	if o.Seed != nil {
		words = append(words, "--seed", strconv.Itoa(*o.Seed))
	}
	return strings.Join(words, " ")
}

// sourced are the parameters of a workload that needs the text of a file.
type sourced interface {
	Source() (file string, text []byte)
	SetSource(file string, text []byte)
}

// sources reads the files that a config's workload and lock name.
func (b *builder) sources(cfg *config.Config) (errs []error) {
	for _, of := range []struct {
		key    string
		params any
	}{{"workload.file", cfg.Workload.Params}, {"lock.file", cfg.Lock.Params}} {
		if err := b.source(of.key, of.params); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// source reads the file that parameters name, if they do; key is where they name it.
func (b *builder) source(key string, params any) error {
	s, ok := params.(sourced)
	if !ok {
		return nil
	}
	file, _ := s.Source()
	dir, open := b.dir, b.open
	if slices.ContainsFunc(b.set, func(s string) bool { return strings.HasPrefix(s, key) }) {
		dir, open = ".", os.ReadFile // what is typed is meant from where one stands
	}
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	text, err := open(file)
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return fmt.Errorf("%s: cannot read %s: %w", key, file, err)
	}
	s.SetSource(file, text)
	return nil
}

// check builds and links one point, for config.Options.Check.
func (b *builder) check(cfg *config.Config) (problems []string) {
	errs := b.sources(cfg)
	if len(errs) > 0 {
		errs = append(errs, apart(b.readable(cfg))...)
	} else if p, err := b.point(cfg); err == nil {
		b.points[cfg] = p
	} else {
		errs = apart(err)
	}
	for _, err := range errs {
		var ps cpu.Problems
		if errors.As(err, &ps) {
			b.remember(ps)
			problems = append(problems, sentence(cfg, err, len(ps)))
			continue
		}
		problems = append(problems, keyed(err))
	}
	return problems
}

// readable is what is wrong in the files that could be read, where another could not.
func (b *builder) readable(cfg *config.Config) error {
	if s, ok := cfg.Lock.Params.(sourced); ok {
		if _, text := s.Source(); text != nil {
			_, err := b.lock(cfg.Lock.Kind, cfg.Lock.Params)
			return err
		}
	}
	return syntax(cfg.Workload.Params)
}

// apart takes joined errors apart. The mistakes of programs stay together.
func apart(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if _, programs := err.(cpu.Problems); err == nil || programs || !ok {
		return slices.DeleteFunc([]error{err}, func(e error) bool { return e == nil })
	}
	var out []error
	for _, e := range joined.Unwrap() {
		out = append(out, apart(e)...)
	}
	return out
}

// sentence says which programs are wrong; what is wrong in them stands above it.
func sentence(cfg *config.Config, err error, mistakes int) string {
	s := "workload.kind: the programs of " + cfg.Workload.Kind + " on " + cfg.Lock.Kind + " cannot be linked: "
	if _, ok := cfg.Workload.Params.(sourced); ok {
		s = "workload.file: its programs cannot be run: "
	}
	if strings.HasPrefix(err.Error(), "lock.file: ") {
		s = "lock.file: its programs cannot be run: "
	}
	if mistakes == 1 {
		return s + "see the error above"
	}
	return s + "see the errors above"
}

// remember keeps problems of programs, each once: the points of a sweep share
// their programs.
func (b *builder) remember(ps cpu.Problems) {
	for _, p := range ps {
		if key := p.Error(); !b.told[key] {
			b.told[key] = true
			b.problems = append(b.problems, p)
		}
	}
}

// keyed is an error of a workload as "key: message". Workloads name the key at
// the start of the message, or run.cores somewhere in it.
func keyed(err error) string {
	msg := err.Error()
	first, rest, _ := strings.Cut(msg, " ")
	switch {
	case strings.HasSuffix(first, ":"):
		return msg
	case strings.HasPrefix(first, "workload.") || strings.HasPrefix(first, "run."):
		return first + ": " + strings.TrimPrefix(rest, "= ")
	case strings.Contains(msg, "run.cores"):
		return "run.cores: " + msg
	case strings.Contains(msg, "layout "):
		return "layout: " + msg
	}
	return "workload.kind: " + msg
}
