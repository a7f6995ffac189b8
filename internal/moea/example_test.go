package moea_test

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/internal/moea"
)

// A thief packs up to three each of twelve things, worth as much and weighing as
// little as possible, 60 at the most.
var values, weights = []int{9, 14, 3, 20, 7, 11, 5, 16, 2, 8, 13, 6}, []int{6, 10, 1, 17, 4, 9, 2, 12, 1, 5, 11, 3}

func pack(genes []uint16) moea.Score {
	value, weight := 0, 0
	for i, n := range genes {
		value += int(n) * values[i]
		weight += int(n) * weights[i]
	}
	return moea.Score{
		Objectives: [2]float64{float64(-value), float64(weight)},
		Violation:  float64(max(0, weight-60)),
	}
}

// printSome prints what is in the bag at some weights.
func printSome(best []moea.Solution) {
	slices.SortFunc(best, func(a, b moea.Solution) int { return int(a.Objectives[1] - b.Objectives[1]) })
	for _, s := range best {
		if weight := s.Objectives[1]; weight == 10 || weight == 25 || weight == 60 {
			fmt.Printf("weight %v: value %v\n", weight, -s.Objectives[0])
		}
	}
}

func ExampleGOMEA() {
	space := moea.Space{Alphabet: slices.Repeat([]int{4}, len(values))}
	budget := 20_000
	best, err := moea.GOMEA(context.Background(), space, 1, func(genes []uint16) (moea.Score, error) {
		if budget == 0 {
			return moea.Score{}, moea.ErrSpent
		}
		budget--
		return pack(genes), nil
	})
	if err != nil {
		fmt.Println(err)
	}
	printSome(best)
	// Output:
	// weight 10: value 26
	// weight 25: value 55
	// weight 60: value 111
}

// A generation is evaluated in parallel.
func ExampleNSGA2() {
	space := moea.Space{
		Alphabet: slices.Repeat([]int{4}, len(values)),
		Ordered:  slices.Repeat([]bool{true}, len(values)),
	}
	budget := 20_000
	best, err := moea.NSGA2(context.Background(), space, 1, func(genomes [][]uint16) ([]moea.Score, error) {
		var spent error
		if budget <= len(genomes) {
			genomes, spent = genomes[:budget], moea.ErrSpent
		}
		budget -= len(genomes)
		scores := make([]moea.Score, len(genomes))
		var wait sync.WaitGroup
		for i, genes := range genomes {
			wait.Go(func() { scores[i] = pack(genes) })
		}
		wait.Wait()
		return scores, spent
	})
	if err != nil {
		fmt.Println(err)
	}
	printSome(best)
	// Output:
	// weight 10: value 26
	// weight 25: value 55
	// weight 60: value 111
}
