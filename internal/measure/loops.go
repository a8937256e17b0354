package measure

import (
	"math/rand/v2"
	"sync/atomic"
	"unsafe"
)

// The loops do what the workloads of the same names do. A word that threads
// share is the first of a run of aligned lines.

const lineBytes = 64

// lines returns n lines, aligned to pages, whatever the allocator does.
func lines(n int) []byte {
	const page = 4096
	b := make([]byte, n*lineBytes+page)
	skip := int(-uintptr(unsafe.Pointer(&b[0])) % page)
	return b[skip : skip+n*lineBytes : skip+n*lineBytes]
}

func word64(b []byte, at int) *uint64 { return (*uint64)(unsafe.Pointer(&b[at])) }
func word32(b []byte, at int) *uint32 { return (*uint32)(unsafe.Pointer(&b[at])) }

// uncontended loops by the name of their op.
func uncontended(p *uint64) map[string]loop {
	loops := map[string]loop{
		"load": func(w *worker, n int) {
			var sum uint64
			for range n / 8 {
				sum += atomic.LoadUint64(p)
				sum += atomic.LoadUint64(p)
				sum += atomic.LoadUint64(p)
				sum += atomic.LoadUint64(p)
				sum += atomic.LoadUint64(p)
				sum += atomic.LoadUint64(p)
				sum += atomic.LoadUint64(p)
				sum += atomic.LoadUint64(p)
			}
			w.sink += sum
		},
		"xadd": func(w *worker, n int) {
			for range n {
				w.last = atomic.AddUint64(p, 1)
			}
		},
		"xchg": func(w *worker, n int) {
			for i := range n {
				w.last = atomic.SwapUint64(p, uint64(i))
			}
		},
		"cas": func(w *worker, n int) {
			v := atomic.LoadUint64(p)
			for range n {
				atomic.CompareAndSwapUint64(p, v, v+1)
				v++
			}
		},
		"cas_fail": func(w *worker, n int) {
			v := atomic.LoadUint64(p)
			for range n {
				atomic.CompareAndSwapUint64(p, v+1, v)
			}
		},
	}
	for name, f := range fences {
		loops[name] = func(_ *worker, n int) { f(n) }
	}
	return loops
}

// xadd adds to a shared word. A run ends when somebody else has added meanwhile.
func xadd(p *uint64) loop {
	return func(w *worker, n int) {
		last := w.last
		for range n {
			v := atomic.AddUint64(p, 1)
			if v != last+1 {
				w.runs++
			}
			last = v
		}
		w.last = last
	}
}

// loadCAS adds by load and compare-and-swap, and tries again after a failure.
func loadCAS(p *uint64) loop {
	return func(w *worker, n int) {
		for range n {
			for {
				v := atomic.LoadUint64(p)
				if atomic.CompareAndSwapUint64(p, v, v+1) {
					break
				}
				w.fails++
			}
		}
	}
}

// vmaPair takes and drops a read lock on the bare words of a VMA: sequence
// numbers that never match, and a count.
func vmaPair(seq, mmSeq, ref *uint32) loop {
	return func(w *worker, n int) {
		for range n {
			if atomic.LoadUint32(seq) == atomic.LoadUint32(mmSeq) {
				continue
			}
			for {
				v := atomic.LoadUint32(ref)
				if atomic.CompareAndSwapUint32(ref, v, v+1) {
					break
				}
				w.fails++
			}
			if atomic.LoadUint32(seq) == atomic.LoadUint32(mmSeq) {
				w.sink++
			}
			atomic.AddUint32(ref, ^uint32(0))
		}
	}
}

// turns passes a word back and forth by compare-and-swap: this thread waits for
// values that are mine modulo 2. An op is its half of a round trip. At the end of
// the window the other thread has nobody left to wait for.
func turns(p *uint64, mine uint64) loop {
	return func(w *worker, n int) {
		for range n {
			v := atomic.LoadUint64(p)
			if v%2 != mine {
				v++
			}
			for !atomic.CompareAndSwapUint64(p, v, v+1) {
				if w.over() {
					return
				}
			}
		}
	}
}

// node is one line of a chain.
type node struct {
	next *node
	word uint64
	_    [lineBytes - 16]byte
}

// chain links the lines of a fresh array into one cycle in random order.
func chain(bytes int) []node {
	nodes := make([]node, bytes/lineBytes) // of a power of two, so aligned to lines
	order := rand.New(rand.NewPCG(1, uint64(bytes))).Perm(len(nodes))
	for i, at := range order {
		nodes[at].next = &nodes[order[(i+1)%len(order)]]
	}
	return nodes
}

// chase follows the chain.
func chase(nodes []node) loop {
	at := &nodes[0]
	return func(_ *worker, n int) {
		p := at
		for range n / 8 {
			p = p.next.next.next.next.next.next.next.next
		}
		at = p
	}
}
