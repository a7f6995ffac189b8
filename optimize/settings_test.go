package optimize

import (
	"math"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
)

// repeated returns a problem with so many samples, those of p again and again.
func repeated(p *Problem, samples int) *Problem {
	numbers := make([]int, samples)
	for i := range numbers {
		numbers[i] = i % p.Samples()
	}
	return p.Subset(numbers)
}

func TestSettingsFollowTheSamples(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 5, 50, 4)
	for _, c := range []struct {
		samples, copies, reach int
		softening              float64
	}{
		{50, 8, 5, 0.9},
		{200, 8, 5, 0.9},
		{500, 8, 5, 0.8},
		{1250, 8, 5, 2000.0 / 3250},
		{2000, 5, 5, 0.5},
		{5000, 2, 5, 2.0 / 7},
		{5001, 1, 6, 0},
		{20_000, 1, 20, 0},
	} {
		got := newSettings(repeated(p, c.samples))
		if got.Copies != c.copies || got.Reach != c.reach || math.Abs(got.Softening-c.softening) > 1e-12 {
			t.Errorf("%d samples: %+v, want %+v", c.samples, got, c)
		}
	}
}

// The charge is a share of the standard error of the number of correct answers.
func TestChargeGrowsWithTheStandardError(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 5, 50, 4)
	var singles []front.Model
	for m, model := range p.Models() {
		singles = append(singles, front.Model{Cost: model.Cost, Correct: p.Correct(m)})
	}
	low, high := singles[0].Cost, singles[front.BestWithin(singles, math.Inf(1))].Cost
	wrong, budgets := 0.0, 0
	for i := range 100 {
		part := float64(i) / 99
		for _, budget := range []float64{math.Exp(math.Log(low) + part*math.Log(high/low)), low + part*(high-low)} {
			best := singles[front.BestWithin(singles, budget*(1+1e-9))]
			wrong += 1 - float64(best.Correct)/50
			budgets++
		}
	}
	wrong /= float64(budgets)
	for _, samples := range []int{50, 800, 7000} {
		want := 0.11 * math.Sqrt(float64(samples)*wrong)
		if got := newSettings(repeated(p, samples)).Charge; math.Abs(got-want) > 1e-9*want {
			t.Errorf("%d samples: a charge of %v, want %v", samples, got, want)
		}
	}
}

// However many models there are, the copies have lists for so many samples only.
func TestCopiesAreBounded(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 4, 50, 4)
	for _, models := range []int{1, 4, 100, 900, 5000} {
		for _, samples := range []int{1, 7, 400, 1000, 3000, 12_000} {
			many := &Problem{labels: slices.Repeat([]uint16{1}, samples), classes: 4, models: make([]Model, models)}
			for m := range many.models {
				many.models[m].Cost = 1
				many.models[m].Lists.TopClass = many.labels
			}
			s := newSettings(many)
			if s.Copies < 1 || s.Copies > 8 || s.Copies > 1 && (s.Copies*samples > 10_000 || s.Copies*samples*models > 6_000_000) {
				t.Errorf("%d models, %d samples: %d copies", models, samples, s.Copies)
			}
			if (s.Copies > 1) != (s.Softening > 0) {
				t.Errorf("%d models, %d samples: labels softened by %v have %d copies", models, samples, s.Softening, s.Copies)
			}
		}
	}
	p.classes = 1
	if s := newSettings(p); s.Copies != 1 || s.Softening != 0 {
		t.Errorf("one class: %+v", s)
	}
}
