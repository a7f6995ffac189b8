package optimize

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// closestRise returns the values closest to those given, in squares, of all that rise by at
// least a part of what the scores do. They are means over blocks, so it tries all blocks.
func closestRise(values []float64, points []scored) []float64 {
	n := len(values)
	var best []float64
	least := math.Inf(1)
	for cuts := range 1 << (n - 1) {
		candidate := make([]float64, n)
		rises, squares := true, 0.0
		for from := 0; from < n; {
			to := from + 1
			for to < n && cuts>>(to-1)&1 == 0 {
				to++
			}
			mean := 0.0
			for i := from; i < to; i++ {
				mean += (values[i] - surest*points[i].score) / float64(to-from)
			}
			for i := from; i < to; i++ {
				candidate[i] = mean + surest*points[i].score
				squares += (candidate[i] - values[i]) * (candidate[i] - values[i])
			}
			if from > 0 {
				before := candidate[from-1] - surest*points[from-1].score
				rises = rises && before <= mean+1e-12
			}
			from = to
		}
		if rises && squares < least {
			best, least = candidate, squares
		}
	}
	return best
}

func TestRiseIsTheClosest(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 4))
	for range 500 {
		n := 1 + rng.IntN(8)
		values, points := make([]float64, n), make([]scored, n)
		for i := range values {
			values[i] = math.Round(8*rng.Float64()) / 8 // with ties
			points[i].score = rng.Float64()
		}
		slices.SortFunc(points, func(a, b scored) int { return int(math.Copysign(1, a.score-b.score)) })
		want, got := closestRise(values, points), slices.Clone(values)
		rise(got, points)
		for i := range got {
			if math.Abs(got[i]-want[i]) > 1e-9 {
				t.Fatalf("%v with scores %v rise as %v, closest are %v", values, points, got, want)
			}
			if i > 0 && got[i]-got[i-1] < surest*(points[i].score-points[i-1].score)-1e-12 {
				t.Fatalf("%v with scores %v rise as %v: too little", values, points, got)
			}
		}
		again := slices.Clone(got)
		rise(again, points)
		for i := range again {
			if math.Abs(again[i]-got[i]) > 1e-12 {
				t.Fatalf("%v rise again, as %v", got, again)
			}
		}
	}
}

// Of luck that is the same everywhere what a search of all samples has is taken away: less
// than a fold's, which has fewer.
func TestExpectTakesLuckAway(t *testing.T) {
	t.Parallel()
	points := []scored{{1, 0.7}, {2, 0.8}, {5, 0.85}, {20, 0.9}}
	for _, folds := range []int{2, 5, 10} {
		for _, luck := range []float64{0, 0.05, -0.02} {
			var all []fold
			for i := range folds {
				f := fold{samples: 1000 * (1 + i%2), front: tried{scores: points}}
				for _, p := range points {
					f.front.correct = append(f.front.correct, int(math.Round((p.score-luck)*float64(f.samples))))
				}
				all = append(all, f)
			}
			for i, got := range expectFront(points, all) {
				want := points[i].score - luck*math.Sqrt(1-1/float64(folds))
				if math.Abs(got-want) > 1e-9 {
					t.Errorf("%d folds, luck of %v: %v is expected of %v, want %v", folds, luck, got, points[i], want)
				}
			}
		}
	}
}

// Luck counts at the costs at which it was seen, and every sample of the folds alike.
func TestExpectTakesLuckAwayWhereItIs(t *testing.T) {
	t.Parallel()
	points := []scored{{1, 0.6}, {10, 0.7}, {100, 0.8}, {1000, 0.9}}
	folds := []fold{
		{samples: 300, front: tried{points, []int{180, 210, 210, 240}}}, // as expected, and 0.1 less
		{samples: 100, front: tried{points, []int{60, 70, 80, 90}}},
	}
	got := expectFront(points, folds)
	shrink := math.Sqrt(0.5)
	for i, want := range []float64{0.6, -1, -1, 0.9 - shrink*0.1*300/400} {
		if want >= 0 && math.Abs(got[i]-want) > 1e-9 {
			t.Errorf("%v is expected of %v, want %v", got[i], points[i], want)
		}
	}
	for i, p := range points[1:3] {
		if luck := p.score - got[i+1]; luck < 0 || luck > shrink*0.1*300/400+1e-9 {
			t.Errorf("%v is expected of %v", got[i+1], p)
		}
	}
}

func TestExpectOfLittle(t *testing.T) {
	t.Parallel()
	points := []scored{{1, 0.2}, {2, 0.99}}
	if got := expectFront(points, nil); got != nil {
		t.Errorf("without folds %v is expected", got)
	}
	unlucky := []fold{{samples: 10, front: tried{points, []int{10, 10}}}, {samples: 10, front: tried{points, []int{0, 10}}}}
	for _, x := range expectFront(points, unlucky) {
		if !(0 <= x && x <= 1) {
			t.Errorf("%v is expected", x)
		}
	}
	single := []scored{{3, 0.5}}
	folds := []fold{{samples: 10, front: tried{single, []int{4}}}, {samples: 10, front: tried{single, []int{4}}}}
	if got, want := expectFront(single, folds), 0.5-0.1*math.Sqrt(0.5); len(got) != 1 || math.Abs(got[0]-want) > 1e-12 {
		t.Errorf("%v is expected of one cascade, want %v", got, want)
	}
}

// Every sample is held out once, and searched by all other folds.
func TestFoldsHoldEverySampleOutOnce(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 5, 2, 83, 83)
	for _, folds := range []int{2, 3, 10, 83} {
		cut, seen := p.folds(folds, 7), make([]int, 83)
		for i := range folds {
			held, others := cut(i)
			if n := len(held); n < 83/folds || n > 83/folds+1 || n+len(others) != 83 {
				t.Errorf("%d folds: %d samples held out, %d others", folds, n, len(others))
			}
			for _, sample := range held {
				seen[sample]++
				if slices.Contains(others, sample) {
					t.Errorf("%d folds: sample %d is held out and searched", folds, sample)
				}
			}
		}
		if slices.Min(seen) != 1 || slices.Max(seen) != 1 {
			t.Errorf("%d folds: samples are held out %v times", folds, seen)
		}
	}
}

// On samples of a real zoo what is expected is, on average, what other samples show, while
// the samples searched promise too much.
func TestExpectedAccuraciesOfCIFAR10(t *testing.T) {
	t.Parallel()
	all := readCIFAR10(t, 0, 10_000)
	const samples = 1000
	draws := 6
	if testing.Short() {
		draws = 2
	}
	expected, searched := 0.0, 0.0 // too many percentage points, mean over the draws
	for draw := range draws {
		order := rand.New(rand.NewPCG(uint64(draw), 17)).Perm(all.Samples())
		search, others := all.Subset(order[:samples]), all.Subset(order[samples:])
		r, err := Search(context.Background(), search, Options{
			Algorithm: "auto", Evidence: true, Folds: 5, Snap: true, MaxModels: 4, Evals: 1_000_000, Seed: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		// How easy the samples drawn are is seen from the models, which nobody chose.
		easy := 0.0
		for m := range search.models {
			easy += (float64(search.Correct(m))/samples - float64(others.Correct(m))/float64(others.Samples())) / float64(len(search.models))
		}
		part := 100 / float64(draws*len(r.Front))
		for _, p := range r.Front {
			e, err := others.Evaluate(p.Cascade)
			if err != nil {
				t.Fatal(err)
			}
			expected += part * (p.Expected.Accuracy - e.Accuracy() - easy)
			searched += part * (p.Accuracy() - e.Accuracy() - easy)
		}
	}
	t.Logf("%.3f points too many are expected, the samples searched show %.3f too many", expected, searched)
	if math.Abs(expected) > 0.3 || searched < math.Abs(expected) {
		t.Errorf("%.3f points too many are expected, the samples searched show %.3f too many", expected, searched)
	}
}
