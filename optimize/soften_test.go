package optimize

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// softenedZoos are problems of all kinds: complete lists, lists that leave classes out, and
// models that give answers only.
func softenedZoos(t *testing.T) map[string]*Problem {
	complete, _ := newZoo(t, 5, 5, 90, 7)
	truncated, _ := newZoo(t, 6, 5, 90, 60)
	return map[string]*Problem{
		"complete": complete, "truncated": truncated,
		"answers": answersOnly(complete), "answers of many classes": answersOnly(truncated),
	}
}

// Of the copies of a sample each class labels its share, but for one copy.
func TestCopiesHaveTheSharesOfTheSoftenedLabel(t *testing.T) {
	t.Parallel()
	for name, p := range softenedZoos(t) {
		r := newReference(t.Context(), p, 1)
		for _, s := range []Settings{{Softening: 0.9, Copies: 8}, {Softening: 0.4, Copies: 5}, {Softening: 0.1, Copies: 2}} {
			softened := s.soften(t.Context(), p, newReference(t.Context(), p, 1), 2)
			if softened.Samples() != s.Copies*p.Samples() || softened.classes != p.classes {
				t.Fatalf("%s: %d copies of %d samples are %d", name, s.Copies, p.Samples(), softened.Samples())
			}
			var likely distribution
			changed := 0
			for i, label := range p.labels {
				counts := make([]int, p.classes)
				for _, c := range softened.labels[i*s.Copies:][:s.Copies] {
					counts[c]++
				}
				r.likely(&likely, i)
				for c, n := range counts {
					want := float64(s.Copies) * s.Softening * likely.of(uint16(c))
					if c == int(label) {
						want += float64(s.Copies) * (1 - s.Softening)
					}
					if math.Abs(float64(n)-want) > 1+1e-9 {
						t.Errorf("%s, %+v, sample %d: class %d labels %d copies, its share is %v", name, s, i, c, n, want)
					}
				}
				if least := int(float64(s.Copies) * (1 - s.Softening)); counts[label] < least {
					t.Errorf("%s, %+v, sample %d: %d copies keep the label, at least %d must", name, s, i, counts[label], least)
				}
				changed += s.Copies - counts[label]
			}
			if changed == 0 {
				t.Errorf("%s, %+v: no copy has another label: the test shows nothing", name, s)
			}
		}
	}
}

// Drawn again and again, the labels have the shares of the softened label exactly.
func TestDrawIsUnbiased(t *testing.T) {
	t.Parallel()
	const draws, copies = 4000, 5
	for name, p := range softenedZoos(t) {
		r := newReference(t.Context(), p, 1)
		s := Settings{Softening: 0.7, Copies: copies}
		var likely distribution
		for i := range 12 {
			label, labels := p.labels[i], make([]uint16, copies)
			r.likely(&likely, i)
			counts := make([]int, p.classes)
			for draw := range draws { // of the numbers from [0, 1), all alike
				s.draw(labels, label, &likely, p.classes, (float64(draw)+0.5)/draws)
				for _, c := range labels {
					counts[c]++
				}
			}
			for c, n := range counts {
				want := s.Softening * likely.of(uint16(c))
				if c == int(label) {
					want += 1 - s.Softening
				}
				if got := float64(n) / (draws * copies); math.Abs(got-want) > 2.0/draws {
					t.Errorf("%s, sample %d: class %d has the share %v, want %v", name, i, c, got, want)
				}
			}
		}
	}
}

// distributionOf returns a model's value of every class on a sample. Of what is not known
// of an answer all other classes have the same.
func distributionOf(m *Model, i, classes int) []float64 {
	values := make([]float64, classes)
	for c := range values {
		values[c] = float64(classValue(&m.Lists, i, uint16(c))) / outputs.One
	}
	if m.Answers {
		top := m.Lists.TopClass[i]
		for c := range values {
			if c != int(top) {
				values[c] = (1 - values[top]) / float64(classes-1)
			}
		}
	}
	return values
}

// The copies of a sample have a model's outputs at temperatures from 1/e^0.4 to e^0.4.
func TestCopiesHaveOutputsAtTheirTemperatures(t *testing.T) {
	t.Parallel()
	const copies = 4
	for name, p := range softenedZoos(t) {
		shaken := Settings{Softening: 0.5, Copies: copies}.soften(t.Context(), p, newReference(t.Context(), p, 1), 3)
		for m := range p.models {
			before, after := &p.models[m], &shaken.models[m]
			for i := range p.Samples() {
				for copied := range copies {
					temperature := math.Exp(-0.4 + 0.8*float64(copied)/(copies-1))
					at := i*copies + copied
					want := plainTemper(distributionOf(before, i, p.classes), temperature)
					for c, listed := range want {
						if before.Answers && c != int(before.Lists.TopClass[i]) {
							listed = 0
						}
						got := float64(classValue(&after.Lists, at, uint16(c))) / outputs.One
						// Outputs are float16, and what is not listed is no larger than what is.
						if math.Abs(got-listed) > listed*0x1p-10+0x1p-23 {
							t.Fatalf("%s, model %d, sample %d at %.3f: class %d has %v, want %v", name, m, i, temperature, c, got, listed)
						}
					}
				}
			}
		}
	}
}

// Lists of copies have the form that all lists have.
func TestListsOfCopiesAreValid(t *testing.T) {
	t.Parallel()
	zoos := softenedZoos(t)
	zoos["two classes"], _ = newZoo(t, 7, 4, 90, 2)
	zoos["wide lists"], _ = newZoo(t, 8, 4, 90, 25)
	for name, p := range zoos {
		for copies := 2; copies <= 8; copies += 3 {
			shaken := Settings{Softening: 0.5, Copies: copies}.soften(t.Context(), p, newReference(t.Context(), p, 1), 2)
			for m := range shaken.models {
				l := &shaken.models[m].Lists
				if err := outputs.CheckLists(l, shaken.Samples(), p.classes); err != nil {
					t.Errorf("%s, model %d: %v", name, m, err)
				}
				for i := range shaken.Samples() {
					classes, values := l.Classes[i*l.K:][:l.K], l.Values[i*l.K:][:l.K]
					for j := 1; j < l.K; j++ {
						if values[j] > values[j-1] || values[j] == values[j-1] && classes[j] != outputs.NoClass && classes[j] <= classes[j-1] {
							t.Fatalf("%s, model %d, copy %d: classes %v with %v are out of order", name, m, i, classes, values)
						}
					}
					var last [1]uint32
					if kernel.Fixed(last[:], values[l.K-1:]); p.classes > l.K && l.Tail[i] > last[0] {
						t.Fatalf("%s, model %d, copy %d: a tail of %d after %d", name, m, i, l.Tail[i], last[0])
					}
					if original := p.models[m].Lists.Classes[i/copies*l.K:][:l.K]; !slices.Equal(slices.Sorted(slices.Values(classes)), slices.Sorted(slices.Values(original))) {
						t.Fatalf("%s, model %d, copy %d: lists %v, the sample's are %v", name, m, i, classes, original)
					}
				}
			}
		}
	}
}

// dyadicZoo is a zoo whose outputs are multiples of 1/64, so that they sum to 1.
func dyadicZoo(t *testing.T, models, samples, classes int) *Problem {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	labels := make([]uint16, samples)
	for i := range labels {
		labels[i] = uint16(rng.IntN(classes))
	}
	var list []Model
	for m := range models {
		rows := make([]float32, samples*classes)
		for i := range samples {
			row := rows[i*classes:][:classes]
			for range 64 {
				row[rng.IntN(classes)*rng.IntN(2)] += 1.0 / 64
			}
		}
		bits := make([]uint16, len(rows))
		kernel.F16FromF32(bits, rows)
		list = append(list, Model{Name: modelName(m), Cost: float64(m + 1), Lists: outputs.BuildLists(bits, classes)})
	}
	p, err := NewProblem(labels, classes, list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The copy in the middle has the temperature 1: the outputs are those of the sample.
func TestCopyAtTemperatureOneIsTheSample(t *testing.T) {
	t.Parallel()
	const copies = 5
	for _, classes := range []int{2, 5, 20} {
		complete := dyadicZoo(t, 4, 70, classes)
		for _, p := range []*Problem{complete, answersOnly(complete)} {
			shaken := Settings{Softening: 0.5, Copies: copies}.soften(t.Context(), p, newReference(t.Context(), p, 1), 1)
			var middle []int
			for i := range p.Samples() {
				middle = append(middle, i*copies+copies/2)
			}
			got := shaken.Subset(middle)
			for m := range p.models {
				if !reflect.DeepEqual(got.models[m], p.models[m]) {
					t.Errorf("%d classes: model %d has other outputs at temperature 1", classes, m)
				}
			}
		}
	}
}

func TestSoftenedProblemsThatAreTheSame(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 5, 3, 40, 1)
	if s := newSettings(p); s.soften(t.Context(), p, newReference(t.Context(), p, 1), 1) != p {
		t.Errorf("one class is softened with %+v", s)
	}
	p, _ = newZoo(t, 5, 3, 40, 6)
	if (Settings{Copies: 1}).soften(t.Context(), p, newReference(t.Context(), p, 1), 1) != p {
		t.Error("a problem is softened by nothing")
	}
	s := newSettings(p)
	want := s.soften(t.Context(), p, newReference(t.Context(), p, 1), 1)
	for threads := 2; threads <= 5; threads++ {
		if got := s.soften(t.Context(), p, newReference(t.Context(), p, 1), threads); !reflect.DeepEqual(got, want) {
			t.Errorf("%d threads soften it otherwise", threads)
		}
	}
	before, _ := newZoo(t, 5, 3, 40, 6)
	if !reflect.DeepEqual(p, before) {
		t.Error("the problem was changed")
	}
}

// Lists without any value, which a damaged index may have, stay as they are.
func TestCopiesOfListsOfZeros(t *testing.T) {
	t.Parallel()
	for _, classes := range []int{6, 40} {
		p, _ := newZoo(t, 3, 4, 60, classes)
		l := &p.models[1].Lists
		for i := range 30 {
			clear(l.Values[i*l.K:][:l.K])
			l.Tail[i], l.TopValue[i] = 0, 0
		}
		softened := newSettings(p).soften(t.Context(), p, newReference(t.Context(), p, 1), 1)
		if err := outputs.CheckLists(&softened.models[1].Lists, softened.Samples(), classes); err != nil {
			t.Error(err)
		}
		if _, err := Search(t.Context(), p, byEvidence()); err != nil {
			t.Error(err)
		}
	}
}
