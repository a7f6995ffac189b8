package optimize

import (
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

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
