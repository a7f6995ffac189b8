package optimize

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// A Model is a classifier as a search sees it.
type Model struct {
	Name    string
	Cost    float64      // of one sample, in any unit; finite and not below 0
	Params  float64      // parameters, for a limit on their sum; 0 when not known
	Answers bool         // gives an answer and a confidence only, no distribution
	Lists   kernel.Lists // its largest outputs on every sample
}

// A Problem is what a search works on: the labels of a split and the models'
// outputs on it.
type Problem struct {
	labels  []uint16
	classes int
	models  []Model
}

// maxModels is the largest number of models: their ballots have numbers, too.
const maxModels = math.MaxUint16 / 2

// NewProblem checks that models and labels fit together. It puts the models in order of
// name, so that no result depends on the order they are given in. Outputs and labels are
// not copied.
func NewProblem(labels []uint16, classes int, models []Model) (*Problem, error) {
	if len(labels) == 0 {
		return nil, errors.New("the split has no samples")
	}
	for i, label := range labels {
		if int(label) >= classes {
			return nil, fmt.Errorf("sample %d has label %d, there are %d classes", i, label, classes)
		}
	}
	if len(models) == 0 {
		return nil, errors.New("there are no models to search")
	}
	if len(models) > maxModels {
		return nil, fmt.Errorf("%d models, at most %d are possible", len(models), maxModels)
	}
	names := make(map[string]bool, len(models))
	for _, m := range models {
		if names[m.Name] {
			return nil, fmt.Errorf("model %q is listed twice", m.Name)
		}
		names[m.Name] = true
		if !(m.Cost >= 0) || math.IsInf(m.Cost, 1) {
			return nil, fmt.Errorf("model %q: cost %v is not a number from 0 on", m.Name, m.Cost)
		}
		if n := len(m.Lists.TopClass); n != len(labels) {
			return nil, fmt.Errorf("model %q has outputs for %d samples, the split has %d", m.Name, n, len(labels))
		}
		if m.Lists.K != models[0].Lists.K {
			return nil, fmt.Errorf("model %q lists %d classes a sample, others %d", m.Name, m.Lists.K, models[0].Lists.K)
		}
	}
	models = slices.SortedFunc(slices.Values(models), func(a, b Model) int { return cmp.Compare(a.Name, b.Name) })
	return &Problem{labels: labels, classes: classes, models: models}, nil
}

// Samples returns the number of samples, N.
func (p *Problem) Samples() int { return len(p.labels) }

// Classes returns the number of classes, C.
func (p *Problem) Classes() int { return p.classes }

// Models returns the models, in order of name.
func (p *Problem) Models() []Model { return p.models }

// Find returns the number of the model of that name.
func (p *Problem) Find(name string) (int, bool) {
	return slices.BinarySearchFunc(p.models, name, func(m Model, name string) int { return cmp.Compare(m.Name, name) })
}

// Correct returns how many samples a model on its own answers correctly.
func (p *Problem) Correct(model int) int {
	return kernel.Same(p.models[model].Lists.TopClass, p.labels)
}

// cheapest returns the cheapest model, the first by name of several.
func (p *Problem) cheapest() Model {
	return slices.MinFunc(p.models, byCost)
}

func byCost(a, b Model) int { return cmp.Compare(a.Cost, b.Cost) }

// Subset returns the problem on some of its samples, in the order given.
func (p *Problem) Subset(samples []int) *Problem { return p.subset(context.Background(), samples) }

// subset is Subset. If ctx ends it is of no use.
func (p *Problem) subset(ctx context.Context, samples []int) *Problem {
	s := &Problem{classes: p.classes, models: slices.Clone(p.models)}
	s.labels = pick(p.labels, 1, samples)
	for m := range s.models {
		if ctx.Err() != nil {
			break
		}
		all := p.models[m].Lists
		s.models[m].Lists = kernel.Lists{
			K:        all.K,
			Classes:  pick(all.Classes, all.K, samples),
			Values:   pick(all.Values, all.K, samples),
			Tail:     pick(all.Tail, 1, samples),
			TopClass: pick(all.TopClass, 1, samples),
			TopValue: pick(all.TopValue, 1, samples),
		}
	}
	return s
}

// pick returns some of the rows of so many values each.
func pick[T any](all []T, values int, rows []int) []T {
	picked := make([]T, 0, values*len(rows))
	for _, r := range rows {
		picked = append(picked, all[r*values:(r+1)*values]...)
	}
	return picked
}

// Evaluate returns what a cascade does on the problem's samples, by the models' lists.
func (p *Problem) Evaluate(c cascade.Cascade) (cascade.Evaluation, error) {
	tables, costs, err := p.tables(c)
	if err != nil {
		return cascade.Evaluation{}, err
	}
	below, reach := bytes.Repeat([]byte{exits}, len(c.Stages)-1), make([]int, len(c.Stages))
	correct := kernel.Evaluate(tables, below, reach)
	return cascade.NewEvaluation(costs, correct, reach, p.Samples()), nil
}

// Trace returns, by sample, the stage at which a cascade answers, from 0, and whether
// correctly, by the models' lists.
func (p *Problem) Trace(c cascade.Cascade) (stages []int, correct []bool, err error) {
	tables, _, err := p.tables(c)
	if err != nil {
		return nil, nil, err
	}
	stages, correct = make([]int, p.Samples()), make([]bool, p.Samples())
	for i := range stages {
		stage := 0
		for stage < len(tables)-1 && tables[stage][i] < exits {
			stage++
		}
		stages[i], correct[i] = stage, tables[stage][i]&1 == 1
	}
	return stages, correct, nil
}

// exits is the least entry of a set's table of one threshold with which a sample exits.
const exits = 1 << 1

// tables returns the tables of a cascade's sets, each with its own threshold alone, and
// the costs of its models.
func (p *Problem) tables(c cascade.Cascade) (tables [][]byte, costs []float64, err error) {
	if err := c.Validate(); err != nil {
		return nil, nil, err
	}
	e := newEvaluator(p, nil, c.Confidence, c.Rule == cascade.RuleVote)
	w := e.newWorker(0, 0, new(atomic.Int64))
	chain := plan{rule: c.Rule}
	for i, stage := range c.Stages {
		m, ok := p.Find(stage.Model)
		if !ok {
			return nil, nil, fmt.Errorf("stage %d: no model named %q", i+1, stage.Model)
		}
		chain.members = append(chain.members, member{uint16(m), uint8(stage.Weight)})
		table := make([]byte, p.Samples())
		cuts := Grid{stage.Threshold}.cuts(w.sum(e.set(nil, chain, i)))
		kernel.Bins(table, w.best, w.class, p.labels, cuts)
		tables, costs = append(tables, table), append(costs, p.models[m].Cost)
	}
	return tables, costs, nil
}
