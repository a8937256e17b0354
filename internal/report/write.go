package report

import (
	"fmt"
	"io"
	"slices"
	"sync"
)

// Options say how to print.
type Options struct {
	Wide    bool   // do not fit tables to Width; keep all columns and rows
	Width   int    // of the terminal; 0 means 80
	Command string // what was typed to get the results, printed with them
	Caption string // latex: put the table in a float with this caption
	Label   string // latex: and this label
	SI      bool   // latex: align numbers with siunitx
	Alone   bool   // latex: a whole document
}

// formats in the order of help texts.
var formats = [...]string{"table", "markdown", "latex", "csv", "json", "bench", "html"}

// Formats lists the names of the formats.
func Formats() []string { return formats[:] }

// CheckFormat is an error if there is no format of that name.
func CheckFormat(format string) error {
	if slices.Contains(formats[:], format) {
		return nil
	}
	return fmt.Errorf("unknown format %q%s", format, suggest(format, formats[:]))
}

// Write prints a document in a format: json, csv and bench carry every record,
// the other formats carry the tables of specs, or a sensible one without any.
func Write(w io.Writer, format string, doc *Document, specs []Spec, opt Options) error {
	return NewPrinter(doc, specs, opt).Write(w, format)
}

// Printer writes one document in several formats, at once if need be, and makes its
// tables once.
type Printer struct {
	doc    *Document
	specs  []Spec
	opt    Options
	tables func() ([]Table, error)
}

// NewPrinter is for what Write would print.
func NewPrinter(doc *Document, specs []Spec, opt Options) *Printer {
	return &Printer{doc, specs, opt, sync.OnceValues(func() ([]Table, error) { return Tables(doc, specs, opt) })}
}

// Write prints the document in a format.
func (p *Printer) Write(w io.Writer, format string) error {
	switch format {
	case "json":
		return WriteJSON(w, p.doc)
	case "csv":
		return WriteCSV(w, p.doc, p.opt.Command)
	case "bench":
		return WriteBench(w, p.doc)
	}
	if err := CheckFormat(format); err != nil {
		return err
	}
	tables, err := p.tables()
	if err != nil {
		return err
	}
	caption := Provenance(p.doc, p.specs...)
	if p.opt.Command != "" {
		caption += "\n" + p.opt.Command
	}
	return writeTables(w, format, caption, tables, p.opt)
}

// WriteTables prints tables in a format; bench has no place for them.
func WriteTables(w io.Writer, format string, tables []Table, opt Options) error {
	return writeTables(w, format, "", tables, opt)
}

func writeTables(w io.Writer, format, caption string, tables []Table, opt Options) error {
	for i := range tables {
		if err := tables[i].check(); err != nil {
			return err
		}
	}
	switch format {
	case "table":
		return terminal(w, caption, tables, opt)
	case "markdown":
		return markdown(w, caption, tables)
	case "latex":
		return latex(w, caption, tables, opt)
	case "html":
		return htmlPage(w, caption, tables)
	case "csv":
		return tablesCSV(w, tables)
	case "json":
		return tablesJSON(w, tables)
	case "bench":
		return fmt.Errorf("format bench carries the results of runs only")
	}
	return CheckFormat(format)
}
