package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/answers"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/serve"
)

// runOptions are the flags of run.
type runOptions struct {
	serve.Job
	out, times string
	skipBroken bool
}

// machineFlags say what the models of a bundle run on.
func machineFlags(m *serve.Machine) []cli.Flag {
	return []cli.Flag{
		bind(&m.Device, "device", "run on `DEVICE`: cpu, cuda, cuda:1 (default: cuda if available)"),
		bind(&m.Batch, "batch", "`N` images at a time; fewer if a model runs out of memory (default: 32 on a CPU, else 256)"),
		bindThreads(&m.Threads, "run on `T` CPU threads (default: all)"),
		bind(&m.Shim, "shim", "the torch library `PATH` (default: the one that 'encas-zoo shim build' built last)"),
	}
}

func runCommand() *cli.Command {
	o := &runOptions{}
	return &cli.Command{
		Name:      "run",
		Usage:     "answer images with a cascade",
		UsageText: "BUNDLE --data IMAGES [--out FILE] [--against MODEL] [flags]",
		Description: `Runs the cascade of a bundle, which 'encas-zoo export --format bundle' writes. Each image is
decoded once; a later model runs only on the images that the stage before does not
answer, gathered to full batches.

IMAGES is a folder, image Parquet files, a CIFAR binary batch, a file of MNIST's form, one
image, a text file with the path of an image on each line, or - for such a list on standard
input. Labels, in
any layout that ingest knows, are used if there are any: accuracy, cost and how many images
reach each stage are shown beside what the bundle promises, with a test of whether
they agree.

FILE ends with .csv, .json or .parquet. It gets id, class, name, confidence and stage (from
1) of each image; 'encas-zoo diff' compares two such files.

--against runs one model of the cascade, or another bundle, over the same images in
turns and shows the compute saved and the time saved side by side.

--times writes what the models took, as a table that 'encas-zoo zoo set --from' reads: then
'encas-zoo optimize --cost serve_ms' finds cascades that are fast on this machine.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo run bundle --data photos --out answers.csv
encas-zoo run bundle --data imagenet/val --device cuda --batch 256
find /data -name '*.jpg' | encas-zoo run bundle --data - --out answers.parquet
encas-zoo run bundle --data imagenet/val --against tf_efficientnet_lite2
encas-zoo run bundle --data imagenet/val --json | jq .measured.accuracy`,
			"3    some images have no answer; the others have",
			"130  interrupted"),
		Flags: append([]cli.Flag{
			bind(&o.Data, "data", "the `IMAGES`: a folder, Parquet files, a CIFAR batch, one image, a list of paths, or -"),
			bind(&o.Unlabelled, "no-labels", "do not look at labels"),
			bind(&o.Limit, "limit", "use only `N` images, spread evenly"),
			bind(&o.out, "out", "write the answers to `FILE`"),
			bind(&o.Against, "against", "compare with `MODEL`, one of the cascade, or with another bundle"),
			bind(&o.times, "times", "write the times of the models to `FILE`, a CSV table"),
			bind(&o.skipBroken, "skip-broken", "succeed although some images cannot be read"),
		}, machineFlags(&o.Machine)...),
		Action: on(func(c *cli.Context, t *terminal) error { return t.run(c, o) }),
	}
}

func (t *terminal) run(c *cli.Context, o *runOptions) error {
	switch {
	case c.NArg() != 1:
		return usagef("name one bundle")
	case o.Data == "":
		return usagef("name the images with --data")
	}
	if o.out != "" {
		if err := answers.CheckPath(o.out); err != nil {
			return usagef("--out %w", err)
		}
	}
	for _, path := range []string{o.out, o.times} { // before hours of work, not after
		if err := atomicfile.Probe(path); err != nil {
			return err
		}
	}
	o.Bundle, o.Stdin = c.Args().First(), os.Stdin
	o.Log = func(note string) { t.err.Notef("%s", note) }
	progress := t.err.Progress("answering", "images")
	o.Progress = func(p serve.Progress) { progress.Update(int64(p.Done), int64(p.Of), "") }
	r, err := serve.RunJob(c.Context, o.Job)
	progress.Stop()
	if err != nil {
		return err
	}
	for i, f := range r.Failed {
		if i == 10 {
			t.err.Warnf("and %d more images without an answer", len(r.Failed)-i)
			break
		}
		t.err.Warnf("%s: %v", f.ID, f.Reason)
	}
	var lost error
	if o.out != "" {
		lost = answers.Write(o.out, r.Answers)
	}
	if o.times != "" {
		runs := []*serve.Summary{r.Summary}
		if r.Other != nil {
			runs = append(runs, r.Other)
		}
		lost = errors.Join(lost, serve.WriteTimes(o.times, runs...))
	}
	if err := errors.Join(t.give(r.Summary, func() { t.showRun(r, o.out) }), lost); err != nil {
		return err
	}
	if n := len(r.Failed); n > 0 && !o.skipBroken {
		return partialError{fmt.Errorf("%s without an answer", plural(n, "image is", "images are"))}
	}
	return nil
}

// shownAnswers is how many answers are shown if they are written to no file.
const shownAnswers = 10

func (t *terminal) showRun(r *serve.Result, out string) {
	if out == "" {
		table := new(ui.Table).Left("image", "class").Right("confidence", "stage")
		for _, a := range r.Answers[:min(len(r.Answers), shownAnswers)] {
			name := a.Name
			if name == "" {
				name = fmt.Sprint(a.Class)
			}
			table.Row(a.ID, name, fmt.Sprintf("%.4f", a.Confidence), fmt.Sprint(a.Stage))
		}
		t.out.Table(table)
		if more := len(r.Answers) - shownAnswers; more > 0 {
			t.out.Printf("... and %s; --out FILE writes all\n", plural(more, "image", "images"))
		}
		t.out.Printf("\n")
	}
	s := r.Summary
	t.out.Printf("%s in %.1f s: %s images/s.\n\n", plural(s.Images, "image", "images"), s.Seconds, ui.Number(s.Rate))
	t.showBeside(s)
	if s.Promise != nil {
		t.out.Printf("%s\n", s.Sentence())
	}
	t.showAgainst(s)
}

// showBeside shows the run beside what was promised, as far as either is known.
func (t *terminal) showBeside(s *serve.Summary) {
	table := new(ui.Table).Left("").Right("here")
	row := func(what, here, promised string) {
		if s.Promise == nil {
			table.Row(what, here)
		} else {
			table.Row(what, here, promised)
		}
	}
	p := s.Promise
	if p == nil {
		p = &serve.Agreement{Reach: make([]float64, len(s.Stages))}
	} else {
		table.Right("promised")
	}
	if m := s.Measured; m != nil {
		row("correct", fmt.Sprintf("%s (%s)", percent(m.Accuracy), between(m.Interval)), fmt.Sprintf("%s (%s)", percent(p.Accuracy), between(p.Interval)))
	} else if s.Promise != nil {
		row("correct", "not known", fmt.Sprintf("%s (%s)", percent(p.Accuracy), between(p.Interval)))
	}
	row(s.Unit, ui.Number(s.Cost), ui.Number(p.Cost))
	for i, stage := range s.Stages {
		row(fmt.Sprintf("reach %s", stage.Model), percent(stage.Reach), percent(p.Reach[i]))
	}
	t.out.Table(table)
}

// showAgainst shows what the cascade saves.
func (t *terminal) showAgainst(s *serve.Summary) {
	a := s.Against
	if a == nil {
		return
	}
	t.out.Printf("\nIn turns with %s over the same images:\n\n", a.Model)
	table := new(ui.Table).Left("").Right("cascade", "other", "saved")
	saving := func(ratio float64) string { return fmt.Sprintf("%.0f %%", 100*(1-ratio)) }
	table.Row(s.Unit, ui.Number(s.Cost), ui.Number(a.Cost), saving(a.CostRatio))
	table.Row("ms per image", ui.Number(1e3/a.Cascade.Rate), ui.Number(1e3/a.Other.Rate), saving(a.TimeRatio))
	ms := func(what string, x, y float64) { table.Row(what, ui.Number(x), ui.Number(y), saving(x/y)) }
	ms("one image, p50 ms", a.Cascade.P50One, a.Other.P50One)
	ms("one image, p95 ms", a.Cascade.P95One, a.Other.P95One)
	ms(fmt.Sprintf("%d images, p50 ms", a.Batch), a.Cascade.P50Batch, a.Other.P50Batch)
	ms(fmt.Sprintf("%d images, p95 ms", a.Batch), a.Cascade.P95Batch, a.Other.P95Batch)
	if m := s.Measured; m != nil && a.Correct != nil {
		table.Row("correct", percent(m.Accuracy), percent(float64(*a.Correct)/float64(m.Samples)))
	}
	t.out.Table(table)
	t.out.Printf("Times are from the encoded image to the answer, decoding included; %s differ.\n", plural(a.Difference, "answer", "answers"))
}

// bundleHelp is the end of export's description.
var bundleHelp = strings.TrimSpace(`
The format bundle writes a folder that 'encas-zoo run' and 'encas-zoo serve' run on any
machine: cascade.json, the models' files, the names of the classes and a README. It takes
any cascade of the zoo's models with --cascade, too, such as a single model to compare
with. Subnets of supernets are extracted into it, which needs --calibrate and the images
that ingest recalibrated their batch norms on. The format triton writes a model repository
of Triton instead (docs/bundle.md).`)
