package moea

import (
	"math"
	"testing"
)

func TestScores(t *testing.T) {
	t.Parallel()
	a := Score{Objectives: [2]float64{3, 5}}
	for _, c := range []struct {
		b         Score
		dominates bool
		dominated bool
	}{
		{Score{Objectives: [2]float64{3, 5}}, false, false},
		{Score{Objectives: [2]float64{3, 6}}, true, false},
		{Score{Objectives: [2]float64{2, 6}}, false, false},
		{Score{Objectives: [2]float64{2, 5}}, false, true},
		{Score{Objectives: [2]float64{0, 0}, Violation: 0.1}, true, false},
	} {
		if a.Dominates(c.b) != c.dominates || c.b.Dominates(a) != c.dominated {
			t.Errorf("%v dominates %v: %v, the other way %v", a, c.b, a.Dominates(c.b), c.b.Dominates(a))
		}
	}
	far := Score{Violation: math.Inf(1)}
	if near := (Score{Objectives: [2]float64{9, 9}, Violation: 0.1}); !near.Dominates(far) || far.Dominates(near) || far.Dominates(far) {
		t.Error("the smaller violation does not dominate")
	}
}
