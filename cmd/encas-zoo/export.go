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

func exportCommand() *cli.Command {
	o := &exportOptions{}
	return &cli.Command{
		Name:      "export",
		Usage:     "export one cascade of a run folder",
		UsageText: "--pick N [--format FORMAT] [--out FILE] RUNDIR",
		Description: `Writes one cascade of a front by itself, to build it elsewhere: as JSON, in the form
of docs/schemas/cascade.schema.json; as the text that --cascade takes (cli); or as a
page that says how to build it (md). The zoo is not needed.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo export runs/exact --pick 7
encas-zoo export runs/exact --pick 7 --format md --out cascade.md
encas-zoo evaluate --cascade "$(encas-zoo export runs/exact --pick 7 --format cli)"`),
		Flags: []cli.Flag{
			pickFlag(&o.pick),
			text(&o.format, "format", "`FORMAT`: json, cli or md (default: json)"),
			text(&o.out, "out", "write to `FILE` (default: standard output)"),
			jsonFlag(),
			quietFlag(),
		},
		Action: func(c *cli.Context) error { return runExport(c, o) },
	}
}

// exportFormats are the values of --format.
var exportFormats = []string{"json", "cli", "md"}

// exportOptions are the flags of export.
type exportOptions struct {
	pick        int
	format, out string
}

func runExport(c *cli.Context, o *exportOptions) error {
	t := newTerminal(c)
	if c.NArg() != 1 || !c.IsSet("pick") {
		return usagef("name one run folder, and one of its cascades with --pick")
	}
	format := o.format
	switch {
	case format == "":
		format = "json"
	case !slices.Contains(exportFormats, format):
		return usagef("there is no format %q; there are: %s", format, strings.Join(exportFormats, ", "))
	case format != "json" && t.json:
		return usagef("--json and --format %s exclude each other", format)
	}
	f, err := front.ReadFront(c.Args().First())
	if err != nil {
		return err
	}
	e, err := f.Export(o.pick)
	if err != nil {
		return usageError{err}
	}
	var b bytes.Buffer
	switch format {
	case "json":
		err = e.WriteJSON(&b)
	case "md":
		err = e.WriteMarkdown(&b)
	case "cli":
		fmt.Fprintln(&b, e.String())
	}
	if err != nil {
		return err
	}
	if o.out != "" {
		return atomicfile.WriteFile(o.out, b.Bytes())
	}
	if format == "json" {
		return t.writeJSONText(b.Bytes())
	}
	t.out.Text(b.String())
	return nil
}
