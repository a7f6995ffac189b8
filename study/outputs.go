package study

import (
	"context"
	"io"
	"slices"
	"sync/atomic"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// storedSplit returns a split of the zoo to evaluate cascades of some models on, with
// progress until stop is called.
func storedSplit(z *zoo.Zoo, split string, models []zoo.Model, costs map[string]float64, w Watch) (s *cascade.Split, stop func(), err error) {
	labels, _, err := z.Labels(split)
	if err != nil {
		return nil, nil, err
	}
	update, stop := w.task("reading stored outputs", "rows")
	var opened, done atomic.Int64
	count := func(rows int) { update(done.Add(int64(rows)), opened.Load()*int64(len(labels)), "") }
	return &cascade.Split{Labels: labels, Classes: z.Classes(), Costs: costs, Open: func(model string) (cascade.Rows, error) {
		opened.Add(1)
		i := slices.IndexFunc(models, func(m zoo.Model) bool { return m.Name == model })
		r, err := openRows(z, models[i], split)
		return &countedRows{r, count}, err
	}}, stop, nil
}

// stored reports whether the full outputs of all models are there to be read.
func stored(models []zoo.Model, split string) bool {
	return !slices.ContainsFunc(models, func(m zoo.Model) bool { return m.Splits[split].IndexOnly })
}

type rowsCloser interface {
	cascade.Rows
	io.Closer
}

// openRows opens the stored outputs of a model.
func openRows(z *zoo.Zoo, m zoo.Model, split string) (rowsCloser, error) {
	r, err := z.Predictions(m.Name, split)
	if err == nil && m.Answers {
		return &answerRows{r, z.Classes()}, nil
	}
	return r, err
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

// countedRows tells how many rows are read.
type countedRows struct {
	rowsCloser
	count func(rows int)
}

func (c *countedRows) ReadRows(dst []uint16) (int, error) {
	rows, err := c.rowsCloser.ReadRows(dst)
	c.count(rows)
	return rows, err
}

// openIndex opens the search index of models on a split; what is missing of it is built.
func openIndex(ctx context.Context, z *zoo.Zoo, split string, models []zoo.Model, w Watch) (*zoo.Index, error) {
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.Name
	}
	update, stop := w.task("building the search index", "models")
	defer stop()
	return z.OpenIndex(ctx, split, names, func(done, total int) { update(int64(done), int64(total), "") })
}
