package classifier

import (
	"slices"
	"testing"
)

func TestReorder(t *testing.T) {
	t.Parallel()
	c := Classifier{Classes: 3, Outputs: Outputs{Order: []int{2, 0, 1}}}
	probs := []uint16{10, 11, 12, 20, 21, 22}
	c.reorder(probs)
	if !slices.Equal(probs, []uint16{12, 10, 11, 22, 20, 21}) {
		t.Errorf("%v", probs)
	}
}
