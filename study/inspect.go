package study

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/inspect"
)

// An Inspection describes a zoo and what looks wrong in it: the JSON result of zoo info.
type Inspection struct {
	Version     int              `json:"version"`
	Zoo         string           `json:"zoo"`
	Fingerprint string           `json:"fingerprint"`
	Classes     int              `json:"classes"`
	Bytes       int64            `json:"bytes"` // of the stored outputs of all models
	Splits      []SplitSize      `json:"splits"`
	Overlaps    []Overlap        `json:"overlaps"` // of splits that have samples in common
	Models      int              `json:"models"`
	Lists       int              `json:"lists"`               // of these have only the largest classes of their outputs on some split
	Cost        string           `json:"cost"`                // the column that costs are of
	Split       string           `json:"split,omitempty"`     // that models are inspected on
	Missing     []string         `json:"missing"`             // models that have no predictions there
	Judged      inspect.Findings `json:"judged,omitzero"`     // absent if the zoo has no split, or this one no labels
	Agreement   string           `json:"agreement,omitempty"` // the file that was written
}

// SplitSize is a split and how many samples it has.
type SplitSize struct {
	Name       string `json:"name"`
	Samples    int    `json:"samples"`
	Unlabelled bool   `json:"unlabelled,omitempty"`
}

// SplitSizes describes splits.
func SplitSizes(splits []zoo.Split) []SplitSize {
	sizes := make([]SplitSize, len(splits))
	for i, s := range splits {
		sizes[i] = SplitSize{s.Name, s.Samples, s.Unlabelled}
	}
	return sizes
}

// maxCosts is how many costs of models a table shows.
const maxCosts = 3

// ShownCosts returns the columns that are shown as costs of models: the one that is searched
// by if none is asked for, and others that are called like costs or could be meant instead.
// w gets a note if a search needs to be told which.
func ShownCosts(models []zoo.Model, w Watch) []string {
	shown := []string{shownCost(models, "")}
	noteCosts(models, shown[0], w)
	_, ambiguous := CostColumn(models, "", Watch{})
	for _, column := range CostColumns(models) {
		if (ambiguous != nil || zoo.CalledCost(column)) && !slices.Contains(shown, column) {
			shown = append(shown, column)
		}
	}
	if more := shown[min(len(shown), maxCosts):]; len(more) > 0 {
		w.note("other columns are costs, too: %s (--json has all)", strings.Join(more, ", "))
	}
	return shown[:min(len(shown), maxCosts)]
}

// noteCosts notes that the cost shown is one of several, of which a search takes none.
func noteCosts(models []zoo.Model, shown string, w Watch) {
	known := CostColumns(models)
	if _, err := CostColumn(models, "", Watch{}); err != nil && len(known) > 1 {
		w.note("the models have no column %s: the cost shown is %s, and optimize needs --cost with one of %s", DefaultCost, shown, strings.Join(known, ", "))
	}
}

// Inspect inspects models of a zoo, chosen by globs, on a split: "" is search or else the
// first one with labels. Without labels models are not judged. If agreement is true it also
// draws, as SVG, how often each two of them give the same answer.
func Inspect(ctx context.Context, z *zoo.Zoo, split, column string, globs []string, agreement bool, w Watch) (*Inspection, []byte, error) {
	models, err := Select(z.Models(), globs)
	if err != nil {
		return nil, nil, err
	}
	in := &Inspection{
		Version: 1, Zoo: z.Dir(), Fingerprint: z.Fingerprint(), Classes: z.Classes(), Models: len(models),
		Splits: SplitSizes(z.Splits()), Missing: []string{}, Cost: shownCost(models, column),
	}
	if column == "" {
		noteCosts(models, in.Cost, w)
	}
	for _, m := range models {
		lists := 0
		for split, archive := range m.Splits {
			in.Bytes += archive.Bytes
			if cutShort(z, m, split) {
				lists = 1
			}
		}
		in.Lists += lists
	}
	if in.Split, err = splitToJudge(z, split); err != nil {
		return nil, nil, err
	}
	if in.Overlaps, err = overlaps(ctx, z); err != nil {
		return nil, nil, err
	}
	if in.Split == "" {
		if agreement {
			return nil, nil, inputf("agreement", "", "the zoo has no split with predictions to compare")
		}
		return in, nil, nil
	}
	drawing, err := in.judge(ctx, z, models, agreement, w)
	return in, drawing, err
}

// splitToJudge returns the split of that name or, without one, the split search, the
// first one with labels or the first one; "" if the zoo has none.
func splitToJudge(z *zoo.Zoo, name string) (string, error) {
	if name == "" {
		if found := splitOr(z, "search", ""); found != "" || len(z.Splits()) == 0 {
			return found, nil
		}
		return z.Splits()[0].Name, nil
	}
	if _, err := z.Split(name); err != nil {
		return "", &InputError{Option: "split", Err: err}
	}
	return name, nil
}

// judge inspects the models on the split, and draws their agreement if asked to.
func (in *Inspection) judge(ctx context.Context, z *zoo.Zoo, models []zoo.Model, draw bool, w Watch) (drawing []byte, err error) {
	here, _ := on(models, in.Split)
	for _, m := range models {
		if !has(here, m.Name) {
			in.Missing = append(in.Missing, m.Name)
		}
	}
	index, err := openIndex(ctx, z, in.Split, here, w)
	if err != nil {
		return nil, err
	}
	defer index.Close()
	judged := make([]inspect.Model, len(here))
	for i, m := range here {
		judged[i] = inspect.Model{Name: m.Name, Answers: m.Answers, Lists: index.Lists(m.Name)}
		if judged[i].Cost, err = m.Cost(in.Cost); err != nil {
			judged[i].NoCost = fmt.Sprintf("it cannot be searched by %s: %v", in.Cost, err)
		}
	}
	if index.Labels() != nil {
		in.Judged = *inspect.Inspect(index.Labels(), z.Classes(), judged)
	}
	if !draw {
		return nil, nil
	}
	switch {
	case len(here) == 0:
		return nil, inputf("agreement", "", "no model has predictions on the split %s", in.Split)
	case len(here) > inspect.MaxAgreement:
		return nil, inputf("agreement", "", "at most %d models can be drawn, not %d: choose some with --models", inspect.MaxAgreement, len(here))
	}
	agreement, err := inspect.NewAgreement(ctx, index.Labels(), judged)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = agreement.WriteSVG(&b, fmt.Sprintf("Agreement of %d models on the split %s (%d samples)", len(here), in.Split, agreement.Samples))
	return b.Bytes(), err
}
