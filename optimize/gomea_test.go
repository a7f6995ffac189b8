package optimize

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// randomScores returns scores on a coarse lattice, so that many are equal.
func randomScores(rng *rand.Rand, n, side int) []score {
	scores := make([]score, n)
	for i := range scores {
		scores[i].objectives = [2]float64{float64(rng.IntN(side)), float64(rng.IntN(side))}
	}
	return scores
}

func TestEliteHoldsTheFront(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		scores := randomScores(rng, 200, 40)
		replacing, plain := elite{target: 100}, elite{target: 100}
		first := make(map[[2]float64]uint16) // genome first offered with these objectives
		for i, s := range scores {
			genes := []uint16{uint16(i), uint16(rng.IntN(3)), uint16(rng.IntN(3))}
			if _, ok := first[s.objectives]; !ok {
				first[s.objectives] = uint16(i)
			}
			before := len(plain.members)
			switch got := plain.offer(genes, s, false); got {
			case admitted:
				if m := plain.members[len(plain.members)-1]; m.genes[0] != uint16(i) {
					t.Fatal("the last member is not the one admitted")
				}
			case dominated, occupied:
				if len(plain.members) != before {
					t.Fatal("a genome refused changes the elite")
				}
			}
			if plain.dominates(s) == slices.ContainsFunc(plain.members, func(m eliteMember) bool { return m.objectives == s.objectives }) {
				t.Fatal("a score is either dominated or a member's")
			}
			replacing.offer(genes, s, true)
		}
		for _, e := range []elite{replacing, plain} {
			var got, want [][2]float64
			for _, m := range e.members {
				got = append(got, m.objectives)
			}
			for _, s := range scores {
				if !slices.ContainsFunc(scores, func(other score) bool { return other.dominates(s) }) && !slices.Contains(want, s.objectives) {
					want = append(want, s.objectives)
				}
			}
			slices.SortFunc(got, func(a, b [2]float64) int { return slices.Compare(a[:], b[:]) })
			slices.SortFunc(want, func(a, b [2]float64) int { return slices.Compare(a[:], b[:]) })
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: the elite holds %v, the front is %v", seed, got, want)
			}
		}
		for _, m := range plain.members {
			if m.genes[0] != first[m.objectives] {
				t.Error("the plain form replaces a member of equal objectives")
			}
		}
	}
}

func TestEliteReplacesByDistance(t *testing.T) {
	e := elite{target: 10}
	at := func(x, y float64) score { return score{objectives: [2]float64{x, y}} }
	e.offer([]uint16{1, 1, 1}, at(0, 9), true)
	e.offer([]uint16{1, 1, 2}, at(5, 5), true)
	for _, c := range []struct {
		genes []uint16
		want  []uint16
	}{
		{[]uint16{1, 2, 1}, []uint16{1, 1, 2}}, // as far from {1, 1, 1}
		{[]uint16{1, 2, 2}, []uint16{1, 2, 2}}, // farther
		{[]uint16{1, 1, 1}, []uint16{1, 2, 2}}, // nearer
	} {
		if got := e.offer(c.genes, at(5, 5), true); got != occupied {
			t.Errorf("a genome of a member's objectives meets %v", got)
		}
		if got := e.members[1].genes; !slices.Equal(got, c.want) {
			t.Errorf("after %v the elite holds %v, want %v", c.genes, got, c.want)
		}
	}
}

func TestEliteGrid(t *testing.T) {
	e := elite{target: 40}
	for i := range 51 {
		x := float64(i)
		e.offer([]uint16{uint16(i)}, score{objectives: [2]float64{x * x, 2500 - x*x}}, true)
	}
	if e.adapt(); e.width == [2]float64{} {
		t.Fatal("51 members of a target of 40 lay no grid")
	}
	if n := len(e.members); n < 20 || n > 40 {
		t.Errorf("the grid leaves %d members", n)
	}
	for i, a := range e.members {
		for _, b := range e.members[:i] {
			if a.dominates(b.score) || b.dominates(a.score) || e.sameBox(a.score, b.score) {
				t.Errorf("members %v and %v", a.objectives, b.objectives)
			}
		}
	}
	if got := e.offer([]uint16{99}, score{objectives: [2]float64{-1, 0}}, true); got != admitted || len(e.members) != 1 {
		t.Fatalf("what dominates all members meets %v and leaves %d", got, len(e.members))
	}
	if e.adapt(); e.width != [2]float64{} {
		t.Error("one member keeps the grid")
	}
}

func TestClusters(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n, k := 8<<rng.IntN(4), 3+rng.IntN(5)
		p := &population{scores: randomScores(rng, n, 1+rng.IntN(30))}
		p.setRanges()
		clusters := makeClusters(rng, p.scores, p.ranges, k)
		singles := make(map[int]int)
		for _, c := range clusters {
			members := slices.Sorted(slices.Values(c.members))
			if len(members) != 2*n/k || len(slices.Compact(members)) != 2*n/k {
				t.Fatalf("seed %d: a cluster %v, want %d members", seed, c.members, 2*n/k)
			}
			var sum [2]float64
			for _, i := range c.members {
				for o := range sum {
					sum[o] += p.scores[i].objectives[o] / p.ranges[o] / float64(len(c.members))
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
		of := newMembership(clusters, p)
		for i := range n {
			c := of.draw(rng, i)
			if len(of.containing[i]) > 0 && !slices.Contains(clusters[c].members, i) {
				t.Errorf("seed %d: solution %d is put into a cluster that does not contain it", seed, i)
			}
		}
	}
}

func TestClustersFindGroups(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	p := &population{}
	for i := range 40 {
		at := float64(100 * (i % 4))
		p.scores = append(p.scores, score{objectives: [2]float64{at + rng.Float64(), 300 - at + rng.Float64()}})
	}
	p.setRanges()
	var points [][2]float64
	for _, s := range p.scores {
		points = append(points, [2]float64{s.objectives[0] / p.ranges[0], s.objectives[1] / p.ranges[1]})
	}
	means := kMeans(points, leaders(rng, points, 4))
	for i, p := range points {
		if nearestMean(means, p) != nearestMean(means, points[i%4]) {
			t.Errorf("point %d is not with its group", i)
		}
	}
}

// Each population iterates once for every two iterations of the one before.
func TestPopulationsTakeTurns(t *testing.T) {
	p, _ := newZoo(t, 3, 2, 10, 3)
	s, _, err := newSearch(p, Options{Algorithm: "gomea"})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	evaluated := 0
	g := newMixer(context.Background(), &coding{search: s, alphabet: []int{99, 99, 99, 99, 99}}, func([]uint16) (score, error) {
		if evaluated++; evaluated > 4000 {
			return score{}, errSpent
		}
		return score{objectives: [2]float64{rng.Float64(), rng.Float64()}}, nil
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

// The published optimizer's fronts, three seeds of 600,000 evaluations, have these
// median hypervolumes.
const publishedLinear, publishedLog = 0.92756, 0.89597

func TestGOMEAReachesPublishedFrontsOfCIFAR10(t *testing.T) {
	if testing.Short() {
		t.Skip("evaluates 600,000 cascades")
	}
	p := readCIFAR10(t, 0, 5000)
	r, err := Search(context.Background(), p, Options{Algorithm: "gomea", Grid: PaperGrid(), Paper: true})
	if err != nil {
		t.Fatal(err)
	}
	linear, log := hypervolumes(r, p, cifar10Reference)
	if r.Evaluations != 600_000 || linear < publishedLinear*(1-0.002) || log < publishedLog*(1-0.002) {
		t.Errorf("%d evaluations: hypervolume %.5f linear and %.5f log, published %.5f and %.5f", r.Evaluations, linear, log, publishedLinear, publishedLog)
	}
}

// BenchmarkCIFAR10 reports the hypervolumes of every algorithm's default search of
// the published space.
func BenchmarkCIFAR10(b *testing.B) {
	p := readCIFAR10(b, 0, 5000)
	for _, name := range Algorithms() {
		b.Run(name, func(b *testing.B) {
			seed := uint64(0)
			for b.Loop() {
				r, err := Search(context.Background(), p, Options{Algorithm: name, Grid: PaperGrid(), Paper: true, Seed: seed})
				if err != nil {
					b.Fatal(err)
				}
				linear, log := hypervolumes(r, p, cifar10Reference)
				b.ReportMetric(linear, "linear")
				b.ReportMetric(log, "log")
				b.ReportMetric(float64(r.Evaluations)/r.Elapsed.Seconds(), "evaluations/s")
				seed++
			}
		})
	}
}

func TestTablesInPieces(t *testing.T) {
	p, _ := newZoo(t, 4, 5, 500, 40)
	s, _, err := newSearch(p, Options{Algorithm: "gomea"})
	if err != nil {
		t.Fatal(err)
	}
	whole, pieces := s.newSoleWorker(), s.newSoleWorker()
	pieces.pieces = 3
	chain := plan{members: []member{{0, 1}, {3, 2}, {1, 1}, {4, 1}, {0, 1}}}
	for stage := range chain.members {
		if !slices.Equal(whole.table(chain, stage), pieces.table(chain, stage)) {
			t.Errorf("stage %d: the table made in pieces differs", stage)
		}
	}
}
