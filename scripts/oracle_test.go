package scripts

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// TestOracle compares the results of random cascades, and the fronts of all algorithms, on
// random zoos with those of oracle.py, which was written from the documents alone.
func TestOracle(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes a minute")
	}
	python := sharedtest.Python(t)
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 17))
			// Every fourth zoo is so small that all its chains can be tried.
			z := randomZoo(t, r, seed%4 == 0, seed%3 == 2)
			results := []string{randomResults(t, r, z, "search"), randomResults(t, r, z, "test")}
			results = append(results, randomFronts(t, r, z, seed%4 == 0, seed%3 == 2)...)
			judge(t, python, z.Dir(), results...)
		})
	}
}

// TestOracleDiffers changes each figure of a front, which the oracle notices.
func TestOracleDiffers(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("starts Python")
	}
	python := sharedtest.Python(t)
	r := rand.New(rand.NewPCG(1, 17))
	z := randomZoo(t, r, true, false)
	path := randomResults(t, r, z, "search")
	data, err := os.ReadFile(path)
	check(t, err)
	judge(t, python, z.Dir(), path)
	var all []string
	for i, field := range []string{`"correct":`, `"n":`, `"accuracy":`, `"cost":`, `"worst_cost":`, `"reach":`, `"weight":`, `"samples":`} {
		at := strings.LastIndex(string(data), field) + len(field)
		changed := filepath.Join(t.TempDir(), fmt.Sprint(i, ".json"))
		check(t, os.WriteFile(changed, slices.Insert(slices.Clone(data), at, '1'), 0o666))
		all = append(all, changed)
	}
	out, err := oracle(python, z.Dir(), all...)
	for _, path := range all {
		if err == nil || !strings.Contains(out, path) {
			t.Errorf("the change of %s is not noticed: %v\n%s", path, err, out)
		}
	}
}

// oracle judges results on a zoo.
func oracle(python, zoo string, results ...string) (out string, err error) {
	b, err := exec.Command(python, append([]string{"-IB", "oracle.py", zoo}, results...)...).CombinedOutput()
	return string(b), err
}

func judge(t *testing.T, python, zoo string, results ...string) {
	t.Helper()
	out, err := oracle(python, zoo, results...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
}

// randomZoo makes a zoo of models whose outputs are as hard as files may hold: ties, all in
// one class, all classes alike, the smallest and largest float16, sums that are not 1. With
// answers, some models give these alone.
func randomZoo(t *testing.T, r *rand.Rand, small, answers bool) *zoo.Zoo {
	t.Helper()
	classes, models, samples := 2+r.IntN(40), 6+r.IntN(4), 80+r.IntN(80)
	if small {
		classes, models, samples = 2+r.IntN(5), 4, 60+r.IntN(60)
	}
	z, err := zoo.Create(filepath.Join(t.TempDir(), "zoo"), classes)
	check(t, err)
	w, err := z.Write()
	check(t, err)
	defer w.Close()
	splits := map[string][]uint16{"search": nil, "test": nil, "pool": nil}
	for _, name := range []string{"search", "test", "pool"} {
		labels := make([]uint16, samples)
		for i := range labels {
			labels[i] = uint16(r.IntN(classes))
		}
		splits[name] = labels
		if name == "pool" {
			check(t, w.AddUnlabelled(name, samples, nil))
			continue
		}
		check(t, w.AddSplit(name, labels, nil))
	}
	for m := range models {
		cost := []string{strconv.Itoa(1 << m), strconv.FormatFloat(r.ExpFloat64(), 'g', -1, 64), "0.1", "1e-9", "3000"}[r.IntN(5)]
		model := zoo.Model{Name: modelName(m), Answers: answers && m%2 == 0, Columns: map[string]string{zoo.ColumnGFLOPs: cost}}
		mw, err := w.NewModel(model)
		check(t, err)
		for _, name := range []string{"search", "test", "pool"} {
			for _, label := range splits[name] {
				row := randomRow(r, classes, int(label), float64(m))
				if model.Answers {
					top := 0
					for c, v := range row {
						if v > row[top] {
							top = c
						}
					}
					err = mw.WriteAnswer(name, uint16(top), row[top])
				} else {
					err = mw.WriteRow(name, row)
				}
				check(t, err)
			}
		}
		check(t, mw.Commit())
	}
	return z
}

// modelName returns names that the text of a cascade must quote, among others.
func modelName(m int) string {
	return []string{"a", "b/2", "ü", "x,y", `q"\`, "tab\there", " space ", "semi;colon", "star*at@", "ten"}[m]
}

// randomRow returns float16 bits, often for the label, with a sum close to 1.
func randomRow(r *rand.Rand, classes, label int, skill float64) []uint16 {
	row, sum := make([]float32, classes), float32(0)
	top := label
	if r.Float64() > 0.5+0.05*skill {
		top = r.IntN(classes)
	}
	switch r.IntN(6) {
	case 0: // sure
		row[top] = 1
	case 1: // knows nothing
		for c := range row {
			row[c] = 1
		}
	case 2: // in quarters: ties
		for range 4 {
			row[[2]int{top, r.IntN(classes)}[r.IntN(2)]]++
		}
	case 3: // the rest too small for normal float16
		for c := range row {
			row[c] = float32(math.Ldexp(1, -24+r.IntN(3)))
		}
		row[top] = 1
	default:
		for c := range row {
			row[c] = float32(math.Exp(2 * r.NormFloat64()))
		}
		row[top] += float32(math.Exp(skill / 2))
	}
	for _, v := range row {
		sum += v
	}
	for c := range row {
		row[c] /= sum
		if c == top {
			row[c] *= 1 - 0.004*r.Float32()
		}
	}
	bits := make([]uint16, classes)
	kernel.F16FromF32(bits, row)
	return bits
}

// randomResults evaluates random cascades on a split, and returns the file of the results.
func randomResults(t *testing.T, r *rand.Rand, z *zoo.Zoo, split string) string {
	t.Helper()
	var all *study.Evaluation
	models := z.Models()
	for range 60 {
		c := cascade.Cascade{Rule: cascade.Rule(r.IntN(3)), Confidence: cascade.Confidence(r.IntN(3))}
		for range 1 + r.IntN(6) {
			s := cascade.Stage{Model: models[r.IntN(len(models))].Name, Weight: 1, Threshold: []float32{0, 1, 0.5, 0.25, r.Float32(), float32(r.IntN(51)) * 0.02}[r.IntN(6)]}
			if c.Rule != cascade.RuleLast && r.IntN(2) == 0 {
				s.Weight = 1 + r.IntN(30)
			}
			c.Stages = append(c.Stages, s)
		}
		c.Stages[len(c.Stages)-1].Threshold = 0
		e, err := study.EvaluateCascade(t.Context(), z, split, "", c, study.Watch{})
		if err != nil {
			// Models that give answers only cannot be averaged.
			if c.Rule == cascade.RuleMean && slices.ContainsFunc(models, func(m zoo.Model) bool { return m.Answers }) {
				continue
			}
			t.Fatalf("%v: %v", c, err)
		}
		if all == nil {
			all = e
		} else {
			all.Cascades = append(all.Cascades, e.Cascades...)
		}
	}
	data, err := json.Marshal(all)
	check(t, err)
	path := filepath.Join(t.TempDir(), split+".json")
	check(t, os.WriteFile(path, data, 0o666))
	return path
}

// randomFronts searches with all algorithms, and returns the run folders. In a small zoo
// exact tries chains of three.
func randomFronts(t *testing.T, r *rand.Rand, z *zoo.Zoo, small, answers bool) (runs []string) {
	t.Helper()
	coarse := filepath.Join(t.TempDir(), "grid.txt")
	check(t, os.WriteFile(coarse, []byte("0\n0.25\n0.3\n0.5\n0.7\n0.9\n1\n"), 0o666))
	for _, algorithm := range optimize.Algorithms() {
		rules := []string{"mean", "last", "vote"}
		if algorithm == "ensemble" {
			rules[1] = "mean"
		}
		if answers {
			rules[0] = "vote"
		}
		if algorithm == "greedy" {
			rules = []string{"last"}
		}
		o := study.Defaults()
		o.Algorithm, o.Evals, o.Seed, o.Threads = algorithm, 3000, r.Uint64(), 1
		o.Confidence = cascade.Confidences()[r.IntN(3)]
		o.Rule = rules[r.IntN(len(rules))]
		o.Unlabelled = []string{"", "pool"}[r.IntN(2)]
		if algorithm == "exact" {
			o.Evals, o.Grid = 0, "paper"
			if small {
				o.MaxModels, o.Grid = 3, coarse
			}
		}
		o.Dir = filepath.Join(t.TempDir(), algorithm)
		if _, err := study.Search(t.Context(), z, o, study.Watch{}); err != nil {
			t.Fatalf("%s, rule %s: %v", algorithm, o.Rule, err)
		}
		runs = append(runs, o.Dir)
	}
	return runs
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
