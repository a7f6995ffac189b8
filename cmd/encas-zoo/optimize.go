package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/study"
)

// optimizeOptions are the flags of optimize.
type optimizeOptions struct {
	study.Options
	resume  string // run folder
	all     bool   // show all cascades
	chart   string // when the front is drawn: one of chartTimes
	certify study.CertifyOptions
	shard   string // I/N
}

// chartTimes are the values of --chart.
var chartTimes = []string{"auto", "always", "never"}

func optimizeCommand() *cli.Command {
	o := &optimizeOptions{Options: study.Defaults(), chart: "auto", certify: study.CertifyDefaults()}
	return &cli.Command{
		Name:      "optimize",
		Usage:     "search the best cascades of a zoo",
		UsageText: "[--zoo DIR] [flags]",
		Description: `Searches, over the stored outputs of the models on one split, the cascades that no
other one beats in both accuracy and cost, and writes them to a run folder: front.json,
front.csv (for other programs) and run.json (how the run was made).

Two accuracies are shown. The expected one is an estimate for samples that were not
searched, with a 95 % interval for as many of them, and cascades are compared by it. The
one on the samples searched is exact, and mostly too high, because a search also finds
what is lucky there. The table leaves out cascades that the samples do not tell apart.

Of very many samples a part is searched, drawn at random, and the expected accuracies are
those measured on all others (--search-samples).

Algorithms: ` + strings.Join(optimize.Algorithms(), ", ") + `.
auto chooses by evidence what is likely to hold on other samples, and ends when more is
hardly worth the time. With --select raw, as with all other algorithms and --paper, the
most correct answers on the samples searched decide. exact tries all chains of up to
3 models with all thresholds of the grid; what is proven is shown below the table.

Rules: mean averages the outputs so far, last takes that of the last model alone, and
vote counts answers, which is all that some models give. --rule mean,vote searches both
in one front, and both is short for mean,last. By default auto searches both, or
last,vote if any model gives answers only; the other algorithms search mean.

With --shard I/N algorithm exact tries one of N parts of the chains, of which nothing is
proven by itself; encas-zoo front merge joins the parts, and does what concerns the whole
front: expected accuracies, --cross-validate, --certify, --unlabelled, full outputs.

Ctrl-C ends the search with the front found so far. The same command with --resume and
the run folder continues from there, also after a crash (the state is saved now and
then), and ends with the front of an uninterrupted search.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo optimize                                        the example zoo
encas-zoo optimize --zoo cifar10                          the other that is built in
encas-zoo optimize --max-gflops 300                       the best cascade within a budget
encas-zoo optimize --zoo cifar --algorithm exact --max-models 3 --out runs/three
encas-zoo optimize --zoo cifar --paper --out runs/published
encas-zoo optimize --dominate qda                         cheaper and more accurate than that model
encas-zoo optimize --zoo cifar --cost price --max-cost 0.002 --max-params 5e7
encas-zoo optimize --algorithm exact --cross-validate 5   accuracy on unseen samples
encas-zoo optimize --zoo cifar --unlabelled pool          with samples that nobody labelled
encas-zoo optimize --zoo cifar --rule mean,vote --time 1m
encas-zoo optimize --zoo cifar --search-samples 3000      what was found is measured on the rest
encas-zoo optimize --zoo cifar --algorithm exact --certify val --certify-margin 1
encas-zoo optimize --zoo cifar --models 'resnet*,vit_*,!*_distilled' --time 2m
encas-zoo optimize --zoo cifar --algorithm exact --max-models 3 --shard 3/100 --out shards/3
encas-zoo optimize --zoo cifar --json | jq .best`,
			"130  interrupted; the front found so far was written"),
		Flags: slices.Concat(
			[]cli.Flag{
				zooFlag(),
				bind(&o.Split, "split", "the samples to search on, `NAME` (default: search, or the zoo's only split with labels)"),
				bind(&o.SearchSamples, "search-samples", "draw `N` samples of the split at random, by --seed, search these alone, and measure on all others what was found (default: by evidence 131072 of a split of at least 163840, else all)"),
				bind(&o.Algorithm, "algorithm", "`NAME` of the search algorithm"),
				bind(&o.MaxModels, "max-models", "longest chain, `K` models (default: the algorithm's)"),
				bind(&o.Grid, "grid", "thresholds to try: fine, paper, or a `FILE` with one per line (default: fine, or paper with --paper)"),
				bind(&o.Rule, "rule", "how models combine, `RULE`: mean, last, vote, several with commas, or both (default: depends on algorithm and models)"),
				bind(&o.Confidence, "confidence", "what thresholds are compared with, `NAME`: max probability, margin of the top two, or entropy"),
				bind(&o.Snap, "snap", "move the thresholds found to the middle of the gap between samples (default: unless --grid or --paper is given)"),
				bind(&o.Paper, "paper", "the search space of the publication: its grid, rule mean, up to 5 models, which may repeat at full cost"),
				costFlag(&o.Cost),
			},
			limit(&o.MaxCost, "max-cost", "max-gflops", "mean"),
			limit(&o.MaxWorstCost, "max-worst-cost", "max-worst-gflops", "worst-case"),
			[]cli.Flag{
				bind(&o.MaxParams, "max-params", "limit on the parameters of all models of a cascade together, `X` such as 5e7"),
				bind(&o.MinAccuracy, "min-accuracy", "minimum accuracy `Y` of a cascade, between 0 and 1: by evidence the expected one, else that on the samples searched"),
				bind(&o.Select, "select", "what cascades are chosen by, `NAME`: evidence, what is likely to hold on other samples, or raw, the most correct answers on those searched (default: evidence with algorithm auto, else raw)"),
				bind(&o.Effort, "effort", "how long to search by evidence, `NAME`: normal, until more is hardly worth the time, or high, until nothing improves (default: normal)"),
				bind(&o.all, "all", "show all cascades, not only those that the samples tell apart"),
				bind(&o.MinGain, "min-gain", "omit cascades that are less than `X` percentage points more accurate than the next cheaper one"),
				bind(&o.CrossValidate, "cross-validate", "show the accuracy on unseen samples: search `K` more times, each with the whole budget and without a Kth of the samples, and evaluate on these"),
				bind(&o.Unlabelled, "unlabelled", "estimate accuracy, cost and reach of the cascades found with the samples of the split `NAME`, too; labels that it has are not used"),
				bind(&o.certify.Split, "certify", "test on the split `NAME`, which is not searched, which cascades can replace the most accurate model (see encas-zoo certify)"),
				marginFlag(&o.certify.Margin, "certify-margin"),
				bind(&o.certify.Confidence, "certify-confidence", "`P` of certifying nothing falsely, between 0 and 1"),
				bind(&o.Dominate, "dominate", "show which cascades are cheaper and more accurate than `MODEL`, and by how much"),
				bind(&o.Include, "include", "every cascade must have the models `NAMES`; lists with commas"),
				modelsFlag(&o.Models),
				bind(&o.Shortlist, "shortlist", "search the `N` models that are the most accurate for their cost (default: as many as take 3 GiB in the search index; all with algorithm exact)"),
				bind(&o.Evals, "evals", "try at most `N` cascades (default: the algorithm's)"),
				bind(&o.Time, "time", "search for at most `D`, such as 90s or 10m; it is shared by the search, the searches for expected accuracies and the check on full outputs, which may take a little longer"),
				bind(&o.Seed, "seed", "random seed `S`"),
				bindThreads(&o.Threads, "use `T` processors (default: all); results do not depend on it"),
				bind(&o.Memory, "memory", "cache at most `MB` megabytes of tables and margins (default: 1024); results do not depend on it"),
				bind(&o.shard, "shard", "with algorithm exact, try part `I/N` of the chains, I from 0; encas-zoo front merge joins the parts. With /N I is the task, in Slurm's job arrays and Kubernetes' indexed jobs"),
				bind(&o.resume, "resume", "continue the interrupted search in the run folder `DIR`; of what decides the search only --time, --threads and --memory may change"),
				bind(&o.Dir, "out", "write to the run folder `DIR` (default: a new one in ./runs)"),
				bind(&o.Force, "force", "replace an earlier run in the folder of --out, with its report and certificate"),
				bind(&o.chart, "chart", "`WHEN` to draw the front in characters: auto (on a terminal), always, never"),
			}),
		Action: on(func(c *cli.Context, t *terminal) error {
			if err := cmp.Or(noArguments(c), o.check(c)); err != nil {
				return err
			}
			return runOptimize(c, t, o)
		}),
	}
}

// check refuses flags that contradict each other.
func (o *optimizeOptions) check(c *cli.Context) error {
	if err := cmp.Or(checkLimit(c, "max-cost", "max-gflops"), checkLimit(c, "max-worst-cost", "max-worst-gflops")); err != nil {
		return err
	}
	if !slices.Contains(chartTimes, o.chart) {
		return usagef("--chart %q: it is one of: %s", o.chart, strings.Join(chartTimes, ", "))
	}
	for _, name := range []string{"resume", "out"} {
		if c.IsSet(name) && c.String(name) == "" {
			return usagef("--%s is empty: name a folder", name)
		}
	}
	if c.IsSet("max-gflops") || c.IsSet("max-worst-gflops") {
		o.Cost = study.DefaultCost
	}
	if o.certify.Split != "" {
		o.Certify = &o.certify
	}
	for _, name := range []string{"certify-margin", "certify-confidence"} {
		if c.IsSet(name) && o.Certify == nil {
			return usagef("--%s needs --certify", name)
		}
	}
	if c.IsSet("shard") {
		var err error
		if o.Shard, o.Shards, err = ingest.ParseShard(o.shard, os.Getenv); err != nil {
			return usageError{err}
		}
		if o.Shards < 1 || o.Shards > front.MaxParts {
			return usagef("--shard %q: it takes I/N, I from 0 to N-1, and N at most %d", o.shard, front.MaxParts)
		}
	}
	if o.Force && !c.IsSet("out") {
		return usagef("--force needs --out")
	}
	if o.resume != "" {
		if o.Force {
			return usagef("--resume continues the run in the folder, --force replaces it: give one")
		}
		if c.IsSet("out") && filepath.Clean(o.resume) != filepath.Clean(o.Dir) {
			return usagef("--resume %s writes to that folder, not to --out %s", o.resume, o.Dir)
		}
		o.Dir, o.Resume = o.resume, true
	}
	return nil
}

func runOptimize(c *cli.Context, t *terminal, o *optimizeOptions) error {
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
	if found.Front.Parts != nil {
		err = t.showPart(found, o)
	} else {
		err = t.showFound(c, z, found, o)
	}
	if err != nil {
		return err
	}
	if err := c.Context.Err(); err != nil && found.Front.Interrupted {
		return fmt.Errorf("the front found so far is in %s: %w", found.Dir, err)
	}
	return nil
}

// noteSearch summarizes a search.
func (t *terminal) noteSearch(found *study.Found) {
	t.err.Notef("tried %s cascades in %s", ui.Count(found.Run.Evaluations), ui.Duration(found.Elapsed))
	t.noteCorrected(found)
	if found.Front.Interrupted {
		t.err.Notef("the same command with --resume %s continues from here", shellPath(found.Dir))
	}
}

// noteCorrected says how many cascades the full outputs have changed.
func (t *terminal) noteCorrected(found *study.Found) {
	if n := found.Run.Corrected; n > 0 {
		t.err.Notef("corrected %s with different results on the full outputs", plural(n, "cascade", "cascades"))
	}
}
