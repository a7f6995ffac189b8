package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func lists() {
	agreeAVX512()
	combineAVX512(16)
	combineAVX512(32)
}

// agreeAVX512 settles the samples on which both sides name the same class, 32 at
// a time, and lists the others: the numbers of a step are compressed to the front
// of a register and stored whole; the next step overwrites what was too much.
func agreeAVX512() {
	TEXT("agreeAVX512", NOSPLIT, "func(best *uint32, class *uint16, open *int32, top *uint32, topClass, lClass, lValue *uint16, n int, scale float32) (nOpen int)")
	Doc("agreeAVX512 is agree for n samples, n a multiple of 32; scale is w·2^24.")
	best, class, open, top := arg("best"), arg("class"), arg("open"), arg("top")
	topClass, lClass, lValue, n := arg("topClass"), arg("lClass"), arg("lValue"), arg("n")
	scale, sixteen := ZMM(), ZMM()
	VBROADCASTSS(argAddr("scale"), scale)
	VPBROADCASTD(words32("agreeSixteen", []uint32{16}), sixteen)
	number := ZMM()
	VMOVDQU32(words32("agreeNumbers", sequence[uint32](16, 0, 1)), number)

	i, t, m := GP64(), GP64(), GP64()
	XORQ(i, i)
	XORQ(m, m)
	loop("agree512", i, n, 32, func() {
		c, differ := ZMM(), K()
		VMOVDQU16(at(topClass, i, 2, 0), c)
		VPCMPW(notEqual, at(lClass, i, 2, 0), c, differ)
		VMOVDQU16(c, at(class, i, 2, 0))
		KMOVD(differ, t.As32())
		for h := range 2 {
			v := ZMM()
			VCVTPH2PS(at(lValue, i, 2, 32*h), v)
			VMULPS(scale, v, v)
			VCVTPS2UDQ(v, v)
			VPADDD(at(top, i, 4, 64*h), v, v)
			VMOVDQU32(v, at(best, i, 4, 64*h))

			z, count := ZMM(), GP64()
			VPCOMPRESSD_Z(number, differ, z)
			VMOVDQU32(z, at(open, m, 4, 0))
			VPADDD(sixteen, number, number)
			if h == 0 {
				MOVWLZX(t.As16(), count.As32())
				KSHIFTRD(U8(16), differ, differ)
			} else {
				MOVL(t.As32(), count.As32())
				SHRL(U8(16), count.As32())
			}
			POPCNTL(count.As32(), count.As32())
			ADDQ(count, m)
		}
	})
	Store(m, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// matcher looks the classes of one list up in another: all pairs of two lists of
// k classes are compared in k·k/32 instructions. Lane a of dup holds class a of
// the one list twice; broadcast pairs of classes of the other list meet it, and
// the places of those that are equal are collected.
type matcher struct {
	k      int
	spread VecVirtual   // permutes 16 words to 16 doubled words
	pair   []VecVirtual // pair j holds the places 2j and 2j+1 in all lanes
	none   VecVirtual   // places "k", not found
}

func newMatcher(name string, k int) *matcher {
	m := &matcher{k: k, spread: ZMM(), none: ZMM()}
	double := make([]uint16, 32)
	for i := range double {
		double[i] = uint16(i / 2)
	}
	VMOVDQU16(words16(name+"_double", double), m.spread)
	VPBROADCASTW(words16(name+"_none", []uint16{uint16(k)}), m.none)
	places := words16(name+"_places", sequence[uint16](k, 0, 1))
	for j := range k / 2 {
		z := ZMM()
		VPBROADCASTD(places.Offset(4*j), z)
		m.pair = append(m.pair, z)
	}
	return m
}

// places returns, as one number a lane, where the 16 classes in memory stand in
// the list of k classes at list; k where they do not.
func (m *matcher) places(classes VecVirtual, list Mem) VecVirtual {
	dup, acc := ZMM(), ZMM()
	VPERMW(classes, m.spread, dup)
	VMOVDQA64(m.none, acc)
	for j := range m.k / 2 {
		two, hit := ZMM(), K()
		VPBROADCASTD(list.Offset(4*j), two)
		VPCMPEQW(two, dup, hit)
		VMOVDQU16(m.pair[j], hit, acc)
	}
	// One half of a lane says none, both if there is none. The shift brings in
	// zeros from above, and the smaller is what remains.
	VPSRLD(U8(16), acc, dup)
	VPMINUW(acc, dup, acc)
	return acc
}

// pick returns from[place] for every lane, or other where the place is k.
func (m *matcher) pick(place VecVirtual, from []VecVirtual, other VecVirtual) VecVirtual {
	z := ZMM()
	VMOVDQA64(place, z)
	if m.k == 16 {
		VPERMI2D(other, from[0], z)
		return z
	}
	found := K()
	VPERMI2D(from[1], from[0], z)
	VPTESTNMD(m.limit(), place, found)
	VPBLENDMD(z, other, found, z)
	return z
}

// limit is the number k in every lane. Words of none hold k; their upper halves
// do not matter because no place reaches there.
func (m *matcher) limit() VecVirtual { return m.none }

// maximum leaves the largest of 16 numbers in the lowest lane of the result.
func maximum(z VecVirtual) VecVirtual {
	y, x := YMM(), XMM()
	VEXTRACTI64X4(U8(1), z, y)
	VPMAXUD(z.AsY(), y, y)
	VEXTRACTI32X4(U8(1), y, x)
	VPMAXUD(y.AsX(), x, x)
	fold := XMM()
	VPSHUFD(U8(0x4E), x, fold)
	VPMAXUD(fold, x, x)
	VPSHUFD(U8(0xB1), x, fold)
	VPMAXUD(fold, x, x)
	return x
}

// lowestClass stores the smallest of 32 words.
func lowestClass(z VecVirtual, to Mem) {
	y, x := YMM(), XMM()
	VEXTRACTI64X4(U8(1), z, y)
	VPMINUW(z.AsY(), y, y)
	VEXTRACTI32X4(U8(1), y, x)
	VPMINUW(y.AsX(), x, X0)
	VPHMINPOSUW(X0, X0) // has no form for the upper registers
	VPEXTRW(U8(0), X0, to)
}

// ahead is how many listed samples before its turn a sample's rows are asked for.
const ahead = 12

// combineAVX512 decides one listed sample after another without a branch that
// depends on the data: the sums of all classes of s, with what l says about them,
// and a lower bound for all classes of l, which is exact where s does not know
// the class and all it does not know has the sum base.
func combineAVX512(k int) {
	name := fmt.Sprintf("combine%dAVX512", k)
	TEXT(name, NOSPLIT, "func(best *uint32, class *uint16, open *int32, nOpen int, sClasses *uint16, sValues, rest, base *uint32, lClasses, lValues *uint16, tail *uint32, w uint32, scale float32) (undecided int)")
	Doc(fmt.Sprintf("combine%dAVX512 decides the nOpen samples listed in open, with lists of %d classes; scale is w·2^24.", k, k),
		"The samples that s may not be able to decide stay listed.")
	best, class, open, n := arg("best"), arg("class"), arg("open"), arg("nOpen")
	sClasses, lClasses, lValues := arg("sClasses"), arg("lClasses"), arg("lValues")
	sValues := arg("sValues")
	scale := ZMM()
	VBROADCASTSS(argAddr("scale"), scale)
	m := newMatcher(name, k)
	ones := ones512()
	halves := k / 16

	r, undecided, last := GP64(), GP64(), GP64()
	XORQ(r, r)
	XORQ(undecided, undecided)
	LEAQ(Mem{Base: n, Disp: -1}, last)
	loop(name+"_loop", r, n, 1, func() {
		i, row, p, t := GP64(), GP64(), GP64(), GP32()
		// The rows of the samples to come lie at random places of large lists.
		LEAQ(Mem{Base: r, Disp: ahead}, i)
		CMPQ(i, last)
		CMOVQGT(last, i)
		MOVLQSX(at(open, i, 4, 0), i)
		SHLQ(U8(5+halves-1), i)
		PREFETCHT0(at(sClasses, i, 1, 0))
		PREFETCHT0(at(sValues, i, 2, 0))
		PREFETCHT0(at(lClasses, i, 1, 0))
		PREFETCHT0(at(lValues, i, 1, 0))

		MOVLQSX(at(open, r, 4, 0), i)
		MOVQ(i, row)
		SHLQ(U8(5+halves-1), row) // bytes of k words
		other, baseAll := ZMM(), ZMM()
		MOVQ(argAddr("tail"), p)
		MOVL(at(p, i, 4, 0), t)
		IMULL(argAddr("w"), t)
		VPBROADCASTD(t, other)
		MOVQ(argAddr("base"), p)
		VPBROADCASTD(at(p, i, 4, 0), baseAll)

		l := make([]VecVirtual, halves)
		for h := range l {
			l[h] = ZMM()
			VCVTPH2PS(at(lValues, row, 1, 32*h), l[h])
			VMULPS(scale, l[h], l[h])
			VCVTPS2UDQ(l[h], l[h])
		}
		s, c := make([]VecVirtual, halves), make([]VecVirtual, halves)
		top := ZMM()
		for h := range s {
			c[h] = ZMM()
			VMOVDQU16(at(sClasses, row, 1, 32*h), c[h].AsY())
			place := m.places(c[h], at(lClasses, row, 1, 0))
			s[h] = m.pick(place, l, other)
			VPADDD(at(sValues, row, 2, 64*h), s[h], s[h])
		}
		VPADDD(baseAll, l[0], l[0])
		VPMAXUD(s[0], l[0], top)
		for h := 1; h < halves; h++ {
			VPADDD(baseAll, l[h], l[h])
			VPMAXUD(s[h], top, top)
			VPMAXUD(l[h], top, top)
		}
		x := maximum(top)
		VMOVD(x, at(best, i, 4, 0))
		VPBROADCASTD(x, top)
		lowest := ZMM()
		for h := range s {
			inS, inL, words := K(), K(), ZMM()
			VPCMPUD(equal, top, s[h], inS)
			VPCMPUD(equal, top, l[h], inL)
			KUNPCKWD(inS, inL, inL)
			VINSERTI64X4(U8(1), at(lClasses, row, 1, 32*h), c[h], words)
			VPBLENDMW(words, ones, inL, words)
			if h == 0 {
				lowest = words
			} else {
				VPMINUW(words, lowest, lowest)
			}
		}
		lowestClass(lowest, at(class, i, 2, 0))

		// A class of l that s has dropped has up to rest there, not base.
		exact := name + "_exact"
		MOVQ(argAddr("rest"), p)
		MOVL(at(p, i, 4, 0), t)
		MOVQ(argAddr("base"), p)
		SUBL(at(p, i, 4, 0), t)
		JZ(LabelRef(exact))
		more, any, k := ZMM(), K(), K()
		VPBROADCASTD(t, more)
		for h := range l {
			VPADDD(more, l[h], l[h])
			VPCMPUD(greaterEqual, top, l[h], k)
			if h == 0 {
				KMOVW(k, any)
			} else {
				KORW(k, any, any)
			}
		}
		MOVL(i.As32(), at(open, undecided, 4, 0))
		KMOVW(any, t)
		NEGL(t) // carry where there is any
		ADCQ(U8(0), undecided)
		Label(exact)
	})
	Store(undecided, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
