package moea

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// A cluster is a part of a population whose solutions are close in objective space.
// Clusters overlap.
type cluster struct {
	members []int // of the population
	mean    [2]float64
	single  int     // the one objective it works on, or -1 for both
	subsets [][]int // its linkage tree
}

// makeClusters divides points into k overlapping clusters of equal size. Distances are
// Euclidean. For each objective the cluster with the best mean in it works on that
// objective alone.
func makeClusters(rng *rand.Rand, points [][2]float64, k int) []cluster {
	means := kMeans(points, leaders(rng, points, k))
	nearest := make([]int, len(points))
	for i, p := range points {
		nearest[i] = nearestMean(means, p)
	}
	clusters := make([]cluster, k)
	size := 2 * len(points) / k
	all := make([]int, len(points))
	distances := make([]float64, len(points))
	for c := range clusters {
		for i, p := range points {
			all[i], distances[i] = i, squared(p, means[c])
		}
		own := func(i int) int {
			if nearest[i] == c {
				return 0
			}
			return 1
		}
		slices.SortFunc(all, func(i, j int) int {
			return cmp.Or(cmp.Compare(own(i), own(j)), cmp.Compare(distances[i], distances[j]), cmp.Compare(i, j))
		})
		clusters[c] = cluster{members: slices.Clone(all[:size]), single: -1}
		clusters[c].mean = meanOf(points, clusters[c].members)
	}
	for _, objective := range rng.Perm(2) {
		best := -1
		for c := range clusters {
			if clusters[c].single < 0 && (best < 0 || clusters[c].mean[objective] < clusters[best].mean[objective]) {
				best = c
			}
		}
		clusters[best].single = objective
	}
	return clusters
}

// leaders picks k points far from each other, the first of them the best in one
// objective drawn at random.
func leaders(rng *rand.Rand, points [][2]float64, k int) [][2]float64 {
	objective := rng.IntN(2)
	next := 0
	for i, p := range points {
		if p[objective] < points[next][objective] {
			next = i
		}
	}
	leaders := make([][2]float64, 0, k)
	away := slices.Repeat([]float64{math.Inf(1)}, len(points)) // distance to the nearest leader
	for range k {
		leaders = append(leaders, points[next])
		farthest := 0
		for i, p := range points {
			away[i] = min(away[i], squared(p, points[next]))
			if away[i] > away[farthest] {
				farthest = i
			}
		}
		next = farthest
	}
	return leaders
}

// kMeans moves means to the middle of the points nearest to them until they no longer
// move. A mean without points does not move.
func kMeans(points [][2]float64, means [][2]float64) [][2]float64 {
	members := make([][]int, len(means))
	// Rounding could in principle keep the means moving for ever.
	for range 1000 {
		for c := range members {
			members[c] = members[c][:0]
		}
		for i, p := range points {
			c := nearestMean(means, p)
			members[c] = append(members[c], i)
		}
		moved := 0.0
		for c := range means {
			if len(members[c]) > 0 {
				mean := meanOf(points, members[c])
				moved += math.Sqrt(squared(mean, means[c]))
				means[c] = mean
			}
		}
		if moved <= 1e-10 {
			break
		}
	}
	return means
}

// nearestMean returns the mean nearest to a point, the first of several.
func nearestMean(means [][2]float64, p [2]float64) int {
	best := 0
	for c := range means {
		if squared(p, means[c]) < squared(p, means[best]) {
			best = c
		}
	}
	return best
}

func meanOf(points [][2]float64, members []int) [2]float64 {
	var sum [2]float64
	for _, i := range members {
		sum[0] += points[i][0]
		sum[1] += points[i][1]
	}
	n := float64(len(members))
	return [2]float64{sum[0] / n, sum[1] / n}
}

func squared(a, b [2]float64) float64 {
	x, y := a[0]-b[0], a[1]-b[1]
	return x*x + y*y
}
