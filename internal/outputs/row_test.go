package outputs

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestRoundRow(t *testing.T) {
	t.Parallel()
	nan, negative := float32(math.NaN()), float32(math.Copysign(0, -1))
	for _, c := range []struct {
		in   []float32
		want []uint16
		says string
	}{
		{in: []float32{0.25, 0.75}, want: []uint16{0x3400, 0x3A00}},
		{in: []float32{negative, 1, -1e-30}, want: []uint16{0, OneBits, 0}},
		{in: []float32{1.0 / 3, 1.0 / 3, 1.0 / 3}, want: []uint16{0x3555, 0x3555, 0x3555}},
		{in: []float32{nan, 1}, says: "class 0 is NaN"},
		{in: []float32{1, float32(math.Inf(1))}, says: "class 1 is +Inf"},
		{in: []float32{1.5, -0.5}, says: "class 0 is 1.5, above 1"},
		{in: []float32{1, -0.5, 0.5}, says: "class 1 is -0.5, below 0"},
		{in: []float32{0.5, 0.25}, says: "sum to 0.75, not 1"},
	} {
		got := make([]uint16, len(c.in))
		err := RoundRow(got, c.in)
		if c.says == "" && (err != nil || !slices.Equal(got, c.want)) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%v: %04x, %v", c.in, got, err)
		}
	}
}

// TestSumTolerance tries sums on both sides of both limits, a unit apart.
func TestSumTolerance(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sum uint64
		ok  bool
	}{
		{One, true}, {One - sumTolerance, true}, {One + sumTolerance, true},
		{One - sumTolerance - 1, false}, {One + sumTolerance + 1, false}, {0, false}, {65535 * One, false},
	} {
		if err := CheckSum(c.sum); (err == nil) != c.ok {
			t.Errorf("sum %d: %v", c.sum, err)
		}
	}
}

// TestValues compares the checks of four numbers at a time with the plain ones, over
// every value in every place.
func TestValues(t *testing.T) {
	t.Parallel()
	lengths := []int{1, 2, 3, 4, 5, 6, 7, 8, 9}
	if testing.Short() {
		lengths = []int{3, 5}
	}
	for _, length := range lengths {
		v := make([]uint16, length)
		for at := range v {
			for x := range 65536 {
				v[at] = uint16(x)
				if probabilities(v) != (x <= OneBits) {
					t.Fatalf("probabilities(%x): %v", v, x > OneBits)
				}
				for _, n := range []int{2, 17, 1000, 0x8000, 65535} {
					if below(v, n) != (x < n || x == NoClass) {
						t.Fatalf("below(%x, %d): %v", v, n, x >= n)
					}
				}
			}
			v[at] = 1
		}
	}
}
