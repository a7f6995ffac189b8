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

// evaluateOptions are the flags of evaluate.
type evaluateOptions struct {
	split   string
	cost    string
	cascade string // "": those of a run folder
}

func evaluateCommand() *cli.Command {
	o := &evaluateOptions{split: "test", cost: study.DefaultCost}
	return &cli.Command{
		Name:      "evaluate",
		Usage:     "see what cascades do on samples they were not chosen on",
		UsageText: "[--zoo DIR] [--split NAME] (RUNDIR | --cascade TEXT)",
		Description: `Evaluates the front of a run folder, or one cascade, exactly on the full stored
outputs of a split: accuracy with a 95 % interval (Wilson), cost, and how many samples
reach each stage.

A front looks better on the samples it was chosen on than it is. For a run folder the
change from there is shown, and each cascade beside the best model that costs no more
(both chosen on the run's own samples): by how much it is more accurate, with a 95 %
interval (paired bootstrap), and how likely such a difference is between equals
(McNemar's exact test). docs/statistics.md explains the numbers.

A cascade is written as name@threshold,name@threshold,name: exit after a model if
the confidence of the mean so far is above its threshold. name*2 counts a model
twice in the mean; last: before the first name lets the last model answer alone,
margin: or entropy: before that is another measure of confidence. A name with one of
,@*" in it is written in double quotes.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo evaluate runs/20260301-120000-exact --split test
encas-zoo evaluate --split search --cascade 'resnet20@0.62,resnet56@0.9,wrn_28_10'
encas-zoo evaluate runs/paper --json | jq '.cascades[-1].accuracy'`,
			"130  interrupted"),
		Flags: []cli.Flag{
			zooFlag(),
			text(&o.split, "split", "the samples to evaluate on, `NAME`"),
			runCostFlag(&o.cost),
			text(&o.cascade, "cascade", "evaluate this cascade, `TEXT` such as resnet20@0.62,wrn_28_10"),
			jsonFlag(),
			quietFlag(),
		},
		Action: func(c *cli.Context) error { return runEvaluate(c, o) },
	}
}

func runEvaluate(c *cli.Context, o *evaluateOptions) error {
	t := newTerminal(c)
	if c.NArg() > 1 || c.IsSet("cascade") == c.Args().Present() {
		return usagef("name one run folder, or one cascade with --cascade")
	}
	if c.IsSet("cost") && !c.IsSet("cascade") {
		return usagef("--cost goes with --cascade: a run folder says itself what models cost")
	}
	e, err := t.evaluate(c, o)
	if err != nil {
		return err
	}
	if t.json {
		return t.writeJSON(e)
	}
	t.showEvaluated(e)
	return nil
}

func (t *terminal) evaluate(c *cli.Context, o *evaluateOptions) (*study.Evaluation, error) {
	if c.IsSet("cascade") {
		one, err := cascade.Parse(o.cascade)
		if err != nil {
			return nil, usageError{err}
		}
		z, err := t.openZoo(c)
		if err != nil {
			return nil, err
		}
		return study.EvaluateCascade(c.Context, z, o.split, o.cost, one, t.watch())
	}
	f, err := front.ReadFront(c.Args().First())
	if err != nil {
		return nil, err
	}
	z, err := t.openZoo(c)
	if err != nil {
		return nil, err
	}
	return study.EvaluateFront(c.Context, z, o.split, f, t.watch())
}

func (t *terminal) showEvaluated(e *study.Evaluation) {
	columns := []ui.Column{
		{Head: "#", Right: true},
		{Head: "accuracy", Right: true},
		{Head: "95 % interval", Right: true},
		{Head: e.Cost, Right: true},
		{Head: "at worst", Right: true},
	}
	if e.ChosenOn != nil {
		columns = append(columns, ui.Column{Head: "on " + e.ChosenOn.Name, Right: true}, ui.Column{Head: "change", Right: true})
	}
	table := ui.NewTable(append(columns, ui.Column{Head: "reach of each stage"}, ui.Column{Head: "cascade", Shrink: true})...)
	rows := []int{0}
	if e.ChosenOn != nil {
		before := front.Front{Points: e.Before}
		rows = before.Spread(tableRows)
	}
	for _, i := range rows {
		c := e.Cascades[i]
		row := []string{strconv.Itoa(i), percent(c.Accuracy()), between(c.Interval), ui.Number(c.Cost), ui.Number(c.WorstCost)}
		if e.ChosenOn != nil {
			row = append(row, percent(e.Before[i].Accuracy()), points(c.Change))
		}
		reach := ""
		for _, n := range c.Reach {
			reach += fmt.Sprintf("%.0f%% ", 100*float64(n)/float64(c.Samples))
		}
		table.Row(append(row, reach, c.String())...)
	}
	t.out.Printf("On the split %s (%s samples)", e.Split.Name, ui.Count(e.Split.Samples))
	if len(rows) < len(e.Cascades) {
		t.out.Printf(", %d of %d cascades (--json has all)", len(rows), len(e.Cascades))
	}
	t.out.Printf(":\n\n")
	t.out.Table(table)
	if e.ChosenOn != nil {
		t.showAgainstModels(e, rows)
	}
}

// showAgainstModels shows rows of the cascades beside the models, and what holds for
// all of them.
func (t *terminal) showAgainstModels(e *study.Evaluation, rows []int) {
	all := e.Summary()
	t.out.Printf("\nFrom %s to %s the accuracy changes by %s points on average over the front.\n", e.ChosenOn.Name, e.Split.Name, points(all.Change))
	if all.Compared == 0 {
		return
	}
	table := ui.NewTable(
		ui.Column{Head: "#", Right: true},
		ui.Column{Head: "cascade", Right: true},
		ui.Column{Head: "model", Right: true},
		ui.Column{Head: "gain", Right: true},
		ui.Column{Head: "95 % interval", Right: true},
		ui.Column{Head: "p", Right: true},
		ui.Column{Head: "model's " + e.Cost, Right: true},
		ui.Column{Head: "model", Shrink: true})
	for _, i := range rows {
		if a := e.Cascades[i].Against; a != nil {
			table.Row(fmt.Sprint(i), percent(e.Cascades[i].Accuracy()), percent(a.Accuracy), points(a.Difference),
				fmt.Sprintf("%s..%s", points(a.Interval[0]), points(a.Interval[1])), fmt.Sprintf("%.2g", a.McNemar), ui.Number(a.Cost), a.Model)
		}
	}
	t.out.Printf("\nAgainst the best model that costs no more, both chosen on %s:\n\n", e.ChosenOn.Name)
	t.out.Table(table)
	t.out.Printf("\n%d of %d cascades are significantly more accurate than their model (p < 0.05), %s less.\n", all.Better, all.Compared, orNone(all.Worse))
}

func orNone(n int) string {
	if n == 0 {
		return "none"
	}
	return ui.Count(n)
}
