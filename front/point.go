package front

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// A Point is a cascade of a front and its results on the split it was searched on. No
// cascade of the models searched that costs as little, of any length and weights and with any
// thresholds, answers more than Bound samples of that split correctly; 0: no bound is known.
type Point struct {
	cascade.Cascade
	cascade.Evaluation
	Bound    int
	Expected *Expected // nil: not estimated
	With     *With     // nil: there are no unlabelled samples
}

// Expected is the accuracy that a cascade is expected to have on samples it was not chosen
// on: lower, as a rule, than on those it was.
type Expected struct {
	Accuracy float64 `json:"accuracy"`
	// Interval has the accuracy on as many other samples with a probability of 95 %.
	Interval [2]float64 `json:"accuracy_95"`
}

func (e *Expected) check() error {
	if e != nil && !(0 <= e.Interval[0] && e.Interval[0] <= e.Accuracy && e.Accuracy <= e.Interval[1] && e.Interval[1] <= 1) {
		return fmt.Errorf("the expected accuracy is %v in an interval of %v to %v", e.Accuracy, e.Interval[0], e.Interval[1])
	}
	return nil
}

// With are the results of a cascade on the samples searched and unlabelled ones together.
type With struct {
	Samples int     `json:"n"`
	Reach   []int   `json:"reach"` // samples that reach each stage
	Cost    float64 `json:"cost"`  // mean over the samples

	// Accuracy estimates that on samples like these; nil if the unlabelled samples tell
	// nothing about it.
	Accuracy *Estimate `json:"accuracy,omitempty"`
}

// An Estimate is a share and its standard error.
type Estimate struct {
	Value         float64 `json:"value"`
	StandardError float64 `json:"standard_error"`
}

// check reports results that contradict those of the point on n samples, with those costs
// of its stages.
func (w *With) check(n int, stages []reachedStage) error {
	if w == nil {
		return nil
	}
	if w.Samples <= n || len(w.Reach) != len(stages) {
		return fmt.Errorf("with unlabelled samples there are %d, with %d of them searched, and %d of %d stages", w.Samples, n, len(w.Reach), len(stages))
	}
	before, total := w.Samples, 0.0
	for i, reach := range w.Reach {
		if reach < stages[i].Reach || reach > before || i == 0 && reach != w.Samples {
			return fmt.Errorf("with unlabelled samples %d reach stage %d, %d the one before, and %d without them", reach, i+1, before, stages[i].Reach)
		}
		before = reach
		total += stages[i].Cost * float64(reach)
	}
	if !sameCost(w.Cost, total/float64(w.Samples)) {
		return fmt.Errorf("with unlabelled samples it costs %v, but its stages cost %v", w.Cost, total/float64(w.Samples))
	}
	if a := w.Accuracy; a != nil && !(0 <= a.Value && a.Value <= 1 && 0 <= a.StandardError && a.StandardError <= 1) {
		return fmt.Errorf("with unlabelled samples its accuracy is %v, give or take %v", a.Value, a.StandardError)
	}
	return nil
}

// PointJSON is a point as front.json has it.
type PointJSON struct {
	Text       string              `json:"cascade"` // as the flag --cascade takes it
	Rule       *cascade.Rule       `json:"rule"`
	Confidence *cascade.Confidence `json:"confidence"` // compared with thresholds
	Correct    int                 `json:"correct"`
	Samples    int                 `json:"n"`
	Accuracy   float64             `json:"accuracy"` // correct/n
	Cost       float64             `json:"cost"`     // mean over the samples
	WorstCost  float64             `json:"worst_cost"`
	Expected   *Expected           `json:"expected,omitempty"`
	With       *With               `json:"with_unlabelled,omitempty"`
	Bound      int                 `json:"bound,omitempty"`
	Stages     []reachedStage      `json:"stages"`
}

// StageJSON is how all files describe a stage.
type StageJSON struct {
	Model     string   `json:"model"`
	Weight    int      `json:"weight"`
	Threshold *float32 `json:"threshold,omitempty"` // the last stage has none
	Cost      float64  `json:"cost"`                // of the model, for each sample it runs on
}

type reachedStage struct {
	StageJSON
	Reach int `json:"reach"` // samples it runs on
}

// NewStageJSON describes a stage of a cascade.
func NewStageJSON(c cascade.Cascade, stage int, cost float64) StageJSON {
	s := StageJSON{Model: c.Stages[stage].Model, Weight: c.Stages[stage].Weight, Cost: cost}
	if stage < len(c.Stages)-1 {
		s.Threshold = &c.Stages[stage].Threshold
	}
	return s
}

// MarshalJSON writes the point as front.json has it.
func (p Point) MarshalJSON() ([]byte, error) { return encode(p.JSON(), "") }

// JSON returns the point as front.json has it.
func (p Point) JSON() PointJSON {
	out := PointJSON{
		Text: p.String(), Rule: &p.Rule, Confidence: &p.Confidence, Correct: p.Correct, Samples: p.Samples,
		Accuracy: p.Accuracy(), Cost: p.Cost, WorstCost: p.WorstCost, Bound: p.Bound, Expected: p.Expected, With: p.With,
	}
	for i := range p.Stages {
		out.Stages = append(out.Stages, reachedStage{NewStageJSON(p.Cascade, i, p.Costs[i]), p.Reach[i]})
	}
	return out
}

// UnmarshalJSON reads and checks a stage, as Point's does.
func (s *reachedStage) UnmarshalJSON(data []byte) error {
	type plain reachedStage
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	switch {
	case s.Model == "" || len(s.Model) > maxNameBytes:
		return errors.New("a stage names no model")
	case s.Weight < 1 || s.Weight > cascade.MaxStages:
		return fmt.Errorf("model %.200q has weight %d", s.Model, s.Weight)
	case !goodCost(s.Cost):
		return fmt.Errorf("model %.200q costs %v", s.Model, s.Cost)
	}
	return nil
}

// UnmarshalJSON reads and checks a point. Reading stops at the first bad one, so a file
// of empty objects cannot take many times its size in memory.
func (p *Point) UnmarshalJSON(data []byte) error {
	var in PointJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return fmt.Errorf("cascade %.200q: %w", in.Text, err)
	}
	*p = in.point()
	return nil
}

// point returns the point that was read.
func (in *PointJSON) point() Point {
	p := Point{Cascade: cascade.Cascade{Rule: *in.Rule, Confidence: *in.Confidence}, Bound: in.Bound, Expected: in.Expected, With: in.With}
	p.Evaluation = cascade.Evaluation{Samples: in.Samples, Correct: in.Correct, Cost: in.Cost, WorstCost: in.WorstCost}
	for _, s := range in.Stages {
		stage := cascade.Stage{Model: s.Model, Weight: s.Weight}
		if s.Threshold != nil {
			stage.Threshold = *s.Threshold
		}
		p.Stages = append(p.Stages, stage)
		p.Costs, p.Reach = append(p.Costs, s.Cost), append(p.Reach, s.Reach)
	}
	return p
}

func (in *PointJSON) check() error {
	if in.Samples < 1 || in.Correct < 0 || in.Correct > in.Samples {
		return fmt.Errorf("%d correct answers of %d", in.Correct, in.Samples)
	}
	if in.Rule == nil || in.Confidence == nil {
		return errors.New("its rule or its confidence is missing")
	}
	last := len(in.Stages) - 1
	reach, total, worst := in.Samples, 0.0, 0.0
	for i, s := range in.Stages {
		switch {
		case (i == last) != (s.Threshold == nil):
			return fmt.Errorf("stage %d of %d: every stage but the last has a threshold", i+1, last+1)
		case s.Reach < 0 || s.Reach > reach || i == 0 && s.Reach != in.Samples:
			return fmt.Errorf("%d samples reach stage %d, %d the one before", s.Reach, i+1, reach)
		}
		reach = s.Reach
		total += s.Cost * float64(s.Reach)
		worst += s.Cost
	}
	if err := cmp.Or(in.point().Validate(), in.Expected.check(), in.With.check(in.Samples, in.Stages)); err != nil {
		return err
	}
	switch {
	case in.Bound != 0 && (in.Bound < in.Correct || in.Bound > in.Samples):
		return fmt.Errorf("%d correct answers of %d, the bound is %d", in.Correct, in.Samples, in.Bound)
	case in.Accuracy != float64(in.Correct)/float64(in.Samples):
		return fmt.Errorf("accuracy %v is not %d/%d", in.Accuracy, in.Correct, in.Samples)
	case !sameCost(in.Cost, total/float64(in.Samples)):
		return fmt.Errorf("cost %v, but its stages cost %v", in.Cost, total/float64(in.Samples))
	case !sameCost(in.WorstCost, worst):
		return fmt.Errorf("worst cost %v, but its stages cost %v", in.WorstCost, worst)
	}
	return nil
}

// rounding is the largest relative difference of two costs that are the same: the mean
// of a cost over samples, and a sum of up to 255 costs in another order, are rounded.
const rounding = 1e-12

func sameCost(a, b float64) bool { return math.Abs(a-b) <= rounding*math.Max(a, b) }

func goodCost(cost float64) bool { return cost >= 0 && cost <= math.MaxFloat64 }

// A Model is a model on its own.
type Model struct {
	Name    string  `json:"name"`
	Cost    float64 `json:"cost"`
	Correct int     `json:"correct"`

	// Expected is the accuracy expected on other samples, as of cascades; nil if it was not
	// estimated.
	Expected *float64 `json:"expected,omitempty"`

	// Temperature was applied to the model's outputs before they were stored; 0 if
	// they are the model's own.
	Temperature float64 `json:"temperature,omitempty"`
}

// UnmarshalJSON reads and checks a model, as Point's does.
func (m *Model) UnmarshalJSON(data []byte) error {
	type plain Model
	if err := json.Unmarshal(data, (*plain)(m)); err != nil {
		return err
	}
	switch {
	case m.Name == "" || len(m.Name) > maxNameBytes:
		return errors.New("a model has no name")
	case !goodCost(m.Cost):
		return fmt.Errorf("model %.200q costs %v", m.Name, m.Cost)
	case m.Expected != nil && !(*m.Expected >= 0 && *m.Expected <= 1):
		return fmt.Errorf("model %.200q has the expected accuracy %v", m.Name, *m.Expected)
	}
	return nil
}
