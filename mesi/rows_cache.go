package mesi

// Rows of the cache controller that protocols share. A row stands in the one group
// whose condition decides whether it can be reached.

// waits returns rows that make a core request wait in each of the states.
func waits(why string, on CacheEvent, states ...State) []CacheRow {
	var rows []CacheRow
	for _, s := range states {
		rows = append(rows, CacheRow{s, on, do(WaitHere), s, why})
	}
	return rows
}

// cacheCommon: every protocol, every option.
var cacheCommon = []group{{
	cache: []CacheRow{
		{I, OnLoad, do(SendGetS, WaitHere), IS_D, "a read miss asks the home for a copy"},
		{I, OnStore, do(SendGetM, WaitHere), IM_AD, "a write miss asks for the data and for everybody else to drop theirs"},
		{S, OnLoad, do(HitNow), S, "a shared copy is readable"},
		{M, OnLoad, do(HitNow), M, "the only copy is readable"},
		{M, OnStore, do(HitNow), M, "the only copy is writable"},
		{M, OnEvict, do(SendPutM, ParkLine), MI_A, "the only current copy must reach memory"},

		{M, OnFwdGetM, do(SendDataM, DropLine, LosePerm), I, "the writer gets the line straight from its owner"},
		{MI_A, OnFwdGetM, do(SendDataM, DropLine), II_A, "the forward was sent before the home saw our Put, which will be stale"},
		{S, OnInv, do(SendInvAck, DropLine, LosePerm), I, "a writer collects our ack before it writes"},
		{SI_A, OnInv, do(SendInvAck, DropLine), II_A, "the copy in the eviction buffer counts as a copy"},

		{IM_AD, OnDataMLast, do(AddAcks, FillLine, PerformNow, SendUnbX), M, "data, and every ack was already here"},
		{IM_AD, OnDataMMore, do(AddAcks, FillLine), IM_A, "other copies may still be read until their acks are here"},
		{IM_AD, OnInvAckMore, do(SubAck), IM_AD, "acks may overtake the count on an unordered network"},
		{IM_A, OnInvAckMore, do(SubAck), IM_A, "not the last copy"},
		{IM_A, OnInvAckLast, do(SubAck, PerformNow, SendUnbX), M, "the last other copy is gone"},
		{MI_A, OnPutAck, do(DropLine, FreeEntry), I, "memory has the data"},
		{SI_A, OnPutAck, do(DropLine, FreeEntry), I, "the home no longer lists us"},
		{II_A, OnPutAck, do(FreeEntry), I, "the stale Put is off the network"},
	}}, {
	cache: waits("the read in flight will answer", OnLoad, IS_D, IM_AD, IM_A),
}, {
	cache: waits("one transaction per line and cache: the store asks when the one in flight is done", OnStore, IS_D, IM_AD, IM_A),
}, {
	cache: waits("the eviction ends first, or a request could overtake its own Put", OnLoad, MI_A, SI_A, II_A),
}, {
	cache: waits("the eviction ends first, or a request could overtake its own Put", OnStore, MI_A, SI_A, II_A),
}}

// upgradeRows and readForOwnershipRows: what a store to a shared line asks for.
var upgradeRows = []group{{
	when: when(upgrade),
	cache: []CacheRow{
		{S, OnStore, do(SendUpg, WaitHere), SM_AD, "we have the data, only permission is missing"},
		{SM_AD, OnLoad, do(HitNow), SM_AD, "the shared copy stays readable while the upgrade is under way"},
		{SM_AD, OnStore, do(WaitHere), SM_AD, "the store in flight comes first"},
		{SM_A, OnLoad, do(HitNow), SM_A, "nobody else can have written yet"},
		{SM_A, OnStore, do(WaitHere), SM_A, "the store in flight comes first"},
		{SM_AD, OnInv, do(SendInvAck, DropLine, LosePerm), IM_AD, "another writer came first; the home will see that we need data"},
		{SM_AD, OnAckCntLast, do(AddAcks, PerformNow, SendUnbX), M, "granted, and no other copy is left"},
		{SM_AD, OnAckCntMore, do(AddAcks), SM_A, "granted, other copies may still be read"},
		{SM_AD, OnInvAckMore, do(SubAck), SM_AD, "acks may overtake the count on an unordered network"},
		{SM_A, OnInvAckMore, do(SubAck), SM_A, "not the last copy"},
		{SM_A, OnInvAckLast, do(SubAck, PerformNow, SendUnbX), M, "the last other copy is gone"},
	},
}, {
	when: when(noUpgrade),
	cache: []CacheRow{
		{S, OnStore, do(SendGetM, DropLine, WaitHere), IM_AD, "without upgrades a store to a shared line is a write miss"},
	},
}, {
	when: when(upgrade | coarse),
	cache: []CacheRow{
		{SM_AD, OnDataMLast, do(AddAcks, FillLine, PerformNow, SendUnbX), M, "a coarse list cannot tell that we hold the data, so it sends them"},
		{SM_AD, OnDataMMore, do(AddAcks, FillLine), IM_A, "a coarse list cannot tell that we hold the data, so it sends them"},
	},
}, {
	when: when(upgrade | recalled),
	cache: []CacheRow{
		{SM_AD, OnRcInv, do(SendRcAck, DropLine, LosePerm), IM_AD, "the home takes every copy back; our upgrade will find none listed"},
	},
}}

// evictSharedRows: S leaves silently, or with a PutS that is acknowledged. (A PutS
// without ack could arrive after the line was fetched again and unlist the new copy.)
var evictSharedRows = []group{{
	when:  when(silentS),
	cache: []CacheRow{{S, OnSilentEvict, do(DropLine), I, "the home keeps listing us; a late Inv is acked all the same"}},
}, {
	when:  when(putS),
	cache: []CacheRow{{S, OnEvict, do(SendPutS, ParkLine), SI_A, "the home shall stop listing us"}},
}}

// exclusiveRows: the clean exclusive state.
var exclusiveRows = []group{{
	when: when(exclusive),
	cache: []CacheRow{
		{E, OnLoad, do(HitNow), E, "an exclusive copy is readable"},
		{E, OnStore, do(HitNow), M, "nobody else has a copy, so no message is needed"},
		{E, OnFwdGetM, do(SendDataM, DropLine, LosePerm), I, "the writer gets the line straight from its owner"},
		{IS_D, OnDataE, do(FillLine, PerformNow, SendUnbX), E, "nobody else has a copy"},
	},
}, {
	when: when(putE),
	cache: []CacheRow{
		{E, OnEvict, do(SendPutE, ParkLine), EI_A, "the home shall stop asking us"},
		{EI_A, OnLoad, do(WaitHere), EI_A, "the eviction ends first, or a request could overtake its own Put"},
		{EI_A, OnStore, do(WaitHere), EI_A, "the eviction ends first, or a request could overtake its own Put"},
		{EI_A, OnFwdGetM, do(SendDataM, DropLine), II_A, "the forward was sent before the home saw our Put, which will be stale"},
		{EI_A, OnPutAck, do(DropLine, FreeEntry), I, "memory is current"},
	},
}, {
	when: when(silentE),
	cache: []CacheRow{
		{E, OnSilentEvict, do(DropLine), I, "memory is current; the home finds out when it asks us"},
		{I, OnFwdGetM, do(SendFwdMiss), I, "we dropped the clean line: the home serves from memory"},
		{IS_D, OnFwdGetM, do(SendFwdMiss), IS_D, "we dropped the clean line and want it back: our turn comes later"},
		{IM_AD, OnFwdGetM, do(SendFwdMiss), IM_AD, "we dropped the clean line and want it back: our turn comes later"},
	},
}, {
	when: when(silentE | recalled),
	cache: []CacheRow{
		{I, OnRcX, do(SendFwdMiss), I, "we dropped the clean line: memory is current"},
		{IS_D, OnRcX, do(SendFwdMiss), IS_D, "we dropped the clean line: memory is current"},
		{IM_AD, OnRcX, do(SendFwdMiss), IM_AD, "we dropped the clean line: memory is current"},
	},
}}

// readMissRows answer a forwarded read that finds nothing.
func readMissRows(cond []feature, alsoIM []feature) []group {
	return []group{{
		when: cond,
		cache: []CacheRow{
			{I, OnFwdGetS, do(SendFwdMiss), I, "the copy was dropped silently: the home serves from memory"},
			{IS_D, OnFwdGetS, do(SendFwdMiss), IS_D, "the copy was dropped silently: the home serves from memory"},
		},
	}, {
		when:  append(cond[:len(cond):len(cond)], alsoIM...),
		cache: []CacheRow{{IM_AD, OnFwdGetS, do(SendFwdMiss), IM_AD, "the copy is gone: the home serves from memory"}},
	}}
}

// downgradeByWriteBack: an owner that serves a reader becomes a sharer and makes memory
// current; data names what the reader gets (DataS, or DataF with a forwarder).
func downgradeByWriteBack(data Action) []group {
	return []group{{
		cache: []CacheRow{
			{M, OnFwdGetS, do(data, SendWbData, LoseWrite), S, "the reader is served by us, memory becomes current"},
			{MI_A, OnFwdGetS, do(data, SendWbData), SI_A, "as from M; the Put behind us will be that of a sharer"},
		},
	}, {
		when:  when(exclusive),
		cache: []CacheRow{{E, OnFwdGetS, do(data, SendWbClean, LoseWrite), S, "memory is already current, but the home waits for our word"}},
	}, {
		when:  when(putE),
		cache: []CacheRow{{EI_A, OnFwdGetS, do(data, SendWbClean), SI_A, "as from E; the Put behind us will be that of a sharer"}},
	}}
}

// migrateRows: an owner answers a read with ownership (read_dirty = migrate). Good when
// a read is mostly followed by a write of the same core, as in a lock's critical section.
var migrateRows = []group{{
	cache: []CacheRow{
		{M, OnFwdGetSMigrate, do(SendDataD, DropLine, LosePerm), I, "the reader becomes the owner of the dirty line; memory stays stale"},
		{IS_D, OnDataD, do(FillLine, PerformNow, SendUnbX), M, "we took over a dirty line"},
	},
}, {
	when:  when(exclusive),
	cache: []CacheRow{{E, OnFwdGetSMigrate, do(SendDataE, DropLine, LosePerm), I, "the reader becomes the owner of the clean line"}},
}, {
	when:  when(nonBlocking|silentS, nonBlocking|coarse),
	cache: []CacheRow{{ISI_D, OnDataD, do(FillLine, PerformNow, SendUnbX), M, "the home was blocked for us, so the Inv was of an older turn"}},
}}

// sharedFillRows: data that comes with a shared copy and an unblock.
var sharedFillRows = []group{{
	cache: []CacheRow{{IS_D, OnDataS, do(FillLine, PerformNow, SendUnbS), S, "a shared copy; the home waits for our word"}},
}}

// staleInvRows: an Inv for a copy that is no longer there. The home blocks per turn, so
// such an Inv is older than our own request and takes nothing from it.
var staleInvRows = []group{{
	when:  when(silentS, coarse),
	cache: []CacheRow{{I, OnInv, do(SendInvAck), I, "the copy was dropped silently, or a coarse list named us in vain"}},
}, {
	when:  when(silentS, coarse, noUpgrade),
	cache: []CacheRow{{IM_AD, OnInv, do(SendInvAck), IM_AD, "the copy was dropped before our request; its turn is yet to come"}},
}, {
	when:  when(silentS|blocking, coarse|blocking),
	cache: []CacheRow{{IS_D, OnInv, do(SendInvAck), IS_D, "the copy was dropped before our request; its turn is yet to come"}},
}, {
	when: when(coarse),
	cache: []CacheRow{
		{II_A, OnInv, do(SendInvAck), II_A, "a coarse list named us in vain"},
		{MI_A, OnInv, do(SendInvAck, DropLine), II_A, "a coarse list named us in vain; the home shares the line, so it has taken our Put and its ack is under way"},
	},
}, {
	when:  when(coarse | putE),
	cache: []CacheRow{{EI_A, OnInv, do(SendInvAck, DropLine), II_A, "as in MI_A: the ack of our Put is under way"}},
}, {
	when:  when(coarse | putE | recalled),
	cache: []CacheRow{{EI_A, OnRcInv, do(SendRcAck, DropLine), II_A, "as in MI_A: the ack of our Put is under way"}},
}, {
	when:  when(silentS|recalled, coarse|recalled),
	cache: []CacheRow{{I, OnRcInv, do(SendRcAck), I, "the copy was dropped silently, or a coarse list named us in vain"}},
}, {
	when:  when(silentS|recalled, coarse|recalled, noUpgrade|recalled),
	cache: []CacheRow{{IM_AD, OnRcInv, do(SendRcAck), IM_AD, "the copy was dropped before our request; its turn is yet to come"}},
}, {
	when:  when(silentS|blocking|recalled, coarse|blocking|recalled),
	cache: []CacheRow{{IS_D, OnRcInv, do(SendRcAck), IS_D, "the copy was dropped before our request; its turn is yet to come"}},
}, {
	when: when(coarse | recalled),
	cache: []CacheRow{
		{II_A, OnRcInv, do(SendRcAck), II_A, "a coarse list named us in vain"},
		{MI_A, OnRcInv, do(SendRcAck, DropLine), II_A, "a coarse list named us in vain; the ack of our Put is under way"},
	},
}}

// nonBlockingRows: the home serves reads of shared lines without waiting for the reader,
// so an Inv of the next turn can overtake the data.
var nonBlockingRows = []group{{
	when: when(nonBlocking),
	cache: []CacheRow{
		{IS_D, OnDataSn, do(FillLine, PerformNow), S, "a shared copy; the home did not wait for us"},
		{IS_D, OnInv, do(SendInvAck), ISI_D, "the Inv may be of a turn after ours: the data to come are good for one use"},
		{ISI_D, OnLoad, do(WaitHere), ISI_D, "the read in flight will answer"},
		{ISI_D, OnStore, do(WaitHere), ISI_D, "one transaction per line and cache"},
		{ISI_D, OnDataSn, do(FillLine, PerformNow, UseItOnce, DropLine), I, "the value was current when our turn came; using it once is a legal order, keeping it is not"},
	},
}, {
	when:  when(nonBlocking|silentS, nonBlocking|coarse),
	cache: []CacheRow{{ISI_D, OnDataS, do(FillLine, PerformNow, SendUnbS), S, "the home was blocked for us, so the Inv was of an older turn"}},
}, {
	when:  when(nonBlocking|exclusive|silentS, nonBlocking|exclusive|coarse),
	cache: []CacheRow{{ISI_D, OnDataE, do(FillLine, PerformNow, SendUnbX), E, "the home was blocked for us, so the Inv was of an older turn"}},
}, {
	when:  when(nonBlocking|silentS, nonBlocking|coarse),
	cache: []CacheRow{{ISI_D, OnInv, do(SendInvAck), ISI_D, "a second Inv of an older turn"}},
}, {
	when:  when(nonBlocking | recalled),
	cache: []CacheRow{{IS_D, OnRcInv, do(SendRcAck), ISI_D, "as an Inv: the recall may be of a turn after ours"}},
}, {
	when:  when(nonBlocking|recalled|silentS, nonBlocking|recalled|coarse),
	cache: []CacheRow{{ISI_D, OnRcInv, do(SendRcAck), ISI_D, "a second call of an older turn"}},
}}

// recallRows: the home takes every copy back, for its entry or for a far atomic.
var recallRows = []group{{
	when: when(recalled),
	cache: []CacheRow{
		{S, OnRcInv, do(SendRcAck, DropLine, LosePerm), I, "the home takes every copy back"},
		{SI_A, OnRcInv, do(SendRcAck, DropLine), II_A, "the copy in the eviction buffer counts as a copy"},
		{M, OnRcX, do(SendWbData, DropLine, LosePerm), I, "the only current copy must reach memory"},
		{MI_A, OnRcX, do(SendWbData, DropLine), II_A, "the Put behind us will be stale, so the data go with the answer"},
	},
}, {
	when:  when(recalled | exclusive),
	cache: []CacheRow{{E, OnRcX, do(SendWbClean, DropLine, LosePerm), I, "memory is already current"}},
}, {
	when:  when(recalled | putE),
	cache: []CacheRow{{EI_A, OnRcX, do(SendWbClean, DropLine), II_A, "memory is already current"}},
}}
