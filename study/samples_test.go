package study

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A sampled split is made of samples by their numbers. All models give the same on a sample
// of a number each time, unless it was run anew.
type sampledSplit struct {
	samples    []int
	id         func(sample, row int) string // nil: no ids
	sorted     bool                         // by class
	anew       bool
	sure       bool // the models are, and right
	unlabelled bool
}

const sampledClasses = 4

func classOf(sample int) uint16 { return uint16(sample * 7 % 13 % sampledClasses) }

// sampled makes a zoo of three models, which give answers only if asked to.
func sampled(t *testing.T, answers bool, splits map[string]sampledSplit) *zoo.Zoo {
	t.Helper()
	z, err := zoo.Create(filepath.Join(t.TempDir(), "zoo"), sampledClasses)
	if err != nil {
		t.Fatal(err)
	}
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for name, s := range splits {
		if s.sorted {
			slices.SortStableFunc(s.samples, func(a, b int) int { return int(classOf(a)) - int(classOf(b)) })
		}
		var labels []uint16
		var ids []string
		for row, sample := range s.samples {
			labels = append(labels, classOf(sample))
			if s.id != nil {
				ids = append(ids, s.id(sample, row))
			}
		}
		if s.unlabelled {
			err = w.AddUnlabelled(name, len(labels), ids)
		} else {
			err = w.AddSplit(name, labels, ids)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for model := range 3 {
		m, err := w.NewModel(zoo.Model{Name: fmt.Sprintf("m%d", model), Answers: answers, Columns: map[string]string{zoo.ColumnGFLOPs: strconv.Itoa(model + 1)}})
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range splits {
			for _, sample := range s.samples {
				seed := uint64(0)
				if s.anew {
					seed = 1
				}
				random := rand.New(rand.NewPCG(uint64(sample), uint64(model)<<1|seed))
				row := make([]float32, sampledClasses)
				sum := float32(0)
				for c := range row {
					row[c] = random.Float32()
					if c == int(classOf(sample)) && random.IntN(4+model) > 0 {
						row[c] += 1.5
					}
					sum += row[c]
				}
				if s.sure && sample%3 > 0 {
					row, sum = make([]float32, sampledClasses), 1
					row[classOf(sample)] = 1
				}
				top := 0
				for c := range row {
					if row[c] /= sum; row[c] > row[top] {
						top = c
					}
				}
				bits := make([]uint16, sampledClasses)
				kernel.F16FromF32(bits, row)
				if answers {
					err = m.WriteAnswer(name, uint16(top), bits[top])
				} else {
					err = m.WriteRow(name, bits)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return z
}

func numbers(from, to int) (all []int) {
	for i := from; i < to; i++ {
		all = append(all, i)
	}
	return all
}

func shuffled(samples []int) []int {
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
	return samples
}

// Samples that two splits share are found whatever they are called and in whatever order
// they come; splits that only look alike share none.
func TestOverlap(t *testing.T) {
	t.Parallel()
	named := func(sample, _ int) string { return fmt.Sprintf("image %d", sample) }
	number := func(sample, _ int) string { return strconv.Itoa(sample) }
	elsewhere := func(sample, _ int) string { return fmt.Sprintf("copy/%d", sample) }
	inFolder := func(_, row int) string { return fmt.Sprintf("cat/%d.png", row) }
	for name, c := range map[string]struct {
		search, test   sampledSplit
		want, doubtful int
		byAnswers      int
	}{
		"imported twice":                  {sampledSplit{samples: numbers(0, 300)}, sampledSplit{samples: numbers(0, 300)}, 300, 0, 300},
		"in another order":                {sampledSplit{samples: numbers(0, 300)}, sampledSplit{samples: shuffled(numbers(0, 300))}, 300, 0, 0},
		"under other names":               {sampledSplit{samples: numbers(0, 300), id: named}, sampledSplit{samples: numbers(0, 300), id: elsewhere}, 300, 0, 0},
		"a part, by name":                 {sampledSplit{samples: numbers(0, 300), id: named}, sampledSplit{samples: numbers(250, 550), id: named}, 50, 0, 50},
		"a few, by name":                  {sampledSplit{samples: numbers(0, 300), id: named}, sampledSplit{samples: numbers(298, 550), id: named}, 2, 0, 2},
		"a part, by number":               {sampledSplit{samples: numbers(0, 300), id: number}, sampledSplit{samples: numbers(250, 550), id: number}, 50, 0, 50},
		"a part, without names":           {sampledSplit{samples: numbers(0, 300)}, sampledSplit{samples: numbers(200, 450)}, 100, 0, 0},
		"none":                            {sampledSplit{samples: numbers(0, 300)}, sampledSplit{samples: numbers(300, 600)}, 0, 0, 0},
		"sorted by class":                 {sampledSplit{samples: numbers(0, 260), sorted: true}, sampledSplit{samples: numbers(260, 520), sorted: true}, 0, 0, 0},
		"files of one name":               {sampledSplit{samples: numbers(0, 260), sorted: true, id: inFolder}, sampledSplit{samples: numbers(260, 520), sorted: true, id: inFolder}, 0, 260, 0},
		"run anew, by name":               {sampledSplit{samples: numbers(0, 300), id: named}, sampledSplit{samples: numbers(0, 300), id: named, anew: true}, 0, 300, 0},
		"entirely sure of most":           {sampledSplit{samples: numbers(0, 300), sure: true}, sampledSplit{samples: numbers(300, 600), sure: true}, 0, 0, 0},
		"the same, entirely sure of most": {sampledSplit{samples: numbers(0, 300), id: named, sure: true}, sampledSplit{samples: shuffled(numbers(100, 300)), id: named, sure: true}, 200, 0, 200},
		"without labels":                  {sampledSplit{samples: numbers(0, 300), id: named}, sampledSplit{samples: numbers(100, 300), id: elsewhere, unlabelled: true}, 200, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, answers := range []bool{false, true} {
				z := sampled(t, answers, map[string]sampledSplit{"search": c.search, "test": c.test})
				search, _ := z.Split("search")
				test, _ := z.Split("test")
				shared, doubtful, err := overlap(t.Context(), z, search, test)
				if err != nil {
					t.Fatal(err)
				}
				got, want := 0, c.want
				if answers {
					want = c.byAnswers
				}
				if shared != nil {
					got = shared.Samples
					if all := want == test.Samples; shared.All() != all {
						t.Errorf("answers %v: %v", answers, shared)
					}
				}
				if got != want || !answers && doubtful != c.doubtful {
					t.Errorf("answers %v: %d shared, %d doubtful; want %d, %d", answers, got, doubtful, want, c.doubtful)
				}
			}
		})
	}
}

// What is measured on samples that were searched is nowhere said to be measured on others.
func TestSearchedSamplesAreNoTest(t *testing.T) {
	t.Parallel()
	z := sampled(t, false, map[string]sampledSplit{
		"search": {samples: numbers(0, 400)}, "test": {samples: shuffled(numbers(0, 400))},
		"part": {samples: numbers(300, 700)}, "new": {samples: numbers(400, 800)},
	})
	var warned []string
	w := Watch{Warn: func(text string) { warned = append(warned, text) }}
	said := func(what string) bool {
		return slices.ContainsFunc(warned, func(text string) bool { return strings.Contains(text, what) })
	}
	o := Defaults()
	o.Dir, o.Algorithm = filepath.Join(t.TempDir(), "run"), "exact"
	found, err := Search(t.Context(), z, o, w)
	if err != nil {
		t.Fatal(err)
	}
	if found.Other != "new" || !said("the splits search and test have the same samples: test is not used") {
		t.Errorf("checked on %q; %q", found.Other, warned)
	}
	for split, want := range map[string]int{"search": 400, "test": 400, "part": 100, "new": 0} {
		e, err := EvaluateFront(t.Context(), z, split, found.Front, w)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Searched; (got == nil) != (want == 0) || got != nil && (got.Samples != want || got.All() != (want == 400)) {
			t.Errorf("%s: %v", split, got)
		}
		c := CertifyDefaults()
		c.Split = split
		if _, err := Certify(t.Context(), z, found.Front, c, w); (err == nil) != (want == 0) {
			t.Errorf("certify on %s: %v", split, err)
		}
		if split == "search" {
			continue
		}
		sources, err := ReadRuns([]string{found.Dir})
		if err != nil {
			t.Fatal(err)
		}
		data, err := Report(t.Context(), z, nil, sources, TestSplit{Name: split, Asked: true}, w)
		if err != nil {
			t.Fatal(err)
		}
		if (data.Test == nil) != (want == 400) || data.Seen != want%400 {
			t.Errorf("report on %s: %+v, %d seen", split, data.Test, data.Seen)
		}
		for _, note := range data.Notes {
			if want > 0 && strings.HasPrefix(note, "Nothing was chosen on") {
				t.Errorf("%s: %s", split, note)
			}
		}
	}
	o.Unlabelled, o.Dir = "part", t.TempDir()
	if _, err := Search(t.Context(), z, o, w); err != nil || !said("100 of the 400 samples of the split part are the same samples as in search, and search is searched: they count twice") {
		t.Errorf("--unlabelled part: %v, %q", err, warned)
	}
	info, _, err := Inspect(t.Context(), z, "", DefaultCost, nil, false, w)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Overlaps) != 4 {
		t.Errorf("%+v", info.Overlaps)
	}
}

// So are samples that two splits share if lists are all that was kept of the models, or of some on
// one split: whatever their order, without ids.
func TestOverlapOfLists(t *testing.T) {
	t.Parallel()
	const classes = 40
	for what, c := range map[string]struct {
		search, test []int
		lists        [2]bool // are all that is kept of search, of test
		want         int
	}{
		"lists":                  {numbers(0, 200), shuffled(numbers(0, 200)), [2]bool{true, true}, 200},
		"a part of them":         {numbers(0, 200), shuffled(numbers(100, 300)), [2]bool{true, true}, 100},
		"lists and full outputs": {numbers(0, 200), shuffled(numbers(0, 200)), [2]bool{true, false}, 200},
		"full outputs and lists": {numbers(0, 200), shuffled(numbers(0, 200)), [2]bool{false, true}, 200},
		"full outputs":           {numbers(0, 200), shuffled(numbers(0, 200)), [2]bool{false, false}, 200},
		"others":                 {numbers(0, 200), numbers(200, 400), [2]bool{true, true}, 0},
		"others, both kinds":     {numbers(0, 200), numbers(200, 400), [2]bool{true, false}, 0},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			z, err := zoo.Create(filepath.Join(t.TempDir(), "zoo"), classes)
			if err != nil {
				t.Fatal(err)
			}
			w, err := z.Write()
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			for i, name := range []string{"search", "test"} {
				samples := [][]int{c.search, c.test}[i]
				labels := make([]uint16, len(samples))
				for row, sample := range samples {
					labels[row] = classOf(sample)
				}
				if err := w.AddSplit(name, labels, nil); err != nil {
					t.Fatal(err)
				}
				w.KeepLists(c.lists[i])
				for model := range 2 {
					id := fmt.Sprint("m", model)
					begin := w.ExtendModel
					if i == 0 {
						begin = func(name string) (*zoo.ModelWriter, error) { return w.NewModel(zoo.Model{Name: name}) }
					}
					m, err := begin(id)
					if err != nil {
						t.Fatal(err)
					}
					for _, sample := range samples {
						random := rand.New(rand.NewPCG(uint64(sample), uint64(model)))
						row, sum := make([]float32, classes), float32(0)
						for c := range row {
							row[c] = float32(math.Exp(3 * random.NormFloat64()))
							sum += row[c]
						}
						for c := range row {
							row[c] /= sum
						}
						bits := make([]uint16, classes)
						if err := zoo.RoundRow(bits, row); err != nil {
							t.Fatal(err)
						}
						if err := m.WriteRow(name, bits); err != nil {
							t.Fatal(err)
						}
					}
					if err := m.Commit(); err != nil {
						t.Fatal(err)
					}
				}
			}
			search, _ := z.Split("search")
			test, _ := z.Split("test")
			shared, doubtful, err := overlap(t.Context(), z, search, test)
			if err != nil || doubtful != 0 || c.want == 0 != (shared == nil) || shared != nil && shared.Samples != c.want {
				t.Errorf("%v shared samples instead of %d, %d doubtful, %v", shared, c.want, doubtful, err)
			}
		})
	}
}
