package experiment

import (
	"errors"
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
	points map[*config.Config]*point
}

// Overrides is what the command line lays over a config.
type Overrides struct {
	Set  []string // KEY=VALUE
	Seed *int     // replaces run.seeds
}

// Load reads an experiment from a file. The error is one of [cpu.Problems],
// [config.Diagnostics], or both joined, and holds every mistake of one pass.
func Load(path string, o Overrides) (*Experiment, error) {
	return load(o, func(opt config.Options) (*config.Experiment, error) { return config.Load(path, opt) })
}

// LoadText is [Load] for a text that is at hand; path is for messages, and for
// finding what it names.
func LoadText(path string, text []byte, o Overrides) (*Experiment, error) {
	return load(o, func(opt config.Options) (*config.Experiment, error) { return config.LoadText(path, text, opt) })
}

func load(o Overrides, read func(config.Options) (*config.Experiment, error)) (*Experiment, error) {
	b := newBuilder()
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
	return &Experiment{Experiment: exp, points: b.points}, nil
}

// check builds and links one point, for config.Options.Check.
func (b *builder) check(cfg *config.Config) []string {
	p, err := b.point(cfg)
	var ps cpu.Problems
	switch {
	case errors.As(err, &ps):
		b.remember(ps)
		return []string{"workload.kind: " + sentence(cfg, len(ps))}
	case err != nil:
		return []string{keyed(err)}
	}
	b.points[cfg] = p
	return nil
}

// sentence says which programs are wrong; what is wrong in them stands above it.
func sentence(cfg *config.Config, mistakes int) string {
	s := "the programs of workload " + cfg.Workload.Kind + " on lock " + cfg.Lock.Kind + " cannot be linked: "
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
