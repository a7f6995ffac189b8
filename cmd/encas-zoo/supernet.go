package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/ingest/tuning"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/supernet"
)

func supernetCommand() *cli.Command {
	made := &supernetOptions{python: "python3", SupernetRequest: export.SupernetRequest{Seed: 1}}
	trained := &trainOptions{Request: tuning.Request{Options: tuning.Options{Settings: tuning.Paper()}, Python: "python3"}, precision: "fp32"}
	trained.Rate, trained.Augment.CutMix, trained.Augment.RandAugment, trained.Sandwich = 0, 0, 0, true
	drawn := &sampleOptions{n: 100, spread: string(supernet.Uniform), seed: 1}
	families := strings.Join(supernet.Families(), ", ")
	return &cli.Command{
		Name:               "supernet",
		Usage:              "export supernets; show, sample and extract their subnets",
		CustomHelpTemplate: groupHelp,
		Subcommands: []*cli.Command{
			{
				Name:      "export",
				Usage:     "write a supernet's weights as one file that runs any of its subnets",
				UsageText: "FAMILY --weights FILE --out FILE [--width W] [--classes C] [flags]",
				Description: `FAMILY is ` + families + `
(ofa-mbv3 --width 1.0 is the first), or the path of a table in JSON, which describes a
supernet of your own.

The weights are a state dict that torch.save wrote, alone or as state_dict or
model_state_dict, named as OFA's, AttentiveNAS's or ENCAS's files name them. Nothing else
that is pickled in the file is run. Each tensor must have its place in the network and
each place its tensor; otherwise nothing is written, and the message lists them. With
--classes all but the classifier is taken, and a new one for that number of classes
begins with small random weights. Needs a Python with torch.

The file is a TorchScript file. As a model for 'encas-zoo ingest' it is the largest subnet.`,
				CustomHelpTemplate: commandHelp(`
encas-zoo supernet export ofa-mbv3 --width 1.0 --weights ofa_mbv3_d234_e346_k357_w1.0 --out ofa10.pt
encas-zoo supernet export attentive --weights attentive_nas_pretrained.pth.tar --out attn.pt
encas-zoo supernet export mine.json --weights mine.pth --classes 10 --out mine.pt
encas-zoo supernet export ofa-proxyless --random --out random.pt`,
					"130  interrupted"),
				Flags: []cli.Flag{
					bind(&made.Weights, "weights", "the state dict in `FILE`"),
					bind(&made.random, "random", "random weights, for tests"),
					bind(&made.Out, "out", "write to `FILE`"),
					bind(&made.width, "width", "the width `W` of a family that has several"),
					bind(&made.Classes, "classes", "a new classifier for `C` classes (default: that of the weights)"),
					bind(&made.License, "license", "the licence `L` of the weights (default: that of the family's published ones)"),
					bind(&made.Seed, "seed", "seed `S` of random weights"),
					bind(&made.python, "python", "the Python interpreter `PATH` with torch"),
				},
				Action: on(func(c *cli.Context, t *terminal) error { return runSupernetExport(c, t, made) }),
			},
			{
				Name:      "info",
				Usage:     "show what subnets there are and what they cost",
				UsageText: "FILE|FAMILY [--width W]",
				Description: `Shows the space of an exported file, of a family, or of a table in JSON: resolutions,
genes, the number of subnets, the smallest and the largest one. gflops are 10^9
multiply-adds, as everywhere; ptflops are what ENCAS calls FLOPs, 3 to 7 % more. Needs
no Python.`,
				CustomHelpTemplate: commandHelp(`
encas-zoo supernet info ofa10.pt
encas-zoo supernet info ofa-mbv3 --width 1.2
encas-zoo supernet info attentive --json | jq .table`),
				Flags:  []cli.Flag{bind(&drawn.width, "width", "the width `W` of a family that has several")},
				Action: on(func(c *cli.Context, t *terminal) error { return runSupernetInfo(c, t, drawn.width) }),
			},
			{
				Name:      "sample",
				Usage:     "draw subnets, as lines of a list of models",
				UsageText: "FILE [--n N] [--spread genes|gflops|log-gflops] [--seed S]",
				Description: `Draws different subnets and writes them in ascending order of multiply-adds. They are
spread over genes, each drawn by itself, or evenly over multiply-adds or their logarithm,
the smallest and the largest subnet among them. Paths in a list are relative to the list's
folder: write it beside FILE. Needs no Python.`,
				CustomHelpTemplate: commandHelp(`
encas-zoo supernet sample ofa10.pt --n 200 --spread gflops --seed 1 > ofa10.txt
encas-zoo supernet sample ofa10.pt --n 20 --json | jq '.samples[].gflops'`),
				Flags: []cli.Flag{
					bind(&drawn.n, "n", "`N` subnets"),
					bind(&drawn.spread, "spread", "spread evenly over `WHAT`: genes, gflops or log-gflops"),
					bind(&drawn.seed, "seed", "seed `S` of the draw"),
				},
				Action: on(func(c *cli.Context, t *terminal) error { return runSupernetSample(c, t, drawn) }),
			},
			supernetExtractCommand(),
			{
				Name:      "train",
				Usage:     "train the weights that all subnets share",
				UsageText: "FILE|FAMILY|TABLE --data [train=]PATH --out FILE [--epochs E] [flags]",
				Description: `Trains a file that 'encas-zoo supernet export' wrote, or from nothing the supernet of a
family or of a table in JSON, on images with labels (of any form that 'encas-zoo ingest'
reads), and writes a file of the same kind. Every batch trains the largest subnet on the
labels, and the smallest and two random ones on what the largest answers (the sandwich rule
with in-place distillation). SGD with Nesterov's momentum; the rate of learning falls along
a cosine.

The state is kept in FILE.part every minute, and when the training is interrupted: the same
command goes on from there as if nothing had been. Only from nothing it needs a Python with
torch; libtorch is prepared once by 'encas-zoo shim build'.

Images are cropped at random, as far as --crop allows, or with --shift shifted; and half of
them mirrored. --average 5 gives the average of the weights after each of the last five
epochs.`,
				CustomHelpTemplate: commandHelp(`
encas-zoo supernet train mine.json --data train=photos/train --epochs 100 --out mine.pt
encas-zoo supernet train mobile.json --data train-images-idx3-ubyte.gz --classes 10 --shift 2 --out mobile.pt
encas-zoo supernet train ofa10.pt --data imagenet/train --epochs 5 --average 3 --device cuda --precision fp16 --out tuned.pt`,
					"130  interrupted; the same command goes on"),
				Flags: []cli.Flag{
					bind(&trained.data, "data", "train on the labelled images of `[NAME=]PATH`"),
					bind(&trained.Out, "out", "write to `FILE`"),
					bind(&trained.Epochs, "epochs", "see all images `E` times"),
					bind(&trained.Batch, "batch", "`N` images a step"),
					bind(&trained.Rate, "rate", "the highest rate `R` of learning (default: 0.01, from nothing 0.3)"),
					bind(&trained.WarmUp, "warm-up", "reach that rate after `E` epochs (default: at once, from nothing 0.5)"),
					bind0(&trained.Momentum, "momentum", "Nesterov's momentum `M`"),
					bind0(&trained.Decay, "decay", "the decay `D` of weights"),
					bind0(&trained.Average, "average", "average the weights after the last `N` epochs"),
					bind(&trained.Augment.Crop, "crop", "crop at random, at least the share `S` of an image's area; 1 for all of it"),
					bind0(&trained.Augment.Shift, "shift", "shift images by up to `N` of their pixels instead of cropping them"),
					bind(&trained.Augment.Flip, "flip", "mirror half of the images; --flip=false for none"),
					bind0(&trained.Augment.CutMix, "cutmix", "by the chance `P` put a rectangle of one image into another (CutMix)"),
					bind0(&trained.Augment.RandAugment, "randaugment", "change images by RandAugment of magnitude `M`, up to 10; 0: not at all"),
					bind(&trained.Classes, "classes", "number of classes `C`, from nothing and if the data do not say it"),
					bind(&trained.Width, "width", "the width `W` of a family that has several"),
					bind(&trained.Seed, "seed", "seed `S` of everything random"),
					bind(&trained.Device, "device", "train on `DEVICE`: cpu, cuda, cuda:1 (default: cuda if available)"),
					bind(&trained.precision, "precision", "compute in `P`: fp32, bf16, fp16"),
					bindThreads(&trained.Threads, "train on `T` CPU threads (default: all)"),
					bind(&trained.Python, "python", "the Python interpreter `PATH` with torch, from nothing"),
					bind(&trained.Library, "shim", "the torch library `PATH` (default: the one that 'encas-zoo shim build' made for the torch of --python, else its latest)"),
				},
				Action: on(func(c *cli.Context, t *terminal) error { return runSupernetTrain(c, t, trained) }),
			},
		},
	}
}

// supernetOptions are the flags of supernet export.
type supernetOptions struct {
	export.SupernetRequest
	random        bool
	width, python string
}

// trainOptions are the flags of supernet train.
type trainOptions struct {
	tuning.Request
	data, precision string
}

// sampleOptions are the flags of supernet sample, and of info.
type sampleOptions struct {
	n             int
	spread, width string
	seed          uint64
}

// supernetShown is the JSON result of supernet export, train and info.
type supernetShown struct {
	Version    int             `json:"version"`
	File       string          `json:"file,omitempty"`
	Name       string          `json:"name"`
	License    string          `json:"license"`
	Classes    int             `json:"classes"`
	Subnets    float64         `json:"subnets"`
	Params     int64           `json:"params,omitempty"`     // of all weights
	Checkpoint string          `json:"checkpoint,omitempty"` // of the file
	Pretrained *bool           `json:"pretrained,omitempty"`
	Genes      []geneShown     `json:"genes"`
	Smallest   supernet.Member `json:"smallest"`
	Largest    supernet.Member `json:"largest"`
	Table      supernet.Table  `json:"table"`
}

type geneShown struct {
	Name string `json:"name"`
	Low  int    `json:"low"`
	High int    `json:"high"`
}

// one returns the only argument, which is what.
func one(c *cli.Context, what string) (string, error) {
	switch c.NArg() {
	case 0:
		return "", usagef("name %s", what)
	case 1:
		return c.Args().First(), nil
	}
	return "", usagef("unexpected argument %q", c.Args().Get(1))
}

func runSupernetExport(c *cli.Context, t *terminal, o *supernetOptions) error {
	name, err := one(c, "a family or a table")
	if err != nil {
		return err
	}
	if o.Table, err = supernet.Find(name, o.width); err != nil {
		return usageError{err}
	}
	switch {
	case o.Out == "":
		return usagef("name the file to write with --out")
	case sameFile(name, o.Out):
		return usagef("--out %s is the table: name another file", o.Out)
	case sameFile(o.Weights, o.Out):
		return usagef("--out %s is the file of the weights: name another one", o.Out)
	case o.random == (o.Weights != ""):
		return usagef("name the weights with --weights, or ask for random ones with --random")
	}
	exporter := export.New(o.python, os.Stderr)
	if c.Bool("quiet") {
		exporter = export.New(o.python, nil)
	}
	defer exporter.Close()
	meta, err := exporter.Supernet(c.Context, o.SupernetRequest)
	if err != nil {
		return err
	}
	return t.giveSupernet(o.Out, meta)
}

func runSupernetTrain(c *cli.Context, t *terminal, o *trainOptions) (err error) {
	if o.File, err = one(c, "an exported file, a family or a table"); err != nil {
		return err
	}
	if o.Precision, err = torch.ParsePrecision(o.precision); err != nil {
		return usageError{err}
	}
	if _, path, named := strings.Cut(o.data, "="); named {
		o.Data = path
	} else {
		o.Data = o.data
	}
	switch {
	case o.Data == "":
		return usagef("name the images to train on with --data")
	case o.Out == "":
		return usagef("name the file to write with --out")
	case o.Augment.Shift > 0 && c.IsSet("crop"):
		return usagef("--shift takes the place of --crop: give one of them")
	case o.Augment.Shift > 0:
		o.Augment.Crop = 0
	}
	if err := o.Settings.Check(); err != nil {
		return usageError{err}
	}
	o.Log = func(note string) { t.err.Notef("%s", note) }
	if !c.Bool("quiet") {
		o.Stderr = os.Stderr
	}
	progress := t.err.Progress("training", "images")
	var last tuning.Progress
	o.Progress = func(p tuning.Progress) {
		last = p
		progress.Update(p.Done, p.Total, fmt.Sprintf("epoch %d/%d, loss %.3f, %s images/s", p.Epoch, p.Epochs, p.Loss, ui.Number(p.Rate)))
	}
	meta, err := tuning.Run(c.Context, o.Request)
	progress.Stop()
	if err != nil {
		return err
	}
	if last.Done > 0 {
		t.err.Notef("loss %.3f in the last epoch, %s images/s", last.Loss, ui.Number(last.Rate))
	}
	return t.giveSupernet(o.Out, meta)
}

func runSupernetInfo(c *cli.Context, t *terminal, width string) error {
	name, err := one(c, "an exported file, a family or a table")
	if err != nil {
		return err
	}
	meta, err := export.ReadMeta(name)
	if err == nil {
		return t.giveSupernet(name, meta)
	}
	// It may be no file, or a table.
	table, errFind := supernet.Find(name, width)
	switch {
	case errFind == nil:
		return t.giveSupernet("", export.Meta{Supernet: &table, License: table.License, Classes: 1000})
	case errors.Is(err, os.ErrNotExist):
		return usagef("there is no file %s, and %w", name, errFind)
	case strings.HasSuffix(name, ".json"):
		return errFind
	}
	return err
}

// giveSupernet gives what a file, or if it is "" a table, holds.
func (t *terminal) giveSupernet(file string, meta export.Meta) error {
	space, err := meta.Space()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	shown := supernetShown{Version: 1, File: file, Name: space.Table.Name, License: meta.License, Classes: meta.Classes, Table: space.Table, Genes: []geneShown{}}
	shown.Subnets, _ = space.Subnets().Float64()
	if file != "" {
		shown.Params, shown.Checkpoint, shown.Pretrained = meta.Params, meta.Checkpoint, &meta.Pretrained
	}
	for _, g := range space.Genes() {
		shown.Genes = append(shown.Genes, geneShown{g.Name, g.Low, g.High})
	}
	if shown.Smallest, err = space.Describe(space.Smallest()); err != nil {
		return err
	}
	if shown.Largest, err = space.Describe(space.Largest()); err != nil {
		return err
	}
	return t.give(shown, func() { t.showSupernet(&shown) })
}

func (t *terminal) showSupernet(s *supernetShown) {
	name := s.Name
	if s.File != "" {
		name = s.File + ", " + s.Name
	}
	table := new(ui.Table).Left("supernet", name)
	if s.License != "" {
		table.Row("licence", s.License)
	}
	table.Row("classes", ui.Count(s.Classes))
	if s.Params > 0 {
		table.Row("params", ui.Count(s.Params))
	}
	if s.Pretrained != nil && !*s.Pretrained {
		table.Row("weights", "random")
	}
	resolutions := s.Table.Resolutions
	table.Row("resolutions", fmt.Sprintf("%d to %d (%d)", resolutions[0], resolutions[len(resolutions)-1], len(resolutions)))
	table.Row("genes", ui.Count(len(s.Genes)))
	table.Row("subnets", ui.Number(s.Subnets))
	table.Row("recalibration", string(s.Table.Calibration))
	t.out.Table(table)
	t.out.Printf("\n")
	ends := new(ui.Table).Left("").Right("resolution", "gflops", "ptflops", "params").Shrink("genome")
	for _, end := range []struct {
		name string
		supernet.Member
	}{{"smallest", s.Smallest}, {"largest", s.Largest}} {
		ends.Row(end.name, ui.Count(end.Resolution), ui.Number(end.GFLOPs), ui.Number(end.PtFLOPs), ui.Count(end.Params), end.Genome)
	}
	t.out.Table(ends)
}

// sampled is the JSON result of supernet sample.
type sampled struct {
	Version int               `json:"version"`
	File    string            `json:"file"`
	Samples []supernet.Member `json:"samples"`
}

func runSupernetSample(c *cli.Context, t *terminal, o *sampleOptions) error {
	file, err := one(c, "an exported file")
	if err != nil {
		return err
	}
	if strings.ContainsAny(file, "\r\n") {
		return usagef("%q: a path with a line break cannot be in a list", file)
	}
	meta, err := export.ReadMeta(file)
	if err != nil {
		return err
	}
	space, err := meta.Space()
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	var genomes []supernet.Genome
	done := make(chan error, 1)
	go func() { // the draw of very many does not look whether to stop
		defer crash.Guard()()
		var err error
		genomes, err = space.Sample(o.n, supernet.Spread(o.spread), o.seed)
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			return usageError{err}
		}
	case <-c.Context.Done():
		return c.Context.Err()
	}
	result := sampled{1, file, nil}
	for _, g := range genomes {
		member, err := space.Describe(g)
		if err != nil {
			return err
		}
		result.Samples = append(result.Samples, member)
	}
	return t.give(result, func() {
		for _, g := range genomes {
			t.out.Printf("%s\n", ingest.Line(file, g))
		}
	})
}
