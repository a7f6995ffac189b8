package study

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// searchedExample returns the example zoo and a front of its chains of two.
func searchedExample(t *testing.T, change func(*Options)) (*zoo.Zoo, *Found) {
	t.Helper()
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.Algorithm, o.Grid, o.Dir = "exact", "paper", t.TempDir()
	change(&o)
	found, err := Search(t.Context(), z, o, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	return z, found
}

// hits returns which samples of a split a cascade answers correctly, by the definition.
func hits(t *testing.T, z *zoo.Zoo, split string, c cascade.Cascade) []bool {
	t.Helper()
	labels, _, err := z.Labels(split)
	if err != nil {
		t.Fatal(err)
	}
	outputs := make([][]uint16, len(c.Stages))
	for stage, s := range c.Stages {
		r, err := openRows(z, s.Model, split)
		if err != nil {
			t.Fatal(err)
		}
		outputs[stage] = make([]uint16, len(labels)*z.Classes())
		for done := 0; done < len(labels); {
			n, err := r.ReadRows(outputs[stage][done*z.Classes():])
			if done += n; n == 0 {
				t.Fatalf("%s: %d rows: %v", s.Model, done, err)
			}
		}
		r.Close()
	}
	all := make([]bool, len(labels))
	for i := range all {
		rows := make([][]uint16, len(c.Stages))
		for stage := range rows {
			rows[stage] = outputs[stage][i*z.Classes():][:z.Classes()]
		}
		answers, err := cascade.Explain(c, z.Classes(), rows, 1)
		if err != nil {
			t.Fatal(err)
		}
		stage := slices.IndexFunc(answers, func(a cascade.Answer) bool { return a.Exits })
		all[i] = answers[stage].Top[0].Class == int(labels[i])
	}
	return all
}

// The sequence equals one that is followed by hand: candidates, order, counts and the
// place at which it ends.
func TestCertifyBySmallSteps(t *testing.T) {
	t.Parallel()
	for rule, models := range map[string]string{"mean": "lda,qda,tree_4,centroid_1", "vote": "*"} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			certifyBySmallSteps(t, rule, models)
		})
	}
}

func certifyBySmallSteps(t *testing.T, rule, models string) {
	z, found := searchedExample(t, func(o *Options) { o.Models, o.Rule = []string{models}, rule })
	f := found.Front
	o := CertifyDefaults()
	o.Split, o.Margin = "test", 1
	c, err := Certify(t.Context(), z, f, o, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	reference := slices.MaxFunc(f.Models, func(a, b front.Model) int { return cmp.Compare(*a.Expected, *b.Expected) })
	if c.Reference.Model != reference.Name || c.Reference.CorrectSearched != reference.Correct {
		t.Errorf("compared with %+v, want %+v", c.Reference, reference)
	}
	others := map[string][]bool{}
	for _, split := range []string{"search", "test"} {
		others[split] = hits(t, z, split, cascade.Single(reference.Name))
	}
	pairs := func(split string, point front.Point) stats.Pairs {
		this, other := hits(t, z, split, point.Cascade), others[split]
		p := stats.Pairs{Samples: len(this)}
		for i := range this {
			if this[i] && !other[i] {
				p.OnlyFirst++
			} else if !this[i] && other[i] {
				p.OnlySecond++
			}
		}
		return p
	}
	type candidate struct {
		number int
		z      float64
	}
	var candidates []candidate
	for i, p := range f.Points {
		if p.Cost < reference.Cost {
			s := pairs("search", p)
			d := s.Difference()
			z := (d + 0.01) / math.Sqrt((float64(s.OnlyFirst+s.OnlySecond)/float64(s.Samples)-d*d)/float64(s.Samples))
			candidates = append(candidates, candidate{i, z})
		}
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		if a.z > b.z {
			return -1
		} else if a.z < b.z {
			return 1
		}
		return 0
	})
	if c.Candidates != len(candidates) || len(candidates) < 5 {
		t.Errorf("%d candidates, want %d", c.Candidates, len(candidates))
	}
	for place, tested := range c.Tested {
		want := candidates[place].number
		on := pairs("test", f.Points[want])
		if tested.Number != want || tested.OnlyCascade != on.OnlyFirst || tested.OnlyModel != on.OnlySecond || tested.P != on.NotWorse(0.01) {
			t.Errorf("place %d: %+v, want cascade %d, %+v, p = %v", place, tested, want, on, on.NotWorse(0.01))
		}
		if last := place == len(c.Tested)-1; tested.Certified != (tested.P <= 1-o.Confidence) || !tested.Certified && !last {
			t.Errorf("place %d of %d: %+v", place, len(c.Tested), tested)
		}
	}
	for _, step := range c.Staircase {
		n := 0
		for _, candidate := range c.Tested {
			if step.Margin == 0.01 && candidate.P <= (1-o.Confidence)/5 {
				n++
			}
		}
		if step.Margin == 0.01 && step.Certified > n {
			t.Errorf("%d are certified at a fifth of the level, at most %d can be", step.Certified, n)
		}
	}
}

// Certificates depend neither on threads nor on when they are made, and a search makes the
// same one.
func TestCertifyWithTheSearch(t *testing.T) {
	t.Parallel()
	certify := CertifyDefaults()
	certify.Split = "test"
	z, found := searchedExample(t, func(o *Options) { o.Certify = &certify })
	c, err := Certify(t.Context(), z, found.Front, certify, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	read, err := front.ReadCertificate(found.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for what, other := range map[string]*front.Certificate{"the search's": found.Certificate, "the run folder's": read} {
		if other.Headline() != c.Headline() || len(other.Tested) != len(c.Tested) {
			t.Errorf("%s is %+v, want %+v", what, other, c)
		}
	}
}

func TestCertifyRefuses(t *testing.T) {
	t.Parallel()
	z, found := searchedExample(t, func(o *Options) { o.MaxModels = 1 })
	for _, c := range []struct {
		option string
		change func(*CertifyOptions)
	}{
		{"split", func(o *CertifyOptions) { o.Split = "search" }},
		{"split", func(o *CertifyOptions) { o.Split = "cal" }},
		{"confidence", func(o *CertifyOptions) { o.Confidence = 1 }},
		{"margin", func(o *CertifyOptions) { o.Margin = math.NaN() }},
		{"error", func(o *CertifyOptions) { o.Error = 1 }},
		{"error", func(o *CertifyOptions) { o.Error, o.Against = 0.1, "qda" }},
		{"worst-class", func(o *CertifyOptions) { o.WorstClass = -1 }},
		{"max-cost", func(o *CertifyOptions) { o.MaxCost = math.NaN() }},
		{"against", func(o *CertifyOptions) { o.Against = "nobody" }},
	} {
		o := CertifyDefaults()
		o.Split = "test"
		c.change(&o)
		_, err := Certify(t.Context(), z, found.Front, o, Watch{})
		if input := new(InputError); !errors.As(err, &input) || input.Option != c.option {
			t.Errorf("%+v: error %v, want one about %s", o, err, c.option)
		}
	}
	found.Front.Split.Fingerprint = strings.Repeat("0", 64)
	o := CertifyDefaults()
	o.Split = "test"
	if _, err := Certify(t.Context(), z, found.Front, o, Watch{}); err == nil || !strings.Contains(err.Error(), "does not have the samples") {
		t.Errorf("other samples were searched: error %v", err)
	}
}

// The band of a front is that of its cascades' answers, and as wide as Wilson's intervals
// at its level.
func TestEvaluationHasABand(t *testing.T) {
	t.Parallel()
	z, found := searchedExample(t, func(o *Options) { o.Models = []string{"lda,tree_4"} })
	e, err := EvaluateFront(t.Context(), z, "test", found.Front, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	var all [][]bool
	for _, c := range e.Cascades {
		all = append(all, hits(t, z, "test", c.Cascade))
	}
	if want := stats.Together(all, 0.95, 1000, 1); e.Level != want || !(want > 0.95) {
		t.Errorf("level %v, want %v", e.Level, want)
	}
	for i, c := range e.Cascades {
		low, high := stats.Wilson(c.Correct, c.Samples, e.Level)
		if *c.Together != [2]float64{low, high} || low > c.Interval[0] || high < c.Interval[1] {
			t.Errorf("cascade %d: %v, alone %v", i, *c.Together, c.Interval)
		}
	}
}
