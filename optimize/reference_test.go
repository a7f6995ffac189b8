package optimize

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// answersOnly returns a problem whose models of even number give their answers alone.
func answersOnly(p *Problem) *Problem {
	a := &Problem{p.labels, p.classes, slices.Clone(p.models)}
	for m := 0; m < len(a.models); m += 2 {
		from, to := a.models[m].Lists, outputs.NewLists(p.Samples(), p.classes)
		for i := range p.labels {
			outputs.SetAnswer(&to, i, from.TopClass[i], from.TopValue[i])
		}
		a.models[m].Answers, a.models[m].Lists = true, to
	}
	return a
}

// plainMean is the mean of the members' full outputs on a sample with a little of a uniform
// distribution.
func plainMean(d *cascade.Dense, members []int, i int) []float64 {
	mean := make([]float64, d.Classes)
	for _, m := range members {
		for c, v := range d.Outputs[modelName(m)][i*d.Classes:][:d.Classes] {
			mean[c] += float64(v) / float64(len(members))
		}
	}
	for c := range mean {
		mean[c] = mean[c]*(1-1e-4) + 1e-4/float64(d.Classes)
	}
	return mean
}

// plainTemper returns a distribution at a temperature.
func plainTemper(shares []float64, temperature float64) []float64 {
	sum := 0.0
	out := make([]float64, len(shares))
	for c, x := range shares {
		out[c] = math.Exp(math.Log(x) / temperature)
		sum += out[c]
	}
	for c := range out {
		out[c] /= sum
	}
	return out
}

// plainLoss is the negative log likelihood of the labels.
func plainLoss(d *cascade.Dense, members []int, temperature float64) (loss float64) {
	for i, label := range d.Labels {
		loss -= math.Log(plainTemper(plainMean(d, members, i), temperature)[label])
	}
	return loss
}

// The members are those that greedy selection by the definition takes, and no temperature
// of the grid makes the labels more likely than that chosen.
func TestReferenceEqualsPlainSelection(t *testing.T) {
	t.Parallel()
	distinct, temperatures := make(map[int]bool), make(map[float64]bool)
	for seed := range uint64(6) {
		p, d := newZoo(t, 60+seed, 7, 80+10*int(seed), 3+int(seed))
		r := newReference(t.Context(), p, 2)
		var members []int
		for best := math.Inf(1); len(members) < referenceMembers; {
			next, least := -1, best
			for m := range p.models {
				if loss := plainLoss(d, append(slices.Clone(members), m), 1); loss < least {
					next, least = m, loss
				}
			}
			if next < 0 {
				break
			}
			members, best = append(members, next), least
		}
		if !slices.Equal(r.members, members) {
			t.Errorf("seed %d: members %v, by the definition %v", seed, r.members, members)
		}
		distinct[len(slices.Compact(slices.Sorted(slices.Values(members))))] = true
		temperatures[r.temperature] = true
		chosen := plainLoss(d, members, r.temperature)
		for tenths := 5; tenths <= 30; tenths++ {
			if loss := plainLoss(d, members, float64(tenths)/10); loss < chosen-1e-9 {
				t.Errorf("seed %d: the labels are more likely at %v than at %v", seed, float64(tenths)/10, r.temperature)
			}
		}
	}
	if len(distinct) < 2 || len(temperatures) < 2 {
		t.Errorf("all references have %v members and the temperature %v: the test shows nothing", distinct, temperatures)
	}
}

// Outputs that are too sure get a temperature that takes that back.
func TestReferenceIsCalibrated(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 4, 4, 600, 6)
	sharp := slices.Clone(p.models)
	for m := range sharp {
		rows := make([]float32, 0, len(d.Labels)*d.Classes)
		for i := range d.Labels {
			row := make([]float64, d.Classes)
			for c, v := range d.Outputs[modelName(m)][i*d.Classes:][:d.Classes] {
				row[c] = max(float64(v), 1e-6)
			}
			for _, x := range plainTemper(row, 0.5) {
				rows = append(rows, float32(x))
			}
		}
		bits := make([]uint16, len(rows))
		kernel.F16FromF32(bits, rows)
		sharp[m].Lists = outputs.BuildLists(bits, d.Classes)
	}
	q, err := NewProblem(p.labels, p.classes, sharp)
	if err != nil {
		t.Fatal(err)
	}
	if before, after := newReference(t.Context(), p, 1).temperature, newReference(t.Context(), q, 1).temperature; after < 1.5*before {
		t.Errorf("outputs at half the temperature get %v, as they are %v", after, before)
	}
}

// How likely the classes are sums to 1, and no class is impossible.
func TestLikelySumsToOne(t *testing.T) {
	t.Parallel()
	for _, classes := range []int{2, 10, 25, 80} { // the last with lists that leave classes out
		p, d := newZoo(t, 5, 5, 60, classes)
		for _, p := range []*Problem{p, answersOnly(p)} {
			r := newReference(t.Context(), p, 1)
			var likely distribution
			for i := range p.Samples() {
				r.likely(&likely, i)
				sum := 0.0
				for c := range uint16(classes) {
					x := likely.of(c)
					if !(x > 0) {
						t.Fatalf("%d classes, sample %d: class %d is %v likely", classes, i, c, x)
					}
					sum += x
				}
				if math.Abs(sum-1) > 1e-9 {
					t.Fatalf("%d classes, sample %d: likely sum to %v", classes, i, sum)
				}
			}
		}
		if classes > 32 {
			continue
		}
		r := newReference(t.Context(), p, 1)
		var likely distribution
		for i := range p.Samples() {
			r.likely(&likely, i)
			for c, want := range plainTemper(plainMean(d, r.members, i), r.temperature) {
				if got := likely.of(uint16(c)); math.Abs(got-want) > 1e-9 {
					t.Fatalf("%d classes, sample %d: class %d is %v likely, by the definition %v", classes, i, c, got, want)
				}
			}
		}
	}
}

func TestReferenceDoesNotDependOnThreads(t *testing.T) {
	t.Parallel()
	for _, classes := range []int{6, 40} {
		p, _ := newZoo(t, 9, 11, 150, classes)
		want := newReference(t.Context(), p, 1)
		for threads := 2; threads <= 13; threads += 3 {
			if got := newReference(t.Context(), p, threads); !reflect.DeepEqual(got, want) {
				t.Errorf("%d threads: %v at %v, one: %v at %v", threads, got.members, got.temperature, want.members, want.temperature)
			}
		}
	}
}

// Two of equal models are as good as one, and the first counts.
func TestReferenceOfEqualModels(t *testing.T) {
	t.Parallel()
	p, _ := newTiedZoo(t, 2, 6, 60, 5)
	same := make(map[string]int) // first model with these outputs
	for m := range p.models {
		key := fmt.Sprint(p.models[m].Lists.Values, p.models[m].Lists.Classes)
		if _, known := same[key]; !known {
			same[key] = m
		}
	}
	for _, m := range newReference(t.Context(), p, 3).members {
		if first := same[fmt.Sprint(p.models[m].Lists.Values, p.models[m].Lists.Classes)]; first != m {
			t.Errorf("model %d is a member, which does what model %d does", m, first)
		}
	}
}
