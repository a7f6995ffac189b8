package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
)

func certifyCommand() *cli.Command {
	o := study.CertifyDefaults()
	return &cli.Command{
		Name:      "certify",
		Usage:     "test which cascades can replace a model",
		UsageText: "[--zoo DIR] [--split NAME] [flags] RUNDIR",
		Description: `Tests on samples the search never saw which cascades of a run folder are hardly less
accurate than the most accurate single model and cost less, so that with the confidence
asked for nothing is claimed falsely. What is read off the samples searched is often
false.

The cascades are tested in the order in which the claim looks likely on the samples
searched, up to the first one that fails; all before it are certified, whatever their
number. Below the table the same is done for several margins, which hold all at once.
With --error the claim is about the share of wrong answers, and not compared with a
model. --max-cost and --worst-class add conditions.

The split must have been set aside before the search and be used for nothing else. import
cuts one: --split search=0.4 --split cal=0.3 --split test=0.3. docs/certify.md explains
what is promised.

The result is written to ` + front.CertifiedFile + ` in the run folder, too.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo certify runs/first --split test
encas-zoo certify --zoo cifar --split val --margin 1 --confidence 0.95 runs/exact
encas-zoo certify --zoo cifar --split val --against resnet56 runs/exact
encas-zoo certify --zoo cifar --split val --error 0.1 --worst-class 0.7 runs/exact
encas-zoo certify --zoo cifar --split val --max-cost 0.5 runs/exact --json | jq .claim`,
			"130  interrupted"),
		Flags: []cli.Flag{
			runZooFlag(),
			bind(&o.Split, "split", "the samples to test on, `NAME`: not those searched (default: cal, or the only other split with labels)"),
			marginFlag(&o.Margin, "margin"),
			bind(&o.Confidence, "confidence", "`P` of certifying nothing falsely, at least 0.5 and below 1"),
			bind(&o.Against, "against", "compare with `MODEL` (default: the most accurate single one, by its expected accuracy)"),
			bind(&o.Error, "error", "certify less than a share `E` of wrong answers, between 0 and 1, instead of comparing"),
			bind(&o.MaxCost, "max-cost", "certify a mean cost below `X`, too, in the unit of the run"),
			bind(&o.WorstClass, "worst-class", "certify an accuracy above `Y` in every class, too, between 0 and 1"),
		},
		Action: on(func(c *cli.Context, t *terminal) error {
			if c.NArg() != 1 {
				return usagef("name one run folder")
			}
			if c.IsSet("error") && c.IsSet("margin") {
				return usagef("--margin is of the comparison with a model, which --error replaces: give one")
			}
			return t.certify(c, o)
		}),
	}
}

func (t *terminal) certify(c *cli.Context, o study.CertifyOptions) error {
	dir := c.Args().First()
	run, err := study.ReadRun(dir)
	if err != nil {
		return err
	}
	z, err := t.openZooOf(c, run)
	if err != nil {
		return err
	}
	if o.Split == "" {
		o.Split = study.OnlySplit(z, "cal", run.Front.Split.Name, false)
	}
	certificate, err := study.Certify(c.Context, z, run.Front, o, t.watch())
	if err != nil {
		return err
	}
	if err := front.WriteCertificate(dir, certificate); err != nil {
		return err
	}
	return t.give(certificate, func() { t.showCertificate(certificate) })
}

func (t *terminal) showCertificate(c *front.Certificate) {
	t.out.Printf("%s\n", t.out.Bold(c.Headline()))
	r := c.Reference
	t.out.Printf("\nOn the split %s (%s samples) %s has %s at %s %s.\n", c.Split.Name, ui.Count(c.Split.Samples), r.Model, percent(r.Accuracy), ui.Number(r.Cost), c.Cost)
	t.showTested(c)
	t.showStaircase(c)
}

// showTested shows the cheapest of the cascades that were tested.
func (t *terminal) showTested(c *front.Certificate) {
	if len(c.Tested) == 0 {
		return
	}
	tested := slices.SortedFunc(slices.Values(c.Tested), func(a, b front.Tested) int { return cmp.Compare(a.Number, b.Number) })
	rows := tested[:min(len(tested), tableRows)]
	t.out.Printf("Tested: %d of %s", len(tested), plural(c.Candidates, "cascade", "cascades"))
	if len(rows) < len(tested) {
		t.out.Printf(", the cheapest %d of them here (--json has all)", len(rows))
	}
	t.out.Printf(":\n\n")
	table := new(ui.Table).Right("#", "accuracy", "points", c.Cost, "saves", "p").Left("certified").Shrink("cascade")
	for _, r := range rows {
		certified := "no"
		if r.Certified {
			certified = "yes"
		}
		difference := float64(r.OnlyCascade-r.OnlyModel) / float64(r.Samples)
		table.Row(strconv.Itoa(r.Number), percent(r.Accuracy), points(difference), ui.Number(r.Cost), saved(r.Saving), fmt.Sprintf("%.2g", r.P), certified, r.Text)
	}
	t.out.Table(table)
}

// showStaircase shows what is certified at several margins.
func (t *terminal) showStaircase(c *front.Certificate) {
	if len(c.Staircase) == 0 || c.Candidates == 0 {
		return
	}
	t.out.Printf("\nAt several margins, all at once with %g %% confidence:\n\n", 100*c.Confidence)
	table := new(ui.Table).Right("margin", "certified", "cheapest", c.Cost, "saves").Shrink("cascade")
	for _, step := range c.Staircase {
		row := []string{fmt.Sprintf("%.2f", 100*step.Margin), strconv.Itoa(step.Certified)}
		if best := step.Cheapest; best != nil {
			row = append(row, strconv.Itoa(best.Number), ui.Number(best.Cost), saved(best.Saving), best.Text)
		}
		table.Row(row...)
	}
	t.out.Table(table)
}

// saved writes a share of a cost that is saved, downwards.
func saved(share float64) string {
	if share <= 0 {
		return "none"
	}
	return saving(1-share, 1)
}
