package front

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/encas-zoo/encas-zoo/cascade"
)

func exportedFront() *Front {
	quoted := "`|\n``"
	return &Front{
		Models:  []Model{{Name: "a", Cost: 1, Correct: 1}, {Name: "b", Cost: 3, Correct: 2, Temperature: 1.5}},
		Version: Version, Zoo: Zoo{"f00d", 10}, Split: Split{Name: "search", Samples: 4, Fingerprint: "beef"}, Cost: "gflops",
		Points: []Point{
			{
				Cascade:    cascade.Cascade{Rule: cascade.RuleLast, Confidence: cascade.Margin, Stages: []cascade.Stage{{Model: "a", Weight: 1}}},
				Evaluation: cascade.NewEvaluation([]float64{1}, 1, []int{4}, 4),
			},
			{
				Cascade:    cascade.Cascade{Stages: []cascade.Stage{{Model: quoted, Weight: 1, Threshold: 0.62}, {Model: "b", Weight: 2}}},
				Evaluation: cascade.NewEvaluation([]float64{1, 3}, 3, []int{4, 2}, 4),
			},
		},
	}
}

func TestExportFollowsItsSchema(t *testing.T) {
	t.Parallel()
	schema, err := jsonschema.NewCompiler().Compile("../docs/schemas/cascade.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	front := exportedFront()
	for i, c := range front.Points {
		e, err := front.Export(i)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := e.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Error(err)
		}
		var back Export
		if err := json.Unmarshal(b.Bytes(), &back); err != nil {
			t.Fatal(err)
		}
		if back.Stages[len(back.Stages)-1].Temperature != 1.5*float64(i) {
			t.Errorf("cascade %d comes back with the temperature %v", i, back.Stages[len(back.Stages)-1].Temperature)
		}
		if back.Text != c.String() || back.Measured.Correct != c.Correct || len(back.Stages) != len(c.Stages) || back.Stages[0].Model != c.Stages[0].Model {
			t.Errorf("cascade %d comes back as %+v", i, back)
		}
	}
	if _, err := front.Export(2); err == nil || !strings.Contains(err.Error(), "0 to 1") {
		t.Errorf("no such cascade: error %v", err)
	}
	if _, err := front.Export(-1); err == nil {
		t.Error("no error for cascade -1")
	}
}

func TestExportAsMarkdown(t *testing.T) {
	t.Parallel()
	e, err := exportedFront().Export(1)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := e.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"75.00 % correct at 2.5 `gflops` per sample",
		"| 1 | ``` `\\| `` ``` | 1 | 0.62 | 1 | 100.0 % |",
		"| 2 | `b` | 2 | always exits | 3 | 50.0 % |",
		"weighted mean", "The confidence is that value.",
		"replace p by p^(1/T)", "- stage 2, `b`: T = 1.5\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	f := exportedFront()
	f.Parts, f.Selection = &Parts{Of: 3, Searched: []int{1}}, &Selection{Shortlisted: 1200}
	part, err := f.Export(1)
	if err != nil {
		t.Fatal(err)
	}
	top := fmt.Sprintf("# Cascade 1\n\n%s.\n\n```text\n%s\n```\n\nA cascade of the %d most accurate for their cost of 1,200 models.\n\n", f.Parts.Caveat(), part.Text, len(f.Models))
	if err := part.WriteMarkdown(&b); err != nil || !strings.HasPrefix(strings.ReplaceAll(b.String(), "````", "```"), top) {
		t.Errorf("%v\n%s\nwant it to begin with\n%s", err, b.String(), top)
	}
	b.Reset()
	e.Rule, e.Confidence = cascade.RuleLast, cascade.Entropy
	if err := e.WriteMarkdown(&b); err != nil || !strings.Contains(b.String(), "Let r be p.") || !strings.Contains(b.String(), "H/ln 10") {
		t.Errorf("%v\n%s", err, b.String())
	}
	b.Reset()
	e.Rule, e.Confidence = cascade.RuleVote, cascade.MaxProbability
	if err := e.WriteMarkdown(&b); err != nil || !strings.Contains(b.String(), "Let r be the votes so far") || strings.Contains(b.String(), "emperature") || strings.Contains(b.String(), "softmax") {
		t.Errorf("%v\n%s", err, b.String())
	}
}
