package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/answers"
	"github.com/encas-zoo/encas-zoo/internal/ui"
)

// diffOptions are the flags of diff.
type diffOptions struct {
	tolerance float64
	first     int
}

func diffCommand() *cli.Command {
	o := &diffOptions{tolerance: 1e-6, first: 10}
	return &cli.Command{
		Name:      "diff",
		Usage:     "show where two files of answers differ",
		UsageText: "[--tolerance X] [--first N] ANSWERS OTHER",
		Description: `Compares what two deployments of a cascade answered to the same samples, or one with
the stored outputs ('encas-zoo evaluate --answers'). Samples are matched by their ids, in
any order. Classes and stages must be equal, names where both files have them, and the
confidences of answers of the same stage within the tolerance.

Files have the columns id, class, name, confidence and stage (from 1), as CSV, as JSON
(an array of objects) or as Parquet, by the end of their names. Other columns are
ignored, and name may be missing. The exit code is 1 if they differ.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo diff answers.csv other.csv
encas-zoo diff answers.parquet other.json --tolerance 0.001 --first 3
encas-zoo diff answers.csv other.csv --json | jq .stage`),
		Flags: []cli.Flag{
			&cli.Float64Flag{Name: "tolerance", Value: o.tolerance, Destination: &o.tolerance, Usage: "confidences may differ by `X`"},
			bind(&o.first, "first", "show at most `N` samples of each kind"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runDiff(c, t, o) }),
	}
}

func runDiff(c *cli.Context, t *terminal, o *diffOptions) error {
	switch {
	case c.NArg() != 2:
		return usagef("name two files of answers")
	case !(o.tolerance >= 0) || math.IsInf(o.tolerance, 1):
		return usagef("--tolerance %v: it must be a number, at least 0", o.tolerance)
	}
	var files [2][]answers.Answer
	for i, path := range c.Args().Slice() {
		if err := answers.CheckPath(path); err != nil {
			return asUsage(err)
		}
		var err error
		if files[i], err = answers.Read(path); err != nil {
			return err
		}
	}
	d, err := answers.Compare(files[0], files[1], o.tolerance, o.first)
	if err != nil {
		return err
	}
	if err := t.give(d, func() { t.showDifference(c.Args().Slice(), d) }); err != nil || d.None() {
		return err
	}
	if d.Differ == 0 {
		return errors.New("the files have different samples")
	}
	return errors.New("the answers differ")
}

func (t *terminal) showDifference(files []string, d *answers.Difference) {
	t.out.Printf("%s in both files, of which %s differ. Confidences at the same stage differ by at most %.3g.\n",
		plural(d.Samples, "sample", "samples"), ui.Count(d.Differ), d.Largest)
	for _, kind := range []struct {
		samples int
		what    string
	}{
		{d.Class, "in the class"}, {d.Name, "in the name of the class"}, {d.Stage, "in the stage"},
		{d.Confidence, fmt.Sprintf("in the confidence, by more than %g", d.Tolerance)},
	} {
		if kind.samples > 0 {
			t.out.Printf("  %s: %s\n", kind.what, ui.Count(kind.samples))
		}
	}
	for i, only := range []struct {
		samples int
		ids     []string
	}{{d.OnlyFirst, d.FirstIDs}, {d.OnlySecond, d.SecondIDs}} {
		if only.samples > 0 {
			more := ""
			if len(only.ids) < only.samples {
				more = ", ..."
			}
			t.out.Printf("Only in %s: %s: %s%s\n", files[i], plural(only.samples, "sample", "samples"), strings.Join(only.ids, ", "), more)
		}
	}
	if len(d.Apart) == 0 {
		return
	}
	t.out.Printf("\nThe first that differ, %s -> %s:\n\n", files[0], files[1])
	table := new(ui.Table).Left("sample").Right("class").Right("confidence").Right("stage")
	for _, p := range d.Apart {
		a, b := p.First, p.Second
		table.Row(a.ID, change(calledClass(a), calledClass(b)), change(number(a.Confidence), number(b.Confidence)), change(strconv.Itoa(a.Stage), strconv.Itoa(b.Stage)))
	}
	t.out.Table(table)
}

// change writes what became of a text.
func change(from, to string) string {
	if from == to {
		return from
	}
	return from + " -> " + to
}

// calledClass writes the class of an answer.
func calledClass(a answers.Answer) string {
	return strings.TrimSpace(strconv.Itoa(a.Class) + " " + a.Name)
}

// number writes a number with all its digits.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
