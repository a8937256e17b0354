package cpu

// ISA is an instruction set that portable programs are lowered to.
type ISA uint8

const (
	X86_64    ISA = iota // lock-prefixed atomics, each a full barrier
	ARM64LSE             // single-instruction atomics with acquire and release forms
	ARM64LLSC            // load-linked / store-conditional loops
	NumISAs
)
