package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/supernet"
)

func supernetCommand() *cli.Command {
	made := &supernetOptions{python: "python3", SupernetRequest: export.SupernetRequest{Seed: 1}}
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
the smallest and the largest subnet among them. Needs no Python.`,
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
		},
	}
}

// supernetOptions are the flags of supernet export.
type supernetOptions struct {
	export.SupernetRequest
	random        bool
	width, python string
}

// sampleOptions are the flags of supernet sample, and of info.
type sampleOptions struct {
	n             int
	spread, width string
	seed          uint64
}

// supernetShown is the JSON result of supernet export and of supernet info.
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
	genomes, err := space.Sample(o.n, supernet.Spread(o.spread), o.seed)
	if err != nil {
		return usageError{err}
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
