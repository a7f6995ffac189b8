package optimize

import (
	"errors"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// Chains that begin with a model above the limit on the cost are not tried, and what is known never
// lets pass what costs more than that or has too low a score.
func TestExactWithinLimits(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 5, 9, 200, 5)
	costs := slices.Sorted(maps.Values(d.Costs))
	for affordable, cost := range costs {
		o := Options{Algorithm: "exact", MaxModels: 2, Grid: shortGrid, MaxCost: cost, MinAccuracy: 0.3, Threads: 1}
		r, err := Search(t.Context(), p, o)
		if errors.Is(err, ErrNothingFeasible) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		models, begun := len(costs), affordable+1
		pairs := models*(models-1)/2 - (models-begun)*(models-begun-1)/2
		if want := int64(models + 2*len(shortGrid)*pairs); r.Evaluations != want {
			t.Errorf("%d chains tried with %d models within the limit, want %d", r.Evaluations, begun, want)
		}
		run := runOf(t, p, o)
		w := run.newSoleWorker()
		bound := make([]float64, p.Samples()+2)
		run.boundOf(w, bound)
		for score, total := range bound {
			if want := run.limits.total; score < run.limits.correct && !math.IsInf(total, -1) || score >= run.limits.correct && total != want {
				t.Fatalf("with nothing known a score of %d passes at %g, the limit is %g", score, total, want)
			}
		}
	}
}

// BenchmarkPairs offers all pairs of models of the simulated zoo. It reports on how many samples
// of a pair margins leave the answer open, and one in how many pairs has these decided by lists.
func BenchmarkPairs(b *testing.B) {
	r := runOf(b, simulatedProblem(b, 518, 20_683), Options{Algorithm: "exact", MaxModels: 2, Threads: 1})
	if err := r.trySingles(b.Context(), cascade.RuleMean); err != nil {
		b.Fatal(err)
	}
	margins := r.eval.newMargins(cascade.RuleMean, r.options.Memory)
	w := r.newWorker()
	solver := newPairSolver(r, w, cascade.RuleMean, margins)
	var open, decided, pairs int
	for b.Loop() {
		w.archive = r.archive.copy()
		open, decided, pairs = 0, 0, 0
		for _, t := range r.options.tiles(len(r.eval.models)) {
			solver.solve(t)
			b.StopTimer()
			for i, xy := range t.pairs() {
				pairs++
				open += solver.open[i]
				if solver.open[i] > 0 && solver.decided(i, xy) {
					decided++
				}
			}
			b.StartTimer()
		}
	}
	b.ReportMetric(float64(open)/float64(pairs), "open/pair")
	b.ReportMetric(float64(pairs)/float64(decided), "pairs/decided")
}

// decided reports whether lists decided pair number i of the tile solved last, if its margins
// left samples open.
func (p *pairSolver) decided(i int, xy [2]int) bool {
	clear(p.gain(i, 0))
	clear(p.gain(i, 1))
	for from := 0; from < p.run.eval.samples(); from += tileSamples {
		to := min(from+tileSamples, p.run.eval.samples())
		p.load(tile{xy[0], xy[0] + 1, xy[1], xy[1] + 1}, from, to)
		p.judge(i, xy, from, to, false)
	}
	return p.mayImprove(xy[0], xy[1], p.gain(i, 0)) || p.mayImprove(xy[1], xy[0], p.gain(i, 1))
}
