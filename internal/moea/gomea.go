package moea

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	gomeaPopulations = 20
	gomeaSmallest    = 8 // solutions of the first population; each later one has twice as many
	gomeaClusters    = 3 // of the first population; each later one has one more
	gomeaElite       = 10_000

	// gomeaIdle is after how many known genomes in a row the space is taken to
	// hold no others.
	gomeaIdle = 100_000
)

// GOMEA searches with MO-GOMEA (Luong, La Poutré, Bosman: Multi-objective Gene-pool
// Optimal Mixing Evolutionary Algorithm with the interleaved multi-start scheme, Swarm
// and Evolutionary Computation 40, 2018). Populations of 8, 16, 32, ... solutions take
// turns. In each generation of one, solutions are clustered in objective space, every
// cluster learns which genes belong together, and offspring take such genes over from
// other members of the cluster, one set at a time, keeping what does no harm. An
// offspring that does not improve takes genes from the elite, the best solutions of all
// populations, or is replaced by one of them. It suits genes that depend on each other
// and needs neither population size nor any other setting.
//
// evaluate returns the score of a genome, which has one number per gene of the alphabet
// and must not be changed or kept. No genome comes twice, and only what is evaluated
// counts: GOMEA meets known genomes often and looks their scores up.
//
// Unlike the authors' program, GOMEA shuffles uniformly, compares objectives exactly
// (there: with a tolerance of 1e-5), keeps the mean of a cluster that loses all of its
// points, and ends when the space is exhausted.
//
// GOMEA returns the elite: up to about 10,000 solutions that do not dominate each
// other. If there are more, they are thinned evenly over objective space.
func GOMEA(ctx context.Context, space Space, seed uint64, evaluate func(genes []uint16) (Score, error)) ([]Solution, error) {
	g := newMixer(ctx, space, seed, evaluate)
	err := g.run()
	return g.elite.members, err
}

// A mixer is one run of MO-GOMEA.
type mixer struct {
	Space
	ctx         context.Context
	evaluate    func(genes []uint16) (Score, error)
	rng         *rand.Rand
	elite       elite
	changed     bool             // the elite has admitted a new member
	known       map[string]Score // of genomes evaluated
	size        float64          // of the space
	key         []byte
	idle        int // known genomes met since the last new one
	populations []*population
}

type population struct {
	genomes    [][]uint16
	scores     []Score
	stretch    int // generations in a row that have not changed the elite
	generation int
}

func newMixer(ctx context.Context, space Space, seed uint64, evaluate func(genes []uint16) (Score, error)) *mixer {
	return &mixer{
		Space:    space,
		ctx:      ctx,
		evaluate: evaluate,
		rng:      rand.New(rand.NewPCG(seed, 0)),
		elite:    elite{target: gomeaElite},
		known:    make(map[string]Score),
		size:     space.Size(),
	}
}

// run iterates until the budget or the space is spent.
func (g *mixer) run() error {
	for {
		if err := g.sweep(); errors.Is(err, ErrSpent) {
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
		if p.generation++; p.generation%2 != 0 {
			break
		}
	}
	return nil
}

func (g *mixer) initialise(p *population, index int) error {
	size := gomeaSmallest << index
	for range size {
		genes := make([]uint16, len(g.Alphabet))
		g.Draw(g.rng, genes)
		s, err := g.judge(genes)
		if err != nil {
			return err
		}
		g.elite.offer(genes, s, false)
		p.genomes, p.scores = append(p.genomes, genes), append(p.scores, s)
	}
	return nil
}

// points returns the solutions' objectives, each divided by its range.
func (p *population) points() [][2]float64 {
	points := make([][2]float64, len(p.scores))
	for o := range 2 {
		low, high := math.Inf(1), math.Inf(-1)
		for _, s := range p.scores {
			low, high = min(low, s.Objectives[o]), max(high, s.Objectives[o])
		}
		width := high - low
		if high == low {
			width = 1
		}
		for i, s := range p.scores {
			points[i][o] = s.Objectives[o] / width
		}
	}
	return points
}

// generation replaces every solution by its offspring.
func (g *mixer) generation(p *population, index int) error {
	points := p.points()
	clusters := makeClusters(g.rng, points, gomeaClusters+index)
	containing := make([][]int, len(points)) // by solution: the clusters it is a member of
	means := make([][2]float64, len(clusters))
	for c := range clusters {
		var genomes [][]uint16
		for _, i := range clusters[c].members {
			genomes = append(genomes, p.genomes[i])
			containing[i] = append(containing[i], c)
		}
		clusters[c].subsets, means[c] = linkageTree(g.rng, genomes), clusters[c].mean
	}
	g.changed = false
	genomes, scores := make([][]uint16, len(points)), make([]Score, len(points))
	for i, in := range containing {
		var err error
		var c int
		if len(in) > 0 {
			c = in[g.rng.IntN(len(in))]
		} else {
			c = nearestMean(means, points[i])
		}
		if genomes[i], scores[i], err = g.offspring(p, i, &clusters[c]); err != nil {
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
func (g *mixer) offspring(p *population, parent int, c *cluster) ([]uint16, Score, error) {
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
			return nil, Score{}, err
		}
		var accept bool
		if c.single >= 0 {
			accept = s.compareIn(c.single, current) <= 0
		} else {
			accept = s == current || s.Dominates(current) || admission == admitted || admission == occupied && !g.elite.dominates(s)
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
func (g *mixer) force(genes []uint16, current Score, c *cluster) ([]uint16, Score, error) {
	member := func() *Solution { return &g.elite.members[g.rng.IntN(len(g.elite.members))] }
	if c.single >= 0 {
		// A copy, because the elite changes.
		best := *g.elite.best(c.single)
		best.Genes = slices.Clone(best.Genes)
		member = func() *Solution { return &best }
	}
	try := make([]uint16, len(genes))
	for _, k := range g.rng.Perm(len(c.subsets)) {
		if !mix(try, genes, member().Genes, c.subsets[k]) {
			continue
		}
		s, admission, err := g.judgeAndOffer(try)
		if err != nil {
			return nil, Score{}, err
		}
		accept := s.Dominates(current) || admission == admitted
		if c.single >= 0 {
			accept = s.compareIn(c.single, current) < 0
		}
		if accept {
			return try, s, nil
		}
	}
	m := member()
	if c.single >= 0 {
		m = g.elite.best(c.single)
	}
	return slices.Clone(m.Genes), m.Score, nil
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

func (g *mixer) judgeAndOffer(genes []uint16) (Score, admission, error) {
	s, err := g.judge(genes)
	if err != nil {
		return Score{}, 0, err
	}
	a := g.elite.offer(genes, s, true)
	g.changed = g.changed || a == admitted
	return s, a, nil
}

// judge evaluates a genome unless it is known.
func (g *mixer) judge(genes []uint16) (Score, error) {
	g.key = appendGenes(g.key[:0], genes)
	if s, ok := g.known[string(g.key)]; ok {
		if g.idle++; g.idle > gomeaIdle || float64(len(g.known)) == g.size {
			return Score{}, ErrSpent
		}
		return s, nil
	}
	if err := g.ctx.Err(); err != nil {
		return Score{}, err
	}
	s, err := g.evaluate(genes)
	if err != nil {
		return Score{}, err
	}
	g.known[string(g.key)] = s
	g.idle = 0
	return s, nil
}
