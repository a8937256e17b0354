package report

import "cohsim/internal/stats"

// Table is titled columns of text and numbers, ready for any format. Numbers
// are given as they are; a renderer scales and rounds them column by column.
type Table struct {
	Title   string
	Columns []Column
	Rows    [][]Cell // each as long as Columns
	Notes   []string
}

// Column is a column's head and how its cells are shown.
type Column struct {
	Name string
	Unit string // of its numbers; "" for text and for plain ratios
	// Right aligns text to the right; numbers always are.
	Right bool
	// Group names columns whose numbers are scaled and rounded alike so that
	// they can be compared; "" is the column alone.
	Group string
	// Precision is how many significant digits the largest number gets; 0 is
	// chosen to fit.
	Precision int
	// Decimals, if not nil, fixes the digits after the point and forbids
	// scaling: for ratios and percentages.
	Decimals *int
	// PerCell scales nothing and rounds every number for itself, decimal
	// points aligned: for columns that mix units.
	PerCell bool
}

// Cell is one field of a Table.
type Cell struct {
	Text  string
	Value stats.Value
	IsNum bool // Value counts, not Text; a missing Value prints as "-"
}

// Str is a cell of text.
func Str(s string) Cell { return Cell{Text: s} }

// Num is a cell of a number.
func Num(v stats.Value) Cell { return Cell{Value: v, IsNum: true} }

// Count is a cell of an exact number.
func Count(n uint64) Cell { return Num(stats.Int(n)) }

// Fixed is a value for Column.Decimals.
func Fixed(decimals int) *int { return &decimals }
