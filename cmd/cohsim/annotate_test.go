package main

import (
	"regexp"
	"testing"
)

// The loads behind the reader's acquire wait for it, in every format. (That nothing waits
// where nothing is ordered is what the golden listing shows.)
func TestAListingNamesTheOpThatMadeAnotherWait(t *testing.T) {
	for _, format := range []string{"csv", "table", "markdown", "latex", "json"} {
		out := ok(t, append([]string{"run", "quickstart", "--set", "machine=graviton2", "--set", "run.cores=1", "--annotate", "vma_start_read", "--format", format}, small...)...)
		if !regexp.MustCompile(`(?s)for [\\_a-z]+acquire:\d+: cas\.acq .{1,150}read:\d+: load `).MatchString(out) {
			t.Errorf("%s: no load waits for the acquire\n%s", format, out)
		}
	}
}
