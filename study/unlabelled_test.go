package study

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// outputsOf reads the outputs of models on a split, by model.
func outputsOf(t *testing.T, z *zoo.Zoo, split string) map[string][][]float32 {
	t.Helper()
	s, err := z.Split(split)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][][]float32{}
	for _, m := range z.Models() {
		r, err := z.Predictions(m.Name, split)
		if err != nil {
			t.Fatal(err)
		}
		bits := make([]uint16, z.Classes())
		for range s.Samples {
			row := make([]float32, z.Classes())
			if _, err := r.ReadRows(bits); err != nil {
				t.Fatal(err)
			}
			kernel.F16ToF32(row, bits)
			all[m.Name] = append(all[m.Name], row)
		}
		r.Close()
	}
	return all
}

// answerTo runs a cascade of rule mean on a sample as it is defined. (Sums of a few float16
// are exact in float64.)
func answerTo(c cascade.Cascade, outputs map[string][][]float32, sample int) (stage, class int) {
	var sum []float64
	weight := 0.0
	for stage, s := range c.Stages {
		row := outputs[s.Model][sample]
		if sum == nil {
			sum = make([]float64, len(row))
		}
		for class, p := range row {
			sum[class] += float64(s.Weight) * float64(p)
		}
		weight += float64(s.Weight)
		top := slices.Max(sum)
		if stage == len(c.Stages)-1 || top > weight*float64(s.Threshold) {
			return stage, slices.Index(sum, top)
		}
	}
	panic("a cascade ends")
}

// The results with unlabelled samples are those of the definitions: stages by running every
// cascade, the estimate from single correct answers and scores.
func TestSearchWithUnlabelled(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.Rule, o.Unlabelled = "mean", "test"
	f := searchedPairs(t, z, o)
	if f.Unlabelled == nil || f.Unlabelled.Name != "test" {
		t.Fatalf("unlabelled: %+v", f.Unlabelled)
	}
	labels, _, err := z.Labels("search")
	if err != nil {
		t.Fatal(err)
	}
	here, there := outputsOf(t, z, "search"), outputsOf(t, z, "test")
	n, more := len(labels), f.Unlabelled.Samples
	reference := f.Points[len(f.Points)-1].Stages
	estimated := 0
	for _, p := range f.Points {
		var b, scores, others []float64
		reach := make([]int, len(p.Stages))
		run := func(outputs map[string][][]float32, sample int) (class int, score float64) {
			stage, class := answerTo(p.Cascade, outputs, sample)
			for s := range stage + 1 {
				reach[s]++
			}
			for _, s := range reference {
				score += float64(outputs[s.Model][sample][class]) / float64(len(reference))
			}
			return class, score
		}
		for i, label := range labels {
			class, score := run(here, i)
			correct := 0.0
			if class == int(label) {
				correct = 1
			}
			b, scores = append(b, correct), append(scores, score)
		}
		for i := range more {
			_, score := run(there, i)
			others = append(others, score)
		}
		if p.With == nil || p.With.Samples != n+more || !slices.Equal(p.With.Reach, reach) {
			t.Fatalf("%v: %+v, want %d samples and reach %v", p, p.With, n+more, reach)
		}
		cost := 0.0
		for s, k := range reach {
			cost += p.Costs[s] * float64(k) / float64(n+more)
		}
		if math.Abs(cost/p.With.Cost-1) > 1e-12 {
			t.Errorf("%v: cost %v, want %v", p, p.With.Cost, cost)
		}
		if p.With.Accuracy != nil {
			estimated++
			if want := predictionPowered(b, scores, others); math.Abs(p.With.Accuracy.Value-want) > 1e-5 {
				t.Errorf("%v: estimate %v, want %v", p, p.With.Accuracy.Value, want)
			}
		}
	}
	if estimated < len(f.Points)/2 {
		t.Errorf("%d of %d accuracies are estimated", estimated, len(f.Points))
	}
}

// predictionPowered is the formula as published, term by term.
func predictionPowered(b, f, others []float64) float64 {
	mean := func(x []float64) (m float64) {
		for _, v := range x {
			m += v / float64(len(x))
		}
		return m
	}
	covariance := func(x, y []float64) (c float64) {
		mx, my := mean(x), mean(y)
		for i := range x {
			c += (x[i] - mx) * (y[i] - my) / float64(len(x))
		}
		return c
	}
	all := slices.Concat(f, others)
	lambda := covariance(b, f) / covariance(all, all) / (1 + float64(len(b))/float64(len(others)))
	return mean(b) + lambda*(mean(others)-mean(f))
}

// On real models of which few samples are labelled, accuracy, standard error and cost are
// nearer the truth with the others than without.
func TestUnlabelledSamplesHelp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		z := imported(t, sharedtest.Dir(t, "cifar10"), ImportOptions{Splits: []string{"search=0.05", "test=0.5"}, Unlabelled: []string{"pool=0.45"}, Seed: seed + 1})
		o := Defaults()
		o.Unlabelled = "pool"
		f := searchedPairs(t, z, o)
		truth, err := EvaluateFront(t.Context(), z, "test", f, Watch{})
		if err != nil {
			t.Fatal(err)
		}
		var plain, with, cost, costWith, narrower float64
		n := float64(len(f.Points))
		for i, p := range f.Points {
			at := truth.Cascades[i]
			a := p.With.Accuracy
			if a == nil {
				a = &front.Estimate{Value: p.Accuracy()}
			}
			plain += square(p.Accuracy()-at.Accuracy()) / n
			with += square(a.Value-at.Accuracy()) / n
			cost += square(math.Log(p.Cost/at.Cost)) / n
			costWith += square(math.Log(p.With.Cost/at.Cost)) / n
			narrower += a.StandardError / math.Sqrt(p.Accuracy()*(1-p.Accuracy())/float64(p.Samples)) / n
		}
		t.Logf("%.0f cascades: accuracy off by %.2f points, with unlabelled samples %.2f; cost by %.1f %%, %.1f %%; standard error %.2f of that without",
			n, 100*math.Sqrt(plain), 100*math.Sqrt(with), 100*math.Sqrt(cost), 100*math.Sqrt(costWith), narrower)
		if with > plain || costWith > cost || narrower > 0.9 {
			t.Errorf("seed %d: unlabelled samples do not help", seed+1)
		}
	}
}

func square(x float64) float64 { return x * x }

// What needs labels refuses a split that has none, by name.
func TestUnlabelledSplitsAreRefused(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "zoo", "importer", "testdata", "npy_f2")
	z := imported(t, dir, ImportOptions{Splits: []string{"search=0:6"}, Unlabelled: []string{"pool=6:12"}})
	o := Defaults()
	f := searchedPairs(t, z, o)
	source, err := ReadRuns([]string{runFolder(t, z, o)})
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"search": func() error {
			o := Defaults()
			o.Split, o.Dir = "pool", t.TempDir()
			_, err := Search(t.Context(), z, o, Watch{})
			return err
		},
		"explain": func() error {
			_, err := Explain(t.Context(), z, "pool", DefaultCost, f.Points[0].Cascade, "0")
			return err
		},
		"report": func() error {
			_, err := Report(t.Context(), z, nil, source, TestSplit{Name: "pool", Asked: true}, Watch{})
			return err
		},
	} {
		var input *InputError
		if err := do(); !errors.Is(err, zoo.ErrNoLabels) || !errors.As(err, &input) || !strings.Contains(err.Error(), `"pool"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for unlabelled, says := range map[string]string{"search": "the split that is searched", "none": "no such split"} {
		o := Defaults()
		o.Unlabelled, o.Dir = unlabelled, t.TempDir()
		if _, err := Search(t.Context(), z, o, Watch{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("--unlabelled %s: %v", unlabelled, err)
		}
	}
}

// runFolder makes a run folder.
func runFolder(t *testing.T, z *zoo.Zoo, o Options) string {
	t.Helper()
	o.Algorithm, o.Dir = "exact", t.TempDir()
	if _, err := Search(t.Context(), z, o, Watch{}); err != nil {
		t.Fatal(err)
	}
	return o.Dir
}
