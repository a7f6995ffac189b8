package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
)

// labelOptions are the flags of label.
type labelOptions struct {
	split, out string
	budget     int
}

func labelCommand() *cli.Command {
	o := &labelOptions{budget: 200}
	return &cli.Command{
		Name:      "label",
		Usage:     "list the samples that are worth labelling",
		UsageText: "[--split NAME] [--zoo DIR] [--budget N] [--out FILE] RUNDIR",
		Description: `Two cascades differ in accuracy only on the samples that they answer differently. Of a
split without labels such samples are listed, with the answers that compete.

Rivals are neighbours on the front, and each cascade and the most accurate single model
of the run. Samples are chosen one after the other: each time the one with the largest
sum, over the rivals that answer it differently, of 1/(1 + samples listed for them so
far). So a label decides between many rivals, and rivals that disagree on few samples
get their share.

With labels, the more accurate of two rivals is the one correct on more of the samples
on which they differ. The list is not a random sample: its labels tell nothing about the
accuracy of a single cascade.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo label --zoo cifar runs/exact --split pool
encas-zoo label --zoo cifar runs/exact --split pool --budget 50 --out to-label.csv
encas-zoo label --zoo cifar runs/exact --split pool --json | jq -r '.samples[].id'`,
			"130  interrupted"),
		Flags: []cli.Flag{
			runZooFlag(),
			bind(&o.split, "split", "the samples without labels, `NAME` (default: the zoo's only split without)"),
			bind(&o.budget, "budget", "list at most `N` samples"),
			bind(&o.out, "out", "write the list as CSV, with an empty column label, to `FILE`"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runLabel(c, t, o) }),
	}
}

func runLabel(c *cli.Context, t *terminal, o *labelOptions) error {
	switch {
	case c.NArg() != 1:
		return usagef("name one run folder")
	case c.IsSet("out") && o.out == "":
		return usagef("--out is empty: name a file")
	}
	run, err := study.ReadRun(c.Args().First())
	if err != nil {
		return err
	}
	z, err := t.openZooOf(c, run)
	if err != nil {
		return err
	}
	if _, err := os.Stat(o.out); o.out != "" && err == nil {
		return usagef("--out: %s exists, and may hold labels: name another file, or remove it", o.out)
	}
	if o.split == "" {
		if o.split = study.OnlySplit(z, "", run.Front.Split.Name, true); o.split == "" {
			return usagef("name the samples without labels with --split")
		}
	}
	l, err := study.Label(c.Context, z, o.split, run.Front, o.budget, t.watch())
	if err != nil {
		return err
	}
	if o.out != "" {
		if err := writeLabelling(o.out, l); err != nil {
			return err
		}
	}
	return t.give(l, func() { t.showLabelling(l, o.out) })
}

// writeLabelling writes a list to be filled in.
func writeLabelling(path string, l *study.Labelling) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{"sample", "label", "row", "decides", "answers"}}
	for _, s := range l.Samples {
		rows = append(rows, []string{s.ID, "", strconv.Itoa(s.Row), strconv.Itoa(s.Decides), answersTo(l, s)})
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, b.Bytes())
}

func (t *terminal) showLabelling(l *study.Labelling, out string) {
	t.out.Printf("%s of the %s samples of %s on which neighbours on the front, or a cascade and %s, answer differently:\n\n",
		ui.Count(len(l.Samples)), ui.Count(l.Disputed), l.Split.Name, l.Model)
	table := new(ui.Table).Right("row").Left("sample").Right("decides").Shrink("answers: cascades")
	for _, s := range l.Samples {
		table.Row(strconv.Itoa(s.Row), s.ID, strconv.Itoa(s.Decides), answersTo(l, s))
	}
	t.out.Table(table)
	agree, whole := 0, 0
	for _, r := range l.Rivals {
		switch {
		case r.Differ == 0:
			agree++
		case r.Differ == r.Listed:
			whole++
		}
	}
	t.out.Printf("\nOf %s of rivals, %s never disagree; for %s, every sample on which they differ is listed.\n",
		plural(len(l.Rivals), "pair", "pairs"), ui.Count(agree), ui.Count(whole))
	if out != "" {
		t.out.Printf("wrote %s\n", out)
	}
}

// answersTo writes the answers to a sample, each with the cascades and the model that give
// it.
func answersTo(l *study.Labelling, s study.ToLabel) string {
	var answers []string
	for _, a := range s.Answers {
		class := strconv.Itoa(a.Class)
		if l.Called != nil {
			class += " " + l.Called[a.Class]
		}
		whose := ranges(a.Cascades)
		if a.Model {
			whose = append(whose, l.Model)
		}
		answers = append(answers, class+": "+strings.Join(whose, ", "))
	}
	return strings.Join(answers, "; ")
}

// ranges writes ascending numbers, neighbours as from-to.
func ranges(numbers []int) (texts []string) {
	for len(numbers) > 0 {
		n := 1
		for n < len(numbers) && numbers[n] == numbers[0]+n {
			n++
		}
		text := strconv.Itoa(numbers[0])
		if n > 1 {
			text = fmt.Sprintf("%d-%d", numbers[0], numbers[n-1])
		}
		texts, numbers = append(texts, text), numbers[n:]
	}
	return texts
}
