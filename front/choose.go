package front

import (
	"cmp"
	"math"
	"slices"
)

// Limits are what a cascade or a model may cost at most; 0: no limit. A model on its own costs
// every sample the same, so both limits hold for its cost.
type Limits struct {
	Cost      float64 `json:"max_cost"`       // mean over the samples
	WorstCost float64 `json:"max_worst_cost"` // of any sample
}

// allow reports whether costs are within the limits, ignoring rounding.
func (l Limits) allow(cost, worst float64) bool {
	return (l.Cost <= 0 || cost <= l.Cost*(1+rounding)) && (l.WorstCost <= 0 || worst <= l.WorstCost*(1+rounding))
}

// An option is what can be chosen: a model or a point of a front.
type option interface {
	// figures returns the costs and the correct answers that count: of a point those that
	// are expected on as many other samples, if that was estimated.
	figures() (cost, worst, correct float64)
}

func (m Model) figures() (cost, worst, correct float64) {
	return m.Cost, m.Cost, float64(m.Correct)
}

func (p Point) figures() (cost, worst, correct float64) {
	if p.Expected != nil {
		return p.Cost, p.WorstCost, p.Expected.Accuracy * float64(p.Samples)
	}
	return p.Cost, p.WorstCost, float64(p.Correct)
}

// Likely returns the accuracy that a choice goes by: that expected on other samples or, if
// it was not estimated, that on the samples searched.
func (p Point) Likely() float64 {
	if p.Expected != nil {
		return p.Expected.Accuracy
	}
	return p.Accuracy()
}

// BestWithin returns the index of the most accurate option that costs at most so much,
// ignoring rounding; the cheapest of several, or -1 if all cost more. Points are compared
// by their expected accuracy if it is known.
func BestWithin[T option](options []T, cost float64) int {
	return mostAccurate(options, Limits{Cost: max(cost, math.SmallestNonzeroFloat64)})
}

// mostAccurate returns the index of the most accurate option within limits; the cheapest
// of several, or -1 if there is none.
func mostAccurate[T option](options []T, l Limits) int {
	best, bestCost, bestCorrect := -1, 0.0, 0.0
	for i, o := range options {
		cost, worst, correct := o.figures()
		if l.allow(cost, worst) && (best < 0 || correct > bestCorrect || correct == bestCorrect && cost < bestCost) {
			best, bestCost, bestCorrect = i, cost, correct
		}
	}
	return best
}

// CheapestFrom returns the index of the cheapest option with at least so many correct
// answers, ignoring rounding; the most accurate of several, or -1 if all have fewer. Those
// of points are the expected ones if they are known.
func CheapestFrom[T option](options []T, correct float64) int {
	return cheapest(options, Limits{}, correct)
}

// cheapest is CheapestFrom within limits.
func cheapest[T option](options []T, l Limits, least float64) int {
	best, bestCost, bestCorrect := -1, 0.0, 0.0
	for i, o := range options {
		cost, worst, correct := o.figures()
		if l.allow(cost, worst) && correct >= least*(1-rounding) && (best < 0 || cost < bestCost || cost == bestCost && correct > bestCorrect) {
			best, bestCost, bestCorrect = i, cost, correct
		}
	}
	return best
}

// A Choice is the first to be said of a front: what it saves against the most accurate
// model, and what is best within a budget.
type Choice struct {
	Best    *Model  // the most accurate model, whatever it costs on average; nil: none is within the limit on the worst cost
	Instead int     // index of the cheapest cascade that is likely to be at most Margin less accurate than Best, and is cheaper; or -1
	Margin  float64 // the least of Margins for which there is one
	Point   int     // index of the most accurate cascade within the limits
	Model   *Model  // the most accurate model within the limits; nil: none
}

// Margins returns those that a cascade is said to be at most less accurate than a model by.
func Margins() []float64 { return []float64{0, 0.0025, 0.005, 0.01, 0.02, 0.05} }

// Choose chooses from a front within limits. Cascades and models are compared by
// their expected accuracies if these are known, else by their correct answers. It returns
// false if no cascade is within the limits.
func (f *Front) Choose(l Limits) (Choice, bool) {
	c := Choice{
		Best:    f.bestModel(Limits{WorstCost: l.WorstCost}),
		Instead: -1,
		Point:   mostAccurate(f.Points, l),
		Model:   f.bestModel(l),
	}
	if c.Best != nil {
		c.Instead, c.Margin = f.instead(c.Best, l)
	}
	return c, c.Point >= 0
}

// instead returns the cheapest cascade that is cheaper than a model and likely to be at most
// a margin less accurate, for the least margin with which there is one; else -1. Likely
// means by a standard error of an accuracy: of the many cascades that may be the cheapest,
// one that is only expected to be as accurate is one that was lucky.
func (f *Front) instead(model *Model, l Limits) (point int, margin float64) {
	n, accuracy := float64(f.Counted()), f.LikelyOf(model)
	for _, margin := range Margins() {
		point := cheapest(f.Points, l, n*(accuracy-margin+luck(accuracy, f.judged(f.Counted()))))
		if point >= 0 && f.Points[point].Cost < model.Cost && !sameCost(f.Points[point].Cost, model.Cost) {
			return point, margin
		}
	}
	return -1, 0
}

// luck is the standard error of an accuracy on samples.
func luck(accuracy float64, samples int) float64 {
	return math.Sqrt(max(1-accuracy, 1/float64(samples)) / float64(samples))
}

// First returns the number of the cascade that is named first: with limits, the most accurate
// within them; else the one instead of the most accurate model or, if there is none, the most
// accurate. It is -1 if none is within the limits.
func (f *Front) First(l Limits) int {
	c, _ := f.Choose(l)
	if l.Cost > 0 || l.WorstCost > 0 || c.Instead < 0 {
		return c.Point
	}
	return c.Instead
}

// Saving returns the share of the most accurate model's cost that the cascade chosen
// instead of it saves; 0 if there is none.
func (f *Front) Saving(c Choice) float64 {
	if c.Instead < 0 {
		return 0
	}
	return 1 - f.Points[c.Instead].Cost/c.Best.Cost
}

// bestModel returns the most accurate model within limits, nil if there is none.
func (f *Front) bestModel(l Limits) *Model {
	if i := mostAccurate(f.LikelyModels(), l); i >= 0 {
		return &f.Models[i]
	}
	return nil
}

// A Domination has the cascades that are cheaper and more accurate than a model.
type Domination struct {
	Model    Model  `json:"model"`
	Cheapest *Point `json:"cheapest,omitempty"` // absent if there is none
	Best     *Point `json:"best,omitempty"`     // most accurate
}

// LikelyOf returns the accuracy that a choice of a model goes by, as [Point.Likely] does.
func (f *Front) LikelyOf(m *Model) float64 {
	if m.Expected != nil {
		return *m.Expected
	}
	return float64(m.Correct) / float64(f.Counted())
}

// LikelyModels returns the models with the correct answers that are expected on as many
// other samples, if that was estimated.
func (f *Front) LikelyModels() []Model {
	models := slices.Clone(f.Models)
	for i := range models {
		models[i].Correct = int(math.Round(f.LikelyOf(&models[i]) * float64(f.Counted())))
	}
	return models
}

// Dominate returns the cascades that are cheaper and, by a standard error, more accurate on
// other samples than a model, as far as is known.
func (f *Front) Dominate(model Model) *Domination {
	d := &Domination{Model: model}
	accuracy := f.LikelyOf(&model)
	for i := range f.Points {
		p := &f.Points[i]
		if p.Cost >= model.Cost || sameCost(p.Cost, model.Cost) || p.Likely() < accuracy+luck(accuracy, f.judged(f.Counted())) {
			continue
		}
		if d.Cheapest == nil || p.Cost < d.Cheapest.Cost {
			d.Cheapest = p
		}
		if d.Best == nil || p.Likely() > d.Best.Likely() {
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
		if len(kept) == 0 || p.Likely()-kept[len(kept)-1].Likely() >= gain-rounding {
			kept = append(kept, p)
		}
	}
	return kept
}

// Worthwhile returns the indices of at most n cascades that are each worth their place:
// more accurate than the one before by at least a standard error of an accuracy on as many
// samples as were searched.
func (f *Front) Worthwhile(n int) []int {
	var points []Point
	var indices []int
	for i, p := range f.Points {
		if last := len(points) - 1; last >= 0 {
			if before := points[last].Likely(); p.Likely()-before < luck(before, f.judged(p.Samples)) {
				continue
			}
		}
		points, indices = append(points, p), append(indices, i)
	}
	worthwhile := &Front{Points: points}
	rows := worthwhile.Spread(n)
	for r, i := range rows {
		rows[r] = indices[i]
	}
	return rows
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
	var costs []float64
	for _, p := range f.Points {
		costs = append(costs, p.Cost)
	}
	least := cmp.Or(LeastCost(costs), 1)
	between := func(a, b Point) float64 { return math.Log(max(b.Cost, least) / max(a.Cost, least)) }
	wide := between(first, f.Points[last])
	high := float64(f.Points[last].Correct - first.Correct)
	along := make([]float64, len(f.Points))
	for i, c := range f.Points[1:] {
		before := f.Points[i]
		along[i+1] = along[i] + math.Hypot(
			between(before, c)/max(wide, math.SmallestNonzeroFloat64),
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
