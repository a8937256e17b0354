package validate

import (
	"fmt"
	"slices"
	"strings"
)

// Provenance is how many keys of a machine file each of measured, fitted,
// documented and assumed says it for, by the first word of their comments.
type Provenance struct {
	Measured, Fitted, Documented, Assumed int
	Untold                                []string // keys without such a word
}

// ProvenanceOf reads the text of a machine file. Keys that are names, texts or
// lists of threads need no source.
func ProvenanceOf(text string) Provenance {
	var p Provenance
	section := ""
	for _, line := range strings.Split(text, "\n") {
		if m := sectionLine.FindStringSubmatch(line); m != nil {
			section = m[1]
			continue
		}
		m := keyLine.FindStringSubmatch(line)
		if m == nil || section == "placements" || section == "" && slices.Contains([]string{"name", "doc", "isa", "base", "free_keys"}, m[2]) {
			continue
		}
		word, _, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(m[6], "#")), " ")
		switch strings.TrimRight(word, ":;,") {
		case "measured":
			p.Measured++
		case "fitted":
			p.Fitted++
		case "documented":
			p.Documented++
		case "assumed":
			p.Assumed++
		default:
			p.Untold = append(p.Untold, strings.TrimPrefix(section+"."+m[2], "."))
		}
	}
	return p
}

// String is for listings; it is empty where no key has a source.
func (p Provenance) String() string {
	if p.Measured+p.Fitted+p.Documented == 0 {
		return ""
	}
	return fmt.Sprintf("keys: %d measured, %d fitted, %d documented, %d assumed", p.Measured, p.Fitted, p.Documented, p.Assumed)
}
