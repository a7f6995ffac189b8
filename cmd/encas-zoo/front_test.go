package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
)

// Better cascades may be there if the search was stopped, not if only what follows it was.
func TestIncompleteWords(t *testing.T) {
	t.Parallel()
	drawn := &front.Front{Interrupted: true, Selection: &front.Selection{Drawn: &front.Drawn{Samples: 5}}}
	for _, test := range []struct {
		found study.Found
		want  string
	}{
		{study.Found{Front: drawn}, "The search is incomplete"},
		{study.Found{Front: drawn, Searched: true}, "Accuracies on the samples that were not searched are missing"},
		{study.Found{Front: &front.Front{Interrupted: true}}, "The search is incomplete"},
		{study.Found{Front: &front.Front{Interrupted: true}, Searched: true}, "Expected accuracies are missing"},
	} {
		if got := incomplete(&test.found); !strings.HasPrefix(got, test.want) {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// What optimize says first is of other samples if that was estimated or measured, and says
// so if it is not.
func TestHeadlineWords(t *testing.T) {
	t.Parallel()
	c, err := cascade.Parse("a@0.5,b")
	if err != nil {
		t.Fatal(err)
	}
	point := front.Point{Cascade: c, Evaluation: cascade.NewEvaluation([]float64{1, 5}, 96, []int{100, 20}, 100)}
	expecting := func(accuracy, low, high float64) front.Point {
		p := point
		p.Expected = &front.Expected{Accuracy: accuracy, Interval: [2]float64{low, high}}
		return p
	}
	likely := expecting(0.955, 0.92, 0.98)
	measured := &study.Evaluation{Split: front.Split{Name: "test"}, Cascades: []study.Measured{{Point: point, Interval: [2]float64{0.9, 0.98}, Against: &study.Against{Accuracy: 0.94}}}}
	model := front.Model{Name: "b", Cost: 5, Correct: 95}
	const cascadeAndModel = " at 2.000 gflops: a@0.5,b\n   that model   95.00 % at 5.000 gflops: b\n"
	for _, test := range []struct {
		head   *headline
		limits front.Limits
		want   string
	}{
		{nil, front.Limits{}, "\nNo cheaper cascade is likely to be nearly as accurate as the most accurate single model:\n   that model   95.00 % at 5.000 gflops: b\n"},
		{nil, front.Limits{Cost: 1}, "\nNo cheaper cascade within 1 gflops is likely to be nearly as accurate as the most accurate single model:\n   that model   95.00 % at 5.000 gflops: b\n"},
		{nil, front.Limits{Cost: 1, WorstCost: 6}, "\nNo cheaper cascade within 1 gflops and 6 gflops at worst is likely to be nearly as accurate as the most accurate single model that costs at most 6 gflops:\n   that model   95.00 % at 5.000 gflops: b\n"},
		{&headline{named{Model: &model, Number: 7, Cascade: point}, 0, 0.6}, front.Limits{}, "\nOn the samples searched as accurate as the most accurate single model, for 60 % less:\n" +
			"   cascade 7    96.00 %" + cascadeAndModel + "   No accuracy on other samples is known. 'encas-zoo evaluate run --split NAME' measures it.\n"},
		{&headline{named{Model: &model, Number: 7, Cascade: likely}, 0, 0.6}, front.Limits{}, "\nLikely as accurate as the most accurate single model, for 60 % less:\n" +
			"   cascade 7    95.50 % expected (92.00..98.00), 96.00 % on the samples searched," + cascadeAndModel},
		{&headline{named{Model: &model, Number: 7, Cascade: likely}, 0.01, 0.6}, front.Limits{WorstCost: 9}, "\nLikely at most 1 point less accurate than the most accurate single model that costs at most 9 gflops, for 60 % less:\n" +
			"   cascade 7    95.50 % expected (92.00..98.00), 96.00 % on the samples searched," + cascadeAndModel},
		{&headline{named{&model, 7, likely, measured}, 0.0025, 0.6}, front.Limits{}, "\nLikely at most 0.25 points less accurate than the most accurate single model, for 60 % less:\n" +
			"   cascade 7    95.50 % expected (92.00..98.00), 96.00 % on the samples searched," + cascadeAndModel + "   on test      96.00 % (90.00..98.00), that model 94.00 % (+2.00 points)\n"},
	} {
		f := &front.Front{Split: front.Split{Samples: 100}, Cost: "gflops", Points: []front.Point{point}, Models: []front.Model{model}}
		file, err := os.Create(filepath.Join(t.TempDir(), "out"))
		if err != nil {
			t.Fatal(err)
		}
		words := &terminal{out: ui.NewConsole(file, false)}
		words.showHeadline(&study.Found{Dir: "run", Front: f}, test.head, front.Choice{Best: &model}, test.limits)
		got, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != test.want {
			t.Errorf("got\n%s\nwant\n%s", got, test.want)
		}
		file.Close()
	}
}
