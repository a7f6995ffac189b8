package optimize

import (
	"context"
	"encoding/json"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/crash"
)

// A run is one execution of an algorithm on a problem: its options, what it evaluates
// cascades with, what it has found and how far it has come.
type run struct {
	problem *Problem
	options Options // with defaults filled in
	limits  *limits
	eval    *evaluator
	archive *archive
	workers []*worker

	evaluations   atomic.Int64
	firstUnit     int // of the present phase; units are numbered over all phases
	nextUnit      int // of the phase after it
	finishedUnits int
	parts         *front.Parts // of those that were joined, if some are missing

	phase    atomic.Pointer[phase]
	recorder recorder
	glimpse  glimpse

	// What a run that is resumed continues from; see reachCheckpoint.
	outcomes   []outcome // that the algorithm's choices depend on, in order
	taken      int       // of the outcomes, by the algorithm
	own        any       // what else the algorithm wants saved
	resumed    json.RawMessage
	checkpoint checkpoint
	saveNext   time.Time
}

// newRun returns a run that has not begun and the algorithm it is of.
func newRun(p *Problem, o Options) (*run, *algorithm, error) {
	algorithm, err := o.complete()
	if err != nil {
		return nil, nil, err
	}
	required, err := o.required(p)
	if err != nil {
		return nil, nil, err
	}
	r := &run{
		problem:  p,
		options:  o,
		limits:   newLimits(p, &o, required),
		eval:     newEvaluator(p, o.Grid, o.Confidence, o.uses(cascade.RuleVote)),
		recorder: newRecorder(o.Reference, p),
		saveNext: time.Now().Add(saveEvery),
	}
	r.eval.tabulateSingles(r.options.Threads)
	r.eval.keepStances(o.Memory / stancesShare)
	r.archive = newArchive(p.Samples(), r.limits)
	if o.Resume != nil {
		if err := r.resume(o.Resume); err != nil {
			return nil, nil, err
		}
	}
	return r, algorithm, nil
}

// truncated reports whether there are full outputs that have more than the lists.
func (r *run) truncated() bool { return r.options.Outputs != nil && !r.eval.complete() }

// left returns how many evaluations the budget has left. It is the same for a run that
// is resumed only at checkpoints.
func (r *run) left() int64 {
	if r.options.Evals == 0 {
		return math.MaxInt64
	}
	return r.options.Evals - r.evaluations.Load()
}

// stancesShare is the part of the memory that may go to the models' stances.
const stancesShare = 4

// cacheMemory is the memory that is left for caches once there are stances.
func (r *run) cacheMemory() int64 {
	if r.eval.stances == nil {
		return r.options.Memory
	}
	return r.options.Memory - r.eval.stancesBytes()
}

// newWorker returns a worker with a thread's share of the memory.
func (r *run) newWorker() *worker {
	memory := r.cacheMemory() / int64(r.options.Threads)
	return r.eval.newWorker(memory/2, memory/2, &r.evaluations)
}

// pieceSamples is how many samples a piece of a table has at the least: fewer are not
// worth a thread's while.
const pieceSamples = 8192

// newSoleWorker returns a worker for an algorithm that has no other: it has all the memory,
// makes large tables on all threads, and offers to the run's archive.
func (r *run) newSoleWorker() *worker {
	tables, sums := r.cacheMemory(), int64(0)
	if r.eval.confidence != cascade.MaxProbability { // tables are made from sums then
		tables, sums = tables/2, tables/2
	}
	w := r.eval.newWorker(tables, sums, &r.evaluations)
	if r.eval.confidence == cascade.MaxProbability {
		w.pieces = min(r.options.Threads, r.eval.samples()/pieceSamples)
	}
	w.archive = r.archive
	return w
}

// parallel does so many units of work on all threads. work makes a worker's function for
// one unit, numbered from 0, which offers to the worker's archive; units begin in
// ascending order. A run that is resumed passes over those it has finished.
func (r *run) parallel(ctx context.Context, unit string, units int, work func(w *worker) func(unit int)) error {
	return r.parallelBlocks(ctx, unit, units, func(int) int { return units }, work)
}

// parallelLong is parallel for work that takes long: the threads meet, and there is a
// checkpoint, each time the units done have about doubled or grown by a part. A thread
// that has nothing left waits for the others then, so there are many units between.
func (r *run) parallelLong(ctx context.Context, unit string, units int, work func(w *worker) func(unit int)) error {
	const first, most, parts = 8, 64, 24
	return r.parallelBlocks(ctx, unit, units, func(done int) int { return first + min(done, max(most, units/parts)) }, work)
}

// parallelBlocks is parallel in blocks of units. After so many units block gives the
// number of the next block.
func (r *run) parallelBlocks(ctx context.Context, unit string, units int, block func(done int) int, work func(w *worker) func(unit int)) error {
	r.firstUnit, r.nextUnit = r.nextUnit, r.nextUnit+units
	phase := r.newPhase(unit, units)
	workers := r.workersFor(units)
	do := make([]func(int), len(workers))
	for from := min(max(r.checkpoint.units-r.firstUnit, 0), units); from < units; {
		phase.done.Store(int64(from))
		to := min(from+block(from), units)
		var next atomic.Int64
		next.Store(int64(from))
		var wait sync.WaitGroup
		for i, w := range workers {
			w.archive, w.ctx = r.archive.copy(), ctx
			wait.Go(func() {
				defer crash.Guard()()
				if do[i] == nil {
					do[i] = work(w)
				}
				for ctx.Err() == nil {
					u := int(next.Add(1)) - 1
					if u >= to {
						return
					}
					do[i](u)
					phase.done.Add(1)
					r.glimpse.offer(w.archive)
				}
			})
		}
		wait.Wait()
		if err := ctx.Err(); err != nil {
			return err
		}
		r.mergeWorkers()
		from, r.finishedUnits = to, r.firstUnit+to
		if err := r.reachCheckpoint(); err != nil {
			return err
		}
	}
	return nil
}

// workersFor returns the workers for so many units of work, one a thread.
func (r *run) workersFor(units int) []*worker {
	threads := min(r.options.Threads, units)
	for len(r.workers) < threads {
		r.workers = append(r.workers, r.newWorker())
	}
	return r.workers[:threads]
}

// mergeWorkers takes over what the workers have found since they were last merged.
func (r *run) mergeWorkers() {
	for _, w := range r.workers {
		if w.archive != nil {
			r.archive.merge(w.archive)
			w.archive = nil
		}
	}
}
