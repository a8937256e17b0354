package measure

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
)

// Row is one measured figure, in the terms of a points file.
type Row struct {
	Calibrate bool   // a preset may be fitted to it
	Name      string // id behind machine and placement
	Placement string
	Workload  string
	Params    string // a TOML inline table
	Metric    string
	Value     float64
	Lo, Hi    float64 // 5th and 95th percentile of the windows
	Note      string
}

// Columns of a points file, in the order written.
var Columns = []string{"use", "id", "machine", "placement", "workload", "params", "metric", "value", "lo", "hi", "source", "note"}

// WriteCSV writes rows as a points file. machine is the preset's name, source
// goes into each row.
func WriteCSV(w io.Writer, machine, source string, rows []Row) error {
	out := csv.NewWriter(w)
	if err := out.Write(Columns); err != nil {
		return err
	}
	for _, r := range rows {
		use := "validate"
		if r.Calibrate {
			use = "calibrate"
		}
		number := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
		err := out.Write([]string{use, machine + "." + r.Placement + "." + r.Name, machine, r.Placement, r.Workload, r.Params, r.Metric,
			number(r.Value), number(min(r.Lo, r.Value)), number(max(r.Hi, r.Value)), source, r.Note})
		if err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// quantile is the value below which the share q of the values lies, between two
// of them by interpolation. Values need not be sorted; none gives NaN.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}

// summarize sets value and range from one figure a window.
func (r *Row) summarize(values []float64) {
	r.Value, r.Lo, r.Hi = quantile(values, 0.5), quantile(values, 0.05), quantile(values, 0.95)
}

func params(format string, args ...any) string { return "{" + fmt.Sprintf(format, args...) + "}" }
