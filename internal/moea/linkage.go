package moea

import (
	"math"
	"math/rand/v2"
	"slices"
)

// linkageTree returns the sets of genes that belong together in a cluster of genomes:
// the leaves and inner nodes of the tree that UPGMA makes of the genes' mutual
// information, without the root (Gronau, Moran: Optimal implementations of UPGMA and
// other common clustering algorithms, Information Processing Letters 104(6), 2007).
// They overlap; the single genes come first, in random order, then the others as they
// are merged.
func linkageTree(rng *rand.Rand, genomes [][]uint16) [][]int {
	genes := len(genomes[0])
	order := rng.Perm(genes)
	var sets [][]int // of the tree so far
	for _, gene := range order {
		sets = append(sets, []int{gene})
	}
	if genes == 1 {
		return sets
	}
	information := mutualInformation(genomes)
	similarity := make([][]float64, genes)
	for i := range similarity {
		similarity[i] = make([]float64, genes)
		for j := range similarity[i] {
			similarity[i][j] = information[order[i]][order[j]]
		}
	}
	open := slices.Clone(sets) // sets still to be merged; similarity is between these
	nearest := func(i int) int {
		best := -1
		for j := range open {
			if j != i && (best < 0 || similarity[i][j] > similarity[i][best] ||
				similarity[i][j] == similarity[i][best] && len(open[j]) < len(open[best])) {
				best = j
			}
		}
		return best
	}
	// A chain of nearest neighbours ends in two sets that are each other's nearest.
	var chain []int
	for len(open) > 2 {
		if len(chain) == 0 {
			chain = append(chain, rng.IntN(len(open)))
		}
		for {
			last := chain[len(chain)-1]
			next := nearest(last)
			if len(chain) > 2 && similarity[last][next] == similarity[last][chain[len(chain)-2]] {
				next = chain[len(chain)-2]
			}
			if len(chain) > 1 && next == chain[len(chain)-2] {
				break
			}
			chain = append(chain, next)
		}
		a, b := chain[len(chain)-2], chain[len(chain)-1]
		a, b = min(a, b), max(a, b)
		chain = chain[:len(chain)-2]

		na, nb := float64(len(open[a])), float64(len(open[b]))
		for i := range open {
			mean := (na*similarity[a][i] + nb*similarity[b][i]) / (na + nb)
			similarity[a][i], similarity[i][a] = mean, mean
		}
		open[a] = slices.Concat(open[a], open[b])
		sets = append(sets, open[a])
		// The last set takes the free place.
		last := len(open) - 1
		for i := range open {
			similarity[b][i], similarity[i][b] = similarity[last][i], similarity[i][last]
		}
		open[b] = open[last]
		open = open[:last]
		for i := range chain {
			if chain[i] == last {
				chain[i] = b
			}
		}
	}
	return sets
}

// mutualInformation returns, for every pair of genes, H(X) + H(Y) - H(X, Y) of
// their values in the genomes, in bits. Equal counts give exactly equal values, so that
// ties are ties.
func mutualInformation(genomes [][]uint16) [][]float64 {
	n, genes := len(genomes), len(genomes[0])
	// With counts c that sum to n, n·H = n·log2 n - Σ c·log2 c.
	values := make([]uint32, n)
	times := make([]int32, n+1) // how often each count occurs
	surprise := func(value func(genome []uint16) uint32) float64 {
		for i, genome := range genomes {
			values[i] = value(genome)
		}
		slices.Sort(values)
		clear(times)
		for from := 0; from < n; {
			to := from + 1
			for to < n && values[to] == values[from] {
				to++
			}
			times[to-from]++
			from = to
		}
		sum := 0.0
		for count, t := range times {
			if t > 0 && count > 1 {
				sum += float64(t) * float64(count) * math.Log2(float64(count))
			}
		}
		return float64(n)*math.Log2(float64(n)) - sum
	}
	single := make([]float64, genes)
	for i := range single {
		single[i] = surprise(func(genome []uint16) uint32 { return uint32(genome[i]) })
	}
	information := make([][]float64, genes)
	for i := range information {
		information[i] = make([]float64, genes)
		for j := range i {
			both := surprise(func(genome []uint16) uint32 { return uint32(genome[i])<<16 | uint32(genome[j]) })
			information[i][j] = (single[i] + single[j] - both) / float64(n)
			information[j][i] = information[i][j]
		}
	}
	return information
}
