package main

import (
	"fmt"
	"io"
	"strings"

	"cohsim/mesi"
)

// protocolFormats are what showProtocol can write.
var protocolFormats = []string{"markdown", "latex", "dot", "svg"}

// showProtocol prints the tables of a protocol as a book would set them, or its state
// diagrams. An unknown format is an error that lists what is allowed.
func showProtocol(p *mesi.Protocol, format string, stdout io.Writer) error {
	switch format {
	case "markdown":
		return p.WriteMarkdown(stdout)
	case "latex":
		return p.WriteLaTeX(stdout)
	case "dot":
		return p.WriteDOT(stdout)
	case "svg":
		return p.WriteSVG(stdout)
	}
	return fmt.Errorf("unknown format %q of a protocol: allowed are %s", format, strings.Join(protocolFormats, ", "))
}
