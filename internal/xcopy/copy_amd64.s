//go:build amd64 && !race

#include "textflag.h"

// func repmovsb(dst, src unsafe.Pointer, n uintptr)
TEXT ·repmovsb(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	CLD
	REP; MOVSB
	RET
