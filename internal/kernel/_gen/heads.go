package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func heads() {
	decideByHeadsAVX512()
	decideByHeadsAVX2()
}

const (
	headsSignature = "func(best *uint32, class *uint16, open *int32, a, b *uint16, n int) (nOpen int)"

	headLength = 4
	headRow    = 64                       // bytes of the words of 32 samples
	headValues = headLength * headRow     // where the values of a block begin
	headBytes  = 2 * headLength * headRow // of a block
	headsAhead = 4 * headBytes            // how far ahead they are asked for: the processor alone stops at every page

	oneBits  = 0x3F800000 // 1
	unitBits = 1024       // and how far 1+2^-13 is from it
)

// askAhead asks for a block to come of both heads.
func askAhead(a, b GPVirtual) {
	for line := 0; line < headBytes; line += 64 {
		PREFETCHT0(Mem{Base: a, Disp: headsAhead + line})
		PREFETCHT0(Mem{Base: b, Disp: headsAhead + line})
	}
}

// decideByHeadsAVX512 takes 32 samples at a time. A name is NoClass where the class is not in the
// other head.
func decideByHeadsAVX512() {
	const name = "heads512"
	function("decideByHeadsAVX512", NOSPLIT, headsSignature)
	Doc("decideByHeadsAVX512 is decideByHeads for n samples, n a multiple of 32.")
	best, class, open, a, b, n := arg("best"), arg("class"), arg("open"), arg("a"), arg("b"), arg("n")
	scale, one, unit, sixteen, number, ones := ZMM(), ZMM(), ZMM(), ZMM(), ZMM(), ones512()
	VPBROADCASTD(words32(name+"_scale", []uint32{0x4B800000}), scale) // 2^24
	VPBROADCASTD(words32(name+"_one", []uint32{oneBits}), one)
	VPBROADCASTD(words32(name+"_unit", []uint32{unitBits}), unit)
	VPBROADCASTD(words32(name+"_sixteen", []uint32{16}), sixteen)
	VMOVDQU32(words32(name+"_numbers", sequence[uint32](16, 0, 1)), number)
	i, nOpen := GP64(), GP64()
	XORQ(i, i)
	XORQ(nOpen, nOpen)
	loop(name, i, n, 32, func() {
		var theirs, names, classes, values [headLength]VecVirtual
		for k := range classes {
			classes[k], values[k] = ZMM(), ZMM()
			VMOVDQU64(Mem{Base: b, Disp: k * headRow}, classes[k])
			VMOVDQU64(Mem{Base: b, Disp: headValues + k*headRow}, values[k])
		}
		askAhead(a, b)
		first := K() // of b is in a
		for j := range theirs {
			c, found := ZMM(), K()
			theirs[j], names[j] = ZMM(), ZMM()
			VMOVDQU64(Mem{Base: a, Disp: j * headRow}, c)
			VMOVDQA64(values[headLength-1], theirs[j])
			for k := range classes {
				hit := K()
				VPCMPW(equal, classes[k], c, hit)
				VMOVDQU16(values[k], hit, theirs[j])
				switch {
				case k > 0:
					KORD(hit, found, found)
				case j > 0:
					KORD(hit, first, first)
					KMOVD(hit, found)
				default:
					KMOVD(hit, first)
					KMOVD(hit, found)
				}
			}
			VMOVDQA64(ones, names[j])
			VMOVDQU16(c, found, names[j])
		}

		// Sums are above 0, so that their bits compare like them.
		var top [2]VecVirtual
		var bad, far [2]OpmaskVirtual
		var last [2]VecVirtual
		sums := func(j, h int) VecVirtual {
			mine, sum := ZMM(), ZMM()
			VCVTPH2PS(Mem{Base: a, Disp: headValues + j*headRow + 32*h}, mine)
			half := theirs[j].AsY()
			if h == 1 {
				half = YMM()
				VEXTRACTI64X4(U8(1), theirs[j], half)
			}
			VCVTPH2PS(half, sum)
			VADDPS(mine, sum, sum)
			last[h] = mine
			return sum
		}
		for h := range top {
			top[h], bad[h] = sums(0, h), K()
			KXORW(bad[h], bad[h], bad[h])
		}
		for j := 1; j < headLength; j++ {
			var more [2]OpmaskVirtual
			for h := range top {
				sum, tie := sums(j, h), K()
				more[h] = K()
				VPCMPUD(equal, top[h], sum, tie)
				VPCMPUD(greater, top[h], sum, more[h])
				VPMAXUD(sum, top[h], top[h])
				KORW(tie, bad[h], bad[h])
			}
			KUNPCKWD(more[0], more[1], more[0])
			VMOVDQU16(names[j], more[0], names[0])
		}
		for h := range top {
			bound, k := ZMM(), K()
			far[h] = K()
			VCVTPH2PS(Mem{Base: b, Disp: headValues + 32*h}, bound)
			VADDPS(last[h], bound, bound)
			VPCMPUD(lessEqual, bound, top[h], far[h])
			VPSUBD(one, top[h], bound)
			VPCMPUD(lessEqual, unit, bound, k)
			KORW(k, bad[h], bad[h])
			VMULPS(scale, top[h], top[h])
			VCVTPS2UDQ(top[h], top[h])
			VMOVDQU32(top[h], at(best, i, 4, 64*h))
		}
		VMOVDQU16(names[0], at(class, i, 2, 0))
		missing := K()
		VPCMPW(equal, ones, names[0], missing)
		KUNPCKWD(bad[0], bad[1], bad[0])
		KUNPCKWD(far[0], far[1], far[0])
		KANDND(far[0], first, first)
		KORD(first, bad[0], bad[0])
		KORD(missing, bad[0], bad[0])
		list(bad[0], number, sixteen, open, nOpen)
		ADDQ(U32(headBytes), a)
		ADDQ(U32(headBytes), b)
	})
	Store(nOpen, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// decideByHeadsAVX2 takes the halves of each 32 samples one after the other.
func decideByHeadsAVX2() {
	const name = "heads256"
	function("decideByHeadsAVX2", NOSPLIT, headsSignature)
	Doc("decideByHeadsAVX2 is decideByHeads for n samples, n a multiple of 32.")
	best, class, open, a, b, n := arg("best"), arg("class"), arg("open"), arg("a"), arg("b"), arg("n")
	scale, ones := scale256(name), YMM()
	one, unit := words32(name+"_one", sequence[uint32](8, oneBits, 0)), words32(name+"_unit", sequence[uint32](8, unitBits, 0))
	VPCMPEQD(ones, ones, ones)
	i, nOpen, mask, number, from := GP64(), GP64(), GP32(), GP64(), GP64()
	XORQ(i, i)
	XORQ(nOpen, nOpen)
	decideHalf := func(half int) {
		row := func(of GPVirtual, disp int) Mem { return Mem{Base: of, Disp: disp + 32*half} }
		bounds, top, bad := newPair16(), newPair16(), newPair16()
		names, first := YMM(), YMM()
		for j := range headLength {
			c, theirs, found, hit := YMM(), YMM(), YMM(), YMM()
			VMOVDQU(row(a, j*headRow), c)
			VMOVDQU(row(b, headValues+(headLength-1)*headRow), theirs)
			for k := range headLength {
				VPCMPEQW(row(b, k*headRow), c, hit)
				VPBLENDVB(hit, row(b, headValues+k*headRow), theirs, theirs)
				if k == 0 {
					VMOVDQA(hit, found)
					if j == 0 {
						VMOVDQA(hit, first)
					} else {
						VPOR(hit, first, first)
					}
				} else {
					VPOR(hit, found, found)
				}
			}
			VPXOR(ones, found, found)
			VPOR(found, c, c) // NoClass where it is not there

			more := newPair16()
			for h := range top {
				mine, sum, half := YMM(), YMM(), theirs.AsX()
				VCVTPH2PS(row(a, headValues+j*headRow+16*h), mine)
				if h == 1 {
					half = XMM()
					VEXTRACTI128(U8(1), theirs, half)
				}
				VCVTPH2PS(half, sum)
				VADDPS(mine, sum, sum)
				if j == headLength-1 {
					VCVTPH2PS(row(b, headValues+16*h), bounds[h])
					VADDPS(mine, bounds[h], bounds[h])
				}
				if j == 0 {
					VMOVDQA(sum, top[h])
					continue
				}
				tie := bad[h]
				if j > 1 {
					tie = YMM()
				}
				VPCMPEQD(top[h], sum, tie)
				if j > 1 {
					VPOR(tie, bad[h], bad[h])
				}
				VPCMPGTD(top[h], sum, more[h])
				VPMAXUD(sum, top[h], top[h])
			}
			if j == 0 {
				VMOVDQA(c, names)
				continue
			}
			VPACKSSDW(more[1], more[0], hit)
			VPERMQ(U8(0xD8), hit, hit)
			VPBLENDVB(hit, c, names, names)
		}
		for h := range top {
			near, t := YMM(), YMM()
			VPCMPGTD(bounds[h], top[h], bounds[h]) // above it
			VPSUBD(one, top[h], near)
			VPMINUD(unit, near, t)
			VPCMPEQD(t, near, near) // no farther than the unit
			VPOR(near, bad[h], bad[h])
			VMULPS(scale, top[h], top[h])
			VCVTPS2DQ(top[h], top[h])
			VMOVDQU(top[h], at(best, i, 4, 64*half+32*h))
		}
		VMOVDQU(names, at(class, i, 2, 32*half))
		VPCMPEQW(ones, names, names)
		all, above, x := YMM(), YMM(), XMM()
		pack := func(of pair16, to VecVirtual) {
			VPACKSSDW(of[1], of[0], to)
			VPERMQ(U8(0xD8), to, to)
		}
		pack(bad, all)
		VPOR(names, all, all)
		pack(bounds, above)
		VPOR(first, above, above)
		VPXOR(ones, above, above)
		VPOR(above, all, all)
		VEXTRACTI128(U8(1), all, x)
		VPACKSSWB(x, all.AsX(), x)
		VPMOVMSKB(x, mask)
		TESTL(mask, mask)
		label := fmt.Sprintf("%s_%d", name, half)
		JZ(LabelRef(label + "_all"))
		LEAQ(Mem{Base: i, Disp: 16 * half}, from)
		listBits(label, mask, number, from, open, nOpen)
		Label(label + "_all")
	}
	loop(name, i, n, 32, func() {
		askAhead(a, b)
		for half := range 2 {
			decideHalf(half)
		}
		ADDQ(U32(headBytes), a)
		ADDQ(U32(headBytes), b)
	})
	Store(nOpen, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
