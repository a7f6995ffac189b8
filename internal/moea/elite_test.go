package moea

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// randomScores returns scores on a coarse lattice, so that many are equal.
func randomScores(rng *rand.Rand, n, side int) []Score {
	scores := make([]Score, n)
	for i := range scores {
		scores[i].Objectives = [2]float64{float64(rng.IntN(side)), float64(rng.IntN(side))}
	}
	return scores
}

func TestEliteHoldsTheFront(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 1))
		scores := randomScores(rng, 200, 40)
		replacing, plain := elite{target: 100}, elite{target: 100}
		first := make(map[[2]float64]uint16) // genome first offered with these objectives
		for i, s := range scores {
			genes := []uint16{uint16(i), uint16(rng.IntN(3)), uint16(rng.IntN(3))}
			if _, ok := first[s.Objectives]; !ok {
				first[s.Objectives] = uint16(i)
			}
			before := len(plain.members)
			switch got := plain.offer(genes, s, false); got {
			case admitted:
				if m := plain.members[len(plain.members)-1]; m.Genes[0] != uint16(i) {
					t.Fatal("the last member is not the one admitted")
				}
			case dominated, occupied:
				if len(plain.members) != before {
					t.Fatal("a genome refused changes the elite")
				}
			}
			if plain.dominates(s) == slices.ContainsFunc(plain.members, func(m Solution) bool { return m.Objectives == s.Objectives }) {
				t.Fatal("a score is either dominated or a member's")
			}
			replacing.offer(genes, s, true)
		}
		for _, e := range []elite{replacing, plain} {
			var got, want [][2]float64
			for _, m := range e.members {
				got = append(got, m.Objectives)
			}
			for _, s := range scores {
				if !slices.ContainsFunc(scores, func(other Score) bool { return other.Dominates(s) }) && !slices.Contains(want, s.Objectives) {
					want = append(want, s.Objectives)
				}
			}
			slices.SortFunc(got, func(a, b [2]float64) int { return slices.Compare(a[:], b[:]) })
			slices.SortFunc(want, func(a, b [2]float64) int { return slices.Compare(a[:], b[:]) })
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d: the elite holds %v, the front is %v", seed, got, want)
			}
		}
		for _, m := range plain.members {
			if m.Genes[0] != first[m.Objectives] {
				t.Error("the plain form replaces a member of equal objectives")
			}
		}
	}
}

func TestEliteReplacesByDistance(t *testing.T) {
	t.Parallel()
	e := elite{target: 10}
	at := func(x, y float64) Score { return Score{Objectives: [2]float64{x, y}} }
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
		if got := e.members[1].Genes; !slices.Equal(got, c.want) {
			t.Errorf("after %v the elite holds %v, want %v", c.genes, got, c.want)
		}
	}
}

func TestEliteGrid(t *testing.T) {
	t.Parallel()
	e := elite{target: 40}
	for i := range 51 {
		x := float64(i)
		e.offer([]uint16{uint16(i)}, Score{Objectives: [2]float64{x * x, 2500 - x*x}}, true)
	}
	if e.adapt(); e.width == [2]float64{} {
		t.Fatal("51 members of a target of 40 lay no grid")
	}
	if n := len(e.members); n < 20 || n > 40 {
		t.Errorf("the grid leaves %d members", n)
	}
	for i, a := range e.members {
		for _, b := range e.members[:i] {
			if a.Dominates(b.Score) || b.Dominates(a.Score) || e.sameBox(a.Score, b.Score) {
				t.Errorf("members %v and %v", a.Objectives, b.Objectives)
			}
		}
	}
	if got := e.offer([]uint16{99}, Score{Objectives: [2]float64{-1, 0}}, true); got != admitted || len(e.members) != 1 {
		t.Fatalf("what dominates all members meets %v and leaves %d", got, len(e.members))
	}
	if e.adapt(); e.width != [2]float64{} {
		t.Error("one member keeps the grid")
	}
}
