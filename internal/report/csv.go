package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"cohsim/internal/stats"
)

// tail are the columns after the axes, and origin those after them: where the numbers
// come from, the same in every row, since a strict reader takes no header of comments.
var (
	tail   = [...]string{"seed", "metric", "value", "unit"}
	origin = [...]string{"engine", "config_hash", "command"}
)

// WriteCSV writes a result tidily: one observation a row, with the columns
// axes…, seed, metric, value, unit, engine, config_hash, command. A missing value is an
// empty field, which pandas and R read as NA.
func WriteCSV(w io.Writer, d *Document, command string) error {
	axes, _ := d.Axes()
	var b bytes.Buffer
	quoted := csv.NewWriter(&b)
	// fields appends fields as encoding/csv writes them. There are few of them: of the
	// many rows of a record only metric, value and unit differ.
	fields := func(text []byte, row ...string) ([]byte, error) {
		b.Reset()
		err := quoted.Write(row)
		quoted.Flush()
		return append(text, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...), err
	}
	text, err := fields(nil, slices.Concat(axes, tail[:], origin[:])...)
	if err != nil {
		return err
	}
	from, err := fields(nil, strconv.Itoa(d.Engine), d.ConfigHash, command)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	row := make([]string, len(axes)+1)
	head := len(text)
	for i := range d.Records {
		if i == 1 { // the others will be about as long as the first
			text = slices.Grow(text, (len(text)-head)*len(d.Records))
		}
		r := &d.Records[i]
		for i, a := range axes {
			v, _ := r.Axis(a)
			row[i] = v.String()
		}
		row[len(axes)] = strconv.FormatUint(r.Seed, 10)
		of, err := fields(nil, row...)
		if err != nil {
			return err
		}
		for j := range r.Metrics {
			m := &r.Metrics[j]
			text = append(append(text, of...), ',')
			if csvPlain(m.Name) && csvPlain(m.Unit) {
				text = append(append(text, m.Name...), ',')
				if !m.Value.IsMissing() {
					text = m.Value.Append(text)
				}
				text = append(append(text, ','), m.Unit...)
			} else {
				value := ""
				if !m.Value.IsMissing() {
					value = m.Value.String()
				}
				if text, err = fields(text, m.Name, value, m.Unit); err != nil {
					return err
				}
			}
			text = append(append(append(text, ','), from...), '\n')
		}
	}
	_, err = w.Write(text)
	return err
}

// csvPlain tells whether a field needs no quotes: names and units do not.
func csvPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && c != '.' && c != '_' && (c < '0' || c > '9') && c != '/' && c != '%' {
			return false
		}
	}
	return s != ""
}

// ReadCSV reads what WriteCSV wrote, also without the columns from engine on. CSV does not tell the string "8" from the
// number 8: what looks like a number or a bool is taken for one, and every
// record has every axis. Rows of one record must be adjacent and name each metric once.
func ReadCSV(r io.Reader) (*Document, error) {
	in := csv.NewReader(r)
	head, err := in.Read()
	if err == io.EOF {
		return nil, errors.New("line 1: no header")
	}
	if err != nil {
		return nil, err
	}
	d, first := &Document{}, []string(nil) // the origin of the first row
	withOrigin := len(head) >= len(origin) && slices.Equal(head[len(head)-len(origin):], origin[:])
	if withOrigin {
		head = head[:len(head)-len(origin)]
	}
	axes, ok := head[:max(0, len(head)-len(tail))], len(head) >= len(tail)
	if !ok || !slices.Equal(head[len(axes):], tail[:]) {
		return nil, fmt.Errorf("line 1: the columns do not end with %v", tail)
	}
	for i, a := range axes {
		if a == "" || slices.Contains(axes[:i], a) {
			return nil, fmt.Errorf("line 1: axis %q is empty or occurs twice", a)
		}
	}
	seen := map[string]bool{}    // keys of records
	metrics := map[string]bool{} // of the current record
	last := ""
	for {
		row, err := in.Read()
		if err == io.EOF {
			return d, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := in.FieldPos(0)
		fail := func(format string, args ...any) (*Document, error) {
			return nil, fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
		}
		if from := row[len(head):]; first == nil && withOrigin {
			first = from
			if d.Engine, err = strconv.Atoi(from[0]); err != nil || d.Engine < 0 {
				return fail("engine %q is not a whole number", from[0])
			}
			d.ConfigHash = from[1]
		} else if !slices.Equal(from, first) {
			return fail("the row is of another result than the first: %q, not %q", from, first)
		}
		obs := row[len(axes):len(head)]
		if key := fmt.Sprintf("%q", row[:len(axes)+1]); key != last {
			if seen[key] {
				return fail("the rows of a point and seed are not adjacent")
			}
			seen[key], last = true, key
			clear(metrics)
			seed, err := strconv.ParseUint(obs[0], 10, 64)
			if err != nil || strconv.FormatUint(seed, 10) != obs[0] {
				return fail("seed %q is not a whole number", obs[0])
			}
			rec := Record{Seed: seed}
			for i, a := range axes {
				rec.Point = append(rec.Point, Axis{a, guess(row[i])})
			}
			d.Records = append(d.Records, rec)
		}
		m := stats.Reading{Name: obs[1], Unit: obs[3]}
		if m.Name == "" || metrics[m.Name] {
			return fail("metric %q is empty or occurs twice", m.Name)
		}
		metrics[m.Name] = true
		if obs[2] != "" {
			if m.Value, err = stats.ParseValue(obs[2]); err != nil {
				return fail("%v", err)
			}
		}
		rec := &d.Records[len(d.Records)-1]
		rec.Metrics = append(rec.Metrics, m)
	}
}

// guess is the scalar whose text is s: a literal if s is one.
func guess(s string) Scalar {
	if s == "true" || s == "false" {
		return Scalar{s, true}
	}
	if s != "" && (s[0] == '-' || s[0] >= '0' && s[0] <= '9') && json.Valid([]byte(s)) && s[len(s)-1] > ' ' {
		return Scalar{s, true}
	}
	return Text(s)
}
