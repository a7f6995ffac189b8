package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// valueOf is the value of finite float16 bits, from the definition of the format.
func valueOf(h uint16) float64 {
	m, exp := float64(h&0x3FF), int(h>>10&0x1F)
	v := math.Ldexp(m, -24)
	if exp > 0 {
		v = math.Ldexp(1024+m, exp-25)
	}
	if h&0x8000 != 0 {
		return math.Copysign(v, -1)
	}
	return v
}

func TestF16ToF32AllValues(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		src, dst, back := make([]uint16, 1<<16), make([]float32, 1<<16), make([]uint16, 1<<16)
		for i := range src {
			src[i] = uint16(i)
		}
		F16ToF32(dst, src)
		F16FromF32(back, dst)
		for i, h := range src {
			got := math.Float32bits(dst[i])
			switch {
			case h&0x7FFF > 0x7C00:
				if want := uint32(h&0x8000)<<16 | 0x7FC00000 | uint32(h&0x3FF)<<13; got != want {
					t.Fatalf("%#04x: NaN %#08x, want %#08x", h, got, want)
				}
				if want := h | 0x200; back[i] != want {
					t.Fatalf("%#04x comes back as %#04x, want %#04x", h, back[i], want)
				}
				continue
			case h&0x7FFF == 0x7C00:
				if !math.IsInf(float64(dst[i]), 1-2*int(h>>15)) {
					t.Fatalf("%#04x: %v, want an infinity", h, dst[i])
				}
			default:
				if want := math.Float32bits(float32(valueOf(h))); got != want {
					t.Fatalf("%#04x: %#08x, want %#08x", h, got, want)
				}
			}
			if back[i] != h {
				t.Fatalf("%#04x comes back as %#04x", h, back[i])
			}
		}
	})
}

// TestF16FromF32Rounds looks at every float16, its neighbours in float32, the
// midpoints between two float16 and their neighbours.
func TestF16FromF32Rounds(t *testing.T) {
	var src []float32
	var want []uint16
	add := func(v float32, h uint16) {
		src, want = append(src, v, -v), append(want, h, h|0x8000)
	}
	inf := float32(math.Inf(1))
	for h := uint16(0); h < 0x7C00; h++ {
		v := float32(valueOf(h))
		next := 65536.0 // what would follow the largest float16
		if h+1 < 0x7C00 {
			next = valueOf(h + 1)
		}
		mid := float32((valueOf(h) + next) / 2)
		add(v, h)
		add(math.Nextafter32(v, inf), h)
		add(math.Nextafter32(mid, 0), h)
		add(mid, h+h&1) // the even one of the two
		add(math.Nextafter32(mid, inf), h+1)
	}
	for _, b := range []uint32{1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FBFFFFF, 0x7FC00000, 0x7FFFFFFF, 0x7FC02000} {
		h := uint16(0)
		switch {
		case b > 0x7F800000:
			h = 0x7E00 | uint16(b>>13&0x3FF)
		case b > 0x7F000000:
			h = 0x7C00
		}
		add(math.Float32frombits(b), h)
	}
	eachPath(t, func(t *testing.T) {
		dst := make([]uint16, len(src))
		F16FromF32(dst, src)
		for i := range dst {
			if dst[i] != want[i] {
				t.Fatalf("%g (%#08x): %#04x, want %#04x", src[i], math.Float32bits(src[i]), dst[i], want[i])
			}
		}
	})
}

func TestFixedAllValues(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		src, dst := make([]uint16, 0x3C01), make([]uint32, 0x3C01)
		for i := range src {
			src[i] = uint16(i)
		}
		Fixed(dst, src)
		for i, v := range dst {
			if float64(v) != valueOf(uint16(i))*One {
				t.Fatalf("%#04x: %d, want %v", i, v, valueOf(uint16(i))*One)
			}
		}
	})
}

func TestFloat16Lengths(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	eachPath(t, func(t *testing.T) {
		for _, n := range lengths {
			f := fill(n, func() float32 { return math.Float32frombits(rng.Uint32()) })
			h := fill(n, func() uint16 { return uint16(rng.Uint32()) })
			p := fill(n, probability(rng))
			for offset := range 3 {
				src32, dst16 := guardOf(f, offset), guard[uint16](n, offset)
				F16FromF32(dst16.s, src32.s)
				want16 := make([]uint16, n)
				f16FromF32Generic(want16, f)
				dst16.check(t, "F16FromF32")
				if !slices.Equal(dst16.s, want16) {
					t.Fatalf("F16FromF32 differs at length %d", n)
				}

				src16, dst32 := guardOf(h, offset), guard[float32](n, offset)
				F16ToF32(dst32.s, src16.s)
				dst32.check(t, "F16ToF32")
				for i, x := range h {
					if math.Float32bits(dst32.s[i]) != f32Bits(x) {
						t.Fatalf("F16ToF32 differs at length %d", n)
					}
				}

				srcP, dstU := guardOf(p, offset), guard[uint32](n, offset)
				Fixed(dstU.s, srcP.s)
				wantU := make([]uint32, n)
				fixedGeneric(wantU, p)
				dstU.check(t, "Fixed")
				if !slices.Equal(dstU.s, wantU) {
					t.Fatalf("Fixed differs at length %d", n)
				}
			}
		}
	})
}

func BenchmarkF16FromF32(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 3))
	src := fill(1000, func() float32 { return float32(math.Exp(-12 * rng.Float64())) })
	dst := make([]uint16, len(src))
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(4 * len(src)))
		for b.Loop() {
			F16FromF32(dst, src)
		}
	})
}

func BenchmarkF16ToF32(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 4))
	src := fill(1000, probability(rng))
	dst := make([]float32, len(src))
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(2 * len(src)))
		for b.Loop() {
			F16ToF32(dst, src)
		}
	})
}

func BenchmarkFixed(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 4))
	src := fill(1000, probability(rng))
	dst := make([]uint32, len(src))
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(2 * len(src)))
		for b.Loop() {
			Fixed(dst, src)
		}
	})
}
