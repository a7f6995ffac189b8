package optimize

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// nsga2 is NSGA-II (Deb, Pratap, Agarwal, Meyarivan: A fast and elitist
// multiobjective genetic algorithm, IEEE Transactions on Evolutionary Computation,
// 2002) over the publication's genomes ([coding]). Of parents and offspring
// together the best by rank, then by crowding, survive; limits are kept by
// constrained domination. Binary tournaments choose parents, uniform crossover and
// mutation make offspring; a genome seen before is drawn again.
type nsga2 struct{}

const (
	nsga2Population = 200
	nsga2Crossover  = 0.9 // share of offspring that have two parents
)

func (nsga2) maxModels() int { return gomeaModels }

func (nsga2) check(o *Options) error {
	if o.Evals == 0 {
		o.Evals = gomeaEvals
	}
	return nil
}

func (nsga2) run(ctx context.Context, s *search) (proof string, err error) {
	b := &breeder{coding: newCoding(s), rng: rand.New(rand.NewPCG(s.Seed, 0)), seen: make(map[string]bool)}
	var parents []individual
	for left := s.Evals; left > 0; {
		offspring := b.offspring(parents, int(min(left, nsga2Population)))
		if len(offspring) == 0 {
			break // the space is exhausted
		}
		plans := make([]plan, len(offspring))
		for i := range offspring {
			p, _ := b.decode(offspring[i].genes)
			plans[i] = p.clone()
		}
		results, err := s.evaluateAll(ctx, "cascades evaluated", plans)
		if err != nil {
			return "", err
		}
		for i, r := range results {
			offspring[i].score = s.score(plans[i], r)
		}
		parents = survivors(append(parents, offspring...), nsga2Population)
		left -= int64(len(offspring))
	}
	return "", nil
}

// An individual is a genome, how good it is and where it stands in its population.
type individual struct {
	genes []uint16
	score
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

// rank sorts a population into fronts and measures crowding in each. The members
// of a front dominate each other in nothing, and each is dominated by some member
// of the front before.
func rank(population []individual) {
	order := make([]int, len(population))
	for i := range order {
		order[i] = i
	}
	// In this order nobody is dominated by one who comes later, and within the
	// limits a front dominates somebody exactly if its last member does: that one
	// has the front's least second objective so far.
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := population[i].score, population[j].score
		return cmp.Or(cmp.Compare(a.violation, b.violation),
			cmp.Compare(a.objectives[0], b.objectives[0]), cmp.Compare(a.objectives[1], b.objectives[1]))
	})
	var fronts [][]int
	for _, i := range order {
		front, _ := slices.BinarySearchFunc(fronts, population[i].score, func(front []int, s score) int {
			if population[front[len(front)-1]].dominates(s) {
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
				return cmp.Compare(population[i].objectives[objective], population[j].objectives[objective])
			})
			first, last := &population[front[0]], &population[front[len(front)-1]]
			width := last.objectives[objective] - first.objectives[objective]
			first.crowding, last.crowding = math.Inf(1), math.Inf(1)
			if width == 0 {
				continue
			}
			for k := 1; k < len(front)-1; k++ {
				room := population[front[k+1]].objectives[objective] - population[front[k-1]].objectives[objective]
				population[front[k]].crowding += room / width
			}
		}
	}
}

// A breeder makes offspring that have not been seen before.
type breeder struct {
	*coding
	rng  *rand.Rand
	seen map[string]bool
	key  []byte
}

// offspring returns up to n new individuals, fewer when new ones have become hard
// to find. Without parents they are drawn at random.
func (b *breeder) offspring(parents []individual, n int) []individual {
	var offspring []individual
	genes := make([]uint16, len(b.alphabet))
	for misses := 0; len(offspring) < n && misses < 10_000; {
		// Where parents have little new to give, strangers come in.
		if len(parents) == 0 || misses >= 100 {
			b.draw(b.rng, genes)
		} else {
			b.breed(genes, b.tournament(parents), b.tournament(parents))
		}
		b.key = appendGenes(b.key[:0], genes)
		if _, ok := b.decode(genes); !ok || b.seen[string(b.key)] {
			misses++
			continue
		}
		b.seen[string(b.key)] = true
		offspring = append(offspring, individual{genes: slices.Clone(genes)})
		misses = 0
	}
	return offspring
}

// tournament returns the better of two parents drawn at random.
func (b *breeder) tournament(parents []individual) []uint16 {
	x, y := &parents[b.rng.IntN(len(parents))], &parents[b.rng.IntN(len(parents))]
	if cmp.Or(cmp.Compare(x.rank, y.rank), cmp.Compare(y.crowding, x.crowding)) <= 0 {
		return x.genes
	}
	return y.genes
}

// breed makes a child of two parents. Each gene mutates with a probability of one
// to the number of genes: to any value, or, half of the time and where values have
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
	thresholds := child[b.MaxModels : 2*b.MaxModels-1]
	for i, values := range b.alphabet {
		if b.rng.IntN(len(child)) > 0 {
			continue
		}
		if k := i - b.MaxModels; k >= 0 && k < len(thresholds) && b.rng.IntN(2) == 0 {
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
