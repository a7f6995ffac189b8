package study_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// importHalves imports a folder of NumPy files, one random half to search and the other
// to test with.
func importHalves(t *testing.T, folder string) *zoo.Zoo {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "zoo")
	_, err := study.Import(t.Context(), dir, study.ImportOptions{
		Format: "npy", Sources: []string{folder}, Splits: []string{"search=0.5", "test=0.5"}, Seed: 1,
	}, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	z, err := study.Open(t.Context(), dir, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// searchRules searches with a value of Rule and returns the front, the rules recorded and
// what was warned of.
func searchRules(t *testing.T, z *zoo.Zoo, rule string, evals int64) (f *front.Front, searched, warned string) {
	t.Helper()
	o := study.Defaults()
	o.Rule, o.Evals, o.Dir = rule, evals, filepath.Join(t.TempDir(), "run")
	var warnings strings.Builder
	found, err := study.Search(t.Context(), z, o, study.Watch{Warn: func(text string) { warnings.WriteString(text) }})
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(o.Dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	var run struct{ Options struct{ Rule string } }
	if err := json.Unmarshal(data, &run); err != nil {
		t.Fatal(err)
	}
	return found.Front, run.Options.Rule, warnings.String()
}

// With models that give answers only among others, auto searches rules that do without
// averages, and says so.
func TestRulesOfMixedZoo(t *testing.T) {
	t.Parallel()
	made := makeOutputs()
	defer os.RemoveAll(made)
	folder := filepath.Join(made, "outputs")
	answers := make([]int16, 1000)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range answers {
		answers[i] = int16(random.IntN(5))
	}
	writeNPY(filepath.Join(folder, "api.npy"), "<i2", answers, len(answers))
	list, err := os.OpenFile(filepath.Join(folder, "models.csv"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := list.WriteString("api,0.001\n"); err != nil {
		t.Fatal(err)
	}
	list.Close()
	z := importHalves(t, folder)
	for _, c := range []struct{ rule, searched, warned string }{
		{"", "last,vote", "1 of 6 models give answers only, which cannot be averaged: the rules searched are last,vote"},
		{"vote", "vote", ""},
		{"vote,last", "vote,last", ""},
	} {
		f, searched, warned := searchRules(t, z, c.rule, 200_000)
		if searched != c.searched || !strings.HasPrefix(warned, c.warned) || (warned == "") != (c.warned == "") {
			t.Errorf("rule %q: searched %q, warned %q", c.rule, searched, warned)
		}
		if len(f.Points) < 2 || !f.Checked || len(f.Differences) > 0 {
			t.Errorf("rule %q: %d cascades, checked on the outputs: %v, %d differ", c.rule, len(f.Points), f.Checked, len(f.Differences))
		}
		for _, p := range f.Points {
			if len(p.Stages) > 1 && p.Rule == cascade.RuleMean {
				t.Errorf("rule %q: %v", c.rule, p.Cascade)
			}
		}
	}
}

// Of 64 published ImageNet models only the answers are known, to 10,000 photographs. Fronts
// of votes found on one half are above the single models on the other.
func TestVotesOfPublishedAnswers(t *testing.T) {
	t.Parallel()
	z := importHalves(t, sharedtest.Dir(t, "imagenetv2_answers"))
	f, searched, warned := searchRules(t, z, "", 40_000_000)
	if searched != "last,vote" || warned != "" {
		t.Errorf("searched %q, warned %q", searched, warned)
	}
	e, err := study.EvaluateFront(t.Context(), z, "test", f, study.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	s := e.Summary()
	t.Logf("%d cascades; %d of %d significantly better than their model, %d worse; the accuracy changes by %+.2f points", len(e.Cascades), s.Better, s.Compared, s.Worse, 100*s.Change)
	if s.Better < s.Compared*2/3 || s.Worse > 0 {
		t.Error("most of the front should be significantly better")
	}
	last := e.Cascades[len(e.Cascades)-1]
	t.Logf("%v: %.2f %% for %.3g GFLOPs, %s %.2f %%", last.Cascade, 100*last.Accuracy(), last.Cost, last.Against.Model, 100*last.Against.Accuracy)
	if last.Against.Difference <= 0 {
		t.Error("the most accurate cascade is no better than the best model")
	}
}
