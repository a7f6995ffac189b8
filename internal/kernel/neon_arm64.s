//go:build !purego

#include "textflag.h"

// Instructions that Go's assembler has no name for. Their operands are numbers of registers, in Go's
// order: d = n op m.
#define CMHS_B(m, n, d) WORD $(0x6E203C00 + (m<<16) + (n<<5) + d)  // d = n >= m, unsigned bytes
#define BIC_B(m, n, d) WORD $(0x4E601C00 + (m<<16) + (n<<5) + d)   // d = n &^ m
#define AND_B(m, n, d) WORD $(0x4E201C00 + (m<<16) + (n<<5) + d)   // d = n & m
#define ORR_B(m, n, d) WORD $(0x4EA01C00 + (m<<16) + (n<<5) + d)   // d = n | m
#define UZP1_B(m, n, d) WORD $(0x4E001800 + (m<<16) + (n<<5) + d)  // d = the even bytes of n, then those of m
#define SQADD_H(m, n, d) WORD $(0x4E600C00 + (m<<16) + (n<<5) + d) // d = n + m, saturated, signed words
#define CMGT_H(m, n, d) WORD $(0x4E603400 + (m<<16) + (n<<5) + d)  // d = n > m, signed words
#define CMEQ_H(m, n, d) WORD $(0x6E608C00 + (m<<16) + (n<<5) + d)  // d = n == m
#define POSITIVE_H(n, d) WORD $(0x4E608800 + (n<<5) + d)           // d = n > 0, signed words
#define NEGATIVE_H(n, d) WORD $(0x4E60A800 + (n<<5) + d)           // d = n < 0, signed words

// JUDGE judges 8 samples by the words lead, excess, rival of a and of b. It leaves in aLead which are
// wrong, and in bLead which are right or wrong. V30 is -2.
#define JUDGE(aLead, aExcess, aRival, bLead, bExcess, bRival) \
	SQADD_H(bLead, aLead, 24); \
	SQADD_H(bExcess, aLead, 25); \
	SQADD_H(aExcess, bLead, 26); \
	NEGATIVE_H(25, 25); \
	NEGATIVE_H(26, 26); \
	CMEQ_H(aRival, bRival, 27); \
	CMGT_H(24, 30, 28); \
	AND_B(27, 28, 28); \
	ORR_B(25, 26, 26); \
	ORR_B(26, 28, aLead); \
	POSITIVE_H(24, 24); \
	ORR_B(24, aLead, bLead)

// LIST appends to the list at R1, R6 long, the numbers of the bytes of R10 that are 1, from R11 on.
#define LIST(next, end) \
	CBZ R10, end; \
next: \
	RBIT R10, R12; \
	CLZ R12, R12; \
	ADD R12>>3, R11, R12; \
	MOVW R12, (R1)(R6<<2); \
	ADD $1, R6; \
	SUB $1, R10, R12; \
	AND R12, R10; \
	CBNZ R10, next; \
end:

// func judgeNEON(may *byte, open *int32, a, b *uint16, n int) (nOpen int)
TEXT ·judgeNEON(SB), NOSPLIT, $0-48
	MOVD may+0(FP), R0
	MOVD open+8(FP), R1
	MOVD a+16(FP), R2
	MOVD b+24(FP), R3
	MOVD n+32(FP), R4
	MOVD $0, R5 // sample
	MOVD $0, R6 // samples listed
	MOVD $-2, R7
	VDUP R7, V30.H8
	VMOVI $1, V31.B16
block:
	CMP R4, R5
	BGE done
	VLD1.P 64(R2), [V0.H8, V1.H8, V2.H8, V3.H8]
	VLD1.P 64(R2), [V4.H8, V5.H8, V6.H8, V7.H8]
	VLD1.P 64(R2), [V8.H8, V9.H8, V10.H8, V11.H8]
	VLD1.P 64(R3), [V12.H8, V13.H8, V14.H8, V15.H8]
	VLD1.P 64(R3), [V16.H8, V17.H8, V18.H8, V19.H8]
	VLD1.P 64(R3), [V20.H8, V21.H8, V22.H8, V23.H8]
	JUDGE(0, 4, 8, 12, 16, 20)
	JUDGE(1, 5, 9, 13, 17, 21)
	JUDGE(2, 6, 10, 14, 18, 22)
	JUDGE(3, 7, 11, 15, 19, 23)
	UZP1_B(1, 0, 0)
	UZP1_B(3, 2, 1)
	BIC_B(0, 31, 0)
	BIC_B(1, 31, 1)
	VST1.P [V0.B16, V1.B16], 32(R0)
	UZP1_B(13, 12, 12)
	UZP1_B(15, 14, 13)
	BIC_B(12, 31, 12)
	BIC_B(13, 31, 13)
	MOVD R5, R11
	VMOV V12.D[0], R10
	LIST(next0, end0)
	ADD $8, R11
	VMOV V12.D[1], R10
	LIST(next1, end1)
	ADD $8, R11
	VMOV V13.D[0], R10
	LIST(next2, end2)
	ADD $8, R11
	VMOV V13.D[1], R10
	LIST(next3, end3)
	ADD $32, R5
	B block
done:
	MOVD R6, nOpen+40(FP)
	RET

// func differNEON(list *int32, from, to *byte, n int) (listed int)
TEXT ·differNEON(SB), NOSPLIT, $0-40
	MOVD list+0(FP), R1
	MOVD from+8(FP), R2
	MOVD to+16(FP), R3
	MOVD n+24(FP), R4
	MOVD $0, R5
	MOVD $0, R6
	VMOVI $1, V31.B16
bytes:
	CMP R4, R5
	BGE differed
	VLD1.P 16(R2), [V0.B16]
	VLD1.P 16(R3), [V1.B16]
	VEOR V0.B16, V1.B16, V0.B16
	VAND V31.B16, V0.B16, V0.B16
	MOVD R5, R11
	VMOV V0.D[0], R10
	LIST(nextLow, endLow)
	ADD $8, R11
	VMOV V0.D[1], R10
	LIST(nextHigh, endHigh)
	ADD $16, R5
	B bytes
differed:
	MOVD R6, listed+32(FP)
	RET

// func evaluateNEON(tables *[]byte, k, n int, exits *byte, reach *int) (correct int)
TEXT ·evaluateNEON(SB), NOSPLIT, $0-48
	MOVD tables+0(FP), R0
	MOVD k+8(FP), R1
	MOVD n+16(FP), R2
	MOVD exits+24(FP), R3
	MOVD reach+32(FP), R4
	MOVD $0, R5 // sample
	MOVD $0, R6 // correct answers
	VMOVI $1, V31.B16
samples:
	CMP R2, R5
	BGE evaluated
	MOVD (R0), R7
	ADD R5, R7
	VLD1 (R7), [V0.B16]
	VMOVI $255, V1.B16 // the samples still on their way
	MOVD $1, R8
	ADD $24, R0, R9
stage:
	CMP R1, R8
	BGE leave
	ADD R8, R3, R10
	MOVBU -1(R10), R11
	VDUP R11, V2.B16
	CMHS_B(2, 0, 3)
	BIC_B(3, 1, 1)
	VAND V31.B16, V1.B16, V4.B16
	VADDV V4.B16, V5
	VMOV V5.B[0], R12
	CBZ R12, leave
	MOVD (R4)(R8<<3), R13
	ADD R12, R13
	MOVD R13, (R4)(R8<<3)
	MOVD (R9), R7
	ADD R5, R7
	VLD1 (R7), [V6.B16]
	VBIT V1.B16, V6.B16, V0.B16
	ADD $24, R9
	ADD $1, R8
	B stage
leave:
	VAND V31.B16, V0.B16, V4.B16
	VADDV V4.B16, V5
	VMOV V5.B[0], R12
	ADD R12, R6
	ADD $16, R5
	B samples
evaluated:
	MOVD R6, correct+40(FP)
	RET

// func settleNEON(to, table *byte, n int, exit, keep, code byte)
TEXT ·settleNEON(SB), NOSPLIT, $0-27
	MOVD to+0(FP), R0
	MOVD table+8(FP), R1
	MOVD n+16(FP), R2
	MOVBU exit+24(FP), R3
	MOVBU keep+25(FP), R4
	MOVBU code+26(FP), R5
	VDUP R3, V2.B16
	VDUP R4, V3.B16
	VDUP R5, V4.B16
	MOVD $0, R6
settle:
	CMP R2, R6
	BGE settled
	VLD1.P 16(R1), [V0.B16]
	VLD1 (R0), [V1.B16]
	CMHS_B(2, 0, 5)
	VAND V3.B16, V0.B16, V0.B16
	VORR V4.B16, V0.B16, V0.B16
	VBIT V5.B16, V0.B16, V1.B16
	VST1.P [V1.B16], 16(R0)
	ADD $16, R6
	B settle
settled:
	RET

// func correctNEON(table *byte, n int) (right int)
TEXT ·correctNEON(SB), NOSPLIT, $0-24
	MOVD table+0(FP), R0
	MOVD n+8(FP), R1
	MOVD $0, R2
	MOVD $0, R3
	VMOVI $1, V31.B16
entries:
	CMP R1, R2
	BGE counted
	VLD1.P 16(R0), [V0.B16]
	VAND V31.B16, V0.B16, V0.B16
	VADDV V0.B16, V1
	VMOV V1.B[0], R4
	ADD R4, R3
	ADD $16, R2
	B entries
counted:
	MOVD R3, right+16(FP)
	RET

// func sameNEON(a, b *uint16, n int) (equal int)
TEXT ·sameNEON(SB), NOSPLIT, $0-32
	MOVD a+0(FP), R0
	MOVD b+8(FP), R1
	MOVD n+16(FP), R2
	MOVD $0, R3
	MOVD $0, R4
	VMOVI $1, V31.B16
classes:
	CMP R2, R3
	BGE compared
	VLD1.P 32(R0), [V0.H8, V1.H8]
	VLD1.P 32(R1), [V2.H8, V3.H8]
	CMEQ_H(2, 0, 0)
	CMEQ_H(3, 1, 1)
	UZP1_B(1, 0, 0)
	VAND V31.B16, V0.B16, V0.B16
	VADDV V0.B16, V1
	VMOV V1.B[0], R5
	ADD R5, R4
	ADD $16, R3
	B classes
compared:
	MOVD R4, equal+24(FP)
	RET
