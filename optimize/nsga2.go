package optimize

import (
	"context"

	"github.com/encas-zoo/encas-zoo/internal/moea"
)

// nsga2 is NSGA-II ([moea.NSGA2]) over the publication's genomes ([coding]).
// Thresholds are ordered, and genomes without a model are not evaluated.
func nsga2(ctx context.Context, r *run) (Proof, error) {
	c, longest := newCoding(r), r.options.MaxModels
	space := c.space()
	space.Ordered = make([]bool, len(c.alphabet))
	for i := range longest - 1 {
		space.Ordered[longest+i] = true
	}
	space.Valid = func(genes []uint16) bool {
		_, ok := c.decode(genes)
		return ok
	}
	left := r.options.Evals
	_, err := moea.NSGA2(ctx, space, r.options.Seed, func(genomes [][]uint16) ([]moea.Score, error) {
		var spent error
		if left <= int64(len(genomes)) {
			genomes, spent = genomes[:max(left, 0)], moea.ErrSpent
		}
		left -= int64(len(genomes))
		plans := make([]plan, len(genomes))
		for i := range plans {
			p, _ := c.decode(genomes[i])
			plans[i] = p.clone()
		}
		outcomes, err := r.evaluateAll(ctx, "cascades evaluated", plans)
		if err != nil {
			return nil, err
		}
		scores := make([]moea.Score, len(outcomes))
		for i, out := range outcomes {
			scores[i] = r.score(plans[i], out)
		}
		return scores, spent
	})
	return Proof{}, err
}
