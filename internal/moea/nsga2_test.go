package moea

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomPopulation returns individuals many of whose objectives and violations are
// equal.
func randomPopulation(rng *rand.Rand) []individual {
	population := make([]individual, 1+rng.IntN(80))
	for i, s := range randomScores(rng, len(population), 1+rng.IntN(12)) {
		if rng.IntN(4) == 0 {
			s.Violation = float64(rng.IntN(3)) / 2
		}
		if rng.IntN(20) == 0 {
			s.Violation = math.Inf(1)
		}
		population[i].Solution = Solution{[]uint16{uint16(i)}, s}
	}
	return population
}

// The first front are the solutions that nobody dominates, the next one those that
// nobody else dominates, and so on.
func TestRankEqualsDefinition(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		population := randomPopulation(rand.New(rand.NewPCG(seed, 1)))
		rank(population)
		left := make(map[int]bool)
		for i := range population {
			left[i] = true
		}
		for front := 0; len(left) > 0; front++ {
			var members []int
			for i := range left {
				free := true
				for j := range left {
					free = free && !population[j].Dominates(population[i].Score)
				}
				if free {
					members = append(members, i)
				}
			}
			for _, i := range members {
				if delete(left, i); population[i].rank != front {
					t.Fatalf("seed %d: %+v has rank %d, want %d", seed, population[i].Score, population[i].rank, front)
				}
			}
		}
	}
}

// The crowding of a solution is the sum over the objectives of the distance between its
// neighbours in the front, divided by the front's width.
func TestCrowdingEqualsDefinition(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		population := make([]individual, 2+rng.IntN(30))
		xs, ys := rng.Perm(100), rng.Perm(100) // no two are equal
		for i := range population {
			population[i].Objectives = [2]float64{float64(xs[i]), float64(ys[i])}
		}
		rank(population)
		for _, a := range population {
			want := 0.0
			for o := range 2 {
				low, high := math.Inf(-1), math.Inf(1) // the neighbours
				first, last := math.Inf(1), math.Inf(-1)
				for _, b := range population {
					if b.rank != a.rank {
						continue
					}
					v := b.Objectives[o]
					first, last = min(first, v), max(last, v)
					if v < a.Objectives[o] {
						low = max(low, v)
					}
					if v > a.Objectives[o] {
						high = min(high, v)
					}
				}
				if first < last {
					want += (high - low) / (last - first)
				} else {
					want = math.Inf(1)
				}
			}
			if !(math.Abs(a.crowding-want) < 1e-9) && a.crowding != want {
				t.Fatalf("seed %d: %v of rank %d has crowding %v, want %v", seed, a.Objectives, a.rank, a.crowding, want)
			}
		}
	}
}

// No one is left out who is better than one that survives.
func TestSurvivors(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		population := randomPopulation(rng)
		all := slices.Clone(population)
		n := 1 + rng.IntN(len(all))
		kept := survivors(population, n)
		if len(kept) != n {
			t.Fatalf("seed %d: %d of %d survive", seed, len(kept), n)
		}
		rank(all)
		worst := slices.MaxFunc(kept, func(a, b individual) int {
			return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(b.crowding, a.crowding))
		})
		for _, x := range all {
			in := slices.ContainsFunc(kept, func(k individual) bool { return k.Genes[0] == x.Genes[0] })
			if !in && (x.rank < worst.rank || x.rank == worst.rank && x.crowding > worst.crowding) {
				t.Errorf("seed %d: rank %d, crowding %v does not survive, rank %d, crowding %v does", seed, x.rank, x.crowding, worst.rank, worst.crowding)
			}
		}
	}
}

// Genes without an order take all values when they mutate, those with one the
// neighbouring values most often.
func TestMutationOfOrderedGenes(t *testing.T) {
	t.Parallel()
	b := &breeder{Space: Space{Alphabet: []int{101, 101}, Ordered: []bool{false, true}}, rng: rand.New(rand.NewPCG(1, 1))}
	parent, child := []uint16{50, 50}, make([]uint16, 2)
	var mutated, near [2]int
	for range 20_000 {
		b.breed(child, parent, parent)
		for i, gene := range child {
			if gene != 50 {
				mutated[i]++
			}
			if gene != 50 && gene >= 45 && gene <= 55 {
				near[i]++
			}
		}
	}
	for i, want := range []float64{0.10, 0.52} {
		if got := float64(near[i]) / float64(mutated[i]); math.Abs(got-want) > 0.05 {
			t.Errorf("gene %d: %.2f of its mutations are small, want %.2f", i, got, want)
		}
	}
	for range 1000 {
		if b.breed(child, []uint16{0, 0}, []uint16{100, 100}); child[0] > 100 || child[1] > 100 {
			t.Fatalf("%v is not a genome", child)
		}
	}
}

// A search ends with the evaluation's error or the context's, and says if scores are
// missing.
func TestNSGA2Errors(t *testing.T) {
	t.Parallel()
	space := Space{Alphabet: []int{50, 50}}
	broken := errors.New("broken")
	generations := 0
	best, err := NSGA2(context.Background(), space, 1, func(genomes [][]uint16) ([]Score, error) {
		if generations++; generations == 3 {
			return nil, broken
		}
		return make([]Score, len(genomes)), nil
	})
	if err != broken || len(best) == 0 {
		t.Errorf("%d solutions, error %v", len(best), err)
	}
	for _, n := range []int{0, 1, 201} {
		if _, err := NSGA2(context.Background(), space, 1, func([][]uint16) ([]Score, error) { return make([]Score, n), nil }); err == nil {
			t.Errorf("%d scores for 200 genomes are no error", n)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	best, err = NSGA2(ctx, space, 1, func(genomes [][]uint16) ([]Score, error) {
		cancel()
		return make([]Score, len(genomes)), nil
	})
	if err != context.Canceled || len(best) != 200 {
		t.Errorf("%d solutions, error %v", len(best), err)
	}
}
