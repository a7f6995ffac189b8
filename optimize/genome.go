package optimize

import (
	"math/rand/v2"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/moea"
)

// A coding maps genomes to cascades as the publication does. With MaxModels k a
// genome has k genes for models, 0 for none, else the model's number plus 1, then
// k-1 genes for thresholds, numbers into the grid. Threshold j, counted from 1,
// guards the model gene j, counted from 0: the sample goes on to that model
// unless it is more confident, whichever places have no model. A model that
// occurs twice is averaged and paid for twice. If the search has several rules, one
// more gene is the rule.
//
// A genome without any model is no cascade. It violates the limits more than
// any other.
type coding struct {
	run      *run
	alphabet []int // values of each gene
	plan     plan  // of the genome decoded last
}

func newCoding(r *run) *coding {
	o := &r.options
	c := &coding{run: r}
	for range o.MaxModels {
		c.alphabet = append(c.alphabet, len(r.eval.models)+1)
	}
	for range o.MaxModels - 1 {
		c.alphabet = append(c.alphabet, len(o.Grid))
	}
	if rules := len(o.Rules); rules > 1 {
		c.alphabet = append(c.alphabet, rules)
	}
	return c
}

// space returns the genomes of the coding. Those drawn at random have the models that
// every cascade must have, in places drawn at random.
func (c *coding) space() moea.Space {
	space := moea.Space{Alphabet: c.alphabet}
	if required := c.run.limits.required; len(required) > 0 {
		space.Amend = func(rng *rand.Rand, genes []uint16) {
			places := rng.Perm(c.run.options.MaxModels)
			for i, m := range required {
				genes[places[i]] = uint16(m) + 1
			}
		}
	}
	return space
}

// rule returns the rule of a genome.
func (c *coding) rule(genes []uint16) cascade.Rule {
	if len(c.run.options.Rules) > 1 {
		return c.run.options.Rules[genes[len(genes)-1]]
	}
	return c.run.options.Rules[0]
}

// decode returns the plan of a genome, which is valid until the next call, and whether it
// has any model.
func (c *coding) decode(genes []uint16) (p plan, ok bool) {
	p = plan{c.rule(genes), c.plan.members[:0], c.plan.exits[:0]}
	longest := c.run.options.MaxModels
	for place, gene := range genes[:longest] {
		if gene == 0 {
			continue
		}
		if len(p.members) > 0 {
			p.exits = append(p.exits, uint8(genes[longest+place-1]))
		}
		p.members = append(p.members, member{gene - 1, 1})
	}
	c.plan = p
	return p, len(p.members) > 0
}

// score judges a plan by what its evaluation gave. Its objectives are wrong answers and the
// cost of all samples together. Stages that no sample reaches count here: a genome has
// them, and changing it brings them into use.
func (r *run) score(p plan, out outcome) moea.Score {
	samples, o := float64(r.eval.samples()), &r.options
	excess := func(value, limit float64) float64 { return max(0, value/limit-1) }
	violation := excess(r.limits.worstCost(p), o.MaxWorstCost) + excess(r.limits.paramsOf(p), o.MaxParams)
	if out.total > r.limits.total {
		violation += excess(out.total/samples, o.MaxCost)
	}
	violation += max(0, o.MinAccuracy-float64(out.correct)/samples)
	for _, m := range r.limits.required {
		if !p.has(m) {
			violation++
		}
	}
	return moea.Score{Objectives: [2]float64{samples - float64(out.correct), out.total}, Violation: violation}
}
