package zoo

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
		{in: []float32{negative, 1, -1e-30}, want: []uint16{0, one, 0}},
		{in: []float32{1.0 / 3, 1.0 / 3, 1.0 / 3}, want: []uint16{0x3555, 0x3555, 0x3555}},
		{in: []float32{nan, 1}, says: "class 0 is not a number"},
		{in: []float32{1, float32(math.Inf(1))}, says: "class 1 is infinite"},
		{in: []float32{1.5, -0.5}, says: "class 0 is above 1"},
		{in: []float32{1, -0.5, 0.5}, says: "class 1 is negative"},
		{in: []float32{0.5, 0.25}, says: "sum to 0.75"},
	} {
		got := make([]uint16, len(c.in))
		err := RoundRow(got, c.in)
		if c.says == "" && (err != nil || !slices.Equal(got, c.want)) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%v: %04x, %v", c.in, got, err)
		}
	}
}
