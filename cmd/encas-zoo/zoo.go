package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

func zooCommand() *cli.Command {
	info := &infoOptions{cost: study.DefaultCost}
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
				Flags: []cli.Flag{
					zooFlag(),
					modelsFlag(&listed),
					jsonFlag(), quietFlag(),
				},
				Action: onZoo(func(c *cli.Context, t *terminal, z *zoo.Zoo) error { return runZooList(t, z, listed) }),
			},
			{
				Name:      "info",
				Usage:     "show what is in a zoo and what looks wrong",
				UsageText: "[--zoo DIR] [--split NAME] [--models GLOB] [--agreement FILE]",
				Description: `Shows classes, splits, size and fingerprint; every model with its cost and its accuracy
on a split, ascending in cost, the front of single models marked; how many samples at
least one model has right (what a perfect choice among the models would reach), and how
many all have right. The search index of the split is built where it is missing.

What looks wrong is listed: models that are the same twice, that answer no better than
by chance or always the same, whose classes seem to be numbered otherwise, that have no
cost, and labels that fit no model. Nothing is an error: the zoo can be searched.

--agreement draws how often each two models give the same answer, as a heat map with
models that agree side by side: where all is dark, a cascade has little to gain.`,
				CustomHelpTemplate: commandHelp(`
encas-zoo zoo info
encas-zoo zoo info --zoo cifar --split test --agreement agreement.svg
encas-zoo zoo info --zoo cifar --json | jq '.judged.suspicious[]'`,
					"130  interrupted"),
				Flags: []cli.Flag{
					zooFlag(),
					text(&info.split, "split", "the samples to judge models on, `NAME` (default: search, else the zoo's first)"),
					costFlag(&info.cost),
					modelsFlag(&info.models),
					text(&info.agreement, "agreement", "draw the agreement of the models as SVG, to `FILE`"),
					jsonFlag(), quietFlag(),
				},
				Action: onZoo(func(c *cli.Context, t *terminal, z *zoo.Zoo) error { return runZooInfo(c, t, z, info) }),
			},
			{
				Name:      "verify",
				Usage:     "check every stored output of a zoo",
				UsageText: "[--zoo DIR]",
				Description: "Reads everything: labels against their fingerprints, archives against their\n" +
					"checksums and row by row. All problems are listed.",
				CustomHelpTemplate: commandHelp(`
encas-zoo zoo verify --zoo cifar`,
					"3    something is damaged; the rest was checked", "130  interrupted"),
				Flags:  []cli.Flag{zooFlag(), jsonFlag(), quietFlag()},
				Action: onZoo(runZooVerify),
			},
			calibrateCommand(),
			{
				Name:        "remove",
				Usage:       "remove models from a zoo",
				UsageText:   "[--zoo DIR] MODEL...",
				Description: "Removes models and their predictions. Nothing is removed where one of the names\nis not in the zoo.",
				CustomHelpTemplate: commandHelp(`
encas-zoo zoo remove --zoo cifar resnet20 resnet32
encas-zoo zoo remove --zoo cifar -- -odd-name`),
				Flags:  []cli.Flag{zooFlag(), jsonFlag(), quietFlag()},
				Action: runZooRemove,
			},
		},
	}
}

// onZoo makes the action of a command that takes a zoo and no arguments.
func onZoo(run func(c *cli.Context, t *terminal, z *zoo.Zoo) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		t := newTerminal(c)
		if err := noArguments(c); err != nil {
			return err
		}
		z, err := t.openZoo(c)
		if err != nil {
			return err
		}
		return run(c, t, z)
	}
}

// modelSummary is a model in the JSON result of zoo list.
type modelSummary struct {
	Name    string            `json:"name"`
	Answers bool              `json:"answers"` // gives an answer and a confidence only
	Splits  []string          `json:"splits"`
	Bytes   int64             `json:"bytes"`
	Columns map[string]string `json:"columns"`
}

func summarize(m zoo.Model) modelSummary {
	s := modelSummary{Name: m.Name, Answers: m.Answers, Columns: m.Columns, Splits: []string{}}
	for name, archive := range m.Splits {
		s.Splits = append(s.Splits, name)
		s.Bytes += archive.Bytes
	}
	slices.Sort(s.Splits)
	return s
}

func runZooList(t *terminal, z *zoo.Zoo, globs []string) error {
	models := z.Models()
	if len(globs) > 0 {
		var err error
		if models, err = study.Select(models, globs); err != nil {
			return err
		}
	}
	summaries := make([]modelSummary, len(models))
	for i, m := range models {
		summaries[i] = summarize(m)
	}
	if t.json {
		return t.writeJSON(struct {
			Version int            `json:"version"`
			Models  []modelSummary `json:"models"`
		}{1, summaries})
	}
	table := ui.NewTable(
		ui.Column{Head: "model", Shrink: true},
		ui.Column{Head: study.DefaultCost, Right: true},
		ui.Column{Head: "gives"},
		ui.Column{Head: "splits"},
		ui.Column{Head: "size", Right: true})
	for i, s := range summaries {
		cost, gives := "-", "outputs"
		if x, err := models[i].Cost(study.DefaultCost); err == nil {
			cost = ui.Number(x)
		}
		if s.Answers {
			gives = "answers"
		}
		table.Row(s.Name, cost, gives, strings.Join(s.Splits, " "), ui.Bytes(s.Bytes))
	}
	t.out.Table(table)
	return nil
}

func runZooVerify(c *cli.Context, t *terminal, z *zoo.Zoo) error {
	progress := t.err.Progress("verifying", "archives")
	archives := 0
	err := z.Verify(c.Context, func(done, total int) {
		archives = total
		progress.Update(int64(done), int64(total), "")
	})
	progress.Stop()
	if errors.Is(err, context.Canceled) {
		return err
	}
	if t.json {
		if err := t.writeJSON(struct {
			Version  int      `json:"version"`
			Archives int      `json:"archives"`
			Problems []string `json:"problems"`
		}{1, archives, problems(err)}); err != nil {
			return err
		}
	}
	if err != nil {
		return partialError{err}
	}
	if !t.json {
		t.out.Printf("%s: %d archives are as they were written\n", z.Dir(), archives)
	}
	return nil
}

// problems takes apart what errors.Join joined.
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

func runZooRemove(c *cli.Context) (err error) {
	t := newTerminal(c)
	if !c.Args().Present() {
		return usagef("name the models to remove")
	}
	if dir, _ := zooFolder(c); dir == study.Example {
		return usagef("the example zoo is part of the program: name a folder with --zoo")
	}
	z, err := t.openZoo(c)
	if err != nil {
		return err
	}
	names := c.Args().Slice()
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
	if t.json {
		return t.writeJSON(struct {
			Version int      `json:"version"`
			Removed []string `json:"removed"`
		}{1, names})
	}
	t.out.Printf("removed %d models from %s\n", len(names), z.Dir())
	return nil
}
