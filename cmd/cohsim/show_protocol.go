package main

import (
	"fmt"
	"io"
	"strings"

	"cohsim/mesi"
)

// protocolFormats are what showProtocol can write.
var protocolFormats = []string{"markdown", "latex", "dot", "svg"}

// showProtocol prints the tables of a protocol with its default options, as a book
// would set them, or its state diagrams. An unknown name or format is an error that
// lists what is allowed.
func showProtocol(name, format string, stdout io.Writer) error {
	p, err := mesi.New(name, mesi.DefaultOptions(name))
	if err != nil {
		return err
	}
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
