#include "textflag.h"

// func mfence(n int)
TEXT ·mfence(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
again:
	MFENCE
	DECQ CX
	JNZ  again
	RET

// func lfence(n int)
TEXT ·lfence(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
again:
	LFENCE
	DECQ CX
	JNZ  again
	RET

// func sfence(n int)
TEXT ·sfence(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
again:
	SFENCE
	DECQ CX
	JNZ  again
	RET

// func pause(n int)
TEXT ·pause(SB), NOSPLIT, $0-8
	MOVQ n+0(FP), CX
again:
	PAUSE
	DECQ CX
	JNZ  again
	RET
