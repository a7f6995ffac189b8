package optimize

import (
	"context"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/moea"
)

// gomeaExact is MO-GOMEA over chains whose thresholds are solved instead of
// searched. A genome has genes for models, as in [coding] but without those for
// thresholds, and one for a rate of exchange: what one wrong answer may cost. Its
// cascade is the best at that rate that sweeps over the thresholds find: each
// threshold is solved over the whole grid while the others stay. Every cascade tried
// on the way is offered. In any but the published space, a model that occurs twice gains
// weight and is paid for once.
type gomeaExact struct{}

const (
	gomeaExactModels = 6
	gomeaExactEvals  = 50_000_000 // every value of a threshold tried counts
	gomeaExactRates  = 32
)

func (gomeaExact) maxModels() int { return gomeaExactModels }

func (gomeaExact) check(o *Options) error {
	if o.Evals == 0 {
		o.Evals = gomeaExactEvals
	}
	return nil
}

func (gomeaExact) search(ctx context.Context, r *run) (Proof, error) {
	c, v := newChainCoding(r), newThresholdSolver(r.newSoleWorker(), r.options.MaxModels)
	v.budget = r.left()
	return Proof{}, r.mix(ctx, c.space(), func(genes []uint16) (moea.Score, error) {
		p, rate, ok := c.decode(genes)
		if !ok {
			return r.noCascade(), nil
		}
		if r.taken == len(r.outcomes) && v.spent() {
			return moea.Score{}, moea.ErrSpent
		}
		out, err := r.evaluateNext(func() outcome { return v.solve(p, rate) })
		return r.score(p, out), err
	})
}

// A chainCoding maps genomes to chains and rates of exchange. It is a coding with one gene
// in the place of those for thresholds.
type chainCoding struct {
	coding
	paper bool
	last  uint8 // the highest threshold of the grid
	rates []float64
}

func newChainCoding(r *run) *chainCoding {
	longest, costs := r.options.MaxModels, r.eval.costs
	c := &chainCoding{coding: *newCoding(r), paper: r.options.Paper, last: uint8(len(r.options.Grid) - 1)}
	c.alphabet = slices.Delete(c.alphabet, longest, 2*longest-1)
	c.alphabet = slices.Insert(c.alphabet, longest, gomeaExactRates)
	// From one answer for what the most expensive model costs on all samples to one for
	// what the cheapest costs on one sample.
	low := 1 / (slices.Max(costs) * float64(r.eval.samples()))
	high := 1 / slices.Min(costs)
	for i := range gomeaExactRates {
		c.rates = append(c.rates, low*math.Pow(high/low, float64(i)/(gomeaExactRates-1)))
	}
	return c
}

// decode returns the chain of a genome, valid until the next call, with thresholds that
// let no sample exit early, the wrong answers that are worth one unit of total cost, and
// whether there is any model.
func (c *chainCoding) decode(genes []uint16) (p plan, rate float64, ok bool) {
	p = plan{c.rule(genes), c.plan.members[:0], c.plan.exits[:0]}
	for _, gene := range genes[:c.maxModels] {
		if gene == 0 {
			continue
		}
		if !c.paper {
			same := func(m member) bool { return m.model == gene-1 }
			if i := slices.IndexFunc(p.members, same); i >= 0 {
				p.members[i].weight++
				continue
			}
		}
		if len(p.members) > 0 {
			p.exits = append(p.exits, c.last)
		}
		p.members = append(p.members, member{gene - 1, 1})
	}
	c.plan = p
	return p, c.rates[genes[c.maxModels]], len(p.members) > 0
}
