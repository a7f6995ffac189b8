package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/study"
)

// optimizeOptions are the flags of optimize.
type optimizeOptions struct {
	study.Options
	resume string // run folder
	chart  string // when the front is drawn: one of chartTimes
}

// chartTimes are the values of --chart.
var chartTimes = []string{"auto", "always", "never"}

func optimizeCommand() *cli.Command {
	o := &optimizeOptions{Options: study.Defaults(), chart: "auto"}
	flags := []cli.Flag{
		zooFlag(),
		text(&o.Split, "split", "the samples to search on, `NAME`"),
		text(&o.Algorithm, "algorithm", "`NAME` of the search algorithm"),
		count(&o.MaxModels, "max-models", "longest chain, `K` models (default: the algorithm's)"),
		text(&o.Grid, "grid", "thresholds to try: fine, paper, or a `FILE` with one a line (default: fine, paper with --paper)"),
		text(&o.Rule, "rule", "how models combine, `RULE`: mean of the outputs so far, last output alone, or both kinds in one front (default: both with algorithm auto, else mean)"),
		text(&o.Confidence, "confidence", "what thresholds are compared with, `NAME`: max probability, margin of the top two, or entropy"),
		maybe(&o.Snap, "snap", "move the thresholds found to the middle of the gap between samples (default: unless --grid or --paper is given)"),
		yes(&o.Paper, "paper", "the publication's space: its grid, rule mean, up to 5 models that may repeat and are paid for again"),
		costFlag(&o.Cost),
	}
	flags = append(flags, limit(&o.MaxCost, "max-cost", "max-gflops", "on average")...)
	flags = append(flags, limit(&o.MaxWorstCost, "max-worst-cost", "max-worst-gflops", "at worst")...)
	flags = append(flags,
		number(&o.MaxParams, "max-params", "most parameters all models of a cascade may have together, `X` such as 5e7"),
		number(&o.MinAccuracy, "min-accuracy", "least accuracy `Y` of a cascade, between 0 and 1"),
		number(&o.MinGain, "min-gain", "leave out cascades that are less than `X` percentage points more accurate than the next cheaper one"),
		count(&o.CrossValidate, "cross-validate", "also search `K` times without a Kth of the samples and show how accurate what is found is on these; K more searches, each with the whole budget"),
		text(&o.Dominate, "dominate", "show which cascades are cheaper and more accurate than `MODEL`, and by how much"),
		list(&o.Include, "include", "every cascade must have the models `NAMES`; lists with commas"),
		modelsFlag(&o.Models),
		large(&o.Evals, "evals", "try at most `N` cascades (default: the algorithm's)"),
		duration(&o.Time, "time", "search for at most `D`, such as 90s or 10m"),
		seed(&o.Seed, "seed", "of everything random, `S`"),
		count(&o.Threads, "threads", "use `T` processors (default: all); results do not depend on it"),
		large(&o.Memory, "memory", "cache at most `MB` megabytes of tables (default: 1024); results do not depend on it"),
		text(&o.resume, "resume", "continue the search that was interrupted in the run folder `DIR`; only --time, --threads and --memory may change"),
		text(&o.Dir, "out", "write to the run folder `DIR` (default: a new one in ./runs)"),
		text(&o.chart, "chart", "`WHEN` to draw the front in characters: auto (on a terminal), always, never"),
		jsonFlag(),
		quietFlag(),
	)
	return &cli.Command{
		Name:      "optimize",
		Usage:     "search the best cascades of a zoo",
		UsageText: "[--zoo DIR] [flags]",
		Description: `Searches the cascades that no other one beats in both accuracy and cost, over the
stored outputs of the models on one split, and writes them to a run folder:
front.json, front.csv (to be read by other programs) and run.json (how the run
was made). What was found on the search index is evaluated again on the full stored
outputs, so that the results of a front are exact.

Algorithms: ` + strings.Join(optimize.Algorithms(), ", ") + `.
auto solves all chains of two models exactly and goes on from there with longer chains,
weights and both rules: it recombines cascades of the front and explores what is near
them until neither gives a better one. exact tries all chains
of up to 3 models with all thresholds of the grid, so that its front is proven optimal
for that length and grid. What is proven is shown below the table, and for every cascade
a bound: no cascade of that cost, of whatever kind, answers more of these samples
correctly.

Ctrl-C ends the search with the front found so far. The same command with --resume and
the run folder goes on from there and ends with the front of a search that was never
interrupted, also after a crash: the state is saved now and then.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo optimize                                   the example zoo
encas-zoo optimize --max-gflops 300                  the best cascade within a budget
encas-zoo optimize --zoo cifar --algorithm exact --max-models 3 --out runs/exact
encas-zoo optimize --zoo cifar --paper --out runs/paper
encas-zoo optimize --dominate qda                    cheaper and more accurate than that model
encas-zoo optimize --cost price --max-cost 0.002 --max-params 5e7
encas-zoo optimize --cross-validate 5                how accurate on unseen samples
encas-zoo optimize --models 'resnet*,vit_*,!*_distilled' --time 2m
encas-zoo optimize --json | jq .best`,
			"130  interrupted; the front found so far was written"),
		Flags: flags,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := o.check(c); err != nil {
				return err
			}
			return runOptimize(c, o)
		},
	}
}

// check refuses flags that do not go together.
func (o *optimizeOptions) check(c *cli.Context) error {
	if err := checkLimit(c, "max-cost", "max-gflops"); err != nil {
		return err
	}
	if err := checkLimit(c, "max-worst-cost", "max-worst-gflops"); err != nil {
		return err
	}
	if !slices.Contains(chartTimes, o.chart) {
		return usagef("--chart %q: it is one of: %s", o.chart, strings.Join(chartTimes, ", "))
	}
	if o.resume != "" {
		if c.IsSet("out") && filepath.Clean(o.resume) != filepath.Clean(o.Dir) {
			return usagef("--resume %s writes to that folder, not to --out %s", o.resume, o.Dir)
		}
		o.Dir, o.Resume = o.resume, true
	}
	return nil
}

func runOptimize(c *cli.Context, o *optimizeOptions) error {
	t := newTerminal(c)
	z, err := t.openZoo(c)
	if err != nil {
		return err
	}
	watch := t.watch()
	live := t.newSearchLine(o)
	watch.Search = live.update
	found, err := study.Search(c.Context, z, o.Options, watch)
	live.Stop()
	if err != nil {
		return err
	}
	t.noteSearch(found)
	if err := t.showFound(found, o, c.String("zoo")); err != nil {
		return err
	}
	if err := c.Context.Err(); err != nil {
		return fmt.Errorf("the front found so far is in %s: %w", found.Dir, err)
	}
	return nil
}

// noteSearch tells how a search went.
func (t *terminal) noteSearch(found *study.Found) {
	t.err.Notef("tried %s cascades in %s", ui.Count(found.Run.Evaluations), ui.Duration(found.Elapsed))
	if n := found.Run.Corrected; n > 0 {
		t.err.Notef("corrected %s on the full outputs, which the search index saw differently", plural(n, "cascade", "cascades"))
	}
	if found.Front.Interrupted {
		t.err.Notef("the same command with --resume %s continues from here", shellWord(found.Dir))
	}
}
