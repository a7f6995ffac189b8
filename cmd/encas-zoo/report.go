package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// The formats of report: files to look at, and texts.
var (
	reportFiles   = append([]string{"html"}, report.PlotFormats...)
	reportTexts   = []string{"md", "csv", "json"}
	reportFormats = slices.Concat(reportFiles, reportTexts)
)

// reportOptions are the flags of report.
type reportOptions struct {
	split, format, out string
	open               bool
}

func reportCommand() *cli.Command {
	o := &reportOptions{}
	return &cli.Command{
		Name:      "report",
		Usage:     "show fronts as a page, as plots and as tables",
		UsageText: "[--zoo DIR] [--split NAME] [flags] RUNDIR...",
		Description: `Writes a page to look at, report.html, and plots for papers, front.svg, front.png and
front.pdf, to the first run folder. The page is one file that loads nothing else. It
shows the front on the samples it was chosen on and on those of another split, the
results of each stage of a cascade, and the provenance of all results. Further run
folders, of the same zoo and split, are drawn over the first.

The zoo is --zoo, else the one of the run. If that is gone, or lacks a model of the run, the
page shows the content of the run folder, and says so.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo report runs/exact --open
encas-zoo report runs/exact runs/gomea --out comparison.html
encas-zoo report runs/exact --out paper/front.pdf
encas-zoo report runs/exact --format md
encas-zoo report runs/exact --format json | jq '.runs[0].cascades[-1].test'`,
			"130  interrupted"),
		Flags: []cli.Flag{
			runZooFlag(),
			bind(&o.split, "split", "the samples to check on, `NAME` (default: test, or else one with no samples searched)"),
			bind(&o.format, "format", "write only one `FORMAT`: "+strings.Join(reportFormats, ", ")+"; the last three to standard output"),
			bind(&o.out, "out", "write to `FILE`, in the format of its ending"),
			bind(&o.open, "open", "open the page in the browser"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runReport(c, t, o) }),
	}
}

func runReport(c *cli.Context, t *terminal, o *reportOptions) error {
	if !c.Args().Present() {
		return usagef("name a run folder")
	}
	formats, err := o.formats(t.json)
	if err != nil {
		return err
	}
	sources, err := study.ReadRuns(c.Args().Slice())
	if err != nil {
		return err
	}
	t.noteStopped(sources...)
	z, err := t.zooOfRuns(c, sources)
	if err != nil && c.IsSet("zoo") {
		return err
	}
	data, err := study.Report(c.Context, z, err, sources, study.TestSplit{Name: o.split, Asked: c.IsSet("split")}, t.watch())
	if err != nil {
		return err
	}
	for _, format := range formats {
		if err := t.writeReport(data, format, o, c.Args().First()); err != nil {
			return err
		}
	}
	return nil
}

// formats returns the formats to write.
func (o *reportOptions) formats(asJSON bool) ([]string, error) {
	format := o.format
	if asJSON && format == "" {
		format = "json"
	}
	if format == "" && o.out != "" {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(o.out)), ".")
	}
	switch {
	case format == "" && o.out != "":
		return nil, usagef("--out %s: name the format with --format", o.out)
	case format == "":
		return reportFiles, nil
	case !slices.Contains(reportFormats, format):
		return nil, usagef("unknown format %q; it is one of: %s", format, strings.Join(reportFormats, ", "))
	case asJSON && format != "json":
		return nil, usagef("--json and --format %s exclude each other", format)
	case o.open && format != "html":
		return nil, usagef("--open needs the page, not %s", format)
	}
	return []string{format}, nil
}

// zooOfRuns opens the zoo of --zoo, else that of one of the runs. The error is about the
// first.
func (t *terminal) zooOfRuns(c *cli.Context, sources []report.Source) (*zoo.Zoo, error) {
	if c.IsSet("zoo") {
		return t.openZoo(c)
	}
	var first error
	for _, s := range sources {
		z, err := study.ZooOfRun(c.Context, s, otherZoos(c), t.watch())
		if err == nil {
			return z, nil
		}
		first = cmp.Or(first, err)
	}
	return nil, first
}

// writeReport writes the data in one format.
func (t *terminal) writeReport(data *report.Data, format string, o *reportOptions, dir string) error {
	var b bytes.Buffer
	if err := writeFormat(data, format, &b); err != nil {
		return fmt.Errorf("%s: %w", format, err)
	}
	path := o.out
	switch {
	case path != "":
	case format == "json":
		return t.writeJSONText(b.Bytes())
	case slices.Contains(reportTexts, format):
		t.out.Text(b.String())
		return nil
	case format == "html":
		path = filepath.Join(dir, front.ReportFile)
	default:
		path = filepath.Join(dir, "front."+format)
	}
	if err := atomicfile.WriteFile(path, b.Bytes()); err != nil {
		return err
	}
	t.wrote(path)
	if o.open && format == "html" {
		if err := openInBrowser(path); err != nil {
			t.err.Warnf("cannot start a browser (%v): open %s", err, path)
		}
	}
	return nil
}

func writeFormat(data *report.Data, format string, w io.Writer) error {
	switch format {
	case "html":
		return data.WriteHTML(w)
	case "md":
		return data.WriteMarkdown(w)
	case "csv":
		return data.WriteCSV(w)
	case "json":
		return data.WriteJSON(w)
	}
	return data.WritePlot(w, format)
}

// openInBrowser asks the desktop to show a file.
func openInBrowser(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	command, ok := map[string][]string{"darwin": {"open"}, "windows": {"rundll32", "url.dll,FileProtocolHandler"}}[runtime.GOOS]
	if !ok {
		command = []string{"xdg-open"}
	}
	return exec.Command(command[0], append(command[1:], path)...).Run()
}
