package optimize

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/crash"
)

// A phase counts the units done of one part of a search.
type phase struct {
	unit  string // what a unit is
	total int64
	done  atomic.Int64
}

// newPhase begins another phase.
func (r *run) newPhase(unit string, total int) *phase {
	p := &phase{unit: unit, total: int64(total)}
	r.phase.Store(p)
	return p
}

// reportProgress calls Progress a few times a second until the returned function is
// called.
func (r *run) reportProgress() (stop func()) {
	if r.options.Progress == nil {
		return func() {}
	}
	report := func() {
		if p := r.phase.Load(); p != nil {
			correct, hypervolume := r.glimpse.look(r.recorder.reference)
			r.options.Progress(Progress{p.done.Load(), p.total, p.unit, r.evaluations.Load(), r.recorder.elapsed(), correct, hypervolume})
		}
	}
	r.glimpse.asked.Store(true)
	ticker := time.NewTicker(200 * time.Millisecond)
	end := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		defer crash.Guard()()
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
		r.glimpse.asked.Store(true) // short searches end before they are asked again
		r.glimpse.offer(r.archive)
		report()
	}
}

// A glimpse shows what a search has found while its threads are at work, each on an
// archive of its own. Whoever wants to see asks; the next thread that finishes a unit
// leaves its front. If nobody asked, that costs a thread one load of a flag.
type glimpse struct {
	asked         atomic.Bool
	mu            sync.Mutex
	errors, costs []float64 // of the front left last
	correct       int       // most correct answers of a front left so far
	hypervolume   float64   // the largest seen so far
}

// offer leaves the front of an archive if somebody has asked for one.
func (g *glimpse) offer(a *archive) {
	if !g.asked.Load() || !g.asked.CompareAndSwap(true, false) {
		return
	}
	places := a.front()
	if len(places) == 0 {
		return
	}
	errors, costs := a.drawn(places)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.errors, g.costs = errors, costs
	for _, score := range places {
		g.correct = max(g.correct, a.correct(score))
	}
}

// look returns the best of what was left so far, and asks for more. Until the threads
// meet, none knows what the others have found: the hypervolume is at least this.
func (g *glimpse) look(r front.Reference) (correct int, hypervolume float64) {
	g.asked.Store(true)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.errors != nil {
		r.Log = true
		g.hypervolume = max(g.hypervolume, front.Hypervolume(g.errors, g.costs, r))
		g.errors, g.costs = nil, nil
	}
	return g.correct, g.hypervolume
}
