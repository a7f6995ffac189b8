package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// maxStages is the longest chain that evaluate has code for.
const maxStages = 16

func table() {
	evaluateAVX512()
	evaluateAVX2()
	missingAVX512()
	missingAVX2()
	enterAVX512()
	enterAVX2()
	sameAVX512()
	sameAVX2()
	passAVX512()
	passAVX2()
	settleAVX512()
	settleAVX2()
	compactAVX512()
	compactAVX2()
	correctAVX512()
	correctAVX2()
	binsAVX512()
	binsAVX2()
}

// evaluateAVX512 follows 64 samples at a time. A mask register holds the samples
// still on their way, r the byte each of them would leave with: at every stage
// the next table is loaded over r under the mask, so that a sample that has left
// keeps its byte, and the final r holds every sample's exit.
func evaluateAVX512() {
	function("evaluateAVX512", NOSPLIT, "func(tables *[]byte, k, n int, exits *byte, reach *int) (correct int)")
	Doc("evaluateAVX512 is evaluate for k in 2..16 tables of n bytes. It adds to reach[1:k].")
	byStages("evaluate512", func(k int, tables, n, exits, reach GPVirtual) GPVirtual {
		e := make([]VecVirtual, k-1)
		for j := range e {
			e[j] = ZMM()
			VPBROADCASTB(Mem{Base: exits, Disp: j}, e[j])
		}
		one := ZMM()
		VPBROADCASTB(words8(fmt.Sprintf("evaluateOne%d", k), []byte{1}), one)
		correct := GP64()
		XORQ(correct, correct)
		count := counters(k, 8)
		i, end, t, p, r := GP64(), GP64(), GP64(), GP64(), ZMM()
		block := func(mask Op) {
			MOVQ(Mem{Base: tables}, p)
			alive := K()
			if mask == nil {
				VMOVDQU8(at(p, i, 1, 0), r)
				VPCMPUB(less, e[0], r, alive)
			} else {
				VMOVDQU8_Z(at(p, i, 1, 0), mask, r)
				VPCMPUB(less, e[0], r, mask, alive)
			}
			for j := 1; j < k; j++ {
				MOVQ(Mem{Base: tables, Disp: 24 * j}, p)
				KMOVQ(alive, t)
				POPCNTQ(t, t)
				count.add(j, t, reach)
				VMOVDQU8(at(p, i, 1, 0), alive, r)
				if j < k-1 {
					next := K()
					VPCMPUB(less, e[j], r, alive, next)
					alive = next
				}
			}
			right := K()
			VPTESTMB(one, r, right)
			KMOVQ(right, t)
			POPCNTQ(t, t)
			ADDQ(t, correct)
		}
		name := fmt.Sprintf("evaluate512_%d", k)
		XORQ(i, i)
		MOVQ(n, end)
		ANDQ(I8(-64), end)
		loop(name, i, end, 64, func() { block(nil) })
		block(tailMask(n, 64, name+"_done"))
		Label(name + "_done")
		count.store(reach)
		return correct
	})
}

// evaluateAVX2 does the same with 32 samples and byte masks. The exits lie spread
// out in memory because registers are few.
func evaluateAVX2() {
	function("evaluateAVX2", NOSPLIT, "func(tables *[]byte, k, n int, exits *byte, reach *int) (correct int)")
	Doc("evaluateAVX2 is evaluate for k in 2..16 tables of n bytes, n a multiple of 32. It adds to reach[1:k].")
	spread := AllocLocal(32 * (maxStages - 1))
	byStages("evaluate256", func(k int, tables, n, exits, reach GPVirtual) GPVirtual {
		r, ge, alive, ones := YMM(), YMM(), YMM(), YMM()
		for j := range k - 1 {
			VPBROADCASTB(Mem{Base: exits, Disp: j}, r)
			VMOVDQU(r, spread.Offset(32*j))
		}
		VPCMPEQB(ones, ones, ones)
		correct := GP64()
		XORQ(correct, correct)
		count := counters(k, 8)
		i, t, p := GP64(), GP64(), GP64()
		name := fmt.Sprintf("evaluate256_%d", k)
		XORQ(i, i)
		loop(name, i, n, 32, func() {
			MOVQ(Mem{Base: tables}, p)
			VMOVDQU(at(p, i, 1, 0), r)
			for j := 1; j < k; j++ {
				VPMAXUB(spread.Offset(32*(j-1)), r, ge)
				VPCMPEQB(ge, r, ge) // r >= exit
				if j == 1 {
					VPXOR(ge, ones, alive)
				} else {
					VPANDN(alive, ge, alive)
				}
				MOVQ(Mem{Base: tables, Disp: 24 * j}, p)
				VPMOVMSKB(alive, t.As32())
				POPCNTL(t.As32(), t.As32())
				count.add(j, t, reach)
				VPBLENDVB(alive, at(p, i, 1, 0), r, r)
			}
			VPSLLW(Imm(7), r, r)
			VPMOVMSKB(r, t.As32())
			POPCNTL(t.As32(), t.As32())
			ADDQ(t, correct)
		})
		count.store(reach)
		return correct
	})
}

// byStages writes the body of evaluate once for each number of stages.
func byStages(name string, body func(k int, tables, n, exits, reach GPVirtual) GPVirtual) {
	k, tables, n, exits, reach := arg("k"), arg("tables"), arg("n"), arg("exits"), arg("reach")
	for stages := 2; stages < maxStages; stages++ {
		CMPQ(k, Imm(uint64(stages)))
		JE(LabelRef(fmt.Sprintf("%s_k%d", name, stages)))
	}
	for stages := maxStages; stages >= 2; stages-- {
		if stages < maxStages {
			Label(fmt.Sprintf("%s_k%d", name, stages))
		}
		Store(body(stages, tables, n, exits, reach), ReturnIndex(0))
		VZEROUPPER()
		RET()
	}
}

// stageCounts counts the samples that reach the stages 1..k-1, the first of them
// in registers, the others in memory.
type stageCounts []GPVirtual

func counters(k, registers int) stageCounts {
	c := make(stageCounts, min(k, registers))
	for j := 1; j < len(c); j++ {
		c[j] = GP64()
		XORQ(c[j], c[j])
	}
	return c
}

func (c stageCounts) add(j int, n, reach Register) {
	if j < len(c) {
		ADDQ(n, c[j])
	} else {
		ADDQ(n, Mem{Base: reach, Disp: 8 * j})
	}
}

func (c stageCounts) store(reach Register) {
	for j := 1; j < len(c); j++ {
		ADDQ(c[j], Mem{Base: reach, Disp: 8 * j})
	}
}

// missingAVX512 follows 64 samples at a time through k tables, and of those that are left
// compresses the numbers of those whose entries are missing to the front of a register.
func missingAVX512() {
	const name = "missing512"
	function("missingAVX512", NOSPLIT, "func(numbers *int32, asked *uint64, tables *[]byte, k, n int, exits *byte, known, held *uint64) (listed int)")
	Doc("missingAVX512 is missing for k+1 tables and n samples, n a multiple of 64.")
	numbers, asked, tables, k, n, exits, known, held := arg("numbers"), arg("asked"), arg("tables"), arg("k"), arg("n"), arg("exits"), arg("known"), arg("held")
	sixteen, number := ZMM(), ZMM()
	VPBROADCASTD(words32(name+"_sixteen", []uint32{16}), sixteen)
	first := words32(name+"_numbers", sequence[uint32](16, 0, 1))
	i, listed, j, p, t, w := GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	XORQ(i, i)
	XORQ(listed, listed)
	loop(name, i, n, 64, func() {
		alive, enough, z := K(), K(), ZMM()
		MOVQ(i, w)
		SHRQ(U8(6), w)
		KMOVQ(at(known, w, 8, 0), alive)
		KNOTQ(alive, alive)
		MOVQ(tables, p)
		XORQ(j, j)
		Label(name + "_stage")
		KORTESTQ(alive, alive)
		JZ(LabelRef(name + "_none"))
		MOVQ(Mem{Base: p}, t)
		VPBROADCASTB(at(exits, j, 1, 0), z)
		CMPQ(j, k)
		JE(LabelRef(name + "_last"))
		VPCMPUB(greater, at(t, i, 1, 0), z, alive, alive)
		ADDQ(U8(24), p)
		INCQ(j)
		JMP(LabelRef(name + "_stage"))
		Label(name + "_last")
		KMOVQ(at(held, w, 8, 0), enough)
		VPCMPUB(greater, at(t, i, 1, 0), z, enough, enough)
		KANDNQ(alive, enough, alive)
		Label(name + "_none")
		KMOVQ(alive, t)
		MOVQ(t, at(asked, w, 8, 0))
		TESTQ(t, t)
		JZ(LabelRef(name + "_next"))
		VPBROADCASTD(i.As32(), number)
		VPADDD(first, number, number)
		for h := range 4 {
			c, count := ZMM(), GP64()
			VPCOMPRESSD_Z(number, alive, c)
			VMOVDQU32(c, at(numbers, listed, 4, 0))
			MOVWLZX(t.As16(), count.As32())
			POPCNTL(count.As32(), count.As32())
			ADDQ(count, listed)
			if h < 3 {
				VPADDD(sixteen, number, number)
				KSHIFTRQ(U8(16), alive, alive)
				SHRQ(U8(16), t)
			}
		}
		Label(name + "_next")
	})
	Store(listed, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// missingAVX2 does the same with 32 samples and byte masks.
func missingAVX2() {
	const name = "missing256"
	function("missingAVX2", NOSPLIT, "func(numbers *int32, asked *uint64, tables *[]byte, k, n int, exits *byte, known, held *uint64) (listed int)")
	Doc("missingAVX2 is missing for k+1 tables and n samples, n a multiple of 32.")
	numbers, asked, tables, k, n, exits, known, held := arg("numbers"), arg("asked"), arg("tables"), arg("k"), arg("n"), arg("exits"), arg("known"), arg("held")
	i, listed, j, p, t, w, alive := GP64(), GP64(), GP64(), GP64(), GP64(), GP64(), GP32()
	XORQ(i, i)
	XORQ(listed, listed)
	loop(name, i, n, 32, func() {
		table, exit := YMM(), YMM()
		MOVQ(i, w)
		SHRQ(U8(3), w)
		MOVL(at(known, w, 1, 0), alive)
		NOTL(alive)
		MOVQ(tables, p)
		XORQ(j, j)
		Label(name + "_stage")
		TESTL(alive, alive)
		JZ(LabelRef(name + "_none"))
		MOVQ(Mem{Base: p}, t)
		VMOVDQU(at(t, i, 1, 0), table)
		VPBROADCASTB(at(exits, j, 1, 0), exit)
		VPMAXUB(table, exit, exit)
		VPCMPEQB(table, exit, exit) // table >= exit
		VPMOVMSKB(exit, t.As32())
		CMPQ(j, k)
		JE(LabelRef(name + "_last"))
		ANDNL(alive, t.As32(), alive)
		ADDQ(U8(24), p)
		INCQ(j)
		JMP(LabelRef(name + "_stage"))
		Label(name + "_last")
		ANDNL(at(held, w, 1, 0), t.As32(), t.As32())
		ANDNL(alive, t.As32(), alive)
		Label(name + "_none")
		MOVL(alive, at(asked, w, 1, 0))
		TESTL(alive, alive)
		JZ(LabelRef(name + "_done"))
		listBits(name, alive, t, i, numbers, listed)
		Label(name + "_done")
	})
	Store(listed, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// enterAVX512 spreads entries over the 64 samples of a word of bits with VPEXPANDB.
func enterAVX512() {
	const name = "enter512"
	function("enterAVX512", NOSPLIT, "func(table *byte, known, held, asked *uint64, words int, entries, sure *byte)")
	Doc("enterAVX512 is enter for so many words of bits.")
	table, known, held, asked, words, entries, sure := arg("table"), arg("known"), arg("held"), arg("asked"), arg("words"), arg("entries"), arg("sure")
	w, count, some, all := GP64(), GP64(), GP64(), GP64()
	MOVQ(I32(-1), all)
	XORQ(w, w)
	loop(name, w, words, 1, func() {
		k, packed, z := K(), K(), ZMM()
		MOVQ(at(asked, w, 8, 0), some)
		TESTQ(some, some)
		JZ(LabelRef(name + "_none"))
		KMOVQ(some, k)
		ORQ(some, at(held, w, 8, 0))
		POPCNTQ(some, count)
		BZHIQ(count, all, some)
		KMOVQ(some, packed)
		VMOVDQU8_Z(Mem{Base: entries}, packed, z)
		VPEXPANDB_Z(z, k, z)
		VMOVDQU8(z, k, Mem{Base: table})
		VMOVDQU8_Z(Mem{Base: sure}, packed, z)
		VPEXPANDB_Z(z, k, z)
		VPTESTMB(z, z, packed)
		KMOVQ(packed, some)
		ORQ(some, at(known, w, 8, 0))
		ADDQ(count, entries)
		ADDQ(count, sure)
		Label(name + "_none")
		ADDQ(U8(64), table)
	})
	VZEROUPPER()
	RET()
}

// enterAVX2 goes over the bits.
func enterAVX2() {
	const name = "enter256"
	function("enterAVX2", NOSPLIT, "func(table *byte, known, held, asked *uint64, words int, entries, sure *byte)")
	Doc("enterAVX2 is enter for so many words of bits.")
	table, known, held, asked, words, entries, sure := arg("table"), arg("known"), arg("held"), arg("asked"), arg("words"), arg("entries"), arg("sure")
	w, some, bit, x, found := GP64(), GP64(), GP64(), GP64(), GP64()
	XORQ(w, w)
	loop(name, w, words, 1, func() {
		MOVQ(at(asked, w, 8, 0), some)
		TESTQ(some, some)
		JZ(LabelRef(name + "_none"))
		ORQ(some, at(held, w, 8, 0))
		XORQ(found, found)
		Label(name + "_next")
		TZCNTQ(some, bit)
		MOVBLZX(Mem{Base: entries}, x.As32())
		MOVB(x.As8(), at(table, bit, 1, 0))
		INCQ(entries)
		MOVBLZX(Mem{Base: sure}, x.As32())
		INCQ(sure)
		ANDL(U8(1), x.As32())
		SHLXQ(bit, x, x)
		ORQ(x, found)
		BLSRQ(some, some)
		JNZ(LabelRef(name + "_next"))
		ORQ(found, at(known, w, 8, 0))
		Label(name + "_none")
		ADDQ(U8(64), table)
	})
	RET()
}

func sameAVX512() {
	function("sameAVX512", NOSPLIT, "func(a, b *uint16, n int) (equal int)")
	Doc("sameAVX512 is same for n classes, n a multiple of 32.")
	a, b, n := arg("a"), arg("b"), arg("n")
	i, equals, t := GP64(), GP64(), GP64()
	XORQ(i, i)
	XORQ(equals, equals)
	loop("same512", i, n, 32, func() {
		k, z := K(), ZMM()
		VMOVDQU16(at(a, i, 2, 0), z)
		VPCMPEQW(at(b, i, 2, 0), z, k)
		KMOVD(k, t.As32())
		POPCNTL(t.As32(), t.As32())
		ADDQ(t, equals)
	})
	Store(equals, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

func sameAVX2() {
	function("sameAVX2", NOSPLIT, "func(a, b *uint16, n int) (equal int)")
	Doc("sameAVX2 is same for n classes, n a multiple of 16.")
	a, b, n := arg("a"), arg("b"), arg("n")
	i, equals, t := GP64(), GP64(), GP64()
	XORQ(i, i)
	XORQ(equals, equals)
	loop("same256", i, n, 16, func() {
		y := YMM()
		VMOVDQU(at(a, i, 2, 0), y)
		VPCMPEQW(at(b, i, 2, 0), y, y)
		VPMOVMSKB(y, t.As32())
		POPCNTL(t.As32(), t.As32())
		ADDQ(t, equals)
	})
	SHRQ(U8(1), equals)
	Store(equals, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// passAVX512 takes from a word of bits those of entries that are not sent on.
func passAVX512() {
	const name = "pass512"
	function("passAVX512", NOSPLIT, "func(samples *uint64, table *byte, n int, exit byte) (exited, correct int)")
	Doc("passAVX512 is pass for n samples, n a multiple of 64.")
	samples, table, n := arg("samples"), arg("table"), arg("n")
	exit, one := ZMM(), ZMM()
	VPBROADCASTB(argAddr("exit"), exit)
	VPBROADCASTB(words8(name+"_one", []byte{1}), one)
	i, left, correct, t := GP64(), GP64(), GP64(), GP64()
	XORQ(i, i)
	XORQ(left, left)
	XORQ(correct, correct)
	loop(name, i, n, 64, func() {
		k, gone, right, z := K(), K(), K(), ZMM()
		KMOVQ(Mem{Base: samples}, k)
		VMOVDQU8(at(table, i, 1, 0), z)
		VPCMPUB(greaterEqual, exit, z, k, gone)
		VPTESTMB(one, z, gone, right)
		KANDNQ(k, gone, k)
		KMOVQ(k, Mem{Base: samples})
		ADDQ(U8(8), samples)
		KMOVQ(gone, t)
		POPCNTQ(t, t)
		ADDQ(t, left)
		KMOVQ(right, t)
		POPCNTQ(t, t)
		ADDQ(t, correct)
	})
	Store(left, ReturnIndex(0))
	Store(correct, ReturnIndex(1))
	VZEROUPPER()
	RET()
}

// passAVX2 does the same with 32 samples and byte masks.
func passAVX2() {
	const name = "pass256"
	function("passAVX2", NOSPLIT, "func(samples *uint64, table *byte, n int, exit byte) (exited, correct int)")
	Doc("passAVX2 is pass for n samples, n a multiple of 32.")
	samples, table, n := arg("samples"), arg("table"), arg("n")
	exit := YMM()
	VPBROADCASTB(argAddr("exit"), exit)
	i, left, correct, t, some := GP64(), GP64(), GP64(), GP32(), GP32()
	XORQ(i, i)
	XORQ(left, left)
	XORQ(correct, correct)
	loop(name, i, n, 32, func() {
		b, x, right := YMM(), YMM(), GP32()
		MOVL(Mem{Base: samples}, some)
		VMOVDQU(at(table, i, 1, 0), b)
		VPMAXUB(b, exit, x)
		VPCMPEQB(b, x, x) // b >= exit
		VPMOVMSKB(x, t)
		VPSLLW(U8(7), b, x) // the lowest bits of the bytes to the highest
		VPMOVMSKB(x, right)
		ANDL(some, t)
		XORL(t, some)
		MOVL(some, Mem{Base: samples})
		ADDQ(U8(4), samples)
		ANDL(t, right)
		POPCNTL(t, t)
		ADDQ(t.As64(), left)
		POPCNTL(right, right)
		ADDQ(right.As64(), correct)
	})
	Store(left, ReturnIndex(0))
	Store(correct, ReturnIndex(1))
	VZEROUPPER()
	RET()
}

func settleAVX512() {
	function("settleAVX512", NOSPLIT, "func(to, table *byte, n int, exit, keep, code byte)")
	Doc("settleAVX512 is settle for n bytes, n a multiple of 64.")
	to, table, n := arg("to"), arg("table"), arg("n")
	exit, keep, code, i := ZMM(), ZMM(), ZMM(), GP64()
	VPBROADCASTB(argAddr("exit"), exit)
	VPBROADCASTB(argAddr("keep"), keep)
	VPBROADCASTB(argAddr("code"), code)
	XORQ(i, i)
	loop("settle512", i, n, 64, func() {
		k, z := K(), ZMM()
		VMOVDQU8(at(table, i, 1, 0), z)
		VPCMPUB(greaterEqual, exit, z, k)
		VPANDD(keep, z, z)
		VPORD(code, z, z)
		VMOVDQU8(z, k, at(to, i, 1, 0))
	})
	VZEROUPPER()
	RET()
}

func settleAVX2() {
	function("settleAVX2", NOSPLIT, "func(to, table *byte, n int, exit, keep, code byte)")
	Doc("settleAVX2 is settle for n bytes, n a multiple of 32.")
	to, table, n := arg("to"), arg("table"), arg("n")
	exit, keep, code, i := YMM(), YMM(), YMM(), GP64()
	VPBROADCASTB(argAddr("exit"), exit)
	VPBROADCASTB(argAddr("keep"), keep)
	VPBROADCASTB(argAddr("code"), code)
	XORQ(i, i)
	loop("settle256", i, n, 32, func() {
		b, x := YMM(), YMM()
		VMOVDQU(at(table, i, 1, 0), b)
		VPMAXUB(b, exit, x)
		VPCMPEQB(b, x, x) // b >= exit
		VPAND(keep, b, b)
		VPOR(code, b, b)
		old := YMM()
		VMOVDQU(at(to, i, 1, 0), old)
		VPBLENDVB(x, b, old, b)
		VMOVDQU(b, at(to, i, 1, 0))
	})
	VZEROUPPER()
	RET()
}

func compactAVX512() {
	const name = "compact512"
	function("compactAVX512", NOSPLIT, "func(to *byte, samples *uint64, from *byte, n int) (listed int)")
	Doc("compactAVX512 is compact for n samples, n a multiple of 64.")
	to, samples, from, n := arg("to"), arg("samples"), arg("from"), arg("n")
	i, listed, t := GP64(), GP64(), GP64()
	XORQ(i, i)
	XORQ(listed, listed)
	loop(name, i, n, 64, func() {
		k, z := K(), ZMM()
		MOVQ(Mem{Base: samples}, t)
		ADDQ(U8(8), samples)
		KMOVQ(t, k)
		VMOVDQU8(at(from, i, 1, 0), z)
		VPCOMPRESSB_Z(z, k, z)
		VMOVDQU8(z, at(to, listed, 1, 0))
		POPCNTQ(t, t)
		ADDQ(t, listed)
	})
	Store(listed, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// compactAVX2 takes eight bytes at a time, and looks up how to shuffle them: PEXT would do it, too, but is
// said to take hundreds of cycles before Zen 3.
func compactAVX2() {
	const name = "compact256"
	function("compactAVX2", NOSPLIT, "func(to *byte, samples *uint64, from *byte, n int) (listed int)")
	Doc("compactAVX2 is compact for n samples, n a multiple of 8.")
	to, samples, from, n := arg("to"), arg("samples"), arg("from"), arg("n")
	i, listed, t, table := GP64(), GP64(), GP64(), GP64()
	LEAQ(compressions(name), table)
	XORQ(i, i)
	XORQ(listed, listed)
	loop(name, i, n, 8, func() {
		x, places := XMM(), XMM()
		MOVBQZX(Mem{Base: samples}, t)
		INCQ(samples)
		VMOVQ(at(from, i, 1, 0), x)
		VMOVQ(at(table, t, 8, 0), places)
		VPSHUFB(places, x, x)
		VMOVQ(x, at(to, listed, 1, 0))
		POPCNTL(t.As32(), t.As32())
		ADDQ(t, listed)
	})
	Store(listed, ReturnIndex(0))
	RET()
}

func correctAVX512() {
	function("correctAVX512", NOSPLIT, "func(table *byte, n int) (right int)")
	Doc("correctAVX512 is correct for n bytes.")
	p, n := arg("table"), arg("n")
	one, r := ZMM(), ZMM()
	VPBROADCASTB(words8("correctOne", []byte{1}), one)
	i, end, t, right, k := GP64(), GP64(), GP64(), GP64(), K()
	XORQ(i, i)
	XORQ(right, right)
	MOVQ(n, end)
	ANDQ(I8(-64), end)
	tally := func() {
		KMOVQ(k, t)
		POPCNTQ(t, t)
		ADDQ(t, right)
	}
	loop("correct512", i, end, 64, func() {
		VPTESTMB(at(p, i, 1, 0), one, k)
		tally()
	})
	tail := tailMask(n, 64, "correct512_done")
	VMOVDQU8_Z(at(p, i, 1, 0), tail, r)
	VPTESTMB(r, one, k)
	tally()
	Label("correct512_done")
	Store(right, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

func correctAVX2() {
	function("correctAVX2", NOSPLIT, "func(table *byte, n int) (right int)")
	Doc("correctAVX2 is correct for n bytes, n a multiple of 32.")
	p, n := arg("table"), arg("n")
	i, t, right, r := GP64(), GP64(), GP64(), YMM()
	XORQ(i, i)
	XORQ(right, right)
	loop("correct256", i, n, 32, func() {
		VMOVDQU(at(p, i, 1, 0), r)
		VPSLLW(Imm(7), r, r)
		VPMOVMSKB(r, t.As32())
		POPCNTL(t.As32(), t.As32())
		ADDQ(t, right)
	})
	Store(right, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// treePlaces lists, for the nodes of a search tree with levels levels in heap
// order from 1, which of the sorted cuts each holds. Node 0 does not exist.
func treePlaces(levels int) []uint32 {
	places := []uint32{1<<levels - 1}
	for d := range levels {
		for i := range 1 << d {
			places = append(places, uint32((2*i+1)<<(levels-1-d)-1))
		}
	}
	return places
}

// binsAVX512 walks 32 samples at a time down a search tree of the cuts: from node
// x to 2x, or to 2x+1 where the sum is above the node's cut. The tree lives in
// registers, where a level is one permutation: the nodes of a level lie in heap
// order, so the low bits of the node's number are its place in its registers.
func binsAVX512() {
	function("binsAVX512", NOSPLIT, "func(table *byte, sums *uint32, class, labels *uint16, n int, cuts *uint32, count int)")
	Doc("binsAVX512 is bins for n samples and count in 0..127 cuts.")
	dst, sums, class, labels, n, cuts, g := arg("table"), arg("sums"), arg("class"), arg("labels"), arg("n"), arg("cuts"), arg("count")
	CMPQ(g, Imm(63))
	JG(LabelRef("bins512_deep"))
	for _, levels := range []int{6, 7} {
		if levels == 7 {
			Label("bins512_deep")
		}
		binsBody512(levels, dst, sums, class, labels, n, cuts, g)
		VZEROUPPER()
		RET()
	}
}

func binsBody512(levels int, dst, sums, class, labels, n, cuts, g GPVirtual) {
	name := fmt.Sprintf("bins512_%d", levels)
	places := words32(fmt.Sprintf("binsPlaces%d", levels), treePlaces(levels))
	length, index := ZMM(), ZMM()
	VPBROADCASTD(g.As32(), length)
	nodes := make([]VecVirtual, 1<<levels/16)
	minus1 := ones512()
	for i := range nodes {
		nodes[i] = ZMM()
		have := K()
		VMOVDQU32(places.Offset(64*i), index)
		VPCMPUD(less, length, index, have)
		VMOVDQA32(minus1, nodes[i]) // no sum is above a cut that is not there
		VPGATHERDD(Mem{Base: cuts, Index: index, Scale: 4}, have, nodes[i])
	}
	root, two, bytes := ZMM(), ZMM(), ZMM()
	VPBROADCASTD(words32(name+"_one", []uint32{1}), root)
	VPADDD(root, root, two)
	VPERMD(nodes[0], root, root)
	pack := append(sequence[byte](16, 0, 4), sequence[byte](16, 64, 4)...)
	VMOVDQU8(words8(name+"_pack", append(pack, make([]byte, 32)...)), bytes)
	one, flip := YMM(), YMM()
	VPBROADCASTB(words8(name+"_byte", []byte{1}), one)
	VPBROADCASTB(words8(name+"_flip", []byte{0x80}), flip)

	walk := func(s VecVirtual) VecVirtual {
		x, t, u := ZMM(), ZMM(), ZMM()
		first, above := K(), K()
		VPCMPUD(greater, root, s, first)
		VMOVDQA32(two, x)
		VPSUBD(minus1, x, first, x)
		for d := 1; d < levels; d++ {
			switch {
			case d <= 3:
				VPERMD(nodes[0], x, t)
			case d == 4:
				VPERMD(nodes[1], x, t)
			case d == 5:
				VMOVDQA32(x, t)
				VPERMI2D(nodes[3], nodes[2], t)
			default: // 64 nodes; the first step says in which half x is
				VMOVDQA32(x, t)
				VPERMI2D(nodes[5], nodes[4], t)
				VMOVDQA32(x, u)
				VPERMI2D(nodes[7], nodes[6], u)
				VMOVDQA32(u, first, t)
			}
			VPCMPUD(greater, t, s, above)
			VPADDD(x, x, x)
			VPSUBD(minus1, x, above, x)
		}
		return x // 2^levels + bin
	}
	a, b, y := ZMM(), ZMM(), YMM()
	i, end := GP64(), GP64()
	finish := func(c, l VecVirtual) {
		a, b := walk(a), walk(b)
		right := K()
		VPCMPEQW(c, l, right)
		VPERMT2B(b, bytes, a)
		VPADDB(a.AsY(), a.AsY(), y)
		if levels == 6 {
			VPXOR(flip, y, y)
		}
		VPADDB(one, y, right, y)
	}
	c, l := ZMM(), ZMM()
	XORQ(i, i)
	MOVQ(n, end)
	ANDQ(I8(-32), end)
	loop(name, i, end, 32, func() {
		VMOVDQU32(at(sums, i, 4, 0), a)
		VMOVDQU32(at(sums, i, 4, 64), b)
		VMOVDQU16(at(class, i, 2, 0), c)
		VMOVDQU16(at(labels, i, 2, 0), l)
		finish(c, l)
		VMOVDQU(y, at(dst, i, 1, 0))
	})
	tail := tailMask(n, 32, name+"_done")
	high := K()
	KSHIFTRD(Imm(16), tail, high)
	VMOVDQU32_Z(at(sums, i, 4, 0), tail, a)
	VMOVDQU32_Z(at(sums, i, 4, 64), high, b)
	VMOVDQU16_Z(at(class, i, 2, 0), tail, c)
	VMOVDQU16_Z(at(labels, i, 2, 0), tail, l)
	finish(c, l)
	VMOVDQU8(y, tail, at(dst, i, 1, 0))
	Label(name + "_done")
}

// binsAVX2 walks the same tree 8 samples at a time. A permutation looks up 8 nodes, so that the deeper
// levels take two, four and eight. (Gathers take longer.)
func binsAVX2() {
	function("binsAVX2", NOSPLIT, "func(table *byte, sums *uint32, class, labels *uint16, n int, tree *uint32, levels int)")
	Doc("binsAVX2 is bins for n samples, n a multiple of 32, with the cuts in the order of a search tree",
		"of 6 or 7 levels and with their upper bit flipped, so that signed compares order them.")
	dst, sums, class, labels, n, tree, levels := arg("table"), arg("sums"), arg("class"), arg("labels"), arg("n"), arg("tree"), arg("levels")
	order := words32("binsOrder", []uint32{0, 4, 1, 5, 2, 6, 3, 7})
	flip := words32("binsFlip", sequence[uint32](8, 1<<31, 0))
	i := GP64()
	root, two := YMM(), YMM()
	VPBROADCASTD(Mem{Base: tree, Disp: 4}, root)
	VPBROADCASTD(words32("binsTwo", []uint32{2}), two)
	body := func(depth int) {
		name := fmt.Sprintf("bins256_%d", depth)
		bias := words32(name+"_bias", sequence[uint32](8, 1<<depth, 0))
		XORQ(i, i)
		loop(name, i, n, 32, func() {
			var x [4]VecVirtual
			for q := range x {
				s, above := YMM(), []VecVirtual{YMM()}
				x[q] = YMM()
				VMOVDQU(at(sums, i, 4, 32*q), s)
				VPXOR(flip, s, s)
				VPCMPGTD(root, s, above[0])
				VPSUBD(above[0], two, x[q])
				for d := 1; d < depth; d++ {
					t := node(tree, d, x[q], above)
					VPCMPGTD(t, s, t)
					VPADDD(x[q], x[q], x[q])
					VPSUBD(t, x[q], x[q])
					if d < depth-4 { // later steps ask for it
						above = append(above, t)
					}
				}
				VPSUBD(bias, x[q], x[q])
			}
			VPACKSSDW(x[1], x[0], x[0])
			VPACKSSDW(x[3], x[2], x[2])
			VPACKUSWB(x[2], x[0], x[0])
			o := YMM()
			VMOVDQU(order, o)
			VPERMD(x[0], o, x[0])
			VPADDB(x[0], x[0], x[0])
			a, b := YMM(), YMM()
			VMOVDQU(at(class, i, 2, 0), a)
			VMOVDQU(at(class, i, 2, 32), b)
			VPCMPEQW(at(labels, i, 2, 0), a, a)
			VPCMPEQW(at(labels, i, 2, 32), b, b)
			VPACKSSWB(b, a, a)
			VPERMQ(Imm(0b11011000), a, a)
			VPSUBB(a, x[0], x[0])
			VMOVDQU(x[0], at(dst, i, 1, 0))
		})
		VZEROUPPER()
		RET()
	}
	CMPQ(levels, Imm(7))
	JE(LabelRef("bins256_deep"))
	body(6)
	Label("bins256_deep")
	body(7)
}

// node returns the nodes of a level with the numbers x, which are 2^level and more. The three low bits of x
// choose one of eight nodes that lie side by side; which eight is the result of the first steps.
func node(tree GPVirtual, level int, x VecVirtual, above []VecVirtual) VecVirtual {
	var pick func(from, choices int) VecVirtual
	pick = func(from, choices int) VecVirtual {
		t := YMM()
		if choices == 0 {
			VPERMD(Mem{Base: tree, Disp: 4 * from}, x, t)
			return t
		}
		t = pick(from, choices-1)
		VBLENDVPS(above[level-3-choices], pick(from+4<<choices, choices-1), t, t)
		return t
	}
	return pick(1<<level&^7, max(0, level-3))
}
