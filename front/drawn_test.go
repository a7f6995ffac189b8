package front

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newDrawnFront is newFront, searched on a part of its samples that the others are measured
// beside, or not.
func newDrawnFront(measured bool) *Front {
	f := newFront()
	drawn := f.Split.Samples / 2
	if !measured {
		drawn, f.Split.Samples = f.Split.Samples, 2*f.Split.Samples
	}
	d := NewDrawn(Draw(drawn, f.Split.Samples, 7), 7)
	f.Selection, f.Proof, f.Interrupted = &Selection{Drawn: d}, "", !measured
	for i := range f.Points {
		f.Points[i].Bound = 0
	}
	if !measured {
		return f
	}
	d.Measured = f.Split.Samples - drawn
	accuracy := func(correct int) float64 {
		return float64(max(0, correct-d.Samples)) / float64(d.Measured)
	}
	for i := range f.Points {
		f.Points[i].Expected = &Expected{Accuracy: accuracy(f.Points[i].Correct), Interval: [2]float64{0, 1}}
	}
	for i := range f.Models {
		f.Models[i].Expected = new(accuracy(f.Models[i].Correct))
	}
	return f
}

// TestDraw: as many samples as asked for, each as likely as the others, by the rule that
// docs/search.md gives.
func TestDraw(t *testing.T) {
	t.Parallel()
	if got, want := Draw(5, 20, 1), []int{8, 11, 15, 17, 19}; !slices.Equal(got, want) {
		t.Errorf("drawn %v, want %v: fronts that were searched before cannot be drawn again", got, want)
	}
	times := make([]int, 20)
	for seed := range uint64(4000) {
		rows := Draw(5, 20, seed)
		if len(rows) != 5 || !slices.IsSorted(rows) || len(slices.Compact(slices.Clone(rows))) != 5 {
			t.Fatalf("seed %d: %v", seed, rows)
		}
		for _, row := range rows {
			times[row]++
		}
	}
	for row, n := range times {
		if n < 850 || n > 1150 { // 1000, with a standard deviation of 27
			t.Errorf("sample %d is drawn %d times of 4000, want about 1000", row, n)
		}
	}
	if rows := Draw(20, 20, 1); len(rows) != 20 {
		t.Errorf("of 20 samples %v are drawn", rows)
	}
}

// TestDrawAgain: whoever has the front can draw its samples, and sees if they are others.
func TestDrawAgain(t *testing.T) {
	t.Parallel()
	rows := Draw(50, 300, 3)
	d := NewDrawn(rows, 3)
	if again, err := d.Again(300); err != nil || !slices.Equal(again, rows) {
		t.Errorf("%v, %v", again, err)
	}
	if _, err := d.Again(301); err == nil {
		t.Error("the samples of another split are taken for those searched")
	}
}

func TestDrawnIsRead(t *testing.T) {
	t.Parallel()
	for _, measured := range []bool{false, true} {
		want := newDrawnFront(measured)
		data, err := encode(want, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeFront(strings.NewReader(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("measured %t: it reads as something else (-want +got):\n%s", measured, diff)
		}
	}
}

// TestDrawnIsChecked: a front contradicts what it says was searched.
func TestDrawnIsChecked(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		measured bool
		change   func(f *Front)
		want     string
	}{
		"none were searched":         {true, func(f *Front) { f.Drawn().Samples = 0 }, "0 of its"},
		"all were":                   {true, func(f *Front) { f.Drawn().Samples = f.Split.Samples }, "samples were searched"},
		"others are missing":         {true, func(f *Front) { f.Drawn().Measured-- }, "measured"},
		"nothing is expected":        {true, func(f *Front) { f.Points[0].Expected = nil }, "have an expected accuracy"},
		"of a model nothing is":      {true, func(f *Front) { f.Models[0].Expected = nil }, "contradicts"},
		"half a sample":              {true, func(f *Front) { f.Points[1].Expected.Accuracy += 0.5 / float64(f.Drawn().Measured) }, "contradicts"},
		"more than were searched":    {true, func(f *Front) { f.Points[len(f.Points)-1].Expected.Accuracy = 0 }, "contradicts"},
		"not interrupted":            {false, func(f *Front) { f.Interrupted = false }, "was not interrupted"},
		"expected before measured":   {false, func(f *Front) { f.Models[0].Expected = new(0.5) }, "no samples that they were measured on"},
		"counts of all, unmeasured":  {false, func(f *Front) { f.Drawn().Samples-- }, "samples, not"},
		"more correct than searched": {false, func(f *Front) { f.Models[0].Correct = f.Split.Samples }, "correct answers of"},
	} {
		f := newDrawnFront(test.measured)
		test.change(f)
		data, err := encode(f, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeFront(strings.NewReader(string(data))); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", what, err, test.want)
		}
	}
}

// TestSearchedAccuracy is what is left of all correct answers without those on the others.
func TestSearchedAccuracy(t *testing.T) {
	t.Parallel()
	f := newDrawnFront(true)
	d := f.Drawn()
	for _, p := range f.Points {
		want := float64(min(p.Correct, d.Samples)) / float64(d.Samples)
		if got := f.SearchedAccuracy(p); got != want {
			t.Errorf("%v: %g, want %g", p, got, want)
		}
		one := f.asSearched().Points[0]
		if one.Accuracy() != f.SearchedAccuracy(f.Points[0]) {
			t.Errorf("as searched %g, want %g", one.Accuracy(), f.SearchedAccuracy(f.Points[0]))
		}
	}
	for i := range f.Models {
		m := &f.Models[i]
		if got, want := f.SearchedAccuracyOf(m), float64(min(m.Correct, d.Samples))/float64(d.Samples); got != want {
			t.Errorf("%s: %g, want %g", m.Name, got, want)
		}
	}
	if f := newDrawnFront(false); f.SearchedAccuracy(f.Points[0]) != f.Points[0].Accuracy() || f.Counted() != f.Drawn().Samples {
		t.Error("what was not measured has other results than those on the samples searched")
	}
}
