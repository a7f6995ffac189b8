package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	report "github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/calibrate"
)

// optimizeOptions are the flags of optimize.
type optimizeOptions struct {
	include   []string // models every cascade must have
	dominate  string   // a model to be beaten
	minGain   float64  // share of the samples
	folds     int      // to cross-validate with; 0: none
	splitName string
	search    optimize.Options
	gridName  string
	cost      string   // column of the models
	globs     []string // that choose the models
	runDir    string   // "" for a new one
	resume    bool     // the search in runDir
	zooGiven  string   // --zoo, "" where it was not given
	chart     string   // whether the front is drawn: auto, always, never
}

func optimizeCommand() *cli.Command {
	return &cli.Command{
		Name:      "optimize",
		Usage:     "search the best cascades of a zoo",
		UsageText: "[--zoo DIR] [flags]",
		Description: `Searches the cascades that no other one beats in both accuracy and cost, over the
stored outputs of the models on one split, and writes them to a run folder:
front.json, front.csv (to be read by other programs) and run.json (how the run
was made). What was found on the search index is worked out again on the full stored
outputs, so that the figures of a front are exact.

Algorithms: ` + strings.Join(optimize.Algorithms(), ", ") + `.
auto solves all chains of two models exactly and goes on from there with longer chains,
weights and both rules: it recombines cascades of the front and explores what is near
them until neither gives a better one. exact tries all chains
of up to 3 models with all thresholds of the grid, so that its front is proven optimal
for that length and grid. What is proven is said below the table, and for every cascade
a bound: no cascade of that cost, of whatever kind, has more right answers on these
samples.

Ctrl-C ends the search with the front found so far. The same command with --resume and
the run folder goes on from there and ends with the front of a search that was never
interrupted, also after a crash: the state is saved now and then.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo optimize                                   the example zoo
encas-zoo optimize --max-gflops 300                  the best cascade within a budget
encas-zoo optimize --zoo cifar --algorithm exact --max-models 3 --out runs/exact
encas-zoo optimize --zoo cifar --paper --out runs/paper
encas-zoo optimize --dominate qda                    cheaper and better than that model
encas-zoo optimize --cost price --max-cost 0.002 --max-params 5e7
encas-zoo optimize --cross-validate 5                how accurate on unseen samples
encas-zoo optimize --models 'resnet*,vit_*,!*_distilled' --time 2m
encas-zoo optimize --json | jq .best`,
			"130  interrupted; the front found so far was written"),
		Flags: []cli.Flag{
			zooFlag(),
			&cli.StringFlag{Name: "split", Value: "search", Usage: "the samples to search on, `NAME`"},
			&cli.StringFlag{Name: "algorithm", Value: "auto", Usage: "`NAME` of the search algorithm"},
			&cli.IntFlag{Name: "max-models", Usage: "longest chain, `K` models (default: the algorithm's)"},
			&cli.StringFlag{Name: "grid", Value: "fine", Usage: "thresholds to try: fine, paper, or a `FILE` with one a line"},
			&cli.StringFlag{Name: "rule", Usage: "how models combine, `RULE`: mean of the outputs so far, last output alone, or both kinds in one front (default: both with algorithm auto, else mean)"},
			&cli.StringFlag{Name: "confidence", Value: "max", Usage: "what thresholds are compared with, `NAME`: max probability, margin of the top two, or entropy"},
			&cli.BoolFlag{Name: "snap", Usage: "move the thresholds found to the middle of the gap between samples; done anyway where neither --grid nor --paper is given, unless --snap=false"},
			&cli.BoolFlag{Name: "paper", Usage: "the publication's space: its grid, rule mean, up to 5 models that may repeat and are paid again"},
			costFlag("gflops"),
			&cli.Float64Flag{Name: "max-gflops", Usage: "most a sample may cost on average, `X` GFLOPs"},
			&cli.Float64Flag{Name: "max-worst-gflops", Usage: "most a sample may cost at worst, `X` GFLOPs"},
			&cli.Float64Flag{Name: "max-cost", Usage: "most a sample may cost on average, `X` in the unit of --cost"},
			&cli.Float64Flag{Name: "max-worst-cost", Usage: "most a sample may cost at worst, `X` in the unit of --cost"},
			&cli.Float64Flag{Name: "max-params", Usage: "most parameters all models of a cascade may have together, `X` such as 5e7"},
			&cli.Float64Flag{Name: "min-accuracy", Usage: "least accuracy `Y` of a cascade, between 0 and 1"},
			&cli.Float64Flag{Name: "min-gain", Usage: "leave out cascades that are less than `X` percentage points more accurate than the next cheaper one"},
			&cli.IntFlag{Name: "cross-validate", Usage: "also search `K` times without a Kth of the samples and say how accurate what is found is on these; K more searches, each with the whole budget"},
			&cli.StringFlag{Name: "dominate", Usage: "say which cascades are cheaper and better than `MODEL`, and by how much"},
			&cli.StringSliceFlag{Name: "include", Usage: "every cascade must have the models `NAMES`; lists with commas"},
			&cli.StringSliceFlag{Name: "models", Usage: "use only models whose names match `GLOB`; lists with commas, ! excludes"},
			&cli.Int64Flag{Name: "evals", Usage: "try at most `N` cascades (default: the algorithm's)"},
			&cli.DurationFlag{Name: "time", Usage: "search for at most `D`, such as 90s or 10m"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "of everything random, `S`"},
			&cli.IntFlag{Name: "threads", Usage: "use `T` processors (default: all); results do not depend on it"},
			&cli.Int64Flag{Name: "memory", Usage: "cache at most `MB` megabytes of tables (default: 1024); results do not depend on it"},
			&cli.StringFlag{Name: "resume", Usage: "go on with the search that was interrupted in the run folder `DIR`; all else must be as it was, but --time, --threads and --memory"},
			&cli.StringFlag{Name: "out", Usage: "write to the run folder `DIR` (default: a new one in ./runs)"},
			&cli.StringFlag{Name: "chart", Value: "auto", Usage: "`WHEN` to draw the front in characters: auto (on a terminal), always, never"},
			jsonFlag(),
			quietFlag(),
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o, err := readOptimizeOptions(c)
			if err != nil {
				return err
			}
			return runOptimize(c, o)
		},
	}
}

func readOptimizeOptions(c *cli.Context) (*optimizeOptions, error) {
	for _, name := range []string{"max-models", "max-gflops", "max-worst-gflops", "max-cost", "max-worst-cost", "max-params", "min-accuracy", "min-gain", "evals", "time", "threads", "memory"} {
		if !c.IsSet(name) {
			continue
		}
		if value := fmt.Sprint(c.Value(name)); value == "0" || value == "0s" || strings.HasPrefix(value, "-") || value == "NaN" {
			return nil, usagef("--%s %s: it must be above 0", name, value)
		}
	}
	if c.IsSet("resume") && c.IsSet("out") && filepath.Clean(c.String("resume")) != filepath.Clean(c.String("out")) {
		return nil, usagef("--resume %s writes to that folder, not to --out %s", c.String("resume"), c.String("out"))
	}
	if folds := c.Int("cross-validate"); c.IsSet("cross-validate") && folds < 2 {
		return nil, usagef("--cross-validate %d: 2 folds or more are possible, 5 or 10 are usual", folds)
	}
	paper := c.Bool("paper")
	ruleName := c.String("rule")
	if !c.IsSet("rule") {
		ruleName = optimize.RuleMean.String()
		if c.String("algorithm") == "auto" && !paper {
			ruleName = optimize.RuleBoth.String()
		}
	}
	rule, err := optimize.ParseRule(ruleName)
	if err != nil {
		return nil, usageError{err}
	}
	confidence, err := optimize.ParseConfidence(c.String("confidence"))
	if err != nil {
		return nil, usageError{err}
	}
	if !slices.Contains(optimize.Algorithms(), c.String("algorithm")) {
		return nil, usagef("there is no algorithm %q%s; there are: %s", c.String("algorithm"),
			suggest(c.String("algorithm"), optimize.Algorithms(), ""), strings.Join(optimize.Algorithms(), ", "))
	}
	if !slices.Contains(chartTimes, c.String("chart")) {
		return nil, usagef("--chart %q: it is one of: %s", c.String("chart"), strings.Join(chartTimes, ", "))
	}
	if c.Float64("min-accuracy") > 1 {
		return nil, usagef("--min-accuracy %v: an accuracy is at most 1 (0.9 is 90 %%)", c.Float64("min-accuracy"))
	}
	gridName := c.String("grid")
	if paper && !c.IsSet("grid") {
		gridName = "paper"
	}
	snap := !paper && !c.IsSet("grid")
	if c.IsSet("snap") {
		snap = c.Bool("snap")
	}
	maxModels := c.Int("max-models")
	if paper && maxModels == 0 && c.String("algorithm") != "exact" { // which does not go that far
		maxModels = paperModels
	}
	maxCost, err := costLimit(c, "max-cost", "max-gflops")
	if err != nil {
		return nil, err
	}
	maxWorstCost, err := costLimit(c, "max-worst-cost", "max-worst-gflops")
	if err != nil {
		return nil, err
	}
	grid, err := readGrid(gridName)
	if err != nil {
		return nil, err
	}
	return &optimizeOptions{
		splitName: c.String("split"),
		gridName:  gridName,
		cost:      cmp.Or(c.String("cost"), defaultCost),
		globs:     c.StringSlice("models"),
		include:   c.StringSlice("include"),
		dominate:  c.String("dominate"),
		minGain:   c.Float64("min-gain") / 100,
		folds:     c.Int("cross-validate"),
		runDir:    cmp.Or(c.String("resume"), c.String("out")),
		resume:    c.IsSet("resume"),
		zooGiven:  c.String("zoo"),
		chart:     c.String("chart"),
		search: optimize.Options{
			Algorithm:    c.String("algorithm"),
			Rule:         rule,
			Confidence:   confidence,
			Grid:         grid,
			Snap:         snap,
			Paper:        paper,
			MaxModels:    maxModels,
			MaxCost:      maxCost,
			MaxWorstCost: maxWorstCost,
			MaxParams:    c.Float64("max-params"),
			MinAccuracy:  c.Float64("min-accuracy"),
			Evals:        c.Int64("evals"),
			Time:         c.Duration("time"),
			Seed:         c.Uint64("seed"),
			Threads:      c.Int("threads"),
			Memory:       c.Int64("memory") << 20,
		},
	}, nil
}

// chartTimes are the values of --chart.
var chartTimes = []string{"auto", "always", "never"}

// paperModels is the longest chain of the publication.
const paperModels = 5

// costLimit returns a limit on the cost, which has one name of its own where the cost
// is the default one; 0 where there is none.
func costLimit(c *cli.Context, name, defaultName string) (float64, error) {
	switch {
	case !c.IsSet(defaultName):
		return c.Float64(name), nil
	case c.IsSet(name):
		return 0, usagef("--%s and --%s are the same limit: give one", name, defaultName)
	case c.IsSet("cost") && c.String("cost") != defaultCost:
		return 0, usagef("--%s limits %s, but --cost is %s: use --%s", defaultName, defaultCost, c.String("cost"), name)
	}
	return c.Float64(defaultName), nil
}

// readGrid returns the grid of that name, or the one in the file.
func readGrid(name string) (optimize.Grid, error) {
	switch name {
	case "fine":
		return optimize.FineGrid(), nil
	case "paper":
		return optimize.PaperGrid(), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, usagef("--grid %s is neither fine nor paper nor a file that can be read: %w", name, err)
	}
	defer file.Close()
	grid, err := optimize.ReadGrid(file)
	if err != nil {
		return nil, usagef("--grid %s: %w", name, err)
	}
	return grid, nil
}

// An optimizeJob is one run of optimize.
type optimizeJob struct {
	*terminal
	*optimizeOptions
	zoo    *zoo.Zoo
	split  zoo.Split
	models []candidate
	folder *report.Folder
	front  *report.Front
	run    *report.Run
}

func runOptimize(c *cli.Context, o *optimizeOptions) error {
	j := &optimizeJob{terminal: newTerminal(c), optimizeOptions: o}
	j.run = &report.Run{
		Version: report.Version,
		Command: append([]string{c.App.Name}, os.Args[1:]...),
		Program: c.App.Version,
		Go:      runtime.Version(),
		Started: time.Now(),
		Options: o.record(),
		Seed:    o.search.Seed,
		Seconds: map[string]float64{},
		Machine: report.ThisMachine(cmp.Or(o.search.Threads, runtime.GOMAXPROCS(0))),
	}
	if err := j.open(c); err != nil {
		return err
	}
	defer j.folder.Discard()
	result, err := j.findFront(c.Context)
	if err != nil {
		return err
	}
	if err := j.keep(c.Context, result); err != nil {
		return err
	}
	if err := j.showFront(); err != nil {
		return err
	}
	if err := c.Context.Err(); err != nil {
		return fmt.Errorf("the front found so far is in %s: %w", j.folder.Dir, err)
	}
	return nil
}

// timed notes how long a part of the work takes until the returned function is
// called.
func (j *optimizeJob) timed(part string) func() {
	start := time.Now()
	return func() { j.run.Seconds[part] = time.Since(start).Seconds() }
}

// open finds what is to be searched, and makes the run folder.
func (j *optimizeJob) open(c *cli.Context) (err error) {
	defer j.timed("open")()
	if j.zoo, err = j.openZoo(c); err != nil {
		return err
	}
	if j.split, err = j.zoo.Split(j.splitName); err != nil {
		return usageError{err}
	}
	if j.folds > j.split.Samples {
		return usagef("--cross-validate %d: the split %s has %d samples", j.folds, j.split.Name, j.split.Samples)
	}
	models, err := selectModels(j.zoo.Models(), j.globs)
	if err != nil {
		return err
	}
	models, lack := withPredictions(models, j.split.Name)
	if len(models) == 0 {
		return fmt.Errorf("no model has predictions on the split %q", j.split.Name)
	}
	if lack > 0 {
		j.err.Warnf("%d models have no predictions on the split %q and are left out", lack, j.split.Name)
	}
	if j.models, err = price(models, j.cost); err != nil {
		return err
	}
	if j.dominate != "" {
		if _, err := number(j.models, j.dominate); err != nil {
			return usagef("--dominate: %w", err)
		}
	}
	for _, name := range names(j.include, j.models) {
		i, err := number(j.models, name)
		if err != nil {
			return usagef("--include: %w", err)
		}
		j.search.Include = append(j.search.Include, i)
	}
	j.run.Zoo, j.run.Fingerprint, j.run.Split = j.zoo.Dir(), j.zoo.Fingerprint(), j.split.Name
	if j.resume {
		if j.search.Resume, err = report.ReadState(j.runDir); err != nil {
			return err
		}
	}
	j.folder, err = report.CreateFolder(j.runDir, j.run.Started, j.search.Algorithm)
	return err
}

// findFront searches, and describes the front as the search sees it.
func (j *optimizeJob) findFront(ctx context.Context) (*optimize.Result, error) {
	index, err := j.openIndex(ctx)
	if err != nil {
		return nil, err
	}
	defer index.Close()
	entries := make([]optimize.Model, len(j.models))
	for i, m := range j.models {
		entries[i] = optimize.Model{Name: m.Name, Cost: m.price, Answers: m.Answers, Lists: index.Lists(m.Name)}
		if j.search.MaxParams == 0 {
			continue
		}
		if entries[i].Params, err = m.Cost(paramsColumn); err != nil {
			return nil, fmt.Errorf("--max-params needs the parameters of every model: %w; leave it out with --models '!%s'", err, m.Name)
		}
	}
	problem, err := optimize.NewProblem(index.Labels(), j.zoo.Classes(), entries)
	if err != nil {
		return nil, err
	}
	result, err := j.searchProblem(ctx, problem)
	if err != nil {
		return nil, err
	}
	result.Front = optimize.Thin(result.Front, problem.Samples(), j.minGain)
	j.run.Evaluations, j.run.Interrupted, j.run.Corrected = result.Evaluations, result.Interrupted, result.Corrected
	j.front = &report.Front{
		Version:     report.Version,
		Zoo:         describeZoo(j.zoo),
		Split:       describeSplit(j.split),
		Cost:        j.cost,
		Algorithm:   result.Algorithm,
		Grid:        j.search.Grid,
		Proof:       result.Proof,
		Interrupted: result.Interrupted,
	}
	for i, m := range j.models {
		temperature, _ := calibrate.Temperature(m.Model)
		j.front.Models = append(j.front.Models, report.Model{Name: m.Name, Cost: m.price, Correct: problem.Correct(i), Temperature: temperature})
	}
	for _, p := range result.Front {
		cascade := describe(p.Cascade, p.Evaluation, j.models, j.split.Samples)
		cascade.Bound = p.Bound
		j.front.Cascades = append(j.front.Cascades, cascade)
	}
	if err := j.crossValidate(ctx, problem); err != nil {
		return nil, err
	}
	for _, p := range result.Curve {
		j.run.Curve = append(j.run.Curve, report.CurvePoint{Evaluations: p.Evaluations, Seconds: p.Elapsed.Seconds(), Linear: p.Linear, Log: p.Log})
	}
	return result, nil
}

func (j *optimizeJob) openIndex(ctx context.Context) (*zoo.Index, error) {
	defer j.timed("index")()
	names := make([]string, len(j.models))
	for i, m := range j.models {
		names[i] = m.Name
	}
	progress := j.err.Progress("building the search index", "models")
	defer progress.Stop()
	return j.zoo.OpenIndex(ctx, j.split.Name, names, func(done, total int) { progress.Update(int64(done), int64(total), "") })
}

func (j *optimizeJob) searchProblem(ctx context.Context, p *optimize.Problem) (*optimize.Result, error) {
	defer j.timed("search")()
	o := j.search
	o.Save = j.folder.SaveState
	if stored(j.models, j.split.Name) {
		o.Outputs = func(model int) (optimize.Rows, error) { return openRows(j.zoo, j.models[model], j.split.Name) }
	}
	live := j.newSearchLine(p.Samples())
	o.Progress = live.update
	result, err := optimize.Search(ctx, p, o)
	live.Stop()
	switch {
	case errors.Is(err, optimize.ErrBadState):
		return nil, fmt.Errorf("%s: %w", j.folder.Dir, err)
	case err != nil:
		return nil, err
	case !result.Interrupted:
		if err := j.folder.DropState(); err != nil {
			return nil, err
		}
	}
	j.err.Notef("tried %s cascades in %s", ui.Count(result.Evaluations), ui.Duration(result.Elapsed))
	if result.Corrected > 0 {
		j.err.Notef("%s of the cascades found have other figures on the full outputs than on the search index: the front was worked out again on these", ui.Count(int64(result.Corrected)))
	}
	if result.Interrupted {
		j.err.Notef("the same command with --resume %s goes on from here", j.folder.Dir)
	}
	return result, nil
}

// keep writes the run folder: at once, because what was found must not be lost, and
// again with the figures of the full stored outputs. A second interrupt ends it in
// between.
func (j *optimizeJob) keep(ctx context.Context, result *optimize.Result) error {
	if err := j.folder.Write(j.front, j.run); err != nil {
		return err
	}
	if !stored(j.models, j.split.Name) {
		j.err.Warnf("the zoo has search indexes without full outputs: the front is not checked on them")
		return nil
	}
	done := j.timed("check")
	if err := j.check(context.WithoutCancel(ctx), result.Front); err != nil {
		return fmt.Errorf("checking the front on the stored outputs: %w; %s has the front as the search saw it", err, j.folder.Dir)
	}
	done()
	return j.folder.Write(j.front, j.run)
}

// check puts the figures of the full stored outputs in the place of those of the
// search index, and notes and reports where they differ.
func (j *optimizeJob) check(ctx context.Context, points []optimize.Point) error {
	cascades := make([]optimize.Cascade, len(points))
	for i, p := range points {
		cascades[i] = p.Cascade
	}
	evaluations, err := j.evaluateStored(ctx, j.zoo, j.models, j.split.Name, cascades)
	if err != nil {
		return err
	}
	order := make([]int, len(points)) // ascending in cost, which may be another now
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(evaluations[a].Cost, evaluations[b].Cost) })
	for place, i := range order {
		seen, e := points[i], evaluations[i]
		j.front.Cascades[place] = describe(seen.Cascade, e, j.models, j.split.Samples)
		if e.Correct == seen.Correct && slices.Equal(e.Reach, seen.Reach) {
			j.front.Cascades[place].Bound = seen.Bound
			continue
		}
		j.front.Differences = append(j.front.Differences, report.Difference{Cascade: place, IndexCorrect: seen.Correct, IndexReach: seen.Reach})
		j.err.Warnf("cascade %d has %d correct answers at %g %s on the stored outputs, %d at %g on the search index",
			place, e.Correct, e.Cost, j.front.Cost, seen.Correct, seen.Cost)
	}
	j.front.Checked = true
	return nil
}

// record returns the options as run.json has them.
func (o *optimizeOptions) record() map[string]any {
	s := o.search
	return map[string]any{
		"algorithm": s.Algorithm, "rule": s.Rule.String(), "confidence": s.Confidence.String(),
		"grid": o.gridName, "snap": s.Snap, "paper": s.Paper, "max_models": s.MaxModels,
		"cost": o.cost, "max_cost": s.MaxCost, "max_worst_cost": s.MaxWorstCost, "max_params": s.MaxParams,
		"min_accuracy": s.MinAccuracy, "min_gain": 100 * o.minGain, "cross_validate": o.folds, "dominate": o.dominate,
		"models": o.globs, "include": o.include, "evals": s.Evals, "time": s.Time.String(), "memory": s.Memory,
	}
}
