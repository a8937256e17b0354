package mesi

import (
	"errors"
	"slices"
)

// MESIF lets one sharer, the latest reader, answer reads of a shared line from its
// cache. The forwarder is no owner: memory is current, and F may be dropped like S.
var MESIF = define("mesif", "MESI, and the latest reader of a shared line answers further reads (F)",
	Options{SilentS: true, PutE: true, Upgrade: true, ExclusiveGrant: true},
	func(o Options) error {
		if o.NonBlockingS {
			return errors.New(`non_blocking_gets contradicts the forwarder, who must be known before the next read: allowed is non_blocking_gets = false, or protocol "msi", "mesi", "moesi"`)
		}
		return nil
	},
	slices.Concat(cacheCommon, upgradeRows, evictSharedRows, exclusiveRows, migrateRows, staleInvRows, recallRows,
		readMissRows(when(silentS, silentE), when(noUpgrade)), downgradeByWriteBack(SendDataF),
		homeCommon, homeWrites(ForgetOwner), homeWriteBacks(OwnReq), forwarderRows, farRows(ForgetOwner))...)

var forwarderRows = []group{{
	cache: []CacheRow{
		{F, OnLoad, do(HitNow), F, "the forwarder's copy is readable"},
		{F, OnFwdGetS, do(SendDataF), S, "the newest reader becomes the forwarder: its copy will live longest"},
		{F, OnInv, do(SendInvAck, DropLine, LosePerm), I, "a writer collects our ack before it writes"},
		{IS_D, OnDataF, do(FillLine, PerformNow, SendUnbS), F, "a shared copy and the forwarder's role"},
	},
	home: []HomeRow{
		{HS, AtGetSNoneFwd, do(TakeReq, ForwardGetS), B_FF, "the forwarder answers from its cache"},
		{B_S, AtUnbS, do(AddReq, OwnReq, ForgetReq), HS, "the reader is the forwarder now"},
		{B_FF, AtUnbS, do(AddReq, OwnReq, ForgetReq), HS, "the reader is the forwarder now; the old one stays a sharer"},
		{HS, AtUpgOwn, do(TakeReq, GrantUpg, InvOthers, ForgetOwner), B_X, "the forwarder has the data"},
	},
}, {
	home: stalls(B_FF),
}, {
	home: puts(HS, onlyPutS, isOwn, HS, "the forwarder leaves: memory serves the next read", DelSender, ForgetOwner, AckPut),
}, {
	home: puts(HS, onlyPutS, isOwnLast, HI, "the forwarder was the last sharer", DelSender, ForgetOwner, AckPut),
}, {
	when: when(upgrade),
	cache: []CacheRow{
		{F, OnStore, do(SendUpg, WaitHere), SM_AD, "we have the data, only permission is missing"},
		{SM_AD, OnFwdGetS, do(SendDataF), SM_AD, "the reader's turn is before ours; it is the forwarder now"},
	},
}, {
	when:  when(noUpgrade),
	cache: []CacheRow{{F, OnStore, do(SendGetM, DropLine, WaitHere), IM_AD, "without upgrades a store to a shared line is a write miss"}},
}, {
	when:  when(silentS),
	cache: []CacheRow{{F, OnSilentEvict, do(DropLine), I, "the home finds out when it asks us"}},
}, {
	when: when(putS),
	cache: []CacheRow{
		{F, OnEvict, do(SendPutS, ParkLine), SI_A, "the home shall stop asking us"},
		{SI_A, OnFwdGetS, do(SendDataF), SI_A, "the copy in the eviction buffer is as good; the home learns of the new forwarder from the reader"},
	},
	home: []HomeRow{
		{HS, AtGetSNone, do(TakeReq, GrantDataF), B_S, "the forwarder left, so none is known; memory is current"},
	},
}, {
	when: when(silentS, noUpgrade),
	home: []HomeRow{
		{B_FF, AtFwdMiss, do(DelOwner, ForgetOwner, GrantDataF), B_S, "the forwarder dropped its copy: memory is current"},
		{HS, AtGetMOwn, do(TakeReq, GrantDataM, InvOthers, ForgetOwner), B_X, "the forwarder dropped its copy and needs the data"},
	},
}, {
	when: when(silentS, coarse),
	home: []HomeRow{
		{HS, AtGetSOwn, do(TakeReq, GrantDataF), B_S, "the forwarder dropped its copy and wants it back"},
		{HS, AtGetSListedFwd, do(TakeReq, ForwardGetS), B_FF, "the reader dropped its copy; the forwarder answers"},
	},
}, {
	when: when(silentS|putS, coarse|putS),
	home: []HomeRow{{HS, AtGetSListed, do(TakeReq, GrantDataF), B_S, "the reader dropped its copy; no forwarder is known"}},
}, {
	when: when(noExclusive),
	home: []HomeRow{{HI, AtGetSNone, do(TakeReq, GrantDataF), B_S, "memory is the only copy; the reader is the forwarder"}},
}, {
	when:  when(recalled),
	cache: []CacheRow{{F, OnRcInv, do(SendRcAck, DropLine, LosePerm), I, "the home takes every copy back"}},
}}
