package study

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/zoo"
)

const (
	// confidenceLevel is the coverage of intervals.
	confidenceLevel = 0.95
	// resamples is how many times a bootstrap resamples: enough for the second digit of
	// an interval's ends.
	resamples = 2000
	// bandResamples is how many times the samples are weighted anew for intervals that
	// hold together.
	bandResamples = 1000
)

// An Evaluation has the results of cascades on a split: the JSON result of evaluate.
type Evaluation struct {
	Version  int           `json:"version"`
	Zoo      front.Zoo     `json:"zoo"`
	Split    front.Split   `json:"split"`
	Cost     string        `json:"cost"`
	Cascades []Measured    `json:"cascades"`
	Number   *int          `json:"number,omitempty"`         // in its front, of the one cascade of it that was evaluated
	Level    float64       `json:"together_level,omitempty"` // of Wilson's intervals that are Together
	ChosenOn *front.Split  `json:"chosen_on,omitempty"`      // of a front
	Before   []front.Point `json:"before,omitempty"`         // the results there
	Drawn    *front.Drawn  `json:"drawn,omitempty"`          // the part of the samples of ChosenOn that was searched; nil: all were
	Parts    *front.Parts  `json:"parts,omitempty"`          // of the search that the front is of; nil: all of it
	Searched *Overlap      `json:"searched,omitempty"`       // samples of the split that the front was chosen on; nil if there are none
}

// A Measured is a cascade with its results on a split and their uncertainty. On samples
// without labels correct answers, and so accuracy, intervals and change, mean nothing.
type Measured struct {
	front.Point
	Unlabelled bool
	Interval   [2]float64 // of the accuracy, 95 %, Wilson
	// Together is wider: with a probability of 95 % those of all cascades of a front
	// contain their accuracies at once.
	Together *[2]float64 // nil if it is not of a front
	Searched *float64    // the accuracy on the samples searched; nil if it is not of a front
	Change   float64     // of the accuracy, from the samples searched
	Against  *Against    // the best model that costs no more; nil if there is none
	Drift    *Drift      // from the samples it was chosen on; nil if not tested
}

// MarshalJSON writes the point and its uncertainty.
func (m Measured) MarshalJSON() ([]byte, error) {
	if m.Unlabelled {
		return json.Marshal(struct {
			front.PointJSON
			Correct  *int     `json:"correct,omitempty"` // in place of the point's: left out
			Accuracy *float64 `json:"accuracy,omitempty"`
			Drift    *Drift   `json:"drift,omitempty"`
		}{PointJSON: m.JSON(), Drift: m.Drift})
	}
	return json.Marshal(struct {
		front.PointJSON
		Interval [2]float64  `json:"accuracy_95"`
		Together *[2]float64 `json:"accuracy_95_together,omitempty"`
		Searched *float64    `json:"accuracy_searched,omitempty"`
		Change   float64     `json:"change,omitempty"`
		Against  *Against    `json:"against,omitempty"`
		Drift    *Drift      `json:"drift,omitempty"`
	}{m.JSON(), m.Interval, m.Together, m.Searched, m.Change, m.Against, m.Drift})
}

// An Against compares a cascade with a model on the same samples.
type Against struct {
	Model       string     `json:"model"`
	Cost        float64    `json:"cost"`
	Correct     int        `json:"correct"`
	Accuracy    float64    `json:"accuracy"`
	OnlyCascade int        `json:"only_cascade_right"` // samples
	OnlyModel   int        `json:"only_model_right"`
	Difference  float64    `json:"difference"`    // cascade minus model
	Interval    [2]float64 `json:"difference_95"` // paired bootstrap
	McNemar     float64    `json:"mcnemar_p"`
}

// Significant reports whether cascade and model differ at the 5 % level.
func (a *Against) Significant() bool { return a.McNemar < 1-confidenceLevel }

// EvaluateFront evaluates the cascades of a front on a split of the zoo, each beside
// the most accurate model that costs no more. Both are chosen on the samples of the
// front, so that neither has an advantage on these. Without labels only cost and reach are
// known, and whether they have drifted.
func EvaluateFront(ctx context.Context, z *zoo.Zoo, split string, f *front.Front, w Watch) (*Evaluation, error) {
	warnIfChanged(z, f, w)
	return evaluateFront(ctx, z, split, f, w)
}

func evaluateFront(ctx context.Context, z *zoo.Zoo, split string, f *front.Front, w Watch) (*Evaluation, error) {
	e, details, err := evaluate(ctx, z, split, f.Cost, cascadesOf(f.Points), rivals(z, f, split), w)
	if err != nil {
		return nil, err
	}
	e.addBand(details)
	e.ChosenOn, e.Before, e.Drawn, e.Parts = &f.Split, f.Points, f.Drawn(), f.Parts
	on, err := z.Split(split)
	if err != nil {
		return nil, err
	}
	if e.Searched, err = searchedAgain(ctx, z, f.Split, on, w); err != nil {
		return nil, err
	}
	for i, p := range f.Points {
		if !e.Split.Unlabelled {
			searched := f.SearchedAccuracy(p)
			e.Cascades[i].Searched, e.Cascades[i].Change = &searched, e.Cascades[i].Accuracy()-searched
		}
	}
	e.addDrift()
	return e, nil
}

// EvaluatePoint is EvaluateFront for one cascade of a front by itself: nothing is corrected for the
// others.
func EvaluatePoint(ctx context.Context, z *zoo.Zoo, split string, f *front.Front, number int, w Watch) (*Evaluation, error) {
	warnIfChanged(z, f, w)
	if err := checkModels(z, f.Points[number].Cascade); err != nil {
		return nil, fmt.Errorf("cascade %d: %w", number, err)
	}
	alone := *f
	alone.Points = f.Points[number : number+1]
	e, err := evaluateFront(ctx, z, split, &alone, w)
	if err != nil {
		return nil, err
	}
	e.Number, e.Level, e.Cascades[0].Together = &number, 0, nil
	return e, nil
}

// NumberOf returns the number in its front of one of the cascades.
func (e *Evaluation) NumberOf(i int) int {
	if e.Number != nil {
		return *e.Number
	}
	return i
}

// Confirm evaluates a cascade of a front on a split it was not chosen on, beside a model
// unless its name is "". It returns nil if the zoo lacks outputs of one of the models there.
func Confirm(ctx context.Context, z *zoo.Zoo, split string, f *front.Front, number int, model string, w Watch) (*Evaluation, error) {
	p := f.Points[number]
	var names []string
	if model != "" {
		names = append(names, model)
	}
	for _, s := range p.Stages {
		names = append(names, s.Model)
	}
	for _, name := range names {
		m, err := z.Model(name)
		if err != nil {
			return nil, err
		}
		if _, ok := m.Splits[split]; !ok || cutShort(z, m, split) {
			return nil, nil
		}
	}
	e, _, err := evaluate(ctx, z, split, f.Cost, []cascade.Cascade{p.Cascade}, []string{model}, w)
	if err != nil {
		return nil, err
	}
	e.Cascades[0].Expected = p.Expected
	return e, nil
}

// EvaluateCascade evaluates one cascade on a split of the zoo, with costs of a column.
func EvaluateCascade(ctx context.Context, z *zoo.Zoo, split, column string, c cascade.Cascade, w Watch) (*Evaluation, error) {
	if err := checkModels(z, c); err != nil {
		return nil, aboutCascade(err)
	}
	column, err := costOfCascade(z, column, c, w)
	if err != nil {
		return nil, err
	}
	e, _, err := evaluate(ctx, z, split, column, []cascade.Cascade{c}, nil, w)
	return e, err
}

// costOfCascade is [CostColumn] for the models of a cascade.
func costOfCascade(z *zoo.Zoo, column string, c cascade.Cascade, w Watch) (string, error) {
	var models []zoo.Model
	for _, s := range c.Stages {
		m, err := z.Model(s.Model)
		if err != nil {
			return "", err
		}
		models = append(models, m)
	}
	return costColumn(z, models, column, w)
}

// evaluate evaluates cascades, each beside its rival. Their details come first in details.
func evaluate(ctx context.Context, z *zoo.Zoo, split, column string, cascades []cascade.Cascade, rivals []string, w Watch) (e *Evaluation, details []cascade.Details, err error) {
	on, err := z.Split(split)
	if err != nil {
		return nil, nil, &InputError{Option: "split", Err: err}
	}
	if on.Unlabelled {
		rivals = nil // nobody knows who is more accurate
	}
	costs, err := costsOf(z, column, cascades, rivals)
	if err != nil {
		return nil, nil, err
	}
	details, places, err := detail(ctx, z, split, costs, cascades, rivals, w)
	if err != nil {
		return nil, nil, err
	}
	e = &Evaluation{Version: front.Version, Zoo: describeZoo(z), Split: describeSplit(on), Cost: column}
	for i, c := range cascades {
		d := details[i]
		m := Measured{Point: front.Point{Cascade: c, Evaluation: d.Evaluation}, Unlabelled: on.Unlabelled}
		m.Interval[0], m.Interval[1] = stats.Wilson(d.Correct, d.Samples, confidenceLevel)
		if rival := places[i]; rival >= 0 {
			m.Against = newAgainst(rivals[i], d, details[rival].Evaluation)
		}
		e.Cascades = append(e.Cascades, m)
	}
	return e, details, nil
}

// addBand adds the intervals that contain the accuracies of all cascades at once.
func (e *Evaluation) addBand(details []cascade.Details) {
	if len(e.Cascades) == 0 || e.Split.Unlabelled {
		return
	}
	hits := make([][]bool, len(e.Cascades))
	for i := range hits {
		hits[i] = details[i].Hits
	}
	e.Level = stats.Together(hits, confidenceLevel, bandResamples, 1)
	for i := range e.Cascades {
		c := &e.Cascades[i]
		low, high := stats.Wilson(c.Correct, c.Samples, e.Level)
		c.Together = &[2]float64{low, high}
	}
}

// newAgainst compares a cascade with its rival, a model.
func newAgainst(model string, d cascade.Details, rival cascade.Evaluation) *Against {
	p := pairsOf(d)
	a := &Against{
		Model: model, Cost: rival.Cost, Correct: rival.Correct, Accuracy: rival.Accuracy(),
		OnlyCascade: d.OnlyThis, OnlyModel: d.OnlyRival, Difference: p.Difference(), McNemar: p.McNemar(),
	}
	a.Interval[0], a.Interval[1] = p.Bootstrap(resamples, confidenceLevel, 1)
	return a
}

// pairsOf counts how a cascade and its rival do on the same samples.
func pairsOf(d cascade.Details) stats.Pairs {
	return stats.Pairs{Samples: d.Samples, OnlyFirst: d.OnlyThis, OnlySecond: d.OnlyRival}
}

// costsOf returns the costs of the models that cascades, and others, name.
func costsOf(z *zoo.Zoo, column string, cascades []cascade.Cascade, others []string) (map[string]float64, error) {
	var names []string
	for i, c := range cascades {
		if err := checkModels(z, c); err != nil {
			return nil, fmt.Errorf("cascade %d: %w", i, err)
		}
		for _, s := range c.Stages {
			names = append(names, s.Model)
		}
	}
	var models []zoo.Model
	for _, name := range append(names, others...) {
		if name == "" || has(models, name) {
			continue
		}
		m, err := z.Model(name)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	return columnOf(z, models, column)
}

// checkModels refuses a cascade of models that the zoo lacks, and the mean of models that
// give answers only.
func checkModels(z *zoo.Zoo, c cascade.Cascade) error {
	for stage, s := range c.Stages {
		m, err := z.Model(s.Model)
		if damaged := damagedModel(z, s.Model); damaged != nil {
			return damaged
		}
		if err != nil {
			return unknownModels(z, fmt.Sprintf("stage %d: ", stage+1), []string{s.Model})
		}
		if m.Answers && c.Rule == cascade.RuleMean && len(c.Stages) > 1 {
			return fmt.Errorf("the model %q gives answers without a distribution, which cannot be averaged: use rule last or vote (last: or vote: before the first name)", s.Model)
		}
	}
	return nil
}

// modelsOn returns the models of a front that have predictions on a split, with the
// correct answers that are expected of them.
func modelsOn(z *zoo.Zoo, f *front.Front, split string) []front.Model {
	return slices.DeleteFunc(f.LikelyModels(), func(m front.Model) bool {
		known, err := z.Model(m.Name)
		_, ok := known.Splits[split]
		return err != nil || !ok
	})
}

// rivals returns for each cascade of a front the most accurate model that costs no
// more, of those that have predictions on the split; "" if there is none.
func rivals(z *zoo.Zoo, f *front.Front, split string) []string {
	here := modelsOn(z, f, split)
	rivals := make([]string, len(f.Points))
	for i, p := range f.Points {
		if best := front.BestWithin(here, p.Cost); best >= 0 {
			rivals[i] = here[best].Name
		}
	}
	return rivals
}

// Summary has the results of a whole front on another split.
type Summary struct {
	Change                  float64 // of the accuracy, mean over the cascades
	Compared, Better, Worse int     // cascades that have a rival, and that differ from it significantly
}

// Summary summarizes the results of all cascades.
func (e *Evaluation) Summary() (s Summary) {
	for _, c := range e.Cascades {
		s.Change += c.Change / float64(len(e.Cascades))
		if c.Against == nil {
			continue
		}
		s.Compared++
		if c.Against.Significant() && c.Against.Difference > 0 {
			s.Better++
		} else if c.Against.Significant() {
			s.Worse++
		}
	}
	return s
}
