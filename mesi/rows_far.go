package mesi

// Rows of far atomics: an atomic op that the home performs on memory.
//
// The requester sends the op with its operands (FarOp) and gets the old value back
// (FarVal); the line itself does not move to it. The home takes every copy back first,
// the requester's own among them, by the forwards of a recall. So a copy answers as it
// always does when it is taken back, in the middle of an eviction or of an upgrade too,
// and there is no race of its own: an atomic op at the home is a recall with an op at
// its end. FarDone is the home's word to itself that the op is through its atomic unit;
// until then the line is blocked and everybody waits.

// farRows are the rows of a protocol whose dirty lines have no sharers. Forget is what
// a protocol with a forwarder does besides when the sharers are taken back.
func farRows(forget ...Action) []group {
	return []group{{
		when:  when(far),
		cache: farCacheRows(),
		home: []HomeRow{
			{HI, AtFarOp, do(TakeReq, StartFar), A_P, "memory is the only copy"},
			{HS, AtFarOp, append(do(TakeReq, RecallSharers), forget...), A_S, "nobody may read while the home writes; the requester's copy goes too"},
			{HX, AtFarOp, do(TakeReq, RecallOwner), A_X, "only the owner has current data, and it must not write meanwhile; the owner may be the requester"},
			{A_S, AtRcAckMore, do(SubRcAck), A_S, "not the last copy"},
			{A_S, AtRcAckLast, do(SubRcAck, StartFar), A_P, "the last copy is gone and memory is current"},
			{A_X, AtWbData, do(WriteHome, ForgetOwner, StartFar), A_P, "memory is current and no copy is left"},
			{A_X, AtWbClean, do(ForgetOwner, StartFar), A_P, "memory is current and no copy is left"},
			{A_P, AtFarDone, do(PerformIt, AnswerFar, ForgetReq), HI, "performed on memory; the requester gets the old value and no copy"},
		},
	}, {
		when: when(far | silentE),
		home: []HomeRow{
			{A_X, AtFwdMiss, do(ForgetOwner, StartFar), A_P, "the owner had dropped a clean line"},
		},
	}, {
		when: when(far),
		home: stalls(A_S, A_X, A_P),
	}}
}

// farOwnedRows: dirty lines may have sharers beside the owner (MOESI).
var farOwnedRows = []group{{
	when: when(far),
	home: []HomeRow{
		{HO, AtFarOp, do(TakeReq, RecallSharers, RecallOwner), A_X, "memory is stale and others may read: the owner's data and every copy come back"},
		{A_X, AtRcAckMore, do(SubRcAck), A_X, "the owner's answer is awaited in any case"},
		{A_X, AtRcAckLast, do(SubRcAck), A_X, "the owner's answer is awaited in any case"},
		{A_X, AtWbDataMore, do(WriteHome, ForgetOwner), A_S, "memory is current; sharers are still to answer"},
	},
}}

// farCacheRows: a cache passes its core's op on in any state, and its answer back in
// any state. Neither touches the line: the home takes the copy back by a forward, which
// may come before the answer or, if the line has been fetched again, long before.
func farCacheRows() []CacheRow {
	var rows []CacheRow
	for s := I; s < NumStates; s++ {
		ask := "the home performs the op; it will take our copy back by a forward"
		switch {
		case s == I:
			ask = "the home performs the op; the line is not fetched"
		case asking>>s&1 != 0:
			ask = "the home serves this op and the request in flight one after the other, in either order"
		case parked>>s&1 != 0:
			ask = "the home takes the op and the Put in either order: a Put that comes second is stale"
		}
		rows = append(rows,
			CacheRow{s, OnFar, do(SendFarOp, WaitHere), s, ask},
			CacheRow{s, OnFarVal, do(PerformNow), s, "the op is performed; the line is as it is by now"})
	}
	return rows
}
