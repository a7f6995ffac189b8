package optimize

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// chargedFront returns score and cost of the front of all chains of at most length distinct
// models, in which a model beyond the first costs so many correct answers and every stage
// is reached by enough samples. A required model may be reached by none: it is then last.
func chargedFront(t *testing.T, d *cascade.Dense, o Options, charge, least int) [][2]float64 {
	t.Helper()
	cheapest := make(map[int]float64)
	consider := func(c cascade.Cascade) {
		e, err := d.Evaluate(c)
		if err != nil {
			t.Fatal(err)
		}
		for stage, reach := range e.Reach {
			required := slices.Contains(o.Include, c.Stages[stage].Model)
			if 0 < reach && reach < least || reach == 0 && !required {
				return
			}
		}
		for _, name := range o.Include {
			if !names(front.Point{Cascade: c}, name) {
				return
			}
		}
		score := e.Correct - charge*(len(c.Stages)-1)
		if old, known := cheapest[score]; score >= 0 && (!known || e.Cost < old) {
			cheapest[score] = e.Cost
		}
	}
	models := slices.Sorted(maps.Keys(d.Outputs))
	var extend func(c cascade.Cascade)
	extend = func(c cascade.Cascade) {
		for _, m := range models {
			if slices.ContainsFunc(c.Stages, func(s cascade.Stage) bool { return s.Model == m }) {
				continue
			}
			next := c
			next.Stages = append(slices.Clone(c.Stages), cascade.Stage{Model: m, Weight: 1})
			consider(next)
			if len(next.Stages) == o.MaxModels {
				continue
			}
			for _, threshold := range o.Grid {
				next.Stages = slices.Clone(next.Stages)
				next.Stages[len(c.Stages)].Threshold = threshold
				extend(next)
			}
		}
	}
	for _, rule := range o.Rules {
		extend(cascade.Cascade{Rule: rule, Confidence: o.Confidence})
	}
	return frontOf(cheapest)
}

// An exact search that charges for models and demands that samples reach them finds what
// trying everything finds, on any number of threads.
func TestChargedSearchEqualsBruteForce(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(2, 3))
	changed, longer := 0, 0 // fronts that the charge changes, and cascades on charged ones
	for seed := range uint64(10) {
		p, d := newZoo(t, 70+seed, 4, 50+rng.IntN(40), 3+rng.IntN(4))
		if seed%3 == 2 {
			p, d = newTiedZoo(t, seed, 5, 40, 4)
		}
		for range 6 {
			charge, least := rng.IntN(5), rng.IntN(9)
			o := Options{Algorithm: "exact", MaxModels: 2 + rng.IntN(2), Grid: Grid{0, 0.4, 0.7, 0.9, 1}, Threads: 1}
			o.Rules = [][]cascade.Rule{{cascade.RuleMean}, {cascade.RuleLast}, {cascade.RuleVote}, bothRules}[rng.IntN(4)]
			o.Confidence = cascade.Confidence(rng.IntN(3))
			for _, m := range rng.Perm(len(p.models))[:rng.IntN(3)] {
				o.Include = append(o.Include, p.models[m].Name)
			}
			o.charge, o.leastReach = charge, least
			want := chargedFront(t, d, o, charge, least)
			r, err := search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			var got [][2]float64
			for _, point := range r.Front {
				got = append(got, [2]float64{float64(point.Correct - charge*(len(point.Stages)-1)), point.Cost})
				if charge > 0 && len(point.Stages) > 1 {
					longer++
				}
			}
			name := fmt.Sprintf("seed %d, charge %d, reach %d, %d models of %v with %v", seed, charge, least, o.MaxModels, o.Rules, o.Include)
			if !slices.Equal(got, want) {
				t.Errorf("%s: front %v, brute force %v", name, got, want)
			}
			for threads := 2; threads <= 4; threads++ {
				o.Threads = threads
				if other, err := search(context.Background(), p, o); err != nil || !reflect.DeepEqual(other.Front, r.Front) {
					t.Errorf("%s: %d threads find another front (%v)", name, threads, err)
				}
			}
			if !slices.Equal(want, chargedFront(t, d, o, 0, 0)) {
				changed++
			}
		}
	}
	if changed < 20 || longer < 20 {
		t.Errorf("%d fronts are changed by what is charged, %d cascades are longer: the test shows little", changed, longer)
	}
}

// No search finds anything better than the exact front of what it may find, and a charge
// makes none depend on threads, memory or interruptions.
func TestChargedSearchesAgree(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 75, 5, 120, 5)
	for _, name := range []string{"auto", "random"} {
		for _, include := range [][]string{nil, {"m3", "m1"}} {
			o := Options{Algorithm: name, MaxModels: 3, Grid: shortGrid, Rules: bothRules, Include: include, Evals: 60_000, Seed: 3, Threads: 1}
			o.charge, o.leastReach = 2, 5
			r, err := search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			best := chargedFront(t, d, o, 2, 5)
			for _, point := range r.Front {
				score := point.Correct - 2*(len(point.Stages)-1)
				weighted := slices.ContainsFunc(point.Stages, func(s cascade.Stage) bool { return s.Weight > 1 })
				beaten := slices.ContainsFunc(best, func(b [2]float64) bool { return b[0] >= float64(score) && b[1] <= point.Cost*(1+1e-12) })
				if !weighted && !beaten {
					t.Errorf("%s finds %v with a score of %d, beyond the front of all there is", name, point.Cascade, score)
				}
				for stage, reach := range point.Reach {
					if reach < 5 && !(reach == 0 && slices.Contains(include, point.Stages[stage].Model)) {
						t.Errorf("%s finds %v, whose stages are reached by %v", name, point.Cascade, point.Reach)
					}
				}
			}
			for _, other := range []struct {
				threads int
				memory  int64
			}{{2, 0}, {3, 1}, {5, 1}} {
				o.Threads, o.Memory = other.threads, other.memory
				if again, err := search(context.Background(), p, o); err != nil || !reflect.DeepEqual(again.Front, r.Front) || again.Evaluations != r.Evaluations {
					t.Errorf("%s, %d threads: another result (%v)", name, other.threads, err)
				}
			}
			again, interrupted := searchWithInterruptions(t, p, o, 1)
			if interrupted == 0 || !reflect.DeepEqual(again.Front, r.Front) || again.Evaluations != r.Evaluations {
				t.Errorf("%s: interrupted %d times, another result", name, interrupted)
			}
		}
	}
}

// What a model earns decides whether it stays: at the charge of a gain it does not, as the
// shorter cascade costs less.
func TestChargeOfAGain(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 76, 3, 200, 5)
	o := Options{Algorithm: "exact", Grid: Grid{1}, Include: []string{"m0"}} // m0, and what joins it
	alone, err := d.Evaluate(cascade.Single("m0"))
	if err != nil {
		t.Fatal(err)
	}
	free, err := search(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	gain := free.Front[len(free.Front)-1].Correct - alone.Correct
	if gain < 1 {
		t.Fatal("nothing gains: the test shows nothing")
	}
	for charge := gain - 1; charge <= gain; charge++ {
		o.charge = charge
		r, err := search(context.Background(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		if joined := len(r.Front[len(r.Front)-1].Stages) > 1; joined != (charge < gain) {
			t.Errorf("a gain of %d at a charge of %d: %v", gain, charge, r.Front[len(r.Front)-1].Cascade)
		}
	}
	if math.Abs(free.Front[0].Cost-d.Costs["m0"]) > 1e-9 {
		t.Errorf("the cheapest is %v", free.Front[0].Cascade)
	}
}
