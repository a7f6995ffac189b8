package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// explainedClasses is how many classes of each stage's mean are listed.
const explainedClasses = 5

func explainCommand() *cli.Command {
	return &cli.Command{
		Name:      "explain",
		Usage:     "see what each stage says about one sample",
		UsageText: "--sample ID [--zoo DIR] [--split NAME] (--cascade TEXT | RUNDIR --pick N)",
		Description: `Shows what each stage of a cascade made of one sample and why it was answered where
it was: what the stage's model says by itself, what the mean so far says, and its
confidence against the threshold. Stages that the sample does not reach are shown too:
what they would have said.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo explain --sample 123 --cascade 'resnet20@0.62,resnet56@0.9,wrn_28_10'
encas-zoo explain --sample 123 runs/exact --pick 7 --split search --json`,
			"130  interrupted"),
		Flags: []cli.Flag{
			zooFlag(),
			&cli.StringFlag{Name: "split", Value: "test", Usage: "the samples to take one of, `NAME`"},
			&cli.StringFlag{Name: "sample", Usage: "the sample with this `ID`, or the one in that row, from 0"},
			&cli.StringFlag{Name: "cascade", Usage: "explain this cascade, `TEXT` such as resnet20@0.62,wrn_28_10"},
			pickFlag(),
			costFlag("gflops; a run folder says its own"),
			jsonFlag(),
			quietFlag(),
		},
		Action: runExplain,
	}
}

// explained is the JSON result of explain.
type explained struct {
	Version int              `json:"version"`
	Split   report.Split     `json:"split"`
	Row     int              `json:"row"` // from 0
	ID      string           `json:"id"`
	Label   int              `json:"label"`
	Called  []string         `json:"class_names,omitempty"` // one a class
	Cascade string           `json:"cascade"`
	Cost    string           `json:"cost"`
	Answer  int              `json:"answer"` // class
	Right   bool             `json:"right"`
	Paid    float64          `json:"paid"` // cost of the stages up to the answer
	Stages  []explainedStage `json:"stages"`
}

type explainedStage struct {
	Model      string       `json:"model"`
	Weight     int          `json:"weight"`
	Threshold  *float32     `json:"threshold,omitempty"`
	Cost       float64      `json:"cost"`
	Confidence float64      `json:"confidence"`
	Reached    bool         `json:"reached"`
	Exits      bool         `json:"exits"`
	Own        classGuess   `json:"model_says"` // by itself
	Mean       []classGuess `json:"mean_says"`
}

type classGuess struct {
	Class       int     `json:"class"`
	Probability float64 `json:"probability"`
}

func runExplain(c *cli.Context) error {
	t := newTerminal(c)
	switch {
	case !c.IsSet("sample"):
		return usagef("name a sample with --sample")
	case c.NArg() > 1 || c.IsSet("cascade") == c.Args().Present() || c.Args().Present() != c.IsSet("pick"):
		return usagef("name a cascade with --cascade, or a run folder and one of its cascades with --pick")
	}
	text, cost := c.String("cascade"), cmp.Or(c.String("cost"), defaultCost)
	if c.Args().Present() {
		front, err := report.ReadFront(c.Args().First())
		if err != nil {
			return err
		}
		picked, err := front.Export(c.Int("pick"))
		if err != nil {
			return usageError{err}
		}
		text, cost = picked.Text, front.Cost
	}
	z, err := t.openZoo(c)
	if err != nil {
		return err
	}
	split, err := z.Split(c.String("split"))
	if err != nil {
		return usageError{err}
	}
	models := roster{zoo: z, number: map[string]int{}}
	cascade, err := optimize.ParseCascade(text, models.find)
	if err != nil {
		return usageError{err}
	}
	priced, err := price(models.used, cost)
	if err != nil {
		return err
	}
	labels, ids, err := z.Labels(split.Name)
	if err != nil {
		return err
	}
	row, err := findSample(c.String("sample"), ids)
	if err != nil {
		return usageError{err}
	}
	rows, err := readRow(c.Context, z, priced, split.Name, row)
	if err != nil {
		return err
	}
	outputs := make([][]uint16, len(cascade.Models))
	for stage, m := range cascade.Models {
		outputs[stage] = rows[m]
	}
	answers, err := optimize.Explain(cascade, z.Classes(), outputs, explainedClasses)
	if err != nil {
		return err
	}
	e := describeAnswers(cascade, answers, priced)
	e.Split, e.Row, e.ID, e.Label, e.Cost = describeSplit(split), row, ids[row], int(labels[row]), cost
	e.Right = e.Answer == e.Label
	e.Called = z.ClassNames()
	if t.json {
		return writeJSON(e)
	}
	t.showExplained(e)
	return nil
}

// findSample returns the row of a sample that is named by its id or, where there is
// no such id, by its row.
func findSample(name string, ids []string) (row int, err error) {
	if row := slices.Index(ids, name); row >= 0 {
		return row, nil
	}
	row, err = strconv.Atoi(name)
	if err != nil || row < 0 || row >= len(ids) {
		return 0, fmt.Errorf("--sample %s: the split has no sample of that id, and rows 0 to %d", name, len(ids)-1)
	}
	return row, nil
}

// readRow returns the output of each model on one sample.
func readRow(ctx context.Context, z *zoo.Zoo, models []candidate, split string, row int) ([][]uint16, error) {
	rows := make([][]uint16, len(models))
	for i, m := range models {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		one, err := readOneRow(z, m, split, row)
		if err != nil {
			return nil, err
		}
		rows[i] = one
	}
	return rows, nil
}

func readOneRow(z *zoo.Zoo, m candidate, split string, row int) ([]uint16, error) {
	r, err := z.Predictions(m.Name, split)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var source optimize.Rows = r
	if m.Answers {
		source = &answerRows{r, z.Classes()}
	}
	classes := z.Classes()
	block := make([]uint16, max(1, 65536/classes)*classes)
	for from := 0; ; {
		n, err := source.ReadRows(block)
		if row < from+n {
			return slices.Clone(block[(row-from)*classes:][:classes]), nil
		}
		from += n
		if errors.Is(err, io.EOF) || err == nil && n == 0 {
			return nil, fmt.Errorf("%q has %d outputs on the split %s: %w", m.Name, from, split, io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, err
		}
	}
}

func describeAnswers(c optimize.Cascade, answers []optimize.Answer, models []candidate) *explained {
	e := &explained{Version: 1, Cascade: c.Format(func(m int) string { return models[m].Name })}
	reached := true
	for i, a := range answers {
		m := models[c.Models[i]]
		s := explainedStage{
			Model: m.Name, Weight: int(c.Weight(i)), Cost: m.price, Confidence: a.Confidence,
			Reached: reached, Exits: a.Exits, Own: classGuess(a.Own),
		}
		if i < len(c.Thresholds) {
			s.Threshold = &c.Thresholds[i]
		}
		for _, g := range a.Top {
			s.Mean = append(s.Mean, classGuess(g))
		}
		if reached {
			e.Paid += m.price
		}
		if a.Exits {
			e.Answer, reached = a.Top[0].Class, false
		}
		e.Stages = append(e.Stages, s)
	}
	return e
}

func (t *terminal) showExplained(e *explained) {
	class := func(c int) string {
		if e.Called == nil {
			return strconv.Itoa(c)
		}
		return fmt.Sprintf("%d %s", c, e.Called[c])
	}
	t.out.Printf("Sample %s (row %d of the split %s), label %s:\n\n", e.ID, e.Row, e.Split.Name, class(e.Label))
	table := ui.NewTable(
		ui.Column{Head: "stage", Right: true}, ui.Column{Head: "model", Shrink: true},
		ui.Column{Head: "it says", Right: true}, ui.Column{Head: "all so far say"},
		ui.Column{Head: "confidence", Right: true}, ui.Column{Head: "threshold", Right: true}, ui.Column{Head: ""})
	guess := func(g classGuess) string { return fmt.Sprintf("%s (%.3f)", class(g.Class), g.Probability) }
	for i, s := range e.Stages {
		threshold, verdict := "-", "last stage: answers"
		if s.Threshold != nil {
			threshold = strconv.FormatFloat(float64(*s.Threshold), 'g', -1, 32)
			verdict = "not above: goes on"
			if s.Exits {
				verdict = "above: answers"
			}
		}
		if !s.Reached {
			verdict = "not run"
		}
		mean := ""
		for k, g := range s.Mean[:min(len(s.Mean), 3)] {
			if k > 0 {
				mean += ", "
			}
			mean += guess(g)
		}
		table.Row(strconv.Itoa(i+1), s.Model, guess(s.Own), mean, strconv.FormatFloat(s.Confidence, 'f', 6, 64), threshold, verdict)
	}
	t.out.Table(table)
	verdict := "wrong"
	if e.Right {
		verdict = "right"
	}
	t.out.Printf("\nThe answer is class %s, %s, for %s %s.\n", class(e.Answer), t.out.Bold(verdict), ui.Number(e.Paid), e.Cost)
}
