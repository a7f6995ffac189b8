package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

func screen() {
	gather("gatherAVX512", true)
	gather("gatherAVX2", false)
	screenAVX512()
	screenAVX2()
}

// Offsets in the types voter and screening of the package, and what else it knows of them.
const (
	voterW     = 0
	voterScale = 4
	voterSize  = 8

	screeningSums     = 0
	screeningRight    = 8
	screeningSure     = 16
	screeningOpen     = 24
	screeningNOpen    = 32
	screeningFirst    = 40
	screeningGathered = 48

	maxScreened = 16
	screenStep  = 256
	screenRow   = screenStep + 8
)

// gather copies stances side by side. Where a word of bits has many samples, AVX-512 loads all
// 64 stances and compresses the ones asked for to the front of their registers: that costs half as
// much for each as a load of its own.
func gather(name string, compress bool) {
	const many = 9
	function(name, NOSPLIT, "func(gathered *uint64, members *[]uint64, k int, asked *uint64, from, to int)")
	Doc(name+" copies the stances of k members on the samples that the words from..to-1 of asked name, at most",
		"a step of them, a row for each member.")
	gathered, members, k, asked, to := arg("gathered"), arg("members"), arg("k"), arg("asked"), arg("to")
	j, w, p, row, some, count, x := GP64(), GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	XORQ(j, j)
	loop(name, j, k, 1, func() {
		MOVQ(argAddr("from"), w)
		MOVQ(w, p)
		SHLQ(U8(9), p)
		ADDQ(Mem{Base: members}, p)
		ADDQ(U8(24), members)
		MOVQ(gathered, row)
		ADDQ(U32(8*screenRow), gathered)
		Label(name + "_word")
		MOVQ(at(asked, w, 8, 0), some)
		if compress {
			POPCNTQ(some, count)
			CMPQ(count, U8(many))
			JGE(LabelRef(name + "_many"))
		}
		TESTQ(some, some)
		JZ(LabelRef(name + "_none"))
		Label(name + "_next")
		TZCNTQ(some, count)
		MOVQ(at(p, count, 8, 0), x)
		MOVQ(x, Mem{Base: row})
		ADDQ(U8(8), row)
		BLSRQ(some, some)
		JNZ(LabelRef(name + "_next"))
		if compress {
			JMP(LabelRef(name + "_none"))
			Label(name + "_many")
			for line := range 8 {
				mask, z := K(), ZMM()
				KMOVD(some.As32(), mask)
				VMOVDQU64_Z(Mem{Base: p, Disp: 64 * line}, mask, z)
				VPCOMPRESSQ_Z(z, mask, z)
				VMOVDQU64(z, Mem{Base: row})
				MOVBLZX(some.As8(), count.As32())
				POPCNTL(count.As32(), count.As32())
				LEAQ(at(row, count, 8, 0), row)
				if line < 7 {
					SHRQ(U8(8), some)
				}
			}
		}
		Label(name + "_none")
		ADDQ(U32(512), p)
		INCQ(w)
		CMPQ(w, to)
		JLT(LabelRef(name + "_word"))
	})
	if compress {
		VZEROUPPER()
	}
	RET()
}

const screenSignature = "func(to *byte, n int, voters *byte, k int, least uint32)"

// screenAVX512 decides 16 samples at a time. The rivals of all members are kept with their
// weighted values and with how far these are above what other classes have at the most: then
// every member's rival is looked for in every other. What follows the last samples is left
// out under a mask.
func screenAVX512() {
	const name = "screen512"
	function("screenAVX512", 0, screenSignature)
	Doc("screenAVX512 is screen for n samples, whose stances are gathered, and k members, at most 16; to is a",
		"screening.")
	rivals, values, ahead := AllocLocal(64*maxScreened), AllocLocal(64*maxScreened), AllocLocal(64*maxScreened)
	to, voters, end := arg("to"), arg("voters"), arg("k")
	LEAQ(Mem{Base: voters, Index: end, Scale: voterSize}, end)
	least, one, low, ones := ZMM(), ZMM(), ZMM(), ones512()
	VBROADCASTSS(argAddr("least"), least)
	VPBROADCASTD(words32(name+"_one", []uint32{1}), one)
	VPBROADCASTD(words32(name+"_low", []uint32{1<<25 - 1}), low)
	places := words32(name+"_places", sequence[uint32](16, 0, 1))
	even, odd := ZMM(), ZMM()
	VMOVDQU32(words32(name+"_even", sequence[uint32](16, 0, 2)), even)
	VMOVDQU32(words32(name+"_odd", sequence[uint32](16, 1, 2)), odd)
	r, p, q, m, slot, count := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	row, valid := GP64(), K()
	XORQ(r, r)
	loop(name, r, argAddr("n"), 16, func() {
		label, others, first := ZMM(), ZMM(), ZMM()
		agreed := K()
		MOVQ(argAddr("n"), count)
		SUBQ(r, count)
		MOVL(I32(-1), p.As32())
		BZHIL(count.As32(), p.As32(), p.As32())
		CMPQ(count, Imm(16))
		MOVL(U32(0xFFFF), count.As32())
		CMOVLGE(count.As32(), p.As32())
		KMOVW(p.As32(), valid)
		VPXORD(label, label, label)
		VPXORD(others, others, others)
		KXNORW(agreed, agreed, agreed)
		MOVQ(voters, m)
		XORQ(slot, slot)
		MOVQ(Mem{Base: to, Disp: screeningGathered}, row)
		LEAQ(at(row, r, 8, 0), row)

		Label(name + "_member")
		l, v, c, high, share := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
		VMOVDQU32(Mem{Base: row}, c)
		VMOVDQU32(Mem{Base: row, Disp: 64}, high)
		VMOVDQA32(even, l)
		VPERMI2D(high, c, l)
		VPERMT2D(high, odd, c)
		VPMOVDW(c, v.AsY())
		VCVTPH2PS(v.AsY(), v)
		VMULPS_BCST(Mem{Base: m, Disp: voterScale}, v, v)
		VCVTPS2UDQ(v, v)
		VPSRLD(U8(25), l, share)
		VPADDD(one, share, share)
		VPANDD(low, l, l)
		VPMULLD_BCST(Mem{Base: m, Disp: voterW}, l, l)
		VPSRLD(U8(7), v, high)
		VPADDD(one, high, high)
		VPMULLD(share, high, high)
		VPSRLD(U8(16), c, c)
		VPADDD(l, label, label)
		VPADDD(high, others, others)
		VPSUBD(high, v, high)
		VMOVDQU32(c, rivals.Idx(slot, 1))
		VMOVDQU32(v, values.Idx(slot, 1))
		VMOVDQU32(high, ahead.Idx(slot, 1))
		TESTQ(slot, slot)
		JNZ(LabelRef(name + "_other"))
		VMOVDQA32(c, first)
		Label(name + "_other")
		VPCMPEQD(first, c, agreed, agreed)
		VPCMPUD(less, v, l, agreed, agreed)
		ADDQ(U8(64), slot)
		ADDQ(U32(8*screenRow), row)
		ADDQ(U8(voterSize), m)
		CMPQ(m, end)
		JNE(LabelRef(name + "_member"))

		vote, most, a, b := ZMM(), ZMM(), GP64(), GP64()
		VPXORD(vote, vote, vote)
		VPXORD(most, most, most)
		XORQ(a, a)
		Label(name + "_rival")
		votes, bound, same := ZMM(), ZMM(), K()
		VMOVDQU32(rivals.Idx(a, 1), c)
		VPXORD(votes, votes, votes)
		VMOVDQA32(others, bound)
		XORQ(b, b)
		Label(name + "_voter")
		VPCMPEQD(rivals.Idx(b, 1), c, same)
		VPADDD(values.Idx(b, 1), votes, same, votes)
		VPADDD(ahead.Idx(b, 1), bound, same, bound)
		ADDQ(U8(64), b)
		CMPQ(b, slot)
		JNE(LabelRef(name + "_voter"))
		VPMAXUD(votes, vote, vote)
		VPMAXUD(bound, most, most)
		ADDQ(U8(64), a)
		CMPQ(a, slot)
		JNE(LabelRef(name + "_rival"))

		sure, exact, rest, lost, x, place := K(), K(), K(), K(), ZMM(), ZMM()
		VPCMPUD(greater, most, label, sure)
		KORW(agreed, sure, exact)
		KANDNW(valid, exact, rest)
		MOVQ(Mem{Base: to, Disp: screeningRight}, p)
		VMOVDQA32_Z(one, sure, x)
		VPMOVDW(x, at(p, r, 2, 0))
		MOVQ(Mem{Base: to, Disp: screeningSure}, p)
		VPMOVM2B(exact, x.AsX())
		VMOVDQU(x.AsX(), at(p, r, 1, 0))

		// What neither surely goes on nor is surely wrong is listed, compressed to the front of a register.
		VPMAXUD(label, most, most)
		VPCMPUD(greaterEqual, least, most, rest, rest)
		VPCMPUD(greaterEqual, least, vote, rest, lost)
		VPCMPUD(greater, label, vote, lost, lost)
		KANDNW(rest, lost, rest)
		MOVQ(Mem{Base: to, Disp: screeningNOpen}, q)
		MOVQ(Mem{Base: to, Disp: screeningOpen}, p)
		MOVQ(Mem{Base: to, Disp: screeningFirst}, count)
		ADDQ(r, count)
		VPBROADCASTD(count.As32(), place)
		VPADDD(places, place, place)
		VPCOMPRESSD_Z(place, rest, x)
		VMOVDQU32(x, at(p, q, 4, 0))
		KMOVW(rest, count.As32())
		POPCNTL(count.As32(), count.As32())
		ADDQ(count, q)
		MOVQ(q, Mem{Base: to, Disp: screeningNOpen})

		MOVQ(Mem{Base: to, Disp: screeningSums}, p)
		VMOVDQA32(ones, lost, most)
		VMOVDQA32(vote, agreed, most) // agreed and sure exclude each other
		VMOVDQU32(most, at(p, r, 4, 0))
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
	Doc("screenAVX2 is screen for n samples, whose stances are gathered, and k members, at most 16; to is a",
		"screening.")
	rivals, values, ahead := AllocLocal(32*maxScreened), AllocLocal(32*maxScreened), AllocLocal(32*maxScreened)
	to, voters, end := arg("to"), arg("voters"), arg("k")
	LEAQ(Mem{Base: voters, Index: end, Scale: voterSize}, end)
	scale, low := scale256(name), words32(name+"_low", sequence[uint32](8, 1<<25-1, 0))
	one, table := words32(name+"_one", sequence[uint32](8, 1, 0)), GP64()
	LEAQ(compressions(name), table)
	r, p, q, m, slot := GP64(), GP64(), GP64(), GP64(), GP64()
	row, valid, t := GP64(), GP32(), GP64()
	XORQ(r, r)
	loop(name, r, argAddr("n"), 8, func() {
		label, others, first, agreed := YMM(), YMM(), YMM(), YMM()
		MOVQ(argAddr("n"), t)
		SUBQ(r, t)
		MOVL(U32(0xFF), valid)
		CMPQ(t, Imm(8))
		JGE(LabelRef(name + "_whole"))
		BZHIL(t.As32(), valid, valid)
		Label(name + "_whole")
		VPXOR(label, label, label)
		VPXOR(others, others, others)
		VPCMPEQD(agreed, agreed, agreed)
		MOVQ(voters, m)
		XORQ(slot, slot)
		MOVQ(Mem{Base: to, Disp: screeningGathered}, row)
		LEAQ(at(row, r, 8, 0), row)

		Label(name + "_member")
		l, v, c, high, w, x := YMM(), YMM(), YMM(), YMM(), YMM(), XMM()
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
		VPBROADCASTD(Mem{Base: m, Disp: voterW}, w)
		VPMULLD(w, v, v)
		VPSRLD(U8(25), l, high)
		VPADDD(one, high, high)
		VPAND(low, l, l)
		VPMULLD(w, l, l)
		VPSRLD(U8(7), v, w)
		VPADDD(one, w, w)
		VPMULLD(w, high, high)
		VPSRLD(U8(16), c, c)
		VPADDD(l, label, label)
		VPADDD(high, others, others)
		VPSUBD(high, v, high)
		VMOVDQU(c, rivals.Idx(slot, 1))
		VMOVDQU(v, values.Idx(slot, 1))
		VMOVDQU(high, ahead.Idx(slot, 1))
		TESTQ(slot, slot)
		JNZ(LabelRef(name + "_other"))
		VMOVDQU(c, first)
		Label(name + "_other")
		VPCMPEQD(first, c, c)
		VPAND(c, agreed, agreed)
		VPMAXUD(l, v, v)
		VPCMPEQD(l, v, v) // label >= value
		VPANDN(agreed, v, agreed)
		ADDQ(U8(32), slot)
		ADDQ(U32(8*screenRow), row)
		ADDQ(U8(voterSize), m)
		CMPQ(m, end)
		JNE(LabelRef(name + "_member"))

		vote, most, y, a, b := YMM(), YMM(), YMM(), GP64(), GP64()
		VPXOR(vote, vote, vote)
		VPXOR(most, most, most)
		XORQ(a, a)
		Label(name + "_rival")
		votes, bound := YMM(), YMM()
		VMOVDQU(rivals.Idx(a, 1), c)
		VPXOR(votes, votes, votes)
		VMOVDQU(others, bound)
		XORQ(b, b)
		Label(name + "_voter")
		VPCMPEQD(rivals.Idx(b, 1), c, y)
		VPAND(values.Idx(b, 1), y, w)
		VPAND(ahead.Idx(b, 1), y, y)
		VPADDD(w, votes, votes)
		VPADDD(y, bound, bound)
		ADDQ(U8(32), b)
		CMPQ(b, slot)
		JNE(LabelRef(name + "_voter"))
		VPMAXUD(votes, vote, vote)
		VPMAXUD(bound, most, most)
		ADDQ(U8(32), a)
		CMPQ(a, slot)
		JNE(LabelRef(name + "_rival"))

		sure, place, least, lost := YMM(), YMM(), YMM(), YMM()
		rest := GP32()
		VPMAXUD(label, most, sure)
		VPCMPEQD(most, sure, sure)
		VPCMPEQD(y, y, y)
		VPXOR(y, sure, sure) // label > most
		MOVQ(Mem{Base: to, Disp: screeningRight}, p)
		VPAND(one, sure, y)
		VEXTRACTI128(U8(1), y, x)
		VPACKUSDW(x, y.AsX(), x)
		VMOVDQU(x, at(p, r, 2, 0))
		VPMAXUD(label, most, most)
		VBLENDVPS(agreed, vote, most, y) // the sums if nothing is lost; agreed and sure exclude each other
		VPOR(sure, agreed, agreed)
		MOVQ(Mem{Base: to, Disp: screeningSure}, p)
		VEXTRACTI128(U8(1), agreed, x)
		VPACKSSDW(x, agreed.AsX(), x)
		VPACKSSWB(x, x, x)
		VMOVQ(x, at(p, r, 1, 0))
		VMOVMSKPS(agreed, rest)
		ANDNL(valid, rest, rest)

		VBROADCASTSS(argAddr("least"), least)
		VPMAXUD(least, most, lost)
		VPCMPEQD(most, lost, lost)
		VMOVMSKPS(lost, t.As32())
		ANDL(t.As32(), rest)
		VPMAXUD(least, vote, lost)
		VPCMPEQD(vote, lost, lost)
		VPMAXUD(label, vote, w)
		VPCMPEQD(label, w, w)
		VPANDN(lost, w, lost)
		VPANDN(lost, agreed, lost)
		MOVQ(Mem{Base: to, Disp: screeningSums}, p)
		VPOR(lost, y, y)
		VMOVDQU(y, at(p, r, 4, 0))
		VMOVMSKPS(lost, t.As32())
		ANDNL(rest, t.As32(), rest)
		VPMOVZXBD(at(table, rest.As64(), 8, 0), place)
		MOVQ(Mem{Base: to, Disp: screeningFirst}, t)
		ADDQ(r, t)
		VMOVD(t.As32(), x)
		VPBROADCASTD(x, y)
		VPADDD(place, y, y)
		MOVQ(Mem{Base: to, Disp: screeningNOpen}, q)
		MOVQ(Mem{Base: to, Disp: screeningOpen}, p)
		VMOVDQU(y, at(p, q, 4, 0))
		POPCNTL(rest, rest)
		ADDQ(rest.As64(), q)
		MOVQ(q, Mem{Base: to, Disp: screeningNOpen})
	})
	VZEROUPPER()
	RET()
}
