package optimize

import (
	"context"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/moea"
)

// gomea is MO-GOMEA ([moea.GOMEA]), the publication's search, over its genomes
// ([coding]). Only genomes not seen before are evaluated and count.
func gomea(ctx context.Context, r *run) (Proof, error) {
	c, w := newCoding(r), r.newSoleWorker()
	spent := func() bool { return int64(r.taken) >= r.options.Evals }
	return Proof{}, r.mix(ctx, c.space(), c.decode, spent, func(p plan) outcome { return w.evaluateAndOffer(p, r.archive) })
}

// mix runs MO-GOMEA over genomes that decode makes plans of, until spent. evaluate offers
// what it evaluates to the run's archive.
func (r *run) mix(ctx context.Context, space moea.Space, decode func(genes []uint16) (plan, bool), spent func() bool, evaluate func(p plan) outcome) error {
	phase := r.newPhase("evaluations", int(r.options.Evals))
	samples := float64(r.eval.samples())
	none := moea.Score{Objectives: [2]float64{samples, samples * slices.Max(r.eval.costs)}, Violation: math.Inf(1)}
	_, err := moea.GOMEA(ctx, space, r.options.Seed, func(genes []uint16) (moea.Score, error) {
		p, ok := decode(genes)
		if !ok {
			return none, nil
		}
		if spent() {
			return moea.Score{}, moea.ErrSpent
		}
		out, err := r.evaluateNext(func() outcome { return evaluate(p) })
		phase.done.Store(r.evaluations.Load())
		return r.score(p, out), err
	})
	return err
}
