package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func margins() {
	setPairAVX512()
	setPairAVX2()
	judgeAVX512()
	judgeAVX2()
	foreseeAVX512()
	foreseeAVX2()
}

// marginBytes is what the margins of 32 samples take: leads, excesses and rivals.
const marginBytes = 192

const setPairSignature = "func(m, a, b *uint16, aGiven, bGiven, best *uint32, class, labels *uint16, n int)"

func setPairAVX512() {
	const name = "setPair512"
	function("setPairAVX512", NOSPLIT, setPairSignature)
	Doc("setPairAVX512 is setPair for n samples, n a multiple of 32.")
	m, a, b := arg("m"), arg("a"), arg("b")
	aGiven, bGiven, best, class, labels, n := arg("aGiven"), arg("bGiven"), arg("best"), arg("class"), arg("labels"), arg("n")
	zero, ones, i := ZMM(), ones512(), GP64()
	VPXORD(zero, zero, zero)
	XORQ(i, i)
	loop(name, i, n, 32, func() {
		lead, excess, rival, c := ZMM(), ZMM(), ZMM(), ZMM()
		other, wrong := K(), K()
		row := func(of GPVirtual, j int) Mem { return Mem{Base: of, Disp: j * marginBytes / 3} }
		VMOVDQU16(row(a, 0), lead)
		VPADDSW(row(b, 0), lead, lead)
		VPMAXSW(zero, lead, lead)
		VMOVDQU16(row(a, 1), excess)
		VPADDSW(row(b, 1), excess, excess)
		VMOVDQU16(row(a, 2), rival)
		VPCMPW(notEqual, row(b, 2), rival, other)
		VMOVDQU16(ones, other, rival)

		var less [2]VecVirtual
		for h := range less {
			less[h] = ZMM()
			VMOVDQU32(at(aGiven, i, 4, 64*h), less[h])
			VPADDD(at(bGiven, i, 4, 64*h), less[h], less[h])
			VPSUBD(at(best, i, 4, 64*h), less[h], less[h])
			VPSRAD(U8(10), less[h], less[h])
			VPMOVSDW(less[h], less[h].AsY())
		}
		VINSERTI64X4(U8(1), less[1].AsY(), less[0], less[0])
		VMOVDQU16(at(class, i, 2, 0), c)
		VPCMPW(notEqual, at(labels, i, 2, 0), c, wrong)
		VMOVDQU16(less[0], wrong, lead)
		VMOVDQU16(c, wrong, rival)
		for j, z := range []VecVirtual{lead, excess, rival} {
			VMOVDQU16(z, row(m, j))
		}
		for _, p := range []GPVirtual{m, a, b} {
			ADDQ(U32(marginBytes), p)
		}
	})
	VZEROUPPER()
	RET()
}

// setPairAVX2 takes the halves of each 32 samples one after the other.
func setPairAVX2() {
	const name = "setPair256"
	function("setPairAVX2", NOSPLIT, setPairSignature)
	Doc("setPairAVX2 is setPair for n samples, n a multiple of 32.")
	m, a, b := arg("m"), arg("a"), arg("b")
	aGiven, bGiven, best, class, labels, n := arg("aGiven"), arg("bGiven"), arg("best"), arg("class"), arg("labels"), arg("n")
	zero, ones, i := YMM(), YMM(), GP64()
	VPXOR(zero, zero, zero)
	VPCMPEQD(ones, ones, ones)
	XORQ(i, i)
	loop(name, i, n, 32, func() {
		for half := range 2 {
			lead, excess, rival, c, t := YMM(), YMM(), YMM(), YMM(), YMM()
			row := func(of GPVirtual, j int) Mem { return Mem{Base: of, Disp: j*marginBytes/3 + 32*half} }
			VMOVDQU(row(a, 0), lead)
			VPADDSW(row(b, 0), lead, lead)
			VPMAXSW(zero, lead, lead)
			VMOVDQU(row(a, 1), excess)
			VPADDSW(row(b, 1), excess, excess)
			VMOVDQU(row(a, 2), rival)
			VPCMPEQW(row(b, 2), rival, t)
			VPXOR(ones, t, t)
			VPOR(t, rival, rival) // NoClass

			less := newPair16()
			for h := range less {
				o := 64*half + 32*h
				VMOVDQU(at(aGiven, i, 4, o), less[h])
				VPADDD(at(bGiven, i, 4, o), less[h], less[h])
				VPSUBD(at(best, i, 4, o), less[h], less[h])
				VPSRAD(U8(10), less[h], less[h])
			}
			VPACKSSDW(less[1], less[0], less[0])
			VPERMQ(U8(0xD8), less[0], less[0])
			VMOVDQU(at(class, i, 2, 32*half), c)
			VPCMPEQW(at(labels, i, 2, 32*half), c, t)
			VPBLENDVB(t, lead, less[0], lead)
			VPBLENDVB(t, rival, c, rival)
			for j, y := range []VecVirtual{lead, excess, rival} {
				VMOVDQU(y, row(m, j))
			}
		}
		for _, p := range []GPVirtual{m, a, b} {
			ADDQ(U32(marginBytes), p)
		}
	})
	VZEROUPPER()
	RET()
}

// A judging512 finds which of 32 samples are surely wrong.
type judging512 struct{ minus2, a, b, lead, t, r VecVirtual }

func newJudging512() judging512 {
	j := judging512{ZMM(), ZMM(), ZMM(), ZMM(), ZMM(), ZMM()}
	VPTERNLOGD(U8(255), j.minus2, j.minus2, j.minus2)
	VPADDW(j.minus2, j.minus2, j.minus2)
	return j
}

// wrong leaves the leads of both together in lead. a and b are margins, o is where those of
// the samples begin.
func (j judging512) wrong(a, b, o GPVirtual) OpmaskVirtual {
	wrong, k := K(), K()
	VMOVDQU16(at(a, o, 1, 0), j.a)
	VMOVDQU16(at(b, o, 1, 0), j.b)
	VMOVDQU16(at(a, o, 1, 128), j.r)
	VPADDSW(j.b, j.a, j.lead)
	VPCMPW(less, j.minus2, j.lead, wrong)
	VPCMPW(equal, at(b, o, 1, 128), j.r, k)
	KANDD(k, wrong, wrong)
	VPADDSW(at(b, o, 1, 64), j.a, j.t)
	VPADDSW(at(a, o, 1, 64), j.b, j.b)
	VPORD(j.t, j.b, j.t)
	VPMOVW2M(j.t, k)
	KORD(k, wrong, wrong)
	return wrong
}

// judgeAVX512 lists the open samples as agreeAVX512 does.
func judgeAVX512() {
	function("judgeAVX512", NOSPLIT, "func(may *byte, open *int32, a, b *uint16, n int) (nOpen int)")
	Doc("judgeAVX512 is judge for n samples, n a multiple of 32.")
	may, open, a, b, n := arg("may"), arg("open"), arg("a"), arg("b"), arg("n")
	j := newJudging512()
	zero, ones, number, sixteen := ZMM(), YMM(), ZMM(), ZMM()
	VPXORD(zero, zero, zero)
	VPBROADCASTB(words8("judgeOne", []byte{1}), ones)
	VPBROADCASTD(words32("judgeSixteen", []uint32{16}), sixteen)
	VMOVDQU32(words32("judgeNumbers", sequence[uint32](16, 0, 1)), number)
	i, o, m := GP64(), GP64(), GP64()
	XORQ(i, i)
	XORQ(o, o)
	XORQ(m, m)
	loop("judge512", i, n, 32, func() {
		may1, right, y := j.wrong(a, b, o), K(), YMM()
		KNOTD(may1, may1)
		VMOVDQU8_Z(ones, may1, y)
		VMOVDQU(y, at(may, i, 1, 0))
		VPCMPW(greater, zero, j.lead, right)
		KANDND(may1, right, right)
		list(right, number, sixteen, open, m)
		ADDQ(U32(marginBytes), o)
	})
	Store(m, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// foreseeAVX512 collects the cells of the samples that change sides, in a list for either
// way, and counts them afterwards.
func foreseeAVX512() {
	const name = "foresee512"
	function("foreseeAVX512", 0, "func(hist *int32, cells *uint16, right *byte, a, b *uint16, n int)")
	Doc("foreseeAVX512 is foresee for n samples, n a multiple of 32; hist are the histograms one after another.")
	const room = chunk*2 + 64
	buffer := AllocLocal(2 * room)
	lists, m := [2]Mem{buffer, buffer.Offset(room)}, [2]GPVirtual{GP64(), GP64()}
	hist, cells, right, a, b, n := arg("hist"), arg("cells"), arg("right"), arg("a"), arg("b"), arg("n")
	j, ones := newJudging512(), YMM()
	VPBROADCASTB(words8("foreseeOne", []byte{1}), ones)
	i, o := GP64(), GP64()
	XORQ(i, i)
	XORQ(o, o)
	chunks(name, i, n, func(end GPVirtual) {
		XORQ(m[0], m[0])
		XORQ(m[1], m[1])
		loop(name+"_collect", i, end, 32, func() {
			wrong, is, y, z, t := j.wrong(a, b, o), K(), YMM(), ZMM(), GP64()
			VMOVDQU(at(right, i, 1, 0), y)
			VPTESTMB(ones, y, is)
			VMOVDQU16(at(cells, i, 2, 0), z)
			gains := K()
			KORD(wrong, is, gains)
			KNOTD(gains, gains)
			KANDD(wrong, is, is)
			for side, k := range []OpmaskVirtual{gains, is} {
				c := ZMM()
				VPCOMPRESSW_Z(z, k, c)
				VMOVDQU64(c, lists[side].Idx(m[side], 2))
				KMOVD(k, t.As32())
				POPCNTL(t.As32(), t.As32())
				ADDQ(t, m[side])
			}
			ADDQ(U32(marginBytes), o)
		})
		for side, way := range []string{"_gains", "_losses"} {
			k, whole, t, u := GP64(), GP64(), GP32(), GP32()
			one := func(step int) {
				MOVWLZX(lists[side].Offset(2*step).Idx(k, 2), t)
				MOVBLZX(t.As8(), u)
				SHRL(U8(8), t)
				INCL(at(hist, u.As64(), 4, 1024*side))
				INCL(at(hist, t.As64(), 4, 2048+1024*side))
			}
			XORQ(k, k)
			MOVQ(m[side], whole)
			ANDQ(I8(-4), whole)
			loop(name+way+"_fours", k, whole, 4, func() {
				for step := range 4 {
					one(step)
				}
			})
			loop(name+way, k, m[side], 1, func() { one(0) })
		}
	})
	VZEROUPPER()
	RET()
}

// A judging256 finds which of 16 samples are surely wrong.
type judging256 struct{ minus2, a, b, lead, t, wrong VecVirtual }

func newJudging256() judging256 {
	j := judging256{YMM(), YMM(), YMM(), YMM(), YMM(), YMM()}
	VPCMPEQW(j.minus2, j.minus2, j.minus2)
	VPADDW(j.minus2, j.minus2, j.minus2)
	return j
}

// judge leaves the leads of both together in lead, and all bits set for the samples that
// are wrong in wrong. half says which half of 32 samples is meant.
func (j judging256) judge(a, b, o GPVirtual, half int) {
	VMOVDQU(at(a, o, 1, 32*half), j.a)
	VMOVDQU(at(b, o, 1, 32*half), j.b)
	VMOVDQU(at(a, o, 1, 128+32*half), j.wrong)
	VPADDSW(j.b, j.a, j.lead)
	VPCMPEQW(at(b, o, 1, 128+32*half), j.wrong, j.wrong)
	VPCMPGTW(j.lead, j.minus2, j.t)
	VPAND(j.t, j.wrong, j.wrong)
	VPADDSW(at(b, o, 1, 64+32*half), j.a, j.t)
	VPADDSW(at(a, o, 1, 64+32*half), j.b, j.b)
	VPOR(j.t, j.b, j.t)
	VPSRAW(U8(15), j.t, j.t)
	VPOR(j.t, j.wrong, j.wrong)
}

// bytes256 packs 16 words, each 0 or all bits set, into the bytes of the lower half.
func bytes256(words VecVirtual) VecVirtual {
	x := XMM()
	VEXTRACTI128(U8(1), words, x)
	VPACKSSWB(x, words.AsX(), x)
	return x
}

// eachBit runs body with the number of every bit that is set in a mask, of the sample i on.
func eachBit(name string, mask GPVirtual, i GPVirtual, disp int, body func(number GPVirtual)) {
	number := GP64()
	TESTL(mask, mask)
	JZ(LabelRef(name + "_none"))
	Label(name + "_next")
	TZCNTL(mask, number.As32())
	LEAQ(at(number, i, 1, disp), number)
	body(number)
	BLSRL(mask, mask)
	JNZ(LabelRef(name + "_next"))
	Label(name + "_none")
}

// judgeAVX2 walks over the open samples.
func judgeAVX2() {
	function("judgeAVX2", NOSPLIT, "func(may *byte, open *int32, a, b *uint16, n int) (nOpen int)")
	Doc("judgeAVX2 is judge for n samples, n a multiple of 32.")
	may, open, a, b, n := arg("may"), arg("open"), arg("a"), arg("b"), arg("n")
	j, zero, ones := newJudging256(), YMM(), XMM()
	VPXOR(zero, zero, zero)
	VPBROADCASTB(words8("judgeOne256", []byte{1}), ones)
	i, o, m, mask := GP64(), GP64(), GP64(), GP32()
	XORQ(i, i)
	XORQ(o, o)
	XORQ(m, m)
	loop("judge256", i, n, 32, func() {
		for half, name := range []string{"judge256_a", "judge256_b"} {
			j.judge(a, b, o, half)
			VPCMPGTW(zero, j.lead, j.lead)
			VPOR(j.wrong, j.lead, j.lead)
			x := bytes256(j.wrong)
			VPANDN(ones, x, x)
			VMOVDQU(x, at(may, i, 1, 16*half))
			VPMOVMSKB(bytes256(j.lead), mask)
			XORL(U32(0xFFFF), mask)
			eachBit(name, mask, i, 16*half, func(number GPVirtual) {
				MOVL(number.As32(), at(open, m, 4, 0))
				INCQ(m)
			})
		}
		ADDQ(U32(marginBytes), o)
	})
	Store(m, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// foreseeAVX2 walks over the samples that change sides.
func foreseeAVX2() {
	function("foreseeAVX2", NOSPLIT, "func(hist *int32, cells *uint16, right *byte, a, b *uint16, n int)")
	Doc("foreseeAVX2 is foresee for n samples, n a multiple of 32; hist are the histograms one after another.")
	hist, cells, right, a, b, n := arg("hist"), arg("cells"), arg("right"), arg("a"), arg("b"), arg("n")
	j, is := newJudging256(), YMM()
	i, o, mask := GP64(), GP64(), GP32()
	XORQ(i, i)
	XORQ(o, o)
	loop("foresee256", i, n, 32, func() {
		for half, name := range []string{"foresee256_a", "foresee256_b"} {
			j.judge(a, b, o, half)
			VPMOVZXBW(at(right, i, 1, 16*half), is)
			VPSLLW(U8(15), is, is)
			VPSRAW(U8(15), is, is)
			for side, way := range []string{"_gains", "_losses"} {
				if side == 0 {
					VPOR(j.wrong, is, j.t)
				} else {
					VPAND(j.wrong, is, j.t)
				}
				VPMOVMSKB(bytes256(j.t), mask)
				if side == 0 {
					XORL(U32(0xFFFF), mask)
				}
				eachBit(name+way, mask, i, 16*half, func(number GPVirtual) {
					t, u := GP32(), GP32()
					MOVWLZX(at(cells, number, 2, 0), t)
					MOVBLZX(t.As8(), u)
					SHRL(U8(8), t)
					INCL(at(hist, u.As64(), 4, 1024*side))
					INCL(at(hist, t.As64(), 4, 2048+1024*side))
				})
			}
		}
		ADDQ(U32(marginBytes), o)
	})
	VZEROUPPER()
	RET()
}
