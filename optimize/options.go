package optimize

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// DefaultMemory is how many bytes cached tables and margins take by default.
const DefaultMemory = 1 << 30

// Options say what to search and for how long. The zero value of a field means its
// default.
type Options struct {
	Algorithm    string             // one of [Algorithms]; default exact
	Rules        []cascade.Rule     // how stages combine, each cascade by one of them; default cascade.RuleMean
	Confidence   cascade.Confidence // what thresholds are compared with; default cascade.MaxProbability
	Grid         Grid               // thresholds; default [FineGrid]
	Snap         bool               // move the thresholds found into the gaps between samples
	Paper        bool               // the published space: a model may repeat and is paid again
	MaxModels    int                // longest chain; default depends on the algorithm
	MaxCost      float64            // of the mean sample; 0: no limit
	MaxWorstCost float64            // sum over all members; 0: no limit
	MaxParams    float64            // sum over the distinct members; 0: no limit
	Include      []string           // models that every cascade must have, in any order
	MinAccuracy  float64            // share of samples; 0: no limit

	// Evidence has the search choose by what is likely to hold on other samples, instead
	// of by the most correct answers on these: see [Settings]. For algorithm auto. It ends
	// when more would not be told apart from what was found. MinAccuracy is then what is
	// expected on other samples.
	Evidence bool
	// Thorough has a search by evidence go on until nothing improves.
	Thorough bool
	// Folds, if not 0, is how many times the search is repeated without a part of the
	// samples, 2 or more, to see what it is worth there: see [Result.Front].
	Folds int

	Evals   int64         // most evaluations to make; 0: the algorithm's default
	Time    time.Duration // longest time to search, about, with Folds and full outputs; 0: no limit
	Seed    uint64
	Threads int   // default: all cores
	Memory  int64 // bytes for cached tables and margins, all threads together; default [DefaultMemory]

	Progress func(Progress) // called a few times a second, from one goroutine

	// Outputs opens a model's full outputs. If the models' lists leave classes out, the
	// front found with them is worked out again on these: all thresholds of its chains,
	// exactly. What it returns is closed if it is an [io.Closer].
	Outputs func(model string) (cascade.Rows, error)

	// Reference is what the hypervolumes of [Result.Curve] are measured against; default:
	// 40 % error, and the costs of the cheapest and the most expensive model, unless all
	// models lie beyond that: see [front.Compare].
	Reference front.Reference

	// Save is called now and then, and when the search is interrupted, with what
	// Resume takes. An error ends the search.
	Save func(state []byte) error
	// SaveAtEnd has a search saved that is done: what follows it may be interrupted.
	SaveAtEnd bool
	// Resume continues a saved search of the same problem with the same options, of
	// which Time, Threads and Memory may differ. The front is that of a search that was
	// never interrupted. A state that does not fit is an [ErrBadState].
	Resume []byte

	// Shard and Shards, if the latter is not 0, have algorithm exact try a part of the chains, part
	// Shard of Shards from 0. Its front is what was found there, on the models' lists and without
	// bounds and Folds; it may be empty. Save is called at the end, too.
	Shard, Shards int
	// Join yields what Save was last given by parts of the search, whose other options are the same,
	// or an error, which ends the search. The front is that of a search that was not cut, if all parts
	// are there and finished; else [Result.Parts] says so. A part that does not fit is an
	// [ErrBadPart]. Time is from the start on, but joining is not cut short.
	Join iter.Seq2[[]byte, error]

	charge     int     // see limits
	leastReach int     // see limits
	overCost   float64 // how many times MaxCost is let pass; 0: once
	patience   patience
	end        time.Time // of all of it, by the limit on time; zero: none
}

// Progress is how far a search has come.
type Progress struct {
	Done, Total int64  // units of work of the present phase
	Unit        string // what a unit is
	Evaluations int64
	Elapsed     time.Duration
	Correct     int     // most correct answers of a cascade within the limits; 0: none yet
	Hypervolume float64 // of what was found, over log cost, as in [CurvePoint]
}

// uses reports whether cascades may have a rule.
func (o *Options) uses(rule cascade.Rule) bool { return slices.Contains(o.Rules, rule) }

// An OptionError is about an option that the algorithm cannot use, or not with the others.
type OptionError struct {
	Option string // as flags have it, such as max-models
	Err    error
}

func (e *OptionError) Error() string { return e.Err.Error() }

func (e *OptionError) Unwrap() error { return e.Err }

func optionf(option, format string, args ...any) error {
	return &OptionError{option, fmt.Errorf(format, args...)}
}

// Check reports what Search would refuse of any problem, mostly as an [OptionError].
func (o Options) Check() error {
	_, err := o.complete()
	return err
}

// complete fills in defaults, checks the options and returns their algorithm.
func (o *Options) complete() (*algorithm, error) {
	if o.Algorithm == "" {
		o.Algorithm = "exact"
	}
	algorithm, ok := algorithms[o.Algorithm]
	if !ok {
		return nil, fmt.Errorf("there is no algorithm %q; there are %s", o.Algorithm, strings.Join(Algorithms(), ", "))
	}
	if len(o.Rules) == 0 {
		o.Rules = []cascade.Rule{cascade.RuleMean}
	}
	if o.Grid == nil {
		o.Grid = FineGrid()
	}
	if err := o.Grid.Validate(); err != nil {
		return nil, err
	}
	if o.MaxModels == 0 {
		o.MaxModels = algorithm.maxModels
	}
	if o.Evals == 0 {
		o.Evals = algorithm.evals
	}
	if o.MaxModels < 0 || o.MaxModels > cascade.MaxStages {
		return nil, optionf("max-models", "chains of %d models are not possible, only of 1 to %d", o.MaxModels, cascade.MaxStages)
	}
	for _, limit := range []*float64{&o.MaxCost, &o.MaxWorstCost, &o.MaxParams} {
		if *limit == 0 {
			*limit = math.Inf(1)
		}
	}
	if o.Folds < 0 || o.Folds == 1 {
		return nil, fmt.Errorf("%d folds are not possible, only 2 or more", o.Folds)
	}
	if !(o.MaxCost > 0) || !(o.MaxWorstCost > 0) || !(o.MaxParams > 0) || !(o.MinAccuracy >= 0) {
		return nil, errors.New("limits on cost and accuracy must be positive numbers")
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	if err := o.checkParts(); err != nil {
		return nil, err
	}
	o.Include = slices.Compact(slices.Sorted(slices.Values(o.Include)))
	if len(o.Include) > o.MaxModels {
		return nil, optionf("include", "%d models must be in every cascade, but cascades have at most %d", len(o.Include), o.MaxModels)
	}
	if algorithm.check == nil {
		return algorithm, nil
	}
	return algorithm, algorithm.check(o)
}

// required checks that a problem can be searched with completed options, and returns the
// numbers of the models that every cascade must have, ascending.
func (o *Options) required(p *Problem) ([]int, error) {
	var required []int
	for _, name := range o.Include {
		m, ok := p.Find(name)
		if !ok {
			return nil, fmt.Errorf("no model named %q, which every cascade must have", name)
		}
		required = append(required, m)
	}
	for _, m := range p.models {
		if m.Answers && o.uses(cascade.RuleMean) {
			return nil, fmt.Errorf("model %q gives answers without a distribution, which cannot be averaged: search with rules last and vote, or leave it out", m.Name)
		}
	}
	return required, nil
}
