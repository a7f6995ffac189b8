package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
)

func evaluateCommand() *cli.Command {
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
(McNemar's exact test). docs/statistics.md explains the figures.

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
			&cli.StringFlag{Name: "split", Value: "test", Usage: "the samples to evaluate on, `NAME`"},
			costFlag("gflops; a run folder says its own"),
			&cli.StringFlag{Name: "cascade", Usage: "evaluate this cascade, `TEXT` such as resnet20@0.62,wrn_28_10"},
			jsonFlag(),
			quietFlag(),
		},
		Action: runEvaluate,
	}
}

// evaluated is the JSON result of evaluate.
type evaluated struct {
	Version  int              `json:"version"`
	Zoo      report.Zoo       `json:"zoo"`
	Split    report.Split     `json:"split"`
	Cost     string           `json:"cost"`
	Cascades []measured       `json:"cascades"`
	ChosenOn *report.Split    `json:"chosen_on,omitempty"` // of the run folder
	Before   []report.Cascade `json:"before,omitempty"`    // the figures there
}

func runEvaluate(c *cli.Context) error {
	t := newTerminal(c)
	if c.NArg() > 1 || c.IsSet("cascade") == c.Args().Present() {
		return usagef("name one run folder, or one cascade with --cascade")
	}
	if c.IsSet("cost") && !c.IsSet("cascade") {
		return usagef("--cost goes with --cascade: a run folder says itself what models cost")
	}
	var front *report.Front
	if !c.IsSet("cascade") {
		var err error
		if front, err = report.ReadFront(c.Args().First()); err != nil {
			return err
		}
	}
	z, err := t.openZoo(c)
	if err != nil {
		return err
	}
	split, err := z.Split(c.String("split"))
	if err != nil {
		return usageError{err}
	}
	result := evaluated{
		Version: report.Version,
		Zoo:     describeZoo(z),
		Split:   describeSplit(split),
		Cost:    cmp.Or(c.String("cost"), defaultCost),
	}
	models := roster{zoo: z, number: map[string]int{}}
	var cascades []optimize.Cascade
	if front == nil {
		cascade, err := optimize.ParseCascade(c.String("cascade"), models.find)
		if err != nil {
			return usageError{err}
		}
		cascades = []optimize.Cascade{cascade}
	} else {
		if front.Zoo != result.Zoo {
			t.err.Warnf("the run was made with another zoo, or this one has changed since")
		}
		result.ChosenOn, result.Before = &front.Split, front.Cascades
		result.Cost = front.Cost
		for i, described := range front.Cascades {
			cascade, err := models.cascade(described)
			if err != nil {
				return fmt.Errorf("cascade %d of %s: %w", i, c.Args().First(), err)
			}
			cascades = append(cascades, cascade)
		}
	}
	var rivals []*report.Model // of each cascade
	if front != nil {
		rivals = models.rivals(front, split.Name)
	}
	candidates, err := price(models.used, result.Cost)
	if err != nil {
		return err
	}
	evaluations, err := t.evaluateStored(c.Context, z, candidates, split.Name, cascades)
	if err != nil {
		return err
	}
	for i, e := range evaluations {
		result.Cascades = append(result.Cascades, measure(describe(cascades[i], e, candidates, split.Samples)))
		if front != nil {
			result.Cascades[i].Change = result.Cascades[i].Accuracy - front.Cascades[i].Accuracy
		}
	}
	if err := t.compareWithModels(c.Context, &models, candidates, split.Name, cascades, rivals, result.Cascades); err != nil {
		return err
	}
	if t.json {
		return writeJSON(result)
	}
	t.showEvaluated(&result)
	return nil
}

// A roster numbers the models that cascades name, in the order they are named.
type roster struct {
	zoo    *zoo.Zoo
	used   []zoo.Model
	number map[string]int
}

func (r *roster) find(name string) (int, bool) {
	if n, ok := r.number[name]; ok {
		return n, true
	}
	m, err := r.zoo.Model(name)
	if err != nil {
		return 0, false
	}
	r.number[name] = len(r.used)
	r.used = append(r.used, m)
	return r.number[name], true
}

// cascade takes a cascade of a run folder.
func (r *roster) cascade(d report.Cascade) (optimize.Cascade, error) {
	rule, err := optimize.ParseRule(d.Rule)
	if err != nil {
		return optimize.Cascade{}, err
	}
	confidence, err := optimize.ParseConfidence(d.Confidence)
	if err != nil {
		return optimize.Cascade{}, err
	}
	c := optimize.Cascade{Rule: rule, Confidence: confidence}
	weighted := slices.ContainsFunc(d.Stages, func(s report.Stage) bool { return s.Weight != 1 })
	for _, s := range d.Stages {
		model, ok := r.find(s.Model)
		if !ok {
			return c, fmt.Errorf("the zoo has no model named %q", s.Model)
		}
		c.Models = append(c.Models, model)
		if weighted {
			c.Weights = append(c.Weights, uint8(s.Weight))
		}
		if s.Threshold != nil {
			c.Thresholds = append(c.Thresholds, *s.Threshold)
		}
	}
	return c, nil
}

func (t *terminal) showEvaluated(e *evaluated) {
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
		front := report.Front{Cascades: e.Before}
		rows = front.Spread(tableRows)
	}
	for _, i := range rows {
		c := e.Cascades[i]
		row := []string{strconv.Itoa(i), percent(c.Accuracy), c.Interval.String(), ui.Number(c.Cost), ui.Number(c.WorstCost)}
		if e.ChosenOn != nil {
			row = append(row, percent(e.Before[i].Accuracy), points(c.Change))
		}
		reach := ""
		for _, s := range c.Stages {
			reach += fmt.Sprintf("%.0f%% ", 100*float64(s.Reach)/float64(c.Samples))
		}
		table.Row(append(row, reach, c.Text)...)
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

// points writes a difference of two accuracies in percentage points.
func points(difference float64) string { return fmt.Sprintf("%+.2f", 100*difference) }
