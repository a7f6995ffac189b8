package classifier

import (
	"math"
	"strings"
	"testing"
)

func TestApply(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a    Activation
		row  []float32
		want []float32
		says string
	}{
		{None, []float32{0.25, 0.75}, []float32{0.25, 0.75}, ""},
		{None, []float32{0.25, 0.5}, nil, "sum to 0.75"},
		{None, []float32{-0.25, 1.25}, nil, "class 0 is -0.25"},
		{Log, []float32{float32(math.Log(0.25)), float32(math.Log(0.75))}, []float32{0.25, 0.75}, ""},
		{Log, []float32{0, 0}, nil, "sum to 2"},
		{Sigmoid, []float32{0, 100}, []float32{1. / 3, 2. / 3}, ""},
		{Normalized, []float32{0.5, 1}, []float32{1. / 3, 2. / 3}, ""},
		{Normalized, []float32{0.5, 1.5}, nil, "class 1 is 1.5"},
		{Normalized, []float32{0, 0}, nil, "all 0"},
	} {
		err := c.a.Apply(c.row)
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v, want %q", c.a, err, c.says)
			}
			continue
		}
		for i, w := range c.want {
			if err != nil || math.Abs(float64(c.row[i]-w)) > 1e-6 {
				t.Errorf("%s: %v, want %v (%v)", c.a, c.row, c.want, err)
			}
		}
	}
}
