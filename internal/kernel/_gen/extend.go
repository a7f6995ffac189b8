package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets in the type Sums of the package.
const (
	sumsClasses  = 16
	sumsValues   = 40
	sumsRest     = 64
	sumsBase     = 88
	sumsTopClass = 112
	sumsTop      = 136
)

// A sorter64 sorts keys of 64 bits, 8 in a register.
type sorter64 struct {
	reverse VecVirtual
	upper   map[int]OpmaskVirtual
}

func newSorter64(name string) *sorter64 {
	s := &sorter64{reverse: ZMM(), upper: map[int]OpmaskVirtual{}}
	var lanes []uint32
	for i := range 8 {
		lanes = append(lanes, uint32(7-i), 0)
	}
	VMOVDQU64(words32(name+"_reverse", lanes), s.reverse)
	t := GP32()
	for bit, lanes := range []uint32{0xAA, 0xCC, 0xF0} {
		k := K()
		MOVL(U32(lanes), t)
		KMOVB(t, k)
		s.upper[1<<bit] = k
	}
	return s
}

// step compares lane i with lane i^d; bit of the lane's number decides.
func (s *sorter64) step(keys VecVirtual, d, bit int, ascending bool) {
	other, low := ZMM(), ZMM()
	switch d {
	case 1:
		VPSHUFD(U8(0x4E), keys, other)
	case 2:
		VPERMQ(U8(0x4E), keys, other)
	case 3:
		VPERMQ(U8(0x1B), keys, other)
	case 4:
		VSHUFI64X2(U8(0x4E), keys, keys, other)
	case 7:
		VPERMQ(keys, s.reverse, other)
	}
	if ascending {
		VPMINUQ(other, keys, low)
		VPMAXUQ(other, keys, s.upper[bit], low)
	} else {
		VPMAXUQ(other, keys, low)
		VPMINUQ(other, keys, s.upper[bit], low)
	}
	VMOVDQA64(low, keys)
}

func (s *sorter64) sort(keys VecVirtual, ascending bool) {
	s.step(keys, 1, 1, ascending)
	s.step(keys, 3, 2, ascending)
	s.step(keys, 1, 1, ascending)
	s.step(keys, 7, 4, ascending)
	s.step(keys, 2, 2, ascending)
	s.step(keys, 1, 1, ascending)
}

func (s *sorter64) merge(keys VecVirtual, ascending bool) {
	s.step(keys, 4, 4, ascending)
	s.step(keys, 2, 2, ascending)
	s.step(keys, 1, 1, ascending)
}

// split makes a and b the larger and the smaller of both, lane by lane.
func split(a, b VecVirtual) (larger, smaller VecVirtual) {
	larger, smaller = ZMM(), ZMM()
	VPMAXUQ(a, b, larger)
	VPMINUQ(a, b, smaller)
	return larger, smaller
}

// extendAVX512 makes keys of all classes of s and of those of l that s does not
// have, the sum above and the complement of the class below, and sorts out the 16
// largest. What s does not know of a class of l it asks the members, 16 classes
// at a time.
func extendAVX512() {
	const name = "extend16"
	function("extend16AVX512", NOSPLIT, "func(dst, s *byte, n int, l, members *byte, nMembers int)")
	Doc("extend16AVX512 is extend for n samples and lists of 16 classes; dst and s are Sums, l and members members.")
	dst, s, l, end := arg("dst"), arg("s"), arg("l"), arg("nMembers")
	IMUL3Q(U8(memberSize), end, end)
	ADDQ(argAddr("members"), end)
	m := newMatcher(name, 16)
	net := newSorter64(name)
	ones, one := ones512(), ZMM()
	VPSRLD(U8(31), ones, one)
	high, low := ZMM(), ZMM()
	VMOVDQU32(words32(name+"_high", sequence[uint32](16, 1, 2)), high)
	VMOVDQU32(words32(name+"_low", sequence[uint32](16, 0, 2)), low)

	i := GP64()
	XORQ(i, i)
	loop(name+"_loop", i, argAddr("n"), 1, func() {
		row, p, t := GP64(), GP64(), GP32()
		MOVQ(i, row)
		SHLQ(U8(5), row)
		// tailOf broadcasts w·tail of a member.
		tailOf := func(member GPVirtual) VecVirtual {
			z := ZMM()
			MOVQ(Mem{Base: member, Disp: memberTail}, p)
			MOVL(at(p, i, 4, 0), t)
			IMULL(Mem{Base: member, Disp: memberW}, t)
			VPBROADCASTD(t, z)
			return z
		}
		valuesOf := func(member GPVirtual) VecVirtual {
			z := ZMM()
			MOVQ(Mem{Base: member, Disp: memberValues}, p)
			VCVTPH2PS(at(p, row, 1, 0), z)
			VMULPS_BCST(Mem{Base: member, Disp: memberScale}, z, z)
			VCVTPS2UDQ(z, z)
			return z
		}

		classes, classesL := ZMM(), ZMM()
		lRow := GP64()
		MOVQ(Mem{Base: l, Disp: memberClasses}, lRow)
		ADDQ(row, lRow)
		VMOVDQU16(Mem{Base: lRow}, classesL.AsY())
		values := valuesOf(l)
		tail := tailOf(l)
		added := GP32() // w·tail of l
		MOVL(t, added)

		MOVQ(Mem{Base: s, Disp: sumsClasses}, p)
		VMOVDQU16(at(p, row, 1, 0), classes.AsY())
		place := m.places(m.double(classes), Mem{Base: lRow})
		a := m.pick(place, []VecVirtual{values}, tail)
		MOVQ(Mem{Base: s, Disp: sumsValues}, p)
		VPADDD(at(p, row, 2, 0), a, a)
		VPSLLVD(place, one, place)
		seen, unseen := fold(VPORD, place), K()
		VMOVD(seen, t)
		NOTL(t)
		KMOVW(t, unseen)

		// The classes of l in s: base where that is all there can be.
		rest, base := GP32(), GP32()
		MOVQ(Mem{Base: s, Disp: sumsRest}, p)
		MOVL(at(p, i, 4, 0), rest)
		MOVQ(Mem{Base: s, Disp: sumsBase}, p)
		MOVL(at(p, i, 4, 0), base)
		CMPL(rest, base)
		JE(LabelRef(name + "_exact"))
		dup := m.double(classesL)
		member := GP64()
		MOVQ(argAddr("members"), member)
		Label(name + "_member")
		MOVQ(Mem{Base: member, Disp: memberClasses}, p)
		ADDQ(row, p)
		place = m.places(dup, Mem{Base: p})
		v := m.pick(place, []VecVirtual{valuesOf(member)}, tailOf(member))
		VPADDD(v, values, values)
		ADDQ(U8(memberSize), member)
		CMPQ(member, end)
		JNE(LabelRef(name + "_member"))
		JMP(LabelRef(name + "_sort"))
		Label(name + "_exact")
		all := ZMM()
		VPBROADCASTD(base, all)
		VPADDD(all, values, values)
		Label(name + "_sort")

		keys := func(classes, sums VecVirtual) (VecVirtual, VecVirtual) {
			x, y := ZMM(), ZMM()
			VPUNPCKLDQ(sums, classes, x)
			VPUNPCKHDQ(sums, classes, y)
			return x, y
		}
		VPMOVZXWD(classes.AsY(), classes)
		VPXORD(ones, classes, classes)
		a0, a1 := keys(classes, a)
		// A class that s has too must not stand there twice: its key becomes the
		// least there is, that of no class with sum 0.
		VPMOVZXWD(classesL.AsY(), classesL)
		VPXORD(ones, classesL, classesL)
		VMOVDQA32_Z(classesL, unseen, classesL)
		VMOVDQA32_Z(values, unseen, values)
		b0, b1 := keys(classesL, values)

		net.sort(a0, false)
		net.sort(a1, true)
		net.sort(b0, false)
		net.sort(b1, true)
		a0, a1 = split(a0, a1)
		net.merge(a0, false)
		net.merge(a1, false)
		b1, b0 = split(b0, b1)
		net.merge(b0, true)
		net.merge(b1, true)
		t0, lost0 := split(a0, b0)
		t1, lost1 := split(a1, b1)
		t0, t1 = split(t0, t1)
		net.merge(t0, false)
		net.merge(t1, false)

		// Store the sums, then the classes.
		z, y := ZMM(), YMM()
		VMOVDQA64(high, z)
		VPERMI2D(t1, t0, z)
		MOVQ(Mem{Base: dst, Disp: sumsValues}, p)
		VMOVDQU32(z, at(p, row, 2, 0))
		MOVQ(Mem{Base: dst, Disp: sumsTop}, p)
		VMOVD(z.AsX(), at(p, i, 4, 0))
		VMOVDQA64(low, z)
		VPERMI2D(t1, t0, z)
		VPXORD(ones, z, z)
		VPMOVDW(z, y)
		MOVQ(Mem{Base: dst, Disp: sumsClasses}, p)
		VMOVDQU16(y, at(p, row, 1, 0))
		MOVQ(Mem{Base: dst, Disp: sumsTopClass}, p)
		VMOVD(y.AsX(), t)
		MOVW(t.As16(), at(p, i, 2, 0))

		// The best of what was not taken.
		VPMAXUQ(lost0, lost1, lost0)
		VPSRLQ(U8(32), lost0, lost0)
		lost := GP32()
		VMOVD(fold(VPMAXUD, lost0), lost)
		ADDL(added, rest)
		ADDL(added, base)
		CMPL(lost, rest)
		CMOVLHI(lost, rest)
		MOVQ(Mem{Base: dst, Disp: sumsRest}, p)
		MOVL(rest, at(p, i, 4, 0))
		MOVQ(Mem{Base: dst, Disp: sumsBase}, p)
		MOVL(base, at(p, i, 4, 0))
	})
	VZEROUPPER()
	RET()
}
