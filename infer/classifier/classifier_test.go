package classifier

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

func TestReorder(t *testing.T) {
	t.Parallel()
	c := Classifier{Classes: 3, Head: Outputs{Order: []int{2, 0, 1}}}
	probs := []uint16{10, 11, 12, 20, 21, 22}
	c.reorder(probs)
	if !slices.Equal(probs, []uint16{12, 10, 11, 22, 20, 21}) {
		t.Errorf("%v", probs)
	}
}

// TestProbabilities adds the outputs of one class, time and again without room of its own.
func TestProbabilities(t *testing.T) {
	c := Classifier{Classes: 2, Head: Outputs{Activation: Softmax, ClassMap: outputs.ClassMap{1, -1, 0, 1}}}
	for _, logits := range [][]float32{{0, 9, 0, 0}, {0, 9, float32(math.Log(2)), 0}} {
		row, err := c.probabilities(slices.Clone(logits))
		want := 2 / (math.Exp(float64(logits[2])) + 2)
		if err != nil || len(row) != 2 || math.Abs(float64(row[1])-want) > 1e-6 || math.Abs(float64(row[0])-1+want) > 1e-6 {
			t.Errorf("%v: %v, %v, want %v for class 1", logits, row, err, want)
		}
	}
	row := make([]float32, 4)
	if n := testing.AllocsPerRun(10, func() { c.probabilities(row) }); n > 0 {
		t.Errorf("%v allocations for a row", n)
	}
}

func TestCheckOutputs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Outputs
		says string
	}{
		{Outputs{Activation: Softmax}, ""},
		{Outputs{Activation: Log, Order: []int{2, 0, 1}}, ""},
		{Outputs{Activation: Softmax, ClassMap: outputs.ClassMap{-1, 0, 2, 0}}, ""},
		{Outputs{Activation: "x"}, "no activation"},
		{Outputs{Activation: Softmax, ClassMap: outputs.ClassMap{3}}, "output 0 is class 3"},
		{Outputs{Activation: Softmax, Order: []int{0, 1}}, "an order of 2 outputs for 3 classes"},
		{Outputs{Activation: Softmax, Order: []int{0, 1, 3}}, "class 2 is output 3"},
		{Outputs{Activation: Softmax, Order: []int{0, -1, 1}}, "class 1 is output -1"},
		{Outputs{Activation: Softmax, Order: []int{1, 1, 1}}, "output 1 is both class 0 and class 1"},
	} {
		if err := c.o.check(3); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.says)
		}
	}
}
