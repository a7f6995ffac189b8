package kernel

import "math"

func f16FromF32Generic(dst []uint16, src []float32) {
	for i, v := range src {
		dst[i] = f16Bits(math.Float32bits(v))
	}
}

// f16Bits rounds the float32 with bits b to float16.
func f16Bits(b uint32) uint16 {
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7FFFFFFF
	switch {
	case b > 0x7F800000: // NaN
		return sign | 0x7E00 | uint16(b>>13&0x3FF)
	case b >= 0x477FF000: // 65520 and more, infinity included
		return sign | 0x7C00
	case b >= 0x38800000: // normal: rebias the exponent, round the 13 bits off
		b -= 112 << 23
		return sign | uint16((b+0xFFF+b>>13&1)>>13)
	case b > 0x33000000: // subnormal: more than half of 2^-24
		m := b&0x7FFFFF | 0x800000
		s := 126 - b>>23 // 14..24 bits to round off: the unit is 2^-24
		return sign | uint16((m+1<<(s-1)-1+m>>s&1)>>s)
	}
	return sign
}

func f16ToF32Generic(dst []float32, src []uint16) {
	for i, h := range src {
		dst[i] = f32(h)
	}
}

// f32 widens a float16.
func f32(h uint16) float32 { return math.Float32frombits(f32Bits(h)) }

// f32Bits widens float16 bits to float32 bits.
func f32Bits(h uint16) uint32 {
	sign := uint32(h&0x8000) << 16
	exp, m := uint32(h>>10&0x1F), uint32(h&0x3FF)
	switch {
	case exp == 0x1F && m != 0:
		return sign | 0x7FC00000 | m<<13
	case exp == 0x1F:
		return sign | 0x7F800000
	case exp != 0:
		return sign | (exp+112)<<23 | m<<13
	}
	// A subnormal is m units of 2^-24, and small integers convert exactly.
	return sign | math.Float32bits(float32(m)*0x1p-24)
}

func fixedGeneric(dst []uint32, src []uint16) {
	for i, h := range src {
		dst[i] = fixed1(h)
	}
}

// fixed1 is value(h)·2^24 for h in 0..0x3C00: the significand shifted left by the
// exponent, one less if the leading bit is implicit. It has no branch because
// the exponents of a softmax row cannot be predicted.
func fixed1(h uint16) uint32 {
	exp := uint32(h >> 10)
	normal := (exp + 31) >> 5 // 0 for exp 0, 1 for exp 1..31
	return (uint32(h&0x3FF) | normal<<10) << ((exp - normal) & 31)
}
