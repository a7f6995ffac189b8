package moea

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestMutualInformation(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	var genomes [][]uint16
	for range 100 {
		a, b := uint16(rng.IntN(5)), uint16(rng.IntN(3))
		genomes = append(genomes, []uint16{a, b, (a + b) % 5, a})
	}
	entropy := func(genes ...int) float64 {
		counts := make(map[string]float64)
		for _, genome := range genomes {
			key := ""
			for _, g := range genes {
				key += fmt.Sprint(genome[g], " ")
			}
			counts[key]++
		}
		h := 0.0
		for _, c := range counts {
			p := c / float64(len(genomes))
			h -= p * math.Log2(p)
		}
		return h
	}
	got := mutualInformation(genomes)
	for i := range 4 {
		for j := range 4 {
			if want := entropy(i) + entropy(j) - entropy(i, j); i != j && math.Abs(got[i][j]-want) > 1e-9 {
				t.Errorf("genes %d and %d share %v bits, want %v", i, j, got[i][j], want)
			}
		}
	}
	if got[0][1] != got[3][1] || got[0][2] != got[3][2] {
		t.Error("genes with equal values differ in what they share with others")
	}
}

func TestLinkageTree(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		const genes = 9
		var genomes [][]uint16
		for range 30 {
			genome := make([]uint16, genes)
			for i := range genome {
				genome[i] = uint16(rng.IntN(6))
			}
			genome[7], genome[8] = genome[2], genome[2] // these belong together
			genomes = append(genomes, genome)
		}
		sets := linkageTree(rng, genomes)
		if len(sets) != 2*genes-2 {
			t.Fatalf("%d sets", len(sets))
		}
		together := false
		for i, set := range sets {
			sorted := slices.Sorted(slices.Values(set))
			if (i < genes) != (len(set) == 1) || len(slices.Compact(slices.Clone(sorted))) != len(set) || len(set) == genes {
				t.Fatalf("set %d is %v", i, set)
			}
			together = together || slices.Equal(sorted, []int{2, 7, 8})
			for _, other := range sets[:i] {
				common := 0
				for _, g := range set {
					if slices.Contains(other, g) {
						common++
					}
				}
				if common != 0 && common != len(set) && common != len(other) {
					t.Fatalf("sets %v and %v overlap", set, other)
				}
			}
		}
		if !together {
			t.Errorf("genes 2, 7 and 8 do not belong together in %v", sets)
		}
	}
}

// The tree must be the one that merging the most similar pair again and again
// gives, when no similarities are equal.
func TestLinkageTreeEqualsUPGMA(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		const genes = 7
		var genomes [][]uint16
		for range 500 {
			genome := make([]uint16, genes)
			base := uint16(rng.IntN(8))
			for i := range genome {
				if genome[i] = base; rng.IntN(2+i) > 0 {
					genome[i] = uint16(rng.IntN(8))
				}
			}
			genomes = append(genomes, genome)
		}
		information := mutualInformation(genomes)
		var open, want [][]int
		for i := range genes {
			open = append(open, []int{i})
		}
		mean := func(a, b []int) float64 {
			sum := 0.0
			for _, x := range a {
				for _, y := range b {
					sum += information[x][y]
				}
			}
			return sum / float64(len(a)*len(b))
		}
		for len(open) > 2 {
			a, b := 0, 1
			for i := range open {
				for j := range i {
					if mean(open[i], open[j]) > mean(open[a], open[b]) {
						a, b = j, i
					}
				}
			}
			merged := slices.Sorted(slices.Values(slices.Concat(open[a], open[b])))
			want = append(want, merged)
			open = append(slices.Delete(slices.Delete(open, b, b+1), a, a+1), merged)
		}
		var got [][]int
		for _, set := range linkageTree(rng, genomes)[genes:] {
			got = append(got, slices.Sorted(slices.Values(set)))
		}
		slices.SortFunc(got, slices.Compare)
		slices.SortFunc(want, slices.Compare)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("seed %d: %v, want %v", seed, got, want)
		}
	}
}
