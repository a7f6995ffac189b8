package cascade

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
)

// An Answer is that of one stage to a sample.
type Answer struct {
	Own        Guess   // of the stage's model alone
	Top        []Guess // of the mean, the most probable classes first; with rule vote its share of the votes is a class's probability
	Confidence float64 // of the mean or the votes: what the threshold is compared with
	Exits      bool    // the cascade answers here
}

// A Guess is a class and its probability.
type Guess struct {
	Class       int     `json:"class"`
	Probability float64 `json:"probability"`
}

// Explain returns the answer of each stage of a cascade to one sample, including stages
// that the sample does not reach: the first that exits is the cascade's answer. rows has
// the full output of each stage's model on the sample, as float16 bits. Of each mean, or of
// the votes, at most top classes are listed, and none with a probability of 0.
func Explain(c Cascade, classes int, rows [][]uint16, top int) ([]Answer, error) {
	if len(rows) != len(c.Stages) {
		return nil, fmt.Errorf("%d outputs for a cascade of %d stages", len(rows), len(c.Stages))
	}
	s := &Split{Labels: []uint16{0}, Classes: classes, Costs: map[string]float64{}}
	outputs := map[string][]uint16{}
	cascades := []Cascade{c}
	for stage, row := range rows {
		if len(row) != classes {
			return nil, fmt.Errorf("stage %d has %d outputs instead of %d", stage+1, len(row), classes)
		}
		model := c.Stages[stage].Model
		s.Costs[model], outputs[model] = 0, row
		cascades = append(cascades, Single(model))
	}
	s.Open = func(model string) (Rows, error) { return &oneRow{outputs[model]}, nil }
	r, err := s.Replay(cascades)
	if err != nil {
		return nil, err
	}
	answers := make([]Answer, len(rows))
	err = r.Run(context.Background(), 1, func(_ int, x *Sample) {
		exit := x.Exit(0)
		for stage := range answers {
			set, alone := &r.sets[r.Set(0, stage)], r.Set(1+stage, 0)
			own := Guess{x.Class(alone), float64(x.Top(alone)) / one}
			var a answer
			x.decide(set, &a)
			weight := float64(set.weight) * one
			answers[stage] = Answer{
				Own:        own,
				Top:        x.guesses(weight, top),
				Confidence: float64(a.confidence) / weight,
				Exits:      stage == exit,
			}
		}
	})
	return answers, err
}

// guesses are the largest of the sums computed last.
func (x *Sample) guesses(weight float64, top int) []Guess {
	var all []Guess
	for class, s := range x.sum {
		if s > 0 {
			all = append(all, Guess{class, float64(s) / weight})
		}
	}
	slices.SortStableFunc(all, func(a, b Guess) int { return cmp.Compare(b.Probability, a.Probability) })
	return slices.Clip(all[:min(top, len(all))])
}

// oneRow is the output of a model on one sample.
type oneRow struct{ row []uint16 }

func (o *oneRow) ReadRows(dst []uint16) (int, error) {
	if o.row == nil {
		return 0, io.EOF
	}
	copy(dst, o.row)
	o.row = nil
	return 1, nil
}
