package optimize

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// slowBound is the bound at one cost as its proof has it: of every first model, sample by sample.
func slowBound(e *evaluator, rules []cascade.Rule, cost float64) (most int) {
	h := &helpers{eval: e, mean: slices.Contains(rules, cascade.RuleMean), byCost: e.byCost()}
	n := float64(e.samples())
	for _, first := range h.byCost {
		left := cost*n*(1+rounding) - e.costs[first]*n
		if left < 0 {
			continue
		}
		correct := 0
		var prices []float64 // of samples that others may make correct
		for i, answer := range e.lists[first].TopClass {
			if answer == e.labels[i] {
				correct++
				continue
			}
			for _, m := range h.byCost {
				if l := &e.lists[m]; m != first && (l.TopClass[i] == e.labels[i] || h.mean && classValue(l, i, e.labels[i]) >= classValue(l, i, answer)) {
					prices = append(prices, e.costs[m])
					break
				}
			}
		}
		slices.Sort(prices)
		for len(prices) > 0 { // those of one price together, as their costs are rounded
			count := 0
			for count < len(prices) && prices[count] == prices[0] {
				count++
			}
			pays := float64(count)
			if prices[0] > 0 {
				pays = min(pays, left/prices[0])
			}
			correct += int(pays)
			left -= prices[0] * float64(int(pays))
			if pays < float64(count) {
				break
			}
			prices = prices[count:]
		}
		most = max(most, correct)
	}
	return most
}

// TestBounds compares the bounds with their definition, on any number of threads.
func TestBounds(t *testing.T) {
	t.Parallel()
	for seed, size := range [][3]int{{1, 30, 4}, {6, 60, 3}, {9, 40, 12}, {12, 25, 40}} {
		p, _ := newZoo(t, uint64(seed), size[0], size[1], size[2])
		r := runOf(t, p, Options{Rules: cascade.Rules()})
		var costs []float64
		for _, c := range r.eval.costs {
			costs = append(costs, 0.9*c, c, 1.1*c, 1.7*c)
		}
		for _, rules := range [][]cascade.Rule{{cascade.RuleMean}, {cascade.RuleLast}, cascade.Rules()} {
			for _, threads := range []int{1, 5, 20} {
				bounds, err := r.eval.oracleBounds(t.Context(), rules, threads, costs)
				if err != nil {
					t.Fatal(err)
				}
				for k, cost := range costs {
					if want := slowBound(r.eval, rules, cost); bounds[k] != want {
						t.Errorf("zoo %d, %v, %d threads: %d correct at a cost of %v, want %d", seed, rules, threads, bounds[k], cost, want)
					}
				}
			}
		}
	}
	p, _ := newZoo(t, 1, 4, 50, 4)
	r := runOf(t, p, Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.eval.oracleBounds(ended, r.options.Rules, 2, []float64{1}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// Helpers are the same however many samples are looked at together: the wrong answers that models give,
// each with the two cheapest models that may help.
func TestHelpers(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 5, 6, 100, 150)
	for _, rules := range [][]cascade.Rule{{cascade.RuleMean}, {cascade.RuleLast}} {
		e := runOf(t, p, Options{Algorithm: "exact", Rules: rules}).eval
		n := e.samples()
		for _, step := range []int{n, 7, 1} {
			h := &helpers{eval: e, mean: rules[0] == cascade.RuleMean, byCost: e.byCost(), of: make([][]helped, n)}
			for from := 0; from < n; from += step {
				h.find(t.Context(), from, min(from+step, n))
			}
			for i, label := range e.labels {
				want := map[uint16][]uint16{} // ranks, by answer
				for m := range e.models {
					if answer := e.lists[m].TopClass[i]; answer != label {
						want[answer] = nil
					}
				}
				for answer := range want {
					for rank, m := range h.byCost {
						l := &e.lists[m]
						if l.TopClass[i] == label || h.mean && classValue(l, i, label) >= classValue(l, i, answer) {
							want[answer] = append(want[answer], uint16(rank))
						}
					}
					none := uint16(len(h.byCost))
					want[answer] = append(want[answer], none, none)[:2]
				}
				got := map[uint16][]uint16{}
				for _, a := range h.of[i] {
					got[a.answer] = a.ranks[:]
				}
				if len(got) != len(h.of[i]) || !reflect.DeepEqual(got, want) {
					t.Fatalf("%v, %d samples at a time, sample %d: %v, want %v", rules, step, i, h.of[i], want)
				}
			}
		}
	}
}
