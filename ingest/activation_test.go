package ingest

import (
	"math"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
)

func TestActivation(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	for _, c := range []struct {
		name string
		said classifier.Activation
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
		{"and said", classifier.None, []float32{0.2, 0.3, 0.495, 1, 0, 0}, "none"},
		{"logits in [0, 1]", "", []float32{0.2, 0.3, 0.5, 0.9, 0.2, 0.1}, "or activation=softmax if they are logits"},
		{"and said", classifier.Softmax, []float32{0.2, 0.3, 0.5, 0.9, 0.2, 0.1}, "softmax"},
		{"a sigmoid", "", []float32{0.2, 0.1, 0.1, 0.9, 0.2, 0.1}, "write activation=sigmoid"},
		{"and said", classifier.Sigmoid, []float32{0.2, 0.1, 0.1, 0.9, 0.2, 0.1}, string(classifier.Normalized)},
		{"of logits", classifier.Sigmoid, []float32{-3, 4, 0, 1, 2, 3}, "sigmoid"},
		{"sure ones", classifier.Sigmoid, []float32{0, 0, 1, 1, 0, 0}, string(classifier.Normalized)},
		{"percents", "", []float32{20, 30, 50, 99, 1, 0}, "percents"},
		{"not a number", "", []float32{nan, 0, 0, 1, 2, 3}, "softmax"},
		{"logarithms", classifier.Log, []float32{-0.6931472, -0.6931472, -100, 0, -100, -100}, "log"},
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
