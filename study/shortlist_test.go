package study

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
)

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
	// Within a budget that one of the cheap models alone keeps something is found, and is within it.
	var cheapest front.Model
	for _, m := range whole.Models {
		if cheapest.Name == "" || m.Cost < cheapest.Cost {
			cheapest = m
		}
	}
	for _, n := range []int{1, 2, 3} {
		within := search(func(o *Options) { o.Shortlist, o.MaxCost = n, cheapest.Cost })
		if len(within.Points) == 0 || len(within.Models) != n || within.Points[0].Stages[0].Model != cheapest.Name {
			t.Errorf("a shortlist of %d within %g is %v, with the front %v", n, cheapest.Cost, within.Models, within.Points)
		}
		within = search(func(o *Options) { o.Shortlist, o.MaxWorstCost = n, cheapest.Cost })
		if len(within.Points) != 1 {
			t.Errorf("a shortlist of %d with at most %g for every sample has the front %v", n, cheapest.Cost, within.Points)
		}
	}
	o := Defaults()
	o.Shortlist, o.Include, o.Dir = 1, all[:2], t.TempDir()
	if _, err := Search(t.Context(), z, o, Watch{}); err == nil || !strings.Contains(err.Error(), "2 models are asked for by name") {
		t.Errorf("more models required than listed: %v", err)
	}
}
