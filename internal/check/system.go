package check

// System is a finite transition system. States are slices of Words() words, owned by
// the explorer; a system must not keep or change them.
type System interface {
	// Words is the number of words of a state.
	Words() int
	// Initial adds the initial states.
	Initial(b *Batch)
	// Next adds every successor of a state, always in the same order. An error is a
	// law broken by taking a step, for instance an event nobody specified.
	Next(state []uint64, b *Batch) error
	// Check returns the invariant that the state breaks, or nil.
	Check(state []uint64) error
	// Goal says that nothing is under way in the state: from every reachable state one
	// of these must be reachable, and only these may be without a successor.
	Goal(state []uint64) bool
	// Canon replaces a state by the representative of its symmetry class. A system
	// without symmetry does nothing.
	Canon(state []uint64)
	// Label describes the steps that Next takes, in the same order, the one that fails
	// included. It may be slow.
	Label(state []uint64) []Step
}

// Step is one transition as a reader sees it. A chart draws an arrow from the step that
// sent a message to the one that got it.
type Step struct {
	Actor string   `json:"actor"`           // who acts: "c0", "home"
	What  string   `json:"what"`            // what happens there: "Load", "Inv"
	Gets  *Arrow   `json:"gets,omitempty"`  // the message consumed, if any
	Sends []Arrow  `json:"sends,omitempty"` // messages sent
	After []string `json:"after,omitempty"` // state of each of the Charter's Actors after the step

	Op    string `json:"op,omitempty"`    // of a task: what it does to which word, in short
	Value string `json:"value,omitempty"` // the value that it read, or what it made of which
}

// Arrow is one message of a chart.
type Arrow struct {
	From string `json:"from"`
	To   string `json:"to"`
	Text string `json:"text"`
}

// Charter is a System whose steps can be drawn.
type Charter interface {
	Actors() []string
}

// Guesser is a System of which some paths end without a meaning, because a guess on which
// they rest proves wrong; another path guessed right. A state that rests on a guess may be
// without a successor, and no goal need be reachable from it.
type Guesser interface {
	Guessing(state []uint64) bool
}

// Broken is the error of a law that does not hold.
type Broken struct {
	Law    string // short name: "SWMR", "deadlock"
	Detail string
}

func (b *Broken) Error() string {
	if b.Detail == "" {
		return b.Law
	}
	return b.Law + ": " + b.Detail
}

// Batch receives successor states.
type Batch struct {
	words int
	keys  []uint64
	n     int
}

// Len returns the number of states in the batch.
func (b *Batch) Len() int { return b.n }

// Copy adds a copy of state and returns it for the caller to change. The slice is valid
// until the next Copy, which may take it as its argument.
func (b *Batch) Copy(state []uint64) []uint64 {
	end := len(b.keys) + b.words
	if end > cap(b.keys) {
		grown := make([]uint64, len(b.keys), 2*end+64)
		copy(grown, b.keys)
		b.keys = grown
	}
	b.keys = b.keys[:end]
	k := b.keys[end-b.words : end : end]
	copy(k, state)
	b.n++
	return k
}

// Undo takes back the last Copy.
func (b *Batch) Undo() {
	b.keys = b.keys[:len(b.keys)-b.words]
	b.n--
}

// State returns the i-th state.
func (b *Batch) State(i int) []uint64 { return b.keys[i*b.words : (i+1)*b.words] }

func (b *Batch) reset() { b.keys, b.n = b.keys[:0], 0 }
