package importer

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// allHalves returns the values of the float16 bits 0..0x3C00, in order.
func allHalves() []float64 {
	bits := make([]uint16, outputs.OneBits+1)
	for i := range bits {
		bits[i] = uint16(i)
	}
	singles := make([]float32, len(bits))
	kernel.F16ToF32(singles, bits)
	values := make([]float64, len(bits))
	for i, v := range singles {
		values[i] = float64(v)
	}
	return values
}

// nearest rounds a value in [0, 1] to float16 by the definition: the nearest of all
// values, the even one of two.
func nearest(values []float64, v float64) uint16 {
	i, _ := slices.BinarySearch(values, v)
	if i == len(values) || i > 0 && v-values[i-1] < values[i]-v || i > 0 && v-values[i-1] == values[i]-v && i%2 == 1 {
		i--
	}
	return uint16(i)
}

// A float64 is rounded to float16 once, not by way of a rounded float32.
func TestRoundToOdd(t *testing.T) {
	t.Parallel()
	values := allHalves()
	check := func(v float64) {
		t.Helper()
		var got [1]uint16
		kernel.F16FromF32(got[:], []float32{roundToOdd(v)})
		if want := nearest(values, v); got[0] != want {
			t.Fatalf("%v (%x): got %04x, want %04x", v, v, got[0], want)
		}
	}
	for i := range values[:len(values)-1] {
		tie := (values[i] + values[i+1]) / 2 // exact
		for _, v := range []float64{values[i], tie, math.Nextafter(tie, 0), math.Nextafter(tie, 1), math.Nextafter(values[i], 1)} {
			check(v)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		check(math.Ldexp(r.Float64(), -r.IntN(40)))
	}
	check(1)
	check(5e-324)
	// The plain way is wrong somewhere, or this test would show nothing.
	tie := (values[0x3801] + values[0x3802]) / 2
	var got [1]uint16
	kernel.F16FromF32(got[:], []float32{float32(math.Nextafter(tie, 0))})
	if got[0] == nearest(values, math.Nextafter(tie, 0)) {
		t.Error("rounding twice made no difference")
	}
	for _, c := range []struct {
		v    float64
		want float32
	}{{math.Inf(1), float32(math.Inf(1))}, {math.Inf(-1), float32(math.Inf(-1))}, {1e300, float32(math.Inf(1))}, {-0.25, -0.25}, {0, 0}} {
		if got := roundToOdd(c.v); got != c.want {
			t.Errorf("%v: got %v, want %v", c.v, got, c.want)
		}
	}
	if !math.IsNaN(float64(roundToOdd(math.NaN()))) {
		t.Error("NaN is lost")
	}
	for _, v := range []float64{-0.1, -1e-300, -3e-41} {
		if got, want := roundToOdd(v), -roundToOdd(-v); got != want {
			t.Errorf("%v: got %v, want %v", v, got, want)
		}
	}
}

// All 15,361 valid patterns pass through as they are, in rows that sum to 1.
func TestPatternsPreserved(t *testing.T) {
	t.Parallel()
	c := newConverter(3, Unsaid)
	row := make([]uint16, 3)
	values := allHalves()
	for bits := range uint16(outputs.OneBits + 1) {
		rest := nearest(values, 1-values[bits])
		copy(row, []uint16{bits, rest, 0x8000})
		if err := c.from16(row, nil); err != nil {
			t.Fatalf("%04x: %v", bits, err)
		}
		if row[0] != bits || row[1] != rest || row[2] != 0 {
			t.Fatalf("%04x and %04x became %04x", bits, rest, row)
		}
	}
}

func TestSumTolerance(t *testing.T) {
	t.Parallel()
	c := newConverter(2, Unsaid)
	row := make([]uint16, 2)
	for _, v := range []struct {
		second float64
		ok     bool
	}{{0.5, true}, {0.509, true}, {0.491, true}, {0.511, false}, {0.489, false}} {
		if err := c.from64(row, []float64{0.5, v.second}); (err == nil) != v.ok {
			t.Errorf("0.5 + %v: %v", v.second, err)
		}
	}
}

// Softmax agrees with its definition and does not overflow.
func TestSoftmax(t *testing.T) {
	t.Parallel()
	values := allHalves()
	r := rand.New(rand.NewPCG(3, 4))
	const classes = 37
	c := newConverter(classes, Softmax)
	got := make([]uint16, classes)
	for range 200 {
		bits, singles, doubles := make([]uint16, classes), make([]float32, classes), make([]float64, classes)
		shift := 2000 * r.NormFloat64()
		for i := range singles {
			singles[i] = float32(5*r.NormFloat64() + shift)
		}
		kernel.F16FromF32(bits, singles)
		kernel.F16ToF32(singles, bits)
		sum, largest := 0.0, float64(slices.Max(singles))
		for i, v := range singles {
			doubles[i] = float64(v)
			sum += math.Exp(doubles[i] - largest)
		}
		want := make([]uint16, classes)
		for i, v := range doubles {
			want[i] = nearest(values, math.Exp(v-largest)/sum)
		}
		if err := c.from64(got, doubles); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %04x, want %04x", got, want)
		}
	}
	// The most classes, all alike: rounding must not drive the sum from 1.
	all := newConverter(65535, Softmax)
	if err := all.from64(make([]uint16, 65535), make([]float64, 65535)); err != nil {
		t.Error(err)
	}
}
