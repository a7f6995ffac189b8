package holdout

import (
	"context"
	"fmt"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// Open makes one problem of all samples of a zoo, whatever splits they are in, and of the
// models that have predictions on all of them. Costs are of a column. Outputs of many
// classes are represented by their largest, as in a search.
func Open(ctx context.Context, name, dir, column string) (Zoo, error) {
	z, err := study.Open(ctx, dir, study.Watch{})
	if err != nil {
		return Zoo{}, err
	}
	return of(ctx, z, name, dir, column, everywhere(z))
}

// of makes a problem of some models of the zoo in a folder.
func of(ctx context.Context, z *zoo.Zoo, name, dir, column string, models []zoo.Model) (Zoo, error) {
	if len(models) < 2 {
		return Zoo{}, fmt.Errorf("%s has %d models with predictions on all splits", dir, len(models))
	}
	names := make([]string, len(models))
	entries := make([]optimize.Model, len(models))
	for i, m := range models {
		cost, err := m.Cost(column)
		if err != nil {
			return Zoo{}, err
		}
		names[i], entries[i] = m.Name, optimize.Model{Name: m.Name, Cost: cost, Answers: m.Answers}
	}
	var labels []uint16
	for _, split := range z.Splits() {
		index, err := z.OpenIndex(ctx, split.Name, names, nil)
		if err != nil {
			return Zoo{}, err
		}
		labels = append(labels, index.Labels()...)
		for i := range entries {
			entries[i].Lists = join(entries[i].Lists, index.Lists(names[i]))
		}
		if err := index.Close(); err != nil {
			return Zoo{}, err
		}
	}
	p, err := optimize.NewProblem(labels, z.Classes(), entries)
	return Zoo{name, p}, err
}

// everywhere returns the models that have predictions on all splits.
func everywhere(z *zoo.Zoo) []zoo.Model {
	var models []zoo.Model
	for _, m := range z.Models() {
		if len(m.Splits) == len(z.Splits()) {
			models = append(models, m)
		}
	}
	return models
}

// join returns the lists of a's samples followed by b's, copied.
func join(a, b outputs.Lists) outputs.Lists {
	return outputs.Lists{
		K:        b.K,
		Classes:  append(a.Classes, b.Classes...),
		Values:   append(a.Values, b.Values...),
		Tail:     append(a.Tail, b.Tail...),
		TopClass: append(a.TopClass, b.TopClass...),
		TopValue: append(a.TopValue, b.TopValue...),
	}
}
