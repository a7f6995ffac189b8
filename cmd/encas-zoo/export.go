package main

import (
	"bytes"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/study"
)

// exportFormats are the values of --format.
var exportFormats = []string{"json", "cli", "md", "bundle", "triton"}

// exportOptions are the flags of export.
type exportOptions struct {
	pick        front.Pick
	format, out string
	bundle      study.BundleOptions
	cascade     string
	extraction  extraction
}

func exportCommand() *cli.Command {
	o := &exportOptions{extraction: newExtraction()}
	return &cli.Command{
		Name:      "export",
		Usage:     "export one cascade of a run folder",
		UsageText: "(--pick N | --within X | --min-accuracy Y) [--format FORMAT] [--out PATH] RUNDIR",
		Description: `Writes one cascade of a front, to build it elsewhere: as JSON (the schema is
docs/schemas/cascade.schema.json), as the text that --cascade takes (cli), or as a page
that describes how to build it (md). The zoo is not needed for these.

The cascade is named by its number or chosen: by the accuracy that is expected on other
samples if the run has it, else by that on the samples searched.

` + bundleHelp,
		CustomHelpTemplate: commandHelp(`
encas-zoo export runs/exact --pick 7
encas-zoo export runs/exact --pick best                   the first that optimize named
encas-zoo export runs/exact --within 0.05                 the most accurate for that cost
encas-zoo export runs/exact --min-accuracy 0.98           the cheapest of that accuracy
encas-zoo export runs/exact --pick 7 --out cascade.md
encas-zoo export runs/exact --pick best --format bundle --out bundle
encas-zoo export runs/exact --pick best --format triton --out repository
encas-zoo export runs/exact --cascade resnet56 --format bundle --out resnet56
encas-zoo export runs/casc --pick best --format bundle --out bundle --calibrate train=imagenet/train
encas-zoo evaluate --zoo cifar --cascade "$(encas-zoo export runs/exact --pick 7 --format cli)"`,
			"130  interrupted"),
		Flags: slices.Concat(pickFlags(&o.pick), []cli.Flag{
			bind(&o.format, "format", "`FORMAT`: json, cli, md, bundle or triton (default: the ending of --out, else json)"),
			bind(&o.out, "out", "write to `PATH`: a file (default: standard output), or the folder of a bundle or of a model repository"),
			bind(&o.cascade, "cascade", "bundle this cascade, `TEXT`, instead of one of the front"),
			bind(&o.bundle.Replace, "force", "replace an earlier bundle"),
			bind(&o.bundle.ModelsDir, "models-dir", "look in `DIR` for models' files that are not where they were when they were ingested"),
			runZooFlag(),
		}, o.extraction.flags()),
		Action: on(func(c *cli.Context, t *terminal) error { return runExport(c, t, o) }),
	}
}

func runExport(c *cli.Context, t *terminal, o *exportOptions) error {
	ending := "json"
	if o.out != "" && !t.json {
		ending = strings.TrimPrefix(strings.ToLower(filepath.Ext(o.out)), ".")
	}
	byEnding := o.format == ""
	o.format = cmp.Or(o.format, ending)
	switch {
	case c.NArg() != 1 || picks(c) == c.IsSet("cascade"):
		return usagef("name one run folder, and one of its cascades with --pick, --within or --min-accuracy")
	case byEnding && ending != "json" && ending != "md":
		return usagef("--out %q: its name must end with .json or .md; or name the format with --format", o.out)
	case !slices.Contains(exportFormats, o.format):
		return usagef("unknown format %q; it is one of: %s", o.format, strings.Join(exportFormats, ", "))
	case o.format != "json" && !o.folder() && t.json:
		return usagef("--json and --format %s exclude each other", o.format)
	}
	if o.folder() {
		return t.exportBundle(c, o)
	}
	for _, name := range []string{"cascade", "force", "models-dir", "zoo"} {
		if c.IsSet(name) {
			return usagef("--%s is for --format bundle or triton", name)
		}
	}
	if err := o.extraction.none(c, "--format bundle or triton"); err != nil {
		return err
	}
	run, number, err := picked(c, o.pick)
	if err != nil {
		return err
	}
	t.warnOfParts(run)
	e, err := run.Front.Export(number)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	switch o.format {
	case "json":
		err = e.WriteJSON(&b)
	case "md":
		err = e.WriteMarkdown(&b)
	case "cli":
		fmt.Fprintln(&b, e.Text)
	}
	switch {
	case err != nil:
		return err
	case o.out != "":
		if err := atomicfile.WriteFile(o.out, b.Bytes()); err != nil {
			return err
		}
		t.wrote(o.out)
		return nil
	case o.format == "json":
		return t.writeJSONText(b.Bytes())
	}
	t.out.Text(b.String())
	return nil
}

// folder reports whether the format is a folder with the models' files.
func (o *exportOptions) folder() bool { return o.format == "bundle" || o.format == "triton" }

func (t *terminal) exportBundle(c *cli.Context, o *exportOptions) (err error) {
	switch {
	case o.out == "":
		return usagef("name the folder to write with --out")
	case o.format == "triton" && o.bundle.Replace:
		return usagef("--force is for --format bundle: name a new folder for the model repository")
	}
	o.bundle.Dir = o.out
	if o.extraction.calibrate != "" {
		x := o.extraction.extractor(t)
		defer x.Close()
		o.bundle.Extract = x.ExtractModel
	} else if err := o.extraction.none(c, "--calibrate"); err != nil {
		return err
	}
	var run report.Source
	if c.IsSet("cascade") {
		text, err := cascade.Parse(o.cascade)
		if err != nil {
			return asUsage(err)
		}
		o.bundle.Cascade = &text
		run, err = study.ReadRun(c.Args().First())
		if err != nil {
			return err
		}
	} else if run, o.bundle.Number, err = picked(c, o.pick); err != nil {
		return err
	}
	z, err := t.openZooOf(c, run)
	if err != nil {
		return err
	}
	t.warnOfParts(run)
	write := study.Bundle
	if o.format == "triton" {
		write = study.TritonRepository
	}
	b, err := write(c.Context, z, run, o.bundle, t.watch())
	if err != nil {
		return err
	}
	return t.give(b, func() { t.showBundle(b, o) })
}

// warnOfParts warns of a front that is of some parts of a search alone.
func (t *terminal) warnOfParts(run report.Source) {
	if p := run.Front.Parts; p != nil {
		t.err.Warnf("%s: %s", run.Dir, p.Caveat())
	}
	t.noteStopped(run)
}

// noteStopped says which fronts are of searches that were stopped, and how these go on. What is
// shown of parts says it of them.
func (t *terminal) noteStopped(runs ...report.Source) {
	for _, run := range runs {
		if !run.Front.Interrupted || run.Front.Parts != nil {
			continue
		}
		goesOn := ""
		if command := study.GoesOn(run); command != "" {
			goesOn = fmt.Sprintf("; '%s' goes on", command)
		}
		t.err.Notef("%s: %s%s", run.Dir, run.Front.Caveat(), goesOn)
	}
}

// showBundle says what a bundle is.
func (t *terminal) showBundle(b *bundle.Bundle, o *exportOptions) {
	t.out.Printf("%s: %s\n", o.out, b.Text)
	if p := b.Promise; p != nil {
		how := "on the split " + p.Split
		if p.Searched {
			how = "expected on other samples"
		}
		t.out.Printf("%s correct (%s) at %s %s, %s.\n", percent(p.Accuracy), between(p.Interval), ui.Number(p.Cost), b.Cost, how)
	}
	if b.CanRun() == nil && o.format == "bundle" {
		t.out.Printf("Run it: encas-zoo run %s --data IMAGES\n", shell.Word(b.Dir))
	}
}
