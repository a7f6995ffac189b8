package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

func zooCommand() *cli.Command {
	info := &infoOptions{cost: study.DefaultCost}
	removed := &removeOptions{}
	var listed []string
	return &cli.Command{
		Name:               "zoo",
		Usage:              "inspect and check a zoo, calibrate or remove models",
		CustomHelpTemplate: groupHelp,
		Subcommands: []*cli.Command{
			{
				Name:        "list",
				Usage:       "list the models of a zoo",
				UsageText:   "[--zoo DIR] [--models GLOB]",
				Description: "Lists the models with their cost and the splits they have predictions on.",
				CustomHelpTemplate: commandHelp(`
encas-zoo zoo list
encas-zoo zoo list --zoo cifar --models 'resnet*'
encas-zoo zoo list --json | jq -r '.models[].name'`),
				Flags:  []cli.Flag{zooFlag(), modelsFlag(&listed)},
				Action: onZoo(func(c *cli.Context, t *terminal, z *zoo.Zoo) error { return runZooList(t, z, listed) }),
			},
			{
				Name:      "info",
				Usage:     "show what is in a zoo and what looks wrong",
				UsageText: "[--zoo DIR] [--split NAME] [--models GLOB] [--agreement FILE]",
				Description: `Shows classes, splits, size and fingerprint; every model with its cost and its accuracy
on a split, in ascending order of cost, with the front of single models marked; how many
samples at least one model answers correctly (the limit of choosing among the models),
and how many all do. The search index of the split is built if it is missing.

What looks wrong is listed: duplicate models, models no better than chance or with a
constant answer, classes that seem to be numbered differently, missing costs, and labels
that fit no model. None of these is an error: the zoo can be searched.

--agreement draws how often each two models give the same answer, as a heat map with
similar models side by side: if all of it is dark, a cascade has little to gain.`,
				CustomHelpTemplate: commandHelp(`
encas-zoo zoo info
encas-zoo zoo info --zoo cifar --split test --agreement agreement.svg
encas-zoo zoo info --zoo cifar --json | jq '.judged.suspicious[]'`,
					"130  interrupted"),
				Flags: []cli.Flag{
					zooFlag(),
					bind(&info.split, "split", "the samples to judge models on, `NAME` (default: search, else the zoo's first)"),
					costFlag(&info.cost),
					modelsFlag(&info.models),
					bind(&info.agreement, "agreement", "draw the agreement of the models as SVG, to `FILE`"),
				},
				Action: onZoo(func(c *cli.Context, t *terminal, z *zoo.Zoo) error { return runZooInfo(c, t, z, info) }),
			},
			{
				Name:      "verify",
				Usage:     "check every stored output of a zoo",
				UsageText: "[--zoo DIR]",
				Description: "Reads everything: labels are checked by their fingerprints, archives by their checksums\n" +
					"and row by row. All problems are listed.",
				CustomHelpTemplate: commandHelp(`
encas-zoo zoo verify --zoo cifar`,
					"3    part is damaged; the rest was checked", "130  interrupted"),
				Flags:  []cli.Flag{zooFlag()},
				Action: onZoo(runZooVerify),
			},
			calibrateCommand(),
			{
				Name:        "remove",
				Usage:       "remove models or a split from a zoo",
				UsageText:   "[--zoo DIR] MODEL... | --split NAME [--force]",
				Description: "Removes models and their predictions. If one of the names is not in the zoo, nothing\nis removed. With --split it removes samples, their labels and all predictions on them;\nif there are predictions it says what would be lost, and wants --force.",
				CustomHelpTemplate: commandHelp(`
encas-zoo zoo remove --zoo cifar resnet20 resnet32
encas-zoo zoo remove --zoo cifar -- -odd-name
encas-zoo zoo remove --zoo cifar --split val --force`),
				Flags: []cli.Flag{
					zooFlag(),
					bind(&removed.split, "split", "remove the split `NAME`"),
					bind(&removed.force, "force", "remove a split with the predictions on it"),
				},
				Action: on(func(c *cli.Context, t *terminal) error { return runZooRemove(c, t, removed) }),
			},
		},
	}
}

// modelSummary is a model in the JSON result of zoo list.
type modelSummary struct {
	Name    string            `json:"name"`
	Answers bool              `json:"answers"` // has answers and confidences only
	Splits  []string          `json:"splits"`
	Bytes   int64             `json:"bytes"`
	Columns map[string]string `json:"columns"`
}

func runZooList(t *terminal, z *zoo.Zoo, globs []string) error {
	models, err := study.Select(z.Models(), globs)
	if err != nil {
		return err
	}
	table := new(ui.Table).Shrink("model").Right(study.DefaultCost).Left("gives", "splits").Right("size")
	summaries := make([]modelSummary, len(models))
	for i, m := range models {
		s := modelSummary{Name: m.Name, Answers: m.Answers, Columns: m.Columns, Splits: []string{}}
		for name, archive := range m.Splits {
			s.Splits = append(s.Splits, name)
			s.Bytes += archive.Bytes
		}
		slices.Sort(s.Splits)
		cost, gives := "-", "outputs"
		if x, err := m.Cost(study.DefaultCost); err == nil {
			cost = ui.Number(x)
		}
		if m.Answers {
			gives = "answers"
		}
		table.Row(s.Name, cost, gives, listSplits(z, s.Splits), ui.Bytes(s.Bytes))
		summaries[i] = s
	}
	result := struct {
		Version int            `json:"version"`
		Models  []modelSummary `json:"models"`
	}{1, summaries}
	return t.give(result, func() { t.out.Table(table) })
}

// listSplits writes the names of splits, and which have no labels.
func listSplits(z *zoo.Zoo, names []string) string {
	shown := slices.Clone(names)
	for i, name := range names {
		if s, err := z.Split(name); err == nil && s.Unlabelled {
			shown[i] += " (no labels)"
		}
	}
	return strings.Join(shown, " ")
}

func runZooVerify(c *cli.Context, t *terminal, z *zoo.Zoo) error {
	progress := t.err.Progress("verifying", "archives")
	archives := 0
	damage := z.Verify(c.Context, func(done, total int) {
		archives = total
		progress.Update(int64(done), int64(total), "")
	})
	progress.Stop()
	if errors.Is(damage, context.Canceled) {
		return damage
	}
	result := struct {
		Version  int      `json:"version"`
		Archives int      `json:"archives"`
		Problems []string `json:"problems"`
	}{1, archives, problems(damage)}
	err := t.give(result, func() {
		if damage == nil {
			t.out.Printf("%s: %s undamaged\n", z.Dir(), plural(archives, "archive is", "archives are"))
		}
	})
	if err == nil && damage != nil {
		err = partialError{damage}
	}
	return err
}

// problems returns the errors that errors.Join joined.
func problems(err error) []string {
	all := []string{}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			all = append(all, problems(e)...)
		}
	} else if err != nil {
		all = append(all, err.Error())
	}
	return all
}

// removeOptions are the flags of zoo remove.
type removeOptions struct {
	split string
	force bool
}

// removal is the JSON result of zoo remove.
type removal struct {
	Version int      `json:"version"`
	Removed []string `json:"removed"`         // models
	Split   string   `json:"split,omitempty"` // and a split
}

func runZooRemove(c *cli.Context, t *terminal, o *removeOptions) (err error) {
	names := c.Args().Slice()
	switch {
	case o.split == "" && o.force:
		return usagef("--force is for --split")
	case o.split == "" && len(names) == 0:
		return usagef("name the models to remove, or a split with --split")
	case o.split != "" && len(names) > 0:
		return usagef("remove either models or a split")
	}
	if dir, _ := zooFolder(c); dir == study.Example {
		return errExample
	}
	z, err := t.openZoo(c)
	if err != nil {
		return err
	}
	if o.split != "" {
		return removeSplit(t, z, o)
	}
	for _, name := range names {
		if _, err := z.Model(name); err != nil {
			return err
		}
	}
	w, err := z.Write()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for _, name := range names {
		if err := w.RemoveModel(name); err != nil {
			return err
		}
	}
	return t.give(removal{1, names, ""}, func() { t.out.Printf("removed %s from %s\n", plural(len(names), "model", "models"), z.Dir()) })
}

// removeSplit removes a split, and says what goes with it.
func removeSplit(t *terminal, z *zoo.Zoo, o *removeOptions) (err error) {
	w, err := z.Write()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	s, err := z.Split(o.split)
	if err != nil {
		return err
	}
	models, only := z.ModelsOn(o.split)
	loss := fmt.Sprintf("the split %s of %s with %s", s.Name, plural(s.Samples, "sample", "samples"), describeLoss(models, only))
	if len(models) > 0 && !o.force {
		return fmt.Errorf("%s: %s would be lost; give --force to remove it", z.Dir(), loss)
	}
	if err := w.RemoveSplit(o.split); err != nil {
		return err
	}
	return t.give(removal{1, append([]string{}, only...), o.split}, func() { t.out.Printf("removed %s from %s\n", loss, z.Dir()) })
}

// describeLoss says what goes with a split: the predictions of models, and some of them.
func describeLoss(models, only []string) string {
	if len(models) == 0 {
		return "no predictions"
	}
	text := "the predictions of " + plural(len(models), "model", "models")
	switch len(only) {
	case 0:
		return text
	case 1:
		return text + ", and the model " + only[0] + ", which has no others"
	}
	return fmt.Sprintf("%s, and %d models that have no others", text, len(only))
}
