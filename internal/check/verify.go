package check

import (
	"fmt"
	"math"
	"time"

	"cohsim/mesi"
)

// Request says what [Verify] shall prove.
type Request struct {
	Protocol   string
	Options    mesi.Options
	Caches     int
	Lines      int // 1, or 2 lines in caches of one entry
	Symmetry   bool
	Migrate    bool
	NoLiveness bool
	Force      bool // explore even what takes long
	Progress   func(states, transitions int64)
}

// Report is the outcome of a verification. Everything but Host is the same on any host.
type Report struct {
	Protocol      string       `json:"protocol"`
	Options       mesi.Options `json:"options"`
	Caches        int          `json:"caches"`
	Lines         int          `json:"lines"`
	Symmetry      bool         `json:"symmetry"`
	Migrate       bool         `json:"migrate"`
	Liveness      bool         `json:"liveness"`
	States        int64        `json:"states"`
	Transitions   int64        `json:"transitions"`
	Depth         int          `json:"depth"`
	BytesPerState int64        `json:"bytes_per_state"`
	CachePairs    int          `json:"cache_pairs"` // (state, event) pairs reached
	HomePairs     int          `json:"home_pairs"`
	Rows          int          `json:"rows"`
	Coverage      []string     `json:"coverage"`  // every pair reached
	Unreached     []string     `json:"unreached"` // rows never used
	Law           string       `json:"law,omitempty"`
	Detail        string       `json:"detail,omitempty"`
	Path          []Step       `json:"path,omitempty"` // shortest way to the broken law

	Chart string `json:"-"` // the path as text
	SVG   string `json:"-"` // the path as a picture
	Host  Host   `json:"-"`
}

// Host is what the exploration cost on this host.
type Host struct {
	Search, Liveness time.Duration
	Bytes            int64
}

// OK reports that every law holds and every row is used.
func (r *Report) OK() bool { return r.Law == "" && len(r.Unreached) == 0 }

// CostError refuses an exploration that would take long.
type CostError struct {
	Caches  int
	States  float64
	Bytes   float64
	Seconds float64
}

func (e *CostError) Error() string {
	return fmt.Sprintf("%d caches have about %.0e states: about %s and %s (fewer with symmetry); use --force to try all the same",
		e.Caches, e.States, size(e.Bytes), long(e.Seconds))
}

// long is a rough duration in words.
func long(seconds float64) string {
	const year = 365 * 24 * 3600
	switch {
	case seconds < 3600:
		return fmt.Sprintf("%.0f s", math.Ceil(seconds))
	case seconds < 100*3600:
		return fmt.Sprintf("%.0f hours", seconds/3600)
	case seconds < year:
		return fmt.Sprintf("%.0f days", seconds/(24*3600))
	case seconds < 1000*year:
		return fmt.Sprintf("%.0f years", seconds/year)
	}
	return fmt.Sprintf("%.0e years", seconds/year)
}

func size(bytes float64) string {
	for _, unit := range []string{"MB", "GB", "TB", "PB"} {
		if bytes /= 1000; bytes < 1e6 && bytes/1000 < 1000 {
			return fmt.Sprintf("%.0f %s", math.Ceil(bytes/1000), unit)
		}
	}
	return fmt.Sprintf("%.0e bytes", bytes)
}

// Cost estimates an exploration from how base MESI grows: by 28 to 37 times per cache
// as it is, by 5 to 13 times with symmetry. Options make it up to three times more.
func Cost(req Request) CostError {
	states := 1500.0
	grow := []float64{12.6, 7.8, 5.8, 4.8, 4.5}
	if !req.Symmetry {
		states, grow = 2980, []float64{36.8, 28.6, 28}
	}
	for n := 3; n <= req.Caches; n++ {
		states *= grow[min(n-3, len(grow)-1)]
	}
	if req.Options.FarAtomics {
		states *= 1.5 * math.Pow(3, float64(req.Caches)) // each cache may have one under way
	}
	if req.Lines == 2 {
		// One entry per cache keeps the product of two lines small.
		states = math.Pow(states, 1.84)
	}
	return CostError{req.Caches, states, 115 * states, states * 0.9e-6}
}

// Limit is the number of states that Verify explores without Force.
const Limit = 3e7

// Verify explores a protocol. An error is a config error, a [*CostError] or ErrTooBig;
// broken laws are in the report.
func Verify(req Request) (*Report, error) {
	if req.Options.SharerPointers > 0 {
		req.Options.Caches = req.Caches
	}
	p, err := mesi.New(req.Protocol, req.Options)
	if err != nil {
		return nil, err
	}
	if req.Lines != 1 && req.Lines != 2 {
		return nil, fmt.Errorf("%d lines: allowed are 1 and 2", req.Lines)
	}
	if c := Cost(req); c.States > Limit && !req.Force {
		return nil, &c
	}
	cfg := ProtocolConfig{Caches: req.Caches, Symmetry: req.Symmetry, Migrate: req.Migrate}
	var sys System
	one, err := NewProtocol(p, cfg)
	if err != nil {
		return nil, err
	}
	sys = one
	if req.Lines == 2 {
		two, err := NewTwoLines(p, cfg)
		if err != nil {
			return nil, err
		}
		sys, one = two, two.one
	}
	r, err := Explore(sys, Options{NoLiveness: req.NoLiveness, Progress: req.Progress})
	if err != nil {
		return nil, err
	}
	rep := &Report{Protocol: req.Protocol, Options: req.Options, Caches: req.Caches, Lines: req.Lines,
		Symmetry: req.Symmetry, Migrate: req.Migrate, Liveness: !req.NoLiveness,
		States: r.States, Transitions: r.Transitions, Depth: r.Depth, BytesPerState: r.Bytes / max(r.States, 1),
		Rows: len(p.CacheRows()) + len(p.HomeRows()), Coverage: []string{}, Unreached: []string{},
		Host: Host{r.SearchTime, r.LiveTime, r.Bytes}}
	for _, pair := range one.Coverage().Pairs() {
		rep.Coverage = append(rep.Coverage, pair.String())
		if pair.AtHome {
			rep.HomePairs++
		} else {
			rep.CachePairs++
		}
	}
	if v := r.Violation; v != nil {
		rep.Law, rep.Detail, rep.Path = v.Law, v.Detail, v.Path
		rep.Chart, rep.SVG = Chart(sys, v.Path), ChartSVG(sys, v.Path)
		return rep, nil
	}
	if err := p.Lint(); err != nil {
		rep.Law, rep.Detail = "row law", err.Error()
		return rep, nil
	}
	// What two caches, no migration or a coarse list of one pointer cannot reach says
	// nothing about a row.
	if req.Caches >= 3 && req.Options.SharerPointers == 0 {
		for _, u := range one.Unreached() {
			if u.Event == mesi.OnFwdGetSMigrate.String() || u.Event == mesi.OnDataD.String() || u.Event == mesi.AtUnbX.String() {
				if !req.Migrate {
					continue
				}
			}
			rep.Unreached = append(rep.Unreached, u.String())
		}
	}
	return rep, nil
}
