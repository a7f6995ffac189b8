package kernel

// One is the probability 1 in fixed point.
const One = 1 << 24

// F16FromF32 rounds float32 to float16 bits:
//
//	for i, v := range src {
//		dst[i] = float16bits(v) // to nearest, ties to even
//	}
//
// Subnormals are kept on both sides, values from 65520 on become infinity, and a
// NaN keeps its sign and its upper payload bits and becomes quiet.
func F16FromF32(dst []uint16, src []float32) {
	need(len(dst) == len(src), "F16FromF32: dst and src differ in length")
	f16FromF32(dst, src)
}

// F16ToF32 widens float16 bits to float32, exactly:
//
//	for i, h := range src {
//		dst[i] = float32(h)
//	}
//
// A NaN keeps its sign and payload and becomes quiet.
func F16ToF32(dst []float32, src []uint16) {
	need(len(dst) == len(src), "F16ToF32: dst and src differ in length")
	f16ToF32(dst, src)
}

// Fixed turns float16 bits 0x0000..0x3C00 into fixed point, exactly:
//
//	for i, h := range src {
//		dst[i] = value(h) * 2^24
//	}
func Fixed(dst []uint32, src []uint16) {
	need(len(dst) == len(src), "Fixed: dst and src differ in length")
	fixed(dst, src)
}
