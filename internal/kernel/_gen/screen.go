package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func screen() {
	screenAVX512()
}

// Offsets in the types stances and screening of the package.
const (
	stancesLabel = 0
	stancesRival = 8
	stancesW     = 16
	stancesScale = 20
	stancesSize  = 24

	screeningEntries = 0
	screeningExact   = 8
	screeningSums    = 16
	screeningRight   = 24
	screeningOpen    = 32
	screeningNExact  = 40
	screeningNOpen   = 48
)

// screenAVX512 decides 16 samples at a time, whose stances it gathers. The first classes of
// all members and their weighted values are kept for the votes: every member with every
// other.
func screenAVX512() {
	const name = "screen512"
	function("screenAVX512", 0, "func(to *byte, samples *int32, n int, members *byte, k int, least uint32)")
	Doc("screenAVX512 is screen for n samples, n a multiple of 16, and k members, at most 16; to is a screening,",
		"members are stances.")
	const room = 16 * 64
	classes, values := AllocLocal(room), AllocLocal(room)
	to, samples, members, end := arg("to"), arg("samples"), arg("members"), arg("k")
	IMUL3Q(U8(stancesSize), end, end)
	ADDQ(members, end)
	least, none, wrong, ones := ZMM(), ZMM(), ZMM(), ZMM()
	VPBROADCASTD(argAddr("least"), least)
	VPBROADCASTD(words32(name+"_none", []uint32{0xFFFF}), none)
	VPBROADCASTD(words32(name+"_wrong", []uint32{254}), wrong)
	VPBROADCASTD(words32(name+"_one", []uint32{1}), ones)
	r, p, q, m, slot := GP64(), GP64(), GP64(), GP64(), GP64()
	XORQ(r, r)
	loop(name, r, argAddr("n"), 16, func() {
		number, label, rival, top, first := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
		agreed := K()
		VMOVDQU32(at(samples, r, 4, 0), number)
		VPXORD(label, label, label)
		VPXORD(rival, rival, rival)
		VPXORD(top, top, top)
		KXNORW(agreed, agreed, agreed)
		MOVQ(members, m)
		XORQ(slot, slot)

		Label(name + "_member")
		l, v, c, all := ZMM(), ZMM(), ZMM(), K()
		MOVQ(Mem{Base: m, Disp: stancesLabel}, p)
		KXNORW(all, all, all)
		VPXORD(l, l, l)
		VPGATHERDD(Mem{Base: p, Index: number, Scale: 4}, all, l)
		MOVQ(Mem{Base: m, Disp: stancesRival}, p)
		KXNORW(all, all, all)
		VPXORD(c, c, c)
		VPGATHERDD(Mem{Base: p, Index: number, Scale: 4}, all, c)
		VPMOVDW(c, v.AsY())
		VCVTPH2PS(v.AsY(), v)
		VMULPS_BCST(Mem{Base: m, Disp: stancesScale}, v, v)
		VCVTPS2UDQ(v, v)
		VPMULLD_BCST(Mem{Base: m, Disp: stancesW}, l, l)
		VPSRLD(U8(16), c, c)
		VPADDD(l, label, label)
		VPADDD(v, rival, rival)
		VMOVDQU32(c, classes.Idx(slot, 1))
		VMOVDQU32(v, values.Idx(slot, 1))
		VPMAXUD(l, v, v)
		VPADDD(v, top, top)
		TESTQ(slot, slot)
		JNZ(LabelRef(name + "_other"))
		VMOVDQA32(c, first)
		Label(name + "_other")
		VPCMPEQD(first, c, agreed, agreed)
		ADDQ(U8(64), slot)
		ADDQ(U8(stancesSize), m)
		CMPQ(m, end)
		JNE(LabelRef(name + "_member"))

		sure, exact, right, rest := K(), K(), K(), K()
		VPCMPUD(greater, rival, label, sure)
		KORW(agreed, sure, exact)
		VMOVDQA32(label, sure, top) // where label > rival, top is at least label, but that is the sum
		VPCMPEQD(none, first, agreed, right)
		KORW(sure, right, right)

		// What is exact is listed, compressed to the front of a register.
		x, count := ZMM(), GP64()
		MOVQ(Mem{Base: to, Disp: screeningNExact}, q)
		MOVQ(Mem{Base: to, Disp: screeningExact}, p)
		VPCOMPRESSD_Z(number, exact, x)
		VMOVDQU32(x, at(p, q, 4, 0))
		MOVQ(Mem{Base: to, Disp: screeningSums}, p)
		VPCOMPRESSD_Z(top, exact, x)
		VMOVDQU32(x, at(p, q, 4, 0))
		MOVQ(Mem{Base: to, Disp: screeningRight}, p)
		VMOVDQA32_Z(ones, right, x)
		VPCOMPRESSD_Z(x, exact, x)
		VPMOVDW(x, at(p, q, 2, 0))
		KMOVW(exact, count.As32())
		POPCNTL(count.As32(), count.As32())
		ADDQ(count, q)
		MOVQ(q, Mem{Base: to, Disp: screeningNExact})

		// Of the others, those that do not surely go on are put to the vote.
		KNOTW(exact, rest)
		entries := ZMM()
		VPXORD(entries, entries, entries)
		VPCMPUD(greaterEqual, least, top, rest, rest)
		KMOVW(rest, count.As32())
		TESTL(count.As32(), count.As32())
		JZ(LabelRef(name + "_decided"))
		vote, a, b := ZMM(), GP64(), GP64()
		VPXORD(vote, vote, vote)
		XORQ(a, a)
		Label(name + "_candidate")
		votes, same, other := ZMM(), K(), K()
		VMOVDQU32(classes.Idx(a, 1), c)
		VPXORD(votes, votes, votes)
		XORQ(b, b)
		Label(name + "_voter")
		VPCMPEQD(classes.Idx(b, 1), c, same)
		VPADDD(values.Idx(b, 1), votes, same, votes)
		ADDQ(U8(64), b)
		CMPQ(b, slot)
		JNE(LabelRef(name + "_voter"))
		VPCMPUD(notEqual, none, c, other)
		VPMAXUD(votes, vote, other, vote)
		ADDQ(U8(64), a)
		CMPQ(a, slot)
		JNE(LabelRef(name + "_candidate"))
		lost := K()
		VPCMPUD(greaterEqual, least, vote, rest, lost)
		VPCMPUD(greater, label, vote, lost, lost)
		VMOVDQA32_Z(wrong, lost, entries)
		KANDNW(rest, lost, rest)
		MOVQ(Mem{Base: to, Disp: screeningNOpen}, q)
		MOVQ(Mem{Base: to, Disp: screeningOpen}, p)
		VPCOMPRESSD_Z(number, rest, x)
		VMOVDQU32(x, at(p, q, 4, 0))
		KMOVW(rest, count.As32())
		POPCNTL(count.As32(), count.As32())
		ADDQ(count, q)
		MOVQ(q, Mem{Base: to, Disp: screeningNOpen})
		Label(name + "_decided")
		MOVQ(Mem{Base: to, Disp: screeningEntries}, p)
		VPMOVDB(entries, at(p, r, 1, 0))
	})
	VZEROUPPER()
	RET()
}
