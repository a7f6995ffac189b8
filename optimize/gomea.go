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

func (gomea) run(ctx context.Context, s *search) (proof Proof, err error) {
	c, w := newCoding(s), s.newSoleWorker()
	return Proof{}, s.mix(ctx, c.space(), func(genes []uint16) (moea.Score, error) {
		p, ok := c.decode(genes)
		if !ok {
			return s.noCascade(), nil
		}
		if int64(s.taken) >= s.Evals {
			return moea.Score{}, moea.ErrSpent
		}
		r, err := s.evaluateNext(func() result { return w.evaluateAndOffer(p, s.archive) })
		return s.score(p, r), err
	})
}

// mix runs MO-GOMEA. evaluate offers what it evaluates to the search's archive.
func (s *search) mix(ctx context.Context, space moea.Space, evaluate func(genes []uint16) (moea.Score, error)) error {
	progress := &phaseProgress{unit: "evaluations", total: s.Evals}
	s.progress.Store(progress)
	_, err := moea.GOMEA(ctx, space, s.Seed, func(genes []uint16) (moea.Score, error) {
		score, err := evaluate(genes)
		progress.done.Store(s.evaluations.Load())
		return score, err
	})
	return err
}
