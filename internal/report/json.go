package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"cohsim/internal/stats"
)

// WriteJSON writes the document with one metric per line, so that a textual
// diff of two results names the metrics that moved.
//
// Note: encoding/json's own struct encoding is not used for records, because
// axes and metrics are ordered and it sorts the keys of maps.
func WriteJSON(w io.Writer, d *Document) error {
	config := d.Config
	if len(config) == 0 {
		config = json.RawMessage("null")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\n  \"schema\": %s,\n  \"engine\": %d,\n  \"config\": ", quote(Schema), d.Engine)
	if err := json.Indent(&b, config, "  ", "  "); err != nil {
		return fmt.Errorf("config of the document: %w", err)
	}
	fmt.Fprintf(&b, ",\n  \"config_hash\": %s,\n  \"records\": [", quote(d.ConfigHash))
	text := b.Bytes()
	for i := range d.Records {
		if i == 1 { // the others will be about as long as the first
			text = slices.Grow(text, (len(text)-b.Len())*len(d.Records))
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(text, "\n    "...)
		text = appendRecord(text, &d.Records[i], "\n      ")
	}
	if len(d.Records) > 0 {
		text = append(text, "\n  "...)
	}
	text = append(text, "]\n}\n"...)
	_, err := w.Write(text)
	return err
}

// AppendRecord appends the record as it stands in a document, in one line.
func AppendRecord(b []byte, r *Record) []byte {
	return appendRecord(slices.Grow(b, 64*(len(r.Metrics)+1)), r, "") // a metric takes some 50 bytes
}

// appendRecord begins each key with a line break and its indentation, if it is not "".
func appendRecord(b []byte, r *Record, line string) []byte {
	inner, outer := line, line
	if line != "" {
		inner, outer = line+"  ", line[:len(line)-2]
	}
	b = append(b, '{')
	b = append(append(b, line...), `"point": {`...)
	for j, a := range r.Point {
		if j > 0 {
			b = append(b, ", "...)
		}
		b = append(append(append(b, quote(a.Name)...), ": "...), a.Value.json()...)
	}
	b = append(append(append(b, "},"...), line...), `"seed": `...)
	b = strconv.AppendUint(b, r.Seed, 10)
	b = append(append(append(b, ','), line...), `"metrics": {`...)
	for j := range r.Metrics {
		m := &r.Metrics[j]
		if j > 0 {
			b = append(b, ',')
		}
		b = append(b, inner...)
		b = appendQuoted(b, m.Name)
		b = append(b, `: {"value": `...)
		b = m.Value.Append(b)
		b = append(b, `, "unit": `...)
		b = appendQuoted(b, m.Unit)
		b = append(b, '}')
	}
	if len(r.Metrics) > 0 {
		b = append(b, line...)
	}
	return append(append(append(b, '}'), outer...), '}')
}

func (s Scalar) json() string {
	if s.literal {
		return s.text
	}
	return quote(s.text)
}

// quote is s as a JSON string, with <, > and & left readable.
func quote(s string) string {
	if plain(s) {
		return `"` + s + `"`
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// appendQuoted appends quote(s).
func appendQuoted(b []byte, s string) []byte {
	if !plain(s) {
		return append(b, quote(s)...)
	}
	return append(append(append(b, '"'), s...), '"')
}

// plain tells whether a JSON string needs no escapes: nearly all do not.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// ReadJSON reads a document that WriteJSON wrote, or the same JSON in another
// layout. Unknown, repeated and absent keys are errors, with their line.
func ReadJSON(r io.Reader) (*Document, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if !json.Valid(data) {
		var syntax any
		err := json.Unmarshal(data, &syntax) // says what and where
		offset := int64(len(data))
		if e := (*json.SyntaxError)(nil); errors.As(err, &e) {
			offset = e.Offset
		}
		return nil, fmt.Errorf("line %d: %w", lineAt(data, offset), err)
	}
	p := parser{json.NewDecoder(bytes.NewReader(data))}
	p.UseNumber()
	d, err := p.document()
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", lineAt(data, p.InputOffset()), err)
	}
	return d, nil
}

// ReadRecord reads what AppendRecord wrote.
func ReadRecord(text []byte) (*Record, error) {
	if !json.Valid(text) {
		return nil, errors.New("the record is no JSON")
	}
	p := parser{json.NewDecoder(bytes.NewReader(text))}
	p.UseNumber()
	r, err := p.record()
	return &r, err
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}

// parser reads syntactically valid JSON against a schema.
type parser struct{ *json.Decoder }

func (p parser) document() (*Document, error) {
	d := &Document{}
	err := p.object([]string{"schema", "engine", "config", "config_hash", "records"}, func(key string) (err error) {
		switch key {
		case "schema":
			var s string
			if s, err = p.str(); err == nil && s != Schema {
				err = fmt.Errorf("schema %q, want %q", s, Schema)
			}
		case "engine":
			var n uint64
			if n, err = p.uint(); err == nil && n > 1<<31-1 {
				err = fmt.Errorf("engine %d out of range", n)
			}
			d.Engine = int(n)
		case "config":
			var raw json.RawMessage
			if err = p.Decode(&raw); err == nil && string(raw) != "null" {
				var b bytes.Buffer
				err = json.Compact(&b, raw)
				d.Config = b.Bytes()
			}
		case "config_hash":
			d.ConfigHash, err = p.str()
		case "records":
			err = p.array(func() error {
				r, err := p.record()
				d.Records = append(d.Records, r)
				return err
			})
		}
		return err
	})
	return d, err
}

func (p parser) record() (r Record, err error) {
	err = p.object([]string{"point", "seed", "metrics"}, func(key string) (err error) {
		switch key {
		case "point":
			return p.object(nil, func(name string) error {
				t, err := p.Token()
				if err != nil {
					return err
				}
				v, err := ScalarOf(t)
				if err != nil {
					return fmt.Errorf("axis %q: want a number, a string or a bool", name)
				}
				r.Point = append(r.Point, Axis{name, v})
				return nil
			})
		case "seed":
			r.Seed, err = p.uint()
			return err
		default:
			return p.object(nil, func(name string) error {
				m, err := p.reading()
				m.Name = name
				r.Metrics = append(r.Metrics, m)
				if err != nil {
					err = fmt.Errorf("metric %q: %w", name, err)
				}
				return err
			})
		}
	})
	return r, err
}

func (p parser) reading() (m stats.Reading, err error) {
	err = p.object([]string{"value", "unit"}, func(key string) (err error) {
		if key == "unit" {
			m.Unit, err = p.str()
			return err
		}
		t, err := p.Token()
		switch t := t.(type) {
		case nil:
			m.Value = stats.Missing
		case json.Number:
			m.Value, err = stats.ParseValue(t.String())
		default:
			err = errors.New("the value is neither a number nor null")
		}
		return err
	})
	return m, err
}

// object reads an object, calling member for each key in order. If keys is not
// nil, exactly those must occur; no key may occur twice.
func (p parser) object(keys []string, member func(key string) error) error {
	if err := p.delim('{', "an object"); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for p.More() {
		key, err := p.str()
		switch {
		case err != nil:
			return err
		case seen[key]:
			return fmt.Errorf("key %q occurs twice", key)
		case keys != nil && !slices.Contains(keys, key):
			return fmt.Errorf("unknown key %q", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	for _, k := range keys {
		if !seen[k] {
			return fmt.Errorf("key %q is missing", k)
		}
	}
	_, err := p.Token() // the closing brace
	return err
}

func (p parser) array(element func() error) error {
	if err := p.delim('[', "an array"); err != nil {
		return err
	}
	for p.More() {
		if err := element(); err != nil {
			return err
		}
	}
	_, err := p.Token()
	return err
}

func (p parser) delim(d json.Delim, what string) error {
	if t, err := p.Token(); err != nil || t != d {
		return fmt.Errorf("want %s", what)
	}
	return nil
}

func (p parser) str() (string, error) {
	t, err := p.Token()
	s, ok := t.(string)
	if err == nil && !ok {
		err = errors.New("want a string")
	}
	return s, err
}

func (p parser) uint() (uint64, error) {
	t, err := p.Token()
	if err != nil {
		return 0, err
	}
	n, _ := t.(json.Number)
	v, err := stats.ParseValue(n.String())
	if u := v.Rat(); err == nil && u != nil && v.IsInt() && v.Sign() >= 0 {
		return u.Num().Uint64(), nil
	}
	return 0, errors.New("want a whole number that is not negative")
}
