package study

import (
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// The answers to the samples are those that an evaluation counts, each with the confidence
// that its stage's threshold is compared with.
func TestAnswersAreWhatIsEvaluated(t *testing.T) {
	t.Parallel()
	z, err := example.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	labels, ids, err := z.Labels("test")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"qda", "tree_4@0.5,qda*2", "tree_4*3@0.9,lda@0.8,qda", "last:tree_4@0.7,lda@0.9,qda", "vote:tree_4@1,lda@0.9,qda*2",
		"margin:tree_4@0.3,qda", "entropy:tree_4@0.6,lda@0.7,qda", "margin:vote:tree_4@0.5,lda@0.6,tree_4@0.5,qda",
	} {
		c, err := cascade.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		e, err := EvaluateCascade(t.Context(), z, "test", "", c, Watch{})
		if err != nil {
			t.Fatal(err)
		}
		all, err := Answers(t.Context(), z, "test", c, Watch{})
		if err != nil {
			t.Fatal(err)
		}
		correct, reach := 0, make([]int, len(c.Stages))
		for row, a := range all {
			if a.Class == int(labels[row]) {
				correct++
			}
			for stage := range a.Stage {
				reach[stage]++
			}
			exits := a.Stage == len(c.Stages) || a.Confidence > float64(c.Stages[a.Stage-1].Threshold)
			if a.ID != ids[row] || !exits || a.Confidence < 0 || a.Confidence > 1.001 {
				t.Fatalf("%s, row %d: %+v", text, row, a)
			}
		}
		one := e.Cascades[0]
		if correct != one.Correct || len(all) != one.Samples {
			t.Errorf("%s: %d of %d answers are correct, %d of %d evaluated", text, correct, len(all), one.Correct, one.Samples)
		}
		for stage := range reach {
			if reach[stage] != one.Reach[stage] {
				t.Errorf("%s: stage %d is reached by %d and %d", text, stage+1, reach[stage], one.Reach[stage])
			}
		}
	}
	c, _ := cascade.Parse("nothing")
	if _, err := Answers(t.Context(), z, "test", c, Watch{}); err == nil {
		t.Error("answers of a model that is not there")
	}
}
