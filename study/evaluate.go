package study

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/zoo"
)

const (
	// confidenceLevel is the probability that intervals are to have.
	confidenceLevel = 0.95
	// resamples is how many times a bootstrap resamples: enough for the second digit of
	// an interval's ends.
	resamples = 2000
)

// An Evaluation is what cascades do on a split: the JSON result of evaluate.
type Evaluation struct {
	Version  int           `json:"version"`
	Zoo      front.Zoo     `json:"zoo"`
	Split    front.Split   `json:"split"`
	Cost     string        `json:"cost"`
	Cascades []Measured    `json:"cascades"`
	ChosenOn *front.Split  `json:"chosen_on,omitempty"` // of a front
	Before   []front.Point `json:"before,omitempty"`    // the results there
}

// A Measured is a cascade on a split, and how sure the results are.
type Measured struct {
	front.Point
	Interval [2]float64 // of the accuracy, 95 %, Wilson
	Change   float64    // of the accuracy, from the samples it was chosen on
	Against  *Against   // the best model that costs no more; nil if there is none
}

// MarshalJSON writes the point with what else is known of it.
func (m Measured) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		front.PointJSON
		Interval [2]float64 `json:"accuracy_95"`
		Change   float64    `json:"change,omitempty"`
		Against  *Against   `json:"against,omitempty"`
	}{m.JSON(), m.Interval, m.Change, m.Against})
}

// An Against compares a cascade with a model on the same samples.
type Against struct {
	Model       string     `json:"model"`
	Cost        float64    `json:"cost"`
	Correct     int        `json:"correct"`
	Accuracy    float64    `json:"accuracy"`
	OnlyCascade int        `json:"only_cascade_right"` // samples
	OnlyModel   int        `json:"only_model_right"`
	Difference  float64    `json:"difference"`    // cascade less model
	Interval    [2]float64 `json:"difference_95"` // paired bootstrap
	McNemar     float64    `json:"mcnemar_p"`
}

// Significant reports whether cascade and model differ at the 5 % level.
func (a *Against) Significant() bool { return a.McNemar < 1-confidenceLevel }

// EvaluateFront evaluates the cascades of a front on a split of the zoo, each beside
// the most accurate model that costs no more. Both are chosen on the samples of the
// front, so that neither is favoured by the samples they meet on.
func EvaluateFront(ctx context.Context, z *zoo.Zoo, split string, f *front.Front, w Watch) (*Evaluation, error) {
	on, err := z.Split(split)
	if err != nil {
		return nil, &InputError{Option: "split", Err: err}
	}
	e := &Evaluation{Version: front.Version, Zoo: describeZoo(z), Split: describeSplit(on), Cost: f.Cost, ChosenOn: &f.Split, Before: f.Points}
	if f.Zoo != e.Zoo {
		w.warn("the run was made with another zoo, or this one has changed since")
	}
	rivals := rivals(z, f, split)
	cascades := cascadesOf(f.Points)
	models, costs, err := modelsOf(z, f.Cost, cascades, rivals)
	if err != nil {
		return nil, err
	}
	evaluations, err := evaluateStored(ctx, z, split, models, costs, cascades, w)
	if err != nil {
		return nil, err
	}
	for i, evaluation := range evaluations {
		m := measure(cascades[i], evaluation)
		m.Change = m.Accuracy() - f.Points[i].Accuracy()
		e.Cascades = append(e.Cascades, m)
	}
	return e, e.compare(ctx, z, models, costs, rivals, w)
}

// EvaluateCascade evaluates one cascade on a split of the zoo, with costs of a column.
func EvaluateCascade(ctx context.Context, z *zoo.Zoo, split, column string, c cascade.Cascade, w Watch) (*Evaluation, error) {
	on, err := z.Split(split)
	if err != nil {
		return nil, &InputError{Option: "split", Err: err}
	}
	models, costs, err := modelsOfOne(z, column, c)
	if err != nil {
		return nil, err
	}
	evaluations, err := evaluateStored(ctx, z, split, models, costs, []cascade.Cascade{c}, w)
	if err != nil {
		return nil, err
	}
	return &Evaluation{
		Version: front.Version, Zoo: describeZoo(z), Split: describeSplit(on), Cost: column, Cascades: []Measured{measure(c, evaluations[0])},
	}, nil
}

func measure(c cascade.Cascade, e cascade.Evaluation) Measured {
	m := Measured{Point: front.Point{Cascade: c, Evaluation: e}}
	m.Interval[0], m.Interval[1] = stats.Wilson(e.Correct, e.Samples, confidenceLevel)
	return m
}

// modelsOf returns the models that cascades, and others, name, and what they cost.
func modelsOf(z *zoo.Zoo, column string, cascades []cascade.Cascade, others []string) ([]zoo.Model, map[string]float64, error) {
	var names []string
	for i, c := range cascades {
		for stage, s := range c.Stages {
			if !z.HasModel(s.Model) {
				return nil, nil, fmt.Errorf("cascade %d, stage %d: the zoo has no model named %q", i, stage+1, s.Model)
			}
			names = append(names, s.Model)
		}
	}
	for _, name := range others {
		if name != "" {
			names = append(names, name)
		}
	}
	models, err := named(z, names)
	if err != nil {
		return nil, nil, err
	}
	costs, err := prices(models, column)
	return models, costs, err
}

// modelsOfOne is modelsOf for one cascade that somebody wrote down.
func modelsOfOne(z *zoo.Zoo, column string, c cascade.Cascade) ([]zoo.Model, map[string]float64, error) {
	for stage, s := range c.Stages {
		if !z.HasModel(s.Model) {
			return nil, nil, inputf("cascade", "", "stage %d: no model named %q", stage+1, s.Model)
		}
	}
	return modelsOf(z, column, []cascade.Cascade{c}, nil)
}

// rivals returns for each cascade of a front the most accurate model that costs no
// more, of those that have predictions on the split; "" if there is none.
func rivals(z *zoo.Zoo, f *front.Front, split string) []string {
	var here []front.Model
	for _, m := range f.Models {
		if known, err := z.Model(m.Name); err == nil {
			if _, ok := known.Splits[split]; ok {
				here = append(here, m)
			}
		}
	}
	rivals := make([]string, len(f.Points))
	for i, p := range f.Points {
		if best := front.BestModel(here, p.Cost); best >= 0 {
			rivals[i] = here[best].Name
		}
	}
	return rivals
}

// compare adds to the cascades what they are against their rivals.
func (e *Evaluation) compare(ctx context.Context, z *zoo.Zoo, models []zoo.Model, costs map[string]float64, rivals []string, w Watch) error {
	var all []cascade.Cascade
	for _, m := range e.Cascades {
		all = append(all, m.Cascade)
	}
	place := map[string]int{} // of a rival in all
	for _, rival := range rivals {
		if _, ok := place[rival]; !ok && rival != "" {
			place[rival] = len(all)
			all = append(all, cascade.Single(rival))
		}
	}
	if len(place) == 0 {
		return nil
	}
	s, stop, err := storedSplit(z, e.Split.Name, models, costs, w)
	if err != nil {
		return err
	}
	defer stop()
	hits, err := s.Hits(ctx, all)
	if err != nil {
		return err
	}
	for i, rival := range rivals {
		if rival == "" {
			continue
		}
		p := stats.NewPairs(hits[i], hits[place[rival]])
		correct := e.Cascades[i].Correct - p.OnlyFirst + p.OnlySecond
		a := &Against{
			Model:       rival,
			Cost:        costs[rival],
			Correct:     correct,
			Accuracy:    float64(correct) / float64(p.Samples),
			OnlyCascade: p.OnlyFirst,
			OnlyModel:   p.OnlySecond,
			Difference:  p.Difference(),
			McNemar:     p.McNemar(),
		}
		a.Interval[0], a.Interval[1] = p.Bootstrap(resamples, confidenceLevel, 1)
		e.Cascades[i].Against = a
	}
	return nil
}

// Summary is what holds for all cascades of a front on another split.
type Summary struct {
	Change                  float64 // of the accuracy, mean over the cascades
	Compared, Better, Worse int     // cascades that have a rival, and that differ from it significantly
}

// Summary sums up what holds for all cascades.
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
