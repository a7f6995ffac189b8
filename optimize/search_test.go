package optimize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// shortGrid keeps brute force short and has values samples can sit on.
var shortGrid = Grid{0, 0.25, 0.5, 0.75, 0.9, 1}

// bruteForce evaluates every chain of at most length distinct models at all
// thresholds with the dense oracle and returns the front's correct answers and
// costs.
func bruteForce(t *testing.T, d *cascade.Dense, rule cascade.Rule, confidence cascade.Confidence, grid Grid, length int, feasible func(cascade.Cascade, cascade.Evaluation) bool) [][2]float64 {
	t.Helper()
	cheapest := make(map[int]float64)
	var extend func(c cascade.Cascade)
	extend = func(c cascade.Cascade) {
		if len(c.Stages) > 0 {
			e, err := d.Evaluate(c)
			if err != nil {
				t.Fatal(err)
			}
			if old, ok := cheapest[e.Correct]; feasible(c, e) && (!ok || e.Cost < old) {
				cheapest[e.Correct] = e.Cost
			}
		}
		if len(c.Stages) == length {
			return
		}
		for m := range d.Outputs {
			if slices.ContainsFunc(c.Stages, func(s cascade.Stage) bool { return s.Model == m }) {
				continue
			}
			next := cascade.Cascade{Rule: rule, Confidence: confidence, Stages: append(slices.Clone(c.Stages), cascade.Stage{Model: m, Weight: 1})}
			if len(c.Stages) == 0 {
				extend(next)
				continue
			}
			for _, t := range grid {
				next.Stages = slices.Clone(next.Stages)
				next.Stages[len(c.Stages)-1].Threshold = t
				extend(next)
			}
		}
	}
	extend(cascade.Cascade{})
	return frontOf(cheapest)
}

// frontOf returns the front among the cheapest costs by correct answers.
func frontOf(cheapest map[int]float64) [][2]float64 {
	var front [][2]float64
	least := math.Inf(1)
	for _, correct := range slices.Backward(slices.Sorted(maps.Keys(cheapest))) {
		if cost := cheapest[correct]; cost < least {
			least = cost
			front = append(front, [2]float64{float64(correct), cost})
		}
	}
	slices.Reverse(front)
	return front
}

func points(r *Result) [][2]float64 {
	var points [][2]float64
	for _, p := range r.Front {
		points = append(points, [2]float64{float64(p.Correct), p.Cost})
	}
	return points
}

func TestExactEqualsBruteForce(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 1, 5, 70, 6)
	for _, rule := range cascade.Rules() {
		for length := 1; length <= 3; length++ {
			for _, limits := range []Options{
				{},
				{MaxCost: 8},
				{MaxWorstCost: 12},
				{MinAccuracy: 0.6},
				{MaxParams: 9, Include: []string{"m1"}},
				{Confidence: cascade.Margin},
				{Confidence: cascade.Entropy},
			} {
				t.Run(fmt.Sprintf("%v/%d/%v/%g,%g,%g", rule, length, limits.Confidence, limits.MaxCost, limits.MaxWorstCost, limits.MinAccuracy), func(t *testing.T) {
					o := limits
					o.Algorithm, o.Rules, o.Grid, o.MaxModels = "exact", []cascade.Rule{rule}, shortGrid, length
					params := func(c cascade.Cascade) (sum float64) {
						for _, s := range c.Stages {
							m, _ := p.Find(s.Model)
							sum += p.models[m].Params
						}
						return sum
					}
					if length == 3 && limits.Include != nil {
						o.Include = []string{"m2", "m1"}
					}
					r, err := Search(context.Background(), p, o)
					if err != nil {
						t.Fatal(err)
					}
					want := bruteForce(t, d, rule, limits.Confidence, shortGrid, length, func(c cascade.Cascade, e cascade.Evaluation) bool {
						for _, m := range o.Include {
							if !names(front.Point{Cascade: c}, m) {
								return false
							}
						}
						return (limits.MaxParams == 0 || params(c) <= limits.MaxParams) &&
							(limits.MaxCost == 0 || e.Cost <= limits.MaxCost) &&
							(limits.MaxWorstCost == 0 || e.WorstCost <= limits.MaxWorstCost) &&
							float64(e.Correct) >= limits.MinAccuracy*float64(len(d.Labels))
					})
					if got := points(r); !slices.Equal(got, want) {
						t.Errorf("front %v, brute force %v", got, want)
					}
					if r.Proof.Length != length {
						t.Errorf("an exact front of chains of %d has the proof %+v", length, r.Proof)
					}
				})
			}
		}
	}
}

// Models and samples that fill more than one tile, and the last one only in part.
func TestExactPairsInTilesEqualBruteForce(t *testing.T) {
	p, d := newZoo(t, 12, tileModels+3, 2*tileSamples+70, 6)
	for _, rule := range cascade.Rules() {
		for _, confidence := range []cascade.Confidence{cascade.MaxProbability, cascade.Margin} {
			if testing.Short() && (rule == cascade.RuleLast) != (confidence == cascade.Margin) {
				continue
			}
			r, err := Search(context.Background(), p, Options{Rules: []cascade.Rule{rule}, Confidence: confidence, Grid: shortGrid, MaxModels: 2})
			if err != nil {
				t.Fatal(err)
			}
			want := bruteForce(t, d, rule, confidence, shortGrid, 2, func(cascade.Cascade, cascade.Evaluation) bool { return true })
			if got := points(r); !slices.Equal(got, want) {
				t.Errorf("rule %v, confidence %v: front %v, brute force %v", rule, confidence, got, want)
			}
			for _, path := range kernel.Paths() {
				restore := kernel.Force(path)
				for threads := 1; threads <= 3; threads += 2 {
					other, err := Search(context.Background(), p, Options{Rules: []cascade.Rule{rule}, Confidence: confidence, Grid: shortGrid, MaxModels: 2, Threads: threads})
					if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(other.Front, r.Front) {
						t.Errorf("rule %v, confidence %v: %d threads on path %v give another front", rule, confidence, threads, path)
					}
				}
				restore()
			}
		}
	}
}

func TestTilesHoldEveryPairOnce(t *testing.T) {
	t.Parallel()
	for models := range 4*tileModels + 2 {
		seen := make(map[[2]int]int)
		for _, tile := range new(Options).tiles(models) {
			for _, pair := range tile.pairs() {
				seen[pair]++
			}
		}
		for x := range models {
			for y := x + 1; y < models; y++ {
				if seen[[2]int{x, y}] != 1 {
					t.Fatalf("%d models: the pair %d, %d is in %d tiles", models, x, y, seen[[2]int{x, y}])
				}
			}
		}
		if pairs := models * (models - 1) / 2; len(seen) != pairs {
			t.Fatalf("%d models: %d pairs in tiles, want %d", models, len(seen), pairs)
		}
	}
}

// Every point of a front must do on the full outputs what the search says it
// does.
func TestFrontsAgreeWithDense(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 2, 7, 200, 10)
	for _, name := range Algorithms() {
		for i, rules := range [][]cascade.Rule{{cascade.RuleMean}, {cascade.RuleLast}, bothRules, {cascade.RuleVote}, cascade.Rules()} {
			if name == "ensemble" && i == 1 {
				continue // nothing to average
			}
			t.Run(fmt.Sprint(name, rules), func(t *testing.T) {
				o := smallSearch(name)
				o.Rules, o.Snap = rules, true
				o.Confidence = cascade.Confidence(i % 3) // each measure
				r, err := Search(context.Background(), p, o)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Front) < 3 {
					t.Errorf("a front of %d points", len(r.Front))
				}
				for _, point := range r.Front {
					e, err := d.Evaluate(point.Cascade)
					if err != nil {
						t.Fatal(err)
					}
					if e.Correct != point.Correct || !slices.Equal(e.Reach, point.Reach) || e.Cost != point.Cost || e.WorstCost != point.WorstCost {
						t.Errorf("%v: %+v by the search, %+v by the definition", point.Cascade, point.Evaluation, e)
					}
				}
			})
		}
	}
}

func TestThreadsAndMemoryDoNotMatter(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 9, 200, 40) // truncated lists
	for _, name := range Algorithms() {
		t.Run(name, func(t *testing.T) {
			o := smallSearch(name)
			o.Threads = 1
			want, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range []struct {
				threads int
				memory  int64
			}{{2, 0}, {5, 1}, {1, 1}} {
				o.Threads, o.Memory = other.threads, other.memory
				got, err := Search(context.Background(), p, o)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got.Front, want.Front) || got.Evaluations != want.Evaluations {
					t.Errorf("%d threads and %d bytes give another result than one thread", other.threads, other.memory)
				}
			}
		})
	}
}

func TestKernelPathsDoNotMatter(t *testing.T) {
	sizes := []int{10, 25, 60} // lists of 16 and 32, complete and truncated
	if testing.Short() {
		sizes = []int{25}
	}
	for _, classes := range sizes {
		p, _ := newZoo(t, 11, 9, 333, classes)
		for _, name := range []string{"auto", "exact", "random"} { // they call all kernels
			t.Run(fmt.Sprintf("%s/%d classes", name, classes), func(t *testing.T) {
				o := smallSearch(name)
				o.Snap = true
				var want string
				for _, path := range kernel.Paths() {
					restore := kernel.Force(path)
					r, err := Search(context.Background(), p, o)
					restore()
					if err != nil {
						t.Fatal(err)
					}
					front, err := json.Marshal(r.Front)
					if err != nil {
						t.Fatal(err)
					}
					got := fmt.Sprint(string(front), r.Evaluations)
					if want == "" {
						want = got
					} else if got != want {
						t.Errorf("path %v gives another front than %v", path, kernel.Paths()[0])
					}
				}
			})
		}
	}
}

func TestNothingFeasible(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 4, 4, 50, 5)
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{MaxCost: d.Costs["m0"] / 2}, `the cheapest model, "m0", costs`},
		{Options{MaxWorstCost: d.Costs["m0"] / 2}, `the cheapest model, "m0", costs`},
		{Options{MinAccuracy: 1}, "reaches an accuracy of 1"},
		{Options{MaxParams: 1e-9}, "none of those searched is within the limits on cost and parameters"},
		{Options{MaxParams: 1e-9, Include: []string{"m0"}}, "none of those searched has all the models it must have within"},
		{Options{Time: 1}, "no cascade within the limits was found before the time was up"},
	} {
		_, err := Search(context.Background(), p, c.o)
		if !errors.Is(err, ErrNothingFeasible) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one that says %q", c.o, err, c.want)
		}
	}
}

// A limit below the cheapest model is refused before anything is searched.
func TestHopelessLimits(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 4, 4, 50, 5)
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for _, o := range []Options{{MaxCost: d.Costs["m0"] / 2}, {MaxWorstCost: d.Costs["m0"] / 2}} {
		o.Algorithm = "exact"
		if _, err := search(stopped, p, o); !errors.Is(err, ErrNothingFeasible) {
			t.Errorf("%+v: error %v", o, err)
		}
	}
}

func TestWithinCost(t *testing.T) {
	t.Parallel()
	points := func() []front.Point {
		p := make([]front.Point, 2)
		p[0].Cost, p[1].Cost = 1, 3
		return p
	}
	for limit, want := range map[float64]int{0: 2, 1: 1, 1 - 1e-15: 1, 2: 1, 3: 2} {
		if got, err := WithinCost(points(), limit); err != nil || len(got) != want {
			t.Errorf("%d within %g, %v; want %d", len(got), limit, err, want)
		}
	}
	if _, err := WithinCost(points(), 0.5); !errors.Is(err, ErrNothingFeasible) || !strings.Contains(err.Error(), "found costs 1 on all samples") {
		t.Errorf("error %v", err)
	}
}

func TestInterruptedSearchKeepsItsFront(t *testing.T) {
	p, _ := newZoo(t, 5, 40, 4000, 10)
	ctx, cancel := context.WithCancel(context.Background())
	seen := 0
	r, err := Search(ctx, p, Options{Algorithm: "random", Evals: 1 << 40, Progress: func(Progress) {
		if seen++; seen == 2 {
			cancel()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != Interrupted || len(r.Front) == 0 || r.Proof.Length != 0 {
		t.Errorf("%s, %d points, proof %q", r.Status, len(r.Front), r.Proof)
	}
	r, err = Search(context.Background(), p, Options{Algorithm: "random", Evals: 1 << 40, Time: 50 * time.Millisecond})
	if err != nil || r.Status != Interrupted {
		t.Errorf("time limit: %+v, error %v", r, err)
	}
}

// What is told of a search on its way is true of it: it has found no more than it ends
// with, and never less than before.
func TestProgressTellsWhatIsFound(t *testing.T) {
	p, _ := newZoo(t, 5, 40, 4000, 10)
	for _, algorithm := range []string{"random", "exact", "gomea"} {
		var seen []Progress
		o := Options{
			Algorithm: algorithm, Time: 900 * time.Millisecond,
			Progress: func(now Progress) { seen = append(seen, now) },
		}
		if algorithm != "exact" {
			o.Evals = 1 << 40
		}
		r, err := Search(context.Background(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		last := seen[len(seen)-1]
		if best := r.Front[len(r.Front)-1].Correct; last.Correct == 0 || last.Correct > best {
			t.Errorf("%s: told of %d correct answers, found %d", algorithm, last.Correct, best)
		}
		if final := r.Curve[len(r.Curve)-1].Log; !(last.Hypervolume > 0) || last.Hypervolume > final+1e-12 {
			t.Errorf("%s: told of a hypervolume of %v, found %v", algorithm, last.Hypervolume, final)
		}
		for i := range seen[1:] {
			if seen[i+1].Correct < seen[i].Correct || seen[i+1].Hypervolume < seen[i].Hypervolume {
				t.Errorf("%s: told of %+v after %+v", algorithm, seen[i+1], seen[i])
			}
		}
	}
}

func TestAnswersCannotBeAveraged(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 6, 3, 50, 5)
	p.models[1].Answers = true
	if _, err := Search(context.Background(), p, Options{}); err == nil || !strings.Contains(err.Error(), `"m1"`) {
		t.Errorf("error %v, want one that names m1", err)
	}
	if _, err := Search(context.Background(), p, Options{Rules: []cascade.Rule{cascade.RuleLast, cascade.RuleVote}}); err != nil {
		t.Error(err)
	}
}

func TestSnapMovesThresholdsIntoGaps(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 9, 6, 200, 10)
	r, err := Search(context.Background(), p, Options{MaxModels: 3, Grid: shortGrid, Snap: true})
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for _, point := range r.Front {
		for stage, at := range point.Stages[:len(point.Stages)-1] {
			if slices.Contains(shortGrid, at.Threshold) {
				continue
			}
			moved++
			for _, step := range []float64{-1e-5, 1e-5} { // gaps between 200 samples are wider
				c := point.Cascade
				c.Stages = slices.Clone(c.Stages)
				c.Stages[stage].Threshold = float32(float64(at.Threshold) * (1 + step))
				e, err := d.Evaluate(c)
				if err != nil {
					t.Fatal(err)
				}
				if e.Correct != point.Correct || !slices.Equal(e.Reach, point.Reach) {
					t.Errorf("%v sits next to a sample at stage %d", point.Cascade, stage+1)
				}
			}
		}
	}
	if moved == 0 {
		t.Error("no threshold was moved")
	}
}

// No cascade that brute force can find, weights and repeated models included, may
// pass the bound.
func TestBoundHolds(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 10, 5, 80, 6)
	for _, rules := range [][]cascade.Rule{{cascade.RuleMean}, {cascade.RuleLast}, bothRules, {cascade.RuleVote}, cascade.Rules()} {
		r, err := Search(context.Background(), p, Options{Rules: rules, MaxModels: 1})
		if err != nil {
			t.Fatal(err)
		}
		highest := r.Front[len(r.Front)-1]
		if oracle := highest.Bound; oracle >= len(d.Labels) || oracle < highest.Correct {
			t.Errorf("%v: a bound of %d of %d at the most expensive model, which gives %d", rules, oracle, len(d.Labels), highest.Correct)
		}
		s, _, err := newRun(p, Options{Rules: rules})
		if err != nil {
			t.Fatal(err)
		}
		var costs []float64
		var correct []int
		var cascades []cascade.Cascade
		rng := rand.New(rand.NewPCG(1, 10))
		for range 20_000 {
			c := cascade.Cascade{Rule: rules[rng.IntN(len(rules))]}
			for range 1 + rng.IntN(5) {
				c.Stages = append(c.Stages, cascade.Stage{Model: modelName(rng.IntN(5)), Weight: 1 + rng.IntN(3), Threshold: shortGrid[rng.IntN(len(shortGrid))]})
			}
			e, err := d.Evaluate(c)
			if err != nil {
				t.Fatal(err)
			}
			cascades, costs, correct = append(cascades, c), append(costs, e.Cost), append(correct, e.Correct)
		}
		bounds, err := s.eval.oracleBounds(t.Context(), rules, 3, costs)
		if err != nil {
			t.Fatal(err)
		}
		for i, most := range bounds {
			if correct[i] > most {
				t.Fatalf("%+v has %d right answers at a cost of %v, the bound is %d", cascades[i], correct[i], costs[i], most)
			}
		}
	}
}

// What costs more than another cascade of a front is expected to be more accurate.
func TestFrontsByEvidenceRise(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		p, _ := newZoo(t, seed, 6, 200, 5)
		r, err := Search(t.Context(), p, Options{Algorithm: "auto", Evidence: true, Folds: 3, Evals: 50_000})
		if err != nil {
			t.Fatal(err)
		}
		for i, point := range r.Front[1:] {
			if before := r.Front[i]; point.Cost < before.Cost || point.Expected.Accuracy <= before.Expected.Accuracy {
				t.Errorf("seed %d: %s at %g with %+v follows %s at %g with %+v", seed, point.Cascade, point.Cost, point.Expected, before.Cascade, before.Cost, before.Expected)
			}
		}
	}
}
