package optimize

import (
	"context"
	"math"
	"slices"
)

// gomeaExact is MO-GOMEA over chains whose thresholds are solved instead of
// searched. A genome has genes for models, as in [coding] but without those for
// thresholds, and one for a rate of exchange: what one wrong answer may cost. Its
// cascade is the best at that rate that sweeps over the thresholds find: each
// threshold is solved over the whole grid while the others stay. Every cascade tried
// on the way is offered. In any but the published space, a model that occurs twice gains
// weight and is paid for once.
func gomeaExact(ctx context.Context, r *run) (Proof, error) {
	c, v := newChainCoding(r), newThresholdSolver(r.newSoleWorker(), r.options.MaxModels)
	v.budget = r.left()
	spent := func() bool { return r.taken == len(r.outcomes) && v.spent() }
	return Proof{}, r.mix(ctx, c.space(), c.decode, spent, func(p plan) outcome { return v.solve(p, c.rate) })
}

const gomeaExactRates = 32

func checkGomeaExact(o *Options) error {
	if o.MaxModels > solvedStages {
		return optionf("max-models", "algorithm gomea-exact solves the thresholds of chains of at most %d models, not %d", solvedStages, o.MaxModels)
	}
	return nil
}

// A chainCoding maps genomes to chains and rates of exchange. It is a coding with one gene
// in the place of those for thresholds.
type chainCoding struct {
	coding
	rates []float64
	rate  float64 // of the genome decoded last: the wrong answers worth one unit of total cost
}

func newChainCoding(r *run) *chainCoding {
	longest, costs := r.options.MaxModels, r.eval.costs
	c := &chainCoding{coding: *newCoding(r)}
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
// let no sample exit early, and whether there is any model.
func (c *chainCoding) decode(genes []uint16) (p plan, ok bool) {
	p = plan{c.rule(genes), c.plan.members[:0], c.plan.exits[:0]}
	longest := c.run.options.MaxModels
	for _, gene := range genes[:longest] {
		if gene == 0 {
			continue
		}
		if !c.run.options.Paper {
			same := func(m member) bool { return m.model == gene-1 }
			if i := slices.IndexFunc(p.members, same); i >= 0 {
				p.members[i].weight++
				continue
			}
		}
		if len(p.members) > 0 {
			p.exits = append(p.exits, uint8(len(c.run.options.Grid)-1))
		}
		p.members = append(p.members, member{gene - 1, 1})
	}
	c.plan, c.rate = p, c.rates[genes[longest]]
	return p, len(p.members) > 0
}
