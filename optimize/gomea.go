package optimize

import (
	"context"

	"github.com/encas-zoo/encas-zoo/internal/moea"
)

// gomea is MO-GOMEA ([moea.GOMEA]), the publication's search, over its genomes
// ([coding]). Only genomes not seen before are evaluated and count.
type gomea struct{}

const (
	gomeaModels = 5
	gomeaEvals  = 600_000
)

func (gomea) maxModels() int { return gomeaModels }

func (gomea) check(o *Options) error {
	if o.Evals == 0 {
		o.Evals = gomeaEvals
	}
	return nil
}

func (gomea) search(ctx context.Context, r *run) (Proof, error) {
	c, w := newCoding(r), r.newSoleWorker()
	return Proof{}, r.mix(ctx, c.space(), func(genes []uint16) (moea.Score, error) {
		p, ok := c.decode(genes)
		if !ok {
			return r.noCascade(), nil
		}
		if int64(r.taken) >= r.options.Evals {
			return moea.Score{}, moea.ErrSpent
		}
		out, err := r.evaluateNext(func() outcome { return w.evaluateAndOffer(p, r.archive) })
		return r.score(p, out), err
	})
}

// mix runs MO-GOMEA. evaluate offers what it evaluates to the run's archive.
func (r *run) mix(ctx context.Context, space moea.Space, evaluate func(genes []uint16) (moea.Score, error)) error {
	phase := r.newPhase("evaluations", int(r.options.Evals))
	_, err := moea.GOMEA(ctx, space, r.options.Seed, func(genes []uint16) (moea.Score, error) {
		score, err := evaluate(genes)
		phase.done.Store(r.evaluations.Load())
		return score, err
	})
	return err
}
