package study

import (
	"context"
	"fmt"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/stats"
)

// checkUnlabelled refuses an option Unlabelled that the search could not use at its end.
func (s *search) checkUnlabelled(ctx context.Context) error {
	name := s.options.Unlabelled
	if name == "" {
		return nil
	}
	split, err := s.zoo.Split(name)
	if err != nil {
		return &InputError{Option: "unlabelled", Err: err}
	}
	if split.Name == s.split.Name {
		return inputf("unlabelled", name, "it is the split that is searched: name another one")
	}
	here, _ := on(s.models, name)
	switch {
	case len(here) == 0:
		return inputf("unlabelled", name, "no model that is searched has predictions on this split")
	case !stored(s.zoo, s.models, s.split.Name) || !stored(s.zoo, here, name):
		return inputf("unlabelled", name, "the zoo has the largest classes alone of some outputs, and this needs all of them")
	}
	shared, err := searchedAgain(ctx, s.zoo, describeSplit(s.split), split, s.watch)
	if shared != nil {
		s.watch.warn("%v, and %s is searched: they count twice in what is estimated with unlabelled samples", shared, s.split.Name)
	}
	return err
}

// addUnlabelled adds to the cascades of the front their results on the samples searched and
// unlabelled ones together. Neither cost nor reach needs labels.
func (s *search) addUnlabelled(ctx context.Context) error {
	if s.options.Unlabelled == "" {
		return nil
	}
	defer s.timed("unlabelled")()
	more, err := s.zoo.Split(s.options.Unlabelled)
	if err != nil {
		return err
	}
	var points []*front.Point
	for i := range s.front.Points {
		if s.hasOutputs(s.front.Points[i].Cascade, more.Name) {
			points = append(points, &s.front.Points[i])
		}
	}
	if lack := len(s.front.Points) - len(points); lack > 0 {
		s.watch.warn("%d cascades have models without predictions on the split %q: they have no results with it", lack, more.Name)
	}
	cascades := make([]cascade.Cascade, len(points))
	for i, p := range points {
		cascades[i] = p.Cascade
	}
	reference := s.reference(cascades)
	here, err := tallies(ctx, s.zoo, s.split.Name, s.costs, cascades, reference, s.watch)
	if err != nil {
		return err
	}
	there, err := tallies(ctx, s.zoo, more.Name, s.costs, cascades, reference, s.watch)
	if err != nil {
		return fmt.Errorf("split %s: %w", more.Name, err)
	}
	for i, p := range points {
		p.With = newWith(p.Costs, here[i], there[i])
	}
	s.front.Unlabelled = new(describeSplit(more))
	return nil
}

// hasOutputs reports whether all models of a cascade have predictions on a split.
func (s *search) hasOutputs(c cascade.Cascade, split string) bool {
	return !slices.ContainsFunc(c.Stages, func(stage cascade.Stage) bool {
		m, err := s.zoo.Model(stage.Model)
		_, ok := m.Splits[split]
		return err != nil || !ok
	})
}

// reference returns the ensemble that says how likely the answers of cascades, ascending in
// accuracy, are correct: the mean of the models of the most accurate one, of those that give
// distributions. (Of CIFAR-10 classifiers all models of the front, or of the zoo, tell
// less.)
func (s *search) reference(cascades []cascade.Cascade) (mean cascade.Cascade) {
	for _, c := range slices.Backward(cascades) {
		for _, stage := range c.Stages {
			if m, err := s.zoo.Model(stage.Model); err == nil && !m.Answers {
				mean.Stages = append(mean.Stages, cascade.Stage{Model: stage.Model, Weight: 1, Threshold: 1})
			}
		}
		if len(mean.Stages) > 0 {
			break
		}
	}
	return mean
}

// newWith returns the results of a cascade, whose models have those costs, on labelled and
// unlabelled samples together. Of the latter it is not used which are answered correctly.
func newWith(costs []float64, labelled, unlabelled tally) *front.With {
	both := tally{exits: slices.Clone(labelled.exits)}
	both.join(&tally{exits: unlabelled.exits})
	reach := both.reach()
	e := cascade.NewEvaluation(costs, 0, reach, reach[0])
	w := &front.With{Samples: e.Samples, Reach: reach, Cost: e.Cost}
	if a, ok := stats.PredictionPowered(labelled.scored(), unlabelled.scored()); ok {
		w.Accuracy = &front.Estimate{Value: a.Accuracy, StandardError: a.StandardError}
	}
	return w
}
