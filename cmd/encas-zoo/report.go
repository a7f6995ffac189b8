package main

import (
	"bytes"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// The formats of report that are files to look at, and those that are text.
var (
	reportFiles = append([]string{"html"}, report.PlotFormats...)
	reportTexts = []string{"md", "csv", "json"}
)

func reportCommand() *cli.Command {
	o := &reportOptions{split: "test"}
	return &cli.Command{
		Name:      "report",
		Usage:     "show fronts as a page, as plots and as tables",
		UsageText: "[--zoo DIR] [--split NAME] [flags] RUNDIR...",
		Description: `Writes a page to look at, report.html, and plots for papers, front.svg, front.png
and front.pdf, to the first run folder. The page is one file that loads nothing. It
shows the front on the samples it was chosen on and on those of another split, what
each stage of a cascade does, and where all figures come from. More run folders, of
the same zoo and split, are drawn over the first.

The zoo is --zoo, else the one that the run was made with. If it is gone, the page
shows what the run folder has.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo report runs/20260301-120000-exact --open
encas-zoo report runs/exact runs/gomea --out comparison.html
encas-zoo report runs/exact --out paper/front.pdf
encas-zoo report runs/exact --format md
encas-zoo report runs/exact --format json | jq '.runs[0].cascades[-1].test'`,
			"130  interrupted"),
		Flags: []cli.Flag{
			zooFlag(),
			text(&o.split, "split", "the samples to check on, `NAME`; none if the zoo has no such split"),
			text(&o.format, "format", "write one `FORMAT` alone: "+strings.Join(append(slices.Clone(reportFiles), reportTexts...), ", ")+"; the last three to standard output"),
			text(&o.out, "out", "write to `FILE`, in the format its name ends with"),
			yes(&o.open, "open", "open the page in the browser"),
			jsonFlag(),
			quietFlag(),
		},
		Action: func(c *cli.Context) error { return runReport(c, o) },
	}
}

// reportOptions are the flags of report.
type reportOptions struct {
	split       string
	format, out string
	open        bool
}

func runReport(c *cli.Context, o *reportOptions) error {
	t := newTerminal(c)
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
	z, err := t.zooOfRun(c, sources)
	if err != nil {
		return err
	}
	data, err := study.Report(c.Context, z, sources, study.TestSplit{Name: o.split, Asked: c.IsSet("split")}, t.watch())
	if err != nil {
		return err
	}
	return t.writeReport(data, formats, o, c.Args().First())
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
	all := append(slices.Clone(reportFiles), reportTexts...)
	switch {
	case format == "" && o.out != "":
		return nil, usagef("--out %s: name the format with --format", o.out)
	case format == "":
		return reportFiles, nil
	case !slices.Contains(all, format):
		return nil, usagef("there is no format %q; there are: %s", format, strings.Join(all, ", "))
	case asJSON && format != "json":
		return nil, usagef("--json and --format %s exclude each other", format)
	case o.open && format != "html":
		return nil, usagef("--open is for the page, not for %s", format)
	}
	return []string{format}, nil
}

// zooOfRun opens the zoo that --zoo names, or else the one that the runs were made
// with if it is found; nil if it is not.
func (t *terminal) zooOfRun(c *cli.Context, sources []report.Source) (*zoo.Zoo, error) {
	if c.IsSet("zoo") {
		return t.openZoo(c)
	}
	var dirs []string
	for _, s := range sources {
		if s.Run != nil {
			dirs = append(dirs, s.Run.Zoo)
		}
	}
	if dir, _ := zooFolder(c); dir != study.Example {
		dirs = append(dirs, dir)
	}
	return study.ZooOf(c.Context, sources[0].Front.Zoo.Fingerprint, dirs, t.watch()), nil
}

// writeReport writes the data in each format.
func (t *terminal) writeReport(data *report.Data, formats []string, o *reportOptions, dir string) error {
	var html string
	for _, format := range formats {
		var b bytes.Buffer
		if err := writeFormat(data, format, &b); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
		path := o.out
		if path == "" && slices.Contains(reportTexts, format) {
			if format != "json" {
				t.out.Text(b.String())
			} else if err := t.writeJSONText(b.Bytes()); err != nil {
				return err
			}
			continue
		}
		if path == "" {
			name := "front." + format
			if format == "html" {
				name = "report.html"
			}
			path = filepath.Join(dir, name)
		}
		if err := atomicfile.WriteFile(path, b.Bytes()); err != nil {
			return err
		}
		if format == "html" {
			html = path
		}
		if t.json {
			t.err.Notef("wrote %s", path)
		} else {
			t.out.Printf("wrote %s\n", path)
		}
	}
	if o.open {
		if err := openInBrowser(html); err != nil {
			t.err.Warnf("no browser could be started (%v): open %s", err, html)
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
	switch runtime.GOOS {
	case "darwin":
		return exec.Command("open", path).Run()
	case "windows":
		return exec.Command("rundll32", "url.dll,FileProtocolHandler", path).Run()
	}
	return exec.Command("xdg-open", path).Run()
}
