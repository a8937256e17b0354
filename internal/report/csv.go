package report

import (
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
	out := csv.NewWriter(w)
	row := slices.Concat(axes, tail[:], origin[:])
	if err := out.Write(row); err != nil {
		return err
	}
	copy(row[len(axes)+len(tail):], []string{strconv.Itoa(d.Engine), d.ConfigHash, command})
	for _, r := range d.Records {
		for i, a := range axes {
			v, _ := r.Axis(a)
			row[i] = v.String()
		}
		for _, m := range r.Metrics {
			text := ""
			if !m.Value.IsMissing() {
				text = m.Value.String()
			}
			copy(row[len(axes):], []string{strconv.FormatUint(r.Seed, 10), m.Name, text, m.Unit})
			if err := out.Write(row); err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
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
