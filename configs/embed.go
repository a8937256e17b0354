// Package configs carries the shipped TOML files inside the binary, so that
// cohsim finds them by name from any directory.
package configs

import "embed"

// FS holds the shipped files under their paths in this directory: experiments
// and the programs that they run at the top, then layouts/, machines/ and points/ (measured hardware). To ship
// another directory, add it to the pattern.
//
//go:embed *.toml *.uop all:layouts all:machines all:points
var FS embed.FS
