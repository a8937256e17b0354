package experiment

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"cohsim/cpu"
	"cohsim/internal/config"
	"cohsim/internal/report"
)

// The record of a run has its seed and metrics, as a result document has them. Its key
// hashes all that decides these, so that a record is found by exactly those runs that
// would give the same metrics. The labels of the point are no part of either: they
// belong to the sweep.

// runKey is the key of a run's record. The config is what [Experiment.identity] says.
func runKey(engine int, identity []byte, seed uint64) string {
	h := sha256.New()
	fmt.Fprintf(h, "engine %d seed %d\n%s", engine, seed, identity)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// identity is everything but engine and seed that decides the metrics of a point:
// its resolved config, what the layouts and files that it names say, and what the
// shipped locks and workloads make of it.
func (e *Experiment) identity(p *config.Point) ([]byte, error) {
	built := e.points[p.Config]
	tail, err := json.Marshal(struct {
		Layout   string   `json:"layout_digest"`
		Programs []string `json:"program_digests"`
	}{built.layoutDigest, built.programDigests})
	// Two objects as one.
	return slices.Concat(bytes.TrimSuffix(p.Text(), []byte("}")), []byte(","), tail[1:]), err
}

// programDigest covers what a program does, and not where it is written.
func programDigest(p *cpu.Program) string {
	text := fmt.Appendln(make([]byte, 0, 32*len(p.Ops)), p.Regions)
	for i := range p.Ops {
		op, site := p.Ops[i], &p.Sites[p.Ops[i].Site]
		op.Site = 0
		text = appendOp(text, &op)
		text = strconv.AppendInt(text, int64(site.Region), 10)
		if len(site.Ghosts) > 0 {
			text = fmt.Append(text, site.Ghosts)
		}
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// appendOp appends the fields of an op in their order, as [binary.Append] would.
func appendOp(text []byte, op *cpu.Op) []byte {
	text = append(text, byte(op.Code), byte(op.Fn), byte(op.Order), byte(op.Flags), byte(op.Dst), byte(op.A), byte(op.B), byte(op.C))
	text = binary.LittleEndian.AppendUint32(text, uint32(op.Off))
	text = binary.LittleEndian.AppendUint32(text, uint32(op.Site))
	return binary.LittleEndian.AppendUint64(text, uint64(op.Imm))
}

// recordText is what is stored of a run.
func recordText(r *report.Record) []byte {
	return report.AppendRecord(nil, &report.Record{Seed: r.Seed, Metrics: r.Metrics})
}

// readRecord reads what [recordText] wrote of a run.
func readRecord(text []byte, run *PlannedRun) (*report.Record, error) {
	r, err := report.ReadRecord(text)
	if err != nil {
		return nil, err
	}
	if r.Seed != run.Seed {
		return nil, errors.New("the record is of another run")
	}
	r.Point = run.Point
	return r, nil
}
