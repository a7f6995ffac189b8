package optimize

import (
	"sync"
	"sync/atomic"

	"github.com/encas-zoo/encas-zoo/front"
)

// A glimpse shows what a search has found while its threads are at work, each on an
// archive of its own. Whoever wants to see asks; the next thread that is done with a
// unit leaves its front. A thread that nobody asked pays for one load of a flag.
type glimpse struct {
	asked         atomic.Bool
	mu            sync.Mutex
	errors, costs []float64 // of the front left last
	correct       int       // most right answers of a front left so far
	hypervolume   float64   // the largest seen so far
}

// offer leaves the front of an archive where somebody has asked for one.
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
	g.errors, g.costs, g.correct = errors, costs, max(g.correct, places[len(places)-1])
}

// look returns the best of what was left so far, and asks for more. Until the threads
// meet, one does not know what the other has found: the hypervolume is at least this.
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
