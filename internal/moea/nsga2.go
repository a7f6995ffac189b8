package moea

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

const (
	nsga2Population = 200
	nsga2Crossover  = 0.9 // share of offspring that have two parents
)

// NSGA2 searches with NSGA-II (Deb, Pratap, Agarwal, Meyarivan: A fast and elitist
// multiobjective genetic algorithm: NSGA-II, IEEE Transactions on Evolutionary
// Computation 6(2), 2002). Of parents and offspring together the best by rank, then
// by crowding, survive (section III); limits are kept by constrained domination
// (section VI). Binary tournaments choose parents, uniform crossover and mutation make
// offspring; a genome seen before is made again. The first generation is drawn from
// the space.
//
// evaluate returns the scores of genomes, in order: at most 200 of them, all new, each
// with one number per gene of the alphabet. They must not be changed and may be kept.
// With ErrSpent it may score only as many of the first ones as the budget allows.
//
// NSGA2 returns those of the last population, of 200 at most, that none of it
// dominates.
func NSGA2(ctx context.Context, space Space, seed uint64, evaluate func(genomes [][]uint16) ([]Score, error)) ([]Solution, error) {
	population, err := evolve(ctx, space, seed, evaluate)
	var best []Solution
	for _, x := range population {
		if x.rank == 0 {
			best = append(best, x.Solution)
		}
	}
	return best, err
}

// evolve returns the last population of NSGA2.
func evolve(ctx context.Context, space Space, seed uint64, evaluate func(genomes [][]uint16) ([]Score, error)) ([]individual, error) {
	b := &breeder{Space: space, rng: rand.New(rand.NewPCG(seed, 0)), seen: make(map[string]bool)}
	var parents []individual
	for {
		genomes := b.offspring(parents, nsga2Population)
		if len(genomes) == 0 {
			return parents, nil // the space is exhausted
		}
		scores, spent, err := score(ctx, genomes, evaluate)
		if err != nil {
			return parents, err
		}
		for i, s := range scores {
			parents = append(parents, individual{Solution: Solution{genomes[i], s}})
		}
		if len(scores) > 0 {
			parents = survivors(parents, nsga2Population)
		}
		if spent {
			return parents, nil
		}
	}
}

// An individual is a solution and how good it is within its population.
type individual struct {
	Solution
	rank     int     // of its front, 0 the best
	crowding float64 // room around it in its front; more is better
}

// survivors returns the n best of a population, ranked.
func survivors(population []individual, n int) []individual {
	rank(population)
	slices.SortStableFunc(population, func(a, b individual) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.crowding, a.crowding))
	})
	return population[:min(n, len(population))]
}

// rank sorts a population into fronts and measures crowding in each. No member of a
// front dominates another, and each is dominated by some member of the front before.
func rank(population []individual) {
	order := make([]int, len(population))
	for i := range order {
		order[i] = i
	}
	// In this order nobody is dominated by one who comes later, and within the
	// limits a front dominates somebody exactly if its last member does: that one
	// has the front's least second objective so far.
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := population[i].Score, population[j].Score
		return cmp.Or(cmp.Compare(a.Violation, b.Violation),
			cmp.Compare(a.Objectives[0], b.Objectives[0]), cmp.Compare(a.Objectives[1], b.Objectives[1]))
	})
	var fronts [][]int
	for _, i := range order {
		front, _ := slices.BinarySearchFunc(fronts, population[i].Score, func(front []int, s Score) int {
			if population[front[len(front)-1]].Dominates(s) {
				return -1
			}
			return 1
		})
		if front == len(fronts) {
			fronts = append(fronts, nil)
		}
		fronts[front] = append(fronts[front], i)
		population[i].rank, population[i].crowding = front, 0
	}
	for _, front := range fronts {
		for objective := range 2 {
			slices.SortStableFunc(front, func(i, j int) int {
				return cmp.Compare(population[i].Objectives[objective], population[j].Objectives[objective])
			})
			first, last := &population[front[0]], &population[front[len(front)-1]]
			width := last.Objectives[objective] - first.Objectives[objective]
			first.crowding, last.crowding = math.Inf(1), math.Inf(1)
			if width == 0 {
				continue
			}
			for k := 1; k < len(front)-1; k++ {
				room := population[front[k+1]].Objectives[objective] - population[front[k-1]].Objectives[objective]
				population[front[k]].crowding += room / width
			}
		}
	}
}

// A breeder makes genomes that have not been seen before.
type breeder struct {
	Space
	rng  *rand.Rand
	seen map[string]bool
	key  []byte
}

// offspring returns up to n new genomes, fewer when new ones have become hard to find.
// Without parents they are drawn at random.
func (b *breeder) offspring(parents []individual, n int) [][]uint16 {
	var offspring [][]uint16
	genes := make([]uint16, len(b.Alphabet))
	for misses := 0; len(offspring) < n && misses < 10_000; {
		// If parents have little new to give, genomes are drawn at random again.
		if len(parents) == 0 || misses >= 100 {
			b.Draw(b.rng, genes)
		} else {
			b.breed(genes, b.tournament(parents), b.tournament(parents))
		}
		b.key = appendGenes(b.key[:0], genes)
		if b.seen[string(b.key)] || b.Valid != nil && !b.Valid(genes) {
			misses++
			continue
		}
		b.seen[string(b.key)] = true
		offspring = append(offspring, slices.Clone(genes))
		misses = 0
	}
	return offspring
}

// tournament returns the better of two parents drawn at random.
func (b *breeder) tournament(parents []individual) []uint16 {
	x, y := &parents[b.rng.IntN(len(parents))], &parents[b.rng.IntN(len(parents))]
	if cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(y.crowding, x.crowding)) <= 0 {
		return x.Genes
	}
	return y.Genes
}

// breed makes a child of two parents. Each gene mutates with a probability of one
// divided by the number of genes: to any value or, half of the time if its values have
// an order, to one nearby.
func (b *breeder) breed(child, mother, father []uint16) {
	copy(child, mother)
	if b.rng.Float64() < nsga2Crossover {
		for i := range child {
			if b.rng.IntN(2) == 0 {
				child[i] = father[i]
			}
		}
	}
	for i, values := range b.Alphabet {
		if b.rng.IntN(len(child)) > 0 {
			continue
		}
		if b.Ordered != nil && b.Ordered[i] && b.rng.IntN(2) == 0 {
			step := 1 + int(b.rng.ExpFloat64()*2)
			if b.rng.IntN(2) == 0 {
				step = -step
			}
			child[i] = uint16(min(max(int(child[i])+step, 0), values-1))
		} else {
			child[i] = uint16(b.rng.IntN(values))
		}
	}
}

// score evaluates genomes, unless the context has ended. There are scores of the first ones
// only if the budget is spent.
func score(ctx context.Context, genomes [][]uint16, evaluate func(genomes [][]uint16) ([]Score, error)) (scores []Score, spent bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	scores, err = evaluate(genomes)
	spent = errors.Is(err, ErrSpent)
	if err != nil && !spent {
		return nil, false, err
	}
	if len(scores) > len(genomes) || len(scores) < len(genomes) && !spent {
		return nil, false, fmt.Errorf("moea: %d scores for %d genomes", len(scores), len(genomes))
	}
	return scores, spent, nil
}
