package study

import (
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
)

// A cascade has the results that the evaluation of the whole front has, beside any model.
func TestConfirm(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.Algorithm, o.Rule, o.Dir = "exact", "mean", t.TempDir()
	o.Models = []string{"tree*,qda,lda,logreg"}
	found, err := Search(t.Context(), z, o, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	f := found.Front
	whole, err := EvaluateFront(t.Context(), z, "test", f, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	alone := front.Point{}
	for i, p := range f.Points {
		if len(p.Stages) == 1 {
			alone = whole.Cascades[i].Point
		}
	}
	number := len(f.Points) - 1
	f.Points[number].Expected = &front.Expected{Accuracy: 0.9, Interval: [2]float64{0.8, 1}}
	e, err := Confirm(t.Context(), z, "test", f, number, alone.Stages[0].Model, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	got, want := e.Cascades[0], whole.Cascades[number]
	if len(e.Cascades) != 1 || got.Correct != want.Correct || got.Cost != want.Cost || got.Interval != want.Interval || got.Expected != f.Points[number].Expected {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got.Against.Model != alone.Stages[0].Model || got.Against.Correct != alone.Correct {
		t.Errorf("beside %+v, want %s with %d", got.Against, alone.Stages[0].Model, alone.Correct)
	}
	if e, err := Confirm(t.Context(), z, "nowhere", f, number, "qda", Watch{}); e != nil || err != nil {
		t.Errorf("on a split without outputs: %v, %v", e, err)
	}
}
