package experiment

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"cohsim/internal/report"
	"cohsim/internal/sweep"
)

// Plan is an experiment as a store keeps it: all that is needed to join the records
// of its runs into a document and to print that, without the config.
type Plan struct {
	Schema     string              `json:"schema"`
	Engine     int                 `json:"engine"`
	Name       string              `json:"name"`
	Config     json.RawMessage     `json:"config"`
	ConfigHash string              `json:"config_hash"`
	Command    string              `json:"command"` // that printed tables and figures name
	Reports    []report.Spec       `json:"reports"`
	Figures    []report.FigureSpec `json:"figures"`
	Runs       []PlannedRun        `json:"runs"` // in the order of the document's records
}

// PlannedRun is one point with one seed.
type PlannedRun struct {
	Key   string        `json:"key"` // of its record, see record.go
	Point []report.Axis `json:"point"`
	Seed  uint64        `json:"seed"`
}

// String is "run.cores=4 lock=mmap_lock seed=1".
func (r *PlannedRun) String() string {
	s := ""
	for _, a := range r.Point {
		s += fmt.Sprintf("%s=%s ", a.Name, a.Value)
	}
	return s + fmt.Sprintf("seed=%d", r.Seed)
}

const planSchema = "cohsim.sweep/v1"

// PlanSuffix ends the names of plans in a store: NAME.sweep.json.
const PlanSuffix = ".sweep.json"

// Write puts the plan into a directory, for Plans to find.
func (p *Plan) Write(dir string) error {
	text, err := p.text()
	if err != nil {
		return err
	}
	return sweep.WriteFile(filepath.Join(dir, p.Name+PlanSuffix), text)
}

// keys are those of the runs, in their order. Points that differ in their labels alone
// share records.
func (p *Plan) keys() []string {
	var keys []string
	seen := map[string]bool{}
	for i := range p.Runs {
		if key := p.Runs[i].Key; !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// sweep names the runs and their order, and nothing else of a plan.
func (p *Plan) sweep() string {
	sum := sha256.Sum256([]byte(strings.Join(p.keys(), "\n")))
	return hex.EncodeToString(sum[:8])
}

// Equal tells whether two plans have the same runs and make the same of them.
func (p *Plan) Equal(q *Plan) bool {
	a, err := p.text()
	b, err2 := q.text()
	return err == nil && err2 == nil && bytes.Equal(a, b)
}

// text has one run a line.
func (p *Plan) text() ([]byte, error) {
	head := *p
	head.Runs = nil
	text, err := marshal(head)
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(bytes.TrimSuffix(text, []byte("null}")))
	for i := range p.Runs {
		run, err := marshal(&p.Runs[i])
		if err != nil {
			return nil, err
		}
		b.WriteString(map[bool]string{true: "[\n", false: ",\n"}[i == 0])
		b.Write(run)
	}
	b.WriteString("\n]}\n")
	return b.Bytes(), nil
}

// marshal is json.Marshal without the escapes that HTML needs.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Plans reads the plans that a directory has, in the order of their names.
func Plans(dir string) ([]*Plan, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"+PlanSuffix))
	var out []*Plan
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		p, err := ReadPlan(text)
		if err == nil && p.Name+PlanSuffix != filepath.Base(f) {
			err = fmt.Errorf("is the plan of %s", p.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, p)
	}
	return out, err
}

// ReadPlan reads the text of a plan.
func ReadPlan(text []byte) (*Plan, error) {
	p := &Plan{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		return nil, fmt.Errorf("is no plan of a sweep, or one of another version of cohsim: %w", err)
	}
	if p.Schema != planSchema || len(p.Runs) == 0 {
		return nil, fmt.Errorf("is no plan of a sweep: its schema is %q, not %q", p.Schema, planSchema)
	}
	return p, nil
}

// Archive is a store seen through a plan: which of its runs have records.
type Archive struct {
	Plan    *Plan
	Dir     string
	Damaged []*sweep.Damage // lines of the store that are not to be trusted
	store   *sweep.Store
	records []*report.Record
	stored  atomic.Int64 // how many of the runs have records
}

// CreateArchive is OpenArchive of a directory that is made, and given the plan, if need
// be.
func CreateArchive(dir string, p *Plan) (*Archive, error) {
	if err := sweep.CreateStore(dir); err != nil {
		return nil, err
	}
	if err := p.Write(dir); err != nil {
		return nil, err
	}
	return OpenArchive(dir, p)
}

// OpenArchive reads every record that the store in dir has for the plan. An error is
// one of the file system.
func OpenArchive(dir string, p *Plan) (*Archive, error) {
	s, err := sweep.OpenStore(dir, p.sweep())
	if err != nil {
		return nil, err
	}
	a := &Archive{Plan: p, Dir: dir, store: s, Damaged: s.Damaged, records: make([]*report.Record, len(p.Runs))}
	for i := range p.Runs {
		run := &p.Runs[i]
		text, err := s.Get(run.Key)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if a.records[i], err = readRecord(text, run); err != nil {
			a.Damaged = append(a.Damaged, &sweep.Damage{Place: s.Place(run.Key), What: err.Error()})
			continue
		}
		a.stored.Add(1)
	}
	return a, nil
}

// Stored is how many runs have records now. It may be called at any time.
func (a *Archive) Stored() int { return int(a.stored.Load()) }

// Complete tells whether every run has its record.
func (a *Archive) Complete() bool { return a.Stored() == len(a.Plan.Runs) }

// Missing are the runs without a record.
func (a *Archive) Missing() (out []*PlannedRun) {
	for i, r := range a.records {
		if r == nil {
			out = append(out, &a.Plan.Runs[i])
		}
	}
	return out
}

// Document joins the records that there are, in the order of the plan.
func (a *Archive) Document() *report.Document {
	return document(a.Plan.head(), a.records)
}

// head is the document without records.
func (p *Plan) head() report.Document {
	return report.Document{Engine: p.Engine, Config: p.Config, ConfigHash: p.ConfigHash}
}

// document is head with the records that there are.
func document(head report.Document, records []*report.Record) *report.Document {
	for _, r := range records {
		if r != nil {
			head.Records = append(head.Records, *r)
		}
	}
	return &head
}

// Add takes over the records of another archive of the same plan that this one
// lacks, and returns how many those were.
func (a *Archive) Add(from *Archive) (added int, err error) {
	for i, r := range from.records {
		if r == nil || a.records[i] != nil {
			continue
		}
		key := a.Plan.Runs[i].Key
		text, err := from.store.Get(key)
		if err != nil {
			return added, err
		}
		if err := a.store.Put(key, text); err != nil {
			return added, err
		}
		a.records[i] = r
		a.stored.Add(1)
		added++
	}
	return added, nil
}

// keep stores the record of run i, unless it is there. It may be called from several goroutines.
func (a *Archive) keep(i int, r *report.Record) error {
	if a.records[i] != nil {
		return nil
	}
	if err := a.store.Put(a.Plan.Runs[i].Key, recordText(r)); err != nil {
		return &StoreError{err}
	}
	a.stored.Add(1)
	return nil
}

// Finish brings the records, of which none may be missing, into their last form.
func (a *Archive) Finish() error { return a.store.Finish(a.Plan.keys()) }

// StoreError is a record that could not be written.
type StoreError struct{ Err error }

func (e *StoreError) Error() string { return e.Err.Error() }
func (e *StoreError) Unwrap() error { return e.Err }
