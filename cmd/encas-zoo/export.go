package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "take one cascade of a run folder away",
		UsageText: "--pick N [--format FORMAT] [--out FILE] RUNDIR",
		Description: `Writes one cascade of a front by itself, to build it elsewhere: as JSON, in the form
of docs/schemas/cascade.schema.json; as the text that --cascade takes (cli); or as a
page that says how to build it (md). The zoo is not needed.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo export runs/exact --pick 7
encas-zoo export runs/exact --pick 7 --format md --out cascade.md
encas-zoo evaluate --cascade "$(encas-zoo export runs/exact --pick 7 --format cli)"`),
		Flags: []cli.Flag{
			pickFlag(),
			&cli.StringFlag{Name: "format", Usage: "`FORMAT`: json, cli or md (default: json)"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE` (default: standard output)"},
			jsonFlag(),
			quietFlag(),
		},
		Action: runExport,
	}
}

// exportFormats are the values of --format.
var exportFormats = []string{"json", "cli", "md"}

func pickFlag() cli.Flag {
	return &cli.IntFlag{Name: "pick", Usage: "take the cascade with this number, `N`, in the front"}
}

func runExport(c *cli.Context) error {
	t := newTerminal(c)
	if c.NArg() != 1 || !c.IsSet("pick") {
		return usagef("name one run folder, and one of its cascades with --pick")
	}
	format := c.String("format")
	switch {
	case format == "":
		format = "json"
	case !slices.Contains(exportFormats, format):
		return usagef("there is no format %q; there are: %s", format, strings.Join(exportFormats, ", "))
	case format != "json" && t.json:
		return usagef("--json and --format %s exclude each other", format)
	}
	front, err := report.ReadFront(c.Args().First())
	if err != nil {
		return err
	}
	cascade, err := front.Export(c.Int("pick"))
	if err != nil {
		return usageError{err}
	}
	var b bytes.Buffer
	switch format {
	case "json":
		err = cascade.WriteJSON(&b)
	case "md":
		err = cascade.WriteMarkdown(&b)
	case "cli":
		fmt.Fprintln(&b, cascade.Text)
	}
	if err != nil {
		return err
	}
	if path := c.String("out"); path != "" {
		return atomicfile.WriteFile(path, b.Bytes())
	}
	if format == "json" {
		return writeJSONText(b.Bytes())
	}
	t.out.Text(b.String())
	return nil
}
