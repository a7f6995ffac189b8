package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func screen() {
	screenAVX512()
	screenAVX2()
}

// Offsets in the types voter and screening of the package, and what else it knows of them.
const (
	voterW     = 0
	voterScale = 4
	voterSize  = 8

	screeningEntries  = 0
	screeningExact    = 8
	screeningSums     = 16
	screeningRight    = 24
	screeningOpen     = 32
	screeningNExact   = 40
	screeningNOpen    = 48
	screeningGathered = 56

	maxScreened = 16
	screenStep  = 256
)

const screenSignature = "func(to *byte, samples *int32, n int, voters *byte, k int, least uint32)"

// screenAVX512 decides 16 samples at a time. The first classes of all members and their
// weighted values are kept for the votes: every member with every other. What follows
// the last samples is left out under a mask.
func screenAVX512() {
	const name = "screen512"
	function("screenAVX512", 0, screenSignature)
	Doc("screenAVX512 is screen for n samples and k members, at most 16, whose stances are gathered, as are the",
		"numbers of the samples; to is a screening.")
	classes, values := AllocLocal(64*maxScreened), AllocLocal(64*maxScreened)
	to, samples, voters, end := arg("to"), arg("samples"), arg("voters"), arg("k")
	LEAQ(Mem{Base: voters, Index: end, Scale: voterSize}, end)
	least, none, wrong, one := ZMM(), ZMM(), ZMM(), ZMM()
	VBROADCASTSS(argAddr("least"), least)
	VPBROADCASTD(words32(name+"_none", []uint32{0xFFFF}), none)
	VPBROADCASTD(words32(name+"_wrong", []uint32{254}), wrong)
	VPBROADCASTD(words32(name+"_one", []uint32{1}), one)
	even, odd := ZMM(), ZMM()
	VMOVDQU32(words32(name+"_even", sequence[uint32](16, 0, 2)), even)
	VMOVDQU32(words32(name+"_odd", sequence[uint32](16, 1, 2)), odd)
	r, p, q, m, slot, count := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	row, valid := GP64(), K()
	XORQ(r, r)
	loop(name, r, argAddr("n"), 16, func() {
		number, label, rival, top, first := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
		agreed := K()
		MOVQ(argAddr("n"), count)
		SUBQ(r, count)
		MOVL(I32(-1), p.As32())
		BZHIL(count.As32(), p.As32(), p.As32())
		CMPQ(count, Imm(16))
		MOVL(U32(0xFFFF), count.As32())
		CMOVLGE(count.As32(), p.As32())
		KMOVW(p.As32(), valid)
		VMOVDQU32(at(samples, r, 4, 0), number)
		VPXORD(label, label, label)
		VPXORD(rival, rival, rival)
		VPXORD(top, top, top)
		KXNORW(agreed, agreed, agreed)
		MOVQ(voters, m)
		XORQ(slot, slot)
		MOVQ(Mem{Base: to, Disp: screeningGathered}, row)
		LEAQ(at(row, r, 8, 0), row)

		Label(name + "_member")
		l, v, c, high := ZMM(), ZMM(), ZMM(), ZMM()
		VMOVDQU32(Mem{Base: row}, c)
		VMOVDQU32(Mem{Base: row, Disp: 64}, high)
		VMOVDQA32(even, l)
		VPERMI2D(high, c, l)
		VPERMT2D(high, odd, c)
		VPMOVDW(c, v.AsY())
		VCVTPH2PS(v.AsY(), v)
		VMULPS_BCST(Mem{Base: m, Disp: voterScale}, v, v)
		VCVTPS2UDQ(v, v)
		VPMULLD_BCST(Mem{Base: m, Disp: voterW}, l, l)
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
		ADDQ(U32(8*screenStep), row)
		ADDQ(U8(voterSize), m)
		CMPQ(m, end)
		JNE(LabelRef(name + "_member"))

		sure, exact, right, rest := K(), K(), K(), K()
		VPCMPUD(greater, rival, label, sure)
		KORW(agreed, sure, exact)
		VPCMPEQD(none, first, agreed, right)
		KORW(sure, right, right)

		// What is exact is listed, compressed to the front of a register.
		x := ZMM()
		KANDNW(valid, exact, rest)
		KANDW(valid, exact, exact)
		MOVQ(Mem{Base: to, Disp: screeningNExact}, q)
		MOVQ(Mem{Base: to, Disp: screeningExact}, p)
		VPCOMPRESSD_Z(number, exact, x)
		VMOVDQU32(x, at(p, q, 4, 0))
		MOVQ(Mem{Base: to, Disp: screeningSums}, p)
		VPBLENDMD(label, top, sure, x)
		VPCOMPRESSD_Z(x, exact, x)
		VMOVDQU32(x, at(p, q, 4, 0))
		MOVQ(Mem{Base: to, Disp: screeningRight}, p)
		VMOVDQA32_Z(one, right, x)
		VPCOMPRESSD_Z(x, exact, x)
		VPMOVDW(x, at(p, q, 2, 0))
		KMOVW(exact, count.As32())
		POPCNTL(count.As32(), count.As32())
		ADDQ(count, q)
		MOVQ(q, Mem{Base: to, Disp: screeningNExact})

		// Of the others, those that do not surely go on are put to the vote.
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

// compressions holds, for every mask of 8 bits, the places of those that are set, each a
// byte, then zeros: what VPCOMPRESSD does in one instruction.
func compressions(name string) Mem {
	var places []byte
	for mask := range 256 {
		n := 0
		for place := range 8 {
			if mask>>place&1 != 0 {
				places = append(places, byte(place))
				n++
			}
		}
		places = append(places, make([]byte, 8-n)...)
	}
	return words8(name+"_compressions", places)
}

// screenAVX2 does the same 8 samples at a time.
func screenAVX2() {
	const name = "screen256"
	function("screenAVX2", 0, screenSignature)
	Doc("screenAVX2 is screen for n samples and k members, at most 16, whose stances are gathered, as are the",
		"numbers of the samples; to is a screening.")
	classes, values := AllocLocal(32*maxScreened), AllocLocal(32*maxScreened)
	to, samples, voters, end := arg("to"), arg("samples"), arg("voters"), arg("k")
	LEAQ(Mem{Base: voters, Index: end, Scale: voterSize}, end)
	scale, none := scale256(name), words32(name+"_none", sequence[uint32](8, 0xFFFF, 0))
	one, wrong := words32(name+"_one", sequence[uint32](8, 1, 0)), words8(name+"_wrong", sequence[byte](16, 254, 0))
	table := GP64()
	LEAQ(compressions(name), table)
	r, p, q, m, slot := GP64(), GP64(), GP64(), GP64(), GP64()
	row, valid, t := GP64(), GP32(), GP64()
	XORQ(r, r)
	loop(name, r, argAddr("n"), 8, func() {
		label, rival, top, first, agreed := YMM(), YMM(), YMM(), YMM(), YMM()
		MOVQ(argAddr("n"), t)
		SUBQ(r, t)
		MOVL(U32(0xFF), valid)
		CMPQ(t, Imm(8))
		JGE(LabelRef(name + "_whole"))
		BZHIL(t.As32(), valid, valid)
		Label(name + "_whole")
		VPXOR(label, label, label)
		VPXOR(rival, rival, rival)
		VPXOR(top, top, top)
		VPCMPEQD(agreed, agreed, agreed)
		MOVQ(voters, m)
		XORQ(slot, slot)
		MOVQ(Mem{Base: to, Disp: screeningGathered}, row)
		LEAQ(at(row, r, 8, 0), row)

		Label(name + "_member")
		l, v, c, high, x := YMM(), YMM(), YMM(), YMM(), XMM()
		VMOVDQU(Mem{Base: row}, c)
		VMOVDQU(Mem{Base: row, Disp: 32}, high)
		VSHUFPS(U8(0x88), high, c, l)
		VSHUFPS(U8(0xDD), high, c, c)
		VPERMQ(U8(0xD8), l, l)
		VPERMQ(U8(0xD8), c, c)
		// The lower words to the front, for the conversion.
		VPSLLD(U8(16), c, v)
		VPSRLD(U8(16), v, v)
		VEXTRACTI128(U8(1), v, x)
		VPACKUSDW(x, v.AsX(), x)
		VCVTPH2PS(x, v)
		VMULPS(scale, v, v)
		VCVTPS2DQ(v, v)
		VPBROADCASTD(Mem{Base: m, Disp: voterW}, high)
		VPMULLD(high, v, v)
		VPMULLD(high, l, l)
		VPSRLD(U8(16), c, c)
		VPADDD(l, label, label)
		VPADDD(v, rival, rival)
		VMOVDQU(c, classes.Idx(slot, 1))
		VMOVDQU(v, values.Idx(slot, 1))
		VPMAXUD(l, v, v)
		VPADDD(v, top, top)
		TESTQ(slot, slot)
		JNZ(LabelRef(name + "_other"))
		VMOVDQU(c, first)
		Label(name + "_other")
		VPCMPEQD(first, c, c)
		VPAND(c, agreed, agreed)
		ADDQ(U8(32), slot)
		ADDQ(U32(8*screenStep), row)
		ADDQ(U8(voterSize), m)
		CMPQ(m, end)
		JNE(LabelRef(name + "_member"))

		sure, right, place, number, y := YMM(), YMM(), YMM(), YMM(), YMM()
		exact, rest := GP32(), GP32()
		VPMAXUD(label, rival, sure)
		VPCMPEQD(rival, sure, sure)
		VPCMPEQD(y, y, y)
		VPXOR(y, sure, sure)
		VPCMPEQD(none, first, right)
		VPAND(agreed, right, right)
		VPOR(sure, right, right)
		VPOR(sure, agreed, agreed)
		VMOVMSKPS(agreed, exact)
		MOVL(exact, rest)
		NOTL(rest)
		ANDL(valid, exact)
		ANDL(valid, rest)

		// compress leaves in y the numbers at the places that are set, at its front.
		compress := func(from VecVirtual) {
			VPERMD(from, place, y)
		}
		VMOVDQU(at(samples, r, 4, 0), number)
		VPMOVZXBD(at(table, exact.As64(), 8, 0), place)
		MOVQ(Mem{Base: to, Disp: screeningNExact}, q)
		MOVQ(Mem{Base: to, Disp: screeningExact}, p)
		compress(number)
		VMOVDQU(y, at(p, q, 4, 0))
		MOVQ(Mem{Base: to, Disp: screeningSums}, p)
		VBLENDVPS(sure, label, top, y)
		compress(y)
		VMOVDQU(y, at(p, q, 4, 0))
		MOVQ(Mem{Base: to, Disp: screeningRight}, p)
		VPAND(one, right, right)
		compress(right)
		VEXTRACTI128(U8(1), y, x)
		VPACKUSDW(x, y.AsX(), x)
		VMOVDQU(x, at(p, q, 2, 0))
		POPCNTL(exact, exact)
		ADDQ(exact.As64(), q)
		MOVQ(q, Mem{Base: to, Disp: screeningNExact})

		least, lost := YMM(), YMM()
		VBROADCASTSS(argAddr("least"), least)
		VPXOR(lost, lost, lost)
		VPMAXUD(least, top, y)
		VPCMPEQD(top, y, y)
		VMOVMSKPS(y, t.As32())
		ANDL(t.As32(), rest)
		JZ(LabelRef(name + "_decided"))
		vote, a, b := YMM(), GP64(), GP64()
		VPXOR(vote, vote, vote)
		XORQ(a, a)
		Label(name + "_candidate")
		votes := YMM()
		VMOVDQU(classes.Idx(a, 1), c)
		VPXOR(votes, votes, votes)
		XORQ(b, b)
		Label(name + "_voter")
		VPCMPEQD(classes.Idx(b, 1), c, y)
		VPAND(values.Idx(b, 1), y, y)
		VPADDD(y, votes, votes)
		ADDQ(U8(32), b)
		CMPQ(b, slot)
		JNE(LabelRef(name + "_voter"))
		VPCMPEQD(none, c, y)
		VPANDN(votes, y, votes)
		VPMAXUD(votes, vote, vote)
		ADDQ(U8(32), a)
		CMPQ(a, slot)
		JNE(LabelRef(name + "_candidate"))
		VPMAXUD(least, vote, lost)
		VPCMPEQD(vote, lost, lost)
		VPMAXUD(label, vote, y)
		VPCMPEQD(label, y, y)
		VPANDN(lost, y, lost)
		VMOVMSKPS(lost, t.As32())
		ANDNL(rest, t.As32(), rest)
		VPMOVZXBD(at(table, rest.As64(), 8, 0), place)
		MOVQ(Mem{Base: to, Disp: screeningNOpen}, q)
		MOVQ(Mem{Base: to, Disp: screeningOpen}, p)
		compress(number)
		VMOVDQU(y, at(p, q, 4, 0))
		POPCNTL(rest, rest)
		ADDQ(rest.As64(), q)
		MOVQ(q, Mem{Base: to, Disp: screeningNOpen})
		Label(name + "_decided")
		VEXTRACTI128(U8(1), lost, x)
		VPACKSSDW(x, lost.AsX(), x)
		VPACKSSWB(x, x, x)
		VPAND(wrong, x, x)
		MOVQ(Mem{Base: to, Disp: screeningEntries}, p)
		VMOVQ(x, at(p, r, 1, 0))
	})
	VZEROUPPER()
	RET()
}
