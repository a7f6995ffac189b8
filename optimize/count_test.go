package optimize

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// randomCascades makes cascades of all rules whose stages have sets in common.
func randomCascades(rng *rand.Rand, p *Problem, n int, confidence cascade.Confidence) []cascade.Cascade {
	all := make([]cascade.Cascade, n)
	for i := range all {
		c := cascade.Cascade{Rule: cascade.Rules()[rng.IntN(len(cascade.Rules()))], Confidence: confidence}
		for range 1 + rng.IntN(5) {
			weight := 1
			if c.Rule != cascade.RuleLast && rng.IntN(4) == 0 {
				weight = 1 + rng.IntN(3)
			}
			c.Stages = append(c.Stages, cascade.Stage{Model: p.models[rng.IntN(len(p.models))].Name, Weight: weight, Threshold: float32(rng.IntN(20)) / 20})
		}
		all[i] = c
	}
	return all
}

// TestCount: many cascades together do what each does alone, on any number of threads.
func TestCount(t *testing.T) {
	t.Parallel()
	for _, size := range []struct{ samples, classes int }{{1, 3}, {1023, 5}, {2500, 40}} {
		p, _ := newZoo(t, 7, 6, size.samples, size.classes)
		rng := rand.New(rand.NewPCG(1, 2))
		var cascades []cascade.Cascade
		for _, confidence := range []cascade.Confidence{cascade.MaxProbability, cascade.Margin, cascade.Entropy} {
			cascades = append(cascades, randomCascades(rng, p, 40, confidence)...)
		}
		for _, threads := range []int{1, 3} {
			var samples atomic.Int64
			counts, err := p.Count(t.Context(), cascades, threads, func(n int) { samples.Add(int64(n)) })
			if err != nil {
				t.Fatal(err)
			}
			if int(samples.Load()) != size.samples {
				t.Errorf("%d samples reported, want %d", samples.Load(), size.samples)
			}
			for i, c := range cascades {
				e, err := p.Evaluate(c)
				if err != nil {
					t.Fatal(err)
				}
				if counts[i].Correct != e.Correct || !slices.Equal(counts[i].Reach, e.Reach) {
					t.Errorf("%v: %+v, alone %d correct, reach %v", c, counts[i], e.Correct, e.Reach)
				}
			}
		}
	}
}

// TestCountRefuses: what cannot be counted, and an end.
func TestCountRefuses(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 7, 3, 10, 3)
	if _, err := p.Count(t.Context(), []cascade.Cascade{cascade.Single("none")}, 1, nil); err == nil {
		t.Error("a cascade of an unknown model was counted")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Count(ctx, []cascade.Cascade{cascade.Single("m0")}, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if counts, err := p.Count(t.Context(), nil, 2, nil); err != nil || len(counts) != 0 {
		t.Errorf("%v, %v", counts, err)
	}
}
