package optimize

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// answersOf returns the zoo whose models' outputs are 1 for their answer and 0 for all
// other classes.
func answersOf(t *testing.T, p *Problem, d *cascade.Dense) *Problem {
	t.Helper()
	var models []Model
	for _, m := range p.Models() {
		rows := make([]uint16, len(d.Outputs[m.Name]))
		for i := range d.Labels {
			row := d.Outputs[m.Name][i*d.Classes:][:d.Classes]
			answer := 0
			for class, v := range row {
				if v > row[answer] {
					answer = class
				}
			}
			rows[i*d.Classes+answer] = outputs.OneBits
		}
		m.Lists = outputs.BuildLists(rows, d.Classes)
		models = append(models, m)
	}
	answers, err := NewProblem(d.Labels, d.Classes, models)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// asMeans returns the points of a front of votes as if they were of means. It leaves out the
// bounds: with votes a model must be correct, with means it need not.
func asMeans(points []front.Point) []front.Point {
	points = slices.Clone(points)
	for i := range points {
		points[i].Rule, points[i].Bound = cascade.RuleMean, 0
	}
	return points
}

// Algorithms find with rule vote what they find with rule mean on the answers, whose votes in
// turn are the answers themselves. (Only auto has a phase of its own for votes.)
func TestVotesAreMeansOfAnswers(t *testing.T) {
	t.Parallel()
	for _, classes := range []int{20, 50} {
		p, d := newZoo(t, 3, 7, 150, classes)
		answers := answersOf(t, p, d)
		for _, name := range Algorithms() {
			if name == "greedy" {
				continue // knows rule last alone
			}
			for _, confidence := range []cascade.Confidence{cascade.MaxProbability, cascade.Margin, cascade.Entropy} {
				t.Run(fmt.Sprint(name, classes, confidence), func(t *testing.T) {
					search := func(p *Problem, rule cascade.Rule) *Result {
						o := smallSearch(name)
						o.Rules, o.Confidence, o.Snap, o.Threads = []cascade.Rule{rule}, confidence, true, 1
						r, err := Search(context.Background(), p, o)
						if err != nil {
							t.Fatal(err)
						}
						return r
					}
					rule := cascade.RuleMean
					if name == "auto" {
						rule = cascade.RuleVote
					}
					want := search(answers, rule)
					if len(want.Front) < 2 {
						t.Fatalf("a front of %d cascades", len(want.Front))
					}
					for zoo, p := range map[string]*Problem{"outputs": p, "answers": answers} {
						got := search(p, cascade.RuleVote)
						if !reflect.DeepEqual(asMeans(got.Front), asMeans(want.Front)) || got.Evaluations != want.Evaluations {
							t.Fatalf("votes of %s: %v after %d evaluations, means of answers %v after %d", zoo, got.Front, got.Evaluations, want.Front, want.Evaluations)
						}
						for i, point := range got.Front {
							if point.Bound < point.Correct || point.Bound > want.Front[i].Bound {
								t.Errorf("%v: a bound of %d with rule vote, %d with rule mean", point.Cascade, point.Bound, want.Front[i].Bound)
							}
						}
					}
				})
			}
		}
	}
}

// A model's answer is in its list, so no full output is read for votes.
func TestListsSufficeForVotes(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 5, 6, 60, 40)
	for _, confidence := range []cascade.Confidence{cascade.MaxProbability, cascade.Margin, cascade.Entropy} {
		r, err := Search(context.Background(), p, Options{Algorithm: "auto", Rules: []cascade.Rule{cascade.RuleVote}, Confidence: confidence, Evals: 300_000, Outputs: func(string) (cascade.Rows, error) {
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
}

// The entropy of more votes for different classes than a list has is not in the sums; then
// full outputs are read.
func TestVotesForManyClasses(t *testing.T) {
	t.Parallel()
	const samples, classes, models = 40, 60, 20
	d := &cascade.Dense{Classes: classes, Costs: map[string]float64{}, Outputs: map[string][]float32{}}
	var list []Model
	for i := range samples {
		d.Labels = append(d.Labels, uint16(i))
	}
	for m := range models {
		name := modelName(m)
		rows := make([]uint16, samples*classes)
		for i := range samples {
			answer := i // all agree, or each has an answer of its own
			if i%3 == 0 && m < models-1 {
				answer = (i + 1 + m) % classes
			}
			rows[i*classes+answer] = outputs.OneBits
		}
		d.Outputs[name], d.Costs[name] = make([]float32, len(rows)), float64(1+m)
		kernel.F16ToF32(d.Outputs[name], rows)
		list = append(list, Model{Name: name, Cost: d.Costs[name], Lists: outputs.BuildLists(rows, classes)})
	}
	p, err := NewProblem(d.Labels, classes, list)
	if err != nil {
		t.Fatal(err)
	}
	// 17 votes for as many of 60 classes have an entropy of 1 - ln 17/ln 60 = 0.308, and 16
	// of them, with the last one spread over the other classes, of 0.254.
	r, _, err := newRun(p, Options{
		Algorithm: "random", MaxModels: models, Rules: []cascade.Rule{cascade.RuleVote}, Confidence: cascade.Entropy,
		Grid: Grid{0.28, 1}, Outputs: rowsOf(d, 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	found := plan{rule: cascade.RuleVote, exits: slices.Repeat([]uint8{1}, 17)}
	for m := range 18 {
		found.members = append(found.members, member{uint16(m), 1})
	}
	found.exits[16] = 0
	w := r.newWorker()
	if _, reach := w.evaluate(found); reach[17] == 0 {
		t.Error("by the lists nothing is unsure: the test shows nothing")
	}
	w.evaluateAndOffer(found, r.archive)
	if _, err := r.refine(context.Background()); err != nil {
		t.Fatal(err)
	}
	points, err := r.points(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, point := range points {
		if e, err := d.Evaluate(point.Cascade); err != nil || !reflect.DeepEqual(e, point.Evaluation) {
			t.Errorf("%v: %+v, by the definition %+v (%v)", point.Cascade, point.Evaluation, e, err)
		}
	}
}

// Pairs of votes are worth nothing, and yet auto finds the longer chains: its front covers
// that of all chains of three.
func TestAutoFindsVotes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		p, _ := newZoo(t, 40+seed, 7, 250, 6)
		search := func(o Options) []front.Point {
			o.Rules, o.Grid = []cascade.Rule{cascade.RuleVote}, shortGrid
			r, err := Search(context.Background(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			return r.Front
		}
		found, missed := search(Options{Algorithm: "auto", MaxModels: 5}), 0
		all := search(Options{Algorithm: "exact", MaxModels: 3})
		for _, point := range all {
			if best := front.BestWithin(found, point.Cost*(1+1e-12)); best < 0 || found[best].Correct < point.Correct {
				missed++
			}
		}
		if missed > 0 || len(found) <= len(all) {
			t.Errorf("seed %d: of %d cascades on the front of all chains of three %d are not covered by %d", seed, len(all), missed, len(found))
		}
	}
}

// The votes of three are part of a budget, or are left out.
func TestVotesOfThreeKeepTheBudget(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 4, 6, 60, 5)
	pairs := int64(6 + 6*5*len(shortGrid))
	for _, evals := range []int64{pairs - 1, pairs, pairs + 100, pairs + 2000, pairs + 20_000} {
		r, err := Search(context.Background(), p, Options{Algorithm: "auto", Rules: []cascade.Rule{cascade.RuleVote}, Grid: shortGrid, Evals: evals})
		if err != nil {
			t.Fatal(err)
		}
		if r.Evaluations > evals {
			t.Errorf("%d evaluations of %d", r.Evaluations, evals)
		}
	}
}

// A search by evidence finds votes, too, and gives them their results on the samples.
func TestVotesByEvidence(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 5, 7, 300, 6)
	r, err := Search(t.Context(), p, Options{Algorithm: "auto", Rules: []cascade.Rule{cascade.RuleVote}, Grid: shortGrid, Evidence: true, Folds: 3, Evals: 50_000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Settings == nil || r.Settings.Copies < 2 {
		t.Errorf("%+v", r.Settings)
	}
	votes := 0
	for _, point := range r.Front {
		if point.Expected == nil {
			t.Errorf("%s: nothing is expected", point.Cascade)
		}
		if want, err := d.Evaluate(point.Cascade); err != nil || !reflect.DeepEqual(point.Evaluation, want) {
			t.Errorf("%s: %+v, want %+v; %v", point.Cascade, point.Evaluation, want, err)
		}
		if point.Rule == cascade.RuleVote {
			votes++
		}
	}
	if votes == 0 {
		t.Error("no votes were found")
	}
}
