package cascade

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// TestWalkIsReplay takes samples through random cascades stage by stage, and compares every
// verdict with the replay's and the totals with the dense reference.
func TestWalkIsReplay(t *testing.T) {
	const models, samples = 5, 60
	for seed := range uint64(20) {
		classes := []int{2, 3, 10, 40}[seed%4]
		d := newDense(t, seed, models, samples, classes)
		rows := map[string][]uint16{}
		for model, outputs := range d.Outputs {
			rows[model] = make([]uint16, len(outputs))
			kernel.F16FromF32(rows[model], outputs)
		}
		cascades := randomCascades(rand.New(rand.NewPCG(seed, 7)), 15, models, 6)
		r, err := d.split(0).Replay(cascades)
		if err != nil {
			t.Fatal(err)
		}
		correct := make([]int, len(cascades))
		err = r.Run(context.Background(), 1, func(_ int, x *Sample) {
			for i, c := range cascades {
				var w Walk
				for {
					stage := w.Passed()
					v := c.Step(&w, rows[c.Stages[stage].Model][x.Number*classes:][:classes])
					set := r.Set(i, stage)
					want := Verdict{x.Class(set), float64(x.Confidence(set)) / (float64(r.Weight(set)) * one), x.Exits(i, stage)}
					if v != want {
						t.Fatalf("seed %d, %v, sample %d, stage %d: %+v, want %+v", seed, c, x.Number, stage, v, want)
					}
					if v.Exits {
						if v.Class == int(x.Label) {
							correct[i]++
						}
						break
					}
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range cascades {
			if e, err := d.Evaluate(c); err != nil || e.Correct != correct[i] {
				t.Fatalf("seed %d, %v: %d correct, want %d (%v)", seed, c, correct[i], e.Correct, err)
			}
		}
	}
}
