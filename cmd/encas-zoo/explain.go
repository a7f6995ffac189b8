package main

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
)

// explainOptions are the flags of explain.
type explainOptions struct {
	split   string
	sample  string
	cascade string // "": one of a run folder
	pick    int
	cost    string
}

func explainCommand() *cli.Command {
	o := &explainOptions{split: "test", cost: study.DefaultCost}
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
			text(&o.split, "split", "the samples to take one of, `NAME`"),
			text(&o.sample, "sample", "the sample with this `ID`, or the one in that row, from 0"),
			text(&o.cascade, "cascade", "explain this cascade, `TEXT` such as resnet20@0.62,wrn_28_10"),
			pickFlag(&o.pick),
			runCostFlag(&o.cost),
			jsonFlag(),
			quietFlag(),
		},
		Action: func(c *cli.Context) error { return runExplain(c, o) },
	}
}

func runExplain(c *cli.Context, o *explainOptions) error {
	t := newTerminal(c)
	switch {
	case !c.IsSet("sample"):
		return usagef("name a sample with --sample")
	case c.NArg() > 1 || c.IsSet("cascade") == c.Args().Present() || c.Args().Present() != c.IsSet("pick"):
		return usagef("name a cascade with --cascade, or a run folder and one of its cascades with --pick")
	}
	picked, err := o.picked(c)
	if err != nil {
		return err
	}
	z, err := t.openZoo(c)
	if err != nil {
		return err
	}
	e, err := study.Explain(c.Context, z, o.split, o.cost, picked, o.sample)
	if err != nil {
		return err
	}
	if t.json {
		return t.writeJSON(e)
	}
	t.showExplained(e)
	return nil
}

// picked returns the cascade to explain; a run folder knows its costs, too.
func (o *explainOptions) picked(c *cli.Context) (cascade.Cascade, error) {
	if !c.Args().Present() {
		picked, err := cascade.Parse(o.cascade)
		if err != nil {
			return picked, usageError{err}
		}
		return picked, nil
	}
	f, err := front.ReadFront(c.Args().First())
	if err != nil {
		return cascade.Cascade{}, err
	}
	e, err := f.Export(o.pick)
	if err != nil {
		return cascade.Cascade{}, usageError{err}
	}
	o.cost = f.Cost
	return e.Cascade, nil
}

func (t *terminal) showExplained(e *study.Explanation) {
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
	guess := func(g study.ClassGuess) string { return fmt.Sprintf("%s (%.3f)", class(g.Class), g.Probability) }
	for i, s := range e.Stages {
		threshold, verdict := "-", "last stage: answers"
		if s.Threshold != nil {
			threshold = cascade.FormatThreshold(*s.Threshold)
			verdict = "<= threshold: continues"
			if s.Exits {
				verdict = "> threshold: answers"
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
		verdict = "correct"
	}
	t.out.Printf("\nThe answer is class %s, %s, for %s %s.\n", class(e.Answer), t.out.Bold(verdict), ui.Number(e.Paid), e.Cost)
}
