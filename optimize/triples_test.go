package optimize

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

func TestPairNumbers(t *testing.T) {
	t.Parallel()
	u := 0
	for b := range 700 {
		for a := range b {
			if gotA, gotB := pairNumber(u); gotA != a || gotB != b {
				t.Fatalf("pair %d is %d, %d, want %d, %d", u, gotA, gotB, a, b)
			}
			u++
		}
	}
}

// On samples of several blocks, of which the last is short, triples find what evaluating every
// chain finds.
func TestTriplesInBlocksEqualAllChains(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 9, 6, 2*tripleSamples+40, 5)
	grid := Grid{0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1}
	for _, rule := range cascade.Rules() {
		t.Run(rule.String(), func(t *testing.T) {
			t.Parallel()
			o := Options{Algorithm: "exact", MaxModels: 3, Grid: grid, Rules: []cascade.Rule{rule}}
			exact, all := runOf(t, p, o), runOf(t, p, o)
			if err := exact.tryChains(t.Context(), 3); err != nil {
				t.Fatal(err)
			}
			w := all.newWorker()
			var offer func(chain plan)
			offer = func(chain plan) {
				w.evaluateAndOffer(chain, all.archive)
				for m := range p.models {
					if len(chain.members) == 3 || chain.has(m) {
						continue
					}
					for g := range o.Grid {
						offer(plan{rule, append(slices.Clone(chain.members), member{uint16(m), 1}), append(slices.Clone(chain.exits), uint8(g))})
					}
				}
			}
			for m := range p.models {
				offer(plan{rule, []member{{uint16(m), 1}}, nil})
			}
			got, err := exact.points(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want, err := all.points(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%d points, %d by all chains", len(got), len(want))
			}
			if !slices.ContainsFunc(want, func(p front.Point) bool { return len(p.Cascade.Stages) == 3 }) {
				t.Error("no chain of three is on the front")
			}
		})
	}
}

// What is proved to be dominated is: none of these chains costs as little as what is known
// for as many correct answers.
func TestChainsRuledOutAreDominated(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{Rules: []cascade.Rule{cascade.RuleMean}},
		{Rules: []cascade.Rule{cascade.RuleLast}},
		{Rules: []cascade.Rule{cascade.RuleVote}},
		{Rules: []cascade.Rule{cascade.RuleMean}, Confidence: cascade.Margin},
		{Rules: []cascade.Rule{cascade.RuleMean}, Confidence: cascade.Entropy, Include: []string{"m3"}},
		{Rules: []cascade.Rule{cascade.RuleMean}, charge: 2},
	} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(o.Rules[0], o.Confidence, o.Include, o.charge, seed), func(t *testing.T) {
				t.Parallel()
				p, _ := newZoo(t, 70+seed, 6, 240, []int{2, 5, 40}[seed])
				o.Algorithm, o.MaxModels = "exact", 3
				r := runOf(t, p, o)
				if err := r.tryChains(t.Context(), 3); err != nil {
					t.Fatal(err)
				}
				ruledOut, all := checkRuledOut(t, r)
				t.Logf("%d of %d chains of models ruled out", ruledOut, all)
				if o.Include == nil && ruledOut == 0 { // ties of votes are left open
					t.Error("no chain is ruled out")
				}
			})
		}
	}
}

// checkRuledOut checks the chains of three that a finished run rules out, and counts them.
func checkRuledOut(t *testing.T, r *run) (ruledOut, all int) {
	t.Helper()
	e, rule := r.eval, r.options.Rules[0]
	w := r.newWorker()
	w.archive = r.archive
	s := newTripleSolver(r, w, rule, e.newMargins(rule, r.options.Memory))
	r.boundOf(w, s.bound)
	p := s.pairs[0]
	for x := range e.models {
		for y := range x {
			s.begin(p, x, y)
			for z := range e.models {
				if z == x || z == y {
					continue
				}
				var forecast [2]kernel.Forecast
				third := s.margins.of(z, 0, e.samples(), s.rooms[0])
				p.foresee(&forecast, &third, 0, e.samples())
				kernel.Judge(s.may, w.open, p.margins, &third)
				for order, chain := range p.orders {
					gains, losses := p.foreseen(&forecast, order)
					rough, fine := chain.mayImproveRoughly(z, gains, losses, s.bound), chain.mayImprove(z, s.may, s.bound)
					all++
					if !rough || !fine {
						ruledOut++
					}
					if fine && !rough {
						t.Errorf("%v, %d: ruled out roughly, but not by all thresholds", chain.plan.members[:2], z)
					}
					if !fine && belongs(r, w, chain, z, s.bound) {
						t.Errorf("%v, %d: ruled out, but it belongs on the front", chain.plan.members[:2], z)
					}
				}
			}
		}
	}
	return ruledOut, all
}

// belongs reports whether a chain is on the front at any thresholds, by trying them.
func belongs(r *run, w *worker, p *prefix, z int, bound []float64) bool {
	c := p.plan.clone()
	c.members[2].model = uint16(z)
	for g1 := range r.eval.grid {
		for g2 := range r.eval.grid {
			c.exits[0], c.exits[1] = uint8(g1), uint8(g2)
			correct, reach := w.evaluate(c)
			if reach[2] > 0 && r.eval.totalCost(c, reach) <= p.known(bound, int32(correct)) {
				return true
			}
		}
	}
	return false
}

// BenchmarkTriples finds the exact front of a quarter of the simulated zoo.
func BenchmarkTriples(b *testing.B) {
	p := simulatedProblem(b, 129, 20_683)
	for b.Loop() {
		if _, err := Search(b.Context(), p, Options{Algorithm: "exact", MaxModels: 3, Threads: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
