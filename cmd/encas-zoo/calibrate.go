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

// calibrateOptions are the flags of zoo calibrate.
type calibrateOptions struct {
	out, split string
	models     []string
}

func calibrateCommand() *cli.Command {
	o := &calibrateOptions{split: "search"}
	return &cli.Command{
		Name:      "calibrate",
		Usage:     "write a calibrated copy of a zoo",
		UsageText: "--out DIR [--zoo DIR] [--split NAME] [--models GLOB]",
		Description: `Writes another zoo with the same samples and models, whose outputs p are p^(1/T)
divided by their sum. T, the temperature, is one number per model between 0.05 and 20:
the one at which the labels of a split are most likely. It is applied to all splits and
stored in the column temperature. Predictions do not change, only confidences. Samples
whose label has the stored probability 0 are ignored: it stays 0 at any T.

Shown are the temperatures and the expected calibration error (15 bins), the difference
between confidence and accuracy, before and after, on the split T was fitted on and on
the split test. Models with answers only are copied.

The same command completes one that was stopped. The source does not change.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo zoo calibrate --zoo cifar --out cifar-calibrated
encas-zoo zoo calibrate --zoo cifar --out few --split val --models 'resnet*'
encas-zoo zoo calibrate --out digits --json | jq '.models[] | {name, temperature}'`,
			"130  interrupted; finished models are in the zoo"),
		Flags: []cli.Flag{
			zooFlag(),
			bind(&o.out, "out", "write the calibrated zoo to the folder `DIR`"),
			bind(&o.split, "split", "fit temperatures on the labels of the split `NAME`"),
			modelsFlag(&o.models),
		},
		Action: onZoo(func(c *cli.Context, t *terminal, z *zoo.Zoo) error { return runCalibrate(c, t, z, o) }),
	}
}

// calibrated is the JSON result of zoo calibrate.
type calibrated struct {
	Version int               `json:"version"`
	Zoo     string            `json:"zoo"`
	Split   string            `json:"split"`
	Models  []calibratedModel `json:"models"`
}

type calibratedModel struct {
	Name        string             `json:"name"`
	Answers     bool               `json:"answers"` // copied unchanged
	Skipped     bool               `json:"skipped"` // it was there already
	Temperature *float64           `json:"temperature,omitempty"`
	Errors      []calibrationError `json:"errors"`
}

type calibrationError struct {
	Split  string  `json:"split"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

func runCalibrate(c *cli.Context, t *terminal, z *zoo.Zoo, o *calibrateOptions) error {
	if o.out == "" {
		return usagef("name the folder of the calibrated zoo with --out")
	}
	if study.IsBuiltIn(ownFirst(o.out)) {
		return exampleError("out")
	}
	if _, err := z.Labelled(o.split); err != nil {
		return usageError{err}
	}
	models, err := study.Select(z.Models(), o.models)
	if err != nil {
		return err
	}
	progress := t.err.Progress("calibrating", "rows")
	results, err := calibrate.Zoo(c.Context, z, o.out, calibrate.Options{Split: o.split, Models: models, Progress: progress.Update})
	progress.Stop()
	if err != nil {
		return err
	}
	out := calibrated{1, o.out, o.split, make([]calibratedModel, len(results))}
	for i, r := range results {
		m := calibratedModel{Name: r.Model, Answers: r.Answers, Skipped: r.Skipped, Errors: []calibrationError{}}
		if !r.Answers {
			m.Temperature = &r.Temperature
		}
		for _, e := range r.Errors {
			m.Errors = append(m.Errors, calibrationError(e))
		}
		out.Models[i] = m
	}
	return t.give(out, func() { t.showCalibrated(z, out) })
}

// showCalibrated shows a table of the models, and below it means and what was not
// calibrated.
func (t *terminal) showCalibrated(z *zoo.Zoo, out calibrated) {
	splits := []string{out.Split}
	if _, err := z.Split("test"); err == nil && out.Split != "test" {
		splits = append(splits, "test")
	}
	table := new(ui.Table).Shrink("model").Right("temperature")
	for _, split := range splits {
		table.Right("error on "+split, "after")
	}
	mean := make([]struct{ before, after, models float64 }, len(splits))
	answers, skipped := 0, 0
	for _, m := range out.Models {
		if m.Skipped {
			skipped++
		}
		if m.Answers {
			answers++
			continue
		}
		cells := []string{m.Name, fmt.Sprintf("%.3f", *m.Temperature)}
		for i, split := range splits {
			at := slices.IndexFunc(m.Errors, func(e calibrationError) bool { return e.Split == split })
			if at < 0 {
				cells = append(cells, "-", "-")
				continue
			}
			e := m.Errors[at]
			cells = append(cells, percent(e.Before), percent(e.After))
			mean[i].before, mean[i].after, mean[i].models = mean[i].before+e.Before, mean[i].after+e.After, mean[i].models+1
		}
		table.Row(cells...)
	}
	if answers < len(out.Models) {
		t.out.Table(table)
		t.out.Printf("\n")
	}
	for i, split := range splits {
		if m := mean[i]; m.models > 0 {
			t.out.Printf("mean calibration error on %s: %s before, %s after\n", split, percent(m.before/m.models), percent(m.after/m.models))
		}
	}
	if answers > 0 {
		t.out.Printf("%s answers only, with nothing to calibrate: copied unchanged\n", plural(answers, "model has", "models have"))
	}
	t.out.Printf("%s: %s", out.Zoo, plural(len(out.Models), "model", "models"))
	if skipped > 0 {
		t.out.Printf(", %s there already", plural(skipped, "was", "were"))
	}
	t.out.Printf("\n")
}
