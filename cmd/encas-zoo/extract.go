package main

import (
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/internal/ui"
)

// extraction are the flags of commands that write subnets to files of their own.
type extraction struct {
	ingest.Options
	calibrate string
}

func newExtraction() extraction {
	return extraction{Options: ingest.Options{Seed: 1, CalibrateImages: ingest.DefaultCalibrateImages}}
}

func (x *extraction) flags() []cli.Flag {
	return []cli.Flag{
		bind(&x.calibrate, "calibrate", "recalibrate the batch norms of subnets on images of `[NAME=]PATH`, which the supernet was trained on"),
		bind(&x.CalibrateImages, "calibrate-images", "recalibrate on `N` images, drawn by --seed"),
		bind(&x.Seed, "seed", "seed `S` of the draw"),
		bind(&x.SkipBroken, "skip-broken", "leave out images that cannot be read"),
		bind(&x.Device, "device", "recalibrate on `DEVICE`: cpu, cuda, cuda:1 (default: cuda if available)"),
		bindThreads(&x.Threads, "recalibrate on `T` CPU threads (default: all)"),
		bind(&x.Shim, "shim", "the torch library `PATH` (default: the one that 'encas-zoo shim build' built last)"),
	}
}

// none refuses all of the flags, which need something else that was not given.
func (x *extraction) none(c *cli.Context, need string) error {
	for _, f := range x.flags() {
		if name := f.Names()[0]; c.IsSet(name) {
			return usagef("--%s is for %s", name, need)
		}
	}
	return nil
}

// extractor returns what writes the files, which must be closed.
func (x *extraction) extractor(t *terminal) *ingest.Extractor {
	o := x.Options
	o.Calibrate = calibrationPath(x.calibrate)
	o.Log = func(note string) { t.err.Notef("%s", note) }
	reading, recalibrating := t.err.Progress("reading all images once", "images"), t.err.Progress("recalibrating", "images")
	o.Progress = func(p ingest.Progress) {
		line, note := reading, ""
		if len(p.Models) > 0 {
			line, note = recalibrating, p.Models[0]
		}
		line.Update(p.Done, p.Total, note)
		if p.Done == p.Total {
			line.Stop()
		}
	}
	return ingest.NewExtractor(o)
}

// calibrationPath is the path of [NAME=]PATH. What is there as a whole is a path.
func calibrationPath(text string) string {
	if _, err := os.Stat(text); err == nil {
		return text
	}
	if _, path, named := strings.Cut(text, "="); named {
		return path
	}
	return text
}

// extractOptions are the flags of supernet extract.
type extractOptions struct {
	extraction
	genome, out string
}

func supernetExtractCommand() *cli.Command {
	o := &extractOptions{extraction: newExtraction()}
	return &cli.Command{
		Name:      "extract",
		Usage:     "write a subnet as a file of its own",
		UsageText: "FILE --genome G --calibrate [NAME=]PATH --out FILE [flags]",
		Description: `Recalibrates the batch norms of a subnet as 'encas-zoo ingest' does, and writes it to a
TorchScript file that holds its weights alone: any torch from 1.13 on runs it, and ingest
takes it as it takes any model's file, with the outputs that the subnet has. Needs no
Python.

PATH holds images that the supernet was trained on, labelled or not. 'encas-zoo supernet
sample' and the column genome of a zoo name subnets. A cascade's subnets are extracted by
'encas-zoo export --format bundle --calibrate PATH'.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo supernet extract ofa10.pt --genome 0.0.1.1.0.0.1.1.0.0.1.1.0.0.1.1.0.0.1.1.0.0 --calibrate train=imagenet/train --out small.pt`,
			"130  interrupted"),
		Flags: append([]cli.Flag{
			bind(&o.genome, "genome", "the subnet `G`"),
			bind(&o.out, "out", "write to `FILE`"),
		}, o.flags()...),
		Action: on(func(c *cli.Context, t *terminal) error { return runSupernetExtract(c, t, o) }),
	}
}

// sameFile reports whether two paths are of one file that is there.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// extracted is the JSON result of supernet extract.
type extracted struct {
	Version    int           `json:"version"`
	File       string        `json:"file"`
	Bytes      int64         `json:"bytes"`
	Name       string        `json:"name"`
	License    string        `json:"license"`
	Checkpoint string        `json:"checkpoint"` // of the file
	Subnet     export.Subnet `json:"subnet"`
}

func runSupernetExtract(c *cli.Context, t *terminal, o *extractOptions) error {
	file, err := one(c, "an exported file")
	if err != nil {
		return err
	}
	switch {
	case o.genome == "":
		return usagef("name the subnet with --genome; 'encas-zoo supernet sample %s' draws some", shell.Word(file))
	case o.calibrate == "":
		return usagef("name images that the supernet was trained on with --calibrate: a subnet's batch norms have to be recalibrated")
	case o.out == "":
		return usagef("name the file to write with --out")
	case sameFile(file, o.out):
		return usagef("--out %s is the supernet itself: name another file", o.out)
	case sameFile(calibrationPath(o.calibrate), o.out):
		return usagef("--out %s is the file of the images: name another one", o.out)
	}
	if _, err := export.ReadMeta(file); err != nil {
		return err
	}
	entry, err := ingest.ParseEntry([]string{file, "genome=" + o.genome}, ".")
	if err != nil {
		return usageError{err}
	}
	x := o.extractor(t)
	defer x.Close()
	meta, err := x.Extract(c.Context, entry, o.out)
	if err != nil {
		return err
	}
	info, err := os.Stat(o.out)
	if err != nil {
		return err
	}
	shown := extracted{1, o.out, info.Size(), meta.Name, meta.License, meta.Checkpoint, *meta.Subnet}
	return t.give(shown, func() {
		t.out.Printf("%s: %s, %s gflops, %s params, %s MB\n", o.out, meta.Name, ui.Number(shown.Subnet.GFLOPs), ui.Count(shown.Subnet.Params), ui.Number(float64(info.Size())/1e6))
		t.out.Printf("recalibrated: %s\n", shown.Subnet.Calibration)
	})
}
