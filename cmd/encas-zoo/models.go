package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/urfave/cli/v2"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// defaultCost is the column of a model that is its cost per sample where nobody
// names another.
const defaultCost = "gflops"

// paramsColumn is the column of a model that is its number of parameters.
const paramsColumn = "params"

func costFlag(or string) cli.Flag {
	return &cli.StringFlag{Name: "cost", Usage: "what a model costs: its `COLUMN` of numbers, such as latency_ms or price (default: " + or + ")"}
}

// selectModels returns the models whose names match one of the globs, or all where
// there are only globs that begin with !, without those that match such a one. A
// glob that matches nothing is an error: it is a slip of the pen.
func selectModels(models []zoo.Model, globs []string) ([]zoo.Model, error) {
	var terms []string
	for _, list := range globs {
		for term := range strings.SplitSeq(list, ",") {
			if term = strings.TrimSpace(term); term != "" {
				terms = append(terms, term)
			}
		}
	}
	include := make([]bool, len(models))
	exclude := make([]bool, len(models))
	all := true
	for _, term := range terms {
		glob, excluding := strings.CutPrefix(term, "!")
		hits := include
		if excluding {
			hits = exclude
		} else {
			all = false
		}
		found := false
		for i, m := range models {
			ok, err := matchName(glob, m.Name)
			if err != nil {
				return nil, usagef("--models %q: %w", term, err)
			}
			found = found || ok
			hits[i] = hits[i] || ok
		}
		if !found {
			return nil, usagef("--models %q: no model has such a name ('encas-zoo zoo list' shows them)", term)
		}
	}
	var selected []zoo.Model
	for i, m := range models {
		if (all || include[i]) && !exclude[i] {
			selected = append(selected, m)
		}
	}
	if len(selected) == 0 {
		return nil, usagef("--models %q: leaves no model", strings.Join(globs, ","))
	}
	return selected, nil
}

// matchName is path.Match, but * matches slashes too: names have them.
func matchName(glob, name string) (bool, error) {
	flat := strings.NewReplacer("/", "\x00")
	return path.Match(flat.Replace(glob), flat.Replace(name))
}

// answerRows shows a model that gives an answer and a confidence as one that gives
// a row: the confidence at the answer, nothing elsewhere.
type answerRows struct {
	*zoo.Reader
	classes int
}

func (a *answerRows) ReadRows(dst []uint16) (rows int, err error) {
	labels := make([]uint16, len(dst)/a.classes)
	confidences := make([]uint16, len(labels))
	rows, err = a.ReadAnswers(labels, confidences)
	clear(dst)
	for i, label := range labels[:rows] {
		dst[i*a.classes+int(label)] = confidences[i]
	}
	return rows, err
}

// stored reports whether the full outputs of all models are there to be read.
func stored(models []candidate, split string) bool {
	return !slices.ContainsFunc(models, func(m candidate) bool { return m.Splits[split].IndexOnly })
}

// withPredictions returns the models that have predictions on a split, and how
// many have none.
func withPredictions(models []zoo.Model, split string) (have []zoo.Model, lack int) {
	for _, m := range models {
		if _, ok := m.Splits[split]; ok {
			have = append(have, m)
		}
	}
	return have, len(models) - len(have)
}

// A candidate is a model and what it costs on one sample. Cascades number their
// models along a slice of candidates.
type candidate struct {
	zoo.Model
	price float64
}

// price finds out what each model costs: what stands in that column.
func price(models []zoo.Model, column string) ([]candidate, error) {
	candidates := make([]candidate, len(models))
	for i, m := range models {
		cost, err := m.Cost(column)
		if err != nil {
			return nil, fmt.Errorf("%w; leave the model out with --models '!%s', or import it with its cost", err, m.Name)
		}
		candidates[i] = candidate{m, cost}
	}
	return candidates, nil
}

// number returns the number of the model of that name.
func number(models []candidate, name string) (int, error) {
	i := slices.IndexFunc(models, func(m candidate) bool { return m.Name == name })
	if i < 0 {
		var known []string
		for _, m := range models {
			known = append(known, m.Name)
		}
		return 0, fmt.Errorf("no model searched is named %q%s", name, suggest(name, known, ""))
	}
	return i, nil
}

// names takes lists of names apart at their commas, except where all of it is a name.
func names(lists []string, models []candidate) []string {
	var all []string
	for _, list := range lists {
		if _, err := number(models, list); err == nil {
			all = append(all, list)
			continue
		}
		for name := range strings.SplitSeq(list, ",") {
			all = append(all, strings.TrimSpace(name))
		}
	}
	return all
}

// evaluateStored evaluates cascades exactly, on the full stored outputs of a split.
func (t *terminal) evaluateStored(ctx context.Context, z *zoo.Zoo, models []candidate, split string, cascades []optimize.Cascade) ([]optimize.Evaluation, error) {
	labels, _, err := z.Labels(split)
	if err != nil {
		return nil, err
	}
	prices := make([]float64, len(models))
	for i, m := range models {
		prices[i] = m.price
	}
	open, stop := t.storedRows(z, models, split, len(labels), cascades)
	defer stop()
	return optimize.Reevaluate(ctx, labels, z.Classes(), prices, cascades, open)
}

// storedRows returns what opens the stored outputs of a model that cascades name,
// with progress until stop is called.
func (t *terminal) storedRows(z *zoo.Zoo, models []candidate, split string, samples int, cascades []optimize.Cascade) (open func(model int) (optimize.Rows, error), stop func()) {
	used := map[int]bool{}
	for _, c := range cascades {
		for _, m := range c.Models {
			used[m] = true
		}
	}
	progress := t.err.Progress("reading stored outputs", "rows")
	var done atomic.Int64
	count := func(rows int) {
		progress.Update(done.Add(int64(rows)), int64(len(used)*samples), "")
	}
	return func(model int) (optimize.Rows, error) {
		r, err := openRows(z, models[model], split)
		return &countedRows{r, count}, err
	}, progress.Stop
}

// openRows opens the stored outputs of a model.
func openRows(z *zoo.Zoo, m candidate, split string) (rowsCloser, error) {
	r, err := z.Predictions(m.Name, split)
	if err == nil && m.Answers {
		return &answerRows{r, z.Classes()}, nil
	}
	return r, err
}

// countedRows tells how many rows are read.
type countedRows struct {
	rowsCloser
	count func(rows int)
}

type rowsCloser interface {
	optimize.Rows
	io.Closer
}

func (c *countedRows) ReadRows(dst []uint16) (int, error) {
	rows, err := c.rowsCloser.ReadRows(dst)
	c.count(rows)
	return rows, err
}

func describeZoo(z *zoo.Zoo) report.Zoo {
	return report.Zoo{Fingerprint: z.Fingerprint(), Classes: z.Classes()}
}

func describeSplit(s zoo.Split) report.Split {
	return report.Split{Name: s.Name, Samples: s.Samples, Fingerprint: s.Fingerprint}
}

// describe writes down a cascade and what it does.
func describe(c optimize.Cascade, e optimize.Evaluation, models []candidate, samples int) report.Cascade {
	d := report.Cascade{
		Text:       c.Format(func(m int) string { return models[m].Name }),
		Rule:       c.Rule.String(),
		Confidence: c.Confidence.String(),
		Correct:    e.Correct,
		Samples:    samples,
		Accuracy:   float64(e.Correct) / float64(samples),
		Cost:       e.Cost,
		WorstCost:  e.WorstCost,
	}
	for i, m := range c.Models {
		stage := report.Stage{Model: models[m].Name, Weight: int(c.Weight(i)), Cost: models[m].price, Reach: e.Reach[i]}
		if i < len(c.Thresholds) {
			stage.Threshold = &c.Thresholds[i]
		}
		d.Stages = append(d.Stages, stage)
	}
	return d
}
