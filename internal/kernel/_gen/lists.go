package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func lists() {
	agreeAVX512()
	combineAVX512(16)
	combineAVX512(32)
	pairAVX512(16)
	pairAVX512(32)
	agreeAllAVX512()
	resolveAVX512(16)
	resolveAVX512(32)
	extendAVX512()
	agreeAVX2()
	agreeAllAVX2()
	combine16AVX2()
	pair16AVX2()
	resolve16AVX2()
	extendSums16AVX2()
}

// agreeAVX512 settles the samples on which both sides name the same class, 32 at
// a time, and lists the others: the numbers of a step are compressed to the front
// of a register and stored whole; the next step overwrites what was too much.
func agreeAVX512() {
	function("agreeAVX512", NOSPLIT, "func(best *uint32, class *uint16, open *int32, top *uint32, topClass, lClass, lValue *uint16, n int, scale float32) (nOpen int)")
	Doc("agreeAVX512 is agree for n samples, n a multiple of 32; scale is w·2^24.")
	best, class, open, top := arg("best"), arg("class"), arg("open"), arg("top")
	topClass, lClass, lValue, n := arg("topClass"), arg("lClass"), arg("lValue"), arg("n")
	scale, sixteen := ZMM(), ZMM()
	VBROADCASTSS(argAddr("scale"), scale)
	VPBROADCASTD(words32("agreeSixteen", []uint32{16}), sixteen)
	number := ZMM()
	VMOVDQU32(words32("agreeNumbers", sequence[uint32](16, 0, 1)), number)

	i, m := GP64(), GP64()
	XORQ(i, i)
	XORQ(m, m)
	loop("agree512", i, n, 32, func() {
		c, differ := ZMM(), K()
		VMOVDQU16(at(topClass, i, 2, 0), c)
		VPCMPW(notEqual, at(lClass, i, 2, 0), c, differ)
		VMOVDQU16(c, at(class, i, 2, 0))
		for h := range 2 {
			v := ZMM()
			scaled(v, at(lValue, i, 2, 32*h), scale)
			VPADDD(at(top, i, 4, 64*h), v, v)
			VMOVDQU32(v, at(best, i, 4, 64*h))
		}
		list(differ, number, sixteen, open, m)
	})
	Store(m, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// scaled loads 16 float16 and turns them into w times fixed point: exact, because
// the 11 bits of a float16 and the 8 of w fit into a float32.
func scaled(z VecVirtual, from Mem, scale VecVirtual) {
	VCVTPH2PS(from, z)
	VMULPS(scale, z, z)
	VCVTPS2UDQ(z, z)
}

// list appends the numbers of the samples in the mask to the m numbers in open
// and moves on by 32 samples. It stores 16 numbers at a time, never past the last
// sample's place.
func list(mask OpmaskVirtual, number, sixteen VecVirtual, open, m GPVirtual) {
	t, count := GP32(), GP64()
	KMOVD(mask, t)
	for h := range 2 {
		z := ZMM()
		VPCOMPRESSD_Z(number, mask, z)
		VMOVDQU32(z, at(open, m, 4, 0))
		VPADDD(sixteen, number, number)
		if h == 0 {
			MOVWLZX(t.As16(), count.As32())
			KSHIFTRD(U8(16), mask, mask)
		} else {
			MOVL(t, count.As32())
			SHRL(U8(16), count.As32())
		}
		POPCNTL(count.As32(), count.As32())
		ADDQ(count, m)
	}
}

// Offsets in the type member of the package.
const (
	memberClasses  = 0
	memberValues   = 8
	memberTail     = 16
	memberTopClass = 24
	memberTopValue = 32
	memberW        = 40
	memberScale    = 44
	memberSize     = 48
)

// agreeAllAVX512 is agreeAVX512 for a whole set.
func agreeAllAVX512() {
	function("agreeAllAVX512", NOSPLIT, "func(best *uint32, class *uint16, open *int32, from, to int, members *byte, k int) (nOpen int)")
	Doc("agreeAllAVX512 settles the samples from..to-1 on which all k members name the same class and lists the others.",
		"to-from is a multiple of 32.")
	best, class, open, i, to, members, k := arg("best"), arg("class"), arg("open"), arg("from"), arg("to"), arg("members"), arg("k")
	sixteen, number, scale := ZMM(), ZMM(), ZMM()
	VPBROADCASTD(words32("agreeAllSixteen", []uint32{16}), sixteen)
	VPBROADCASTD(i.As32(), number)
	VPADDD(words32("agreeAllNumbers", sequence[uint32](16, 0, 1)), number, number)
	end, m, p, q := GP64(), GP64(), GP64(), GP64()
	IMUL3Q(U8(memberSize), k, end)
	ADDQ(members, end)
	XORQ(m, m)
	loop("agreeAll512", i, to, 32, func() {
		c, differ, k := ZMM(), K(), K()
		sum := [2]VecVirtual{ZMM(), ZMM()}
		MOVQ(Mem{Base: members, Disp: memberTopClass}, q)
		VMOVDQU16(at(q, i, 2, 0), c)
		VMOVDQU16(c, at(class, i, 2, 0))
		KXORD(differ, differ, differ)
		VPXORD(sum[0], sum[0], sum[0])
		VPXORD(sum[1], sum[1], sum[1])
		MOVQ(members, p)
		Label("agreeAll512_member")
		MOVQ(Mem{Base: p, Disp: memberTopClass}, q)
		VPCMPW(notEqual, at(q, i, 2, 0), c, k)
		KORD(k, differ, differ)
		MOVQ(Mem{Base: p, Disp: memberTopValue}, q)
		VBROADCASTSS(Mem{Base: p, Disp: memberScale}, scale)
		for h := range sum {
			v := ZMM()
			scaled(v, at(q, i, 2, 32*h), scale)
			VPADDD(v, sum[h], sum[h])
		}
		ADDQ(U8(memberSize), p)
		CMPQ(p, end)
		JNE(LabelRef("agreeAll512_member"))
		VMOVDQU32(sum[0], at(best, i, 4, 0))
		VMOVDQU32(sum[1], at(best, i, 4, 64))
		list(differ, number, sixteen, open, m)
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
	spread VecVirtual // permutes 16 words to 16 doubled words
	pair   []Op       // pair j holds the places 2j and 2j+1 in all lanes
	none   VecVirtual // places "k", not found
}

func newMatcher(name string, k int) *matcher {
	m := &matcher{k: k, spread: ZMM(), none: ZMM()}
	double := make([]uint16, 32)
	for i := range double {
		double[i] = uint16(i / 2)
	}
	VMOVDQU16(words16(name+"_double", double), m.spread)
	VPBROADCASTW(words16(name+"_none", []uint16{uint16(k)}), m.none)
	var places []uint16
	for j := range k / 2 {
		for range 16 {
			places = append(places, uint16(2*j), uint16(2*j+1))
		}
	}
	table := words16(name+"_places", places)
	for j := range k / 2 {
		if k > 16 { // more than there are registers for
			m.pair = append(m.pair, table.Offset(64*j))
			continue
		}
		z := ZMM()
		VMOVDQU16(table.Offset(64*j), z)
		m.pair = append(m.pair, z)
	}
	return m
}

// double puts each of 16 classes into both words of its lane.
func (m *matcher) double(classes VecVirtual) VecVirtual {
	dup := ZMM()
	VPERMW(classes, m.spread, dup)
	return dup
}

// places returns, as one number a lane, where the 16 doubled classes stand in the
// list of k classes in memory; k where they do not.
func (m *matcher) places(dup VecVirtual, list Mem) VecVirtual {
	acc, high := ZMM(), ZMM()
	VMOVDQA64(m.none, acc)
	for j := range m.k / 2 {
		two, hit := ZMM(), K()
		VPBROADCASTD(list.Offset(4*j), two)
		VPCMPEQW(two, dup, hit)
		VMOVDQU16(m.pair[j], hit, acc)
	}
	// One half of a lane says none, both if there is none. The shift brings in
	// zeros from above, and the smaller is what remains.
	VPSRLD(U8(16), acc, high)
	VPMINUW(acc, high, acc)
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
	VPTESTNMD(m.none, place, found) // the upper words of places are zero
	VPBLENDMD(z, other, found, z)
	return z
}

// fold leaves op over 16 numbers in the lowest lane of the result.
func fold(op func(...Op), z VecVirtual) VecVirtual {
	y, x, t := YMM(), XMM(), XMM()
	VEXTRACTI64X4(U8(1), z, y)
	op(z.AsY(), y, y)
	VEXTRACTI32X4(U8(1), y, x)
	op(y.AsX(), x, x)
	VPSHUFD(U8(0x4E), x, t)
	op(t, x, x)
	VPSHUFD(U8(0xB1), x, t)
	op(t, x, x)
	return x
}

// lowestClass moves the smallest of 32 words to memory or a register.
func lowestClass(z VecVirtual, to Op) {
	y, x := YMM(), XMM()
	VEXTRACTI64X4(U8(1), z, y)
	VPMINUW(z.AsY(), y, y)
	VEXTRACTI32X4(U8(1), y, x)
	VPMINUW(y.AsX(), x, X0)
	VPHMINPOSUW(X0, X0) // has no form for the upper registers
	VPEXTRW(U8(0), X0, to)
}

// ahead is how many listed samples before its turn a sample's rows are asked for.
const ahead = 24

// combineAVX512 decides one listed sample after another without a branch that
// depends on the data: the sums of all classes of s, with what l says about them,
// and a lower bound for all classes of l, which is exact where s does not know
// the class and all it does not know has the sum base.
func combineAVX512(k int) {
	name := fmt.Sprintf("combine%dAVX512", k)
	function(name, NOSPLIT, "func(best *uint32, class *uint16, open *int32, nOpen int, sClasses *uint16, sValues, rest, base *uint32, lClasses, lValues *uint16, tail *uint32, w uint32, scale float32) (undecided int)")
	Doc(fmt.Sprintf("combine%dAVX512 decides the nOpen samples listed in open, with lists of %d classes; scale is w·2^24.", k, k),
		"The samples that s may not be able to decide stay listed.")
	best, class, open, n := arg("best"), arg("class"), arg("open"), arg("nOpen")
	sClasses, lClasses, lValues := arg("sClasses"), arg("lClasses"), arg("lValues")
	sValues := arg("sValues")
	scale := ZMM()
	VBROADCASTSS(argAddr("scale"), scale)
	m, lists := newMatcher(name, k), bothLists{sClasses, lClasses, lValues, ones512()}
	undecided := GP64()
	XORQ(undecided, undecided)
	listed(name, open, n, k, func(_, row GPVirtual) {
		PREFETCHT0(at(sClasses, row, 1, 0))
		PREFETCHT0(at(sValues, row, 2, 0))
		PREFETCHT0(at(lClasses, row, 1, 0))
		PREFETCHT0(at(lValues, row, 1, 0))
	}, func(i, row GPVirtual) {
		p, t := GP64(), GP32()
		other, baseAll := ZMM(), ZMM()
		MOVQ(argAddr("tail"), p)
		MOVL(at(p, i, 4, 0), t)
		IMULL(argAddr("w"), t)
		VPBROADCASTD(t, other)
		MOVQ(argAddr("base"), p)
		VPBROADCASTD(at(p, i, 4, 0), baseAll)

		top, l := decide(m, lists, row, scale, other, baseAll, func(h int, sum VecVirtual) {
			VPADDD(at(sValues, row, 2, 64*h), sum, sum)
		}, at(best, i, 4, 0), at(class, i, 2, 0))

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

// pairAVX512 is combineAVX512 for two models, straight from their lists. Base is the
// first one's tail, and a class that it does not list has just that, so that all
// samples are decided.
func pairAVX512(k int) {
	name := fmt.Sprintf("pair%dAVX512", k)
	function(name, NOSPLIT, "func(best *uint32, class *uint16, open *int32, nOpen int, aClasses, aValues *uint16, aTail *uint32, bClasses, bValues *uint16, bTail *uint32)")
	Doc(fmt.Sprintf("%s decides the nOpen samples listed in open, with lists of %d classes.", name, k))
	best, class, open, n := arg("best"), arg("class"), arg("open"), arg("nOpen")
	aClasses, aValues, aTail := arg("aClasses"), arg("aValues"), arg("aTail")
	bClasses, bValues, bTail := arg("bClasses"), arg("bValues"), arg("bTail")
	scale := ZMM()
	VPBROADCASTD(words32(name+"_scale", []uint32{0x4B800000}), scale) // 2^24
	m, lists := newMatcher(name, k), bothLists{aClasses, bClasses, bValues, ones512()}
	listed(name, open, n, k, func(i, row GPVirtual) {
		PREFETCHT0(at(aClasses, row, 1, 0))
		PREFETCHT0(at(aValues, row, 1, 0))
		PREFETCHT0(at(aTail, i, 4, 0))
		PREFETCHT0(at(bClasses, row, 1, 0))
		PREFETCHT0(at(bValues, row, 1, 0))
		PREFETCHT0(at(bTail, i, 4, 0))
	}, func(i, row GPVirtual) {
		other, base := ZMM(), ZMM()
		VPBROADCASTD(at(bTail, i, 4, 0), other)
		VPBROADCASTD(at(aTail, i, 4, 0), base)
		decide(m, lists, row, scale, other, base, func(h int, sum VecVirtual) {
			v := ZMM()
			scaled(v, at(aValues, row, 1, 32*h), scale)
			VPADDD(v, sum, sum)
		}, at(best, i, 4, 0), at(class, i, 2, 0))
	})
	VZEROUPPER()
	RET()
}

// listed runs body for the number i of every listed sample, row being that of its
// row of k words in bytes. prefetch asks for the rows of a sample to come: they lie
// at random places of large lists.
func listed(name string, open, n GPVirtual, k int, prefetch, body func(i, row GPVirtual)) {
	bytes := U8(bits.TrailingZeros(uint(2 * k)))
	r, last := GP64(), GP64()
	XORQ(r, r)
	LEAQ(Mem{Base: n, Disp: -1}, last)
	loop(name+"_loop", r, n, 1, func() {
		i, row := GP64(), GP64()
		LEAQ(Mem{Base: r, Disp: ahead}, i)
		CMPQ(i, last)
		CMOVQGT(last, i)
		MOVLQSX(at(open, i, 4, 0), i)
		MOVQ(i, row)
		SHLQ(bytes, row)
		prefetch(i, row)
		MOVLQSX(at(open, r, 4, 0), i)
		MOVQ(i, row)
		SHLQ(bytes, row)
		body(i, row)
	})
}

// prefetchFirst asks for the rows and tails of the first listed samples, of all members up to
// end, which nothing has asked for ahead.
func prefetchFirst(name string, end GPVirtual, k int) {
	r, i, row, p, member := GP64(), GP64(), GP64(), GP64(), GP64()
	XORQ(r, r)
	Label(name + "_first")
	CMPQ(r, argAddr("n"))
	JGE(LabelRef(name + "_asked"))
	MOVQ(argAddr("samples"), p)
	MOVLQSX(at(p, r, 4, 0), i)
	MOVQ(i, row)
	SHLQ(U8(bits.TrailingZeros(uint(2*k))), row)
	MOVQ(argAddr("members"), member)
	Label(name + "_first_member")
	MOVQ(Mem{Base: member, Disp: memberClasses}, p)
	PREFETCHT0(at(p, row, 1, 0))
	MOVQ(Mem{Base: member, Disp: memberValues}, p)
	PREFETCHT0(at(p, row, 1, 0))
	MOVQ(Mem{Base: member, Disp: memberTail}, p)
	PREFETCHT0(at(p, i, 4, 0))
	ADDQ(U8(memberSize), member)
	CMPQ(member, end)
	JNE(LabelRef(name + "_first_member"))
	INCQ(r)
	CMPQ(r, U8(ahead))
	JNE(LabelRef(name + "_first"))
	Label(name + "_asked")
}

// bothLists are the classes of s and the classes and values of l, and all ones.
type bothLists struct {
	sClasses, lClasses, lValues GPVirtual
	ones                        VecVirtual
}

// decide finds the best sum and class of the sample with the given row. other is
// what l says about classes it does not list and base what s says; addS adds what s
// says about 16 of its classes. It returns the best sum in all lanes and the lower
// bounds of the classes of l.
func decide(m *matcher, from bothLists, row GPVirtual, scale, other, base VecVirtual, addS func(h int, sum VecVirtual), best, class Mem) (top VecVirtual, l []VecVirtual) {
	halves := m.k / 16
	l = make([]VecVirtual, halves)
	for h := range l {
		l[h] = ZMM()
		scaled(l[h], at(from.lValues, row, 1, 32*h), scale)
	}
	s, c := make([]VecVirtual, halves), make([]VecVirtual, halves)
	top = ZMM()
	for h := range s {
		c[h] = ZMM()
		VMOVDQU16(at(from.sClasses, row, 1, 32*h), c[h].AsY())
		place := m.places(m.double(c[h]), at(from.lClasses, row, 1, 0))
		s[h] = m.pick(place, l, other)
		addS(h, s[h])
	}
	VPADDD(base, l[0], l[0])
	VPMAXUD(s[0], l[0], top)
	for h := 1; h < halves; h++ {
		VPADDD(base, l[h], l[h])
		VPMAXUD(s[h], top, top)
		VPMAXUD(l[h], top, top)
	}
	x := fold(VPMAXUD, top)
	VMOVD(x, best)
	VPBROADCASTD(x, top)
	lowest := ZMM()
	for h := range s {
		inS, inL, words := K(), K(), ZMM()
		VPCMPUD(equal, top, s[h], inS)
		VPCMPUD(equal, top, l[h], inL)
		KUNPCKWD(inS, inL, inL)
		VINSERTI64X4(U8(1), at(from.lClasses, row, 1, 32*h), c[h], words)
		VPBLENDMW(words, from.ones, inL, words)
		if h == 0 {
			lowest = words
		} else {
			VPMINUW(words, lowest, lowest)
		}
	}
	lowestClass(lowest, class)
	return top, l
}

// resolveAVX512 decides one listed sample after another from the lists of all
// members. Relative to the sum of all tails, member m adds the excess
// w·(value - tail) to the classes of its list and nothing to others. One member
// is the anchor: the excess of all its classes is summed over the members, which
// yields a best class; and all excess that found no class of the anchor is summed
// too. No class outside the anchor's list has more than that, so if it is less
// than the best, the sample is decided. It nearly always is; if not, the next
// member is the anchor, and after the last one all classes have been seen.
func resolveAVX512(k int) {
	name := fmt.Sprintf("resolve%dAVX512", k)
	function(name, NOSPLIT, "func(best *uint32, class *uint16, samples *int32, n int, members *byte, nMembers int)")
	Doc(fmt.Sprintf("%s is resolveSamples for n samples and lists of %d classes.", name, k),
		"The weights sum to at most 250, so that no sum of excess runs over.")
	end := arg("nMembers")
	IMUL3Q(U8(memberSize), end, end)
	ADDQ(argAddr("members"), end)
	m := newMatcher(name, k)
	ones, zero := ones512(), ZMM()
	VPXORD(zero, zero, zero)
	halves := k / 16
	prefetchFirst(name, end, k)
	r := GP64()
	XORQ(r, r)
	loop(name+"_loop", r, argAddr("n"), 1, func() {
		i, row, later, p, base, t := GP64(), GP64(), GP64(), GP64(), GP32(), GP32()
		LEAQ(Mem{Base: r, Disp: ahead}, later)
		MOVQ(argAddr("n"), i)
		DECQ(i)
		CMPQ(later, i)
		CMOVQGT(i, later)
		MOVQ(argAddr("samples"), p)
		MOVLQSX(at(p, later, 4, 0), later)
		SHLQ(U8(5+halves-1), later)
		MOVLQSX(at(p, r, 4, 0), i)
		MOVQ(i, row)
		SHLQ(U8(5+halves-1), row)

		excess := func(member GPVirtual) []VecVirtual {
			e, tail := make([]VecVirtual, halves), ZMM()
			MOVQ(Mem{Base: member, Disp: memberTail}, p)
			MOVL(at(p, i, 4, 0), t)
			IMULL(Mem{Base: member, Disp: memberW}, t)
			ADDL(t, base)
			VPBROADCASTD(t, tail)
			MOVQ(later, t.As64())
			SHRQ(U8(3+halves-1), t.As64()) // from rows to tails
			PREFETCHT0(at(p, t.As64(), 1, 0))
			MOVQ(Mem{Base: member, Disp: memberValues}, p)
			PREFETCHT0(at(p, later, 1, 0))
			for h := range e {
				e[h] = ZMM()
				VCVTPH2PS(at(p, row, 1, 32*h), e[h])
				VMULPS_BCST(Mem{Base: member, Disp: memberScale}, e[h], e[h])
				VCVTPS2UDQ(e[h], e[h])
				VPSUBD(tail, e[h], e[h])
			}
			return e
		}

		bestSum, bestClass, sum, lowest := GP32(), GP32(), GP32(), GP32()
		XORL(bestSum, bestSum)
		MOVL(U32(0xFFFF), bestClass)
		anchor, member := GP64(), GP64()
		MOVQ(argAddr("members"), anchor)

		Label(name + "_anchor")
		XORL(base, base)
		known := excess(anchor)
		unknown := ZMM()
		VMOVDQA64(zero, unknown)
		MOVQ(Mem{Base: anchor, Disp: memberClasses}, p)
		PREFETCHT0(at(p, later, 1, 0))
		classes, dup := make([]VecVirtual, halves), make([]VecVirtual, halves)
		for h := range classes {
			classes[h] = ZMM()
			VMOVDQU16(at(p, row, 1, 32*h), classes[h].AsY())
			dup[h] = m.double(classes[h])
		}
		MOVQ(argAddr("members"), member)
		Label(name + "_member")
		CMPQ(member, anchor)
		JE(LabelRef(name + "_skip"))
		e := excess(member)
		MOVQ(Mem{Base: member, Disp: memberClasses}, p)
		PREFETCHT0(at(p, later, 1, 0))
		for h := range known {
			hit := m.pick(m.places(dup[h], at(p, row, 1, 0)), e, zero)
			VPADDD(hit, known[h], known[h])
			VPSUBD(hit, unknown, unknown)
		}
		for h := range e {
			VPADDD(e[h], unknown, unknown)
		}
		Label(name + "_skip")
		ADDQ(U8(memberSize), member)
		CMPQ(member, end)
		JNE(LabelRef(name + "_member"))

		top := ZMM()
		if halves == 1 {
			VMOVDQA64(known[0], top)
		} else {
			VPMAXUD(known[0], known[1], top)
		}
		x := fold(VPMAXUD, top)
		VMOVD(x, sum)
		VPBROADCASTD(x, top)
		low := ZMM()
		for h := range known {
			hit, words := K(), ZMM()
			VPCMPUD(equal, top, known[h], hit)
			VPBLENDMW(classes[h], ones, hit, words) // the upper 16 words are ones
			if h == 0 {
				low = words
			} else {
				VPMINUW(words, low, low)
			}
		}
		lowestClass(low, lowest)
		rest := fold(VPADDD, unknown)
		VMOVD(rest, t)

		CMPL(sum, bestSum)
		JB(LabelRef(name + "_worse"))
		JNE(LabelRef(name + "_better"))
		CMPL(lowest, bestClass)
		JAE(LabelRef(name + "_worse"))
		Label(name + "_better")
		MOVL(sum, bestSum)
		MOVL(lowest, bestClass)
		Label(name + "_worse")
		CMPL(t, bestSum)
		JB(LabelRef(name + "_decided"))
		ADDQ(U8(memberSize), anchor)
		CMPQ(anchor, end)
		JNE(LabelRef(name + "_anchor"))

		Label(name + "_decided")
		ADDL(base, bestSum)
		MOVQ(argAddr("best"), p)
		MOVL(bestSum, at(p, i, 4, 0))
		MOVQ(argAddr("class"), p)
		MOVW(bestClass.As16(), at(p, i, 2, 0))
	})
	VZEROUPPER()
	RET()
}
