package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func topK() {
	topK16AVX512()
	topK32AVX512()
	boundAVX2()
	nextAVX2()
}

// sums adds up float16 rows in fixed point: 16 counters of 32 bits that take 254
// values, spilled to 8 counters of 64 bits before they run over.
type sums struct {
	scale, short, long VecVirtual
}

func newSums(name string) *sums {
	s := &sums{ZMM(), ZMM(), ZMM()}
	VBROADCASTSS(words32(name+"_scale", []uint32{0x4B800000}), s.scale) // 2^24
	VPXORD(s.short, s.short, s.short)
	VPXORD(s.long, s.long, s.long)
	return s
}

// add takes 32 float16.
func (s *sums) add(z VecVirtual) {
	y, a, b := YMM(), ZMM(), ZMM()
	VEXTRACTI64X4(U8(1), z, y)
	VCVTPH2PS(z.AsY(), a)
	VCVTPH2PS(y, b)
	for _, v := range []VecVirtual{a, b} {
		VMULPS(s.scale, v, v)
		VCVTPS2UDQ(v, v)
		VPADDD(v, s.short, s.short)
	}
}

func (s *sums) spill() {
	y, z := YMM(), ZMM()
	VPMOVZXDQ(s.short.AsY(), z)
	VPADDQ(z, s.long, s.long)
	VEXTRACTI64X4(U8(1), s.short, y)
	VPMOVZXDQ(y, z)
	VPADDQ(z, s.long, s.long)
	VPXORD(s.short, s.short, s.short)
}

// total returns the sum of everything.
func (s *sums) total() GPVirtual {
	s.spill()
	y, x, t, sum := YMM(), XMM(), XMM(), GP64()
	VEXTRACTI64X4(U8(1), s.long, y)
	VPADDQ(s.long.AsY(), y, y)
	VEXTRACTI32X4(U8(1), y, x)
	VPADDQ(y.AsX(), x, x)
	VPSHUFD(U8(0x4E), x, t)
	VPADDQ(t, x, x)
	VMOVQ(x, sum)
	return sum
}

// A sorter sorts 16 keys in a register with a bitonic network: comparing each lane
// with the one that a permutation brings, lanes with a certain bit of their number
// keep the larger key and the others the smaller.
type sorter struct {
	distance map[int]VecVirtual    // lane i gets lane i^d
	upper    map[int]OpmaskVirtual // lanes with bit d
}

func newSorter(name string) *sorter {
	s := &sorter{map[int]VecVirtual{}, map[int]OpmaskVirtual{}}
	t := GP32()
	for _, d := range []int{1, 2, 4, 8, 3, 7, 15} {
		lanes, bits := make([]uint32, 16), uint32(0)
		for i := range lanes {
			lanes[i] = uint32(i ^ d)
			if i&d != 0 {
				bits |= 1 << i
			}
		}
		s.distance[d] = ZMM()
		VMOVDQU32(words32(fmt.Sprintf("%s_%d", name, d), lanes), s.distance[d])
		if d&(d-1) == 0 {
			s.upper[d] = K()
			MOVL(U32(bits), t)
			KMOVW(t, s.upper[d])
		}
	}
	return s
}

// step compares lane i with lane i^d; bit of the lane's number decides.
func (s *sorter) step(keys VecVirtual, d, bit int, ascending bool) {
	other, low := ZMM(), ZMM()
	VPERMD(keys, s.distance[d], other)
	if ascending {
		VPMINUD(other, keys, low)
		VPMAXUD(other, keys, s.upper[bit], low)
	} else {
		VPMAXUD(other, keys, low)
		VPMINUD(other, keys, s.upper[bit], low)
	}
	VMOVDQA64(low, keys)
}

// sort orders 16 keys: runs of 2, 4, 8 and 16 are each made of two sorted runs,
// the second one read backwards.
func (s *sorter) sort(keys VecVirtual, ascending bool) {
	for size := 2; size <= 16; size *= 2 {
		s.step(keys, size-1, size/2, ascending)
		for d := size / 4; d >= 1; d /= 2 {
			s.step(keys, d, d, ascending)
		}
	}
}

// merge orders 16 keys that rise and then fall, or fall and then rise.
func (s *sorter) merge(keys VecVirtual, ascending bool) {
	for _, d := range []int{8, 4, 2, 1} {
		s.step(keys, d, d, ascending)
	}
}

// storeKeys takes 16 keys apart: the value above, the complement of the class
// below, so that the larger key is the better one.
func storeKeys(keys VecVirtual, ones VecVirtual, classes, values Mem) {
	z, y := ZMM(), YMM()
	VPXORD(ones, keys, z)
	VPMOVDW(z, y)
	VMOVDQU16(y, classes)
	VPSRLD(U8(16), keys, z)
	VPMOVDW(z, y)
	VMOVDQU16(y, values)
}

// topK16AVX512 goes over the row twice. The first pass adds it up and takes the
// maximum of each of 16 interleaved parts: there are 16 values at least as large
// as the least of these, so no smaller value belongs into the list. The second
// pass collects the others, 16 at a time, sorts them and merges them into the
// list; a full list raises the bound to above its last value, because later
// classes lose ties.
func topK16AVX512() {
	function("topK16AVX512", NOSPLIT, "func(classes, values, row *uint16, n int) (sum uint64)")
	Doc("topK16AVX512 is topK for lists of 16 classes and rows of n >= 1.")
	pending := AllocLocal(2 * 2 * 48) // values, then classes, that are still to be sorted in
	row, n := arg("row"), arg("n")
	ones := ones512()
	s := newSums("topK16")
	sort := newSorter("topK16_sort")

	z, most := ZMM(), ZMM()
	i, whole, tail := GP64(), GP64(), K()
	rest, bits, left := GP64(), GP64(), GP64()
	MOVQ(n, whole)
	ANDQ(I8(-32), whole)
	MOVQ(n, rest)
	ANDQ(U8(31), rest)
	MOVQ(I32(-1), bits)
	BZHIQ(rest, bits, bits)
	KMOVD(bits.As32(), tail)

	XORQ(i, i)
	VPXORD(most, most, most)
	MOVQ(U32(126), left)
	loop("topK16_first", i, whole, 32, func() {
		VMOVDQU16(at(row, i, 2, 0), z)
		VPMAXUW(z, most, most)
		s.add(z)
		DECQ(left)
		JNZ(LabelRef("topK16_room"))
		s.spill()
		MOVQ(U32(126), left)
		Label("topK16_room")
	})
	VMOVDQU16_Z(at(row, i, 2, 0), tail, z)
	VPMAXUW(z, most, most)
	s.add(z)
	Store(s.total(), ReturnIndex(0))

	bound, x, y := ZMM(), XMM(), YMM()
	VEXTRACTI64X4(U8(1), most, y)
	VPMAXUW(most.AsY(), y, y)
	VEXTRACTI32X4(U8(1), y, x)
	VPMINUW(y.AsX(), x, X0)
	VPHMINPOSUW(X0, X0)
	VPBROADCASTW(X0, bound)

	number, step, list, one := ZMM(), ZMM(), ZMM(), ZMM()
	VMOVDQU16(words16("topK16_numbers", sequence[uint16](32, 0, 1)), number)
	VPBROADCASTW(words16("topK16_step", []uint16{32}), step)
	VPBROADCASTW(words16("topK16_one", []uint16{1}), one)
	VPXORD(list, list, list)
	m, p, t, hits := GP64(), GP64(), GP64(), K()
	LEAQ(pending, p)
	XORQ(m, m)

	// insert merges the keys of up to 16 pending values into the list.
	insert := func(mask Op) {
		v, c := ZMM(), ZMM()
		if mask == nil {
			VPMOVZXWD(Mem{Base: p}, v)
			VPMOVZXWD(Mem{Base: p, Disp: 96}, c)
		} else {
			VPMOVZXWD_Z(Mem{Base: p}, mask, v)
			VPMOVZXWD_Z(Mem{Base: p, Disp: 96}, mask, c)
		}
		VPSLLD(U8(16), v, v)
		VPORD(c, v, v)
		sort.sort(v, true)
		VPMAXUD(v, list, list)
		sort.merge(list, false)
	}
	collect := func(name string) {
		VPCOMPRESSW_Z(z, hits, z)
		VMOVDQU16(z, at(p, m, 2, 0))
		VPXORD(ones, number, z)
		VPCOMPRESSW_Z(z, hits, z)
		VMOVDQU16(z, at(p, m, 2, 96))
		KMOVD(hits, t.As32())
		POPCNTL(t.As32(), t.As32())
		ADDQ(t, m)
		CMPQ(m, U8(16))
		JL(LabelRef(name + "_few"))
		Label(name + "_insert")
		insert(nil)
		// What is left moves to the front.
		v := ZMM()
		VMOVDQU16(Mem{Base: p, Disp: 32}, v)
		VMOVDQU16(v, Mem{Base: p})
		VMOVDQU16(Mem{Base: p, Disp: 128}, v)
		VMOVDQU16(v, Mem{Base: p, Disp: 96})
		SUBQ(U8(16), m)
		CMPQ(m, U8(16))
		JGE(LabelRef(name + "_insert"))
		VPERMD(list, sort.distance[15], v)
		VPSRLD(U8(16), v, v)
		VPBROADCASTW(v.AsX(), bound)
		VPADDW(one, bound, bound)
		Label(name + "_few")
	}
	XORQ(i, i)
	loop("topK16_second", i, whole, 32, func() {
		VMOVDQU16(at(row, i, 2, 0), z)
		VPCMPUW(greaterEqual, bound, z, hits)
		KORTESTD(hits, hits)
		JZ(LabelRef("topK16_none"))
		collect("topK16_collect")
		Label("topK16_none")
		VPADDW(step, number, number)
	})
	VMOVDQU16_Z(at(row, i, 2, 0), tail, z)
	VPCMPUW(greaterEqual, bound, z, tail, hits)
	KORTESTD(hits, hits)
	JZ(LabelRef("topK16_last"))
	collect("topK16_tail")
	Label("topK16_last")
	few := K()
	MOVQ(I32(-1), bits)
	BZHIQ(m, bits, bits)
	KMOVW(bits.As32(), few)
	insert(few)

	classes, values := arg("classes"), arg("values")
	storeKeys(list, ones, Mem{Base: classes}, Mem{Base: values})
	VZEROUPPER()
	RET()
}

// topK32AVX512 sorts a whole row of at most 32 values.
func topK32AVX512() {
	function("topK32AVX512", NOSPLIT, "func(classes, values, row *uint16, n int) (sum uint64)")
	Doc("topK32AVX512 is topK for lists of 32 classes and rows of n in 1..32.")
	row, n := arg("row"), arg("n")
	ones := ones512()
	s := newSums("topK32")
	sort := newSorter("topK32_sort")
	bits, have := GP64(), K()
	MOVQ(I32(-1), bits)
	BZHIQ(n, bits, bits)
	KMOVD(bits.As32(), have)
	z, high := ZMM(), YMM()
	VMOVDQU16_Z(Mem{Base: row}, have, z)
	s.add(z)
	Store(s.total(), ReturnIndex(0))
	VEXTRACTI64X4(U8(1), z, high)

	key := func(values Op, first uint32, name string) VecVirtual {
		v, c := ZMM(), ZMM()
		VPMOVZXWD(values, v)
		VPSLLD(U8(16), v, v)
		complement := sequence[uint32](16, 0xFFFF-first, ^uint32(0))
		VMOVDQU32_Z(words32(name, complement), have, c)
		VPORD(c, v, v)
		return v
	}
	a := key(z.AsY(), 0, "topK32_low")
	KSHIFTRD(U8(16), have, have)
	b := key(high, 16, "topK32_high")
	sort.sort(a, false)
	sort.sort(b, true)
	best, worst := ZMM(), ZMM()
	VPMAXUD(a, b, best)
	VPMINUD(a, b, worst)
	sort.merge(best, false)
	sort.merge(worst, false)
	classes, values := arg("classes"), arg("values")
	storeKeys(best, ones, Mem{Base: classes}, Mem{Base: values})
	storeKeys(worst, ones, Mem{Base: classes, Disp: 32}, Mem{Base: values, Disp: 32})
	VZEROUPPER()
	RET()
}

// boundAVX2 is the first pass of topK16AVX512 with narrower registers: the sum,
// and a value that 16 values of the row reach.
func boundAVX2() {
	function("boundAVX2", NOSPLIT, "func(row *uint16, n int) (sum uint64, bound uint16)")
	Doc("boundAVX2 returns the sum of n values, n a multiple of 16, and the least of the maxima of the 16",
		"sets of values that lie 16 apart.")
	row, n := arg("row"), arg("n")
	scale, most, long, short := YMM(), YMM(), YMM(), YMM()
	VBROADCASTSS(words32("bound_scale", []uint32{0x4B800000}), scale)
	VPXOR(most, most, most)
	VPXOR(long, long, long)
	VPXOR(short, short, short)
	i, left := GP64(), GP64()
	spill := func() {
		y, x := YMM(), XMM()
		VPMOVZXDQ(short.AsX(), y)
		VPADDQ(y, long, long)
		VEXTRACTI128(U8(1), short, x)
		VPMOVZXDQ(x, y)
		VPADDQ(y, long, long)
		VPXOR(short, short, short)
	}
	XORQ(i, i)
	MOVQ(U32(126), left)
	loop("bound256", i, n, 16, func() {
		VPMAXUW(at(row, i, 2, 0), most, most)
		for h := range 2 {
			v := YMM()
			VCVTPH2PS(at(row, i, 2, 16*h), v)
			VMULPS(scale, v, v)
			VCVTPS2DQ(v, v)
			VPADDD(v, short, short)
		}
		DECQ(left)
		JNZ(LabelRef("bound256_room"))
		spill()
		MOVQ(U32(126), left)
		Label("bound256_room")
	})
	spill()
	x, t, sum := XMM(), XMM(), GP64()
	VEXTRACTI128(U8(1), long, x)
	VPADDQ(long.AsX(), x, x)
	VPSHUFD(U8(0x4E), x, t)
	VPADDQ(t, x, x)
	VMOVQ(x, sum)
	Store(sum, ReturnIndex(0))
	VEXTRACTI128(U8(1), most, x)
	VPMINUW(most.AsX(), x, x)
	VPHMINPOSUW(x, x)
	VMOVD(x, sum.As32())
	Store(sum.As16(), ReturnIndex(1))
	VZEROUPPER()
	RET()
}

// nextAVX2 finds the next value of a row that reaches the bound.
func nextAVX2() {
	function("nextAVX2", NOSPLIT, "func(row *uint16, from, n int, bound uint16) (next int)")
	Doc("nextAVX2 returns the first of the places from, from+1, ... whose value is at least bound. It looks at",
		"32 values at a time while they all lie before n; without a hit it returns the place it got to.")
	row, i, n := arg("row"), arg("from"), arg("n")
	bound, x, t := YMM(), XMM(), GP32()
	MOVWLZX(argAddr("bound"), t)
	VMOVD(t, x)
	VPBROADCASTW(x, bound)
	SUBQ(U8(31), n)
	a, b, mask, place := YMM(), YMM(), GP32(), GP64()
	loop("next256", i, n, 32, func() {
		VMOVDQU(at(row, i, 2, 0), a)
		VMOVDQU(at(row, i, 2, 32), b)
		c, d := YMM(), YMM()
		VPMAXUW(bound, a, c)
		VPMAXUW(bound, b, d)
		VPCMPEQW(a, c, a)
		VPCMPEQW(b, d, b)
		VPACKSSWB(b, a, a)
		VPERMQ(U8(0b11011000), a, a)
		VPMOVMSKB(a, mask)
		TESTL(mask, mask)
		JNZ(LabelRef("next256_hit"))
	})
	Store(i, ReturnIndex(0))
	VZEROUPPER()
	RET()
	Label("next256_hit")
	TZCNTL(mask, place.As32())
	ADDQ(place, i)
	Store(i, ReturnIndex(0))
	VZEROUPPER()
	RET()
}
