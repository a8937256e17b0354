package mesi

// Rows of the home controller that protocols share.

// stalls returns rows that let every request wait in each of the blocked states.
func stalls(states ...HomeState) []HomeRow {
	var rows []HomeRow
	for _, s := range states {
		for _, on := range waitEvent {
			rows = append(rows, HomeRow{s, on, do(StallHere), s, "one transaction per line at a time; nothing is refused, it waits"})
		}
	}
	return rows
}

// puts returns the rows of one state for Puts of the given types and qualifier.
func puts(from HomeState, types []HomeEvent, qualifier HomeEvent, to HomeState, why string, a ...Action) []HomeRow {
	var rows []HomeRow
	for _, on := range types {
		rows = append(rows, HomeRow{from, on + qualifier, a, to, why})
	}
	return rows
}

var (
	anyPut   = []HomeEvent{AtPutSWait, AtPutEWait, AtPutMWait}
	cleanPut = []HomeEvent{AtPutSWait, AtPutEWait}
	onlyPutS = []HomeEvent{AtPutSWait}
	onlyPutE = []HomeEvent{AtPutEWait}
	onlyPutM = []HomeEvent{AtPutMWait}
)

// Qualifiers of a Put, as distances from its Wait event.
const (
	isNone    = AtPutSNone - AtPutSWait
	isListed  = AtPutSListed - AtPutSWait
	isLast    = AtPutSLast - AtPutSWait
	isOwn     = AtPutSOwn - AtPutSWait
	isOwnLast = AtPutSOwnLast - AtPutSWait
)

const (
	staleWhy     = "stale: the copy was taken meanwhile; its data are NOT written, memory or the new owner may be newer"
	sharerPutWhy = "an old owner is a sharer now and leaves the list; its data reached memory when it served the reader"
)

var homeCommon = []group{
	{home: stalls(B_S, B_X, B_FX)},
	{home: puts(HI, anyPut, isNone, HI, staleWhy, AckPut)},
	{home: puts(HS, anyPut, isNone, HS, staleWhy, AckPut)},
	{home: puts(HS, cleanPut, isListed, HS, "a sharer, or an old owner that shares now, leaves the list", DelSender, AckPut)},
	{when: when(putS), home: puts(HS, cleanPut, isLast, HI, "the last sharer leaves", DelSender, AckPut)},
	{home: puts(HX, anyPut, isNone, HX, staleWhy, AckPut)},
	{home: []HomeRow{
		{HI, AtGetMNone, do(TakeReq, GrantDataM), B_X, "memory is the only copy"},
		{HI, AtUpgNone, do(TakeReq, GrantDataM), B_X, "the copy to be upgraded is gone, so data are needed"},

		{HX, AtGetSNone, do(TakeReq, ForwardGetS), B_FS, "only the owner has current data"},
		{HX, AtGetMNone, do(TakeReq, ForwardGetM), B_FX, "only the owner has current data"},
		{HX, AtUpgNone, do(TakeReq, ForwardGetM), B_FX, "the upgrader lost its copy to the owner and needs the data"},
		{HX, AtPutMOwnLast, do(WriteHome, ForgetOwner, AckPut), HI, "the owner returns the line"},

		{B_X, AtUnbX, do(OwnReq, ForgetReq), HX, "the requester has the line"},
		{B_FX, AtUnbX, do(OwnReq, ForgetReq), HX, "the old owner handed the line over"},
		{B_FS, AtUnbX, do(OwnReq, ForgetReq), HX, "the owner answered the read with ownership (migrate)"},
	}},
	{when: when(exclusive), home: []HomeRow{
		{HI, AtGetSNone, do(TakeReq, GrantDataE), B_X, "nobody else has a copy: a later store needs no message"},
	}},
	{when: when(putE), home: []HomeRow{
		{HX, AtPutEOwnLast, do(ForgetOwner, AckPut), HI, "the owner leaves, memory is current"},
	}},
	{when: when(silentE), home: []HomeRow{
		{HX, AtGetSOwn, do(TakeReq, GrantDataE), B_X, "the owner asks, so it dropped a clean line: memory is current"},
		{HX, AtGetMOwn, do(TakeReq, GrantDataM), B_X, "the owner asks, so it dropped a clean line: memory is current"},
		{B_FS, AtFwdMiss, do(ForgetOwner, GrantDataE), B_X, "the owner dropped a clean line: memory is current"},
		{B_FX, AtFwdMiss, do(ForgetOwner, GrantDataM), B_X, "the owner dropped a clean line: memory is current"},
	}},
	{when: when(recall), home: stalls(R_S, R_X)},
	{when: when(recall), home: []HomeRow{
		{HX, AtRecall, do(RecallOwner), R_X, "the entry is needed for another line"},
		{R_S, AtRcAckMore, do(SubRcAck), R_S, "not the last copy"},
		{R_S, AtRcAckLast, do(SubRcAck), HI, "the last copy is gone"},
		{R_X, AtWbData, do(WriteHome, ForgetOwner), HI, "memory is current and no copy is left"},
		{R_X, AtWbClean, do(ForgetOwner), HI, "memory is current and no copy is left"},
	}},
	{when: when(recall | silentE), home: []HomeRow{
		{R_X, AtFwdMiss, do(ForgetOwner), HI, "the owner had dropped a clean line"},
	}},
}

// homeSharedReads: how reads of uncached and shared lines are served, without a forwarder.
var homeSharedReads = []group{
	{when: when(noExclusive), home: []HomeRow{
		{HI, AtGetSNone, do(TakeReq, GrantDataS), B_S, "memory is the only copy"},
	}},
	{when: when(blocking), home: []HomeRow{
		{HS, AtGetSNone, do(TakeReq, GrantDataS), B_S, "memory is current"},
	}},
	{when: when(blocking|silentS, blocking|coarse), home: []HomeRow{
		{HS, AtGetSListed, do(TakeReq, GrantDataS), B_S, "the reader dropped its copy, or a coarse list names it in vain"},
	}},
	{when: when(nonBlocking), home: []HomeRow{
		{HS, AtGetSNone, do(TakeReq, GrantDataSn, AddReq, ForgetReq), HS, "memory is current; the reader is listed at once, so no word from it is needed"},
	}},
	{when: when(nonBlocking|silentS, nonBlocking|coarse), home: []HomeRow{
		{HS, AtGetSListed, do(TakeReq, GrantDataSn, AddReq, ForgetReq), HS, "the reader dropped its copy, or a coarse list names it in vain"},
	}},
	{home: []HomeRow{
		{B_S, AtUnbS, do(AddReq, ForgetReq), HS, "the reader has its copy"},
	}},
}

// homeWriteBacks: a forwarded read ends when both the reader's unblock and the owner's
// write-back are here, in either order. (Unblocking before the write-back would let the
// next reader see stale memory.) The last action of the list names the forwarder.
func homeWriteBacks(forwarder Action) []group {
	done := do(AddReq, AddOwner, forwarder, ForgetReq)
	written := do(WriteHome, AddReq, AddOwner, forwarder, ForgetReq)
	return []group{
		{home: puts(HS, onlyPutM, isListed, HS, sharerPutWhy, DelSender, AckPut)},
		{when: when(putS), home: puts(HS, onlyPutM, isLast, HI, sharerPutWhy, DelSender, AckPut)},
		{home: stalls(B_FS, B_FSu, B_FSw)},
		{home: []HomeRow{
			{B_FS, AtUnbS, do(), B_FSu, "the reader has its copy; memory is not current yet"},
			{B_FS, AtWbData, do(WriteHome), B_FSw, "memory is current; the reader may still wait for its data"},
			{B_FSu, AtWbData, written, HS, "memory is current and the reader has its copy"},
			{B_FSw, AtUnbS, done, HS, "memory is current and the reader has its copy"},
		}},
		{when: when(exclusive), home: []HomeRow{
			{B_FS, AtWbClean, do(), B_FSw, "memory was current; the reader may still wait for its data"},
			{B_FSu, AtWbClean, done, HS, "memory was current and the reader has its copy"},
		}},
	}
}

// homeWrites: what takes a shared line away from its sharers. A protocol with a
// forwarder also forgets it.
func homeWrites(forget ...Action) []group {
	data := append(do(TakeReq, GrantDataM, InvOthers), forget...)
	count := append(do(TakeReq, GrantUpg, InvOthers), forget...)
	return []group{
		{home: []HomeRow{
			{HS, AtGetMNone, data, B_X, "memory is current; the sharers ack to the writer"},
			{HS, AtUpgNone, data, B_X, "the upgrader lost its copy to an earlier writer and needs the data"},
		}},
		{when: when(silentS, coarse, noUpgrade), home: []HomeRow{
			{HS, AtGetMListed, data, B_X, "the writer dropped its own copy and needs the data"},
		}},
		{when: when(upgrade), home: []HomeRow{
			{HS, AtUpgListed, count, B_X, "the upgrader has the data"},
		}},
		{when: when(coarse), home: []HomeRow{
			{HS, AtUpgUnsure, data, B_X, "a coarse list cannot tell whether the upgrader still has the data"},
		}},
		{when: when(recall), home: []HomeRow{
			{HS, AtRecall, append(do(RecallSharers), forget...), R_S, "the entry is needed for another line"},
		}},
	}
}
