package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pair16 is 16 numbers in two registers.
type pair16 [2]VecVirtual

func newPair16() pair16 { return pair16{YMM(), YMM()} }

// scaled256 is scaled for AVX2, which converts to signed numbers only and so has
// to multiply by w afterwards.
func scaled256(z pair16, from Mem, scale Mem, w VecVirtual) {
	fixed256(z, from, scale)
	for h := range z {
		VPMULLD(w, z[h], z[h])
	}
}

// fixed256 loads 16 float16 in fixed point.
func fixed256(z pair16, from Mem, scale Mem) {
	for h := range z {
		VCVTPH2PS(from.Offset(16*h), z[h])
		VMULPS(scale, z[h], z[h])
		VCVTPS2DQ(z[h], z[h])
	}
}

// scale256 is 2^24 in memory, 8 times.
func scale256(name string) Mem {
	return words32(name+"_scale", sequence[uint32](8, 0x4B800000, 0))
}

// weight256 is the parameter w in all lanes.
func weight256() VecVirtual {
	t, x, w := GP32(), XMM(), YMM()
	MOVL(argAddr("w"), t)
	VMOVD(t, x)
	VPBROADCASTD(x, w)
	return w
}

// matcher256 is matcher for AVX2 and lists of 16 classes. Places count from 1,
// and 0 says that there is none: then the larger half of a lane is the answer.
type matcher256 struct{ pairs Mem }

func newMatcher256(name string) matcher256 {
	var places []uint16
	for j := range 8 {
		for range 8 {
			places = append(places, uint16(2*j+1), uint16(2*j+2))
		}
	}
	return matcher256{words16(name+"_places", places)}
}

// double loads 16 classes, each into both words of its lane.
func (m matcher256) double(from Mem) pair16 {
	dup, t := newPair16(), YMM()
	for h := range dup {
		VPMOVZXWD(from.Offset(16*h), dup[h])
		VPSLLD(U8(16), dup[h], t)
		VPOR(t, dup[h], dup[h])
	}
	return dup
}

func (m matcher256) places(dup pair16, list Mem) pair16 {
	acc, two, t := newPair16(), YMM(), YMM()
	for j := range 8 {
		VPBROADCASTD(list.Offset(4*j), two)
		for h := range acc {
			if j == 0 {
				VPCMPEQW(two, dup[h], acc[h])
				VPAND(m.pairs, acc[h], acc[h])
				continue
			}
			VPCMPEQW(two, dup[h], t)
			VPAND(m.pairs.Offset(32*j), t, t)
			VPMAXUW(t, acc[h], acc[h])
		}
	}
	for h := range acc {
		VPSRLD(U8(16), acc[h], t)
		VPMAXUW(t, acc[h], acc[h])
		VPSLLD(U8(16), acc[h], acc[h])
		VPSRLD(U8(16), acc[h], acc[h])
	}
	return acc
}

// pick turns places into from[place-1], or other where there is none.
func (m matcher256) pick(place, from pair16, other VecVirtual) {
	ones, high, t := YMM(), YMM(), YMM()
	VPCMPEQD(ones, ones, ones)
	for h := range place {
		VPADDD(ones, place[h], place[h])
		VPERMD(from[0], place[h], t)
		VPERMD(from[1], place[h], high)
		half := YMM()
		VPSLLD(U8(28), place[h], half)
		VBLENDVPS(half, high, t, t)
		VBLENDVPS(place[h], other, t, place[h])
	}
}

// fold256 leaves op over 8 numbers in the lowest lane of the result.
func fold256(op func(...Op), y VecVirtual) VecVirtual {
	x, t := XMM(), XMM()
	VEXTRACTI128(U8(1), y, x)
	op(y.AsX(), x, x)
	VPSHUFD(U8(0x4E), x, t)
	op(t, x, x)
	VPSHUFD(U8(0xB1), x, t)
	op(t, x, x)
	return x
}

// lowest256 merges into low the classes in memory whose sum is top.
func lowest256(low VecVirtual, sums pair16, top VecVirtual, classes Mem) {
	t, c, ones := YMM(), YMM(), YMM()
	VPCMPEQD(ones, ones, ones)
	for h := range sums {
		VPCMPEQD(top, sums[h], t)
		VPXOR(ones, t, t)
		VPMOVZXWD(classes.Offset(16*h), c)
		VPOR(c, t, t)
		VPMINUD(t, low, low)
	}
}

// listBits appends to a list of n numbers those of the bits of mask, which is not 0, from first on. It
// uses the register number.
func listBits(name string, mask, number, first, list, n GPVirtual) {
	Label(name + "_next")
	TZCNTL(mask.As32(), number.As32())
	ADDL(first.As32(), number.As32())
	MOVL(number.As32(), at(list, n, 4, 0))
	INCQ(n)
	BLSRL(mask.As32(), mask.As32())
	JNZ(LabelRef(name + "_next"))
}

func agreeAVX2() {
	function("agreeAVX2", NOSPLIT, "func(best *uint32, class *uint16, open *int32, top *uint32, topClass, lClass, lValue *uint16, n int, w uint32) (nOpen int)")
	Doc("agreeAVX2 is agree for n samples, n a multiple of 16.")
	best, class, open, top := arg("best"), arg("class"), arg("open"), arg("top")
	topClass, lClass, lValue, n := arg("topClass"), arg("lClass"), arg("lValue"), arg("n")
	scale, w := scale256("agree256"), weight256()
	i, m, mask, number := GP64(), GP64(), GP32(), GP64()
	XORQ(i, i)
	XORQ(m, m)
	loop("agree256", i, n, 16, func() {
		c, x, v := YMM(), XMM(), newPair16()
		VMOVDQU(at(topClass, i, 2, 0), c)
		VMOVDQU(c, at(class, i, 2, 0))
		VPCMPEQW(at(lClass, i, 2, 0), c, c)
		VEXTRACTI128(U8(1), c, x)
		VPACKSSWB(x, c.AsX(), x)
		VPMOVMSKB(x, mask)
		scaled256(v, at(lValue, i, 2, 0), scale, w)
		for h := range v {
			VPADDD(at(top, i, 4, 32*h), v[h], v[h])
			VMOVDQU(v[h], at(best, i, 4, 32*h))
		}
		XORL(U32(0xFFFF), mask)
		JZ(LabelRef("agree256_all"))
		listBits("agree256", mask, number, i, open, m)
		Label("agree256_all")
	})
	Store(m, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// agreeAllAVX2 is agreeAVX2 for a whole set.
func agreeAllAVX2() {
	const name = "agreeAll256"
	function("agreeAllAVX2", NOSPLIT, "func(best *uint32, class *uint16, open *int32, from, to int, members *byte, k int) (nOpen int)")
	Doc("agreeAllAVX2 settles the samples from..to-1 on which all k members name the same class and lists the others.",
		"to-from is a multiple of 16.")
	best, class, open, i, to, members, k := arg("best"), arg("class"), arg("open"), arg("from"), arg("to"), arg("members"), arg("k")
	scale, w := scale256(name), YMM()
	end, m, p, q, mask, number := GP64(), GP64(), GP64(), GP64(), GP32(), GP64()
	IMUL3Q(U8(memberSize), k, end)
	ADDQ(members, end)
	XORQ(m, m)
	loop(name, i, to, 16, func() {
		c, same, x, y, sum := YMM(), YMM(), XMM(), YMM(), newPair16()
		MOVQ(Mem{Base: members, Disp: memberTopClass}, q)
		VMOVDQU(at(q, i, 2, 0), c)
		VMOVDQU(c, at(class, i, 2, 0))
		VPCMPEQW(same, same, same)
		VPXOR(sum[0], sum[0], sum[0])
		VPXOR(sum[1], sum[1], sum[1])
		MOVQ(members, p)
		Label(name + "_member")
		MOVQ(Mem{Base: p, Disp: memberTopClass}, q)
		VPCMPEQW(at(q, i, 2, 0), c, y)
		VPAND(y, same, same)
		MOVQ(Mem{Base: p, Disp: memberTopValue}, q)
		VPBROADCASTD(Mem{Base: p, Disp: memberW}, w)
		v := newPair16()
		scaled256(v, at(q, i, 2, 0), scale, w)
		VPADDD(v[0], sum[0], sum[0])
		VPADDD(v[1], sum[1], sum[1])
		ADDQ(U8(memberSize), p)
		CMPQ(p, end)
		JNE(LabelRef(name + "_member"))
		VMOVDQU(sum[0], at(best, i, 4, 0))
		VMOVDQU(sum[1], at(best, i, 4, 32))
		VEXTRACTI128(U8(1), same, x)
		VPACKSSWB(x, same.AsX(), x)
		VPMOVMSKB(x, mask)
		XORL(U32(0xFFFF), mask)
		JZ(LabelRef(name + "_all"))
		listBits(name, mask, number, i, open, m)
		Label(name + "_all")
	})
	Store(m, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// combine16AVX2 is combineAVX512 with two registers for one.
func combine16AVX2() {
	const name = "combine16_256"
	function("combine16AVX2", NOSPLIT, "func(best *uint32, class *uint16, open *int32, nOpen int, sClasses *uint16, sValues, rest, base *uint32, lClasses, lValues *uint16, tail *uint32, w uint32) (undecided int)")
	Doc("combine16AVX2 decides the nOpen samples listed in open, with lists of 16 classes.",
		"The samples that s may not be able to decide stay listed.")
	open, n := arg("open"), arg("nOpen")
	sClasses, lClasses, lValues, sValues := arg("sClasses"), arg("lClasses"), arg("lValues"), arg("sValues")
	scale := scale256(name)
	m := newMatcher256(name)
	undecided := GP64()
	XORQ(undecided, undecided)
	listed(name, open, n, 16, func(_, row GPVirtual) {
		PREFETCHT0(at(sClasses, row, 1, 0))
		PREFETCHT0(at(sValues, row, 2, 0))
		PREFETCHT0(at(lClasses, row, 1, 0))
		PREFETCHT0(at(lValues, row, 1, 0))
	}, func(i, row GPVirtual) {
		p, t := GP64(), GP32()
		w, other, l := weight256(), YMM(), newPair16()
		scaled256(l, at(lValues, row, 1, 0), scale, w)
		MOVQ(argAddr("tail"), p)
		VPBROADCASTD(at(p, i, 4, 0), other)
		VPMULLD(w, other, other)
		base := YMM()
		MOVQ(argAddr("base"), p)
		VPBROADCASTD(at(p, i, 4, 0), base)
		top := decide256(m, at(sClasses, row, 1, 0), at(lClasses, row, 1, 0), i, l, other, base, func(h int, sum VecVirtual) {
			VPADDD(at(sValues, row, 2, 32*h), sum, sum)
		})

		exact := name + "_exact"
		MOVQ(argAddr("rest"), p)
		MOVL(at(p, i, 4, 0), t)
		MOVQ(argAddr("base"), p)
		SUBL(at(p, i, 4, 0), t)
		JZ(LabelRef(exact))
		more, mx, ys := YMM(), XMM(), YMM()
		VMOVD(t, mx)
		VPBROADCASTD(mx, more)
		for h := range l {
			VPADDD(more, l[h], l[h])
			VPMAXUD(top, l[h], ys)
			VPCMPEQD(ys, l[h], l[h]) // what may be there reaches the best
		}
		VPOR(l[0], l[1], l[0])
		MOVL(i.As32(), at(open, undecided, 4, 0))
		VPMOVMSKB(l[0], t)
		NEGL(t) // carry where there is any
		ADCQ(U8(0), undecided)
		Label(exact)
	})
	Store(undecided, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// pair16AVX2 is pairAVX512 with two registers for one.
func pair16AVX2() {
	const name = "pair16_256"
	function("pair16AVX2", NOSPLIT, "func(best *uint32, class *uint16, open *int32, nOpen int, aClasses, aValues *uint16, aTail *uint32, bClasses, bValues *uint16, bTail *uint32)")
	Doc("pair16AVX2 decides the nOpen samples listed in open, with lists of 16 classes.")
	open, n := arg("open"), arg("nOpen")
	aClasses, aValues, bClasses, bValues := arg("aClasses"), arg("aValues"), arg("bClasses"), arg("bValues")
	scale := scale256(name)
	m := newMatcher256(name)
	listed(name, open, n, 16, func(i, row GPVirtual) {
		p := GP64()
		PREFETCHT0(at(aClasses, row, 1, 0))
		PREFETCHT0(at(aValues, row, 1, 0))
		PREFETCHT0(at(bClasses, row, 1, 0))
		PREFETCHT0(at(bValues, row, 1, 0))
		for _, tail := range []string{"aTail", "bTail"} {
			MOVQ(argAddr(tail), p)
			PREFETCHT0(at(p, i, 4, 0))
		}
	}, func(i, row GPVirtual) {
		p, other, base, b := GP64(), YMM(), YMM(), newPair16()
		fixed256(b, at(bValues, row, 1, 0), scale)
		MOVQ(argAddr("bTail"), p)
		VPBROADCASTD(at(p, i, 4, 0), other)
		MOVQ(argAddr("aTail"), p)
		VPBROADCASTD(at(p, i, 4, 0), base)
		decide256(m, at(aClasses, row, 1, 0), at(bClasses, row, 1, 0), i, b, other, base, func(h int, sum VecVirtual) {
			v := YMM()
			VCVTPH2PS(at(aValues, row, 1, 16*h), v)
			VMULPS(scale, v, v)
			VCVTPS2DQ(v, v)
			VPADDD(v, sum, sum)
		})
	})
	VZEROUPPER()
	RET()
}

// decide256 is decide with two registers for one, l the values of l in fixed point.
// The parameters best and class receive what it finds.
func decide256(m matcher256, sClasses, lClasses Mem, i GPVirtual, l pair16, other, base VecVirtual, addS func(h int, sum VecVirtual)) (top VecVirtual) {
	p, t := GP64(), GP32()
	s := m.places(m.double(sClasses), lClasses)
	m.pick(s, l, other)
	top = YMM()
	ys := YMM()
	for h := range s {
		addS(h, s[h])
		VPADDD(base, l[h], l[h])
	}
	VPMAXUD(s[0], s[1], top)
	VPMAXUD(l[0], l[1], ys)
	VPMAXUD(ys, top, top)
	x := fold256(VPMAXUD, top)
	MOVQ(argAddr("best"), p)
	VMOVD(x, at(p, i, 4, 0))
	VPBROADCASTD(x, top)
	low := YMM()
	VPCMPEQD(low, low, low)
	lowest256(low, s, top, sClasses)
	lowest256(low, l, top, lClasses)
	VMOVD(fold256(VPMINUD, low), t)
	MOVQ(argAddr("class"), p)
	MOVW(t.As16(), at(p, i, 2, 0))
	return top
}

// resolve16AVX2 is resolveAVX512 with two registers for one.
func resolve16AVX2() {
	const name = "resolve16_256"
	function("resolve16AVX2", NOSPLIT, "func(best *uint32, class *uint16, samples *int32, n int, members *byte, nMembers int)")
	Doc("resolve16AVX2 is resolveSamples for n samples and lists of 16 classes.",
		"The weights sum to at most 250, so that no sum of excess runs over.")
	end := arg("nMembers")
	IMUL3Q(U8(memberSize), end, end)
	ADDQ(argAddr("members"), end)
	scale := scale256(name)
	m := newMatcher256(name)
	prefetchFirst(name, end, 16)
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
		SHLQ(U8(5), later)
		MOVLQSX(at(p, r, 4, 0), i)
		MOVQ(i, row)
		SHLQ(U8(5), row)

		excess := func(member GPVirtual) pair16 {
			e, tail, w := newPair16(), YMM(), YMM()
			MOVQ(Mem{Base: member, Disp: memberTail}, p)
			MOVL(at(p, i, 4, 0), t)
			VPBROADCASTD(at(p, i, 4, 0), tail)
			IMULL(Mem{Base: member, Disp: memberW}, t)
			ADDL(t, base)
			MOVQ(later, t.As64())
			SHRQ(U8(3), t.As64()) // from rows to tails
			PREFETCHT0(at(p, t.As64(), 1, 0))
			VPBROADCASTD(Mem{Base: member, Disp: memberW}, w)
			MOVQ(Mem{Base: member, Disp: memberValues}, p)
			PREFETCHT0(at(p, later, 1, 0))
			for h := range e {
				VCVTPH2PS(at(p, row, 1, 16*h), e[h])
				VMULPS(scale, e[h], e[h])
				VCVTPS2DQ(e[h], e[h])
				VPSUBD(tail, e[h], e[h])
				VPMULLD(w, e[h], e[h])
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
		known, unknown := excess(anchor), YMM()
		VPXOR(unknown, unknown, unknown)
		MOVQ(Mem{Base: anchor, Disp: memberClasses}, p)
		PREFETCHT0(at(p, later, 1, 0))
		dup := m.double(at(p, row, 1, 0))
		MOVQ(argAddr("members"), member)
		Label(name + "_member")
		CMPQ(member, anchor)
		JE(LabelRef(name + "_skip"))
		MOVQ(Mem{Base: member, Disp: memberClasses}, p)
		PREFETCHT0(at(p, later, 1, 0))
		hit := m.places(dup, at(p, row, 1, 0))
		e, zero := excess(member), YMM()
		VPXOR(zero, zero, zero)
		m.pick(hit, e, zero)
		for h := range hit {
			VPADDD(hit[h], known[h], known[h])
			VPADDD(e[h], unknown, unknown)
			VPSUBD(hit[h], unknown, unknown)
		}
		Label(name + "_skip")
		ADDQ(U8(memberSize), member)
		CMPQ(member, end)
		JNE(LabelRef(name + "_member"))

		top, low := YMM(), YMM()
		VPMAXUD(known[0], known[1], top)
		x := fold256(VPMAXUD, top)
		VMOVD(x, sum)
		VPBROADCASTD(x, top)
		VPCMPEQD(low, low, low)
		MOVQ(Mem{Base: anchor, Disp: memberClasses}, p)
		lowest256(low, known, top, at(p, row, 1, 0))
		VMOVD(fold256(VPMINUD, low), lowest)
		VMOVD(fold256(VPADDD, unknown), t)

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

// Offsets in the type extended of the package.
const (
	extendedKnown = 0
	extendedAdded = 64
	extendedInL   = 128
	extendedInS   = 132
	extendedSize  = 136
)

// extendSums16AVX2 does for Extend what is done for all classes at once: it looks
// up and adds. Which of the classes are the best is left to Go.
func extendSums16AVX2() {
	const name = "extendSums16_256"
	function("extendSums16AVX2", NOSPLIT, "func(dst, s *byte, from, to int, l, members *byte, nMembers int)")
	Doc("extendSums16AVX2 fills in the sums of the samples from..to-1, for lists of 16 classes; dst is a list of",
		"extended, s a Sums, l and members are members.")
	dst, s, i, l, end := arg("dst"), arg("s"), arg("from"), arg("l"), arg("nMembers")
	IMUL3Q(U8(memberSize), end, end)
	ADDQ(argAddr("members"), end)
	scale := scale256(name)
	m := newMatcher256(name)
	one := words32(name+"_one", sequence[uint32](8, 1, 0))
	loop(name+"_loop", i, argAddr("to"), 1, func() {
		row, p, t := GP64(), GP64(), GP32()
		MOVQ(i, row)
		SHLQ(U8(5), row)
		// load returns w·values and w·tail of a member.
		load := func(member GPVirtual) (pair16, VecVirtual) {
			values, tail, w := newPair16(), YMM(), YMM()
			VPBROADCASTD(Mem{Base: member, Disp: memberW}, w)
			MOVQ(Mem{Base: member, Disp: memberValues}, p)
			scaled256(values, at(p, row, 1, 0), scale, w)
			MOVQ(Mem{Base: member, Disp: memberTail}, p)
			VPBROADCASTD(at(p, i, 4, 0), tail)
			VPMULLD(w, tail, tail)
			return values, tail
		}
		lRow := GP64()
		MOVQ(Mem{Base: l, Disp: memberClasses}, lRow)
		ADDQ(row, lRow)
		MOVQ(Mem{Base: s, Disp: sumsClasses}, p)
		place := m.places(m.double(at(p, row, 1, 0)), Mem{Base: lRow})
		seen, bits, ones, missing := YMM(), YMM(), YMM(), YMM()
		VPCMPEQD(ones, ones, ones)
		VPXOR(missing, missing, missing)
		inL, half := GP32(), GP32()
		for h := range place {
			VPADDD(ones, place[h], bits) // none shifts everything out
			if h == 0 {
				VMOVDQU(one, seen)
				VPSLLVD(bits, seen, seen)
			} else {
				x := YMM()
				VMOVDQU(one, x)
				VPSLLVD(bits, x, bits)
				VPOR(bits, seen, seen)
			}
			VPCMPEQD(missing, place[h], bits)
			if h == 0 {
				VMOVMSKPS(bits, inL)
			} else {
				VMOVMSKPS(bits, half)
				SHLL(U8(8), half)
				ORL(half, inL)
			}
		}
		or := func(o ...Op) { VPOR(o[0], o[1], o[2]) }
		XORL(U32(0xFFFF), inL)
		MOVL(inL, Mem{Base: dst, Disp: extendedInL})
		VMOVD(fold256(or, seen), Mem{Base: dst, Disp: extendedInS})
		values, tail := load(l)
		m.pick(place, values, tail)
		MOVQ(Mem{Base: s, Disp: sumsValues}, p)
		for h := range place {
			VPADDD(at(p, row, 2, 32*h), place[h], place[h])
			VMOVDQU(place[h], Mem{Base: dst, Disp: extendedKnown + 32*h})
		}

		MOVQ(Mem{Base: s, Disp: sumsBase}, p)
		MOVL(at(p, i, 4, 0), t)
		MOVQ(Mem{Base: s, Disp: sumsRest}, p)
		CMPL(t, at(p, i, 4, 0))
		JE(LabelRef(name + "_exact"))
		dup := m.double(Mem{Base: lRow})
		member := GP64()
		MOVQ(argAddr("members"), member)
		Label(name + "_member")
		MOVQ(Mem{Base: member, Disp: memberClasses}, p)
		ADDQ(row, p)
		place = m.places(dup, Mem{Base: p})
		theirs, theirTail := load(member)
		m.pick(place, theirs, theirTail)
		for h := range values {
			VPADDD(place[h], values[h], values[h])
		}
		ADDQ(U8(memberSize), member)
		CMPQ(member, end)
		JNE(LabelRef(name + "_member"))
		JMP(LabelRef(name + "_store"))
		Label(name + "_exact")
		x, base := XMM(), YMM()
		VMOVD(t, x)
		VPBROADCASTD(x, base)
		for h := range values {
			VPADDD(base, values[h], values[h])
		}
		Label(name + "_store")
		for h := range values {
			VMOVDQU(values[h], Mem{Base: dst, Disp: extendedAdded + 32*h})
		}
		ADDQ(U32(extendedSize), dst)
	})
	VZEROUPPER()
	RET()
}
