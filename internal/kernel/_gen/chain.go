package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func chain() {
	cells("AVX512", 32, ZMM)
	cells("AVX2", 16, YMM)
	countAVX512("count", 2)
	countAVX512("count1", 1)
	deltaAVX512()
	delta1AVX512()
	deltaAVX2("delta", 2)
	deltaAVX2("delta1", 1)
	prefix2AVX512()
}

func cells(path string, lanes int, register func() VecVirtual) {
	name := "cells" + path
	TEXT(name, NOSPLIT, "func(cells *uint16, t1, t2 *byte, n, cols int)")
	Doc(fmt.Sprintf("%s is cellNumbers for n samples, n a multiple of %d.", name, lanes))
	dst, t1, t2, n, cols := arg("cells"), arg("t1"), arg("t2"), arg("n"), arg("cols")
	width, x := register(), XMM()
	MOVQ(cols, x)
	VPBROADCASTW(x, width)
	i, a, b := GP64(), register(), register()
	XORQ(i, i)
	loop(name+"_loop", i, n, lanes, func() {
		VPMOVZXBW(at(t1, i, 1, 0), a)
		VPMOVZXBW(at(t2, i, 1, 0), b)
		VPSRLW(U8(1), a, a)
		VPMULLW(width, a, a)
		VPSRLW(U8(1), b, b)
		VPADDW(b, a, a)
		move(a, at(dst, i, 2, 0))
	})
	VZEROUPPER()
	RET()
}

// move stores a register whole.
func move(r VecVirtual, to Mem) {
	if r.Size() == 64 {
		VMOVDQU64(r, to)
	} else {
		VMOVDQU(r, to)
	}
}

// chunk is the number of samples whose cells are collected on the stack before
// they are counted, one after another: long enough that the branches at the end
// of both loops do not matter, short enough for the first cache.
const chunk = 1024

// chunks runs body with the end of each chunk of samples, i running from 0 to n.
func chunks(name string, i, n GPVirtual, body func(end GPVirtual)) {
	end := GP64()
	Label(name + "_chunk")
	CMPQ(i, n)
	JGE(LabelRef(name + "_return"))
	LEAQ(Mem{Base: i, Disp: chunk}, end)
	CMPQ(end, n)
	CMOVQGT(n, end)
	body(end)
	JMP(LabelRef(name + "_chunk"))
	Label(name + "_return")
}

// countAVX512 counts cells of size bytes (words, or the bins of bytes). The
// hottest cell, which often holds more samples than all others together, is left
// out of the list of those that are counted one by one.
func countAVX512(family string, size int) {
	lanes := 64 / size
	name := family + "AVX512"
	if size == 2 {
		TEXT(name, 0, "func(hist *int32, limit int, data *uint16, n int, hot uint16) (ok bool)")
		Doc(name + " is count for n cells, n a multiple of 32. hot is any cell below limit, best the most frequent one.")
	} else {
		TEXT(name, 0, "func(hist *int32, limit int, data *byte, n int, hot byte) (ok bool)")
		Doc(name + " is count1 for n bytes, n a multiple of 64. hot is any bin below limit, best the most frequent one.")
	}
	Doc("limit is the length of hist, at most the number of cells there can be. It stops, and is not ok,",
		"where a cell is outside.")
	buffer := AllocLocal(chunk*size + 128)
	hist, limit, data, n := arg("hist"), arg("limit"), arg("data"), arg("n")
	hotAll, most, z, x := ZMM(), ZMM(), ZMM(), XMM()
	mask7 := ZMM()
	hot := GP32()
	if size == 2 {
		MOVWLZX(argAddr("hot"), hot)
		MOVL(hot, hot)
		VMOVD(hot, x)
		VPBROADCASTW(x, hotAll)
	} else {
		MOVBLZX(argAddr("hot"), hot)
		VMOVD(hot, x)
		VPBROADCASTB(x, hotAll)
		VPBROADCASTB(words8("count1Mask", []byte{0x7F}), mask7)
	}
	i, m, t, k := GP64(), GP64(), GP64(), K()
	base := GP64()
	LEAQ(buffer, base)
	XORQ(i, i)
	bad := name + "_bad"
	chunks(name, i, n, func(end GPVirtual) {
		start := GP64()
		MOVQ(i, start)
		XORQ(m, m)
		VPXORD(most, most, most)
		loop(name+"_collect", i, end, lanes, func() {
			if size == 2 {
				VMOVDQU16(at(data, i, 2, 0), z)
				VPMAXUW(z, most, most)
				VPCMPW(notEqual, hotAll, z, k)
				VPCOMPRESSW_Z(z, k, z)
				KMOVD(k, t.As32())
			} else {
				VMOVDQU8(at(data, i, 1, 0), z)
				VPSRLW(U8(1), z, z)
				VPANDD(mask7, z, z)
				VPMAXUB(z, most, most)
				VPCMPB(notEqual, hotAll, z, k)
				VPCOMPRESSB_Z(z, k, z)
				KMOVQ(k, t)
			}
			VMOVDQU64(z, at(base, m, uint8(size), 0))
			POPCNTQ(t, t)
			ADDQ(t, m)
		})
		checkLimit(size, most, limit, bad)
		// The list is filled up to a multiple of four with the hottest cell, whose
		// own count is then smaller, or negative, by as much.
		VMOVDQU64(hotAll, at(base, m, uint8(size), 0))
		ADDQ(U8(3), m)
		ANDQ(I8(-4), m)
		MOVQ(end, t)
		SUBQ(start, t)
		SUBQ(m, t)
		ADDL(t.As32(), at(hist, hot.As64(), 4, 0))
		j := GP64()
		XORQ(j, j)
		loop(name+"_tally", j, m, 4, func() {
			for u := range 4 {
				if size == 2 {
					MOVWLZX(at(base, j, 2, 2*u), t.As32())
				} else {
					MOVBLZX(at(base, j, 1, u), t.As32())
				}
				INCL(at(hist, t, 4, 0))
			}
		})
	})
	returnOK(bad)
}

// checkLimit jumps to bad where a lane of most, unsigned, is not below limit.
func checkLimit(size int, most VecVirtual, limit GPVirtual, bad string) {
	k, all, x := K(), ZMM(), XMM()
	VMOVQ(limit, x)
	if size == 2 {
		VPBROADCASTW(x, all)
		VPCMPUW(greaterEqual, all, most, k)
		KORTESTD(k, k)
	} else {
		VPBROADCASTB(x, all)
		VPCMPUB(greaterEqual, all, most, k)
		KORTESTQ(k, k)
	}
	JNZ(LabelRef(bad))
}

func returnOK(bad string) {
	t := GP8()
	MOVB(U8(1), t)
	Store(t, ReturnIndex(0))
	VZEROUPPER()
	RET()
	Label(bad)
	XORB(t, t)
	Store(t, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// deltaAVX512 collects the cells of the samples in which the two tables differ,
// doubled and with the bit of table from added: shifted out, it says whether to
// add or to subtract one.
func deltaAVX512() {
	TEXT("deltaAVX512", 0, "func(hist *int32, limit int, cells *uint16, from, to *byte, n int) (ok bool)")
	Doc("deltaAVX512 is delta for n cells, n a multiple of 64, and limit = len(hist) in 1..32768.",
		"It stops, and is not ok, where a cell is outside.")
	buffer := AllocLocal(chunk*2 + 64)
	hist, limit, cells, from, to, n := arg("hist"), arg("limit"), arg("cells"), arg("from"), arg("to"), arg("n")
	one, minus1 := ZMM(), ones512()
	VPBROADCASTB(words8("deltaOne", []byte{1}), one)
	most, f, d := ZMM(), ZMM(), ZMM()
	i, m, t, base := GP64(), GP64(), GP64(), GP64()
	LEAQ(buffer, base)
	XORQ(i, i)
	chunks("delta512", i, n, func(end GPVirtual) {
		XORQ(m, m)
		VPXORD(most, most, most)
		loop("delta512_collect", i, end, 64, func() {
			differ, minus := K(), K()
			VMOVDQU8(at(from, i, 1, 0), f)
			VPXORD(at(to, i, 1, 0), f, d)
			VPTESTMB(one, d, differ)
			VPTESTMB(one, f, minus)
			for h := range 2 {
				if h == 1 {
					KSHIFTRQ(U8(32), differ, differ)
					KSHIFTRQ(U8(32), minus, minus)
				}
				c := ZMM()
				VMOVDQU16(at(cells, i, 2, 64*h), c)
				VPMAXUW(c, most, differ, most)
				VPADDW(c, c, c)
				VPSUBW(minus1, c, minus, c)
				VPCOMPRESSW_Z(c, differ, c)
				VMOVDQU16(c, at(base, m, 2, 0))
				KMOVD(differ, t.As32())
				POPCNTL(t.As32(), t.As32())
				ADDQ(t, m)
			}
		})
		checkLimit(2, most, limit, "delta512_bad")
		applyDeltas("delta512_apply", hist, base, m, 2)
	})
	returnOK("delta512_bad")
}

// delta1AVX512 is the same with bytes, which hold twice the bin already.
func delta1AVX512() {
	TEXT("delta1AVX512", 0, "func(hist *int32, limit int, table, from, to *byte, n int) (ok bool)")
	Doc("delta1AVX512 is delta1 for n samples, n a multiple of 64, and limit = len(hist) in 1..128.",
		"It stops, and is not ok, where a bin is outside.")
	buffer := AllocLocal(chunk + 64)
	hist, limit, table, from, to, n := arg("hist"), arg("limit"), arg("table"), arg("from"), arg("to"), arg("n")
	one := ZMM()
	VPBROADCASTB(words8("delta1One", []byte{1}), one)
	most, f, d := ZMM(), ZMM(), ZMM()
	i, m, t, base := GP64(), GP64(), GP64(), GP64()
	LEAQ(buffer, base)
	XORQ(i, i)
	twice := GP64()
	LEAQ(at(limit, limit, 1, -1), twice)
	chunks("delta1512", i, n, func(end GPVirtual) {
		XORQ(m, m)
		VPXORD(most, most, most)
		loop("delta1512_collect", i, end, 64, func() {
			differ, c := K(), ZMM()
			VMOVDQU8(at(from, i, 1, 0), f)
			VPXORD(at(to, i, 1, 0), f, d)
			VPTESTMB(one, d, differ)
			VMOVDQU8(at(table, i, 1, 0), c)
			VPTERNLOGD(U8(0xD8), one, f, c) // one ? f : c
			VPMAXUB(c, most, differ, most)
			VPCOMPRESSB_Z(c, differ, c)
			VMOVDQU8(c, at(base, m, 1, 0))
			KMOVQ(differ, t)
			POPCNTQ(t, t)
			ADDQ(t, m)
		})
		// The largest byte allowed is 2·limit-1, which fits where 2·limit may not.
		k, all, x := K(), ZMM(), XMM()
		VMOVQ(twice, x)
		VPBROADCASTB(x, all)
		VPCMPUB(greater, all, most, k)
		KORTESTQ(k, k)
		JNZ(LabelRef("delta1512_bad"))
		applyDeltas("delta1512_apply", hist, base, m, 1)
	})
	returnOK("delta1512_bad")
}

// applyDeltas adds 1 to the histogram for every even number in the list and
// subtracts 1 for every odd one, at half the number.
func applyDeltas(name string, hist, list, m GPVirtual, size int) {
	j, t, d := GP64(), GP64(), GP32()
	XORQ(j, j)
	loop(name, j, m, 1, func() {
		if size == 2 {
			MOVWLZX(at(list, j, 2, 0), t.As32())
		} else {
			MOVBLZX(at(list, j, 1, 0), t.As32())
		}
		SHRL(U8(1), t.As32())
		SBBL(d, d)
		ORL(U8(1), d)
		ADDL(d, at(hist, t, 4, 0))
	})
}

// deltaAVX2 finds the samples that differ 32 at a time and walks over them.
func deltaAVX2(family string, size int) {
	name := family + "AVX2"
	if size == 2 {
		TEXT(name, NOSPLIT, "func(hist *int32, limit int, cells *uint16, from, to *byte, n int) (ok bool)")
	} else {
		TEXT(name, NOSPLIT, "func(hist *int32, limit int, cells, from, to *byte, n int) (ok bool)")
	}
	Doc(fmt.Sprintf("%s is %s for n samples, n a multiple of 32, and limit = len(hist).", name, family),
		"It stops, and is not ok, where a cell is outside.")
	hist, limit, cells, from, to, n := arg("hist"), arg("limit"), arg("cells"), arg("from"), arg("to"), arg("n")
	i, mask, minus, c, d, at0 := GP64(), GP64(), GP32(), GP64(), GP32(), GP64()
	f, x := YMM(), YMM()
	bad := name + "_bad"
	XORQ(i, i)
	loop(name+"_loop", i, n, 32, func() {
		VMOVDQU(at(from, i, 1, 0), f)
		VPXOR(at(to, i, 1, 0), f, x)
		VPSLLW(U8(7), x, x)
		VPSLLW(U8(7), f, f)
		VPMOVMSKB(x, mask.As32())
		VPMOVMSKB(f, minus)
		TESTL(mask.As32(), mask.As32())
		JZ(LabelRef(name + "_same"))
		Label(name + "_next")
		TZCNTL(mask.As32(), at0.As32())
		BTL(at0.As32(), minus)
		SBBL(d, d)
		ORL(U8(1), d)
		ADDQ(i, at0)
		if size == 2 {
			MOVWLZX(at(cells, at0, 2, 0), c.As32())
		} else {
			MOVBLZX(at(cells, at0, 1, 0), c.As32())
			SHRL(U8(1), c.As32())
		}
		CMPQ(c, limit)
		JAE(LabelRef(bad))
		ADDL(d, at(hist, c, 4, 0))
		BLSRL(mask.As32(), mask.As32())
		JNZ(LabelRef(name + "_next"))
		Label(name + "_same")
	})
	returnOK(bad)
}

// prefix2AVX512 sums along the rows first, 16 columns at a time with four shifts
// and adds within the register, and then down the columns. One pass for both would
// wait for the row above to arrive in memory.
func prefix2AVX512() {
	TEXT("prefix2AVX512", NOSPLIT, "func(hist *int32, rows, cols int)")
	Doc("prefix2AVX512 is prefix2.")
	hist, rows, cols := arg("hist"), arg("rows"), arg("cols")
	zero, fifteen, carry, v, t := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
	VPXORD(zero, zero, zero)
	VPBROADCASTD(words32("prefixFifteen", []uint32{15}), fifteen)
	bits, rest, tail := GP64(), GP64(), K()
	MOVQ(I32(-1), bits)
	MOVQ(cols, rest)
	ANDQ(U8(15), rest)
	BZHIQ(rest, bits, bits)
	KMOVW(bits.As32(), tail)
	whole := GP64()
	MOVQ(cols, whole)
	ANDQ(I8(-16), whole)

	p, r, i := GP64(), GP64(), GP64()
	MOVQ(hist, p)
	XORQ(r, r)
	along := func() {
		for _, s := range []uint8{1, 2, 4, 8} {
			VALIGND(U8(16-s), zero, v, t)
			VPADDD(t, v, v)
		}
		VPADDD(carry, v, v)
		VPERMD(v, fifteen, carry)
	}
	loop("prefix2_row", r, rows, 1, func() {
		VPXORD(carry, carry, carry)
		XORQ(i, i)
		loop("prefix2_along", i, whole, 16, func() {
			VMOVDQU32(at(p, i, 4, 0), v)
			along()
			VMOVDQU32(v, at(p, i, 4, 0))
		})
		VMOVDQU32_Z(at(p, i, 4, 0), tail, v)
		along()
		VMOVDQU32(v, tail, at(p, i, 4, 0))
		LEAQ(at(p, cols, 4, 0), p)
	})

	XORQ(i, i)
	down := func(name string, load func(), store func()) {
		LEAQ(at(hist, i, 4, 0), p)
		VPXORD(carry, carry, carry)
		XORQ(r, r)
		loop(name, r, rows, 1, func() {
			load()
			VPADDD(v, carry, carry)
			store()
			LEAQ(at(p, cols, 4, 0), p)
		})
	}
	loop("prefix2_column", i, whole, 16, func() {
		down("prefix2_down", func() { VMOVDQU32(Mem{Base: p}, v) }, func() { VMOVDQU32(carry, Mem{Base: p}) })
	})
	down("prefix2_last", func() { VMOVDQU32_Z(Mem{Base: p}, tail, v) }, func() { VMOVDQU32(carry, tail, Mem{Base: p}) })
	VZEROUPPER()
	RET()
}
