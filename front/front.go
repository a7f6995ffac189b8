// Package front holds what a search leaves behind: the run folder with the front
// it found (front.json, front.csv) and how it was found (run.json).
//
// A run folder may come from anybody, so reading one trusts nothing in it.
package front

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
)

// Version is the version of front.json and run.json that this package writes, and
// the newest it reads.
const Version = 1

// The files of a run folder.
const (
	FrontFile = "front.json"
	CSVFile   = "front.csv"
	RunFile   = "run.json"
	StateFile = "search.json" // only while the search is not done
)

// Bounds on what is read. A front has at most one cascade for each number of
// correct answers; 255 stages and names of 4096 bytes are what cascades and zoos
// allow.
const (
	maxFrontBytes = 256 << 20
	maxStateBytes = 1 << 30
	maxStages     = 255
	maxNameBytes  = 4096
)

// Front is the content of front.json: the cascades that a search found to be
// beaten by no other, in ascending order of cost, with figures on the split they
// were chosen on. It depends on the zoo and the options of the search alone, not
// on when, where or how fast it ran.
type Front struct {
	Version     int          `json:"version"`
	Zoo         Zoo          `json:"zoo"`
	Split       Split        `json:"split"`
	Cost        string       `json:"cost"` // the column of the models that is their cost per sample
	Algorithm   string       `json:"algorithm"`
	Grid        []float32    `json:"grid"`
	Proof       string       `json:"proof,omitempty"`       // what is proven of the front
	Interrupted bool         `json:"interrupted,omitempty"` // ended before the search was done
	Checked     bool         `json:"checked"`               // the figures are those of the full stored outputs
	Cascades    []Cascade    `json:"cascades"`
	Models      []Model      `json:"models"`                // all models the search could choose from
	Differences []Difference `json:"differences,omitempty"` // cascades the search saw differently

	CrossValidation *CrossValidation `json:"cross_validation,omitempty"`
}

// CrossValidation says how accurate what a search finds is on samples that were held
// out of it.
type CrossValidation struct {
	Folds int       `json:"folds"`
	At    []HeldOut `json:"at"` // ascending in Limit
}

// HeldOut is what the most accurate cascades within a cost do on the samples that they
// were not chosen on: one cascade a fold, all folds together.
type HeldOut struct {
	Limit    float64    `json:"max_cost"`          // on the samples searched
	Searched float64    `json:"accuracy_searched"` // of the same cascades there
	Correct  int        `json:"correct"`
	Samples  int        `json:"n"`
	Accuracy float64    `json:"accuracy"`    // correct/n
	Interval [2]float64 `json:"accuracy_95"` // Wilson
	Change   float64    `json:"change"`      // accuracy less accuracy_searched
	Cost     float64    `json:"cost"`        // mean over the samples held out
}

// Zoo says which zoo a front belongs to.
type Zoo struct {
	Fingerprint string `json:"fingerprint"`
	Classes     int    `json:"classes"`
}

// Split says which samples figures are of.
type Split struct {
	Name        string `json:"name"`
	Samples     int    `json:"samples"`
	Fingerprint string `json:"fingerprint"`
}

// Cascade is one cascade and what it does on a split.
type Cascade struct {
	Text       string  `json:"cascade"` // as the flag --cascade takes it
	Rule       string  `json:"rule"`
	Confidence string  `json:"confidence"` // what thresholds are compared with
	Correct    int     `json:"correct"`
	Samples    int     `json:"n"`
	Accuracy   float64 `json:"accuracy"` // correct/n
	Cost       float64 `json:"cost"`     // mean over the samples
	WorstCost  float64 `json:"worst_cost"`
	Bound      int     `json:"bound,omitempty"` // no cascade of this cost has more correct answers
	Stages     []Stage `json:"stages"`
}

// Stage is one model of a cascade.
type Stage struct {
	Model     string   `json:"model"`
	Weight    int      `json:"weight"`
	Threshold *float32 `json:"threshold,omitempty"` // exit where the confidence is above; the last stage has none
	Cost      float64  `json:"cost"`                // of the model, per sample it runs on
	Reach     int      `json:"reach"`               // number of samples it runs on
}

// Model is a model on its own.
type Model struct {
	Name    string  `json:"name"`
	Cost    float64 `json:"cost"`
	Correct int     `json:"correct"`

	// Temperature was given to the model's outputs before they were stored; 0 where
	// they are as the model gives them.
	Temperature float64 `json:"temperature,omitempty"`
}

// Difference is a cascade that does otherwise on the stored outputs than it did on
// the search index. The figures in Cascades are those of the stored outputs.
type Difference struct {
	Cascade      int   `json:"cascade"` // its place in Cascades, from 0
	IndexCorrect int   `json:"index_correct"`
	IndexReach   []int `json:"index_reach"`
}

// Choice is what a front has to offer for a budget.
type Choice struct {
	Cascade    int    // place of the most accurate cascade within the budget
	Model      *Model // the most accurate model within it, nil where there is none
	AsAccurate int    // place of the cheapest cascade at least as accurate as Model, -1 where there is none
}

// Choose returns the best cascade whose cost is at most the budget, beside the best
// model at no more cost. Without a budget, 0, the cost of the most accurate cascade
// is the model's. It returns false where every cascade costs more.
func (f *Front) Choose(budget float64) (Choice, bool) {
	c := Choice{Cascade: -1, AsAccurate: -1}
	for i, cascade := range f.Cascades {
		if (budget == 0 || cascade.Cost <= budget) && (c.Cascade < 0 || cascade.Correct > f.Cascades[c.Cascade].Correct) {
			c.Cascade = i
		}
	}
	if c.Cascade < 0 {
		return c, false
	}
	if budget == 0 {
		budget = f.Cascades[c.Cascade].Cost
	}
	for i := range f.Models {
		m := &f.Models[i]
		if m.Cost <= budget && (c.Model == nil || m.Correct > c.Model.Correct || m.Correct == c.Model.Correct && m.Cost < c.Model.Cost) {
			c.Model = m
		}
	}
	if c.Model == nil {
		return c, true
	}
	c.AsAccurate = slices.IndexFunc(f.Cascades, func(cascade Cascade) bool { return cascade.Correct >= c.Model.Correct })
	return c, true
}

// Stairs returns the single models that no other one beats in both cost and right
// answers, ascending in both.
func (f *Front) Stairs() []Model {
	models := slices.Clone(f.Models)
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

// Spread returns the places of at most n cascades that show the front as a whole:
// both ends, and between them steps of equal length along the front as it is drawn
// over a logarithmic cost axis.
func (f *Front) Spread(n int) []int {
	last := len(f.Cascades) - 1
	if len(f.Cascades) <= n {
		all := make([]int, len(f.Cascades))
		for i := range all {
			all[i] = i
		}
		return all
	}
	first := f.Cascades[0]
	wide := math.Log(f.Cascades[last].Cost / first.Cost)
	high := float64(f.Cascades[last].Correct - first.Correct)
	along := make([]float64, len(f.Cascades))
	for i, c := range f.Cascades[1:] {
		before := f.Cascades[i]
		along[i+1] = along[i] + math.Hypot(
			math.Log(c.Cost/before.Cost)/max(wide, math.SmallestNonzeroFloat64),
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

// ReadFront reads front.json of a run folder.
func ReadFront(dir string) (*Front, error) {
	path := filepath.Join(dir, FrontFile)
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is no run folder of optimize: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f, err := DecodeFront(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// DecodeFront reads a front and checks that what it says fits together.
func DecodeFront(r io.Reader) (*Front, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFrontBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFrontBytes {
		return nil, fmt.Errorf("larger than %d MB: this is no front", maxFrontBytes>>20)
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, jsonError(data, err)
	}
	switch {
	case head.Version < 1:
		return nil, errors.New("no front: the field \"version\" is missing")
	case head.Version > Version:
		return nil, fmt.Errorf("version %d was written by a newer encas-zoo; this one reads up to version %d", head.Version, Version)
	}
	f := new(Front)
	if err := json.Unmarshal(data, f); err != nil {
		return nil, jsonError(data, err)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

// jsonError adds the line to an error of package json that has an offset only.
func jsonError(data []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(data)) {
		return err
	}
	line := 1
	for _, b := range data[:offset] {
		if b == '\n' {
			line++
		}
	}
	return fmt.Errorf("line %d: %w", line, err)
}

// UnmarshalJSON reads a cascade and checks it on its own. Reading stops at the
// first bad one, so a file of empty objects cannot take many times its size.
func (c *Cascade) UnmarshalJSON(data []byte) error {
	type plain Cascade
	if err := json.Unmarshal(data, (*plain)(c)); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return fmt.Errorf("cascade %.200q: %w", c.Text, err)
	}
	return nil
}

func (c *Cascade) check() error {
	switch {
	case len(c.Stages) == 0:
		return errors.New("it has no stages")
	case len(c.Stages) > maxStages:
		return fmt.Errorf("it has %d stages, at most %d are possible", len(c.Stages), maxStages)
	case c.Rule != "mean" && c.Rule != "last":
		return fmt.Errorf("its rule is %.40q, neither mean nor last", c.Rule)
	case c.Confidence != "max" && c.Confidence != "margin" && c.Confidence != "entropy":
		return fmt.Errorf("its confidence is %.40q, not max, margin or entropy", c.Confidence)
	case c.Samples < 1 || c.Correct < 0 || c.Correct > c.Samples:
		return fmt.Errorf("%d correct answers of %d", c.Correct, c.Samples)
	case c.Bound != 0 && (c.Bound < c.Correct || c.Bound > c.Samples):
		return fmt.Errorf("%d correct answers of %d, the bound is %d", c.Correct, c.Samples, c.Bound)
	case c.Accuracy != float64(c.Correct)/float64(c.Samples):
		return fmt.Errorf("accuracy %v is not %d/%d", c.Accuracy, c.Correct, c.Samples)
	}
	reach, weights, total, worst := c.Samples, 0, 0.0, 0.0
	for i, s := range c.Stages {
		last := i == len(c.Stages)-1
		switch {
		case s.Reach < 0 || s.Reach > reach || i == 0 && s.Reach != c.Samples:
			return fmt.Errorf("%d samples reach stage %d, %d the one before", s.Reach, i+1, reach)
		case last != (s.Threshold == nil):
			return fmt.Errorf("stage %d of %d: every stage but the last has a threshold", i+1, len(c.Stages))
		case !last && !(*s.Threshold >= 0 && *s.Threshold <= 1):
			return fmt.Errorf("stage %d: threshold %v is not in [0, 1]", i+1, *s.Threshold)
		}
		reach = s.Reach
		weights += s.Weight
		total += s.Cost * float64(s.Reach)
		worst += s.Cost
	}
	switch {
	case weights > maxStages:
		return fmt.Errorf("its weights sum to %d, at most %d is possible", weights, maxStages)
	case !near(c.Cost, total/float64(c.Samples)):
		return fmt.Errorf("cost %v, but its stages cost %v", c.Cost, total/float64(c.Samples))
	case !near(c.WorstCost, worst):
		return fmt.Errorf("worst cost %v, but its stages cost %v", c.WorstCost, worst)
	}
	return nil
}

// near allows for the order in which a sum was taken.
func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(a, b) }

// UnmarshalJSON reads a stage and checks it on its own, as Cascade's does.
func (s *Stage) UnmarshalJSON(data []byte) error {
	type plain Stage
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	switch {
	case s.Model == "" || len(s.Model) > maxNameBytes:
		return errors.New("a stage names no model")
	case s.Weight < 1 || s.Weight > maxStages:
		return fmt.Errorf("model %.200q has the weight %d", s.Model, s.Weight)
	case !goodCost(s.Cost):
		return fmt.Errorf("model %.200q costs %v", s.Model, s.Cost)
	}
	return nil
}

// UnmarshalJSON reads a model and checks it on its own, as Cascade's does.
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
	}
	return nil
}

func goodCost(cost float64) bool { return cost > 0 && cost <= math.MaxFloat64 }

// check looks at what cascades and models cannot see of each other.
func (f *Front) check() error {
	for i, c := range f.Cascades {
		switch {
		case c.Samples != f.Split.Samples:
			return fmt.Errorf("cascade %d counts %d samples, the split has %d", i, c.Samples, f.Split.Samples)
		case i > 0 && c.Cost < f.Cascades[i-1].Cost:
			return fmt.Errorf("cascade %d is cheaper than the one before", i)
		}
	}
	for _, m := range f.Models {
		if m.Correct < 0 || m.Correct > f.Split.Samples {
			return fmt.Errorf("model %.200q has %d correct answers of %d", m.Name, m.Correct, f.Split.Samples)
		}
		if m.Temperature < 0 {
			return fmt.Errorf("model %.200q has the temperature %g", m.Name, m.Temperature)
		}
	}
	for _, d := range f.Differences {
		if d.Cascade < 0 || d.Cascade >= len(f.Cascades) {
			return fmt.Errorf("a difference is of cascade %d of %d", d.Cascade, len(f.Cascades))
		}
	}
	return nil
}
