package optimize

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// A cascade on a subset does what the definition says of those samples.
func TestSubsetEqualsDense(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 5, 5, 300, 10)
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		samples := rng.Perm(300)[:1+rng.IntN(300)]
		some := &cascade.Dense{Classes: d.Classes, Costs: d.Costs, Labels: pick(d.Labels, 1, samples), Outputs: map[string][]float32{}}
		for model, outputs := range d.Outputs {
			some.Outputs[model] = pick(outputs, d.Classes, samples)
		}
		c := cascade.Cascade{Rule: cascade.Rule(rng.IntN(2)), Confidence: cascade.Confidence(rng.IntN(3))}
		for range 1 + rng.IntN(4) {
			c.Stages = append(c.Stages, cascade.Stage{Model: modelName(rng.IntN(len(p.models))), Weight: 1 + rng.IntN(3), Threshold: rng.Float32()})
		}
		want, err := some.Evaluate(c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Subset(samples).Evaluate(c)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v: %+v, by the definition %+v", c, got, want)
		}
	}
}

func TestCrossValidate(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 2, 7, 301, 10)
	o := smallSearch("exact")
	o.MaxModels, o.Grid = 2, shortGrid
	done := 0
	got, err := CrossValidate(context.Background(), p, o, 4, func(now int) {
		if done++; now != done {
			t.Errorf("told of %d folds after %d", now, done-1)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if done != 4 || len(got) < 2 {
		t.Errorf("%d folds, %d costs", done, len(got))
	}
	for i, h := range got {
		if h.Samples != 301 || h.Searched != 3*301 {
			t.Errorf("%d samples held out of %d searched", h.Samples, h.Searched)
		}
		if h.Correct > h.Samples || h.SearchedCorrect > h.Searched || !(h.Cost > 0) {
			t.Errorf("%+v", h)
		}
		if i > 0 && (h.Limit <= got[i-1].Limit || h.SearchedCorrect < got[i-1].SearchedCorrect) {
			t.Errorf("%+v after %+v", h, got[i-1])
		}
	}
	o.Threads = 2
	again, err := CrossValidate(context.Background(), p, o, 4, func(int) {})
	if err != nil || !slices.Equal(again, got) {
		t.Errorf("two threads give other figures (%v)", err)
	}
	o.Seed++
	if other, err := CrossValidate(context.Background(), p, o, 4, func(int) {}); err != nil || slices.Equal(other, got) {
		t.Errorf("another seed cuts the same folds (%v)", err)
	}
	for _, folds := range []int{-1, 1, 302} {
		if _, err := CrossValidate(context.Background(), p, o, folds, func(int) {}); err == nil {
			t.Errorf("%d folds are possible", folds)
		}
	}
	if _, err := CrossValidate(newCountdown(3), p, o, 4, func(int) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: error %v", err)
	}
}

// Models that answer at random are worth nothing on samples they were not chosen on,
// and that is what the held-out figures must show.
func TestCrossValidationSeesLuck(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 8, 12, 200, 4)
	rng := rand.New(rand.NewPCG(8, 8))
	for i := range p.labels {
		p.labels[i] = uint16(rng.IntN(4))
	}
	got, err := CrossValidate(context.Background(), p, Options{Algorithm: "exact", MaxModels: 2}, 5, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	h := got[len(got)-1]
	searched, heldOut := float64(h.SearchedCorrect)/float64(h.Searched), float64(h.Correct)/float64(h.Samples)
	if math.Abs(heldOut-0.25) > 0.12 || searched < heldOut+0.03 {
		t.Errorf("%.3f on the samples searched, %.3f on those held out, chance is 0.25", searched, heldOut)
	}
}

// TestShortlist: of a problem too large for its folds the most accurate models for their cost are
// left, and those that are required, with the same samples.
func TestShortlist(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 5, 12, 200, 9)
	one := outputs.ListBytes(p.Samples(), p.Classes())
	if got := p.shortlist(12*one, nil, p.Correct); got != p {
		t.Errorf("%d models left of 12 that there is room for", len(got.models))
	}
	worst := slices.MinFunc(p.models, func(a, b Model) int { return cmp.Compare(b.Cost, a.Cost) }).Name
	got := p.shortlist(4*one+one/2, []string{worst}, p.Correct)
	if _, kept := got.Find(worst); len(got.models) != 4 || !kept || got.Samples() != p.Samples() {
		t.Fatalf("%d models on %d samples left, the required one: %v", len(got.models), got.Samples(), kept)
	}
	for m, model := range got.models {
		at, _ := p.Find(model.Name)
		if got.Correct(m) != p.Correct(at) || model.Cost != p.models[at].Cost {
			t.Errorf("%s is another model now", model.Name)
		}
	}
	if got := p.shortlist(0, []string{worst}, p.Correct); len(got.models) != 2 {
		t.Errorf("%d models left with no room, not the required one and the best", len(got.models))
	}
}

// TestCorrectWithout: what models answer correctly is counted on all samples but those of each fold.
func TestCorrectWithout(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 5, 4, 203, 9)
	const folds = 5
	cut := p.folds(folds, 3)
	without := p.correctWithout(folds, cut)
	for fold := range folds {
		_, others := cut(fold)
		rest := p.Subset(others)
		for m := range p.models {
			if got, want := without[fold][m], rest.Correct(m); got != want {
				t.Errorf("fold %d, model %d: %d correct, want %d", fold, m, got, want)
			}
		}
	}
}
