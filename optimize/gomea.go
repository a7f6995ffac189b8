package optimize

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
)

// gomea is MO-GOMEA, the publication's search (Luong, La Poutré, Bosman:
// Multi-objective Gene-pool Optimal Mixing Evolutionary Algorithm with the
// interleaved multi-start scheme, Swarm and Evolutionary Computation, 2018).
// Populations of growing size take turns; in each, solutions are clustered in
// objective space, every cluster learns which genes belong together, and
// offspring take such genes over from other members one set at a time, keeping
// what does no harm. It sees cascades as genomes ([coding]). Only genomes not
// seen before are evaluated and count.
type gomea struct{}

const (
	gomeaModels      = 5
	gomeaEvals       = 600_000
	gomeaPopulations = 20
	gomeaSmallest    = 8 // solutions of the first population; each later one has twice as many
	gomeaClusters    = 3 // of the first population; each later one has one more
	gomeaElite       = 10_000

	// gomeaIdle is after how many known genomes in a row the space is taken to
	// hold no others.
	gomeaIdle = 100_000
)

func (gomea) maxModels() int { return gomeaModels }

func (gomea) check(o *Options) error {
	if o.Evals == 0 {
		o.Evals = gomeaEvals
	}
	return nil
}

func (gomea) run(ctx context.Context, s *search) (proof string, err error) {
	c, w := newCoding(s), s.newSoleWorker()
	return "", newMixer(ctx, c, func(genes []uint16) (score, error) {
		p, ok := c.decode(genes)
		if !ok {
			return s.noCascade(), nil
		}
		if int64(s.taken) >= s.Evals {
			return score{}, errSpent
		}
		r, err := s.evaluateNext(func() result { return w.evaluateAndOffer(s.nextUnit, p, s.archive) })
		return s.score(p, r), err
	}).run()
}

// errSpent ends a mixer whose budget or space is spent.
var errSpent = errors.New("the budget is spent")

// A mixer is one run of MO-GOMEA.
type mixer struct {
	*coding
	ctx         context.Context
	evaluate    func(genes []uint16) (score, error)
	rng         *rand.Rand
	progress    *phaseProgress
	elite       elite
	changed     bool             // the elite has admitted a new member
	known       map[string]score // of genomes evaluated
	space       float64          // how many genomes there are
	key         []byte
	idle        int // known genomes met since the last new one
	populations []*population
}

type population struct {
	genomes    [][]uint16
	scores     []score
	ranges     [2]float64
	stretch    int // generations in a row that have not changed the elite
	generation int
}

// newMixer returns one for the genomes of a coding. evaluate may end the run with
// errSpent.
func newMixer(ctx context.Context, c *coding, evaluate func(genes []uint16) (score, error)) *mixer {
	g := &mixer{
		coding:   c,
		ctx:      ctx,
		evaluate: evaluate,
		rng:      rand.New(rand.NewPCG(c.Seed, 0)),
		progress: &phaseProgress{unit: "evaluations", total: c.Evals},
		elite:    elite{target: gomeaElite},
		known:    make(map[string]score),
		space:    c.genomes(),
	}
	c.search.progress.Store(g.progress)
	return g
}

// run iterates until the budget or the space is spent.
func (g *mixer) run() error {
	for {
		if err := g.sweep(); errors.Is(err, errSpent) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// sweep lets the populations take their turns: each iterates once for every two
// iterations of the one before.
func (g *mixer) sweep() error {
	for i := range gomeaPopulations {
		if i == len(g.populations) {
			g.populations = append(g.populations, &population{})
		}
		p := g.populations[i]
		iterate := g.generation
		if p.generation == 0 {
			iterate = g.initialise
		}
		if err := iterate(p, i); err != nil {
			return err
		}
		p.setRanges()
		if p.generation++; p.generation%2 != 0 {
			break
		}
	}
	return nil
}

func (g *mixer) initialise(p *population, index int) error {
	size := gomeaSmallest << index
	for range size {
		genes := make([]uint16, len(g.alphabet))
		g.draw(g.rng, genes)
		s, err := g.judge(genes)
		if err != nil {
			return err
		}
		g.elite.offer(genes, s, false)
		p.genomes, p.scores = append(p.genomes, genes), append(p.scores, s)
	}
	return nil
}

func (p *population) setRanges() {
	for o := range p.ranges {
		low, high := math.Inf(1), math.Inf(-1)
		for _, s := range p.scores {
			low, high = min(low, s.objectives[o]), max(high, s.objectives[o])
		}
		p.ranges[o] = high - low
		if high == low {
			p.ranges[o] = 1
		}
	}
}

// generation replaces every solution by its offspring.
func (g *mixer) generation(p *population, index int) error {
	clusters := makeClusters(g.rng, p.scores, p.ranges, gomeaClusters+index)
	for c := range clusters {
		var genomes [][]uint16
		for _, i := range clusters[c].members {
			genomes = append(genomes, p.genomes[i])
		}
		clusters[c].subsets = linkageTree(g.rng, genomes)
	}
	g.changed = false
	genomes, scores := make([][]uint16, len(p.genomes)), make([]score, len(p.genomes))
	of := newMembership(clusters, p)
	for i := range p.genomes {
		var err error
		if genomes[i], scores[i], err = g.offspring(p, i, &clusters[of.draw(g.rng, i)]); err != nil {
			return err
		}
	}
	if p.stretch++; g.changed {
		p.stretch = 0
	}
	p.genomes, p.scores = genomes, scores
	g.elite.adapt()
	return nil
}

// offspring mixes a copy of a solution with donors from its cluster.
func (g *mixer) offspring(p *population, parent int, c *cluster) ([]uint16, score, error) {
	genes, current := slices.Clone(p.genomes[parent]), p.scores[parent]
	try := make([]uint16, len(genes))
	accepted := false
	for _, k := range g.rng.Perm(len(c.subsets)) {
		donor := p.genomes[c.members[g.rng.IntN(len(c.members))]]
		if !mix(try, genes, donor, c.subsets[k]) {
			continue
		}
		s, admission, err := g.judgeAndOffer(try)
		if err != nil {
			return nil, score{}, err
		}
		var accept bool
		if c.single >= 0 {
			accept = s.compareIn(c.single, current) <= 0
		} else {
			accept = s == current || s.dominates(current) || admission == admitted || admission == occupied && !g.elite.dominates(s)
		}
		if accept {
			genes, try, current = try, genes, s
			accepted = true
		}
	}
	if !accepted || p.stretch > 1+int(math.Log10(float64(len(p.genomes)))) {
		return g.force(genes, current, c)
	}
	return genes, current, nil
}

// force mixes a solution with members of the elite until that improves it, or
// else replaces it by one.
func (g *mixer) force(genes []uint16, current score, c *cluster) ([]uint16, score, error) {
	member := func() *eliteMember { return &g.elite.members[g.rng.IntN(len(g.elite.members))] }
	if c.single >= 0 {
		// A copy, because the elite changes.
		best := *g.elite.best(c.single)
		best.genes = slices.Clone(best.genes)
		member = func() *eliteMember { return &best }
	}
	try := make([]uint16, len(genes))
	for _, k := range g.rng.Perm(len(c.subsets)) {
		if !mix(try, genes, member().genes, c.subsets[k]) {
			continue
		}
		s, admission, err := g.judgeAndOffer(try)
		if err != nil {
			return nil, score{}, err
		}
		var accept bool
		if c.single >= 0 {
			accept = s.compareIn(c.single, current) < 0
		} else {
			accept = s.dominates(current) || admission == admitted
		}
		if accept {
			return try, s, nil
		}
	}
	m := member()
	if c.single >= 0 {
		m = g.elite.best(c.single)
	}
	return slices.Clone(m.genes), m.score, nil
}

// mix makes dst a copy of genes with the donor's genes of a set, and reports
// whether that changes anything.
func mix(dst, genes, donor []uint16, set []int) bool {
	copy(dst, genes)
	differs := false
	for _, i := range set {
		differs = differs || dst[i] != donor[i]
		dst[i] = donor[i]
	}
	return differs
}

func (g *mixer) judgeAndOffer(genes []uint16) (score, admission, error) {
	s, err := g.judge(genes)
	if err != nil {
		return score{}, 0, err
	}
	a := g.elite.offer(genes, s, true)
	g.changed = g.changed || a == admitted
	return s, a, nil
}

// judge evaluates a genome unless it is known.
func (g *mixer) judge(genes []uint16) (score, error) {
	g.key = appendGenes(g.key[:0], genes)
	if s, ok := g.known[string(g.key)]; ok {
		if g.idle++; g.idle > gomeaIdle || float64(len(g.known)) == g.space {
			return score{}, errSpent
		}
		return s, nil
	}
	if err := g.ctx.Err(); err != nil {
		return score{}, err
	}
	s, err := g.evaluate(genes)
	if err != nil {
		return score{}, err
	}
	g.known[string(g.key)] = s
	g.idle = 0
	g.progress.done.Store(g.evaluations.Load())
	return s, nil
}
