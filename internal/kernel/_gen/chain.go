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
	deltaAVX512("delta", 2)
	deltaAVX512("delta1", 1)
	deltaAVX2("delta", 2)
	deltaAVX2("delta1", 1)
	prefix2AVX512()
}

func cells(path string, lanes int, register func() VecVirtual) {
	name := "cells" + path
	function(name, NOSPLIT, "func(cells *uint16, t1, t2 *byte, n, cols int)")
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
		function(name, 0, "func(hist *int32, limit int, data *uint16, n int, hot uint16) (ok bool)")
		Doc(name + " is count for n cells, n a multiple of 32. hot is any cell below limit, best the most frequent one.")
	} else {
		function(name, 0, "func(hist *int32, limit int, data *byte, n int, hot byte) (ok bool)")
		Doc(name + " is count1 for n bytes, n a multiple of 64. hot is any bin below limit, best the most frequent one.")
	}
	Doc("limit is the length of hist, at most the number of cells there can be. It stops, and is not ok,",
		"if a cell is outside.")
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

// deltaAVX512 collects the cells of the samples that only one side has right, in a
// list for each side, and counts them afterwards: a loop over the bits of one
// step's mask is mispredicted at nearly every step.
func deltaAVX512(family string, size int) {
	name := family + "AVX512"
	if size == 2 {
		function(name, 0, "func(hist *int32, limit int, cells *uint16, from, to *byte, n int) (ok bool)")
	} else {
		function(name, 0, "func(hist *int32, limit int, cells, from, to *byte, n int) (ok bool)")
	}
	Doc(fmt.Sprintf("%s is %s for n samples, n a multiple of 64.", name, family),
		"limit is the length of hist, at most the number of cells there can be. It stops, and is not ok,",
		"if a cell is outside.")
	room := chunk*size + 64
	buffer := AllocLocal(2 * room)
	hist, limit, cells, from, to, n := arg("hist"), arg("limit"), arg("cells"), arg("from"), arg("to"), arg("n")
	lists, m := [2]GPVirtual{GP64(), GP64()}, [2]GPVirtual{GP64(), GP64()} // of gains, of losses
	LEAQ(buffer, lists[0])
	LEAQ(buffer.Offset(room), lists[1])
	ones, mask7, most := ZMM(), ZMM(), ZMM()
	VPBROADCASTB(words8(name+"_one", []byte{1}), ones)
	if size == 1 {
		VPBROADCASTB(words8(name+"_mask", []byte{0x7F}), mask7)
	}
	i, t := GP64(), GP64()
	XORQ(i, i)
	bad := name + "_bad"
	chunks(name, i, n, func(end GPVirtual) {
		XORQ(m[0], m[0])
		XORQ(m[1], m[1])
		VPXORD(most, most, most)
		loop(name+"_collect", i, end, 64, func() {
			f, g, x := ZMM(), ZMM(), ZMM()
			one := [2]OpmaskVirtual{K(), K()}
			VMOVDQU8(at(from, i, 1, 0), f)
			VMOVDQU8(at(to, i, 1, 0), g)
			VPANDND(g, f, x)
			VPTESTMB(ones, x, one[0])
			VPANDND(f, g, x)
			VPTESTMB(ones, x, one[1])
			for part := range size {
				z := ZMM()
				if size == 2 {
					VMOVDQU16(at(cells, i, 2, 64*part), z)
				} else {
					VMOVDQU8(at(cells, i, 1, 0), z)
					VPSRLW(U8(1), z, z)
					VPANDD(mask7, z, z)
				}
				for side, k := range one {
					c := ZMM()
					if part > 0 {
						KSHIFTRQ(U8(32), k, k)
					}
					if size == 2 {
						VPCOMPRESSW_Z(z, k, c)
						VPMAXUW(c, most, most)
						KMOVD(k, t.As32())
					} else {
						VPCOMPRESSB_Z(z, k, c)
						VPMAXUB(c, most, most)
						KMOVQ(k, t)
					}
					VMOVDQU64(c, at(lists[side], m[side], uint8(size), 0))
					POPCNTQ(t, t)
					ADDQ(t, m[side])
				}
			}
		})
		checkLimit(size, most, limit, bad)
		tally(name+"_gains", INCL, hist, lists[0], m[0], size)
		tally(name+"_losses", DECL, hist, lists[1], m[1], size)
	})
	returnOK(bad)
}

// tally does op to the entries of hist that the m cells of a list name, four at a
// time and the rest one at a time.
func tally(name string, op func(Op), hist, list, m GPVirtual, size int) {
	j, whole, t := GP64(), GP64(), GP32()
	one := func(u int) {
		if size == 2 {
			MOVWLZX(at(list, j, 2, 2*u), t)
		} else {
			MOVBLZX(at(list, j, 1, u), t)
		}
		op(at(hist, t.As64(), 4, 0))
	}
	XORQ(j, j)
	MOVQ(m, whole)
	ANDQ(I8(-4), whole)
	loop(name+"_fours", j, whole, 4, func() {
		for u := range 4 {
			one(u)
		}
	})
	loop(name+"_last", j, m, 1, func() { one(0) })
}

// deltaAVX2 finds the samples that differ 32 at a time and walks over them.
func deltaAVX2(family string, size int) {
	name := family + "AVX2"
	if size == 2 {
		function(name, NOSPLIT, "func(hist *int32, limit int, cells *uint16, from, to *byte, n int) (ok bool)")
	} else {
		function(name, NOSPLIT, "func(hist *int32, limit int, cells, from, to *byte, n int) (ok bool)")
	}
	Doc(fmt.Sprintf("%s is %s for n samples, n a multiple of 32, and limit = len(hist).", name, family),
		"It stops, and is not ok, if a cell is outside.")
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
	function("prefix2AVX512", NOSPLIT, "func(hist *int32, rows, cols int)")
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
		TESTQ(rest, rest)
		JZ(LabelRef("prefix2_next"))
		VMOVDQU32_Z(at(p, i, 4, 0), tail, v)
		along()
		VMOVDQU32(v, tail, at(p, i, 4, 0))
		Label("prefix2_next")
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
	TESTQ(rest, rest)
	JZ(LabelRef("prefix2_return"))
	down("prefix2_last", func() { VMOVDQU32_Z(Mem{Base: p}, tail, v) }, func() { VMOVDQU32(carry, tail, Mem{Base: p}) })
	Label("prefix2_return")
	VZEROUPPER()
	RET()
}
