package moea

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestSurvivalIsPymoos compares with what pymoo 0.4.2.2 was recorded to do, and drew;
// testdata/nsga3.py made the file.
func TestSurvivalIsPymoos(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "nsga3.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name        string
		Directions  [][2]float64
		N           int
		Generations []struct {
			Points       [][2]float64
			Survivors    []int
			Niche        []int
			Distance     []float64
			Ideal, Nadir [2]float64
			Draws        [][]int
		}
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	near := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) }
	for _, c := range cases {
		s := survival{directions: c.Directions}
		for g, now := range c.Generations {
			draws := now.Draws
			s.permute = func(n int) []int {
				if len(draws) == 0 || len(draws[0]) != n {
					t.Fatalf("%s %d: a draw of %d where pymoo drew %v", c.Name, g, n, draws)
				}
				drawn := draws[0]
				draws = draws[1:]
				return drawn
			}
			survivors := s.survivors(now.Points, c.N)
			if !slices.Equal(survivors, now.Survivors) || len(draws) > 0 {
				t.Errorf("%s %d: survivors %v, pymoo's %v", c.Name, g, survivors, now.Survivors)
			}
			for o := range 2 {
				if !near(s.ideal[o], now.Ideal[o]) || !near(s.nadir[o], now.Nadir[o]) {
					t.Errorf("%s %d: from %v to %v, pymoo's from %v to %v", c.Name, g, s.ideal, s.nadir, now.Ideal, now.Nadir)
				}
			}
			if len(now.Points) > c.N {
				continue // theirs are those of survivors, in another order
			}
			if !slices.Equal(s.niche, now.Niche) || !slices.EqualFunc(s.distance, now.Distance, near) {
				t.Errorf("%s %d: niches %v, pymoo's %v", c.Name, g, s.niche, now.Niche)
			}
		}
	}
}

// A start is improved on, without a genome twice, and the same seed gives the same.
func TestNSGA3(t *testing.T) {
	t.Parallel()
	alphabet := slices.Repeat([]int{9}, 12)
	search := func(seed uint64, violate bool) ([]Solution, int) {
		seen, evaluations := map[string]bool{}, 0
		rng := rand.New(rand.NewPCG(9, 9))
		space := Space{Alphabet: alphabet}
		start := make([][]uint16, 30)
		for i := range start {
			start[i] = make([]uint16, len(alphabet))
			space.Draw(rng, start[i])
		}
		settings := Settings{Start: append(start, start[0]), Directions: Directions(20), Repair: func(genes []uint16) { genes[3] = 0 }}
		best, err := NSGA3(context.Background(), space, settings, seed, func(genomes [][]uint16) (scores []Score, err error) {
			for _, genes := range genomes {
				key := string(appendGenes(nil, genes))
				if seen[key] || genes[3] != 0 {
					t.Errorf("%v comes twice or is not repaired", genes)
				}
				seen[key] = true
				if evaluations++; evaluations > 2000 {
					return scores, ErrSpent
				}
				var s Score
				for i, gene := range genes {
					s.Objectives[0] += float64(gene) * (1 + 0.1*float64(i))
					s.Objectives[1] += math.Pow(float64(8-gene), 1.5)
				}
				if violate && genes[0] < 4 {
					s.Violation = float64(4 - genes[0])
				}
				scores = append(scores, s)
			}
			return scores, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return best, evaluations
	}
	best, evaluations := search(1, false)
	if len(best) != 20 || evaluations != 2001 {
		t.Errorf("%d solutions after %d evaluations", len(best), evaluations)
	}
	// From one end to the other there are about equal steps.
	low, high := math.Inf(1), 0.0
	for _, x := range best {
		low, high = min(low, x.Objectives[0]), max(high, x.Objectives[0])
	}
	if low > 25 || high < 90 {
		t.Errorf("they are from %v to %v", low, high)
	}
	again, _ := search(1, false)
	if !slices.EqualFunc(best, again, func(a, b Solution) bool { return slices.Equal(a.Genes, b.Genes) && a.Score == b.Score }) {
		t.Error("the same seed gave other solutions")
	}
	within, _ := search(1, true)
	for _, x := range within {
		if x.Violation > 0 {
			t.Errorf("%v violates the limits", x.Genes)
		}
	}
}

// Small spaces end by themselves.
func TestNSGA3Exhausts(t *testing.T) {
	t.Parallel()
	n := 0
	best, err := NSGA3(context.Background(), Space{Alphabet: []int{3, 2}}, Settings{Directions: Directions(10)}, 1, func(genomes [][]uint16) ([]Score, error) {
		scores := make([]Score, len(genomes))
		for i, genes := range genomes {
			n++
			scores[i].Objectives = [2]float64{float64(genes[0]), float64(genes[1])}
		}
		return scores, nil
	})
	if err != nil || n != 6 || len(best) != 6 {
		t.Errorf("%d evaluations, %d solutions: %v", n, len(best), err)
	}
}

// Mutations reach every value, and near ones more often.
func TestMutate(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	var times [9]int
	for range 20_000 {
		times[mutate(rng, 2, 9)]++
	}
	for v, n := range times {
		if n < 100 || v > 2 && n > times[v-1] {
			t.Errorf("value %d came %d times of %v", v, n, times)
		}
	}
}
