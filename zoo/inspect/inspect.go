// Package inspect examines a zoo before it is searched: how good its models are by
// themselves, how much they agree, and what looks wrong. All of it comes from the
// models' answers, the top classes of the search index.
package inspect

import (
	"cmp"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// Model is a model that is to be judged.
type Model struct {
	Name    string
	Cost    float64 // per sample, if it is known
	NoCost  string  // why it is not; "" if it is
	Answers bool    // it gives an answer and a confidence only
	Lists   zoo.Lists
}

// Judged is what a model is by itself.
type Judged struct {
	Name     string   `json:"name"`
	Cost     *float64 `json:"cost"` // null if it is not known
	Answers  bool     `json:"answers"`
	Correct  int      `json:"correct"`
	Accuracy float64  `json:"accuracy"`
	Front    bool     `json:"front"` // no other model is as cheap and as accurate
}

// Findings are the results for models on one split.
type Findings struct {
	Samples    int         `json:"n"`
	Models     []Judged    `json:"models"`    // ascending in cost, those without one last
	AnyRight   int         `json:"any_right"` // samples on which at least one model is correct
	AllRight   int         `json:"all_right"` // and on which every model is
	Suspicious []Suspicion `json:"suspicious"`
}

// Inspect judges models by their answers to samples with the given labels, which are
// below the number of classes.
func Inspect(labels []uint16, classes int, models []Model) *Findings {
	f := &Findings{Samples: len(labels), Models: []Judged{}}
	right := make([]int, len(labels)) // models that are correct on a sample
	for _, m := range models {
		j := Judged{Name: m.Name, Answers: m.Answers}
		for i, class := range m.Lists.TopClass {
			if class == labels[i] {
				right[i]++
				j.Correct++
			}
		}
		if m.NoCost == "" {
			j.Cost = &m.Cost
		}
		if len(labels) > 0 {
			j.Accuracy = float64(j.Correct) / float64(len(labels))
		}
		f.Models = append(f.Models, j)
	}
	for _, n := range right {
		if n > 0 {
			f.AnyRight++
		}
		if n == len(models) && n > 0 {
			f.AllRight++
		}
	}
	f.Suspicious = suspect(labels, classes, models)
	f.sort()
	return f
}

// sort puts the models in order, and marks the front.
func (f *Findings) sort() {
	cost := func(m Judged) float64 {
		if m.Cost == nil {
			return math.Inf(1)
		}
		return *m.Cost
	}
	slices.SortFunc(f.Models, func(a, b Judged) int {
		return cmp.Or(cmp.Compare(cost(a), cost(b)), cmp.Compare(b.Correct, a.Correct), cmp.Compare(a.Name, b.Name))
	})
	best := -1
	for i := range f.Models {
		m := &f.Models[i]
		m.Front = m.Cost != nil && m.Correct > best
		best = max(best, m.Correct)
	}
}
