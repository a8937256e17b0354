package mesi

// Action is one step of a row. One interpreter gives actions their meaning
// (step.go), for the machine and the checker alike.
type Action uint8

// Actions of a cache. Replies to a requester go to the Req of the forward; the rest go
// home. FromLine data is the line before this row's FillLine or DropLine.
const (
	noAction    Action = iota
	SendGetS           // read request
	SendGetM           // write request
	SendUpg            // upgrade request
	SendPutS           // eviction notice of a shared line
	SendPutE           // eviction notice of a clean exclusive line
	SendPutM           // eviction of a dirty line, with data
	SendFarOp          // atomic op for the home to perform
	SendDataS          // shared data to the requester
	SendDataSo         // shared data to the requester, the sender stays owner
	SendDataE          // clean exclusive data to the requester
	SendDataF          // shared data and the forwarder's role to the requester
	SendDataD          // dirty exclusive data to the requester
	SendDataM          // data to a writer, with the ack count the forward brought
	SendInvAck         // ack to the requester
	SendRcAck          // recall ack to the home
	SendWbData         // dirty data to the home
	SendWbClean        // word to the home that memory is current
	SendFwdMiss        // word to the home that there is no copy here
	SendUnbS           // transaction complete, sharing
	SendUnbO           // transaction complete, sharing with an owner
	SendUnbX           // transaction complete, owning
	AddAcks            // balance += acks of the message
	SubAck             // balance -= 1

	// Actions of the home. "Others" are the sharers without the requester and the owner.
	TakeReq       // requester := sender; a line that nobody has has no owner (the first action, if there)
	ForgetReq     // requester := none
	GrantDataS    // shared data from memory to the requester
	GrantDataSn   // shared data from memory to the requester, without blocking
	GrantDataE    // exclusive data from memory to the requester
	GrantDataF    // shared data and the forwarder's role to the requester
	GrantDataM    // data from memory and the number of others to the requester
	GrantUpg      // the number of others to the requester
	GrantUpgOwner // the number of others, plus one for the owner, to the requester
	ForwardGetS   // the read to the owner or forwarder
	ForwardGetM   // the write and the number of others to the owner
	InvOthers     // Inv to the others; sharers := none
	InvOwner      // Inv to the owner
	AckPut        // PutAck to the sender
	AddReq        // sharers += requester
	AddOwner      // sharers += owner
	DelSender     // sharers -= sender; a coarse list cannot, one bit stands for several caches
	DelOwner      // sharers -= owner
	OwnReq        // owner or forwarder := requester
	ForgetOwner   // owner or forwarder := none
	RecallSharers // RcInv to the sharers; recall acks := their number; sharers := none
	RecallOwner   // RcX to the owner
	SubRcAck      // recall acks -= 1
	StartFar      // the atomic unit takes the requester's op: FarDone follows
	AnswerFar     // FarVal to the requester

	// Actions that only tell the caller: each is the Effect of its name.
	firstEffect
)

// Effects as actions, so that a row lists everything it does in one place.
const (
	HitNow     = firstEffect + iota // Hit
	WaitHere                        // Wait
	PerformNow                      // Perform
	FillLine                        // Fill
	DropLine                        // Drop
	FreeEntry                       // Freed
	UseItOnce                       // UseOnce
	LosePerm                        // Lost
	LoseWrite                       // Downgraded
	ParkLine                        // Parked
	WriteHome                       // WriteMem
	PerformIt                       // PerformFar
	StallHere                       // Stall
	numActions
)

var actionNames = [numActions]string{"", "SendGetS", "SendGetM", "SendUpg", "SendPutS", "SendPutE", "SendPutM", "SendFarOp",
	"SendDataS", "SendDataSo", "SendDataE", "SendDataF", "SendDataD", "SendDataM", "SendInvAck", "SendRcAck",
	"SendWbData", "SendWbClean", "SendFwdMiss", "SendUnbS", "SendUnbO", "SendUnbX", "AddAcks", "SubAck",
	"TakeReq", "ForgetReq", "GrantDataS", "GrantDataSn", "GrantDataE", "GrantDataF", "GrantDataM", "GrantUpg",
	"GrantUpgOwner", "ForwardGetS", "ForwardGetM", "InvOthers", "InvOwner", "AckPut", "AddReq",
	"AddOwner", "DelSender", "DelOwner", "OwnReq", "ForgetOwner", "RecallSharers", "RecallOwner", "SubRcAck", "StartFar", "AnswerFar",
	"HitNow", "WaitHere", "PerformNow", "FillLine", "DropLine", "FreeEntry", "UseItOnce", "LosePerm", "LoseWrite",
	"ParkLine", "WriteHome", "PerformIt", "StallHere"}

func (a Action) String() string { return name(actionNames[:], int(a)) }

// Effect returns the effect that the action stands for, or 0 for an action that
// changes state or sends.
func (a Action) Effect() Effect {
	if a >= firstEffect {
		return 1 << (a - firstEffect)
	}
	return 0
}

// Sends returns the types of message that the action may send.
func Sends(a Action) []MsgType {
	switch {
	case a == InvOthers:
		return []MsgType{Inv}
	case a == RecallSharers:
		return []MsgType{RcInv}
	case a >= SendGetS && a <= SendUnbX:
		return []MsgType{sends[a].Type}
	case a < firstEffect && homeSends[a].msg != 0:
		return []MsgType{homeSends[a].msg}
	}
	return nil
}
