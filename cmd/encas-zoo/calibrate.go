package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/calibrate"
)

func calibrateCommand() *cli.Command {
	o := &calibrateOptions{split: "search"}
	return &cli.Command{
		Name:      "calibrate",
		Usage:     "write a calibrated copy of a zoo",
		UsageText: "--out DIR [--zoo DIR] [--split NAME] [--models GLOB]",
		Description: `Writes another zoo with the same samples and models, whose outputs p are p^(1/T)
divided by their sum. T, the temperature, is one number for each model, between 0.05
and 20: that at which the labels of a split are likeliest. It is applied to all splits
and kept in the column temperature. What a model answers stays; how sure it is changes.
Samples whose label has the stored probability 0 have no say: it stays 0 at any T.

Shown are the temperatures and the expected calibration error (in 15 bins): how far
confidence and share of right answers are apart, before and after, on the split T was
fitted on and on the split test. Models that give answers only are copied.

A command that was stopped is completed by the same one. The zoo that is read stays
as it is.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo zoo calibrate --zoo cifar --out cifar-calibrated
encas-zoo zoo calibrate --zoo cifar --out few --split val --models 'resnet*'
encas-zoo zoo calibrate --out digits --json | jq '.models[] | {name, temperature}'`,
			"130  interrupted; finished models are in the zoo"),
		Flags: []cli.Flag{
			zooFlag(),
			text(&o.out, "out", "write the calibrated zoo to the folder `DIR`"),
			text(&o.split, "split", "fit temperatures on the labels of the split `NAME`"),
			modelsFlag(&o.models),
			jsonFlag(), quietFlag(),
		},
		Action: onZoo(func(c *cli.Context, t *terminal, z *zoo.Zoo) error { return runCalibrate(c, t, z, o) }),
	}
}

// calibratedModel is a model in the JSON result of zoo calibrate.
type calibratedModel struct {
	Name        string             `json:"name"`
	Answers     bool               `json:"answers"` // copied as it is
	Skipped     bool               `json:"skipped"` // it was there already
	Temperature *float64           `json:"temperature,omitempty"`
	Errors      []calibrationError `json:"errors"`
}

type calibrationError struct {
	Split  string  `json:"split"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// calibrateOptions are the flags of zoo calibrate.
type calibrateOptions struct {
	out, split string
	models     []string
}

func runCalibrate(c *cli.Context, t *terminal, z *zoo.Zoo, o *calibrateOptions) error {
	out, split := o.out, o.split
	if out == "" {
		return usagef("name the folder of the calibrated zoo with --out")
	}
	if _, err := z.Split(split); err != nil {
		return usageError{err}
	}
	models := z.Models()
	if len(o.models) > 0 {
		var err error
		if models, err = study.Select(models, o.models); err != nil {
			return err
		}
	}
	progress := t.err.Progress("calibrating", "rows")
	results, err := calibrate.Zoo(c.Context, z, out, calibrate.Options{
		Split:    split,
		Models:   models,
		Progress: func(rows, of int64, model string) { progress.Update(rows, of, model) },
	})
	progress.Stop()
	if err != nil {
		return err
	}
	if t.json {
		return t.writeCalibrated(out, split, results)
	}
	t.showCalibrated(z, out, split, results)
	return nil
}

func (t *terminal) writeCalibrated(out, split string, results []calibrate.Result) error {
	models := make([]calibratedModel, len(results))
	for i, r := range results {
		models[i] = calibratedModel{Name: r.Model, Answers: r.Answers, Skipped: r.Skipped, Errors: []calibrationError{}}
		if !r.Answers {
			models[i].Temperature = &r.Temperature
		}
		for _, e := range r.Errors {
			models[i].Errors = append(models[i].Errors, calibrationError(e))
		}
	}
	return t.writeJSON(struct {
		Version int               `json:"version"`
		Zoo     string            `json:"zoo"`
		Split   string            `json:"split"`
		Models  []calibratedModel `json:"models"`
	}{1, out, split, models})
}

// showCalibrated shows a table of the models and, below it, means and what was not
// calibrated.
func (t *terminal) showCalibrated(z *zoo.Zoo, out, split string, results []calibrate.Result) {
	shown := []string{split}
	if _, err := z.Split("test"); err == nil && split != "test" {
		shown = append(shown, "test")
	}
	columns := []ui.Column{{Head: "model", Shrink: true}, {Head: "temperature", Right: true}}
	for _, s := range shown {
		columns = append(columns, ui.Column{Head: "error on " + s, Right: true}, ui.Column{Head: "after", Right: true})
	}
	table := ui.NewTable(columns...)
	mean := make([]calibrate.Error, len(shown))
	count := make([]int, len(shown))
	answers, skipped := 0, 0
	for _, r := range results {
		if r.Skipped {
			skipped++
		}
		if r.Answers {
			answers++
			continue
		}
		cells := []string{r.Model, fmt.Sprintf("%.3f", r.Temperature)}
		for i, s := range shown {
			before, after := "-", "-"
			if at := slices.IndexFunc(r.Errors, func(e calibrate.Error) bool { return e.Split == s }); at >= 0 {
				e := r.Errors[at]
				before, after = percent(e.Before), percent(e.After)
				mean[i].Before, mean[i].After = mean[i].Before+e.Before, mean[i].After+e.After
				count[i]++
			}
			cells = append(cells, before, after)
		}
		table.Row(cells...)
	}
	if answers < len(results) {
		t.out.Table(table)
		t.out.Printf("\n")
	}
	for i, s := range shown {
		if n := float64(count[i]); n > 0 {
			t.out.Printf("mean calibration error on %s: %s before, %s after\n", s, percent(mean[i].Before/n), percent(mean[i].After/n))
		}
	}
	if answers > 0 {
		t.out.Printf("%d models give answers only and were copied as they are: there is no distribution to calibrate\n", answers)
	}
	t.out.Printf("%s: %d models", out, len(results))
	if skipped > 0 {
		t.out.Printf(", %d were there already", skipped)
	}
	t.out.Printf("\n")
}
