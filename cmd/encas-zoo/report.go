package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/optimize"
	page "github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// The formats of report that are files to look at, and those that are text.
var (
	reportFiles = append([]string{"html"}, page.PlotFormats...)
	reportTexts = []string{"md", "csv", "json"}
)

func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "show fronts as a page, as plots and as tables",
		UsageText: "[--zoo DIR] [--split NAME] [flags] RUNDIR...",
		Description: `Writes a page to look at, report.html, and plots for papers, front.svg, front.png
and front.pdf, to the first run folder. The page is one file that loads nothing. It
shows the front on the samples it was chosen on and on those of another split, what
each stage of a cascade does, and where all figures come from. More run folders, of
the same zoo and split, are drawn over the first.

The zoo is --zoo, else the one that the run was made with. Where it is gone the page
has the figures of the run folder alone.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo report runs/20260301-120000-exact --open
encas-zoo report runs/exact runs/gomea --out comparison.html
encas-zoo report runs/exact --out paper/front.pdf
encas-zoo report runs/exact --format md
encas-zoo report runs/exact --format json | jq '.runs[0].cascades[-1].test'`,
			"130  interrupted"),
		Flags: []cli.Flag{
			zooFlag(),
			&cli.StringFlag{Name: "split", Value: "test", Usage: "the samples to check on, `NAME`; none where the zoo has no such split"},
			&cli.StringFlag{Name: "format", Usage: "write one `FORMAT` alone: " + strings.Join(append(slices.Clone(reportFiles), reportTexts...), ", ") + "; the last three to standard output"},
			&cli.StringFlag{Name: "out", Usage: "write to `FILE`, in the format its name ends with"},
			&cli.BoolFlag{Name: "open", Usage: "open the page in the browser"},
			jsonFlag(),
			quietFlag(),
		},
		Action: runReport,
	}
}

func runReport(c *cli.Context) error {
	t := newTerminal(c)
	if !c.Args().Present() {
		return usagef("name a run folder")
	}
	formats, err := reportFormats(c)
	if err != nil {
		return err
	}
	var sources []page.Source
	for _, dir := range c.Args().Slice() {
		front, err := report.ReadFront(dir)
		if err != nil {
			return err
		}
		run, err := report.ReadRun(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		sources = append(sources, page.Source{Dir: dir, Front: front, Run: run})
	}
	data, err := page.New(sources, time.Now())
	if err != nil {
		return err
	}
	particular, err := t.addFigures(c, data, sources)
	if err != nil {
		return err
	}
	data.Explain(particular...)
	return t.writeReport(c, data, formats)
}

// reportFormats returns the formats to write.
func reportFormats(c *cli.Context) ([]string, error) {
	format := c.String("format")
	if c.Bool("json") && !c.IsSet("format") {
		format = "json"
	}
	if format == "" && c.IsSet("out") {
		format = strings.TrimPrefix(strings.ToLower(filepath.Ext(c.String("out"))), ".")
	}
	all := append(slices.Clone(reportFiles), reportTexts...)
	switch {
	case format == "" && c.IsSet("out"):
		return nil, usagef("--out %s: name the format with --format", c.String("out"))
	case format == "":
		return reportFiles, nil
	case !slices.Contains(all, format):
		return nil, usagef("there is no format %q; there are: %s", format, strings.Join(all, ", "))
	case c.Bool("json") && format != "json":
		return nil, usagef("--json and --format %s exclude each other", format)
	case c.Bool("open") && format != "html":
		return nil, usagef("--open is for the page, not for %s", format)
	}
	return []string{format}, nil
}

// addFigures adds what only the stored outputs tell, and returns what the notes of
// the page must say about it.
func (t *terminal) addFigures(c *cli.Context, data *page.Data, sources []page.Source) (particular []string, err error) {
	z, err := t.zooOfRun(c, data, sources)
	if err != nil {
		return nil, err
	}
	if z == nil {
		const lacks = "the zoo of the run is not at hand: there are no figures of other samples, nor of single stages"
		t.err.Warnf("%s; name it with --zoo", lacks)
		return []string{sentence(lacks)}, nil
	}
	models := make([]candidate, len(data.Models))
	for i, m := range data.Models {
		model, err := z.Model(m.Name)
		if err != nil {
			return nil, err
		}
		models[i] = candidate{model, m.Cost}
	}
	data.Classes = z.ClassNames()
	if devices := addMeasured(data.Models, models); len(devices) == 1 {
		data.Device = devices[0]
	} else if len(devices) > 1 {
		particular = append(particular, "There is no latency here: the models were measured on different devices ("+strings.Join(devices, "; ")+").")
	}
	d := detailing{terminal: t, zoo: z, data: data, models: models}
	if missing, err := d.withoutOutputs(data.Search.Name); err != nil {
		return nil, err
	} else if missing {
		lacks := fmt.Sprintf("the zoo has no full outputs on the split %s, only a search index: what the stages of a cascade do there is not known", data.Search.Name)
		t.err.Warnf("%s", lacks)
		particular = append(particular, sentence(lacks))
	}
	if different, err := d.onSearch(c.Context); err != nil {
		return nil, err
	} else if different != "" {
		t.err.Warnf("%s", different)
		particular = append(particular, sentence(different))
	}
	if missing, err := d.onTest(c.Context, c.String("split"), c.IsSet("split")); err != nil {
		return nil, err
	} else if missing != "" {
		t.err.Warnf("%s", missing)
		particular = append(particular, sentence(missing))
	}
	return particular, nil
}

// The columns of models that a page shows beside their cost, as ingest names them.
const (
	latencyColumn = "latency_ms"
	deviceColumn  = "device"
)

// addMeasured adds what the zoo knows of the models beside their cost, and returns
// the devices that latencies were measured on. It adds no latencies of several
// devices: they must not be added up.
func addMeasured(to []page.Model, models []candidate) (devices []string) {
	for _, m := range models {
		if _, err := m.Cost(latencyColumn); err == nil {
			if device := m.Columns[deviceColumn]; !slices.Contains(devices, device) {
				devices = append(devices, device)
			}
		}
	}
	for i, m := range models {
		to[i].Params, _ = m.Cost(paramsColumn) // 0 where it is not known
		if len(devices) == 1 {
			to[i].Latency, _ = m.Cost(latencyColumn)
		}
	}
	return devices
}

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] + "." }

// zooOfRun opens the zoo that --zoo names, or else the one that the runs were made
// with where it is found; nil where it is not.
func (t *terminal) zooOfRun(c *cli.Context, data *page.Data, sources []page.Source) (*zoo.Zoo, error) {
	if c.IsSet("zoo") {
		z, err := t.openZoo(c)
		if err == nil && z.Classes() != data.Zoo.Classes {
			return nil, fmt.Errorf("the run is of %d classes, the zoo %s of %d", data.Zoo.Classes, z.Dir(), z.Classes())
		}
		if err == nil && z.Fingerprint() != data.Zoo.Fingerprint {
			t.err.Warnf("the run was made with another zoo, or this one has changed since")
		}
		return z, err
	}
	var dirs []string
	for _, s := range sources {
		if s.Run != nil {
			dirs = append(dirs, s.Run.Zoo)
		}
	}
	if dir, _ := zooFolder(c); dir != exampleZoo {
		dirs = append(dirs, dir)
	}
	for _, dir := range dirs {
		if z, err := zoo.Open(dir); err == nil && z.Fingerprint() == data.Zoo.Fingerprint {
			t.relay(z)
			return z, nil
		}
	}
	return nil, nil
}

// A detailing finds out what the cascades of a page do.
type detailing struct {
	*terminal
	zoo    *zoo.Zoo
	data   *page.Data
	models []candidate // as numbered in data
}

// onSearch adds the details on the split the cascades were chosen on. Where the
// stored outputs are no longer those the run saw, it says so and adds none.
func (d *detailing) onSearch(ctx context.Context) (different string, err error) {
	split, err := d.zoo.Split(d.data.Search.Name)
	if err != nil {
		return "", err
	}
	figures, err := d.figures(ctx, split)
	if err != nil || figures == nil {
		return "", err
	}
	others, at := 0, 0
	for r := range d.data.Runs {
		cascades := d.data.Runs[r].Cascades
		for i := range cascades {
			c, f := &cascades[i], &figures[at]
			at++
			if f.Correct == c.Correct && f.Cost == c.Cost {
				c.Search = f
			} else {
				others++
			}
		}
	}
	if others > 0 {
		different = fmt.Sprintf("%d cascades do otherwise on the stored outputs of the split %s than their run folder says: what their stages do there is left out", others, split.Name)
	}
	return different, nil
}

// onTest adds the figures on another split. It says why there are none where the
// zoo has no such split and nobody asked for it.
func (d *detailing) onTest(ctx context.Context, name string, asked bool) (missing string, err error) {
	if name == d.data.Search.Name {
		return "", nil
	}
	split, err := d.zoo.Split(name)
	if err != nil && asked {
		return "", usageError{err}
	} else if err != nil {
		return fmt.Sprintf("the zoo has no split %s to check the cascades on", name), nil
	}
	for r := range d.data.Runs {
		for i, c := range d.data.Runs[r].Cascades {
			for _, s := range c.Stages {
				if _, ok := d.models[s.Model].Splits[split.Name]; !ok {
					return fmt.Sprintf("cascade %d of %s cannot be checked: %q has no outputs on the split %s", i, d.data.Runs[r].Name, d.data.Models[s.Model].Name, split.Name), nil
				}
			}
		}
	}
	figures, err := d.figures(ctx, split)
	if err != nil {
		return "", err
	}
	if figures == nil {
		return fmt.Sprintf("the zoo has a search index of the split %s, but no full outputs to check the cascades on", split.Name), nil
	}
	d.data.AddTest(describeSplit(split))
	for r := range d.data.Runs {
		cascades := d.data.Runs[r].Cascades
		for i := range cascades {
			cascades[i].Test, figures = &figures[0], figures[1:]
		}
	}
	return "", d.singles(ctx, split)
}

// singles counts the right answers of each model that has outputs on the split.
func (d *detailing) singles(ctx context.Context, split zoo.Split) error {
	var names []string
	for _, m := range d.models {
		if _, ok := m.Splits[split.Name]; ok {
			names = append(names, m.Name)
		}
	}
	progress := d.err.Progress("building the search index", "models")
	index, err := d.zoo.OpenIndex(ctx, split.Name, names, func(done, total int) { progress.Update(int64(done), int64(total), "") })
	progress.Stop()
	if err != nil {
		return err
	}
	defer index.Close()
	for _, name := range names {
		right := 0
		for i, class := range index.Lists(name).TopClass {
			if class == index.Labels()[i] {
				right++
			}
		}
		number, _ := d.data.ModelNumber(name)
		d.data.Models[number].Test = &right
	}
	return nil
}

// withoutOutputs reports whether a cascade has a model without full outputs on a split.
func (d *detailing) withoutOutputs(split string) (bool, error) {
	cascades, _, err := d.cascades(split)
	return slices.ContainsFunc(cascades, func(c optimize.Cascade) bool {
		return slices.ContainsFunc(c.Models, func(m int) bool { return d.models[m].Splits[split].IndexOnly })
	}), err
}

// figures says of all cascades, run after run, what they do on a split. It returns
// nil where the full outputs are not there.
func (d *detailing) figures(ctx context.Context, split zoo.Split) ([]page.Figures, error) {
	labels, _, err := d.zoo.Labels(split.Name)
	if err != nil {
		return nil, err
	}
	samples := make([]int, d.zoo.Classes())
	for _, label := range labels {
		samples[label]++
	}
	cascades, rivals, err := d.cascades(split.Name)
	if err != nil {
		return nil, err
	}
	if missing, err := d.withoutOutputs(split.Name); err != nil || missing {
		return nil, err
	}
	prices := make([]float64, len(d.models))
	for i, m := range d.models {
		prices[i] = m.price
	}
	open, stop := d.storedRows(d.zoo, d.models, split.Name, len(labels), cascades)
	defer stop()
	against := d.against(len(cascades), rivals)
	details, err := optimize.Detail(ctx, labels, d.zoo.Classes(), prices, cascades, against, open)
	if err != nil {
		return nil, err
	}
	var all []page.Figures
	for _, run := range d.data.Runs {
		for range run.Cascades {
			f := describeDetails(details[len(all)])
			if rival := against[len(all)]; rival >= 0 {
				this := details[len(all)]
				f.Gains, f.Losses = page.Changes(this.Classes, details[rival].Classes, samples)
				f.Against = page.NewAgainst(this.OnlyThis, this.OnlyRival)
			}
			all = append(all, f)
		}
	}
	return all, nil
}

// cascades returns the cascades of all runs, and after them, where they have outputs
// on the split, the models that they are compared with: rivals gives their places.
func (d *detailing) cascades(split string) (cascades []optimize.Cascade, rivals map[int]int, err error) {
	for _, run := range d.data.Runs {
		for _, c := range run.Cascades {
			cascade := optimize.Cascade{Weights: []uint8{}}
			if cascade.Rule, err = optimize.ParseRule(c.Rule); err != nil {
				return nil, nil, err
			}
			if cascade.Confidence, err = optimize.ParseConfidence(c.Confidence); err != nil {
				return nil, nil, err
			}
			for _, s := range c.Stages {
				cascade.Models = append(cascade.Models, s.Model)
				cascade.Weights = append(cascade.Weights, uint8(s.Weight))
				if s.Threshold != nil {
					cascade.Thresholds = append(cascade.Thresholds, *s.Threshold)
				}
			}
			cascades = append(cascades, cascade)
		}
	}
	rivals = map[int]int{}
	for _, run := range d.data.Runs {
		for _, c := range run.Cascades {
			if c.NoMoreCost == nil {
				continue
			}
			rival := *c.NoMoreCost
			_, known := rivals[rival]
			if _, ok := d.models[rival].Splits[split]; ok && !known {
				rivals[rival] = len(cascades)
				cascades = append(cascades, optimize.Cascade{Models: []int{rival}})
			}
		}
	}
	return cascades, rivals, nil
}

// against returns for each of n cascades, run after run, the place of the one model
// that it is compared with, -1 where there is none.
func (d *detailing) against(n int, rivals map[int]int) []int {
	var places []int
	for _, run := range d.data.Runs {
		for _, c := range run.Cascades {
			place := -1
			if c.NoMoreCost != nil {
				if p, ok := rivals[*c.NoMoreCost]; ok {
					place = p
				}
			}
			places = append(places, place)
		}
	}
	for len(places) < n {
		places = append(places, -1) // the models themselves
	}
	return places
}

func describeDetails(d optimize.Details) page.Figures {
	f := page.Figures{Correct: d.Correct, Cost: d.Cost}
	for _, s := range d.Stages {
		stage := page.StageFigures{Exits: s.Exits, Correct: s.Correct, Repaired: s.Repaired, Broken: s.Broken}
		for _, b := range s.Reliability {
			stage.Reliability = append(stage.Reliability, page.Bin(b))
		}
		f.Stages = append(f.Stages, stage)
	}
	return f
}

// writeReport writes the data in each format.
func (t *terminal) writeReport(c *cli.Context, data *page.Data, formats []string) error {
	var html string
	for _, format := range formats {
		var b bytes.Buffer
		if err := writeFormat(data, format, &b); err != nil {
			return fmt.Errorf("%s: %w", format, err)
		}
		path := c.String("out")
		if path == "" && slices.Contains(reportTexts, format) {
			if format != "json" {
				t.out.Text(b.String())
			} else if err := writeJSONText(b.Bytes()); err != nil {
				return err
			}
			continue
		}
		if path == "" {
			name := "front." + format
			if format == "html" {
				name = "report.html"
			}
			path = filepath.Join(c.Args().First(), name)
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
	if c.Bool("open") {
		if err := openInBrowser(html); err != nil {
			t.err.Warnf("no browser could be started (%v): open %s", err, html)
		}
	}
	return nil
}

func writeFormat(data *page.Data, format string, w io.Writer) error {
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
