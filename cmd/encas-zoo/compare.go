package main

import (
	"bytes"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/study"
)

// compareOptions are the flags of compare.
type compareOptions struct {
	reference, at, plot string
	searched            bool
}

func compareCommand() *cli.Command {
	o := &compareOptions{}
	return &cli.Command{
		Name:      "compare",
		Usage:     "compare several fronts",
		UsageText: "[--reference ERROR,COST] [--at COSTS] [--plot FILE] RUNDIR RUNDIR...",
		Description: `Compares the fronts of run folders that were searched on the same samples with the
same cost, by the accuracies expected on other samples if all of them have these. If they are of
different parts of the samples (optimize --search-samples) a warning says so. Parts of a
search (optimize --shard) are named: their cascades have no expected accuracies.

Hypervolume: the share of the rectangle between zero error and cost and the reference
that a front beats; over linear costs, and over their logarithms, which begin at the
cheapest model. A front whose cascades all lie beyond the reference has none. The default
reference is 40 % error and the cost of the most expensive model; if that leaves out one
of the fronts, it is 1.1 times the largest error and cost of all of them. Covers: the share of the other front's cascades that one of this front
matches or beats in both accuracy and cost.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo compare runs/auto runs/paper
encas-zoo compare runs/auto runs/paper --reference paper --at 0.05,0.1,0.5
encas-zoo compare runs/auto runs/paper --plot fronts.svg
encas-zoo compare runs/auto runs/paper runs/exact --json | jq '.runs[] | [.run, .hypervolume]'`),
		Flags: []cli.Flag{
			bind(&o.reference, "reference", "worst error and highest cost that count, `ERROR,COST` such as 0.4,4, or 'paper' for those of the publication, 40 % and 4 GFLOPs (default: 40 % and the most expensive model, or beyond all fronts if one lies outside that)"),
			bind(&o.at, "at", "show the best accuracy within these `COSTS`, such as 1,10,100 (default: five along the fronts)"),
			bind(&o.searched, "searched", "compare by the accuracies on the samples searched, which say how well was searched, not what holds on others"),
			bind(&o.plot, "plot", "draw all fronts into one `FILE`, whose name ends with .svg, .png or .pdf"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runCompare(c, t, o) }),
	}
}

// The reference of the publication.
const (
	paperError = 0.4
	paperCost  = 4
)

func runCompare(c *cli.Context, t *terminal, o *compareOptions) error {
	dirs := c.Args().Slice()
	if len(dirs) < 2 {
		return usagef("name at least two run folders")
	}
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(o.plot)), ".")
	if o.plot != "" && !slices.Contains(report.PlotFormats, format) {
		return usagef("--plot %q: its name must end with .%s", o.plot, strings.Join(report.PlotFormats, ", ."))
	}
	sources, err := study.ReadRuns(dirs)
	if err != nil {
		return err
	}
	fronts := make([]*front.Front, len(dirs))
	for i, dir := range dirs {
		fronts[i] = sources[i].Front
		if err := fronts[i].Comparable(fronts[0], dir, dirs[0]); err != nil {
			return err
		}
		if !fronts[i].SameSamples(fronts[0]) {
			t.err.Warnf("the results of %s and %s are of different samples, and may differ by chance: of %s %s, of %s %s",
				dirs[0], dir, dirs[0], resultsOf(fronts[0]), dir, resultsOf(fronts[i]))
		}
	}
	t.noteStopped(sources...)
	ref, err := readReference(o.reference, fronts)
	if err != nil {
		return err
	}
	costs, err := readCosts(o.at, fronts)
	if err != nil {
		return err
	}
	result := front.Compare(dirs, fronts, ref, costs, o.searched)
	if o.plot != "" {
		if err := plotFronts(sources, o.plot, format); err != nil {
			return err
		}
		result.Plot = o.plot
	}
	return t.give(result, func() { t.showCompared(result, costs, o.reference != "") })
}

// resultsOf says which samples of the split a front's results are of.
func resultsOf(f *front.Front) string {
	switch d := f.Drawn(); {
	case d == nil:
		return "all were searched"
	case d.Measured == 0:
		return fmt.Sprintf("%s, drawn with seed %d, were searched, and no others measured", ui.Count(d.Samples), d.Seed)
	default:
		return fmt.Sprintf("%s, drawn with seed %d, were searched, and %s others measured", ui.Count(d.Samples), d.Seed, ui.Count(d.Measured))
	}
}

// plotFronts draws the fronts on the samples of their searches.
func plotFronts(sources []report.Source, path, format string) error {
	data, err := report.New(sources, time.Now())
	if err != nil {
		return fmt.Errorf("--plot: %w", err)
	}
	var b bytes.Buffer
	if err := data.WritePlot(&b, format); err != nil {
		return fmt.Errorf("--plot: %w", err)
	}
	return atomicfile.WriteFile(path, b.Bytes())
}

// readReference reads --reference; what is not given of it is 0.
func readReference(text string, fronts []*front.Front) (ref front.Reference, err error) {
	var costs []float64
	for _, f := range fronts {
		for _, m := range f.Models {
			costs = append(costs, m.Cost)
		}
	}
	lowest := front.LeastCost(costs)
	switch text {
	case "":
		return ref, nil
	case "paper":
		if fronts[0].Cost != study.DefaultCost {
			return ref, usagef("--reference paper is in %s, but the cost of the runs is %s: give ERROR,COST", study.DefaultCost, fronts[0].Cost)
		}
		ref = front.Reference{WorstError: paperError, HighestCost: paperCost}
	default:
		numbers, err := readNumbers(text)
		if err != nil || len(numbers) != 2 || numbers[0] > 1 {
			return ref, usagef("--reference %q is neither paper nor an error of at most 1 and a cost, such as 0.4,4", text)
		}
		ref = front.Reference{WorstError: numbers[0], HighestCost: numbers[1]}
	}
	if ref.HighestCost <= lowest {
		return ref, usagef("--reference %s: the cost %g is not above that of the cheapest model, %g", text, ref.HighestCost, lowest)
	}
	return ref, nil
}

// readCosts reads --at. The default is five costs of two digits, in equal ratios from the
// highest first cost of the fronts to the highest last one.
func readCosts(text string, fronts []*front.Front) ([]float64, error) {
	if text != "" {
		costs, err := readNumbers(text)
		if err != nil {
			return nil, usagef("--at %q: %w", text, err)
		}
		return costs, nil
	}
	var all [][]front.Point
	for _, f := range fronts {
		all = append(all, f.Points)
	}
	costs := front.Ladder(all, 5)
	for i, cost := range costs {
		if cost == 0 {
			continue
		}
		digits := math.Pow(10, math.Floor(math.Log10(cost))-1)
		costs[i] = math.Ceil(cost/digits) * digits
	}
	return slices.Compact(costs), nil
}

// readNumbers reads numbers above 0 between commas.
func readNumbers(text string) ([]float64, error) {
	var numbers []float64
	for part := range strings.SplitSeq(text, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || !(x > 0) || math.IsInf(x, 1) {
			return nil, fmt.Errorf("%q is not a number above 0", part)
		}
		numbers = append(numbers, x)
	}
	return numbers, nil
}

// showCompared shows a comparison; the reference may be one that was asked for.
func (t *terminal) showCompared(r *front.Comparison, costs []float64, asked bool) {
	t.showParts(r)
	by := "on the samples searched"
	if r.Expected {
		by = "expected on other samples"
	}
	t.out.Printf("%d fronts of the split %s (%s samples), by the accuracies %s; reference %s error, %s %s\n\n",
		len(r.Runs), r.Split.Name, ui.Count(r.Split.Samples), by, percent(r.Reference.WorstError), ui.Number(r.Reference.HighestCost), r.Cost)
	part := slices.ContainsFunc(r.Runs, func(f front.Compared) bool { return f.Samples != r.Split.Samples })
	table := new(ui.Table).Right("#").Shrink("run")
	if part {
		table.Right("samples")
	}
	table.Right("cascades", "hypervolume", "over log cost")
	best := new(ui.Table).Right("best within " + r.Cost)
	for i := range r.Runs {
		table.Right(fmt.Sprintf("covers %d", i+1))
		best.Right(strconv.Itoa(i + 1))
	}
	for i, f := range r.Runs {
		row := []string{strconv.Itoa(i + 1), f.Run}
		if part {
			row = append(row, ui.Count(f.Samples))
		}
		row = append(row, strconv.Itoa(f.Cascades), fmt.Sprintf("%.5f", f.Linear), fmt.Sprintf("%.5f", f.Log))
		for other, share := range f.Covers {
			if other == i {
				row = append(row, "")
			} else {
				row = append(row, fmt.Sprintf("%.0f %%", 100*share))
			}
		}
		table.Row(row...)
	}
	for i, cost := range costs {
		row := []string{ui.Number(cost)}
		for _, f := range r.Runs {
			if a := f.At[i].Accuracy; a != nil {
				row = append(row, percent(*a))
			} else {
				row = append(row, "none")
			}
		}
		best.Row(row...)
	}
	t.out.Table(table)
	t.showBeyond(r, asked)
	t.out.Printf("\n")
	t.out.Table(best)
	if r.Plot != "" {
		t.out.Printf("\nwrote %s\n", r.Plot)
	}
}

// showParts says which fronts are of some parts of a search alone.
func (t *terminal) showParts(r *front.Comparison) {
	some := false
	for i, f := range r.Runs {
		if f.Parts == nil {
			continue
		}
		some = true
		t.out.Printf("Front %d, %s: %s", i+1, f.Run, f.Parts.Caveat())
		if f.Unexpected {
			t.out.Printf(", and have no expected accuracies")
		}
		t.out.Printf(".\n")
	}
	if some {
		t.out.Printf("\n")
	}
}

// showBeyond says which fronts the reference leaves out altogether and, if it was asked
// for, which in part.
func (t *terminal) showBeyond(r *front.Comparison, asked bool) {
	var lines []string
	for i, f := range r.Runs {
		switch beyond := f.Cascades - f.Inside; {
		case f.Inside == 0:
			lines = append(lines, fmt.Sprintf("All cascades of front %d lie beyond the reference: its hypervolume is 0.", i+1))
		case asked && beyond > 0:
			lines = append(lines, fmt.Sprintf("%s of %s of front %d beyond the reference add nothing.", ui.Count(beyond), plural(f.Cascades, "cascade", "cascades"), i+1))
		}
	}
	if len(lines) > 0 {
		t.out.Printf("\n")
	}
	for _, line := range lines {
		t.out.Printf("%s\n", line)
	}
}
