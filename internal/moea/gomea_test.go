package moea

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// bruteForce returns the objectives of a space's front.
func bruteForce(space Space, evaluate func(genes []uint16) Score) [][2]float64 {
	var scores []Score
	genes := make([]uint16, len(space.Alphabet))
	for range int(space.Size()) {
		scores = append(scores, evaluate(genes))
		for i := range genes {
			if genes[i]++; int(genes[i]) < space.Alphabet[i] {
				break
			}
			genes[i] = 0
		}
	}
	return frontOf(scores)
}

// frontOf returns the objectives of the scores that no other one dominates, ascending,
// each once.
func frontOf(scores []Score) [][2]float64 {
	var front [][2]float64
	for _, s := range scores {
		if !slices.ContainsFunc(scores, func(other Score) bool { return other.Dominates(s) }) {
			front = append(front, s.Objectives)
		}
	}
	slices.SortFunc(front, func(a, b [2]float64) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(front)
}

// one evaluates a generation one by one until the budget is spent.
func one(evaluate func(genes []uint16) (Score, error)) func(genomes [][]uint16) ([]Score, error) {
	return func(genomes [][]uint16) (scores []Score, err error) {
		for _, genes := range genomes {
			s, err := evaluate(genes)
			if err != nil {
				return scores, err
			}
			scores = append(scores, s)
		}
		return scores, nil
	}
}

// Both algorithms find the front of a space that their budget suffices for, evaluate
// each genome once, and end.
func TestSearchesEqualBruteForce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 3))
		space := Space{}
		for range 1 + rng.IntN(4) {
			space.Alphabet = append(space.Alphabet, 1+rng.IntN(6))
		}
		side, violated := 1+rng.IntN(20), rng.IntN(3)
		score := func(genes []uint16) Score { // random, the same each time
			rng := rand.New(rand.NewPCG(seed, uint64(len(genes))))
			for _, gene := range genes {
				rng = rand.New(rand.NewPCG(rng.Uint64(), uint64(gene)))
			}
			s := randomScores(rng, 1, side)[0]
			s.Violation = float64(violated*rng.IntN(3)) / 4
			return s
		}
		want := bruteForce(space, score)
		seen := make(map[string]bool)
		evaluate := func(genes []uint16) (Score, error) {
			if seen[string(appendGenes(nil, genes))] {
				t.Errorf("seed %d: %v is evaluated twice", seed, genes)
			}
			seen[string(appendGenes(nil, genes))] = true
			return score(genes), nil
		}
		for name, search := range map[string]func() ([]Solution, error){
			"GOMEA": func() ([]Solution, error) { return GOMEA(context.Background(), space, seed, evaluate) },
			"NSGA2": func() ([]Solution, error) { return NSGA2(context.Background(), space, seed, one(evaluate)) },
		} {
			clear(seen)
			best, err := search()
			if err != nil {
				t.Fatal(err)
			}
			if len(seen) != int(space.Size()) {
				t.Errorf("seed %d: %s evaluates %d of %v genomes", seed, name, len(seen), space.Size())
			}
			var scores []Score
			for _, s := range best {
				if s.Score != score(s.Genes) {
					t.Errorf("seed %d: %s returns %v with the score %v", seed, name, s.Genes, s.Score)
				}
				scores = append(scores, s.Score)
			}
			if got := frontOf(scores); !slices.Equal(got, want) {
				t.Errorf("seed %d: %s finds %v, the front is %v", seed, name, got, want)
			}
		}
	}
}

// GOMEA learns that the genes of a block belong together: in a block of a trap every
// step to its best value but the last is for the worse, and in an inverse trap the
// other way round. Blocks are spread over the genome.
func TestGOMEASolvesTraps(t *testing.T) {
	t.Parallel()
	const blocks, size = 6, 5
	space := Space{Alphabet: slices.Repeat([]int{2}, blocks*size)}
	var want [][2]float64
	for ones := range blocks + 1 {
		want = append(want, [2]float64{float64(-4*blocks - ones), float64(-5*blocks + ones)})
	}
	slices.SortFunc(want, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
	for seed := range uint64(5) {
		budget := 100_000
		best, err := GOMEA(context.Background(), space, seed, func(genes []uint16) (Score, error) {
			if budget--; budget < 0 {
				return Score{}, ErrSpent
			}
			var s Score
			for block := range blocks {
				ones := 0
				for i := block; i < len(genes); i += blocks {
					ones += int(genes[i])
				}
				trap, inverse := size-1-ones, ones-1
				if ones == size {
					trap = size
				}
				if ones == 0 {
					inverse = size
				}
				s.Objectives[0] -= float64(trap)
				s.Objectives[1] -= float64(inverse)
			}
			return s, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var scores []Score
		for _, s := range best {
			scores = append(scores, s.Score)
		}
		if got := frontOf(scores); !slices.Equal(got, want) {
			t.Errorf("seed %d: front %v, want %v", seed, got, want)
		}
	}
}

// Genomes drawn at random are amended, and what mixing makes of them is not.
func TestAmend(t *testing.T) {
	t.Parallel()
	space := Space{Alphabet: []int{9, 9, 9}, Amend: func(_ *rand.Rand, genes []uint16) { genes[1] = 7 }}
	genes, rng := make([]uint16, 3), rand.New(rand.NewPCG(1, 1))
	for range 100 {
		if space.Draw(rng, genes); genes[1] != 7 {
			t.Fatalf("drew %v", genes)
		}
	}
	// What all populations share is never changed, so that the search ends idle.
	evaluations := 0
	if _, err := GOMEA(context.Background(), space, 1, func(genes []uint16) (Score, error) {
		if evaluations++; genes[1] != 7 {
			t.Errorf("evaluates %v", genes)
		}
		return Score{Objectives: [2]float64{float64(genes[0]), float64(genes[2] * genes[0])}}, nil
	}); err != nil || evaluations != 81 {
		t.Errorf("%d evaluations, error %v", evaluations, err)
	}
}

// A search ends with the evaluation's error or the context's and returns what it has.
func TestGOMEAErrors(t *testing.T) {
	t.Parallel()
	space := Space{Alphabet: []int{50, 50, 50}}
	broken := errors.New("broken")
	evaluations := 0
	best, err := GOMEA(context.Background(), space, 1, func([]uint16) (Score, error) {
		if evaluations++; evaluations == 100 {
			return Score{}, broken
		}
		return Score{Objectives: [2]float64{float64(evaluations), float64(-evaluations)}}, nil
	})
	if err != broken || len(best) != 99 {
		t.Errorf("%d solutions, error %v", len(best), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	best, err = GOMEA(ctx, space, 1, func([]uint16) (Score, error) {
		cancel()
		return Score{}, nil
	})
	if err != context.Canceled || len(best) != 1 {
		t.Errorf("%d solutions, error %v", len(best), err)
	}
}

// Each population iterates once for every two iterations of the one before.
func TestPopulationsTakeTurns(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	evaluated := 0
	g := newMixer(context.Background(), Space{Alphabet: []int{99, 99, 99, 99, 99}}, 0, func([]uint16) (Score, error) {
		if evaluated++; evaluated > 4000 {
			return Score{}, ErrSpent
		}
		return Score{Objectives: [2]float64{rng.Float64(), rng.Float64()}}, nil
	})
	if err := g.run(); err != nil {
		t.Fatal(err)
	}
	if len(g.populations) < 4 {
		t.Fatalf("%d populations", len(g.populations))
	}
	for i, p := range g.populations[1:] {
		before := g.populations[i]
		if len(before.genomes) != 8<<i || p.generation > before.generation/2 || p.generation < before.generation/2-1 {
			t.Errorf("population %d has iterated %d times, that of %d solutions before it %d times", i+1, p.generation, len(before.genomes), before.generation)
		}
	}
}
