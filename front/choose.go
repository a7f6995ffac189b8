package front

import (
	"cmp"
	"math"
	"slices"
)

// BestModel returns the place of the most accurate model that costs at most so much,
// the cheapest of several, or -1 if all cost more. A cost that differs by rounding
// alone is the same.
func BestModel(models []Model, cost float64) int {
	best := -1
	for i, m := range models {
		if m.Cost <= cost*(1+rounding) && (best < 0 || m.Correct > models[best].Correct ||
			m.Correct == models[best].Correct && m.Cost < models[best].Cost) {
			best = i
		}
	}
	return best
}

// CheapestModel returns the place of the cheapest model with at least so many correct
// answers, the first of several, or -1 if all have fewer.
func CheapestModel(models []Model, correct int) int {
	cheapest := -1
	for i, m := range models {
		if m.Correct >= correct && (cheapest < 0 || m.Cost < models[cheapest].Cost) {
			cheapest = i
		}
	}
	return cheapest
}

// BestWithin returns the place of the most accurate point that costs at most so much,
// but for rounding, the cheapest of several, or -1 if all cost more.
func BestWithin(points []Point, cost float64) int {
	best := -1
	for i, p := range points {
		if p.Cost <= cost*(1+rounding) && (best < 0 || p.Correct > points[best].Correct ||
			p.Correct == points[best].Correct && p.Cost < points[best].Cost) {
			best = i
		}
	}
	return best
}

// CheapestFrom returns the place of the cheapest point with at least so many correct
// answers, the most accurate of several, or -1 if all have fewer.
func CheapestFrom(points []Point, correct int) int {
	best := -1
	for i, p := range points {
		if p.Correct >= correct && (best < 0 || p.Cost < points[best].Cost ||
			p.Cost == points[best].Cost && p.Correct > points[best].Correct) {
			best = i
		}
	}
	return best
}

// A Choice is what a front has to offer for a budget.
type Choice struct {
	Point      int    // place of the most accurate cascade within the budget
	Model      *Model // the most accurate model within it; nil if there is none
	AsAccurate int    // place of the cheapest cascade at least as accurate as Model, or -1
}

// Choose returns the best cascade whose cost is at most the budget, beside the best
// model at no more cost. Without a budget, 0, the cost of the most accurate cascade
// is the model's. It returns false if every cascade costs more.
func (f *Front) Choose(budget float64) (Choice, bool) {
	within := budget
	if budget == 0 {
		within = math.Inf(1)
	}
	c := Choice{Point: BestWithin(f.Points, within), AsAccurate: -1}
	if c.Point < 0 {
		return c, false
	}
	if budget == 0 {
		budget = f.Points[c.Point].Cost
	}
	if best := BestModel(f.Models, budget); best >= 0 {
		c.Model = &f.Models[best]
		c.AsAccurate = CheapestFrom(f.Points, c.Model.Correct)
	}
	return c, true
}

// A Domination tells which cascades are cheaper and more accurate than a model.
type Domination struct {
	Model    Model  `json:"model"`
	Cheapest *Point `json:"cheapest,omitempty"` // absent if there is none
	Best     *Point `json:"best,omitempty"`     // most accurate
}

// Dominate returns what of the front is cheaper and more accurate than a model.
func (f *Front) Dominate(model Model) *Domination {
	d := &Domination{Model: model}
	for i := range f.Points {
		p := &f.Points[i]
		if p.Cost >= model.Cost || sameCost(p.Cost, model.Cost) || p.Correct <= model.Correct {
			continue
		}
		if d.Cheapest == nil || p.Cost < d.Cheapest.Cost {
			d.Cheapest = p
		}
		if d.Best == nil || p.Correct > d.Best.Correct {
			d.Best = p
		}
	}
	return d
}

// Stairs returns the models that no other one beats in both cost and correct answers,
// ascending in both.
func Stairs(models []Model) []Model {
	models = slices.Clone(models)
	slices.SortStableFunc(models, func(a, b Model) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(b.Correct, a.Correct))
	})
	best := -1
	return slices.DeleteFunc(models, func(m Model) bool {
		worse := m.Correct <= best
		best = max(best, m.Correct)
		return worse
	})
}

// Thin drops from points, ascending in cost, those that are hardly worth their cost:
// whose accuracy is less than gain above that of the next cheaper one kept. gain is a
// share of the samples, 0.001 for a tenth of a percentage point. The cheapest is kept.
func Thin(points []Point, gain float64) []Point {
	var kept []Point
	for _, p := range points {
		// The tolerance lets a gain of just so many samples pass.
		if len(kept) == 0 || float64(p.Correct-kept[len(kept)-1].Correct) >= gain*float64(p.Samples)*(1-1e-12) {
			kept = append(kept, p)
		}
	}
	return kept
}

// Spread returns the places of at most n cascades that show the front as a whole:
// both ends, and between them steps of equal length along the front as it is drawn
// over a logarithmic cost axis.
func (f *Front) Spread(n int) []int {
	last := len(f.Points) - 1
	if len(f.Points) <= n {
		all := make([]int, len(f.Points))
		for i := range all {
			all[i] = i
		}
		return all
	}
	first := f.Points[0]
	wide := math.Log(f.Points[last].Cost / first.Cost)
	high := float64(f.Points[last].Correct - first.Correct)
	along := make([]float64, len(f.Points))
	for i, c := range f.Points[1:] {
		before := f.Points[i]
		along[i+1] = along[i] + math.Hypot(
			math.Log(c.Cost/before.Cost)/max(wide, math.SmallestNonzeroFloat64),
			float64(c.Correct-before.Correct)/max(high, 1))
	}
	places := []int{0}
	for i := 1; i < n-1; i++ {
		goal := along[last] * float64(i) / float64(n-1)
		place, _ := slices.BinarySearch(along, goal)
		if place > places[len(places)-1] && place < last {
			places = append(places, place)
		}
	}
	return append(places, last)
}
