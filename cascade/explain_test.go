package cascade

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// What is explained of every sample adds up to what the definition says of all.
func TestExplainAddsUpToDense(t *testing.T) {
	t.Parallel()
	d := newDense(t, 4, 5, 90, 14)
	for _, c := range randomCascades(rand.New(rand.NewPCG(2, 9)), 20, 5, 4) {
		want, err := d.Evaluate(c)
		if err != nil {
			t.Fatal(err)
		}
		correct, reach := 0, make([]int, len(c.Stages))
		for i, label := range d.Labels {
			rows := make([][]uint16, len(c.Stages))
			for stage, at := range c.Stages {
				rows[stage] = make([]uint16, d.Classes)
				kernel.F16FromF32(rows[stage], d.Outputs[at.Model][i*d.Classes:][:d.Classes])
			}
			answers, err := Explain(c, d.Classes, rows, 3)
			if err != nil {
				t.Fatal(err)
			}
			exits := 0
			for stage, a := range answers {
				if exits == 0 {
					reach[stage]++
				}
				if a.Exits {
					exits++
					if a.Top[0].Class == int(label) {
						correct++
					}
				}
				class, p := 0, float32(-1)
				for k, v := range d.Outputs[c.Stages[stage].Model][i*d.Classes:][:d.Classes] {
					if v > p {
						class, p = k, v
					}
				}
				if a.Own != (Guess{class, float64(p)}) || len(a.Top) > 3 || c.Rule != RuleVote && len(a.Top) < 3 {
					t.Fatalf("sample %d, stage %d: %+v", i, stage, a)
				}
				for i, g := range a.Top {
					if g.Probability == 0 || i > 0 && g.Probability > a.Top[i-1].Probability {
						t.Fatalf("sample %d, stage %d: %+v", i, stage, a.Top)
					}
				}
				if c.Confidence == MaxProbability && math.Abs(a.Confidence-a.Top[0].Probability) > 1e-12 {
					t.Fatalf("confidence %v, probability %v", a.Confidence, a.Top[0].Probability)
				}
			}
			if exits != 1 {
				t.Fatalf("sample %d exits %d times", i, exits)
			}
		}
		if correct != want.Correct {
			t.Errorf("%+v: %d right, by the definition %d", c, correct, want.Correct)
		}
		for stage := range reach {
			if reach[stage] != want.Reach[stage] {
				t.Errorf("%+v: reach %v, by the definition %v", c, reach, want.Reach)
			}
		}
	}
	if _, err := Explain(Single("m7"), 3, nil, 1); err == nil {
		t.Error("no error without outputs")
	}
	if _, err := Explain(Single("m7"), 3, [][]uint16{{1, 2}}, 1); err == nil {
		t.Error("no error for a short output")
	}
}
