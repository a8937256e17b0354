package sweep

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress says how far a Run is. ETA is 0 until the first job has ended.
type Progress struct {
	Done, Total  int
	Elapsed, ETA time.Duration
	Running      []int // the jobs that run now, the oldest first; good until the next Progress
}

// redraw is the shortest time between two drawings of a terminal line; faster
// would only cost writes.
const redraw = 100 * time.Millisecond

// screen is how many characters of a terminal a line takes at most: one that is
// broken cannot be drawn over.
const screen = 79

// Line returns a Progress function that keeps one line up to date on a terminal
// and clears it at the end, or, elsewhere (a log, CI), writes one line each time
// another tenth is done. On a terminal the line ends with the names of the jobs
// that run, as far as there is room and unless name is nil.
func Line(w io.Writer, terminal bool, name func(i int) string) func(Progress) {
	drawn := time.Duration(-redraw)
	tenth := 0
	return func(p Progress) {
		if p.Total <= 0 {
			return
		}
		end := p.Done >= p.Total
		switch {
		case terminal && end:
			fmt.Fprint(w, "\r\x1b[K")
		case terminal && p.Elapsed-drawn >= redraw:
			drawn = p.Elapsed
			line := []rune(text(p) + now(p.Running, name))
			if len(line) > screen {
				line = append(line[:screen-1], '…')
			}
			fmt.Fprintf(w, "\r\x1b[K%s", string(line))
		case !terminal && p.Done*10/p.Total > tenth:
			tenth = p.Done * 10 / p.Total
			fmt.Fprintln(w, text(p))
		}
	}
}

func text(p Progress) string {
	s := fmt.Sprintf("%3d%%  %d of %d runs", p.Done*100/p.Total, p.Done, p.Total)
	if p.Done == 0 {
		return s
	}
	if p.Done >= p.Total {
		return s + ", " + Span(p.Elapsed)
	}
	return s + ", " + Span(p.ETA) + " left"
}

// now names the jobs that run.
func now(running []int, name func(i int) string) string {
	var names []string
	for _, i := range running {
		if name == nil {
			break
		}
		if n := name(i); n != "" {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " · now " + strings.Join(names, " | ")
}

// Span is d as a person says it: two units at most.
func Span(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
