package optimize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// ErrNothingFeasible is returned, wrapped with the reason, when no cascade meets
// the limits of a search.
var ErrNothingFeasible = errors.New("optimize: no cascade within the limits")

// Options say what to search and for how long. The zero value of a field means
// its default.
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

	Evals   int64         // evaluations to make at the most; 0: the algorithm's default
	Time    time.Duration // to search at the most; 0: no limit
	Seed    uint64
	Threads int   // default: all cores
	Memory  int64 // bytes for cached tables, all threads together; default 1 GiB

	Progress func(Progress) // called a few times a second, from one goroutine

	// Outputs opens a model's full outputs. Where the models' lists leave classes out,
	// the front found with them is worked out again on these: all thresholds of its
	// chains, exactly. It is closed if it is an [io.Closer].
	Outputs func(model string) (cascade.Rows, error)

	// Reference is what the hypervolumes of [Result.Curve] are measured against;
	// default: 40 % error, the costs of the cheapest and the dearest model.
	Reference front.Reference

	// Save is called now and then, and when the search is interrupted, with what
	// Resume takes. An error ends the search.
	Save func(state []byte) error
	// Resume continues a saved search of the same problem with the same options,
	// of which Time, Threads and Memory may differ. The front is that of a search
	// that was never interrupted. A state that does not fit is an [ErrBadState].
	Resume []byte
}

// Progress is how far a search has come.
type Progress struct {
	Done, Total int64  // units of work of the present phase
	Unit        string // what a unit is
	Evaluations int64
	Elapsed     time.Duration
	Correct     int     // most right answers of a cascade within the limits; 0: none yet
	Hypervolume float64 // of what was found, over log cost, as in [CurvePoint]
}

// A Result is what a search found.
type Result struct {
	Algorithm   string
	Front       []front.Point // ascending in cost and in accuracy
	Status      Status
	Proof       Proof
	Evaluations int64 // cascades evaluated, every threshold combination counted
	Elapsed     time.Duration
	// Corrected is how many cascades of the front found with the models' lists have
	// other figures on [Options.Outputs], from which Front is.
	Corrected int
	Curve     []CurvePoint
}

// An algorithm proposes cascades to a search until it is done, its budget is
// spent or ctx ends. It returns what it has proven of the front, if anything.
type algorithm interface {
	maxModels() int // default length of the longest chain
	check(o *Options) error
	run(ctx context.Context, s *search) (Proof, error)
}

var algorithms = map[string]algorithm{
	"auto":        auto{},
	"ensemble":    ensemble{},
	"exact":       exact{},
	"gomea":       gomea{},
	"gomea-exact": gomeaExact{},
	"greedy":      greedy{},
	"nsga2":       nsga2{},
	"random":      random{},
}

// Algorithms returns the names of the search algorithms.
func Algorithms() []string { return slices.Sorted(maps.Keys(algorithms)) }

// A search is one run of an algorithm on a problem.
type search struct {
	*Problem
	Options
	lists     []kernel.Lists // of each model
	costs     []float64      // of each model
	required  []int          // models of Include, ascending
	limits    *limits
	singles   [][]byte          // table of each model alone
	exact     map[string][]byte // tables from full outputs, by set; see refine
	corrected int
	cuts      func(weight uint32) []uint32

	archive     *archive
	workers     []*worker
	evaluations atomic.Int64
	firstUnit   int // of the phase being done; units are numbered over all phases
	nextUnit    int // of the phase after it
	progress    atomic.Pointer[phaseProgress]
	recorder    recorder
	glimpse     glimpse

	// What a search that is resumed goes on from; see settle.
	settledEvaluations int64
	finishedUnits      int
	settledUnits       int
	results            []result        // that an algorithm's choices depend on, in order
	taken              int             // of results, by the algorithm
	own                any             // what else the algorithm wants saved
	resumed            json.RawMessage // and has saved
	saveNext           time.Time
}

// uses reports whether cascades may have a rule.
func (o *Options) uses(rule cascade.Rule) bool { return slices.Contains(o.Rules, rule) }

// Search runs an algorithm and returns the front it found. When ctx ends or the
// time is up the front found so far is returned, marked as interrupted. The
// result depends on the problem and the options but not on Threads or Memory.
func Search(ctx context.Context, p *Problem, o Options) (*Result, error) {
	s, algorithm, err := newSearch(p, o)
	if err != nil {
		return nil, err
	}
	parent := ctx
	if s.Time > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.Time)
		defer cancel()
	}
	stop := s.reportProgress()
	defer stop()
	proof, err := algorithm.run(ctx, s)
	interrupted := err != nil && errors.Is(err, ctx.Err())
	if err != nil && !interrupted {
		return nil, err
	}
	if interrupted {
		if s.Save != nil {
			if err := s.saveState(); err != nil {
				return nil, err
			}
		}
		s.mergeWorkers()
	}
	// What was found is worth this work even where the search was interrupted.
	kept := context.WithoutCancel(parent)
	if s.truncated() {
		if err := s.refine(kept); err != nil {
			return nil, err
		}
	}
	s.recorder.record(s.evaluations.Load(), s.archive)
	r := &Result{
		Algorithm:   s.Algorithm,
		Proof:       proof,
		Evaluations: s.evaluations.Load(),
		Elapsed:     s.recorder.elapsed(),
		Curve:       s.recorder.curve,
		Corrected:   s.corrected,
	}
	if interrupted {
		r.Status = Interrupted
	}
	if r.Front, err = s.pricedFront(kept); err != nil {
		return nil, err
	}
	if len(r.Front) == 0 {
		if parent.Err() != nil {
			return nil, parent.Err()
		}
		return nil, s.nothingFeasible(interrupted)
	}
	return r, nil
}

func newSearch(p *Problem, o Options) (*search, algorithm, error) {
	if o.Algorithm == "" {
		o.Algorithm = "exact"
	}
	algorithm, ok := algorithms[o.Algorithm]
	if !ok {
		return nil, nil, fmt.Errorf("there is no algorithm %q; there are %s", o.Algorithm, strings.Join(Algorithms(), ", "))
	}
	if len(o.Rules) == 0 {
		o.Rules = []cascade.Rule{cascade.RuleMean}
	}
	if o.Grid == nil {
		o.Grid = FineGrid()
	}
	if err := o.Grid.Validate(); err != nil {
		return nil, nil, err
	}
	if o.MaxModels == 0 {
		o.MaxModels = algorithm.maxModels()
	}
	if o.MaxModels < 0 || o.MaxModels > cascade.MaxStages {
		return nil, nil, fmt.Errorf("chains of %d models are not possible, only of 1 to %d", o.MaxModels, cascade.MaxStages)
	}
	if o.MaxCost == 0 {
		o.MaxCost = math.Inf(1)
	}
	if o.MaxWorstCost == 0 {
		o.MaxWorstCost = math.Inf(1)
	}
	if o.MaxParams == 0 {
		o.MaxParams = math.Inf(1)
	}
	o.Include = slices.Compact(slices.Sorted(slices.Values(o.Include)))
	if len(o.Include) > o.MaxModels {
		return nil, nil, fmt.Errorf("%d models must be in every cascade, but cascades have at most %d", len(o.Include), o.MaxModels)
	}
	var required []int
	for _, name := range o.Include {
		m, ok := p.Find(name)
		if !ok {
			return nil, nil, fmt.Errorf("no model named %q, which every cascade must have", name)
		}
		required = append(required, m)
	}
	if !(o.MaxCost > 0) || !(o.MaxWorstCost > 0) || !(o.MaxParams > 0) || !(o.MinAccuracy >= 0) {
		return nil, nil, errors.New("limits on cost and accuracy must be positive numbers")
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = 1 << 30
	}
	if err := algorithm.check(&o); err != nil {
		return nil, nil, err
	}
	if o.uses(cascade.RuleMean) {
		for _, m := range p.models {
			if m.Answers {
				return nil, nil, fmt.Errorf("model %q gives answers without a distribution, which cannot be averaged: search with rule last, or leave it out", m.Name)
			}
		}
	}
	s := &search{Problem: p, Options: o, required: required}
	for i := range p.models {
		s.lists = append(s.lists, p.models[i].Lists)
		s.costs = append(s.costs, p.models[i].Cost)
	}
	var cuts [cascade.MaxStages + 1]func() []uint32
	for w := range cuts {
		cuts[w] = sync.OnceValue(func() []uint32 { return o.Grid.cuts(uint32(w)) })
	}
	s.cuts = func(weight uint32) []uint32 { return cuts[weight]() }
	s.tabulateSingles()
	s.limits = newLimits(p, &o, required)
	s.archive = newArchive(p.Samples(), s.limits)
	s.recorder = newRecorder(o.Reference, p)
	s.saveNext = time.Now().Add(saveEvery)
	if o.Resume != nil {
		if err := s.resumeState(o.Resume); err != nil {
			return nil, nil, err
		}
	}
	return s, algorithm, nil
}

// nothingFeasible explains why the front is empty.
func (s *search) nothingFeasible(interrupted bool) error {
	m := s.models[s.cheapest()]
	searched := "those searched"
	if s.Evals > 0 && !interrupted {
		searched += fmt.Sprintf(" with the budget of %d evaluations", s.Evals)
	}
	switch {
	case m.Cost > s.MaxCost:
		return fmt.Errorf("%w: the cost limit is %g, and the cheapest model, %q, costs %g", ErrNothingFeasible, s.MaxCost, m.Name, m.Cost)
	case m.Cost > s.MaxWorstCost:
		return fmt.Errorf("%w: the limit on the worst-case cost is %g, and the cheapest model, %q, costs %g", ErrNothingFeasible, s.MaxWorstCost, m.Name, m.Cost)
	case len(s.required) > 0 || !math.IsInf(s.MaxParams, 1):
		return fmt.Errorf("%w: none of %s has all the models it must have within the limits on cost and parameters", ErrNothingFeasible, searched)
	case interrupted:
		return fmt.Errorf("%w were found before the time was up", ErrNothingFeasible)
	case s.MinAccuracy > 0:
		return fmt.Errorf("%w: none of %s reaches an accuracy of %g", ErrNothingFeasible, searched, s.MinAccuracy)
	}
	return fmt.Errorf("%w were among %s", ErrNothingFeasible, searched)
}

// pricedFront prices the archive's front.
func (s *search) pricedFront(ctx context.Context) ([]front.Point, error) {
	bound := newOracleBound(s)
	members := s.archive.front()
	points := make([]front.Point, len(members))
	workers := s.workersFor(len(members))
	var wrong atomic.Bool
	s.inPieces(len(members), func(piece, from, to int) {
		w := workers[piece]
		for i := from; i < to; i++ {
			correct, p := members[i], s.archive.plans[members[i]]
			right, reach := w.evaluate(p)
			if right != correct || s.totalCost(p, reach) != s.archive.cost[correct] {
				wrong.Store(true)
				return
			}
			c := s.cascade(p)
			if s.Snap && !s.truncated() {
				c = w.snap(p)
			}
			e := cascade.NewEvaluation(s.stageCosts(p), correct, slices.Clone(reach), s.Samples())
			points[i] = front.Point{Cascade: c, Evaluation: e, Bound: bound.correct(e.Cost, s.Samples())}
		}
	})
	if wrong.Load() {
		return nil, fmt.Errorf("%w: a cascade of it does not do what it says", ErrBadState)
	}
	if s.Snap && s.truncated() {
		if err := s.snapExactly(ctx, points); err != nil {
			return nil, err
		}
	}
	return points, nil
}

// parallel does so many units of work on all threads. work makes a worker's
// function for one unit, which offers to the worker's archive; units are numbered
// from firstUnit and begin in ascending order. A search that is resumed passes
// over those it has finished.
func (s *search) parallel(ctx context.Context, unit string, units int, work func(w *worker) func(unit int)) error {
	return s.parallelBlocks(ctx, unit, units, func(int) int { return units }, work)
}

// parallelLong is parallel for work that takes long: the threads meet, and the
// search settles, each time the units done have about doubled or grown by a part. A
// thread that has nothing left waits for the others then, so there are many units
// between.
func (s *search) parallelLong(ctx context.Context, unit string, units int, work func(w *worker) func(unit int)) error {
	const first, most, parts = 8, 64, 24
	return s.parallelBlocks(ctx, unit, units, func(done int) int { return first + min(done, max(most, units/parts)) }, work)
}

// parallelBlocks is parallel in blocks of units. After so many units block gives
// the number of the next block.
func (s *search) parallelBlocks(ctx context.Context, unit string, units int, block func(done int) int, work func(w *worker) func(unit int)) error {
	s.firstUnit, s.nextUnit = s.nextUnit, s.nextUnit+units
	progress := s.newPhase(unit, units)
	workers := s.workersFor(units)
	do := make([]func(int), len(workers))
	from := max(s.firstUnit, min(s.settledUnits, s.nextUnit))
	for from < s.nextUnit {
		progress.done.Store(int64(from - s.firstUnit))
		to := min(from+block(from-s.firstUnit), s.nextUnit)
		var next atomic.Int64
		next.Store(int64(from))
		var wait sync.WaitGroup
		for i, w := range workers {
			w.archive = s.archive.copy()
			wait.Go(func() {
				if do[i] == nil {
					do[i] = work(w)
				}
				for ctx.Err() == nil {
					u := int(next.Add(1)) - 1
					if u >= to {
						return
					}
					do[i](u)
					progress.done.Add(1)
					s.glimpse.offer(w.archive)
				}
			})
		}
		wait.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
		s.mergeWorkers()
		from, s.finishedUnits = to, to
		if err := s.settle(); err != nil {
			return err
		}
	}
	return nil
}

// workersFor returns the workers for so many units of work, one a thread.
func (s *search) workersFor(units int) []*worker {
	threads := min(s.Threads, units)
	for len(s.workers) < threads {
		s.workers = append(s.workers, s.newWorker())
	}
	return s.workers[:threads]
}

// inPieces calls f for about equal pieces of the numbers 0..n-1, each on a thread of
// its own.
func (s *search) inPieces(n int, f func(piece, from, to int)) {
	pieces := min(s.Threads, n)
	var wait sync.WaitGroup
	for piece := range pieces {
		wait.Go(func() { f(piece, piece*n/pieces, (piece+1)*n/pieces) })
	}
	wait.Wait()
}

// mergeWorkers takes over what the workers have found since they were last
// merged.
func (s *search) mergeWorkers() {
	for _, w := range s.workers {
		if w.archive != nil {
			s.archive.merge(w.archive)
			w.archive = nil
		}
	}
}

// phaseProgress counts the units done of one parallel phase.
type phaseProgress struct {
	unit  string
	total int64
	done  atomic.Int64
}

// newPhase begins the count of another phase.
func (s *search) newPhase(unit string, total int) *phaseProgress {
	p := &phaseProgress{unit: unit, total: int64(total)}
	s.progress.Store(p)
	return p
}

// reportProgress calls Progress a few times a second until the returned function
// is called.
func (s *search) reportProgress() (stop func()) {
	if s.Progress == nil {
		return func() {}
	}
	report := func() {
		if p := s.progress.Load(); p != nil {
			correct, hypervolume := s.glimpse.look(s.recorder.reference)
			s.Progress(Progress{p.done.Load(), p.total, p.unit, s.evaluations.Load(), s.recorder.elapsed(), correct, hypervolume})
		}
	}
	s.glimpse.asked.Store(true)
	ticker := time.NewTicker(200 * time.Millisecond)
	end := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-ticker.C:
				report()
			case <-end:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(end)
		wait.Wait()
		s.glimpse.asked.Store(true) // short searches end before they are asked again
		s.glimpse.offer(s.archive)
		report()
	}
}
