package mesi

import "slices"

// MOESI lets a dirty line be shared without writing it back: the owner (O) answers
// reads and memory stays stale until the owner evicts.
var MOESI = define("moesi", "MESI, and an owner of a dirty line serves readers without writing back (O)",
	Options{SilentS: true, PutE: true, Upgrade: true, ExclusiveGrant: true},
	func(Options) error { return nil },
	slices.Concat(cacheCommon, upgradeRows, evictSharedRows, exclusiveRows, migrateRows, sharedFillRows,
		staleInvRows, nonBlockingRows, recallRows, readMissRows(when(silentE), nil),
		homeCommon, homeWrites(), homeSharedReads, ownedRows, farRows(), farOwnedRows)...)

var ownedRows = []group{{
	cache: []CacheRow{
		{O, OnLoad, do(HitNow), O, "the owner's copy is readable"},
		{O, OnStore, do(SendUpg, WaitHere), OM_AD, "we have the data; the sharers must go. (Asking for data instead would lose the only current copy)"},
		{O, OnEvict, do(SendPutM, ParkLine), OI_A, "memory is stale: the owner's data must reach it"},
		{M, OnFwdGetS, do(SendDataSo, LoseWrite), O, "the reader shares, we stay owner, memory stays stale"},
		{O, OnFwdGetS, do(SendDataSo), O, "one more sharer"},
		{O, OnFwdGetM, do(SendDataM, DropLine, LosePerm), I, "the writer gets the line straight from its owner"},
		{MI_A, OnFwdGetS, do(SendDataSo), OI_A, "as from M; the Put behind us is that of an owner in O"},
		{IS_D, OnDataSo, do(FillLine, PerformNow, SendUnbO), S, "a shared copy; the owner stays"},
	},
}, {
	cache: waits("the eviction ends first, or a request could overtake its own Put", OnLoad, OI_A),
}, {
	cache: waits("the eviction ends first, or a request could overtake its own Put", OnStore, OI_A),
}, {
	cache: []CacheRow{
		{OI_A, OnFwdGetS, do(SendDataSo), OI_A, "one more sharer; our Put hands the data to memory later"},
		{OI_A, OnFwdGetM, do(SendDataM, DropLine), II_A, "the forward was sent before the home saw our Put, which will be stale"},
		{OI_A, OnPutAck, do(DropLine, FreeEntry), I, "memory has the data"},

		{OM_AD, OnLoad, do(HitNow), OM_AD, "the owner's copy stays readable"},
		{OM_AD, OnStore, do(WaitHere), OM_AD, "the store in flight comes first"},
		{OM_A, OnLoad, do(HitNow), OM_A, "nobody else can have written yet"},
		{OM_A, OnStore, do(WaitHere), OM_A, "the store in flight comes first"},
		{OM_AD, OnFwdGetS, do(SendDataSo), OM_AD, "the reader's turn is before ours; it will be invalidated by it"},
		{OM_AD, OnFwdGetM, do(SendDataM, DropLine, LosePerm), IM_AD, "another writer came first; the home will see that we need data"},
		{OM_AD, OnAckCntLast, do(AddAcks, PerformNow, SendUnbX), M, "granted, and no other copy is left"},
		{OM_AD, OnAckCntMore, do(AddAcks), OM_A, "granted, other copies may still be read"},
		{OM_AD, OnInvAckMore, do(SubAck), OM_AD, "acks may overtake the count on an unordered network"},
		{OM_A, OnInvAckMore, do(SubAck), OM_A, "not the last copy"},
		{OM_A, OnInvAckLast, do(SubAck, PerformNow, SendUnbX), M, "the last other copy is gone"},
	},
}, {
	when: when(upgrade),
	cache: []CacheRow{
		{O, OnInv, do(SendInvAck, DropLine, LosePerm), I, "a sharer upgrades: it has the same value, so the dirty data may go"},
		{OM_AD, OnInv, do(SendInvAck, DropLine, LosePerm), IM_AD, "a sharer's upgrade came first; the home will see that we need data"},
	},
	home: []HomeRow{
		{HO, AtUpgListed, do(TakeReq, GrantUpgOwner, InvOthers, InvOwner), B_X, "the upgrader has the same value as the owner, who must go too"},
	},
}, {
	when:  when(upgrade, coarse),
	cache: []CacheRow{{OI_A, OnInv, do(SendInvAck, DropLine), II_A, "a sharer upgrades and has the same value; or a coarse list named us in vain and the ack of our Put is under way"}},
}, {
	when:  when(coarse | recalled),
	cache: []CacheRow{{OI_A, OnRcInv, do(SendRcAck, DropLine), II_A, "a coarse list named us in vain; the ack of our Put is under way"}},
}, {
	when:  when(exclusive),
	cache: []CacheRow{{E, OnFwdGetS, do(SendDataS, LoseWrite), S, "memory is current, so nobody needs to own the line"}},
}, {
	when:  when(putE),
	cache: []CacheRow{{EI_A, OnFwdGetS, do(SendDataS), SI_A, "as from E; the Put behind us will be that of a sharer"}},
}, {
	when:  when(nonBlocking|silentS, nonBlocking|coarse),
	cache: []CacheRow{{ISI_D, OnDataSo, do(FillLine, PerformNow, SendUnbO), S, "the home was blocked for us, so the Inv was of an older turn"}},
}, {
	home: stalls(B_FS),
}, {
	home: puts(HO, anyPut, isNone, HO, staleWhy, AckPut),
}, {
	home: puts(HO, onlyPutS, isListed, HO, "a sharer leaves; the owner stays", DelSender, AckPut),
}, {
	when: when(coarse),
	home: puts(HO, onlyPutE, isListed, HO, "stale, and listed in vain by a coarse list", AckPut),
}, {
	when: when(coarse),
	home: puts(HO, onlyPutM, isListed, HO, "stale, and listed in vain by a coarse list", AckPut),
}, {
	when: when(coarse),
	home: puts(HS, onlyPutM, isListed, HS, "stale, and listed in vain by a coarse list", AckPut),
}, {
	when: when(putS),
	home: puts(HO, onlyPutM, isOwnLast, HI, "memory is current again and nobody has a copy", WriteHome, ForgetOwner, AckPut),
}, {
	home: []HomeRow{
		{HO, AtGetSNone, do(TakeReq, ForwardGetS), B_FS, "memory is stale: the owner serves"},
		{HO, AtGetMNone, do(TakeReq, ForwardGetM, InvOthers), B_X, "the owner sends data, the sharers ack, both to the writer"},
		{HO, AtUpgNone, do(TakeReq, ForwardGetM, InvOthers), B_X, "the upgrader lost its copy to an earlier writer and needs the data"},
		{HO, AtUpgOwn, do(TakeReq, GrantUpg, InvOthers), B_X, "the owner has the data; the sharers must go"},
		{HO, AtPutMOwn, do(WriteHome, ForgetOwner, AckPut), HS, "memory is current again, the sharers stay"},
		{B_FS, AtUnbO, do(AddReq, ForgetReq), HO, "the owner keeps the dirty line, the reader shares"},
	},
}, {
	when: when(silentS, coarse, noUpgrade),
	home: []HomeRow{
		{HO, AtGetMListed, do(TakeReq, ForwardGetM, InvOthers), B_X, "the writer dropped its own copy and needs the data"},
	},
}, {
	when: when(silentS, coarse),
	home: []HomeRow{
		{HO, AtGetSListed, do(TakeReq, ForwardGetS), B_FS, "the reader dropped its copy; memory is stale: the owner serves"},
	},
}, {
	when: when(coarse),
	home: []HomeRow{
		{HO, AtUpgUnsure, do(TakeReq, ForwardGetM, InvOthers), B_X, "a coarse list cannot tell whether the upgrader still has the data"},
	},
}, {
	when: when(exclusive),
	home: []HomeRow{
		{B_FS, AtUnbS, do(AddReq, AddOwner, ForgetOwner, ForgetReq), HS, "the owner's line was clean: both share, nobody owns"},
	},
}, {
	when: when(recalled),
	cache: []CacheRow{
		{O, OnRcX, do(SendWbData, DropLine, LosePerm), I, "memory is stale: the owner's data must reach it"},
		{OI_A, OnRcX, do(SendWbData, DropLine), II_A, "the Put behind us will be stale, so the data go with the answer"},
		{OM_AD, OnRcX, do(SendWbData, DropLine, LosePerm), IM_AD, "the home takes every copy back; our upgrade will find none listed"},
	},
}, {
	when: when(recall),
	home: []HomeRow{
		{HO, AtRecall, do(RecallSharers, RecallOwner), R_X, "the entry is needed for another line"},
		{R_X, AtRcAckMore, do(SubRcAck), R_X, "the owner's answer is awaited in any case"},
		{R_X, AtRcAckLast, do(SubRcAck), R_X, "the owner's answer is awaited in any case"},
		{R_X, AtWbDataMore, do(WriteHome, ForgetOwner), R_S, "memory is current; sharers are still to answer"},
	},
}}
