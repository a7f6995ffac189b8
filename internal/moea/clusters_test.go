package moea

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestClusters(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n, k := 8<<rng.IntN(4), 3+rng.IntN(5)
		p := &population{scores: randomScores(rng, n, 1+rng.IntN(30))}
		points := p.points()
		clusters := makeClusters(rng, points, k)
		singles := make(map[int]int)
		for _, c := range clusters {
			members := slices.Sorted(slices.Values(c.members))
			if len(members) != 2*n/k || len(slices.Compact(members)) != 2*n/k {
				t.Fatalf("seed %d: a cluster %v, want %d members", seed, c.members, 2*n/k)
			}
			var sum [2]float64
			for _, i := range c.members {
				for o := range sum {
					sum[o] += points[i][o] / float64(len(c.members))
				}
			}
			if math.Abs(sum[0]-c.mean[0])+math.Abs(sum[1]-c.mean[1]) > 1e-9 {
				t.Fatalf("seed %d: mean %v, want %v", seed, c.mean, sum)
			}
			singles[c.single]++
		}
		if singles[0] != 1 || singles[1] != 1 || singles[-1] != k-2 {
			t.Errorf("seed %d: clusters by objective %v", seed, singles)
		}
	}
}

func TestClustersFindGroups(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	p := &population{}
	for i := range 40 {
		at := float64(100 * (i % 4))
		p.scores = append(p.scores, Score{Objectives: [2]float64{at + rng.Float64(), 300 - at + rng.Float64()}})
	}
	points := p.points()
	means := kMeans(points, leaders(rng, points, 4))
	for i, p := range points {
		if nearestMean(means, p) != nearestMean(means, points[i%4]) {
			t.Errorf("point %d is not with its group", i)
		}
	}
}
