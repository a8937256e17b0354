package validate

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

var (
	sectionLine = regexp.MustCompile(`^\s*\[([A-Za-z0-9_.]+)\]`)
	keyLine     = regexp.MustCompile(`^(\s*)([A-Za-z0-9_.]+)(\s*=\s*)([^#]*?)(\s*)(#.*)?$`)
)

// Rewrite puts the fitted values into the text of a machine file, each with a
// comment, and adds what was fitted to what. Everything else stays as it is. A
// free key without a line of its own in this file, such as one that a base sets,
// gets one at the end.
func (fit *Fit) Rewrite(text, machine, points string, seeds []int) string {
	var out []string
	section, done := "", map[string]bool{}
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			section = m[1] + "."
		} else if m := keyLine.FindStringSubmatch(line); m != nil {
			for i := range fit.Free {
				f := &fit.Free[i]
				if f.Key == section+m[2] {
					done[f.Key] = true
					line = m[1] + m[2] + m[3] + f.Text() + "  # " + f.comment()
				}
			}
		}
		out = append(out, line)
	}
	for i := range fit.Free {
		f := &fit.Free[i]
		if done[f.Key] {
			continue
		}
		dot := strings.LastIndexByte(f.Key, '.')
		out = append(out, "", fmt.Sprintf("[%s]", f.Key[:max(dot, 0)]), fmt.Sprintf("%s = %s  # %s", f.Key[dot+1:], f.Text(), f.comment()))
	}
	out = append(out, "",
		fmt.Sprintf("# Fitted by cohsim calibrate to %d rows of %s, %d seeds: the root mean square of", len(fit.Results), points, len(seeds)),
		fmt.Sprintf("# the error went from %s to %s. What is left of each row:", percent(fit.Before), percent(fit.After)))
	for i := range fit.Results {
		r := &fit.Results[i]
		if slices.ContainsFunc(fit.Later, func(u Uncovered) bool { return u.ID == r.ID }) {
			out = append(out, fmt.Sprintf("#   aborts with these values:   %s", strings.TrimPrefix(r.ID, machine+".")))
			continue
		}
		out = append(out, fmt.Sprintf("#   %+6.1f %%  %s", 100*(r.Sim/r.Value-1), strings.TrimPrefix(r.ID, machine+".")))
	}
	for _, u := range fit.Aborted {
		out = append(out, fmt.Sprintf("#   aborts, and was left out:  %s", strings.TrimPrefix(u.ID, machine+".")))
	}
	for _, id := range fit.Turned {
		out = append(out, fmt.Sprintf("#   aborted in a trial, from which the fit turned back:  %s", strings.TrimPrefix(id, machine+".")))
	}
	return strings.Join(out, "\n") + "\n"
}

// comment says how well a fitted key is pinned.
func (f *Free) comment() string {
	if f.Sensitivity < 0.001 {
		return fmt.Sprintf("fitted, but no row moves with it (it was %s)", trim(f.Start))
	}
	step := "+15 %"
	if f.Integer && f.Value*stepShare < 1 {
		step = "+1"
	}
	return fmt.Sprintf("fitted (it was %s): %s moves the rows by %.1f %%, %s by %+.1f %%", trim(f.Start), step,
		100*f.Sensitivity, strings.TrimPrefix(f.MostMoved.ID, f.MostMoved.Machine+"."), 100*math.Expm1(f.MostBy))
}

func trim(v float64) string { return fmt.Sprintf("%.4g", v) }
