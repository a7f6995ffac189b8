package study

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync/atomic"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// storedSplit returns a split of the zoo to evaluate cascades on, with progress until
// stop is called. On samples without labels every answer counts as wrong.
func storedSplit(z *zoo.Zoo, split string, costs map[string]float64, w Watch) (s *cascade.Split, stop func(), err error) {
	on, err := z.Split(split)
	if err != nil {
		return nil, nil, err
	}
	labels := slices.Repeat([]uint16{zoo.NoClass}, on.Samples)
	if !on.Unlabelled {
		if labels, _, err = z.Labels(split); err != nil {
			return nil, nil, err
		}
	}
	names := slices.Sorted(maps.Keys(costs))
	if short := CutShort(z, split, names); short != "" {
		w.warn("%s", short)
	}
	update, stop := w.task("reading stored outputs", "rows")
	var opened, done atomic.Int64
	count := func(rows int) { update(done.Add(int64(rows)), opened.Load()*int64(len(labels)), "") }
	return &cascade.Split{Labels: labels, Classes: z.Classes(), Costs: costs, Open: func(model string) (cascade.Rows, error) {
		opened.Add(1)
		r, err := openRows(z, model, split)
		return &countedRows{r, count}, err
	}}, stop, nil
}

// detail evaluates cascades exactly, each compared with the model that rivals names for
// it, "" for none. The rivals are evaluated, too: their details follow, and places has
// the index of each cascade's rival, -1 for none.
func detail(ctx context.Context, z *zoo.Zoo, split string, costs map[string]float64, cascades []cascade.Cascade, rivals []string, w Watch) (details []cascade.Details, places []int, err error) {
	known := map[string]int{"": -1}
	for _, rival := range rivals {
		if _, ok := known[rival]; !ok {
			known[rival] = len(cascades)
			cascades = append(cascades, cascade.Single(rival))
		}
		places = append(places, known[rival])
	}
	for len(places) < len(cascades) {
		places = append(places, -1) // of the rivals
	}
	s, stop, err := storedSplit(z, split, costs, w)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	details, err = s.Detail(ctx, cascades, places)
	return details, places, err
}

// stored reports whether the zoo has the full outputs of all models: as rows, or as lists that
// have all classes.
func stored(z *zoo.Zoo, models []zoo.Model, split string) bool {
	return !slices.ContainsFunc(models, func(m zoo.Model) bool { return cutShort(z, m, split) })
}

// cutShort reports whether only the largest classes of a model's outputs were kept.
func cutShort(z *zoo.Zoo, m zoo.Model, split string) bool {
	return m.Splits[split].IndexOnly && !z.ListsComplete()
}

// CutShort says what results on a split of cascades with models of which only the largest
// classes were kept are worth; "" if there is no such model.
func CutShort(z *zoo.Zoo, split string, models []string) string {
	short := slices.DeleteFunc(slices.Sorted(slices.Values(models)), func(name string) bool {
		m, err := z.Model(name)
		return err != nil || !cutShort(z, m, split)
	})
	if short = slices.Compact(short); len(short) == 0 {
		return ""
	}
	return fmt.Sprintf("only the %d largest of %d classes were kept of %s on the split %s: the answers of single models are exact, and so are confidences of the kinds max and margin in them; what several models answer together takes the other classes to be equal, and may differ from full outputs on a few samples",
		z.ListLength(), z.Classes(), zoo.FewNames(short), split)
}

type rowsCloser interface {
	cascade.Rows
	io.Closer
}

// openRows opens the stored outputs of a model or, if lists are all that was kept, what these
// tell of them.
func openRows(z *zoo.Zoo, model, split string) (rowsCloser, error) {
	m, err := z.Model(model)
	if err != nil {
		return nil, err
	}
	if m.Splits[split].IndexOnly {
		return z.Listed(model, split)
	}
	r, err := z.Predictions(model, split)
	if err == nil && m.Answers {
		return &answerRows{r, z.Classes()}, nil
	}
	return r, err
}

// answerRows presents the answers and confidences of a model as rows of outputs: the
// confidence at the answer, 0 elsewhere.
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

// listedRows presents outputs as their lists do, so that they are comparable with those of which
// lists are all that there is. Those stay as they are.
type listedRows struct {
	rowsCloser
	classes int
}

func (l *listedRows) ReadRows(dst []uint16) (rows int, err error) {
	rows, err = l.rowsCloser.ReadRows(dst)
	lists := outputs.BuildLists(dst[:rows*l.classes], l.classes)
	for i := range rows {
		outputs.ListedRow(dst[i*l.classes:(i+1)*l.classes], &lists, i)
	}
	return rows, err
}

// countedRows counts the rows that are read.
type countedRows struct {
	rowsCloser
	count func(rows int)
}

func (c *countedRows) ReadRows(dst []uint16) (int, error) {
	rows, err := c.rowsCloser.ReadRows(dst)
	c.count(rows)
	return rows, err
}

// openIndex opens the search index of models on a split, and builds its missing parts.
func openIndex(ctx context.Context, z *zoo.Zoo, split string, models []zoo.Model, w Watch) (*zoo.Index, error) {
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = m.Name
	}
	update, stop := w.task("building the search index", "models")
	defer stop()
	return z.OpenIndex(ctx, split, names, func(done, total int) { update(int64(done), int64(total), "") })
}
