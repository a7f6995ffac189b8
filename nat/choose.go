package nat

import (
	"context"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/moea"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// population is how many solutions, and directions, NSGA-III has.
const population = 100

// A search looks for candidates on a surrogate.
type search struct {
	*run
	*surrogate
	seen map[string]int // index in looked of what was met, by its canonical genome
	at   []looked       // in the order of meeting
}

// looked is a genome that a search met.
type looked struct {
	genome supernet.Genome
	score  moea.Score // error in per cent, and price
}

// choose fills an iteration with candidates that are likely to be good; with none if all
// subnets are known.
func (r *run) choose(ctx context.Context, it *iteration) error {
	archive := r.archive()
	if all := r.Space.Subnets(); r.Trainer == nil && all.IsInt64() && int64(len(archive)) == all.Int64() {
		return nil
	}
	var genomes []supernet.Genome
	var wrong []float64
	for _, m := range archive {
		genomes, wrong = append(genomes, m.genome), append(wrong, 100*m.wrong())
	}
	seed := r.random(it.Iteration).Uint64()
	model, err := newSurrogate(ctx, r.Space.Genes(), genomes, wrong, r.Interpolants, seed)
	if err != nil {
		return err
	}
	s := &search{run: r, surrogate: model, seen: map[string]int{}}
	found, err := s.find(ctx, genomes, seed)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, m := range archive {
		known[m.Genome] = true
	}
	// Of the search's result, of everything it met if there is too little.
	pool := s.fresh(found, known)
	if len(pool) < r.Candidates {
		pool = s.fresh(s.at, known)
	}
	if r.replaces() {
		for i, m := range archive {
			pool = append(pool, looked{m.genome, r.score(m.genome, wrong[i])})
		}
	}
	points := make([][2]float64, len(pool))
	for i, x := range pool {
		points[i] = x.score.Objectives
	}
	for _, i := range moea.Survivors(points, moea.Directions(r.Candidates), r.Candidates, r.random(it.Iteration)) {
		m := r.member(pool[i].genome)
		if !known[m.Genome] {
			m.Predicted = &points[i][0]
		}
		it.Members = append(it.Members, m)
	}
	return nil
}

// replaces reports whether candidates replace the archive. What was evaluated with other
// weights is not comparable.
func (r *run) replaces() bool { return r.Replace || r.Trainer != nil }

// archive returns what a surrogate learns from.
func (r *run) archive() (archive []*member) {
	iterations := r.iterations
	if r.replaces() {
		iterations = iterations[len(iterations)-1:]
	}
	for _, it := range iterations {
		for i := range it.Members {
			archive = append(archive, &it.Members[i])
		}
	}
	return archive
}

// price is a cost on the scale of the run, from 0 for the smallest to 100 for the largest
// subnet.
func (r *run) price(gflops float64) float64 {
	low, high := r.costs[0], r.costs[1]
	if r.Scale == Log {
		gflops, low, high = math.Log(gflops), math.Log(low), math.Log(high)
	}
	if high == low {
		return 0
	}
	return 100 * (gflops - low) / (high - low)
}

// score is what a search sees of a subnet with an error in per cent.
func (r *run) score(g supernet.Genome, wrong float64) moea.Score {
	return moea.Score{Objectives: [2]float64{wrong, r.price(r.gflops(g))}}
}

// fresh returns those that are not known, each once.
func (s *search) fresh(all []looked, known map[string]bool) (fresh []looked) {
	seen := map[string]bool{}
	for _, x := range all {
		if name := x.genome.String(); !known[name] && !seen[name] {
			seen[name] = true
			fresh = append(fresh, x)
		}
	}
	return fresh
}

// find searches, NSGA-III from the archive on.
func (s *search) find(ctx context.Context, archive []supernet.Genome, seed uint64) (found []looked, err error) {
	space := moea.Space{}
	for _, g := range s.Space.Genes() {
		space.Alphabet = append(space.Alphabet, g.High-g.Low+1)
	}
	var best []moea.Solution
	if s.Search == GOMEA {
		best, err = moea.GOMEA(ctx, space, seed, func(genes []uint16) (moea.Score, error) {
			g := s.canonical(genes)
			if _, ok := s.seen[g.String()]; !ok && len(s.at) >= s.Evaluations {
				return moea.Score{}, moea.ErrSpent
			}
			return s.look([]supernet.Genome{g})[0], nil
		})
	} else {
		settings := moea.Settings{Directions: moea.Directions(population), Repair: func(genes []uint16) { s.write(genes, s.canonical(genes)) }}
		for _, g := range archive {
			genes := make([]uint16, len(g))
			s.write(genes, g)
			settings.Start = append(settings.Start, genes)
		}
		// The start is the first of the generations.
		left := max(1, s.Evaluations/population)
		best, err = moea.NSGA3(ctx, space, settings, seed, func(genomes [][]uint16) ([]moea.Score, error) {
			all := make([]supernet.Genome, len(genomes))
			for i, genes := range genomes {
				all[i] = s.canonical(genes)
			}
			scores := s.look(all)
			if left--; left <= 0 {
				return scores, moea.ErrSpent
			}
			return scores, nil
		})
	}
	for _, x := range best {
		found = append(found, looked{s.canonical(x.Genes), x.Score})
	}
	return found, err
}

// canonical returns the genome that stands for a subnet, of genes that count from 0.
func (s *search) canonical(genes []uint16) supernet.Genome {
	g := make(supernet.Genome, len(genes))
	for i, gene := range s.Space.Genes() {
		g[i] = gene.Low + int(genes[i])
	}
	g, err := s.Space.Canonical(g)
	if err != nil {
		panic(err) // each gene has one of its values
	}
	return g
}

// write writes a genome as genes that count from 0.
func (s *search) write(genes []uint16, g supernet.Genome) {
	for i, gene := range s.Space.Genes() {
		genes[i] = uint16(g[i] - gene.Low)
	}
}

// look returns the scores of genomes.
func (s *search) look(genomes []supernet.Genome) []moea.Score {
	var others []supernet.Genome
	for _, g := range genomes {
		if name := g.String(); !slices.ContainsFunc(others, g.Equal) {
			if _, ok := s.seen[name]; !ok {
				others = append(others, g)
			}
		}
	}
	for i, wrong := range s.predict(others) {
		s.seen[others[i].String()] = len(s.at)
		s.at = append(s.at, looked{others[i], s.score(others[i], wrong)})
	}
	scores := make([]moea.Score, len(genomes))
	for i, g := range genomes {
		scores[i] = s.at[s.seen[g.String()]].score
	}
	return scores
}
