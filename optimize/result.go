package optimize

import (
	"fmt"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// A Result is what a search found.
type Result struct {
	Algorithm string
	// Front is ascending in cost and in what it was chosen by: correct answers or, by
	// evidence, the accuracy expected on other samples. With [Options.Folds] and unless the
	// search was interrupted its points have that; its interval is left to the caller.
	Front       []front.Point
	Status      Status
	Searched    bool // the search itself is done: if Status is Interrupted, what follows it was
	Proof       Proof
	Parts       *front.Parts // that Front is of, if these are not all of the search
	Evaluations int64        // cascades evaluated, every threshold combination counted
	Elapsed     time.Duration
	// Corrected is how many cascades of the front found with the models' lists have
	// different results on [Options.Outputs], from which Front is.
	Corrected int
	Curve     []CurvePoint

	// Folds is how many of [Options.Folds] expected accuracies are from: the time may have been
	// up before all were searched.
	Folds int

	Models   []float64 // accuracies that the problem's models are expected to have, like those of Front; else nil
	Settings *Settings // of a search by evidence; else nil
}

// A Status is how a search ended.
type Status uint8

const (
	// Finished: nothing was left to try, or the budget of evaluations was spent.
	Finished Status = iota
	// Interrupted: its context ended or the time was up; the front is what was found
	// until then.
	Interrupted
)

// String returns finished or interrupted.
func (s Status) String() string {
	if s == Interrupted {
		return "interrupted"
	}
	return "finished"
}

// A Proof is of which chains all were tried, so that none of them beats the front. The
// zero value proves nothing.
type Proof struct {
	Length     int            // models in the longest of these chains; 0: nothing is proven
	Models     int            // models they consist of, each once and with weight 1
	Thresholds int            // thresholds of the grid, all of which were tried
	Rules      []cascade.Rule // rules they have
	Confidence cascade.Confidence
	Include    []string // models that all of these chains have

	// Listed is how many of the largest outputs of each model this rests on, or 0 if no
	// other output can make a difference.
	Listed int
}

// String returns the proof as a sentence without a full stop, or "" if nothing is proven, or
// nothing worth a sentence.
func (p Proof) String() string {
	switch {
	case p.Length == 0:
		return ""
	case len(p.Include) > 0 && p.Length < max(2, len(p.Include)):
		return "" // there is one such chain at most
	case p.Length == 1:
		return fmt.Sprintf("No single one of the %d models beats this front within the limits", p.Models)
	}
	rules := make([]string, len(p.Rules))
	for i, rule := range p.Rules {
		rules[i] = rule.String()
	}
	with := "rule " + enumerate(rules)
	if len(rules) > 1 {
		with = "rules " + enumerate(rules)
	}
	that := ""
	if len(p.Include) > 0 {
		that = " that has " + enumerate(p.Include) + ","
	}
	grid := fmt.Sprintf("the %d thresholds of the grid and ", p.Thresholds)
	if p.Confidence != cascade.MaxProbability {
		grid = fmt.Sprintf("the %d thresholds of the grid on the %s and ", p.Thresholds, p.Confidence)
	}
	text := fmt.Sprintf("No chain%s of at most %d of the %d models, each once and with weight 1, at %s%s, beats this front within the limits",
		that, p.Length, p.Models, grid, with)
	if p.Listed > 0 {
		text += fmt.Sprintf(", as far as the %d largest outputs of each model tell", p.Listed)
	}
	return text
}

// enumerate returns words with commas between them, and with "and" before the last.
func enumerate(words []string) string {
	last := len(words) - 1
	if last == 0 {
		return words[0]
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
