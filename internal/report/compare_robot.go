package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"cohsim/internal/stats"
)

// robot prints a comparison in the layout of the reports that the kernel's test robot
// mails: base, change, head, metric, with the standard deviation over the seeds where
// it is 1 % of the mean or more.
func robot(w io.Writer, c *Comparison) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\nresult:\n  base: %s\n  head: %s\n", c.Verdict(), Provenance(c.Base), Provenance(c.Head))
	for i := range c.Points {
		p := &c.Points[i]
		var names, values []string
		for _, a := range p.Point {
			names = append(names, a.Name)
			values = append(values, a.Value.String())
		}
		b.WriteString("\n" + strings.Repeat("=", 80) + "\n")
		if len(names) > 0 {
			fmt.Fprintf(&b, "%s:\n  %s\n\n", strings.Join(names, "/"), strings.Join(values, "/"))
		}
		fmt.Fprintf(&b, "%16s %27s\n%s %s\n", "base", "head", strings.Repeat("-", 16), strings.Repeat("-", 27))
		tested := p.Metrics[0].Test != nil
		if tested {
			fmt.Fprintf(&b, "%16s %11s %15s\n%14s %11s %16s\n", "%stddev", "%change", "%stddev", `\`, "|", `\`)
		} else {
			fmt.Fprintf(&b, "%28s\n%26s\n", "%change", "|")
		}
		for k := range p.Metrics {
			m := &p.Metrics[k]
			change := strings.ReplaceAll(m.percentText(), " %", "%")
			line := fmt.Sprintf("%10s%6s %11s %9s%6s  %s", robotNumber(m.Base), robotSpread(m.base), change, robotNumber(m.Head), robotSpread(m.head), m.Name)
			b.WriteString(line + "\n")
		}
	}
	for _, l := range []struct {
		side string
		runs []string
	}{{"head", c.OnlyBase}, {"base", c.OnlyHead}} {
		if len(l.runs) > 0 {
			fmt.Fprintf(&b, "\nmissing in %s:\n  %s\n", l.side, strings.Join(l.runs, "\n  "))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// robotNumber has at most nine characters.
func robotNumber(v stats.Value) string {
	f, ok := v.Float64()
	switch {
	case !ok:
		return "-"
	case v.IsInt() && f < 1e7 && f > -1e7:
		return v.String()
	case math.Abs(f) >= 1e7 || math.Abs(f) < 0.01:
		return fmt.Sprintf("%.3g", f)
	}
	return v.Rat().FloatString(2)
}

// robotSpread is the standard deviation in percent of the mean.
func robotSpread(values []stats.Value) string {
	x := floats(values)
	var sum, squares float64
	for _, v := range x {
		sum += v
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		squares += (v - mean) * (v - mean)
	}
	if len(x) < 2 || mean == 0 {
		return ""
	}
	percent := 100 * math.Sqrt(squares/float64(len(x)-1)) / math.Abs(mean)
	if percent < 1 {
		return ""
	}
	return fmt.Sprintf(" ±%3.0f%%", percent)
}
