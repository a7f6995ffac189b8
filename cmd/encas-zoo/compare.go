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

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
	page "github.com/encas-zoo/encas-zoo/report"
)

func compareCommand() *cli.Command {
	return &cli.Command{
		Name:      "compare",
		Usage:     "say which of several fronts is better, and where",
		UsageText: "[--reference ERROR,COST] [--at COSTS] [--plot FILE] RUNDIR RUNDIR...",
		Description: `Compares the fronts of run folders that were searched on the same samples with the
same cost, on those samples.

Hypervolume: the share of the rectangle between no error at no cost and the reference
that a front beats; above linear costs, and above their logarithms, where the cheapest
model is the left end. Covers: the share of the other front's cascades that one of this
front matches or beats in both accuracy and cost.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo compare runs/auto runs/paper
encas-zoo compare runs/auto runs/paper --reference paper --at 0.05,0.1,0.5
encas-zoo compare runs/auto runs/paper --plot fronts.svg
encas-zoo compare runs/* --json | jq '.runs[] | [.run, .hypervolume]'`),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "reference", Usage: "worst error and dearest cost that count, `ERROR,COST` such as 0.4,4, or 'paper' for those of the publication, 40 % and 4 GFLOPs (default: 40 % and the dearest model)"},
			&cli.StringFlag{Name: "at", Usage: "show the best accuracy at these `COSTS`, such as 1,10,100 (default: five along the fronts)"},
			&cli.StringFlag{Name: "plot", Usage: "draw the fronts over each other into `FILE`, whose name ends with .svg, .png or .pdf"},
			jsonFlag(),
			quietFlag(),
		},
		Action: runCompare,
	}
}

// worstError is the error of the reference where nobody names another: that of the
// publication, as is paperCost.
const (
	worstError = 0.4
	paperCost  = 4
)

// compared is the JSON result of compare.
type compared struct {
	Version   int             `json:"version"`
	Split     report.Split    `json:"split"`
	Cost      string          `json:"cost"`
	Reference reference       `json:"reference"`
	Runs      []comparedFront `json:"runs"`
	Plot      string          `json:"plot,omitempty"` // the file that was written
}

type reference struct {
	Error    float64 `json:"error"`
	Cost     float64 `json:"cost"`
	Cheapest float64 `json:"cheapest"` // where the logarithmic axis begins
}

type comparedFront struct {
	Run      string    `json:"run"`
	Cascades int       `json:"cascades"`
	Linear   float64   `json:"hypervolume"`
	Log      float64   `json:"hypervolume_log"`
	Covers   []float64 `json:"covers"` // of each run's cascades
	At       []bestAt  `json:"at"`
}

// bestAt is the best a front has for at most a cost.
type bestAt struct {
	Cost     float64  `json:"cost"`
	Accuracy *float64 `json:"accuracy"` // null where every cascade costs more
}

func runCompare(c *cli.Context) error {
	t := newTerminal(c)
	dirs := c.Args().Slice()
	if len(dirs) < 2 {
		return usagef("name two run folders or more")
	}
	plot := c.String("plot")
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(plot)), ".")
	if c.IsSet("plot") && !slices.Contains(page.PlotFormats, format) {
		return usagef("--plot %q: its name must end with .%s", plot, strings.Join(page.PlotFormats, ", ."))
	}
	fronts := make([]*report.Front, len(dirs))
	for i, dir := range dirs {
		front, err := report.ReadFront(dir)
		if err != nil {
			return err
		}
		if len(front.Cascades) == 0 || len(front.Models) == 0 {
			return fmt.Errorf("the front of %s is empty", dir)
		}
		fronts[i] = front
		first := fronts[0]
		switch {
		case front.Split.Fingerprint != first.Split.Fingerprint:
			return fmt.Errorf("%s and %s were searched on different samples: their fronts cannot be compared", dirs[0], dir)
		case front.Cost != first.Cost:
			return fmt.Errorf("%s counts cost in %s, %s in %s: their fronts cannot be compared", dirs[0], first.Cost, dir, front.Cost)
		}
	}
	ref, err := readReference(c.String("reference"), fronts)
	if err != nil {
		return err
	}
	costs, err := readCosts(c.String("at"), fronts)
	if err != nil {
		return err
	}
	result := compareFronts(dirs, fronts, ref, costs)
	if plot != "" {
		if err := plotFronts(dirs, fronts, plot, format); err != nil {
			return err
		}
		result.Plot = plot
	}
	if t.json {
		return writeJSON(result)
	}
	t.showCompared(result, costs)
	return nil
}

// plotFronts draws the fronts on the samples they were searched on.
func plotFronts(dirs []string, fronts []*report.Front, path, format string) error {
	var sources []page.Source
	for i, front := range fronts {
		sources = append(sources, page.Source{Dir: dirs[i], Front: front})
	}
	data, err := page.New(sources, time.Now())
	if err != nil {
		return fmt.Errorf("--plot: %w", err)
	}
	var b bytes.Buffer
	if err := data.WritePlot(&b, format); err != nil {
		return fmt.Errorf("--plot: %w", err)
	}
	return atomicfile.WriteFile(path, b.Bytes())
}

// readReference reads what --reference says; what it leaves open the models say.
func readReference(text string, fronts []*report.Front) (reference, error) {
	ref := reference{Error: worstError, Cheapest: math.Inf(1)}
	for _, front := range fronts {
		for _, m := range front.Models {
			ref.Cost, ref.Cheapest = max(ref.Cost, m.Cost), min(ref.Cheapest, m.Cost)
		}
	}
	switch text {
	case "":
	case "paper":
		if fronts[0].Cost != defaultCost {
			return ref, usagef("--reference paper is in %s, the runs count cost in %s: give ERROR,COST", defaultCost, fronts[0].Cost)
		}
		ref.Cost = paperCost
	default:
		numbers, err := readNumbers(text)
		if err != nil || len(numbers) != 2 || numbers[0] > 1 {
			return ref, usagef("--reference %q is neither paper nor an error of at most 1 and a cost, such as 0.4,4", text)
		}
		ref.Error, ref.Cost = numbers[0], numbers[1]
	}
	if ref.Cost <= ref.Cheapest {
		return ref, usagef("--reference: a cost of %g is not above that of the cheapest model, %g", ref.Cost, ref.Cheapest)
	}
	return ref, nil
}

// readCosts reads what --at says. Without it there are five costs of two digits, in
// equal ratios from where all fronts have begun to where the last one ends.
func readCosts(text string, fronts []*report.Front) ([]float64, error) {
	if text != "" {
		costs, err := readNumbers(text)
		if err != nil {
			return nil, usagef("--at %q: %w", text, err)
		}
		return costs, nil
	}
	var from, to float64
	for _, front := range fronts {
		from = max(from, front.Cascades[0].Cost)
		to = max(to, front.Cascades[len(front.Cascades)-1].Cost)
	}
	const steps = 5
	var costs []float64
	for i := range steps {
		cost := from * math.Pow(to/from, float64(i)/(steps-1))
		digits := math.Pow(10, math.Floor(math.Log10(cost))-1)
		costs = append(costs, math.Ceil(cost/digits)*digits)
	}
	return slices.Compact(costs), nil
}

// readNumbers reads numbers above 0 between commas.
func readNumbers(text string) ([]float64, error) {
	var numbers []float64
	for part := range strings.SplitSeq(text, ",") {
		x, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || !(x > 0) || math.IsInf(x, 1) {
			return nil, fmt.Errorf("%q is no number above 0", part)
		}
		numbers = append(numbers, x)
	}
	return numbers, nil
}

func compareFronts(dirs []string, fronts []*report.Front, ref reference, costs []float64) *compared {
	result := &compared{Version: report.Version, Split: fronts[0].Split, Cost: fronts[0].Cost, Reference: ref}
	points := make([][]optimize.Point, len(fronts))
	for i, front := range fronts {
		for _, c := range front.Cascades {
			points[i] = append(points[i], optimize.Point{Evaluation: optimize.Evaluation{Correct: c.Correct, Cost: c.Cost}})
		}
	}
	for i, front := range fronts {
		var errors, prices []float64
		for _, c := range front.Cascades {
			errors, prices = append(errors, 1-c.Accuracy), append(prices, c.Cost)
		}
		linear := optimize.Reference{WorstError: ref.Error, DearestCost: ref.Cost, CheapestCost: ref.Cheapest}
		log := linear
		log.Log = true
		f := comparedFront{
			Run:      dirs[i],
			Cascades: len(front.Cascades),
			Linear:   optimize.Hypervolume(errors, prices, linear),
			Log:      optimize.Hypervolume(errors, prices, log),
		}
		for other := range fronts {
			f.Covers = append(f.Covers, optimize.Coverage(points[i], points[other]))
		}
		for _, cost := range costs {
			at := bestAt{Cost: cost}
			if best, ok := optimize.BestWithin(points[i], cost); ok {
				accuracy := float64(best.Correct) / float64(front.Split.Samples)
				at.Accuracy = &accuracy
			}
			f.At = append(f.At, at)
		}
		result.Runs = append(result.Runs, f)
	}
	return result
}

func (t *terminal) showCompared(r *compared, costs []float64) {
	t.out.Printf("%d fronts on the split %s (%s samples); reference %s error, %s %s\n\n",
		len(r.Runs), r.Split.Name, ui.Count(r.Split.Samples), percent(r.Reference.Error), ui.Number(r.Reference.Cost), r.Cost)
	columns := []ui.Column{
		{Head: "#", Right: true},
		{Head: "run", Shrink: true},
		{Head: "cascades", Right: true},
		{Head: "hypervolume", Right: true},
		{Head: "over log cost", Right: true},
	}
	at := []ui.Column{{Head: "best within " + r.Cost, Right: true}}
	for i := range r.Runs {
		columns = append(columns, ui.Column{Head: fmt.Sprintf("covers %d", i+1), Right: true})
		at = append(at, ui.Column{Head: strconv.Itoa(i + 1), Right: true})
	}
	table, best := ui.NewTable(columns...), ui.NewTable(at...)
	for i, f := range r.Runs {
		row := []string{strconv.Itoa(i + 1), f.Run, strconv.Itoa(f.Cascades), fmt.Sprintf("%.5f", f.Linear), fmt.Sprintf("%.5f", f.Log)}
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
	t.out.Printf("\n")
	t.out.Table(best)
	if r.Plot != "" {
		t.out.Printf("\nWritten to %s\n", r.Plot)
	}
}
