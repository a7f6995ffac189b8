package optimize

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/moea"
)

// A coding maps genomes to cascades as the publication does. With MaxModels k a
// genome has k genes for models, 0 for none, else the model's number plus 1, then
// k-1 genes for thresholds, numbers into the grid. Threshold j, counted from 1,
// guards the model gene j, counted from 0: the sample goes on to that model
// unless it is more confident, no matter which places have no model. A model that
// occurs twice is averaged and paid for twice. If the search has both rules, one more
// gene is the rule.
//
// A genome without any model is no cascade. It violates the limits more than
// any other.
type coding struct {
	*search
	alphabet []int // values of each gene
	plan     plan  // of the genome decoded last
}

func newCoding(s *search) *coding {
	c := &coding{search: s}
	for range s.MaxModels {
		c.alphabet = append(c.alphabet, len(s.models)+1)
	}
	for range s.MaxModels - 1 {
		c.alphabet = append(c.alphabet, len(s.Grid))
	}
	if rules := len(s.Rules); rules > 1 {
		c.alphabet = append(c.alphabet, rules)
	}
	return c
}

// space returns the genomes of the coding. Those drawn at random have the models that
// every cascade must have, in places drawn at random.
func (c *coding) space() moea.Space {
	space := moea.Space{Alphabet: c.alphabet}
	if len(c.required) > 0 {
		space.Amend = func(rng *rand.Rand, genes []uint16) {
			places := rng.Perm(c.MaxModels)
			for i, m := range c.required {
				genes[places[i]] = uint16(m) + 1
			}
		}
	}
	return space
}

// decode returns the plan of a genome, which is valid until the next call, and
// whether it has any model.
func (c *coding) decode(genes []uint16) (p plan, ok bool) {
	rules := c.Rules
	p = plan{rules[0], c.plan.members[:0], c.plan.exits[:0]}
	if len(rules) > 1 {
		p.rule = rules[genes[len(genes)-1]]
	}
	for place, gene := range genes[:c.MaxModels] {
		if gene == 0 {
			continue
		}
		if len(p.members) > 0 {
			p.exits = append(p.exits, uint8(genes[c.MaxModels+place-1]))
		}
		p.members = append(p.members, member{gene - 1, 1})
	}
	c.plan = p
	return p, len(p.members) > 0
}

// noCascade returns the score of a genome without a model.
func (s *search) noCascade() moea.Score {
	samples := float64(s.Samples())
	return moea.Score{Objectives: [2]float64{samples, samples * slices.Max(s.costs)}, Violation: math.Inf(1)}
}

// score judges a plan by what its evaluation gave. Its objectives are wrong answers and
// the cost of all samples together.
func (s *search) score(p plan, r result) moea.Score {
	samples := float64(s.Samples())
	excess := func(value, limit float64) float64 { return max(0, value/limit-1) }
	violation := excess(s.limits.worstCost(p), s.MaxWorstCost) + excess(s.limits.paramsOf(p), s.MaxParams) +
		max(0, s.MinAccuracy-float64(r.correct)/samples)
	if r.total > s.limits.total {
		violation += excess(r.total/samples, s.MaxCost)
	}
	for _, m := range s.required {
		if !p.has(m) {
			violation++
		}
	}
	return moea.Score{Objectives: [2]float64{samples - float64(r.correct), r.total}, Violation: violation}
}
