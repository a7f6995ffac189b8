package optimize

import (
	"time"

	"github.com/encas-zoo/encas-zoo/front"
)

// A CurvePoint is how good a search's front was at one moment.
type CurvePoint struct {
	Evaluations int64
	Elapsed     time.Duration
	Linear, Log float64 // hypervolumes, over cost and over the logarithm of cost
}

// A recorder draws the curve of a search: a point whenever the evaluations have grown by
// about half since the last one.
type recorder struct {
	start     time.Time
	reference front.Reference
	curve     []CurvePoint
	next      int64 // evaluations at which the next point is due
}

// newRecorder returns a recorder that measures against the given reference, in which a
// zero means its default: that of [front.Compare], for the models as a front.
func newRecorder(reference front.Reference, p *Problem) recorder {
	var errors, costs []float64
	for i, m := range p.models {
		errors, costs = append(errors, 1-float64(p.Correct(i))/float64(p.Samples())), append(costs, m.Cost)
	}
	return recorder{start: time.Now(), reference: reference.Suit(errors, costs)}
}

// elapsed is the time the search has taken, including that before it was resumed.
func (r *recorder) elapsed() time.Duration { return time.Since(r.start) }

// record adds a point for an archive that holds what so many evaluations found. It
// replaces a point of as many evaluations: the last archive is replaced by one from full
// outputs.
func (r *recorder) record(evaluations int64, a *archive) {
	if n := len(r.curve); n > 0 && r.curve[n-1].Evaluations == evaluations {
		r.curve = r.curve[:n-1]
	}
	errors, costs := a.drawn(a.front())
	linear, log := r.reference, r.reference
	linear.Log, log.Log = false, true
	r.curve = append(r.curve, CurvePoint{
		Evaluations: evaluations,
		Elapsed:     r.elapsed(),
		Linear:      front.Hypervolume(errors, costs, linear),
		Log:         front.Hypervolume(errors, costs, log),
	})
	r.next = nextPoint(evaluations)
}

// nextPoint returns at how many evaluations the point after one is due.
func nextPoint(evaluations int64) int64 { return evaluations + evaluations/2 + 1 }
