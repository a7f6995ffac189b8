package front

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	front := times100(newFront())
	for _, test := range []struct {
		limits  Limits
		best    string
		instead int
		margin  float64
		point   int
		model   string
	}{
		// b has 70 %, with a standard error of 1.73; cascade 1 has 70 %, 2 has 80 %.
		{Limits{}, "b", 2, 0, 3, "b"},
		{Limits{Cost: 0.4}, "b", -1, 0, -1, ""},
		{Limits{Cost: 0.5}, "b", -1, 0, 0, "a"},
		{Limits{Cost: 1.7}, "b", 1, 0.02, 1, "a"},
		{Limits{Cost: 2.3}, "b", 2, 0, 2, "a"},
		{Limits{Cost: 3}, "b", 2, 0, 2, "b"},
		// b on its own costs every sample 3, which a worst cost of 2.9 does not allow; and
		// the cascade a is not cheaper than the model.
		{Limits{WorstCost: 2.9}, "a", -1, 0, 0, "a"},
		{Limits{WorstCost: 0.4}, "", -1, 0, -1, ""},
		{Limits{Cost: 3, WorstCost: 3.5}, "b", 2, 0, 2, "b"},
	} {
		c, ok := front.Choose(test.limits)
		if ok != (test.point >= 0) || c.Point != test.point || nameOf(c.Best) != test.best || nameOf(c.Model) != test.model || c.Instead != test.instead || c.Margin != test.margin {
			t.Errorf("within %+v: %+v of %s and %s, want %+v", test.limits, c, nameOf(c.Best), nameOf(c.Model), test)
		}
	}
	front.Models = append(front.Models, Model{Name: "excellent", Cost: 0.1, Correct: 1000})
	if c, ok := front.Choose(Limits{}); !ok || nameOf(c.Best) != "excellent" || c.Instead != -1 {
		t.Errorf("with a model that no cascade equals: %+v", c)
	}
}

// times100 makes a front one of a hundred times as many samples.
func times100(f *Front) *Front {
	f.Split.Samples *= 100
	for i := range f.Points {
		f.Points[i].Samples *= 100
		f.Points[i].Correct *= 100
	}
	for i := range f.Models {
		f.Models[i].Correct *= 100
	}
	return f
}

func nameOf(m *Model) string {
	if m == nil {
		return ""
	}
	return m.Name
}

// A cascade stands in for a model only by what is expected of it on other samples.
func TestChooseByExpectedAccuracy(t *testing.T) {
	t.Parallel()
	front := times100(newFront())
	front.Points = front.Points[:4]
	for i, accuracy := range []float64{0.45, 0.69, 0.7, 0.68} {
		front.Points[i].Expected = &Expected{accuracy, [2]float64{0, 1}}
	}
	c, ok := front.Choose(Limits{})
	if !ok || nameOf(c.Best) != "b" || c.Instead != 2 || c.Margin != 0.02 || c.Point != 2 {
		t.Errorf("%+v: cascade 2, the most accurate, is the first with the model's 70 %% but 2, plus a standard error", c)
	}
	front.Points[2].Expected.Accuracy = 0.7174
	if c, _ := front.Choose(Limits{}); c.Instead != 2 || c.Margin != 0 {
		t.Errorf("%+v: cascade 2 has a standard error more than the model", c)
	}
	if d := front.Dominate(front.Models[0]); d.Cheapest != nil {
		t.Errorf("no cascade is cheaper than the model a, but %+v", d)
	}
	if d := front.Dominate(Model{Cost: 9, Correct: 720}); d.Cheapest != nil {
		t.Errorf("no cascade has 72 %% expected, but %+v", d)
	}
}

// Choices agree with a look at every cascade and every model.
func TestChooseAgreesWithTrying(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		const samples = 2000
		f := &Front{Split: Split{Samples: samples}}
		for i := range 1 + rng.IntN(4) {
			f.Models = append(f.Models, Model{Name: fmt.Sprint(i), Cost: float64(1 + rng.IntN(6)), Correct: 1600 + 20*rng.IntN(20)})
		}
		expects := rng.IntN(2) == 0
		for range 1 + rng.IntN(6) {
			p := Point{Evaluation: cascade.Evaluation{Samples: samples, Correct: 1600 + 10*rng.IntN(40), Cost: float64(1 + rng.IntN(6))}}
			p.WorstCost = p.Cost + float64(rng.IntN(3))
			if expects {
				p.Expected = &Expected{Accuracy: 0.8 + 0.005*float64(rng.IntN(40))}
			}
			f.Points = append(f.Points, p)
		}
		l := Limits{float64(rng.IntN(7)), float64(rng.IntN(7))}
		within := func(cost, worst float64) bool {
			return (l.Cost == 0 || cost <= l.Cost) && (l.WorstCost == 0 || worst <= l.WorstCost)
		}
		c, ok := f.Choose(l)
		allowed := false
		for _, p := range f.Points {
			allowed = allowed || within(p.Cost, p.WorstCost)
		}
		if ok != allowed {
			t.Fatalf("%+v within %+v: chose %v", f, l, ok)
		}
		if ok {
			if best := f.Points[c.Point]; !within(best.Cost, best.WorstCost) {
				t.Fatalf("%+v within %+v: %+v costs too much", f, l, best)
			}
		}
		if first := f.First(l); l != (Limits{}) && first != c.Point || l == (Limits{}) && c.Instead >= 0 && first != c.Instead {
			t.Fatalf("%+v within %+v: cascade %d is named first of %+v", f, l, first, c)
		}
		for i, p := range f.Points {
			if !within(p.Cost, p.WorstCost) {
				continue
			}
			if best := f.Points[c.Point]; p.Likely() > best.Likely() || p.Likely() == best.Likely() && p.Cost < best.Cost {
				t.Fatalf("%+v within %+v: chose %d, but %d is better", f, l, c.Point, i)
			}
			if c.Best == nil || p.Cost >= c.Best.Cost {
				continue
			}
			best := float64(c.Best.Correct) / samples
			for _, margin := range Margins() {
				if p.Likely() < best-margin+math.Sqrt(max(1-best, 1./samples)/samples)-1e-9 {
					continue
				}
				if c.Instead < 0 || c.Margin > margin || c.Margin == margin && f.Points[c.Instead].Cost > p.Cost {
					t.Fatalf("%+v within %+v: %d by %v for %+v, but %d is likely to be at most %v less accurate", f, l, c.Instead, c.Margin, c.Best, i, margin)
				}
			}
		}
		for _, m := range f.Models {
			if l.WorstCost == 0 || m.Cost <= l.WorstCost {
				if c.Best == nil || m.Correct > c.Best.Correct {
					t.Fatalf("%+v within %+v: best model %+v", f, l, c.Best)
				}
			}
			if within(m.Cost, m.Cost) && (c.Model == nil || m.Correct > c.Model.Correct) {
				t.Fatalf("%+v within %+v: model %+v", f, l, c.Model)
			}
		}
		if c.Best != nil && l.WorstCost > 0 && c.Best.Cost > l.WorstCost || c.Model != nil && !within(c.Model.Cost, c.Model.Cost) {
			t.Fatalf("%+v within %+v: models %+v and %+v", f, l, c.Best, c.Model)
		}
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	front := times100(newFront())
	front.Points = front.Points[:4]
	for _, test := range []struct {
		pick   Pick
		limits Limits
		want   int
		err    string
	}{
		{Pick{Name: "2"}, Limits{}, 2, ""},
		{Pick{Name: PickBest}, Limits{}, 2, ""},
		{Pick{Name: PickBest}, Limits{Cost: 1.7}, 1, ""},
		{Pick{Name: PickBest}, Limits{Cost: 0.5}, 0, ""},      // the most accurate within it
		{Pick{Name: PickBest}, Limits{WorstCost: 2.9}, 0, ""}, // no other
		{Pick{Name: PickBest}, Limits{Cost: 3}, 2, ""},
		{Pick{Name: PickBest}, Limits{Cost: 0.1}, 0, "every cascade costs more"},
		{Pick{Name: PickMostAccurate}, Limits{}, 3, ""},
		{Pick{Name: PickCheapest}, Limits{}, 0, ""},
		{Pick{Name: "fastest"}, Limits{}, 0, `"fastest" is neither the number of a cascade nor one of: best, most-accurate, cheapest`},
		{Pick{Name: "4"}, Limits{}, 0, "the front has 0 to 3"},
		{Pick{Name: "-1"}, Limits{}, 0, "the front has 0 to 3"},
		{Pick{Within: 2.3}, Limits{}, 2, ""},
		{Pick{Within: 0.4}, Limits{}, 0, "no cascade costs at most 0.4 gflops: the cheapest costs 0.5"},
		{Pick{MinAccuracy: 0.8}, Limits{}, 2, ""},
		{Pick{MinAccuracy: 0.95}, Limits{}, 0, "no cascade is at least 95 % accurate: the most accurate has 90.00 % on the samples searched"},
	} {
		got, err := test.pick.Of(front, test.limits)
		if test.err == "" && (err != nil || got != test.want) || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%+v within %+v: %d, %v, want %d, %q", test.pick, test.limits, got, err, test.want, test.err)
		}
	}
	for i := range front.Points {
		front.Points[i].Expected = &Expected{Accuracy: front.Points[i].Accuracy() - 0.05}
	}
	if got, err := (Pick{MinAccuracy: 0.8}).Of(front, Limits{}); err != nil || got != 3 {
		t.Errorf("80 %% expected: %d, %v, want 3", got, err)
	}
	if _, err := (Pick{Name: PickBest}).Of(&Front{}, Limits{}); err == nil {
		t.Error("no error for an empty front")
	}
}

func TestLimitsOfRun(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		run  *Run
		want Limits
	}{
		{nil, Limits{}},
		{&Run{}, Limits{}},
		{&Run{Options: map[string]any{"max_cost": 3.5, "max_worst_cost": 7, "seed": "x"}}, Limits{3.5, 7}},
		{&Run{Options: map[string]any{"max_cost": "a lot"}}, Limits{}},
	} {
		if got := test.run.Limits(); got != test.want {
			t.Errorf("%+v has the limits %+v, want %+v", test.run, got, test.want)
		}
	}
}
