package front

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// newLikelyFront is newFront with what its cascades were chosen by and are expected to do.
func newLikelyFront() *Front {
	f := newFront()
	f.Selection = &Selection{Evidence: true, Softening: 0.5, Charge: 1.25, Reach: 5, Folds: 4}
	for i := range f.Points {
		accuracy := []float64{0.4375, 0.625, 0.75, 0.875}[min(i, 3)]
		f.Points[i].Expected = &Expected{accuracy, [2]float64{accuracy - 0.25, accuracy + 0.125}}
	}
	return f
}

// What a front was chosen by and what is expected of it is read as it was written.
func TestExpectedAccuraciesAreRead(t *testing.T) {
	t.Parallel()
	for _, want := range []*Front{newLikelyFront(), {Version: 1, Selection: new(Selection), Models: []Model{}}, {Version: 1, Selection: &Selection{Folds: 5}, Models: []Model{}}} {
		data, err := encode(want, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeFront(strings.NewReader(string(data)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s reads as something else (-want +got):\n%s", data, diff)
		}
	}
}

func TestExpectedAccuraciesAreChecked(t *testing.T) {
	t.Parallel()
	good, err := encode(newLikelyFront(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ old, new, want string }{
		{`"softening":0.5`, `"softening":1.5`, "chosen by"},
		{`"softening":0.5`, `"softening":-0.5`, "chosen by"},
		{`"charge":1.25`, `"charge":-1`, "chosen by"},
		{`"least_reach":5`, `"least_reach":-5`, "chosen by"},
		{`"folds":4`, `"folds":-4`, "chosen by"},
		{`"folds":4`, `"folds":4.5`, "cannot unmarshal"},
		{`"accuracy":0.4375`, `"accuracy":0.6`, "the expected accuracy is 0.6 in an interval of 0.1875 to 0.5625"},
		{`"accuracy":0.4375`, `"accuracy":0.1`, "the expected accuracy is 0.1"},
		{`"accuracy_95":[0.1875,`, `"accuracy_95":[-0.1875,`, "an interval of -0.1875"},
		{`"accuracy_95":[0.625,1]`, `"accuracy_95":[0.625,1.001]`, "to 1.001"},
		{`"accuracy_95":[0.625,1]`, `"accuracy_95":[1,0.625]`, "an interval of 1 to 0.625"},
	} {
		if !strings.Contains(string(good), test.old) {
			t.Fatalf("nothing to replace: %s in %s", test.old, good)
		}
		_, err := DecodeFront(strings.NewReader(strings.Replace(string(good), test.old, test.new, 1)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.new, err, test.want)
		}
	}
}

func TestSelectionInWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		selection Selection
		want      string
	}{
		{Selection{}, "Chosen by the most correct answers on the samples searched"},
		{Selection{Folds: 5}, "Chosen by the most correct answers on the samples searched. Expected accuracies are from 5 searches without a part of the samples each"},
		{
			Selection{Evidence: true, Softening: 0.25, Charge: 1.234, Reach: 5},
			"Chosen by what is likely to hold on other samples: the labels count 75 %, the models' outputs 25 %, a further model must be worth 1.2 correct answers, a stage be reached by 5 samples",
		},
		{
			Selection{Evidence: true, Charge: 20, Reach: 50, Folds: 3},
			"Chosen by what is likely to hold on other samples: a further model must be worth 20 correct answers, a stage be reached by 50 samples. Expected accuracies are from 3 searches without a part of the samples each",
		},
		{
			Selection{Drawn: &Drawn{Samples: 131072, Seed: 1, Measured: 868928}},
			"Chosen by the most correct answers on the samples searched. 131,072 samples, drawn at random with seed 1, were searched. Expected accuracies are those on the 868,928 samples that were not searched; costs are of all samples",
		},
		{
			Selection{Drawn: &Drawn{Samples: 500, Seed: 3}},
			"Chosen by the most correct answers on the samples searched. 500 samples, drawn at random with seed 3, were searched; what was found has not been measured on the others: all accuracies, costs and reach are those on the samples searched",
		},
	} {
		if got := test.selection.String(); got != test.want {
			t.Errorf("%+v: %q, want %q", test.selection, got, test.want)
		}
	}
}

// Each cascade that is worth its place is better than the one before by a standard error,
// none that was left out is, and the expected accuracy counts if there is one.
func TestWorthwhile(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 9))
	for range 500 {
		f, samples, expects := new(Front), 20+rng.IntN(500), rng.IntN(2) == 0
		for i := range 1 + rng.IntN(60) {
			p := Point{Evaluation: cascade.Evaluation{Samples: samples, Correct: rng.IntN(samples + 1), Cost: float64(1 + i)}}
			if expects {
				p.Expected = &Expected{Accuracy: rng.Float64()}
			}
			f.Points = append(f.Points, p)
		}
		slices.SortFunc(f.Points, func(a, b Point) int { return int(math.Copysign(1, a.Likely()-b.Likely())) })
		for i := range f.Points {
			f.Points[i].Cost = float64(1 + i)
		}
		all := f.Worthwhile(len(f.Points))
		if all[0] != 0 {
			t.Fatalf("the cheapest is not among %v", all)
		}
		last := f.Points[0].Likely()
		for i, p := range f.Points[1:] {
			errors := math.Max((1-last)*float64(samples), 1)
			worth := (p.Likely()-last)*float64(samples) >= math.Sqrt(errors)
			if worth != slices.Contains(all, i+1) {
				t.Fatalf("%v after %v on %d samples: worth its place %v, among %v", p.Likely(), last, samples, worth, all)
			}
			if worth {
				last = p.Likely()
			}
		}
		for n := 2; n < 8; n++ {
			some := f.Worthwhile(n)
			if len(some) > n || some[0] != 0 || some[len(some)-1] != all[len(all)-1] || !slices.IsSorted(some) {
				t.Fatalf("%d of %v are %v", n, all, some)
			}
			for _, i := range some {
				if !slices.Contains(all, i) {
					t.Fatalf("%d of %v are %v", n, all, some)
				}
			}
		}
	}
	if rows := new(Front).Worthwhile(5); len(rows) != 0 {
		t.Errorf("of an empty front %v are worth their place", rows)
	}
}
