package holdout

import (
	"context"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/study"
)

// Within budgets the most accurate cascade on the samples searched is taken, and its
// error on the others counts, whatever else would be better there.
func TestDeployed(t *testing.T) {
	t.Parallel()
	at := func(correct int, cost float64) front.Point {
		return front.Point{Evaluation: cascade.Evaluation{Samples: 10, Correct: correct, Cost: cost}}
	}
	points := []front.Point{at(5, 1), at(7, 2), at(9, 4)}
	tested := []cascade.Evaluation{{Samples: 20, Correct: 12}, {Samples: 20, Correct: 16}, {Samples: 20, Correct: 10}}
	search, test := deployed(points, tested, []float64{0.5, 1, 2, 3, 4, 100})
	if want := (0.5 + 0.5 + 0.3 + 0.3 + 0.1 + 0.1) / 6; math.Abs(search-want) > 1e-12 {
		t.Errorf("%v on the samples searched, want %v", search, want)
	}
	if want := (0.4 + 0.4 + 0.2 + 0.2 + 0.5 + 0.5) / 6; math.Abs(test-want) > 1e-12 {
		t.Errorf("%v on the others, want %v", test, want)
	}
}

// On the example zoo: budgets span the models, single models claim no equal, and the
// same split gives the same result.
func TestMeasure(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), "example", study.Example, study.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	if n := z.Problem.Samples(); n != 1797 {
		t.Fatalf("%d samples in all splits", n)
	}
	b := NewBudgets(z.Problem)
	first, last := b.Log[0], b.Log[len(b.Log)-1]
	if len(b.Log) != budgets || first != b.Linear[0] || math.Abs(last/b.Linear[len(b.Linear)-1]-1) > 1e-12 || last < 1e5*first {
		t.Errorf("budgets from %v to %v", first, last)
	}
	for _, m := range Methods(1)[:3] {
		r, err := Measure(t.Context(), z, m, 300, 4)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Measure(t.Context(), z, m, 300, 4); err != nil || again.Log != r.Log || again.Linear != r.Linear || !reflect.DeepEqual(again.Claim, r.Claim) {
			t.Errorf("%+v, then %+v (%v)", r, again, err)
		}
		if !(r.SearchLog < r.Log) || !(r.Log > 0 && r.Log < 0.5) || r.Cascades < 5 {
			t.Errorf("%+v", r)
		}
		if r.Claim == nil || r.Claim.Margin == 0 && m.Name == "single models" {
			t.Errorf("%s claims %+v", m.Name, r.Claim)
		}
	}
	if _, err := Measure(t.Context(), z, Methods(1)[0], 1797, 0); err == nil {
		t.Error("nothing is left to measure on, and no error")
	}
}

// What is certified of the example zoo is rarely false, what is read off often; and the
// band contains more than plain intervals do.
func TestClaims(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), "example", study.Example, study.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	const draws = 30
	c, err := CheckClaims(t.Context(), z, 250, 2, draws, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range c.Margins {
		if m.False > 7 { // of 30 with 10 %: more has a probability below 0.01
			t.Errorf("margin %v: false in %d of %d draws", m.Margin, m.False, draws)
		}
		if m.NaiveFalse < 10 || m.Saving > m.NaiveSaving || m.False > m.Made {
			t.Errorf("%+v", m)
		}
		if i > 0 && m.Saving < c.Margins[i-1].Saving {
			t.Errorf("a margin of %v saves %v, a smaller one %v", m.Margin, m.Saving, c.Margins[i-1].Saving)
		}
	}
	if c.Stairs > 7 || c.Band < 26 || c.Plain >= c.Band {
		t.Errorf("%+v", c)
	}
	var b strings.Builder
	WriteClaims(&b, []Claims{*c})
	if rows := strings.Count(b.String(), "| example | 250 | 2 | 30 |"); rows != len(claimMargins)+1 {
		t.Errorf("%d rows in\n%s", rows, &b)
	}
}

// Differences are paired: what all methods share in a split is no part of their error.
func TestTables(t *testing.T) {
	t.Parallel()
	var results []Result
	excess := 0.002
	for split, hard := range []float64{0.1, 0.3, 0.2} {
		results = append(results,
			Result{Zoo: "z", Samples: 50, Split: split, Method: "auto", Log: hard, Linear: hard, Excess: &excess, Covered: 0.9, Easier: 0.001},
			Result{Zoo: "z", Samples: 50, Split: split, Method: "other", Log: hard + 0.01, Linear: hard - 0.002*float64(split), Claim: &Claim{Margin: 0.0025, Saving: 0.5, False: split == 1, Gain: -0.001}})
	}
	var b strings.Builder
	WriteTables(&b, results, "auto")
	for _, want := range []string{
		"### z, 50 samples searched", "| auto | 3 | 0.00 | 20.00 |  |", "|  |  |  |  | +0.20 ± 0.00 | +0.10 ± 0.00 | 90 % |",
		"| other | 3 | 0.00 | 21.00 | +1.00 ± 0.00 | 0.00 | 19.80 | -0.20 ± 0.12 | 0 | 1 of 3 | 0.25 | 50 % | -0.10 |  |  |  |",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

// Votes of models of which only answers are known have a lower deployed error than the
// single models, on the same halves of the samples.
func TestVotesAgainstSingleModels(t *testing.T) {
	t.Parallel()
	source, dir := sharedtest.Dir(t, "imagenetv2_answers"), t.TempDir()
	_, err := study.Import(t.Context(), dir, study.ImportOptions{Format: "npy", Sources: []string{source}, Splits: []string{"all"}}, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	z, err := Open(t.Context(), "answers", dir, study.DefaultCost)
	if err != nil {
		t.Fatal(err)
	}
	single := Methods(1)[0]
	votes := Method{"auto, rules last and vote", func(ctx context.Context, p *optimize.Problem, seed uint64) (*optimize.Result, error) {
		return optimize.Search(ctx, p, optimize.Options{Algorithm: "auto", Rules: []cascade.Rule{cascade.RuleLast, cascade.RuleVote}, Snap: true, Evals: 20_000_000, Seed: seed})
	}}
	for split := range 2 {
		var errors [2]*Result
		for i, m := range []Method{single, votes} {
			if errors[i], err = Measure(t.Context(), z, m, 5000, split); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("split %d: deployed error %.2f %% of single models, %.2f %% of votes (log cost); %.2f %% and %.2f %% (linear)",
			split, 100*errors[0].Log, 100*errors[1].Log, 100*errors[0].Linear, 100*errors[1].Linear)
		if errors[1].Log > errors[0].Log-0.005 || errors[1].Linear > errors[0].Linear-0.005 {
			t.Error("votes should be half a point better")
		}
	}
}
