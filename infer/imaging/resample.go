package imaging

import (
	"fmt"
	"math"
)

// A Filter is a resampling kernel of Pillow.
type Filter int

// The filters timm's models ask for.
const (
	Bilinear Filter = iota
	Bicubic
	Lanczos
)

var filterNames = [...]string{"bilinear", "bicubic", "lanczos"}

func (f Filter) String() string { return filterNames[f] }

// ParseFilter reads a filter's name as timm writes it.
func ParseFilter(s string) (Filter, error) {
	for i, name := range filterNames {
		if s == name {
			return Filter(i), nil
		}
	}
	return 0, fmt.Errorf("interpolation %q is none of bilinear, bicubic, lanczos", s)
}

// support is the kernel's half width in source pixels, at scale 1.
func (f Filter) support() float64 { return float64(int(f) + 1) }

// at is the kernel at x. Products and sums are rounded one by one (the conversions
// forbid a fused multiply-add), as the C compiler rounds Pillow's.
func (f Filter) at(x float64) float64 {
	if f == Lanczos {
		if -3 <= x && x < 3 {
			return sinc(x) * sinc(x/3)
		}
		return 0
	}
	x = math.Abs(x)
	if f == Bilinear {
		return max(0, 1-x)
	}
	const a = -0.5
	switch {
	case x < 1:
		return float64(float64(float64((a+2)*x)-(a+3))*x*x) + 1
	case x < 2:
		return (float64((float64((x-5)*x)+8)*x) - 4) * a
	}
	return 0
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}

// precision is the number of fractional bits of a weight: 8 bits are the pixel's
// and 2 leave room for the sum of a kernel's overshoot.
const precision = 32 - 8 - 2

// weights are the kernels of a run of destination pixels along one axis.
type weights struct {
	first []int   // first source pixel of each kernel
	taps  []int32 // size taps a destination pixel
	count []int   // how many of them are used
	size  int
}

// compute fills w with the kernels of the destination pixels [from, to) when
// length source pixels become resized ones. A kernel widens with the reduction
// (antialiasing) and is cut, and normalised again, at the edges.
func (w *weights) compute(f Filter, length, resized, from, to int) {
	scale := float64(length) / float64(resized)
	widen := max(scale, 1)
	support := f.support() * widen
	w.size = int(math.Ceil(support))*2 + 1
	n := to - from
	w.first = resize(w.first, n)
	w.count = resize(w.count, n)
	w.taps = resize(w.taps, n*w.size)
	kernel := make([]float64, w.size)
	for i := range n {
		center := float64((float64(from+i) + 0.5) * scale)
		lo := max(0, int(center-support+0.5))
		hi := min(length, int(center+support+0.5))
		sum := 0.0
		for x := lo; x < hi; x++ {
			v := f.at((float64(x) - center + 0.5) * (1 / widen))
			kernel[x-lo] = v
			sum += v
		}
		w.first[i], w.count[i] = lo, hi-lo
		taps := w.taps[i*w.size:]
		for x := range hi - lo {
			v := kernel[x]
			if sum != 0 {
				v /= sum
			}
			v = float64(v * (1 << precision))
			if v < 0 {
				taps[x] = int32(v - 0.5)
			} else {
				taps[x] = int32(v + 0.5)
			}
		}
	}
}

// resize returns s with length n, its contents unspecified.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}

// clip8 rounds a sum of weighted pixels to a pixel.
func clip8(v int32) uint8 {
	v >>= precision
	if uint32(v) > 255 {
		if v < 0 {
			return 0
		}
		return 255
	}
	return uint8(v)
}

// horizontal resamples one row of RGB pixels into dst.
func (w *weights) horizontal(dst, src []uint8) {
	const half = 1 << (precision - 1)
	for i, first := range w.first {
		taps := w.taps[i*w.size:][:w.count[i]]
		s := src[first*3:][:len(taps)*3]
		r, g, b := int32(half), int32(half), int32(half)
		for len(taps) >= 2 && len(s) >= 6 {
			j, k := taps[0], taps[1]
			r += j*int32(s[0]) + k*int32(s[3])
			g += j*int32(s[1]) + k*int32(s[4])
			b += j*int32(s[2]) + k*int32(s[5])
			taps, s = taps[2:], s[6:]
		}
		if len(taps) == 1 && len(s) >= 3 {
			k := taps[0]
			r += k * int32(s[0])
			g += k * int32(s[1])
			b += k * int32(s[2])
		}
		d := dst[i*3:][:3]
		d[0], d[1], d[2] = clip8(r), clip8(g), clip8(b)
	}
}

// vertical resamples destination row i of rows, which are stride bytes long and of
// which the first is source row origin, into dst. sums is scratch of dst's length.
func (w *weights) vertical(dst, rows []uint8, stride, origin, i int, sums []int32) {
	sums = sums[:len(dst)]
	for x := range sums {
		sums[x] = 1 << (precision - 1)
	}
	taps := w.taps[i*w.size:][:w.count[i]]
	row := rows[(w.first[i]-origin)*stride:]
	// Two source rows a pass halve the traffic to sums.
	for len(taps) >= 2 {
		a, b := row[:len(sums)], row[stride:][:len(sums)]
		ka, kb := taps[0], taps[1]
		for x := range sums {
			sums[x] += ka*int32(a[x]) + kb*int32(b[x])
		}
		taps = taps[2:]
		row = row[min(2*stride, len(row)):]
	}
	if len(taps) == 1 {
		a, k := row[:len(sums)], taps[0]
		for x := range sums {
			sums[x] += k * int32(a[x])
		}
	}
	for x := range dst {
		dst[x] = clip8(sums[x])
	}
}
