package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

func zooCommand() *cli.Command {
	info := &infoOptions{}
	var listed []string
	return &cli.Command{
		Name:               "zoo",
		Usage:              "inspect, check, merge, push and pull zoos, set columns, calibrate or remove models",
		CustomHelpTemplate: groupHelp,
		Subcommands: []*cli.Command{
			{
				Name:        "list",
				Usage:       "list the models of a zoo",
				UsageText:   "[--zoo DIR] [--models GLOB]",
				Description: "Lists the models with their costs, that of a search first, and the splits they have\npredictions on.",
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
constant answer, classes that seem to be numbered differently, missing costs, labels
that fit no model, and splits that have samples in common. None of these is an error: the zoo can be searched.

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
			verifyCommand(),
			mergeCommand(),
			pushCommand(),
			pullCommand(),
			calibrateCommand(),
			setCommand(),
			removeCommand(),
		},
	}
}

// modelSummary is a model in the JSON result of zoo list.
type modelSummary struct {
	Name    string            `json:"name"`
	Answers bool              `json:"answers"` // has answers and confidences only
	Splits  []string          `json:"splits"`
	Lists   []string          `json:"lists"` // those of which only the largest classes were kept
	Bytes   int64             `json:"bytes"`
	Columns map[string]string `json:"columns"`
}

func runZooList(t *terminal, z *zoo.Zoo, globs []string) error {
	models, err := study.Select(z.Models(), globs)
	if err != nil {
		return err
	}
	columns := study.ShownCosts(models, t.watch())
	table := new(ui.Table).Shrink("model").Right(columns...).Left("gives", "splits").Right("size")
	summaries := make([]modelSummary, len(models))
	for i, m := range models {
		s := modelSummary{Name: m.Name, Answers: m.Answers, Columns: m.Columns, Splits: []string{}, Lists: []string{}}
		for name, archive := range m.Splits {
			s.Splits = append(s.Splits, name)
			s.Bytes += archive.Bytes
			if archive.IndexOnly && !z.ListsComplete() {
				s.Lists = append(s.Lists, name)
			}
		}
		slices.Sort(s.Splits)
		slices.Sort(s.Lists)
		row, gives := []string{s.Name}, "outputs"
		for _, column := range columns {
			cost := "-"
			if x, err := m.Cost(column); err == nil {
				cost = ui.Number(x)
			}
			row = append(row, cost)
		}
		switch {
		case m.Answers:
			gives = "answers"
		case len(s.Lists) == len(s.Splits):
			gives = fmt.Sprintf("top %d", z.ListLength())
		case len(s.Lists) > 0:
			gives += fmt.Sprintf(", top %d", z.ListLength())
		}
		table.Row(append(row, gives, listSplits(z, s.Splits), ui.Bytes(s.Bytes))...)
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
