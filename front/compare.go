package front

import (
	"fmt"
	"math"
	"slices"
)

// A Comparison compares several fronts on the same samples: the JSON result of compare.
type Comparison struct {
	Version   int        `json:"version"`
	Split     Split      `json:"split"`
	Cost      string     `json:"cost"`
	Reference Reference  `json:"reference"`
	Expected  bool       `json:"expected"` // accuracies are those expected on other samples
	Runs      []Compared `json:"runs"`
	Plot      string     `json:"plot,omitempty"` // the file that was written
}

// Compared is one of the fronts.
type Compared struct {
	Run      string    `json:"run"`
	Samples  int       `json:"samples"`         // that the accuracies are of, or expected from
	Parts    *Parts    `json:"parts,omitempty"` // of the search that the front is of; nil: all of it
	Cascades int       `json:"cascades"`
	Inside   int       `json:"inside"` // cascades that are inside the reference; the others add nothing
	Linear   float64   `json:"hypervolume"`
	Log      float64   `json:"hypervolume_log"`
	Covers   []float64 `json:"covers"` // of each run's cascades
	At       []BestAt  `json:"at"`

	// Unexpected: its cascades have no accuracies expected on other samples.
	Unexpected bool `json:"-"`
}

// BestAt is the accuracy of the best cascade within a cost.
type BestAt struct {
	Cost     float64  `json:"cost"`
	Accuracy *float64 `json:"accuracy"` // null if every cascade costs more
}

// Comparable returns an error if the front cannot be compared with another one. The
// names are those of the fronts.
func (f *Front) Comparable(other *Front, name, otherName string) error {
	switch {
	case len(f.Points) == 0 || len(f.Models) == 0:
		return fmt.Errorf("the front of %s is empty", name)
	case f.Split.Fingerprint != other.Split.Fingerprint:
		return fmt.Errorf("%s and %s were searched on different samples: their fronts cannot be compared", otherName, name)
	case f.Cost != other.Cost:
		return fmt.Errorf("the cost of %s is %s, that of %s is %s: their fronts cannot be compared", otherName, other.Cost, name, f.Cost)
	}
	return nil
}

// SameSamples reports whether the results of two comparable fronts are of the same samples: the
// same part of the split was searched, and the others were measured or not.
func (f *Front) SameSamples(other *Front) bool {
	a, b := f.Drawn(), other.Drawn()
	if a == nil || b == nil {
		return a == b
	}
	return a.Rows == b.Rows && a.Measured == b.Measured
}

// Compare compares fronts that are comparable, at some costs: by the accuracies expected on
// other samples if all of them have these and not those on the samples searched are asked
// for.
//
// What is 0 of the reference has its default: 40 % error and the cost of the most expensive
// model. If one of the fronts lies beyond that altogether (all models cost the same, no
// cascade reaches 60 %) it is 1.1 times the largest error and the largest cost of all of
// them, so that every front has an area. The logarithmic axis begins at the cheapest model.
func Compare(names []string, fronts []*Front, ref Reference, costs []float64, searched bool) *Comparison {
	fronts = slices.Clone(fronts)
	result := &Comparison{Version: Version, Split: fronts[0].Split, Cost: fronts[0].Cost, Reference: ref, Expected: !searched}
	for _, f := range fronts {
		result.Expected = result.Expected && len(f.expected()) == len(f.Points)
	}
	accuracy := Point.Likely
	if !result.Expected {
		accuracy = Point.Accuracy
		for i, f := range fronts {
			fronts[i] = f.asSearched()
		}
	}
	ref = ref.suitFronts(fronts, accuracy)
	result.Reference = ref
	log := ref
	log.Log = true
	for i, f := range fronts {
		errors, paid := asErrors(f.Points, accuracy)
		c := Compared{
			Run: names[i], Samples: f.searched(), Parts: f.Parts, Cascades: len(f.Points), Inside: ref.Inside(errors, paid),
			Linear: Hypervolume(errors, paid, ref), Log: Hypervolume(errors, paid, log),
		}
		c.Unexpected = len(f.expected()) == 0
		if result.Expected {
			c.Samples = f.judged(f.Counted())
		}
		for _, other := range fronts {
			c.Covers = append(c.Covers, Coverage(f.Points, other.Points, accuracy))
		}
		for _, cost := range costs {
			at := BestAt{Cost: cost}
			for _, p := range f.Points {
				if (Limits{Cost: cost}).allow(p.Cost, p.WorstCost) && (at.Accuracy == nil || accuracy(p) > *at.Accuracy) {
					at.Accuracy = new(accuracy(p))
				}
			}
			c.At = append(c.At, at)
		}
		result.Runs = append(result.Runs, c)
	}
	return result
}

// suitFronts is suit for fronts by an accuracy of theirs; the logarithmic axis begins at the
// cheapest model.
func (ref Reference) suitFronts(fronts []*Front, accuracy func(Point) float64) Reference {
	highest := 0.0
	var errors, costs [][]float64
	var all []float64 // of models
	for _, f := range fronts {
		e, c := asErrors(f.Points, accuracy)
		errors, costs = append(errors, e), append(costs, c)
		for _, m := range f.Models {
			highest, all = max(highest, m.Cost), append(all, m.Cost)
		}
	}
	ref.LowestCost = LeastCost(all)
	return ref.suit(highest, errors, costs)
}

// asErrors returns points as errors, by an accuracy of theirs, and costs.
func asErrors(points []Point, accuracy func(Point) float64) (errors, costs []float64) {
	for _, p := range points {
		errors, costs = append(errors, 1-accuracy(p)), append(costs, p.Cost)
	}
	return errors, costs
}

// Coverage returns the share of b's points that a matches or beats: with a point that is
// at least as accurate, by an accuracy of theirs, and costs no more. Both must be of the
// same samples. It is 1 if b has no points.
func Coverage(a, b []Point, accuracy func(Point) float64) float64 {
	covered := 0
	for _, q := range b {
		if slices.ContainsFunc(a, func(p Point) bool { return accuracy(p) >= accuracy(q) && p.Cost <= q.Cost }) {
			covered++
		}
	}
	if len(b) == 0 {
		return 1
	}
	return float64(covered) / float64(len(b))
}

// Ladder returns so many costs in equal ratios, from the highest first cost of the
// fronts to the highest last one; fewer if they are not distinct. No front is empty.
func Ladder(fronts [][]Point, steps int) []float64 {
	var from, to float64
	var all []float64
	for _, points := range fronts {
		from, to = max(from, points[0].Cost), max(to, points[len(points)-1].Cost)
		for _, p := range points {
			all = append(all, p.Cost)
		}
	}
	if from == 0 {
		from = LeastCost(all)
	}
	var costs []float64
	for i := range steps {
		if to > from {
			costs = append(costs, from*math.Pow(to/from, float64(i)/float64(steps-1)))
		} else {
			costs = append(costs, from)
		}
	}
	costs[steps-1] = max(to, from)
	return slices.Compact(costs)
}
