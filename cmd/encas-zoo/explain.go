package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/study"
)

// explainOptions are the flags of explain. Without a cascade one of a run folder is
// explained.
type explainOptions struct {
	split, sample, cascade, cost string
	pick                         front.Pick
}

func explainCommand() *cli.Command {
	o := &explainOptions{}
	return &cli.Command{
		Name:      "explain",
		Usage:     "show the answer of each stage to one sample",
		UsageText: "--sample ID [--zoo DIR] [--split NAME] (--cascade TEXT | RUNDIR (--pick N | --within X | --min-accuracy Y))",
		Description: `Shows the answer of each stage of a cascade to one sample, and why the cascade
answered where it did: the prediction of the stage's model alone, that of the stage, and
its confidence compared with the threshold. Stages that the sample does not reach are
shown, too.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo explain --zoo cifar --sample 123 --cascade 'resnet20@0.62,resnet56@0.9,wrn_28_10'
encas-zoo explain --zoo cifar --sample 123 runs/exact --pick best
encas-zoo explain --zoo cifar --sample 123 runs/exact --pick 7 --split search --json`,
			"130  interrupted"),
		Flags: slices.Concat(
			[]cli.Flag{
				runZooFlag(),
				bind(&o.split, "split", "the split of the sample, `NAME` (default: test, or the one searched)"),
				bind(&o.sample, "sample", "the sample with this `ID`, or in this row, from 0"),
				bind(&o.cascade, "cascade", "explain this cascade, `TEXT` such as resnet20@0.62,wrn_28_10"),
			},
			pickFlags(&o.pick),
			[]cli.Flag{runCostFlag(&o.cost)}),
		Action: on(func(c *cli.Context, t *terminal) error { return runExplain(c, t, o) }),
	}
}

func runExplain(c *cli.Context, t *terminal, o *explainOptions) error {
	switch {
	case !c.IsSet("sample"):
		return usagef("name a sample with --sample")
	case c.NArg() > 1 || c.IsSet("cascade") == c.Args().Present() || c.Args().Present() != picks(c):
		return usagef("name a cascade with --cascade, or a run folder and one of its cascades with --pick, --within or --min-accuracy")
	}
	chosen, run, number, err := o.chosen(c)
	if err != nil {
		return err
	}
	z, err := t.openZooOf(c, run)
	if err != nil {
		return err
	}
	if o.split == "" {
		o.split = "test"
		if _, err := z.Split(o.split); err != nil && run.Front != nil {
			o.split = run.Front.Split.Name
		}
	}
	e, err := study.Explain(c.Context, z, o.split, o.cost, chosen, o.sample)
	var input *study.InputError
	if errors.As(err, &input) && input.Option == "cascade" && picks(c) {
		return fmt.Errorf("cascade %d of %s: %w", number, c.Args().First(), input.Err)
	}
	if err != nil {
		return err
	}
	var models []string
	for _, s := range chosen.Stages {
		models = append(models, s.Model)
	}
	if short := study.CutShort(z, o.split, models); short != "" {
		t.err.Warnf("%s", short)
	}
	return t.give(e, func() { t.showExplained(e) })
}

// chosen returns the cascade to explain and, if it is of a run folder, that and its number;
// a run has its own costs, too.
func (o *explainOptions) chosen(c *cli.Context) (chosen cascade.Cascade, run report.Source, number int, err error) {
	if !c.Args().Present() {
		chosen, err = cascade.Parse(o.cascade)
		return chosen, run, 0, asUsage(err)
	}
	if run, number, err = picked(c, o.pick); err != nil {
		return chosen, run, 0, err
	}
	o.cost = run.Front.Cost
	return run.Front.Points[number].Cascade, run, number, nil
}

func (t *terminal) showExplained(e *study.Explanation) {
	class := func(c int) string {
		if e.Called == nil {
			return strconv.Itoa(c)
		}
		return fmt.Sprintf("%d %s", c, e.Called[c])
	}
	t.out.Printf("Sample %s (row %d of the split %s), label %s:\n\n", e.ID, e.Row, e.Split.Name, class(e.Label))
	table := new(ui.Table).Right("stage").Shrink("model").Right("prediction").Left("stage answers").Right("confidence", "threshold").Left("")
	guess := func(g cascade.Guess) string { return fmt.Sprintf("%s (%.3f)", class(g.Class), g.Probability) }
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
		var mean []string
		for _, g := range s.Mean[:min(len(s.Mean), 3)] {
			mean = append(mean, guess(g))
		}
		table.Row(strconv.Itoa(i+1), s.Model, guess(s.Own), strings.Join(mean, ", "), strconv.FormatFloat(s.Confidence, 'f', 6, 64), threshold, verdict)
	}
	t.out.Table(table)
	verdict := "wrong"
	if e.Right {
		verdict = "correct"
	}
	t.out.Printf("\nThe answer is class %s, %s, for %s %s.\n", class(e.Answer), t.out.Bold(verdict), ui.Number(e.Paid), e.Cost)
}
