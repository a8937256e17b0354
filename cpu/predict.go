package cpu

// Prediction of branches. Static: as the program says, likely or unlikely. Learned: a
// two-level predictor (Yeh and Patt 1991), each branch with a history of its own: how
// it went the last times chooses one of its two-bit counters. It starts from the static
// hint. The history runs ahead with what was predicted; counters learn when a branch
// retires, so that wrong paths teach them nothing.

const historyBits = 4

// outcomes are the last ones of a branch, the latest in bit 0.
type outcomes uint8

func (o outcomes) then(took bool) outcomes {
	o = o << 1 & (1<<historyBits - 1)
	if took {
		o |= 1
	}
	return o
}

// history is what a core has learned of one branch.
type history struct {
	past    outcomes                // of retired ones
	ahead   outcomes                // of those in the window too
	counter [1 << historyBits]uint8 // taken from 2 on
}

func newHistories(ops []Op) []history {
	all := make([]history, len(ops))
	for i := range ops {
		first := uint8(1)
		if ops[i].Flags&Likely != 0 {
			first = 2
		}
		for k := range all[i].counter {
			all[i].counter[k] = first
		}
	}
	return all
}

// predicts reports whether the branch at pc will be taken.
func (c *Core) predicts(pc int32, op *Op) bool {
	if c.histories == nil || op.Fn == Always {
		return op.Flags&Likely != 0
	}
	h := &c.histories[pc]
	return h.counter[h.ahead] >= 2
}

// learn tells the predictor how a branch went that retires.
func (c *Core) learn(pc int32, took bool) {
	h := &c.histories[pc]
	n := &h.counter[h.past]
	if took {
		*n = min(*n+1, 3)
	} else if *n > 0 {
		*n--
	}
	h.past = h.past.then(took)
}

// unlearn takes what was predicted of squashed branches out of their histories; end is
// where the window ended before.
func (c *Core) unlearn(end uint64) {
	for n := c.head; n < end; n++ {
		if e := &c.win[n&c.mask]; e.op.Code == Branch {
			h := &c.histories[e.pc]
			h.ahead = h.past
		}
	}
	for n := c.head; n < c.tail; n++ {
		if e := &c.win[n&c.mask]; e.op.Code == Branch {
			h := &c.histories[e.pc]
			h.ahead = h.ahead.then(e.flags&taken != 0)
		}
	}
}
