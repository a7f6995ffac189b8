package optimize

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// TestFullOutputs searches a zoo whose lists leave most classes out: with the full
// outputs at hand every figure of the front is exact, whatever the lists say.
func TestFullOutputs(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 5, 6, 400, 80)
	confidences := []cascade.Confidence{cascade.MaxProbability, cascade.Margin, cascade.Entropy}
	if testing.Short() {
		confidences = confidences[:1]
	}
	for _, confidence := range confidences {
		for _, o := range []Options{
			{Algorithm: "exact", MaxModels: 3, Rules: bothRules},
			{Algorithm: "exact", MaxModels: 2, Grid: PaperGrid(), MaxCost: 9},
			{Algorithm: "auto", MaxModels: 4, Rules: bothRules, Snap: true, Evals: 2_000_000},
			{Algorithm: "gomea", Paper: true, Grid: PaperGrid(), Evals: 3000},
		} {
			o.Confidence, o.Threads = confidence, 1
			differing := func(r *Result) (n int) {
				for _, point := range r.Front {
					e, err := d.Evaluate(point.Cascade)
					if err != nil {
						t.Fatal(err)
					}
					if !reflect.DeepEqual(e, point.Evaluation) {
						n++
					}
				}
				return n
			}
			listed, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			o.Outputs = rowsOf(d, 0)
			exact, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			if differing(listed) == 0 || exact.Corrected == 0 {
				t.Errorf("%v, %s: the lists alone have no front with a wrong figure (%d corrected): the test shows nothing", confidence, o.Algorithm, exact.Corrected)
			}
			if n := differing(exact); n > 0 {
				t.Errorf("%v, %s: %d of %d cascades have other figures by the definition", confidence, o.Algorithm, n, len(exact.Front))
			}
			if exact.Evaluations != listed.Evaluations {
				t.Errorf("%v, %s: %d evaluations, without full outputs %d", confidence, o.Algorithm, exact.Evaluations, listed.Evaluations)
			}
			reference := newRecorder(front.Reference{Log: true}, p).reference
			var wrong, costs []float64
			for _, point := range exact.Front {
				wrong, costs = append(wrong, 1-float64(point.Correct)/float64(p.Samples())), append(costs, point.Cost)
			}
			if got, want := exact.Curve[len(exact.Curve)-1].Log, front.Hypervolume(wrong, costs, reference); math.Abs(got-want) > 1e-9 {
				t.Errorf("%v, %s: the curve ends at %v, the front's hypervolume is %v", confidence, o.Algorithm, got, want)
			}
			if !slices.IsSortedFunc(exact.Front, func(a, b front.Point) int { return a.Correct - b.Correct }) {
				t.Errorf("%v, %s: the front does not ascend", confidence, o.Algorithm)
			}
			o.Threads = 3
			if again, err := Search(context.Background(), p, o); err != nil || !reflect.DeepEqual(again.Front, exact.Front) {
				t.Errorf("%v, %s: three threads find another front (%v)", confidence, o.Algorithm, err)
			}
		}
	}
}

// TestFrontOfFullOutputs compares the front found through lists of 16 of 40 classes
// with the definition's of all pairs on full outputs.
func TestFrontOfFullOutputs(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 11, 6, 500, 40)
	everything := func(cascade.Cascade, cascade.Evaluation) bool { return true }
	for _, rule := range cascade.Rules() {
		want := bruteForce(t, d, rule, cascade.MaxProbability, shortGrid, 2, everything)
		r, err := Search(context.Background(), p, Options{Rules: []cascade.Rule{rule}, Grid: shortGrid, Outputs: rowsOf(d, 0)})
		if err != nil {
			t.Fatal(err)
		}
		if got := points(r); !reflect.DeepEqual(got, want) {
			t.Errorf("rule %v: front %v, by the definition %v", rule, got, want)
		}
	}
}

// TestListsThatSuffice: answers of models alone are exact in the lists, and full outputs
// are not read for them.
func TestListsThatSuffice(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 5, 4, 60, 40)
	r, err := Search(context.Background(), p, Options{Rules: []cascade.Rule{cascade.RuleLast}, Outputs: func(string) (cascade.Rows, error) {
		t.Error("full outputs were opened")
		return nil, errors.New("closed")
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, point := range r.Front {
		if e, err := d.Evaluate(point.Cascade); err != nil || !reflect.DeepEqual(e, point.Evaluation) {
			t.Errorf("%v: %+v, by the definition %+v (%v)", point.Cascade, point.Evaluation, e, err)
		}
	}
}

func TestFullOutputsThatFail(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 5, 4, 60, 40)
	broken := errors.New("broken")
	for _, open := range []func(string) (cascade.Rows, error){
		func(string) (cascade.Rows, error) { return nil, broken },
		rowsOf(d, 1),
	} {
		if _, err := Search(context.Background(), p, Options{Outputs: open}); err == nil {
			t.Error("a front without the outputs it was to be worked out on")
		}
	}
}

// What is worked out again does not depend on what a thread knew when it left chains
// out: a search that begins with the front in its archive finds the same near it.
func TestNearFrontOfTriples(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{36, 43, 44, 53, 54, 89, 91, 95} {
		p, d := newZoo(t, seed, 9, 150, 80)
		near := func(known *archive) (*archive, []string) {
			s, _, err := newRun(p, Options{MaxModels: 3, Grid: PaperGrid(), Threads: 1, Outputs: rowsOf(d, 0)})
			if err != nil {
				t.Fatal(err)
			}
			if known != nil {
				s.archive.merge(known)
			}
			if err := s.tryChains(context.Background(), 3); err != nil {
				t.Fatal(err)
			}
			var cascades []string
			for _, p := range s.archive.near(nearFront) {
				cascades = append(cascades, fmt.Sprint(p))
			}
			return s.archive, cascades
		}
		known, want := near(nil)
		front := *known.copy()
		for correct := range front.places {
			if !slices.Contains(known.front(), correct) {
				front.places[correct] = nil
			}
		}
		if _, got := near(&front); !slices.Equal(got, want) {
			t.Errorf("seed %d: %d cascades are near the front, %d where it was known before", seed, len(want), len(got))
		}
	}
}
