package cpu

// TaskWords are the words of a task_struct that the scheduler writes, as accesses of
// the core, so that programs can look at them. A width of 0 bytes is a word that
// nobody looks at.
type TaskWords struct {
	OnCPU, OnCPUBytes int    // offset and width; 1 while the task has a core. The first task of a core must have it set from the start
	Flags, FlagBytes  int    // offset and width
	NeedResched       uint64 // the bit of Flags that is set when the time slice is over and the task may not be preempted
}

// KeepWords makes the scheduler write them.
func (c *Core) KeepWords(w TaskWords) { c.words = w }

// writeOnCPU writes on_cpu of the task that the core holds.
func (c *Core) writeOnCPU(v uint64, t int64) {
	if c.words.OnCPUBytes == 0 {
		c.written(t)
		return
	}
	c.putWord(c.words.OnCPU, c.words.OnCPUBytes, 0, v, t)
}

// putWord writes a word of the task that the core holds, and goes on when it is
// written: bits in place of what it had but for those of keep.
func (c *Core) putWord(offset, bytes int, keep, bits uint64, t int64) {
	c.posted, c.bytes, c.keep, c.post = c.regs[TaskReg]+uint64(offset), bytes, keep, bits
	c.tryPost(t)
}

// tryPost writes the word if its line is writable.
func (c *Core) tryPost(t int64) {
	a := c.posted
	if c.port.Own(a, t, true) != Done {
		return
	}
	c.posted = 0
	c.port.Poke(a, c.bytes, c.port.Peek(a, c.bytes, t)&c.keep|c.post, t)
	c.stored(a, c.bytes, t)
	c.written(t)
}

// written goes on after a word of the scheduler has been written.
func (c *Core) written(t int64) {
	switch c.state {
	case untelling:
		if len(c.queue) > 0 && c.queue[0] == c.on { // nobody else: it goes on
			c.queue = c.queue[:copy(c.queue, c.queue[1:])]
			c.resume(t)
			break
		}
		c.save()
		c.state = clearing
		c.writeOnCPU(0, t)
		return
	case clearing:
		c.next(t)
	case setting:
		c.resume(t)
	}
	c.attend = t
}
