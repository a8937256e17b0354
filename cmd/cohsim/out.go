package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"cohsim/internal/experiment"
	"cohsim/internal/report"
	"cohsim/internal/sweep"
)

// openArchive is the store of --out with what it has of exp's runs. A dry run only
// looks.
func openArchive(stderr io.Writer, exp *experiment.Experiment, dir string, dry bool) (*experiment.Archive, error) {
	plan, err := exp.Plan()
	if err != nil {
		return nil, err
	}
	read := experiment.CreateArchive
	if dry {
		read = experiment.OpenArchive
	}
	a, err := read(dir, plan)
	if err != nil {
		return nil, &ioError{err}
	}
	warnDamaged(stderr, a)
	if n := a.Stored(); n > 0 && !a.Complete() {
		fmt.Fprintln(stderr, progressOf(a))
	}
	if !dry {
		note := func() string { return resume(a) }
		onInterrupt.Store(&note)
	}
	return a, nil
}

// onInterrupt says what an interrupted command has left, for the handler of signals.
// It is global because signals are.
var onInterrupt atomic.Pointer[func() string]

func warnDamaged(stderr io.Writer, a *experiment.Archive) {
	for _, d := range a.Damaged {
		fmt.Fprintf(stderr, "cohsim: warning: %v: not used\n", d)
	}
}

// progressOf is how far an archive is.
func progressOf(a *experiment.Archive) string {
	return fmt.Sprintf("%s has %d of %d runs", a.Dir, a.Stored(), len(a.Plan.Runs))
}

// resume says how to go on.
func resume(a *experiment.Archive) string {
	return progressOf(a) + "; the same command goes on from there"
}

// stored adds to an error of a run what is kept in spite of it.
func stored(err error, a *experiment.Archive) error {
	var failed *experiment.StoreError
	if errors.As(err, &failed) {
		return &ioError{fmt.Errorf("%w\n%s", err, resume(a))}
	}
	return err
}

// closeArchive writes the results, if all runs are there, and says where they are.
func closeArchive(stderr io.Writer, a *experiment.Archive, simulated int) error {
	if !a.Complete() {
		fmt.Fprintf(stderr, "%s; other shards have the rest, and cohsim merge joins them\n", progressOf(a))
		return nil
	}
	err := a.Finish()
	if err == nil {
		err = writeOutputs(stderr, a)
	}
	if err != nil {
		return &ioError{fmt.Errorf("%w\n%s", err, resume(a))}
	}
	done := ""
	if simulated == 0 {
		done = "nothing to simulate: "
	}
	fmt.Fprintf(stderr, "%s%s has all %d runs; the results are %s.*\n", done, a.Dir, len(a.Plan.Runs), filepath.Join(a.Dir, a.Plan.Name))
	return nil
}

// extensions are the files of --out.
var extensions = map[string]string{"table": "txt", "markdown": "md", "latex": "tex", "csv": "csv", "json": "json", "bench": "bench", "html": "html"}

// writeOutputs writes everything that is made of a result into its store. Each file
// appears whole or not at all, and one that would not change is left alone.
func writeOutputs(stderr io.Writer, a *experiment.Archive) error {
	return outputs(a.Document(), a.Plan, report.Formats(), report.FigureFormats(), func(name string, text []byte) error {
		path := filepath.Join(a.Dir, name)
		if filepath.Ext(name) == ".json" {
			if old, err := os.ReadFile(path); err == nil && !bytes.Equal(old, text) {
				fmt.Fprintf(stderr, "cohsim: warning: %s.* had results of another config of this name, or of another engine: what this one has, too, is replaced; other files and the records stay\n", filepath.Join(a.Dir, a.Plan.Name))
			}
		}
		return sweep.WriteFile(path, text)
	})
}

// outputs makes the files of a result: NAME.txt, NAME.md and so on, and the
// figures, NAME-figure-1.svg. It is the one place that decides which there are.
func outputs(doc *report.Document, p *experiment.Plan, formats, figures []string, put func(name string, text []byte) error) error {
	printer := report.NewPrinter(doc, p.Reports, report.Options{Command: p.Command})
	err := sweep.Run(context.Background(), len(formats), sweep.Options{}, func(_ context.Context, i int) ([]byte, error) {
		var b bytes.Buffer
		err := printer.Write(&b, formats[i])
		return b.Bytes(), err
	}, func(i int, text []byte) error {
		return put(p.Name+"."+extensions[formats[i]], text)
	})
	if err != nil {
		return err
	}
	return drawFigures(doc, p.Figures, p.Command, figures, func(name string, text []byte) error {
		return put(p.Name+"-"+name, text)
	})
}

// drawFigures draws every figure in every format.
func drawFigures(doc *report.Document, specs []report.FigureSpec, command string, formats []string, put func(name string, text []byte) error) error {
	figures, err := report.Figures(doc, specs, command)
	if err != nil {
		return err
	}
	for i := range figures {
		for _, format := range formats {
			text, err := figures[i].Draw(format)
			if err != nil {
				return err
			}
			if err := put(figures[i].Name+"."+format, text); err != nil {
				return err
			}
		}
	}
	return nil
}
