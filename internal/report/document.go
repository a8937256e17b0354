package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"cohsim/internal/stats"
)

// Schema names the format of a Document. Others read it: a change that an old
// reader would misread needs a new name.
const Schema = "cohsim.result/v1"

// Document is a result: what was simulated, and every number that came out.
type Document struct {
	Engine     int             // raised by hand when results may change
	Config     json.RawMessage // the resolved configuration, one JSON value
	ConfigHash string
	Records    []Record
}

// Record is one simulated point with one seed.
type Record struct {
	Point   []Axis // in the order of the sweep; names are unique
	Seed    uint64
	Metrics []stats.Reading // in the order of listing; names are unique
}

// Axis is one coordinate of a point.
type Axis struct {
	Name  string `json:"name"`
	Value Scalar `json:"value"`
}

// Scalar is the value of an axis: a number, a bool or a string. It is
// comparable.
type Scalar struct {
	text    string
	literal bool // JSON text (a number, true or false) rather than a string
}

// Text is a string value, such as the name of a variant.
func Text(s string) Scalar { return Scalar{text: s} }

// ScalarOf converts a value as TOML or JSON decodes it.
func ScalarOf(v any) (Scalar, error) {
	switch v := v.(type) {
	case string:
		return Text(v), nil
	case bool:
		return Scalar{strconv.FormatBool(v), true}, nil
	case int:
		return Scalar{strconv.Itoa(v), true}, nil
	case int64:
		return Scalar{strconv.FormatInt(v, 10), true}, nil
	case uint64:
		return Scalar{strconv.FormatUint(v, 10), true}, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return Scalar{}, fmt.Errorf("%v is no axis value", v)
		}
		b, err := json.Marshal(v) // shortest text that reads back equal
		return Scalar{string(b), true}, err
	case json.Number:
		return Scalar{v.String(), true}, nil
	}
	return Scalar{}, fmt.Errorf("a %T is no axis value", v)
}

// String is the value as a table shows it, without quotes.
func (s Scalar) String() string { return s.text }

// MarshalJSON writes a number, a bool or a string.
func (s Scalar) MarshalJSON() ([]byte, error) { return []byte(s.json()), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Scalar) UnmarshalJSON(text []byte) (err error) {
	var v any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err = d.Decode(&v); err == nil {
		*s, err = ScalarOf(v)
	}
	return err
}

// IsNumber reports whether s is a number.
func (s Scalar) IsNumber() bool { return s.literal && s.text != "true" && s.text != "false" }

// Get is the record's reading of a metric; ok is false if it has none.
func (r *Record) Get(name string) (m stats.Reading, ok bool) {
	if i := slices.IndexFunc(r.Metrics, func(m stats.Reading) bool { return m.Name == name }); i >= 0 {
		return r.Metrics[i], true
	}
	return stats.Reading{}, false
}

// Axis is the record's value on an axis; ok is false if it has none.
func (r *Record) Axis(name string) (v Scalar, ok bool) {
	if i := slices.IndexFunc(r.Point, func(a Axis) bool { return a.Name == name }); i >= 0 {
		return r.Point[i].Value, true
	}
	return Scalar{}, false
}

// Axes are the names of all axes, in order of first appearance, each with its
// values in order of first appearance.
func (d *Document) Axes() (names []string, values map[string][]Scalar) {
	values = make(map[string][]Scalar)
	for _, r := range d.Records {
		for _, a := range r.Point {
			if _, ok := values[a.Name]; !ok {
				names = append(names, a.Name)
			}
			if !slices.Contains(values[a.Name], a.Value) {
				values[a.Name] = append(values[a.Name], a.Value)
			}
		}
	}
	return names, values
}

// Seeds are the seeds used, in order of first appearance.
func (d *Document) Seeds() []uint64 {
	var seeds []uint64
	for _, r := range d.Records {
		if !slices.Contains(seeds, r.Seed) {
			seeds = append(seeds, r.Seed)
		}
	}
	return seeds
}

// Name is the name of the experiment, as its configuration gives it, or "".
func (d *Document) Name() string {
	var c struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(d.Config, &c) != nil {
		return ""
	}
	return c.Name
}
