package mesi

import (
	"errors"
	"slices"
)

// MSI has no clean exclusive state: every read is answered with a shared copy.
var MSI = define("msi", "three states: a line is invalid, shared or modified",
	Options{SilentS: true, Upgrade: true},
	func(o Options) error {
		if o.ExclusiveGrant {
			return errors.New(`exclusive_grant needs a state E: allowed is exclusive_grant = false, or protocol "mesi", "mesif", "moesi"`)
		}
		return nil
	},
	slices.Concat(threeStateRows, migrateRows)...)

// threeStateRows are the rows that MSI and MESI share; options add E to them.
var threeStateRows = slices.Concat(cacheCommon, upgradeRows, evictSharedRows, sharedFillRows, staleInvRows,
	nonBlockingRows, recallRows, readMissRows(when(silentE), nil), downgradeByWriteBack(SendDataS),
	homeCommon, homeWrites(), homeSharedReads, homeWriteBacks(ForgetOwner), farRows())
