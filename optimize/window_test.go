package optimize

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// A window finds what evaluating all values of its thresholds finds, ties included.
func TestWindowEqualsEvaluatingAll(t *testing.T) {
	t.Parallel()
	for _, samples := range []int{60, 130} { // less than a word of bits, and some words
		p, _ := newTiedZoo(t, 3, 6, samples, 4)
		testWindows(t, p)
	}
}

// testWindows compares windows of random cascades with evaluating all values.
func testWindows(t *testing.T, p *Problem) {
	t.Helper()
	for _, o := range []Options{{}, {Rules: []cascade.Rule{cascade.RuleLast}}, {Include: []string{"cc"}}} {
		o.Algorithm, o.Grid = "auto", shortGrid
		r := runOf(t, p, o)
		w, rng := r.newWorker(), rand.New(rand.NewPCG(1, 1))
		window := newWindow(w)
		for range 300 {
			drawn := drawPlan(rng, r, 5)
			known := newArchive(p.Samples(), r.limits)
			for range 50 {
				w.evaluateAndOffer(drawPlan(rng, r, 3), known)
			}
			stages := len(drawn.members)
			if stages == 1 {
				continue
			}
			u := rng.IntN(max(1, stages-2))
			want := known.copy()
			for g := range o.Grid {
				for h := range o.Grid {
					each := drawn.clone()
					each.exits[u] = uint8(g)
					if u+1 < len(each.exits) {
						each.exits[u+1] = uint8(h)
					}
					w.evaluateAndOffer(each, want)
				}
			}
			w.archive = known.copy()
			window.solve(drawn.clone(), w.tabulate(drawn, -1), u)
			if !reflect.DeepEqual(w.archive.totals, want.totals) || !slices.Equal(listed(w.archive), listed(want)) {
				t.Fatalf("%s, window %d: not what evaluating all thresholds finds", r.eval.cascade(drawn), u)
			}
		}
	}
}

// A neighbour beyond the limits is explored without its last stages: nothing is known
// otherwise of chains that are one step away but for these.
func TestNeighborsBeyondLimits(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 2, 4, 200, 5)
	costs := []float64{d.Costs["m0"], d.Costs["m1"], d.Costs["m2"], d.Costs["m3"]}
	r := runOf(t, p, Options{Algorithm: "auto", Grid: shortGrid, MaxWorstCost: costs[0] + costs[3]})
	if limit := r.limits.worst; costs[0]+costs[1]+costs[2] > limit || costs[0]+costs[1]+costs[3] <= limit {
		t.Fatalf("costs %v do not suit the test", costs)
	}
	w := r.newWorker()
	w.archive = newArchive(p.Samples(), r.limits)
	n := newNeighborhood(t.Context(), r, w, []uint16{3}, allModels)
	n.explore([]plan{{members: []member{{0, 1}, {1, 1}, {2, 1}}, exits: []uint8{3, 3}}})
	want := []member{{0, 1}, {3, 1}}
	if !slices.ContainsFunc(w.archive.places, func(p *place) bool { return p != nil && slices.Equal(p.plan.members, want) }) {
		t.Error("no cascade of m0 and m3 was found")
	}
}
