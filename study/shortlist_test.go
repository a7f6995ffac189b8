package study

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
)

// TestBest compares layers with those of the definition: a model is in the layer after the last
// of those that beat it.
func TestBest(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		models := make([]front.Model, 1+rng.IntN(30))
		for i := range models {
			models[i] = front.Model{Name: fmt.Sprint(i), Cost: float64(rng.IntN(12)), Correct: rng.IntN(12)}
		}
		// Of equal models the first by name beats the others.
		beats := func(a, b front.Model) bool {
			if a.Cost == b.Cost && a.Correct == b.Correct {
				return a.Name < b.Name
			}
			return a.Cost <= b.Cost && a.Correct >= b.Correct
		}
		layer := map[string]int{}
		var of func(m front.Model) int
		of = func(m front.Model) int {
			if _, known := layer[m.Name]; !known {
				layer[m.Name] = 0
				for _, other := range models {
					if other.Name != m.Name && beats(other, m) {
						layer[m.Name] = max(layer[m.Name], of(other)+1)
					}
				}
			}
			return layer[m.Name]
		}
		sizes := map[int]int{}
		for _, m := range models {
			sizes[of(m)]++
		}
		most := rng.IntN(len(models) + 2)
		chosen := best(models, most)
		if len(chosen) != min(most, len(models)) {
			t.Fatalf("%d of %d models chosen, wanted %d", len(chosen), len(models), most)
		}
		got := map[int]int{}
		for _, m := range chosen {
			got[layer[m.Name]]++
		}
		left := most
		for l := range len(sizes) {
			want := min(left, sizes[l])
			left -= want
			if got[l] != want {
				t.Fatalf("%d models of layer %d of %d, wanted %d of %v", got[l], l, sizes[l], want, models)
			}
		}
	}
}

// TestShortlist: a search among a shortlist finds what one among these models finds, and says
// that there are more.
func TestShortlist(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	all := names(z.Models())
	search := func(change func(o *Options)) *front.Front {
		t.Helper()
		o := Defaults()
		o.Algorithm, o.Dir = "nsga2", t.TempDir()
		o.Evals = 2000
		change(&o)
		found, err := Search(t.Context(), z, o, Watch{})
		if err != nil {
			t.Fatal(err)
		}
		return found.Front
	}
	whole := search(func(*Options) {})
	var dearest string
	for _, m := range whole.Models {
		if !slices.ContainsFunc(whole.Models, func(o front.Model) bool { return o.Cost > m.Cost }) {
			dearest = m.Name
		}
	}
	short := search(func(o *Options) { o.Shortlist, o.Dominate = 4, dearest })
	var listed []string
	for _, m := range short.Models {
		listed = append(listed, m.Name)
	}
	if len(listed) != 4 || !slices.Contains(listed, dearest) {
		t.Errorf("the shortlist is %q, not 4 with %q", listed, dearest)
	}
	if s := short.Selection; s.Shortlisted != len(all) || !strings.Contains(s.String(), fmt.Sprintf("the most accurate for their cost of %d", len(all))) {
		t.Errorf("%q does not say that there are %d models", s, len(all))
	}
	same := search(func(o *Options) { o.Models = listed })
	if len(same.Points) != len(short.Points) {
		t.Fatalf("%d cascades of the shortlist, %d of the same models", len(short.Points), len(same.Points))
	}
	for i, p := range same.Points {
		if got := short.Points[i]; got.Cascade.String() != p.Cascade.String() || got.Correct != p.Correct {
			t.Errorf("cascade %d is %v of the shortlist, %v of the same models", i, got, p)
		}
	}
	if enough := search(func(o *Options) { o.Shortlist = len(all) }); enough.Selection.Shortlisted != 0 || len(enough.Models) != len(all) {
		t.Errorf("a shortlist of all: %+v", enough.Selection)
	}
	o := Defaults()
	o.Shortlist, o.Include, o.Dir = 1, all[:2], t.TempDir()
	if _, err := Search(t.Context(), z, o, Watch{}); err == nil || !strings.Contains(err.Error(), "2 models are asked for by name") {
		t.Errorf("more models required than listed: %v", err)
	}
}
