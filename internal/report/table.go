package report

import (
	"fmt"

	"cohsim/internal/stats"
)

// Table is titled columns of text and numbers, ready for any format. Numbers
// are given as they are; a renderer scales and rounds them column by column.
type Table struct {
	Title   string
	Columns []Column
	// Rows are as long as Columns each; a nil row separates groups of rows.
	Rows  [][]Cell
	Notes []string
	// Keys is how many leading columns name a row: they are repeated where a
	// table is split to fit the width. 0 means 1.
	Keys int
	// Instead is a note that is printed when optional columns were left out.
	Instead string
}

// Column is a column's head and how its cells are shown.
type Column struct {
	Name string
	Unit string // of its numbers; "" for text and for plain ratios
	// Right aligns text to the right; numbers always are.
	Right bool
	// Optional columns are left out where the table is too wide otherwise.
	Optional bool
	// Tied columns stay beside the column before them where a table is split.
	Tied bool
	// Wrap lets text continue on further lines where the table is too wide.
	Wrap bool
	// Group names columns whose numbers are scaled and rounded alike so that
	// they can be compared; "" is the column alone.
	Group string
	// Precision is how many significant digits the largest number gets; 0 is
	// chosen to fit.
	Precision int
	// Fixed forbids scaling and fixes the digits after the point to Decimals:
	// for ratios and percentages.
	Fixed    bool
	Decimals int
	// PerCell scales nothing and rounds every number for itself, decimal
	// points aligned: for columns that mix units.
	PerCell bool
}

// Cell is one field of a Table.
type Cell struct {
	Text  string
	Kind  CellKind
	Value stats.Value // of a number; the lower end of a range
	To    stats.Value // the upper end of a range
}

// CellKind says which fields of a Cell count.
type CellKind uint8

const (
	TextCell  CellKind = iota // Text
	NumCell                   // Value; if it is missing, the cell prints as "-"
	RangeCell                 // Value..To; prints empty if missing
)

// Str is a cell of text.
func Str(s string) Cell { return Cell{Text: s} }

// Num is a cell of a number.
func Num(v stats.Value) Cell { return Cell{Kind: NumCell, Value: v} }

// Count is a cell of an exact number.
func Count(n uint64) Cell { return Num(stats.Int(n)) }

// Range is a cell of two numbers, scaled like the numbers of its group.
func Range(from, to stats.Value) Cell { return Cell{Kind: RangeCell, Value: from, To: to} }

// check catches rows that do not match the columns before they are drawn.
func (t *Table) check() error {
	for i, r := range t.Rows {
		if r != nil && len(r) != len(t.Columns) {
			return fmt.Errorf("table %q: row %d has %d cells for %d columns", t.Title, i, len(r), len(t.Columns))
		}
	}
	return nil
}

// right reports whether column c is aligned to the right.
func (t *Table) right(c int) bool {
	if t.Columns[c].Right {
		return true
	}
	for _, r := range t.Rows {
		if r != nil && r[c].Kind != TextCell {
			return true
		}
	}
	return false
}
