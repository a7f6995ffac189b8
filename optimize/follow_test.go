package optimize

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/benchmarks/simzoo"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// Evaluations that make a set's table as far as they need it count what those over whole
// tables count, whatever was evaluated before: the same sets at other thresholds, whole
// tables of them, on one thread and on several.
func TestEvaluationsOverPartsOfTables(t *testing.T) {
	t.Parallel()
	problems := map[string]func(t *testing.T) *Problem{
		"made up":     func(t *testing.T) *Problem { p, _ := newZoo(t, 8, 9, 700, 40); return p },
		"few classes": func(t *testing.T) *Problem { p, _ := newZoo(t, 9, 6, 300, 3); return p },
		"one sample":  func(t *testing.T) *Problem { p, _ := newZoo(t, 9, 4, 1, 10); return p },
		"simulated":   func(t *testing.T) *Problem { return simulatedProblem(t, 10, 1500) },
		"CIFAR-10":    func(t *testing.T) *Problem { return readCIFAR10(t, 0, 3000) },
	}
	for name, problem := range problems {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := problem(t)
			for _, grid := range []Grid{PaperGrid(), FineGrid(), longestGrid()} {
				r := runOf(t, p, Options{Algorithm: "random", Rules: cascade.Rules(), Grid: grid, MaxModels: 6})
				for _, screened := range []bool{true, false} {
					if !screened {
						r.eval.stances = nil
					} else if r.eval.stances == nil {
						t.Fatal("there is no room for stances")
					}
					compareEvaluations(t, r)
				}
			}
		})
	}
}

func compareEvaluations(t *testing.T, r *run) {
	t.Helper()
	draw := planSource{r, rand.New(rand.NewPCG(3, 3)), nil}
	whole, parts, pieces := r.newWorker(), r.newWorker(), r.newWorker()
	pieces.pieces = 3
	recycled := r.eval.newWorker(0, 0, &r.evaluations) // of little room: its tables are those of other sets, again and again
	var drawn []plan
	for i := range 150 {
		p := draw.draw()
		if len(drawn) > 0 && i%3 != 0 { // the sets of another one, at thresholds of its own
			p.members, p.rule = drawn[draw.rng.IntN(len(drawn))].members, drawn[0].rule
			p.exits = make([]uint8, len(p.members)-1)
			for j := range p.exits {
				p.exits[j] = uint8(draw.rng.IntN(len(r.eval.grid)))
			}
		}
		if i%5 == 0 {
			p.members = slices.Clone(p.members)
			for j := range p.members {
				p.members[j].weight = uint8(1 + draw.rng.IntN(4))
			}
			p.members[len(p.members)-1].model = p.members[0].model // twice in a set
		}
		drawn = append(drawn, p)
		correct, reach := whole.count(p, whole.tabulate(p, -1))
		for _, w := range []*worker{parts, pieces, recycled} {
			if i%20 == 7 {
				w.tabulate(p, -1)
			}
			if got, reached := w.evaluate(p); got != correct || !slices.Equal(reached, reach) {
				t.Fatalf("%d pieces, plan %d, %+v: %d correct, %v reach its stages; want %d, %v", max(1, w.pieces), i, p, got, reached, correct, reach)
			}
		}
	}
	for _, p := range drawn { // parts of tables become whole ones
		for stage := range p.members {
			if !slices.Equal(whole.table(p, stage, -1), parts.table(p, stage, -1)) {
				t.Fatalf("%+v: another table of stage %d", p, stage)
			}
		}
	}
}

// longestGrid has as many thresholds as there can be.
func longestGrid() Grid {
	var grid Grid
	for g := range MaxGrid {
		grid = append(grid, float32(g)/(MaxGrid-1))
	}
	return grid
}

// simulatedProblem has models of the simulated zoo.
func simulatedProblem(t testing.TB, models, samples int) *Problem {
	t.Helper()
	const classes = 1000
	s := simzoo.NewSamples(1, simzoo.SearchSplit, samples, classes)
	var o simzoo.Outputs
	var list []Model
	for _, spec := range simzoo.Choose(models) {
		o.Simulate(1, s, spec, spec.V2Top1)
		l := outputs.NewLists(samples, classes)
		o.Lists(l)
		list = append(list, Model{Name: spec.Name, Cost: spec.GMACs, Lists: l})
	}
	p, err := NewProblem(s.Labels, classes, list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// BenchmarkNewSets evaluates random cascades of up to five models, all of whose sets are
// new, over whole tables and over those parts of them that it takes.
func BenchmarkNewSets(b *testing.B) {
	r := runOf(b, simulatedProblem(b, 60, 20_683), Options{Algorithm: "random", Grid: PaperGrid(), MaxModels: 5})
	for m := range r.eval.stances {
		r.eval.stances[m]()
	}
	for name, evaluate := range map[string]func(w *worker, p plan){
		"whole": func(w *worker, p plan) { w.count(p, w.tabulate(p, -1)) },
		"parts": func(w *worker, p plan) { w.evaluate(p) },
	} {
		b.Run(name, func(b *testing.B) {
			draw, w := planSource{r, rand.New(rand.NewPCG(3, 3)), make(map[string]bool)}, r.newWorker()
			plans := draw.next(2000)
			i := 0
			for b.Loop() {
				evaluate(w, plans[i%len(plans)])
				if i++; i%len(plans) == 0 {
					w = r.newWorker()
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "cascades/s")
		})
	}
}
