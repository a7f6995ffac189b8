package front

import (
	"cmp"
	"math"
	"slices"
)

// An option is what can be chosen: a model or a point of a front.
type option interface {
	figures() (cost float64, correct int)
}

func (m Model) figures() (float64, int) { return m.Cost, m.Correct }
func (p Point) figures() (float64, int) { return p.Cost, p.Correct }

// BestWithin returns the index of the most accurate option that costs at most so much,
// ignoring rounding; the cheapest of several, or -1 if all cost more.
func BestWithin[T option](options []T, cost float64) int {
	best, bestCost, bestCorrect := -1, 0.0, 0
	for i, o := range options {
		c, correct := o.figures()
		if c <= cost*(1+rounding) && (best < 0 || correct > bestCorrect || correct == bestCorrect && c < bestCost) {
			best, bestCost, bestCorrect = i, c, correct
		}
	}
	return best
}

// CheapestFrom returns the index of the cheapest option with at least so many correct
// answers; the most accurate of several, or -1 if all have fewer.
func CheapestFrom[T option](options []T, correct int) int {
	best, bestCost, bestCorrect := -1, 0.0, 0
	for i, o := range options {
		cost, c := o.figures()
		if c >= correct && (best < 0 || cost < bestCost || cost == bestCost && c > bestCorrect) {
			best, bestCost, bestCorrect = i, cost, c
		}
	}
	return best
}

// A Choice is the best that a front has for a budget.
type Choice struct {
	Point      int    // index of the most accurate cascade within the budget
	Model      *Model // the most accurate model within it; nil if there is none
	AsAccurate int    // index of the cheapest cascade at least as accurate as Model, or -1
}

// Choose returns the best cascade within a budget and the best model within it. Without
// a budget, 0, the model may cost as much as the most accurate cascade. It returns false
// if every cascade costs more.
func (f *Front) Choose(budget float64) (Choice, bool) {
	c := Choice{Point: BestWithin(f.Points, cmp.Or(budget, math.Inf(1))), AsAccurate: -1}
	if c.Point < 0 {
		return c, false
	}
	if best := BestWithin(f.Models, cmp.Or(budget, f.Points[c.Point].Cost)); best >= 0 {
		c.Model = &f.Models[best]
		c.AsAccurate = CheapestFrom(f.Points, c.Model.Correct)
	}
	return c, true
}

// A Domination has the cascades that are cheaper and more accurate than a model.
type Domination struct {
	Model    Model  `json:"model"`
	Cheapest *Point `json:"cheapest,omitempty"` // absent if there is none
	Best     *Point `json:"best,omitempty"`     // most accurate
}

// Dominate returns the cascades that are cheaper and more accurate than a model.
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

// Thin drops from points, ascending in cost, those whose accuracy is less than gain
// above that of the next cheaper one kept. gain is a share of the samples, 0.001 for a
// tenth of a percentage point. The cheapest is kept.
func Thin(points []Point, gain float64) []Point {
	var kept []Point
	for _, p := range points {
		// The tolerance lets a gain of just so many samples pass.
		if len(kept) == 0 || float64(p.Correct-kept[len(kept)-1].Correct) >= gain*float64(p.Samples)*(1-rounding) {
			kept = append(kept, p)
		}
	}
	return kept
}

// Spread returns the indices of at most n cascades that represent the whole front: both
// ends, and between them steps of equal length along the front as drawn over a
// logarithmic cost axis.
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
