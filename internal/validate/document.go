package validate

import (
	"fmt"
	"io"
	"strings"

	_ "embed"

	"cohsim/internal/report"
)

// lacks is what people have to say: what the model lacks and which points show it.
//
//go:embed lacks.md
var lacks string

// WriteDocument writes docs/validation.md: how it is made, targets, errors, failed
// claims, what the model lacks, what no row pins, and every point. figure is the
// path of the scatter, sources the text of each machine file by name.
func (rep *Report) WriteDocument(w io.Writer, command, figure string, sources map[string]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, `# Validation against measured hardware

Made by `+"`%s`"+`; do not edit. What can be run of the shipped points
(`+"`configs/points`"+`) is in the tables; each simulated value is the median over the seeds. Rows marked
*calibrate* may be fitted, rows marked *validate* are looked at but never fitted to. An error is the factor between simulated and
measured, less one; it is 0 inside the measured noise range.

![simulated against measured](%s)

`, command, figure)
	tables := func(ts ...report.Table) error { return report.WriteTables(&b, "markdown", ts, report.Options{}) }
	failed := *rep
	failed.Claims = nil
	for _, v := range rep.Claims {
		if !v.OK {
			failed.Claims = append(failed.Claims, v)
		}
	}
	b.WriteString("## Targets and errors\n\n")
	if err := tables(rep.targetTable(), rep.errors()); err != nil {
		return err
	}
	fmt.Fprintf(&b, "\n## Directions\n\n%d claims about directions are derived from the points; %d fail.\n\n", len(rep.Claims), len(failed.Claims))
	if len(failed.Claims) > 0 {
		t := failed.claims()
		t.Title = "claims that fail"
		if err := tables(t); err != nil {
			return err
		}
	}
	b.WriteString("\n" + lacks + "\n## Where the keys of the machines come from\n\n")
	t := report.Table{Title: "keys by source", Columns: []report.Column{{Name: "machine"}, {Name: "calibrate rows", Right: true}, {Name: "free keys", Right: true}, {Name: "keys", Wrap: true}}}
	for _, m := range rep.Machines {
		t.Rows = append(t.Rows, []report.Cell{report.Str(m), report.Count(uint64(rep.Score(m, Fitted).Points)), report.Count(uint64(rep.Free[m])),
			report.Str(ProvenanceOf(sources[m]).String())})
	}
	if err := tables(t); err != nil {
		return err
	}
	b.WriteString("\n## Every point\n\n")
	for _, m := range rep.Machines {
		if err := tables(rep.points(m)); err != nil {
			return err
		}
		b.WriteString("\n")
	}
	if absent := rep.absent(); len(absent) > 0 {
		if err := tables(absent...); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
