package study

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// Options are those of a search and of the command optimize. Begin with [Defaults].
type Options struct {
	Split    string   `json:"-"`        // the samples to search on; "": search, or the only split with labels
	Cost     string   `json:"cost"`     // what a model costs: a column; "": see [CostColumn]
	Models   []string `json:"models"`   // globs, see [Select]; none: all models
	Include  []string `json:"include"`  // models every cascade must have
	Dominate string   `json:"dominate"` // a model to be beaten

	// Shortlist is the number of models that are searched, the most accurate for their cost; 0:
	// as many as have lists of 3 GiB, with algorithm exact all.
	Shortlist int `json:"shortlist,omitempty"`

	Algorithm  string `json:"algorithm"`  // one of [optimize.Algorithms]
	Rule       string `json:"rule"`       // as [Rules] says; "": both with algorithm auto, or last,vote if models give answers only; else mean
	Confidence string `json:"confidence"` // max, margin or entropy
	Grid       string `json:"grid"`       // fine, paper or a file; "": paper with Paper, else fine
	Snap       *bool  `json:"snap"`       // nil: unless there is a Grid or Paper
	Paper      bool   `json:"paper"`      // the published search space
	MaxModels  int    `json:"max_models"` // 0: the algorithm's default

	// Limits; 0 is none.
	MaxCost      float64 `json:"max_cost"` // of the mean sample
	MaxWorstCost float64 `json:"max_worst_cost"`
	MaxParams    float64 `json:"max_params"`
	MinAccuracy  float64 `json:"min_accuracy"` // share of samples

	// Unlabelled is a split, whose labels are not used, to estimate the cost, reach and
	// accuracy of the front's cascades with; "": none.
	Unlabelled string `json:"unlabelled,omitempty"`

	// Select is what cascades are chosen by: evidence, what is likely to hold on other
	// samples, or raw, the most correct answers on those searched; "": evidence with
	// algorithm auto, else raw, which all others are.
	Select string `json:"select"`
	// SearchSamples is how many samples are drawn at random and searched, what was found
	// being measured on all others; 0: with Select evidence and very many samples a part of
	// them, else all. All are searched if there are no more.
	SearchSamples int `json:"search_samples,omitempty"`
	// Effort is how long a search by evidence goes on: normal, until more is hardly worth
	// the time, or high, until nothing improves; "": normal.
	Effort string `json:"effort"`

	MinGain       float64 `json:"min_gain"`       // percentage points, see [front.Thin]
	CrossValidate int     `json:"cross_validate"` // folds; 0: none

	Certify *CertifyOptions `json:"certify,omitempty"` // test claims about the front; nil: none

	Evals   int64         `json:"evals"` // 0: the algorithm's default
	Time    time.Duration `json:"-"`     // 0: no limit
	Memory  int64         `json:"-"`     // MiB; 0: the search's default
	Threads int           `json:"-"`     // 0: all processors
	Seed    uint64        `json:"-"`

	// Shard of Shards, from 0, is the part of the chains that algorithm exact tries; Merge joins
	// what all of them find. 0 Shards: all chains.
	Shard, Shards int `json:"-"`

	Dir    string `json:"-"` // run folder; "": a new one in ./runs
	Resume bool   `json:"-"` // the search that was interrupted in Dir
	Force  bool   `json:"-"` // replace an earlier run in Dir

	thresholds optimize.Grid // of Grid, which need not be read then
}

// earlier says what may be done with an earlier run in Dir.
func (o *Options) earlier() front.Earlier {
	switch {
	case o.Resume:
		return front.Continue
	case o.Force:
		return front.Replace
	}
	return front.Refuse
}

// DefaultCost is the column of models that is their cost by default.
const DefaultCost = zoo.ColumnGFLOPs

// Defaults returns the default options.
func Defaults() Options {
	return Options{Algorithm: "auto", Confidence: "max", Seed: 1}
}

// The names that options take.
const (
	selectEvidence = "evidence"
	selectRaw      = "raw"
	effortNormal   = "normal"
	effortHigh     = "high"

	ruleBoth  = "both" // mean and last
	gridFine  = "fine"
	gridPaper = "paper"
)

// Selections returns the names that [Options.Select] takes, Efforts those of
// [Options.Effort].
func Selections() []string { return []string{selectEvidence, selectRaw} }

func Efforts() []string { return []string{effortNormal, effortHigh} }

// expectFolds is how many searches without a part of the samples expected accuracies are
// from.
const expectFolds = 5

// Rules returns the names that [Options.Rule] takes, also several with commas between
// them: both is short for mean,last.
func Rules() []string {
	var names []string
	for _, rule := range cascade.Rules() {
		names = append(names, rule.String())
	}
	return append(names, ruleBoth)
}

// parseRules returns the rules that a list of names names, in the order of [cascade.Rules].
func parseRules(list string) ([]cascade.Rule, error) {
	var rules []cascade.Rule
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.TrimSpace(name); name == ruleBoth {
			rules = append(rules, cascade.RuleMean, cascade.RuleLast)
			continue
		}
		var rule cascade.Rule
		if err := rule.UnmarshalText([]byte(name)); err != nil {
			return nil, inputf("rule", list, "it is mean, last, vote, several of these with commas, or both for mean,last")
		}
		rules = append(rules, rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules), nil
}

// defaultRule returns the rules that an algorithm searches by default. Models that give
// answers only cannot be averaged, but they can vote.
func (o *Options) defaultRule(answers bool) string {
	switch {
	case o.Algorithm != "auto" || o.Paper:
		return cascade.RuleMean.String()
	case answers:
		return cascade.RuleLast.String() + "," + cascade.RuleVote.String()
	}
	return ruleBoth
}

// paperModels is the longest chain of the publication.
const paperModels = 5

// resolve fills in the defaults that depend on other options and on whether models give
// answers only, and returns the options of the search.
func (o *Options) resolve(answers bool) (optimize.Options, error) {
	s := optimize.Options{
		Algorithm: o.Algorithm, Paper: o.Paper, MaxCost: o.MaxCost, MaxWorstCost: o.MaxWorstCost, MaxParams: o.MaxParams,
		MinAccuracy: o.MinAccuracy, Evals: o.Evals, Time: o.Time, Seed: o.Seed, Threads: o.Threads, Memory: o.Memory << 20,
		Shard: o.Shard, Shards: o.Shards,
	}
	for option, limit := range map[string]float64{"max-cost": o.MaxCost, "max-worst-cost": o.MaxWorstCost, "max-params": o.MaxParams, "min-accuracy": o.MinAccuracy, "min-gain": o.MinGain} {
		if math.IsNaN(limit) || math.IsInf(limit, 0) {
			return s, inputf(option, fmt.Sprint(limit), "it must be finite; without the option there is no limit")
		}
	}
	if !slices.Contains(optimize.Algorithms(), o.Algorithm) {
		return s, &InputError{"algorithm", o.Algorithm, fmt.Errorf("unknown algorithm; it is one of: %s", strings.Join(optimize.Algorithms(), ", ")), optimize.Algorithms()}
	}
	if o.Shards > 0 && o.Algorithm != "exact" {
		return s, inputf("shard", fmt.Sprintf("%d/%d", o.Shard, o.Shards), "algorithm %s cannot be searched in parts, only exact can: use --algorithm exact", o.Algorithm)
	}
	if o.Rule == "" {
		o.Rule = o.defaultRule(answers)
	}
	var err error
	if s.Rules, err = parseRules(o.Rule); err != nil {
		return s, err
	}
	if err := s.Confidence.UnmarshalText([]byte(o.Confidence)); err != nil {
		return s, inputf("confidence", o.Confidence, "it is max, margin or entropy")
	}
	if o.Snap == nil {
		o.Snap = new(o.Grid == "" && !o.Paper)
	}
	s.Snap = *o.Snap
	if o.Grid == "" {
		o.Grid = gridFine
		if o.Paper {
			o.Grid = gridPaper
		}
	}
	if s.Grid = o.thresholds; s.Grid == nil {
		if s.Grid, err = readGrid(o.Grid); err != nil {
			return s, err
		}
	}
	if o.Paper && o.MaxModels == 0 && o.Algorithm != "exact" { // exact is limited to 3
		o.MaxModels = paperModels
	}
	s.MaxModels = o.MaxModels
	s.Folds = expectFolds
	if err := o.resolveSelection(&s); err != nil {
		return s, err
	}
	if o.Shortlist < 0 {
		return s, inputf("shortlist", fmt.Sprint(o.Shortlist), "at least one model is searched")
	}
	if o.MinAccuracy > 1 {
		return s, inputf("min-accuracy", fmt.Sprint(o.MinAccuracy), "an accuracy is at most 1 (0.9 is 90 %%)")
	}
	if o.CrossValidate == 1 || o.CrossValidate < 0 {
		return s, inputf("cross-validate", fmt.Sprint(o.CrossValidate), "at least 2 folds are needed; 5 or 10 are usual")
	}
	return s, nil
}

// resolveSelection fills in what cascades are chosen by and how long the search goes on.
func (o *Options) resolveSelection(s *optimize.Options) error {
	published := o.Paper || o.Algorithm != "auto"
	if o.Select == "" {
		o.Select = selectEvidence
		if published {
			o.Select = selectRaw
		}
	}
	switch {
	case !slices.Contains(Selections(), o.Select):
		return inputf("select", o.Select, "it is evidence or raw")
	case o.Select == selectEvidence && published:
		return inputf("select", o.Select, "only algorithm auto, without --paper, chooses by evidence")
	}
	if o.Effort == "" {
		o.Effort = effortNormal
	}
	switch {
	case !slices.Contains(Efforts(), o.Effort):
		return inputf("effort", o.Effort, "it is normal or high")
	case o.Effort == effortHigh && o.Select == selectRaw:
		return inputf("effort", o.Effort, "without evidence a search goes on until its budget is spent or nothing improves: see --evals and --time")
	}
	s.Evidence, s.Thorough = o.Select == selectEvidence, o.Effort == effortHigh
	return nil
}

// readGrid returns the grid of that name, or the one in the file.
func readGrid(name string) (optimize.Grid, error) {
	switch name {
	case gridFine:
		return optimize.FineGrid(), nil
	case gridPaper:
		return optimize.PaperGrid(), nil
	}
	file, err := regular.Open(name)
	if err != nil {
		return nil, inputf("grid", name, "neither fine, paper nor a readable file: %w", err)
	}
	defer file.Close()
	grid, err := optimize.ReadGrid(file)
	if err != nil {
		return nil, inputf("grid", name, "%w", err)
	}
	return grid, nil
}

// MarshalJSON writes the options as run.json has them.
func (o Options) MarshalJSON() ([]byte, error) {
	type plain Options
	return json.Marshal(struct {
		plain
		Time   string `json:"time"`
		Memory int64  `json:"memory"` // bytes
	}{plain(o), o.Time.String(), o.Memory << 20})
}

// required returns the models that every cascade must have, all of which must be
// searched.
func (o *Options) required(models []zoo.Model) (all []string, err error) {
	for _, list := range o.Include {
		names := []string{list}
		if !has(models, list) { // a name may have commas
			names = strings.Split(list, ",")
		}
		for _, name := range names {
			name = strings.TrimSpace(name)
			if err := searched("include", name, models); err != nil {
				return nil, err
			}
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all, nil
}

// searched refuses a name that no searched model has.
func searched(option, name string, models []zoo.Model) error {
	if has(models, name) {
		return nil
	}
	e := &InputError{Option: option, Value: name, Err: errors.New("no searched model has this name")}
	for _, m := range models {
		e.Known = append(e.Known, m.Name)
	}
	return e
}
