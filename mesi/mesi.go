package mesi

import "slices"

// MESI adds the clean exclusive state E: private data are written without a message.
var MESI = define("mesi", "MSI, and a read of a line that nobody has is granted exclusively (E)",
	Options{SilentS: true, PutE: true, Upgrade: true, ExclusiveGrant: true},
	func(Options) error { return nil },
	slices.Concat(threeStateRows, exclusiveRows, migrateRows)...)
