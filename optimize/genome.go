package optimize

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A coding maps genomes to cascades as the publication does. With MaxModels k a
// genome has k genes for models, 0 for none, else the model's number plus 1, then
// k-1 genes for thresholds, numbers into the grid. Threshold j, counted from 1,
// guards the model gene j, counted from 0: the sample goes on to that model
// unless it is more confident, wherever the places without a model are. A model
// that stands twice is averaged and paid twice. Where the search has both rules,
// one more gene tells which.
//
// A genome without any model is no cascade. It violates the limits more than
// every other.
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

// genomes returns how many there are.
func (c *coding) genomes() float64 {
	all := 1.0
	for _, values := range c.alphabet {
		all *= float64(values)
	}
	return all
}

// draw fills genes with values drawn at random, and puts the models that every
// cascade must have in places drawn at random.
func (c *coding) draw(rng *rand.Rand, genes []uint16) {
	for i, values := range c.alphabet {
		genes[i] = uint16(rng.IntN(values))
	}
	if len(c.required) > 0 {
		places := rng.Perm(c.MaxModels)
		for i, m := range c.required {
			genes[places[i]] = uint16(m) + 1
		}
	}
}

// appendGenes appends what names a genome.
func appendGenes(key []byte, genes []uint16) []byte {
	for _, gene := range genes {
		key = append(key, byte(gene), byte(gene>>8))
	}
	return key
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

// A score is what a genome is judged by. Less is better in everything.
type score struct {
	objectives [2]float64 // wrong answers, cost of all samples together
	violation  float64    // of the limits; 0: none
}

// noCascade returns the score of a genome without a model.
func (s *search) noCascade() score {
	samples := float64(s.Samples())
	return score{[2]float64{samples, samples * slices.Max(s.costs)}, math.Inf(1)}
}

// score judges a plan by what its evaluation gave.
func (s *search) score(p plan, r result) score {
	samples := float64(s.Samples())
	excess := func(value, limit float64) float64 { return max(0, value/limit-1) }
	violation := excess(s.worstCost(p), s.MaxWorstCost) + excess(s.params(p), s.MaxParams) +
		excess(r.total/samples, s.MaxCost) + max(0, s.MinAccuracy-float64(r.correct)/samples)
	for _, m := range s.required {
		if !p.has(m) {
			violation++
		}
	}
	return score{[2]float64{samples - float64(r.correct), r.total}, violation}
}

// dominates reports whether a is better than b: within the limits or closer to
// them, and else no worse in both objectives and better in one.
func (a score) dominates(b score) bool {
	if a.violation > 0 || b.violation > 0 {
		return a.violation < b.violation
	}
	return a.objectives[0] <= b.objectives[0] && a.objectives[1] <= b.objectives[1] && a.objectives != b.objectives
}

// compareIn compares two scores in one objective alone: it is negative where a is
// better and 0 where they are equal.
func (a score) compareIn(objective int, b score) int {
	switch {
	case a.violation < b.violation:
		return -1
	case a.violation > b.violation:
		return 1
	case a.objectives[objective] < b.objectives[objective]:
		return -1
	case a.objectives[objective] > b.objectives[objective]:
		return 1
	}
	return 0
}
