package cascade

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// A vote counts an answer, whatever its probability: the lowest class on a tie within a
// model, and the lowest class on a tie between classes.
func TestVotes(t *testing.T) {
	t.Parallel()
	d := &Dense{
		Classes: 4,
		Labels:  []uint16{1, 1, 1, 3},
		Costs:   map[string]float64{"a": 1, "b": 2, "c": 4},
		Outputs: map[string][]float32{
			// answers:      0, 1, 2, 3
			"a": {0.25, 0.25, 0.25, 0.25, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1},
			// answers:      1, 1, 1, 0
			"b": {0.25, 0.5, 0.25, 0, 0, 0.5, 0.5, 0, 0, 0.5, 0.25, 0.25, 1, 0, 0, 0},
			// answers:      1, 3, 0, 3
			"c": {0, 0.5, 0.5, 0, 0.25, 0.25, 0, 0.5, 0.5, 0, 0.25, 0.25, 0, 0, 0, 1},
		},
	}
	for _, c := range []struct {
		cascade string
		correct int
		reach   []int
	}{
		{"vote:a", 2, []int{4}},
		{"vote:a@0.99,b", 2, []int{4, 0}},                  // a model agrees with itself
		{"vote:a@1,b", 2, []int{4, 4}},                     // on a tie the lower class: 0, 1, 1, 0
		{"vote:a@1,b*2", 3, []int{4, 4}},                   // b overrules: 1, 1, 1, 0
		{"vote:a@1,b@0.5,c", 3, []int{4, 4, 3}},            // until two agree: 1, 1, 0, 3
		{"vote:a@1,b@0.49,c", 2, []int{4, 4, 0}},           // half of the votes suffice
		{"vote:a@1,b*2@0.67,c*3", 3, []int{4, 4, 3}},       // votes of 1, 2 and 3: 1, 1, 0, 3
		{"margin:vote:a@1,b*2@0.3,c*3", 3, []int{4, 4, 0}}, // two to one is ahead by a third
		{"margin:vote:a@1,b*2@0.34,c*3", 3, []int{4, 4, 3}},
	} {
		parsed, err := Parse(c.cascade)
		if err != nil {
			t.Fatal(err)
		}
		want, err := d.Evaluate(parsed)
		if err != nil {
			t.Fatal(err)
		}
		if want.Correct != c.correct || !reflect.DeepEqual(want.Reach, c.reach) {
			t.Errorf("%s: %d correct, reach %v; want %d and %v", c.cascade, want.Correct, want.Reach, c.correct, c.reach)
		}
		got, err := d.split(0).Evaluate(t.Context(), []Cascade{parsed})
		if err != nil || !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s: replayed %+v, %v; by the definition %+v", c.cascade, got, err, want)
		}
	}
	voted, err := Parse("vote:a@1,b*2")
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.split(0).Replay([]Cascade{voted})
	if err != nil {
		t.Fatal(err)
	}
	sums := make([][4]uint32, len(d.Labels))
	err = r.Run(t.Context(), 1, func(_ int, x *Sample) {
		for class := range d.Classes {
			sums[x.Number][class] = x.Sum(r.Set(0, 1), class)
		}
	})
	if want := [][4]uint32{{one, 2 * one}, {0, 3 * one}, {0, 2 * one, one}, {2 * one, 0, 0, one}}; err != nil || !slices.Equal(sums, want) {
		t.Errorf("the votes are %v, want %v; %v", sums, want, err)
	}
}

// Votes are the means of outputs that are 1 for the answer and 0 for the others, whatever
// the measure of confidence, the weights and the repeats.
func TestVotesAreMeansOfAnswers(t *testing.T) {
	t.Parallel()
	d := newDense(t, 5, 6, 150, 9)
	ballots := &Dense{Classes: d.Classes, Labels: d.Labels, Costs: d.Costs, Outputs: map[string][]float32{}}
	for model, outputs := range d.Outputs {
		ballots.Outputs[model] = make([]float32, len(outputs))
		for i := range d.Labels {
			answer, _ := largest(outputs[i*d.Classes:][:d.Classes])
			ballots.Outputs[model][i*d.Classes+answer] = 1
		}
	}
	cascades := randomCascades(rand.New(rand.NewPCG(3, 3)), 200, 6, 6)
	for i := range cascades {
		cascades[i].Rule = RuleVote
	}
	got, err := d.split(0).Detail(t.Context(), cascades, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range cascades {
		cascades[i].Rule = RuleMean
	}
	want, err := ballots.split(0).Detail(t.Context(), cascades, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cascades {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%s: as votes\n%+v, as a mean of answers\n%+v", c, got[i], want[i])
		}
	}
}

// What is explained of a vote are the shares of the votes, beside the model's own output.
func TestExplainVotes(t *testing.T) {
	t.Parallel()
	c, err := Parse("vote:a@1,b*2@0.67,c")
	if err != nil {
		t.Fatal(err)
	}
	const half, quarter, one = 0x3800, 0x3400, 0x3C00
	answers, err := Explain(c, 3, [][]uint16{{half, quarter, quarter}, {0, half, half}, {0, one, 0}}, 2)
	if err != nil {
		t.Fatal(err)
	}
	for stage, want := range []Answer{
		{Guess{0, 0.5}, []Guess{{0, 1}}, 1, false},
		{Guess{1, 0.5}, []Guess{{1, 2. / 3}, {0, 1. / 3}}, 2. / 3, false},
		{Guess{1, 1}, []Guess{{1, 0.75}, {0, 0.25}}, 0.75, true},
	} {
		if got := answers[stage]; got.Own != want.Own || math.Abs(got.Confidence-want.Confidence) > 1e-12 || got.Exits != want.Exits ||
			!slices.EqualFunc(got.Top, want.Top, func(a, b Guess) bool { return a.Class == b.Class && math.Abs(a.Probability-b.Probability) < 1e-12 }) {
			t.Errorf("stage %d: %+v, want %+v", stage+1, got, want)
		}
	}
}
