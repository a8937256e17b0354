// Package mesi is the directory coherence protocol of cohsim, written as tables of rows.
//
// # Idea
//
// A message or a core request is first classified into an event (GetS.own,
// InvAck.last, FwdGetS.migrate and so on); then exactly one row
// {From, On, Do, To, Why} fires. Rows carry no guards: whatever a decision needs is
// in the event. The same rows and the same interpreter run in the timed machine, in
// the model checker and in the exporters, so what is proven is what is simulated.
//
// # Contract
//
// The step functions [Protocol.Core], [Protocol.Cache], [Protocol.Home] and
// [Protocol.Recall] work on small pointer-free values owned by the caller ([Line],
// [Entry]) and append the messages to send to an [Out]. They return an [Effect] that
// says what the caller does with bytes and waiting requests. Bytes are the caller's:
//
//   - for messages whose Data is FromLine the caller copies the line's bytes before it
//     obeys Fill or Drop; for FromMem it copies memory after it obeyed WriteMem;
//   - Perform means that the transaction is complete: the waiting access is performed
//     in this cycle, before any other message for the line is looked at. Otherwise two
//     writers can hand a line back and forth for ever without either storing;
//   - PerformFar means that the home performs the requester's atomic op on the memory
//     bytes, after WriteMem; FarVal takes the old value back, and FarDone comes back to
//     the home itself when its atomic unit is through;
//   - Stall means that the home is busy with another transaction on the line and took
//     no notice of the message; the caller keeps it queued and presents it again after
//     a step that returned Unblocked.
//
// Three virtual networks carry the messages, and none of them keeps any order. Forward
// and reply messages are never refused by a cache, replies are never refused by the
// home; only requests wait, so message classes cannot deadlock each other.
//
// An (state, event) pair without a row panics with [Unspecified].
//
// # Where things are
//
// nouns.go has the vocabulary, event.go the classification, action.go the actions,
// step.go the interpreter. Rows that protocols share are in rows_cache.go and
// rows_home.go, those of atomic ops at the home in rows_far.go, grouped by the options
// they need; msi.go, mesi.go, mesif.go and moesi.go choose groups and add their own. A
// new protocol is one more such file: [New], the model checker, the mutation score, the
// printed tables and the Murphi export find it by its name.
//
// # What it does not know
//
// Time, networks, bytes, cache geometry, MSHRs, replacement, and which core waits.
package mesi
