package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func float16() {
	for _, path := range []struct {
		name  string
		lanes int
		wide  func() VecVirtual
	}{{"AVX2", 8, YMM}, {"AVX512", 16, ZMM}} {
		floats(path.name, path.lanes, path.wide)
	}
}

// floats writes the conversions of n numbers, n a multiple of the lanes. VCVTPH2PS
// and VCVTPS2PH keep subnormals, whatever the floating-point control register says.
func floats(path string, lanes int, wide func() VecVirtual) {
	kernel := func(family, signature string, step func(dst, src, i GPVirtual)) {
		name := family + path
		function(name, NOSPLIT, signature)
		Doc(fmt.Sprintf("%s is %s for n numbers, n a multiple of %d.", name, family, lanes))
		dst, src, n := arg("dst"), arg("src"), arg("n")
		i := GP64()
		XORQ(i, i)
		loop(name+"_loop", i, n, lanes, func() { step(dst, src, i) })
		VZEROUPPER()
		RET()
	}
	kernel("f16FromF32", "func(dst *uint16, src *float32, n int)", func(dst, src, i GPVirtual) {
		z := wide()
		VMOVUPS(at(src, i, 4, 0), z)
		VCVTPS2PH(U8(0), z, at(dst, i, 2, 0))
	})
	kernel("f16ToF32", "func(dst *float32, src *uint16, n int)", func(dst, src, i GPVirtual) {
		z := wide()
		VCVTPH2PS(at(src, i, 2, 0), z)
		VMOVUPS(z, at(dst, i, 4, 0))
	})
	scale := words32("fixed"+path+"_scale", sequence[uint32](lanes, 0x4B800000, 0)) // 2^24
	kernel("fixed", "func(dst *uint32, src *uint16, n int)", func(dst, src, i GPVirtual) {
		z := wide()
		VCVTPH2PS(at(src, i, 2, 0), z)
		VMULPS(scale, z, z)
		VCVTPS2DQ(z, z)
		move(z, at(dst, i, 4, 0))
	})
}
