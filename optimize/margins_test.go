package optimize

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// Exact searches find the same in memory for the margins of no model, of some and of all.
func TestMarginsThatAreNotKept(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{MaxModels: 2, Rules: cascade.Rules()},
		{MaxModels: 2, Confidence: cascade.Entropy},
		{MaxModels: 3, Rules: cascade.Rules(), Grid: shortGrid},
		{MaxModels: 3, Confidence: cascade.Margin, Grid: shortGrid, Include: []string{"m3"}},
	} {
		t.Run(fmt.Sprint(o.MaxModels, o.Rules, o.Confidence), func(t *testing.T) {
			t.Parallel()
			p, _ := newZoo(t, 5, 2*tileModels+3, 2*tileSamples+77, 5) // whole and partial tiles and blocks
			if o.MaxModels == 3 {
				p, _ = newZoo(t, 5, tripleThirds+3, 700, 5)
			}
			o.Algorithm, o.Threads = "exact", 2
			want, err := Search(t.Context(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			one := int64(kernel.MarginsBytes(p.Samples()))
			for _, room := range []int64{0, 1, tripleThirds + 1} {
				o.Memory = max(1, room*one)
				m, kept := runOf(t, p, o).eval.newMargins(cascade.RuleMean, o.Memory), int64(0)
				for model := range m.kept {
					if m.kept[model]() != nil {
						kept++
					}
				}
				if kept != room {
					t.Fatalf("in %d bytes the margins of %d models are kept", o.Memory, kept)
				}
				got, err := Search(t.Context(), p, o)
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(got.Front, want.Front) || got.Evaluations != want.Evaluations {
					t.Errorf("with room for the margins of %d models: another front, or %d evaluations instead of %d", room, got.Evaluations, want.Evaluations)
				}
			}
		})
	}
}

// Halves of pairs are kept in what is left beside the margins of all models: heads where they are of use.
func TestHalvesThatAreKept(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 5, 7, 700, 5)
	e := runOf(t, p, Options{Algorithm: "exact", Rules: cascade.Rules()}).eval
	n := p.Samples()
	for rule, each := range map[cascade.Rule]int{cascade.RuleMean: 4*n + kernel.HeadsBytes(n), cascade.RuleVote: 4 * n} {
		heads := rule == cascade.RuleMean && kernel.UsesHeads()
		if !heads {
			each = 4 * n
		}
		room := newHalf(n)
		for want := range 8 {
			m, kept := e.newMargins(rule, int64(7*kernel.MarginsBytes(n)+want*each+each-1)), 0
			lists, _ := e.of(rule)
			for model := range lists {
				h, given := m.half(model, room), make([]uint32, n)
				lists[model].Given(given, p.labels)
				if !slices.Equal(h.given, given) {
					t.Fatalf("%v: model %d gives labels other values", rule, model)
				}
				if h == room {
					continue
				}
				kept++
				if (h.heads != nil) != heads {
					t.Errorf("%v: heads are kept: %v, want %v", rule, h.heads != nil, heads)
				}
			}
			if kept != min(want, 7) {
				t.Errorf("%v: %d halves are kept with room for %d", rule, kept, want)
			}
		}
	}
}

// No margins are made for pairs with rule last, nor for phases that a resumed search has
// finished.
func TestMarginsAreMadeWhenNeeded(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 5, 9, 100, 5)
	r := runOf(t, p, Options{Algorithm: "exact", Rules: bothRules})
	made := 0
	counted := func(rule cascade.Rule) *margins {
		m := r.eval.newMargins(rule, DefaultMemory)
		for i, made1 := range m.kept {
			m.kept[i] = func() *kernel.Margins { made++; return made1() }
		}
		return m
	}
	r.options.Threads = 1
	if err := r.tryPairs(t.Context(), cascade.RuleLast, counted(cascade.RuleLast)); err != nil {
		t.Fatal(err)
	}
	if made > 0 {
		t.Errorf("pairs with rule last asked for margins %d times", made)
	}
	r.checkpoint.units = r.nextUnit + len(r.options.tiles(len(p.models)))
	if err := r.tryPairs(t.Context(), cascade.RuleMean, counted(cascade.RuleMean)); err != nil {
		t.Fatal(err)
	}
	if made > 0 {
		t.Errorf("pairs that are done asked for margins %d times", made)
	}
	if err := r.tryTriples(t.Context(), cascade.RuleMean, counted(cascade.RuleMean)); err != nil {
		t.Fatal(err)
	}
	if made == 0 {
		t.Error("triples asked for no margins")
	}
}
