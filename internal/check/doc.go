// Package check explores every state of a small system and says whether its laws hold.
//
// # Idea
//
// [Explore] is one breadth-first explorer for anything that implements [System]:
// coherence protocols ([NewProtocol]), two lines that compete for one cache entry
// ([NewTwoLines]), litmus tests ([NewLitmus]), and tasks that use a lock ([CheckLock]);
// the last two share an operational memory model (weak.go). A protocol system holds no
// copy of the protocol: it calls the step functions of package mesi, so the rows that
// the simulator runs are the rows that are proven.
//
// # Contract
//
// Every reachable state satisfies the invariants, no event is unspecified, no state is
// a deadlock, and from every state a goal state can still be reached. Otherwise the
// result holds a shortest path to the first state that breaks a law. A state is a fixed
// number of words; two states are the same exactly when their words are, so a verdict
// never rests on a hash.
//
// # Long runs
//
// go test explores every protocol at 3 caches, every combination of options at 2, and
// every mutant. More is behind environment variables:
//
//	COHSIM_LONG=1 go test ./internal/check -run EveryOptionSet   # every combination of options at 3 caches, every row reached
//	COHSIM_LONG=1 go test ./internal/check -run TwoLines         # two lines, every protocol
//	COHSIM_LONG=1 go test ./internal/check -run Coarse           # coarse sharer lists at 4 caches
//	COHSIM_LONG=1 go test ./internal/check -run FarAtomic        # mutants of far atomics, every protocol
//	COHSIM_RUMUR=1 go test ./internal/check -run Exported        # exported models under rumur; =all for every variant
//	go test ./internal/check -run '^$' -bench FourCaches         # 3,141,584 states
//
// # What it does not know
//
// Time. Messages travel in a bag and arrive in any order; a core may ask at any time.
package check
