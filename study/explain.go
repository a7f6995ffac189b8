package study

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// explainedClasses is how many classes of each stage's mean are listed.
const explainedClasses = 5

// An Explanation has the answers of all stages of a cascade to one sample: the JSON
// result of explain.
type Explanation struct {
	Version int              `json:"version"`
	Split   front.Split      `json:"split"`
	Row     int              `json:"row"` // from 0
	ID      string           `json:"id"`
	Label   int              `json:"label"`
	Called  []string         `json:"class_names,omitempty"` // one a class
	Cascade string           `json:"cascade"`
	Cost    string           `json:"cost"`
	Answer  int              `json:"answer"` // class
	Right   bool             `json:"right"`
	Paid    float64          `json:"paid"` // cost of the stages up to the answer
	Stages  []ExplainedStage `json:"stages"`
}

// ExplainedStage is one stage's answer to the sample.
type ExplainedStage struct {
	front.StageJSON
	Confidence float64         `json:"confidence"`
	Reached    bool            `json:"reached"`
	Exits      bool            `json:"exits"`
	Own        cascade.Guess   `json:"model_says"` // of the model alone
	Mean       []cascade.Guess `json:"mean_says"`
}

// Explain returns the answer of each stage of a cascade to one sample of a split. The
// sample is named by its id or, if there is no such id, by its row. Costs are of a column.
func Explain(ctx context.Context, z *zoo.Zoo, split, column string, c cascade.Cascade, sample string) (*Explanation, error) {
	on, err := labelled(z, "split", split)
	if err != nil {
		return nil, err
	}
	if err := checkModels(z, c); err != nil {
		return nil, aboutCascade(err)
	}
	if column, err = costOfCascade(z, column, c, Watch{}); err != nil {
		return nil, err
	}
	costs, err := costsOf(z, column, []cascade.Cascade{c}, nil)
	if err != nil {
		return nil, err
	}
	labels, ids, err := z.Labels(split)
	if err != nil {
		return nil, err
	}
	row, err := findSample(sample, ids)
	if err != nil {
		return nil, err
	}
	rows := make([][]uint16, len(c.Stages))
	for stage, s := range c.Stages {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if rows[stage], err = readRow(z, s.Model, split, row); err != nil {
			return nil, err
		}
	}
	answers, err := cascade.Explain(c, z.Classes(), rows, explainedClasses)
	if err != nil {
		return nil, err
	}
	e := &Explanation{
		Version: 1, Split: describeSplit(on), Row: row, ID: ids[row], Label: int(labels[row]), Called: z.ClassNames(),
		Cascade: c.String(), Cost: column,
	}
	reached := true
	for i, a := range answers {
		s := ExplainedStage{
			StageJSON: front.NewStageJSON(c, i, costs[c.Stages[i].Model]), Confidence: a.Confidence,
			Reached: reached, Exits: a.Exits, Own: a.Own, Mean: a.Top,
		}
		if reached {
			e.Paid += s.Cost
		}
		if a.Exits {
			e.Answer, reached = a.Top[0].Class, false
		}
		e.Stages = append(e.Stages, s)
	}
	e.Right = e.Answer == e.Label
	return e, nil
}

// findSample returns the row of a sample.
func findSample(name string, ids []string) (row int, err error) {
	if row := slices.Index(ids, name); row >= 0 {
		return row, nil
	}
	row, err = strconv.Atoi(name)
	if err != nil || row < 0 || row >= len(ids) {
		return 0, inputf("sample", name, "the split has no sample with this id, and rows 0 to %d", len(ids)-1)
	}
	return row, nil
}

// readRow returns the output of a model on one sample.
func readRow(z *zoo.Zoo, model, split string, row int) ([]uint16, error) {
	r, err := openRows(z, model, split)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	classes := z.Classes()
	block := make([]uint16, max(1, 65536/classes)*classes)
	for from := 0; ; {
		n, err := r.ReadRows(block)
		if row < from+n {
			return slices.Clone(block[(row-from)*classes:][:classes]), nil
		}
		from += n
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			return nil, fmt.Errorf("%q has %d outputs on the split %s: %w", model, from, split, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, err
		}
	}
}
