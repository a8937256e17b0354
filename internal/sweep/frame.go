package sweep

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// A record's line is
//
//	{"key":"KEY","sha256":"SUM","record":RECORD}
//
// SUM is over KEY, a line feed and RECORD, so that a record that was cut off, altered
// or given another key is known.
const (
	beforeKey    = `{"key":"`
	beforeSum    = `","sha256":"`
	beforeRecord = `","record":`
	afterRecord  = "}\n"
)

// Damage is a line that is no record, though it may have been one.
type Damage struct {
	Place string // FILE:LINE
	What  string
}

func (e *Damage) Error() string { return e.Place + ": " + e.What }

const hexSum = 2 * sha256.Size

// frame is the line of a record.
func frame(key string, record []byte) []byte {
	line := make([]byte, 0, len(beforeKey+beforeSum+beforeRecord+afterRecord)+len(key)+hexSum+len(record))
	line = append(line, beforeKey...)
	line = append(line, key...)
	line = append(line, beforeSum...)
	line = append(line, checksum(key, record)...)
	line = append(line, beforeRecord...)
	line = append(line, record...)
	return append(line, afterRecord...)
}

// unframe takes a line apart; what says what is wrong with it.
func unframe(line []byte) (key string, record []byte, what string) {
	rest, ok := bytes.CutPrefix(line, []byte(beforeKey))
	name, rest, found := bytes.Cut(rest, []byte(beforeSum))
	rest, whole := bytes.CutSuffix(rest, []byte(afterRecord))
	if !ok || !found || !whole || len(rest) < hexSum {
		return "", nil, "the record is cut off or is none"
	}
	record, ok = bytes.CutPrefix(rest[hexSum:], []byte(beforeRecord))
	if !ok || string(rest[:hexSum]) != checksum(string(name), record) {
		return "", nil, "the record does not have its checksum"
	}
	return string(name), record, ""
}

func checksum(key string, record []byte) string {
	h := sha256.New()
	h.Write([]byte(key + "\n"))
	h.Write(record)
	return hex.EncodeToString(h.Sum(nil))
}
