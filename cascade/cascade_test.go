package cascade

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

var names = []string{"resnet20", "wrn_28_10", "a,b", "x@0.5", " lead", "last:night", "quo\"te", "new\nline", "naïve", "v*2", "<script>", "margin:x", "vote:green"}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want Cascade
		err  string
	}{
		{text: "resnet20", want: Single("resnet20")},
		{text: "resnet20@0.62, wrn_28_10", want: Cascade{Stages: []Stage{{"resnet20", 1, 0.62}, {"wrn_28_10", 1, 0}}}},
		{text: "last:resnet20*3@1,wrn_28_10", want: Cascade{Rule: RuleLast, Stages: []Stage{{"resnet20", 3, 1}, {"wrn_28_10", 1, 0}}}},
		{text: "entropy:vote:a@0.5,b*2", want: Cascade{Rule: RuleVote, Confidence: Entropy, Stages: []Stage{{"a", 1, 0.5}, {"b", 2, 0}}}},
		{text: `"vote:a"`, want: Single("vote:a")},
		{text: `margin:"a,b"@0,"x@0.5"`, want: Cascade{Confidence: Margin, Stages: []Stage{{"a,b", 1, 0}, {"x@0.5", 1, 0}}}},
		{text: `""`, err: "stage 1: a model's name is missing"},
		{text: "", err: "stage 1: a model's name is missing"},
		{text: "resnet20,wrn_28_10", err: "write resnet20@0.9"},
		{text: "resnet20@0.5,", err: "stage 2: a model's name is missing"},
		{text: "resnet20@0.5", err: "takes no threshold"},
		{text: "resnet20@1.5,wrn_28_10", err: "not a number in [0, 1]"},
		{text: "resnet20@NaN,wrn_28_10", err: "not a number in [0, 1]"},
		{text: "resnet20*0@1,wrn_28_10", err: "weight"},
		{text: "resnet20*200@1,wrn_28_10*56", err: "sum to at most 255"},
		{text: `"resnet20`, err: "does not end"},
	} {
		got, err := Parse(c.text)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error %v, want one that says %q", c.text, err, c.err)
			}
		} else if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
}

func TestCascadeRoundTrip(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		c := Cascade{Rule: Rule(rng.IntN(3)), Confidence: Confidence(rng.IntN(3))}
		for i := range 1 + rng.IntN(6) {
			if i > 0 {
				c.Stages[i-1].Threshold = rng.Float32()
			}
			c.Stages = append(c.Stages, Stage{Model: names[rng.IntN(len(names))], Weight: 1 + rng.IntN(9)})
		}
		text := c.String()
		if got, err := Parse(text); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v was written as %q and read as %+v, %v", c, text, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("resnet20@0.62,wrn_28_10*2@0.9,naïve")
	f.Add(`last:"a,b"@0.5,"x@0.5"`)
	f.Add(`margin:vote:a@0.5,"vote:b"`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse(text)
		if err != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("%q was read as an invalid cascade: %v", text, err)
		}
		again, err := Parse(c.String())
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%q: %+v, written and read again %+v, %v", text, c, again, err)
		}
	})
}
