package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// add counts a sample.
func (s *Scored) add(correct bool, score float64) {
	s.Samples++
	s.Scores += score
	s.Squares += score * score
	if correct {
		s.Correct++
		s.Products += score
	}
}

// draw draws samples whose scores tell the truth as often as told says; the others' scores
// mean nothing.
func draw(rng *rand.Rand, n int, told float64) (s Scored) {
	for range n {
		p := 0.5 + 0.5*rng.Float64()
		score := p
		if rng.Float64() > told {
			score = rng.Float64()
		}
		s.add(rng.Float64() < p, score)
	}
	return s
}

// Whatever the score: the mean over many draws is the truth, the standard error is the
// deviation over them, and no larger than that of the mean.
func TestPredictionPowered(t *testing.T) {
	t.Parallel()
	const truth, draws = 0.75, 2000
	for _, told := range []float64{0, 0.5, 1} {
		rng := rand.New(rand.NewPCG(3, uint64(100*told)))
		var sum, squares, errors, plain float64
		used := 0
		for range draws {
			labelled, unlabelled := draw(rng, 400, told), draw(rng, 4000, told)
			e, ok := PredictionPowered(labelled, unlabelled)
			mean := labelled.Mean()
			if ok != (e.StandardError < mean.StandardError) {
				t.Fatal("whether it helps is not what the standard errors say")
			}
			if ok {
				used++
			}
			sum += e.Accuracy - truth
			squares += (e.Accuracy - truth) * (e.Accuracy - truth)
			errors += e.StandardError / draws
			plain += (mean.Accuracy - truth) * (mean.Accuracy - truth)
		}
		bias, deviation, of := sum/draws, math.Sqrt(squares/draws), math.Sqrt(plain/draws)
		t.Logf("told %.1f: bias %.5f, deviation %.5f, standard error %.5f, deviation of the mean %.5f, used in %d of %d", told, bias, deviation, errors, of, used, draws)
		if math.Abs(bias) > 4*deviation/math.Sqrt(draws) {
			t.Errorf("told %v: biased by %v", told, bias)
		}
		if math.Abs(errors/deviation-1) > 0.06 {
			t.Errorf("told %v: standard error %v, but it deviates by %v", told, errors, deviation)
		}
		if deviation > 1.01*of || told == 1 && deviation > 0.96*of {
			t.Errorf("told %v: it deviates by %v, the mean by %v", told, deviation, of)
		}
	}
}

func TestPredictionPoweredWithoutUse(t *testing.T) {
	t.Parallel()
	var constant, perfect, unlabelled Scored
	for i := range 10 {
		constant.add(i%2 == 0, 0.5)
		perfect.add(true, float64(i)/10)
		unlabelled.add(false, 0.5)
	}
	if e, ok := PredictionPowered(constant, unlabelled); ok || e != constant.Mean() {
		t.Errorf("constant scores: %+v, %v", e, ok)
	}
	if e, ok := PredictionPowered(perfect, unlabelled); ok || e.Accuracy != 1 {
		t.Errorf("all correct: %+v, %v", e, ok)
	}
}
