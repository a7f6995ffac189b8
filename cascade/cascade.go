// Package cascade defines cascades of classifiers and evaluates them exactly on
// the models' full outputs.
//
// A chain is an ordered list of models, a cascade a chain with a threshold after
// every stage but the last. A sample exits at the first stage whose confidence is
// strictly above the stage's threshold; the cost of a cascade is the sum over its
// stages of the model's cost times the share of samples that reach it (Chebykin,
// Alderliesten, Bosman: Evolutionary Neural Cascade Search across Supernetworks,
// GECCO 2022, section 3).
//
// The answer of a stage is the class of the largest value, the lowest on a tie, of what its
// [Rule] makes of the outputs so far: their weighted mean (the publication), the last one
// alone, or the weighted mean of votes. With votes the value of a class is the share of the
// weight of the models that answer it (weighted plurality voting), so the confidence of a
// single model is 1, and j models of weight 1 are all of one mind exactly at a confidence
// above (j-1)/j.
//
// Outputs are float16, that is integer multiples of 2^-24, and are summed as
// integers: no result depends on the order of summation or on the number of threads.
// There are two implementations: [Dense] follows the definition and is the reference;
// [Replay] reads every output once, for any number of cascades.
package cascade

import (
	"errors"
	"fmt"
)

// MaxStages is the largest number of stages a cascade may have, and the largest
// total weight: sums of 255 outputs are exact in a uint32.
const MaxStages = 255

// A Rule is how a stage combines the outputs of the models so far.
type Rule uint8

const (
	// RuleMean answers with the (weighted) mean of all outputs so far.
	RuleMean Rule = iota
	// RuleLast answers with the last model's output alone.
	RuleLast
	// RuleVote answers with the (weighted) mean of the votes of all models so far. A
	// model's vote is 1 for its answer, the class of its largest output and the lowest on a
	// tie, and 0 for all others.
	RuleVote
)

var ruleNames = [...]string{"mean", "last", "vote"}

// Rules returns all rules.
func Rules() []Rule { return []Rule{RuleMean, RuleLast, RuleVote} }

// String returns the name of the rule in flags and files.
func (r Rule) String() string { return name(ruleNames[:], int(r), "rule") }

// MarshalText writes the name of the rule.
func (r Rule) MarshalText() ([]byte, error) { return marshalName(ruleNames[:], int(r), "rule") }

// UnmarshalText is the inverse of MarshalText.
func (r *Rule) UnmarshalText(text []byte) error {
	n, err := parseName(ruleNames[:], string(text), "rule")
	*r = Rule(n)
	return err
}

// A Stage is one model of a cascade.
type Stage struct {
	Model     string
	Weight    int     // of its output or vote in the mean, 1 or more
	Threshold float32 // a sample exits if its confidence is above; not used at the last stage
}

// A Cascade is a chain of models with a threshold after every stage but the last. A
// model named twice is averaged twice and costs twice, as in the publication.
type Cascade struct {
	Rule       Rule
	Confidence Confidence
	Stages     []Stage
}

// Single returns the cascade of one model.
func Single(model string) Cascade { return Cascade{Stages: []Stage{{Model: model, Weight: 1}}} }

// Validate returns the first error in the cascade, if any.
func (c Cascade) Validate() error {
	switch {
	case int(c.Rule) >= len(ruleNames):
		return fmt.Errorf("a cascade has rule mean, last or vote, not %d", c.Rule)
	case c.Confidence > Entropy:
		return fmt.Errorf("there is no measure of confidence %d", c.Confidence)
	case len(c.Stages) == 0:
		return errors.New("a cascade has at least one stage")
	}
	total := 0
	for i, s := range c.Stages {
		if s.Model == "" {
			return fmt.Errorf("stage %d names no model", i+1)
		}
		if s.Weight < 1 || s.Weight > MaxStages {
			return fmt.Errorf("stage %d has weight %d; weights are 1 to %d", i+1, s.Weight, MaxStages)
		}
		if i < len(c.Stages)-1 && !(s.Threshold >= 0 && s.Threshold <= 1) {
			return fmt.Errorf("stage %d: threshold %v is not in [0, 1]", i+1, s.Threshold)
		}
		if total += s.Weight; total > MaxStages {
			return fmt.Errorf("the weights of a cascade sum to at most %d", MaxStages)
		}
	}
	return nil
}

// An Evaluation has the results of a cascade on the samples of a split.
type Evaluation struct {
	Samples   int
	Correct   int       // samples answered correctly
	Reach     []int     // samples that reach each stage
	Costs     []float64 // of each stage's model, for one sample
	Cost      float64   // mean over the samples
	WorstCost float64   // of a sample that reaches the last stage
}

// NewEvaluation computes the costs of a cascade, given the costs of the stages' models
// and the number of samples that reach each.
func NewEvaluation(costs []float64, correct int, reach []int, samples int) Evaluation {
	e := Evaluation{Samples: samples, Correct: correct, Reach: reach, Costs: costs}
	total := 0.0
	for stage, cost := range costs {
		// The conversion prevents a fused multiply-add, which rounds once: costs are
		// the same on all processors.
		total += float64(cost * float64(reach[stage]))
		e.WorstCost += cost
	}
	e.Cost = total / float64(samples)
	return e
}

// Accuracy returns the share of samples answered correctly.
func (e Evaluation) Accuracy() float64 { return float64(e.Correct) / float64(e.Samples) }

func name(names []string, n int, kind string) string {
	if n >= len(names) {
		return fmt.Sprintf("%s %d", kind, n)
	}
	return names[n]
}

func marshalName(names []string, n int, kind string) ([]byte, error) {
	if n >= len(names) {
		return nil, fmt.Errorf("there is no %s %d", kind, n)
	}
	return []byte(names[n]), nil
}

func parseName(names []string, text, kind string) (int, error) {
	for n, name := range names {
		if name == text {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%s %.40q is none of %q", kind, text, names)
}
