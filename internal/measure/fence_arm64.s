#include "textflag.h"

// func dmbish(n int)
TEXT ·dmbish(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0
again:
	DMB  $0xb
	SUBS $1, R0
	BNE  again
	RET

// func dmbishld(n int)
TEXT ·dmbishld(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0
again:
	DMB  $0x9
	SUBS $1, R0
	BNE  again
	RET

// func dmbishst(n int)
TEXT ·dmbishst(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0
again:
	DMB  $0xa
	SUBS $1, R0
	BNE  again
	RET

// func isb(n int)
TEXT ·isb(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0
again:
	ISB  $0xf
	SUBS $1, R0
	BNE  again
	RET

// func yield(n int)
TEXT ·yield(SB), NOSPLIT, $0-8
	MOVD n+0(FP), R0
again:
	YIELD
	SUBS $1, R0
	BNE  again
	RET
