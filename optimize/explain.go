package optimize

import (
	"cmp"
	"fmt"
	"slices"
)

// An Answer is what one stage says about a sample.
type Answer struct {
	Own        Guess   // of the stage's model by itself
	Top        []Guess // of the mean, the most probable classes first
	Confidence float64 // of the mean: what the threshold is compared with
	Exits      bool    // the cascade answers here
}

// A Guess is a class and its probability.
type Guess struct {
	Class       int
	Probability float64
}

// Explain says what each stage of a cascade makes of one sample, up to the last
// one, whether or not the cascade gets there: the first that exits is its answer.
// rows has the full output of each stage's model on the sample, as float16 bits. Of
// each mean at most top classes are listed.
func Explain(c Cascade, classes int, rows [][]uint16, top int) ([]Answer, error) {
	if len(rows) != len(c.Models) {
		return nil, fmt.Errorf("%d outputs for a cascade of %d models", len(rows), len(c.Models))
	}
	// Stages are told apart by their number: what a model is called elsewhere does
	// not matter here.
	staged := c
	staged.Models = make([]int, len(c.Models))
	for stage, row := range rows {
		staged.Models[stage] = stage
		if len(row) != classes {
			return nil, fmt.Errorf("stage %d has %d outputs instead of %d", stage+1, len(row), classes)
		}
	}
	if err := staged.Validate(len(rows)); err != nil {
		return nil, err
	}
	r := newReevaluation([]Cascade{staged}, classes)
	for stage := range rows {
		r.models[stage] = stage
	}
	t := r.newThread()
	answers := make([]Answer, len(rows))
	exited := false
	for stage, set := range r.stages[0] {
		weight := float64(r.weight(set)) * one
		confidence, _ := t.decide(rows, 0, set)
		a := &answers[stage]
		a.Confidence = float64(confidence) / weight
		a.Top = t.guesses(weight, top)
		a.Exits = !exited && (stage == len(rows)-1 || float64(confidence) > r.passes[0][stage])
		exited = exited || a.Exits
		a.Own = own(rows[stage], classes)
	}
	return answers, nil
}

// guesses are the largest of the sums made last.
func (t *reevaluator) guesses(weight float64, top int) []Guess {
	all := make([]Guess, len(t.sum))
	for class, s := range t.sum {
		all[class] = Guess{class, float64(s) / weight}
	}
	slices.SortStableFunc(all, func(a, b Guess) int { return cmp.Compare(b.Probability, a.Probability) })
	return slices.Clip(all[:min(top, len(all))])
}

// own is what a row says by itself.
func own(row []uint16, classes int) Guess {
	t := newReevaluation([]Cascade{{Models: []int{0}}}, classes).newThread()
	t.decide([][]uint16{row}, 0, 0)
	return t.guesses(one, 1)[0]
}
