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

// history is what a core has learned of one branch. It is zero at first, and so small
// that a machine is new at once: there is one for each op of a program on each core.
type history struct {
	past    outcomes // of retired ones
	ahead   outcomes // of those in the window too
	counter uint32   // for each past two bits: the counter, taken from 2 on, xor where it starts
}

// counterStart is what a branch's counters are before it has been met: they lean to its hint.
func counterStart(op *Op) uint32 {
	if op.Flags&Likely != 0 {
		return 2
	}
	return 1
}

// newHistories are those of the next code, in the memory of the one in whose place it
// comes, if there is enough of it.
func (c *Core) newHistories(n int) []history {
	k := len(c.codes)
	if k == cap(c.codes) || cap(c.codes[:k+1][k].histories) < n {
		return make([]history, n)
	}
	h := c.codes[:k+1][k].histories[:n]
	clear(h)
	return h
}

// predicts reports whether the branch at pc will be taken.
func (c *Core) predicts(pc int32, op *Op) bool {
	if c.histories == nil || op.Fn == Always {
		return op.Flags&Likely != 0
	}
	h := &c.histories[pc]
	return (h.counter>>(2*h.ahead)&3 ^ counterStart(op)) >= 2
}

// learn tells the predictor how a branch went that retires.
func (c *Core) learn(pc int32, took bool) {
	h := &c.histories[pc]
	start, at := counterStart(&c.ops[pc]), 2*h.past
	n := h.counter>>at&3 ^ start
	if took {
		n = min(n+1, 3)
	} else if n > 0 {
		n--
	}
	h.counter = h.counter&^(3<<at) | (n^start)<<at
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
