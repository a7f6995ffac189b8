package ingest

import (
	"math"
	"strings"
	"testing"
)

func TestActivation(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		said Activation
		rows []float32 // of three classes
		want string    // the activation, or words of the refusal
	}{
		{"logits", "", []float32{3, -1, 0.5, 0, 0.2, 0.8}, "softmax"},
		{"logits, one row a distribution", "", []float32{0.2, 0.3, 0.5, 0.2, 0.3, -0.5}, "softmax"},
		{"logits above 0", "", []float32{3, 1, 0.5, 0.7, 0.2, 0.8}, "softmax"},
		{"nothing but zeros", "", make([]float32, 6), "softmax"},
		{"probabilities", "", []float32{0.2, 0.3, 0.5, 1, 0, 0}, "none"},
		{"probabilities to three digits", "", []float32{0.333, 0.333, 0.333, 0.1, 0.2, 0.701}, "none"},
		{"rounded", "", []float32{0.2, 0.3, 0.495, 1, 0, 0}, "coarsely rounded probabilities; write activation=none"},
		{"and said", None, []float32{0.2, 0.3, 0.495, 1, 0, 0}, "none"},
		{"logits in [0, 1]", "", []float32{0.2, 0.3, 0.5, 0.9, 0.2, 0.1}, "or activation=softmax if they are logits"},
		{"and said", Softmax, []float32{0.2, 0.3, 0.5, 0.9, 0.2, 0.1}, "softmax"},
		{"a sigmoid", "", []float32{0.2, 0.1, 0.1, 0.9, 0.2, 0.1}, "write activation=sigmoid"},
		{"and said", Sigmoid, []float32{0.2, 0.1, 0.1, 0.9, 0.2, 0.1}, string(normalized)},
		{"of logits", Sigmoid, []float32{-3, 4, 0, 1, 2, 3}, "sigmoid"},
		{"sure ones", Sigmoid, []float32{0, 0, 1, 1, 0, 0}, string(normalized)},
		{"percents", "", []float32{20, 30, 50, 99, 1, 0}, "percents"},
		{"not a number", "", []float32{nan, 0, 0, 1, 2, 3}, "softmax"},
		{"logarithms", Log, []float32{-0.6931472, -0.6931472, -100, 0, -100, -100}, "log"},
	} {
		got, err := activation(c.said, c.rows, 3)
		if err != nil {
			got = ""
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", c.name, err, c.want)
			}
		} else if string(got) != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestProbabilities(t *testing.T) {
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
		{normalized, []float32{0.5, 1}, []float32{1. / 3, 2. / 3}, ""},
		{normalized, []float32{0.5, 1.5}, nil, "class 1 is 1.5"},
		{normalized, []float32{0, 0}, nil, "all 0"},
	} {
		err := c.a.probabilities(c.row)
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
