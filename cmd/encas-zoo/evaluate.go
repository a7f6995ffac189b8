package main

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/answers"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// evaluateOptions are the flags of evaluate. Without a cascade those of a run folder are
// evaluated.
type evaluateOptions struct {
	split, cost, cascade, answers string
	pick                          front.Pick // the cascade of the run folder that is evaluated alone
}

// An evaluated is the JSON result of evaluate.
type evaluated struct {
	*study.Evaluation
	Answers string `json:"answers,omitempty"` // the file that answers were written to

	run report.Source // of a front
}

func evaluateCommand() *cli.Command {
	o := &evaluateOptions{}
	return &cli.Command{
		Name:      "evaluate",
		Usage:     "evaluate cascades on samples they were not chosen on",
		UsageText: "[--zoo DIR] [--split NAME] [--answers FILE] (RUNDIR [--pick N | --within X | --min-accuracy Y] | --cascade TEXT)",
		Description: `Evaluates the front of a run folder, or one cascade, exactly on the full stored
outputs of a split: accuracy with a 95 % interval (Wilson), cost, and how many samples
reach each stage.

A front looks better on the samples it was chosen on than it is. For a run folder the
change from those samples is shown, and each cascade is compared with the best model
that costs no more (both chosen on the samples of the run): the gain in accuracy with a
95 % interval (paired bootstrap), and the probability of such a difference between
equals (McNemar's exact test). The wider intervals "together" hold for all cascades of
the front at once. With --pick, --within or --min-accuracy one cascade of the front is
evaluated by itself. docs/statistics.md explains the numbers.

On samples without labels reach and cost are shown. Whether samples exit at other stages
than those of the run, a sign that they are of another kind, is tested with labels or
without (chi-square test, Holm's correction for the cascades of the front).

With --answers the answer to each sample is written to a file: id, class, name,
confidence and stage (from 1). It is what the same cascade must answer wherever it runs:
compare with 'encas-zoo diff'. Of a run folder, name the cascade with --pick, --within
or --min-accuracy.

A cascade is written as name@threshold,name@threshold,name: exit after a model if the
confidence of the mean so far is above its threshold. name*2 counts a model twice in
the mean; last: before the first name lets the last model answer alone, vote: counts the
answers so far, and margin: or entropy: before that is another measure of confidence. A
name that contains one of ,@*" is written in double quotes.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo evaluate runs/first
encas-zoo evaluate runs/first --pick best                 the cascade that optimize named first, alone
encas-zoo evaluate runs/exact --split pool                samples without labels: drift
encas-zoo evaluate --zoo cifar --split search --cascade 'resnet20@0.62,resnet56@0.9,wrn_28_10'
encas-zoo evaluate runs/first --pick best --answers answers.csv
encas-zoo evaluate --zoo cifar runs/paper --json | jq '.cascades[-1].accuracy'`,
			"130  interrupted"),
		Flags: append([]cli.Flag{
			runZooFlag(),
			bind(&o.split, "split", "the samples to evaluate on, `NAME` (default: test, or else one with no samples searched)"),
			runCostFlag(&o.cost),
			bind(&o.cascade, "cascade", "evaluate this cascade, `TEXT` such as resnet20@0.62,wrn_28_10"),
			bind(&o.answers, "answers", "write the answer to each sample to `FILE`, whose name ends with .csv, .json or .parquet"),
		}, pickFlags(&o.pick)...),
		Action: on(func(c *cli.Context, t *terminal) error {
			if err := o.check(c); err != nil {
				return err
			}
			e, err := t.evaluate(c, o)
			if err != nil {
				return err
			}
			return t.give(e, func() { t.showEvaluated(e) })
		}),
	}
}

// check returns an error if flags and arguments do not go together.
func (o *evaluateOptions) check(c *cli.Context) error {
	switch {
	case c.NArg() > 1 || c.IsSet("cascade") == c.Args().Present():
		return usagef("name one run folder, or one cascade with --cascade")
	case c.IsSet("cost") && !c.IsSet("cascade"):
		return usagef("--cost needs --cascade: a run folder has its own cost column")
	case picks(c) && c.IsSet("cascade"):
		return usagef("--pick, --within and --min-accuracy choose a cascade of a run folder: name that instead of --cascade")
	case c.IsSet("answers") && !c.IsSet("cascade") && !picks(c):
		return usagef("--answers is about one cascade: name it with --pick, --within or --min-accuracy")
	}
	if c.IsSet("answers") {
		if err := answers.CheckPath(o.answers); err != nil {
			return usagef("--answers: %w", err)
		}
	}
	return atomicfile.Probe(o.answers)
}

func (t *terminal) evaluate(c *cli.Context, o *evaluateOptions) (*evaluated, error) {
	if c.IsSet("cascade") {
		one, err := cascade.Parse(o.cascade)
		if err != nil {
			return nil, asUsage(err)
		}
		z, err := t.openZoo(c)
		if err != nil {
			return nil, err
		}
		o.split = cmp.Or(o.split, "test")
		e, err := study.EvaluateCascade(c.Context, z, o.split, o.cost, one, t.watch())
		if err != nil {
			return nil, err
		}
		return &evaluated{Evaluation: e, Answers: o.answers}, t.writeAnswers(c, z, o, one)
	}
	var run report.Source
	var number int
	var err error
	if picks(c) {
		run, number, err = picked(c, o.pick)
	} else {
		run, err = study.ReadRun(c.Args().First())
	}
	if err != nil {
		return nil, err
	}
	t.noteStopped(run)
	z, err := t.openZooOf(c, run)
	if err != nil {
		return nil, err
	}
	if o.split == "" {
		if o.split, err = study.SplitToEvaluate(c.Context, z, run.Front); err != nil {
			return nil, err
		}
	}
	if !picks(c) {
		e, err := study.EvaluateFront(c.Context, z, o.split, run.Front, t.watch())
		return &evaluated{Evaluation: e, run: run}, err
	}
	e, err := study.EvaluatePoint(c.Context, z, o.split, run.Front, number, t.watch())
	if err != nil {
		return nil, err
	}
	return &evaluated{e, o.answers, run}, t.writeAnswers(c, z, o, run.Front.Points[number].Cascade)
}

// writeAnswers writes what a cascade answers to the samples, if that is asked for.
func (t *terminal) writeAnswers(c *cli.Context, z *zoo.Zoo, o *evaluateOptions, one cascade.Cascade) error {
	if o.answers == "" {
		return nil
	}
	all, err := study.Answers(c.Context, z, o.split, one, t.watch())
	if err != nil {
		return err
	}
	return answers.Write(o.answers, all)
}

func (t *terminal) showEvaluated(e *evaluated) {
	rows, best := []int{0}, -1
	if e.ChosenOn != nil && e.Number == nil {
		best = e.run.Front.First(e.run.Run.Limits())
		rows = rowsWith(e.run.Front.Spread(tableRows), best)
	}
	if e.Parts != nil {
		t.out.Printf("%s.\n\n", e.Parts.Caveat())
	}
	t.showSearched(e)
	t.out.Printf("On the split %s (%s samples", e.Split.Name, ui.Count(e.Split.Samples))
	if e.Split.Unlabelled {
		t.out.Printf(" without labels")
	}
	t.out.Printf(")")
	switch {
	case e.Number != nil:
		t.out.Printf(", one of %s", plural(len(e.run.Front.Points), "cascade", "cascades"))
	case len(rows) < len(e.Cascades) && best >= 0:
		t.out.Printf(", %d of %d cascades (--pick best is %d; --json has all)", len(rows), len(e.Cascades), best)
	case len(rows) < len(e.Cascades):
		t.out.Printf(", %d of %d cascades (--json has all)", len(rows), len(e.Cascades))
	}
	t.out.Printf(":\n\n")
	if e.Split.Unlabelled {
		t.showReach(e.Evaluation, rows)
	} else {
		t.showAccuracies(e.Evaluation, rows)
	}
	if e.ChosenOn != nil && !e.Split.Unlabelled {
		if e.Level > 0 {
			t.out.Printf("\nThe intervals \"together\" contain the accuracies of all %d cascades at once, with 95 %% probability.\n", len(e.Cascades))
		}
		t.showAgainstModels(e.Evaluation, rows)
	}
	t.showDrift(e.Evaluation)
	if e.Answers != "" {
		t.out.Printf("\nwrote %s\n", e.Answers)
	}
}

// onOthers says what is known on the samples that were not searched, of which a part was.
func (e *evaluated) onOthers() string {
	switch {
	case e.Drawn.Measured > 0:
		return "Those on the others are the accuracies expected in the run."
	case e.Parts != nil:
		return "What was found was not measured on the others: 'encas-zoo front merge' of all parts does that."
	}
	return "What was found was not measured on the others. " + measures(e.run.Run, e.run.Dir)
}

// showSearched says which of the samples the cascades were chosen on.
func (t *terminal) showSearched(e *evaluated) {
	switch o, d := e.Searched, e.Drawn; {
	case o == nil:
	case d != nil && o.Splits[0] == o.Splits[1]:
		t.out.Printf("Of these %s samples %s were searched, so the results are a little too favourable. %s\n\n", ui.Count(e.Split.Samples), ui.Count(d.Samples), e.onOthers())
	case d != nil:
		t.out.Printf("Not quite a test: %s, of which the cascades were chosen on %s, drawn at random.\n\n", o.String(), ui.Count(d.Samples))
	case o.Splits[0] == o.Splits[1]:
		t.out.Printf("The cascades were chosen on these samples: the results are too favourable. Evaluate on samples that the search did not see.\n\n")
	case o.All():
		t.out.Printf("Not a test: %s, and the cascades were chosen on them. The results are too favourable.\n\n", o.String())
	default:
		t.out.Printf("Not quite a test: %s, and the cascades were chosen on them. The results are too favourable.\n\n", o.String())
	}
}

// showAccuracies shows rows of the results on samples with labels.
func (t *terminal) showAccuracies(e *study.Evaluation, rows []int) {
	table := new(ui.Table).Right("#", "accuracy", "95 % interval")
	if e.Level > 0 {
		table.Right("together")
	}
	table.Right(e.Cost, "at worst")
	if e.ChosenOn != nil {
		table.Right(searchedOf(e), "change")
	}
	table.Left("reach of each stage").Shrink("cascade")
	for _, i := range rows {
		c := e.Cascades[i]
		row := []string{strconv.Itoa(e.NumberOf(i)), percent(c.Accuracy()), between(c.Interval)}
		if c.Together != nil {
			row = append(row, between(*c.Together))
		}
		row = append(row, ui.Number(c.Cost), ui.Number(c.WorstCost))
		if e.ChosenOn != nil {
			row = append(row, percent(*c.Searched), points(c.Change))
		}
		table.Row(append(row, reachOf(c.Point), c.String())...)
	}
	t.out.Table(table)
}

// searchedOf heads the accuracies on the samples searched, which may be a part of a split.
func searchedOf(e *study.Evaluation) string {
	if e.Drawn != nil {
		return "searched"
	}
	return "on " + e.ChosenOn.Name
}

// reachOf writes the share of the samples that reaches each stage.
func reachOf(p front.Point) (reach string) {
	for _, n := range p.Reach {
		reach += fmt.Sprintf("%.0f%% ", 100*float64(n)/float64(p.Samples))
	}
	return reach
}

// showReach shows rows of the results on samples without labels.
func (t *terminal) showReach(e *study.Evaluation, rows []int) {
	table := new(ui.Table).Right("#", e.Cost, "at worst")
	if e.ChosenOn != nil {
		table.Right("on "+e.ChosenOn.Name, "p").Left("reach on " + e.ChosenOn.Name)
	}
	table.Left("reach of each stage").Shrink("cascade")
	for _, i := range rows {
		c := e.Cascades[i]
		row := []string{strconv.Itoa(e.NumberOf(i)), ui.Number(c.Cost), ui.Number(c.WorstCost)}
		if e.ChosenOn != nil {
			p := "-"
			if c.Drift != nil {
				p = fmt.Sprintf("%.2g", c.Drift.Holm)
			}
			row = append(row, ui.Number(e.Before[i].Cost), p, reachOf(e.Before[i]))
		}
		table.Row(append(row, reachOf(c.Point), c.String())...)
	}
	t.out.Table(table)
}

// showDrift says whether samples exit at other stages than those of the run.
func (t *terminal) showDrift(e *study.Evaluation) {
	all := e.Drift()
	if all.Tested == 0 {
		return
	}
	most := e.Cascades[all.Most]
	if all.Drifted == 0 {
		p := fmt.Sprintf("p %.2g", most.Drift.Holm)
		if e.Number == nil {
			p = fmt.Sprintf("smallest %s of %s, with Holm's correction", p, plural(all.Tested, "cascade", "cascades"))
		}
		t.out.Printf("\nNo sign of drift: the stages at which samples of %s and %s exit do not differ significantly (%s).\n",
			e.Split.Name, e.ChosenOn.Name, p)
		return
	}
	if e.Number != nil {
		t.out.Printf("\nDrift: samples of %s exit at other stages than those of %s (p %.2g): the stages are reached by %sof %s and %sof %s.\n",
			e.Split.Name, e.ChosenOn.Name, most.Drift.Holm, reachOf(most.Point), e.Split.Name, reachOf(e.Before[all.Most]), e.ChosenOn.Name)
		return
	}
	t.out.Printf("\nDrift: samples of %s exit at other stages than those of %s in %d of %s (p < 0.05 with Holm's correction).\n",
		e.Split.Name, e.ChosenOn.Name, all.Drifted, plural(all.Tested, "cascade", "cascades"))
	t.out.Printf("Most clearly in cascade %d (p %.2g): its stages are reached by %sof %s and %sof %s.\n",
		all.Most, most.Drift.Holm, reachOf(most.Point), e.Split.Name, reachOf(e.Before[all.Most]), e.ChosenOn.Name)
}

// showAgainstModels compares rows of the cascades with their models, and summarizes all.
func (t *terminal) showAgainstModels(e *study.Evaluation, rows []int) {
	all := e.Summary()
	from := e.ChosenOn.Name
	if d := e.Drawn; d != nil {
		from = fmt.Sprintf("the %s samples searched", ui.Count(d.Samples))
	}
	if e.Number == nil {
		t.out.Printf("\nFrom %s to %s the accuracy changes by %s points on average over the front.\n", from, e.Split.Name, points(all.Change))
	}
	if all.Compared == 0 {
		return
	}
	table := new(ui.Table).Right("#", "cascade", "model", "gain", "95 % interval", "p", "model's "+e.Cost).Shrink("model")
	for _, i := range rows {
		if a := e.Cascades[i].Against; a != nil {
			table.Row(fmt.Sprint(e.NumberOf(i)), percent(e.Cascades[i].Accuracy()), percent(a.Accuracy), points(a.Difference),
				fmt.Sprintf("%s..%s", points(a.Interval[0]), points(a.Interval[1])), fmt.Sprintf("%.2g", a.McNemar), ui.Number(a.Cost), a.Model)
		}
	}
	t.out.Printf("\nCompared with the best model that costs no more, both chosen on %s:\n\n", e.ChosenOn.Name)
	t.out.Table(table)
	if e.Number != nil {
		return
	}
	worse := "none"
	if all.Worse > 0 {
		worse = ui.Count(all.Worse)
	}
	t.out.Printf("\n%d of %d cascades are significantly more accurate than their model (p < 0.05), %s less.\n", all.Better, all.Compared, worse)
}
