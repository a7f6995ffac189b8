package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

// exportFormats are the values of --format.
var exportFormats = []string{"json", "cli", "md"}

// exportOptions are the flags of export.
type exportOptions struct {
	pick        front.Pick
	format, out string
}

func exportCommand() *cli.Command {
	o := &exportOptions{format: "json"}
	return &cli.Command{
		Name:      "export",
		Usage:     "export one cascade of a run folder",
		UsageText: "(--pick N | --within X | --min-accuracy Y) [--format FORMAT] [--out FILE] RUNDIR",
		Description: `Writes one cascade of a front, to build it elsewhere: as JSON (the schema is
docs/schemas/cascade.schema.json), as the text that --cascade takes (cli), or as a page
that describes how to build it (md). The zoo is not needed.

The cascade is named by its number or chosen: by the accuracy that is expected on other
samples if the run has it, else by that on the samples searched.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo export runs/exact --pick 7
encas-zoo export runs/exact --pick best                   the first that optimize named
encas-zoo export runs/exact --within 0.05                 the most accurate for that cost
encas-zoo export runs/exact --min-accuracy 0.98           the cheapest of that accuracy
encas-zoo export runs/exact --pick 7 --format md --out cascade.md
encas-zoo evaluate --zoo cifar --cascade "$(encas-zoo export runs/exact --pick 7 --format cli)"`),
		Flags: append(pickFlags(&o.pick),
			bind(&o.format, "format", "`FORMAT`: json, cli or md"),
			bind(&o.out, "out", "write to `FILE` (default: standard output)")),
		Action: on(func(c *cli.Context, t *terminal) error { return runExport(c, t, o) }),
	}
}

func runExport(c *cli.Context, t *terminal, o *exportOptions) error {
	switch {
	case c.NArg() != 1 || !picks(c):
		return usagef("name one run folder, and one of its cascades with --pick, --within or --min-accuracy")
	case !slices.Contains(exportFormats, o.format):
		return usagef("unknown format %q; it is one of: %s", o.format, strings.Join(exportFormats, ", "))
	case o.format != "json" && t.json:
		return usagef("--json and --format %s exclude each other", o.format)
	}
	run, number, err := picked(c, o.pick)
	if err != nil {
		return err
	}
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
		return atomicfile.WriteFile(o.out, b.Bytes())
	case o.format == "json":
		return t.writeJSONText(b.Bytes())
	}
	t.out.Text(b.String())
	return nil
}
