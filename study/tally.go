package study

import (
	"context"
	"runtime"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A tally counts what a cascade does on samples, labelled or not. Its score on a sample is
// the probability that a reference gives to its answer, rounded down to a multiple of
// 1/scoreUnit: sums of integers do not depend on their order.
type tally struct {
	exits    []int // samples that each stage answers
	correct  int
	scores   uint64
	squares  uint64
	products uint64 // of the scores and 1 for each correct answer
}

const scoreUnit = 1 << 16

// tallies counts what cascades do on a split of the zoo. The reference, which must have
// rule mean, is the mean of all its models; without stages there are no scores.
func tallies(ctx context.Context, z *zoo.Zoo, split string, costs map[string]float64, cascades []cascade.Cascade, reference cascade.Cascade, w Watch) ([]tally, error) {
	s, stop, err := storedSplit(z, split, costs, w)
	if err != nil {
		return nil, err
	}
	defer stop()
	all := cascades
	if len(reference.Stages) > 0 {
		all = append(all[:len(all):len(all)], reference)
	}
	r, err := s.Replay(all)
	if err != nil {
		return nil, err
	}
	whole := -1 // the set of the reference
	if last := len(reference.Stages) - 1; last >= 0 {
		whole = r.Set(len(cascades), last)
	}
	threads := make([][]tally, runtime.GOMAXPROCS(0))
	for t := range threads {
		threads[t] = newTallies(cascades)
	}
	err = r.Run(ctx, len(threads), func(thread int, x *cascade.Sample) {
		for i := range cascades {
			threads[thread][i].add(r, x, i, whole)
		}
	})
	if err != nil {
		return nil, err
	}
	sum := newTallies(cascades)
	for _, t := range threads {
		for i := range t {
			sum[i].join(&t[i])
		}
	}
	return sum, nil
}

func newTallies(cascades []cascade.Cascade) []tally {
	all := make([]tally, len(cascades))
	for i, c := range cascades {
		all[i].exits = make([]int, len(c.Stages))
	}
	return all
}

// add counts a sample; whole is the set of the reference, -1 for none.
func (t *tally) add(r *cascade.Replay, x *cascade.Sample, c, whole int) {
	stage := x.Exit(c)
	t.exits[stage]++
	answer := x.Class(r.Set(c, stage))
	score := uint64(0)
	if whole >= 0 {
		// A probability of 1 is 2^24 in fixed point.
		score = uint64(x.Sum(whole, answer)) * scoreUnit / (uint64(r.Weight(whole)) << 24)
	}
	t.scores += score
	t.squares += score * score
	if answer == int(x.Label) {
		t.correct++
		t.products += score
	}
}

func (t *tally) join(other *tally) {
	for stage, n := range other.exits {
		t.exits[stage] += n
	}
	t.correct += other.correct
	t.scores += other.scores
	t.squares += other.squares
	t.products += other.products
}

// reach returns how many samples reach each stage.
func (t *tally) reach() []int {
	reach, left := make([]int, len(t.exits)), 0
	for stage := len(t.exits) - 1; stage >= 0; stage-- {
		left += t.exits[stage]
		reach[stage] = left
	}
	return reach
}

// scored returns the counts with the scores as numbers from 0 to 1.
func (t *tally) scored() stats.Scored {
	return stats.Scored{
		Samples: t.reach()[0], Correct: t.correct, Scores: float64(t.scores) / scoreUnit,
		Squares: float64(t.squares) / (scoreUnit * scoreUnit), Products: float64(t.products) / scoreUnit,
	}
}
