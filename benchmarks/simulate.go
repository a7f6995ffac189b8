package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/encas-zoo/encas-zoo/benchmarks/simzoo"
	"github.com/encas-zoo/encas-zoo/internal/ui"
)

func runSimulate(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchmarks simulate", flag.ContinueOnError)
	dir := flags.String("dir", "", "`folder` to make the zoo in; must be empty or absent")
	o := simzoo.Options{}
	flags.IntVar(&o.Models, "models", 518, "`number` of models; 518 are all of the catalog")
	flags.IntVar(&o.Search, "samples", 20683, "`number` of samples of the split search, ImageNetV2-like")
	flags.IntVar(&o.Test, "test-samples", 50000, "`number` of samples of the split test, ImageNet-like; 0: no such split")
	flags.IntVar(&o.Classes, "classes", 1000, "`number` of classes")
	flags.Uint64Var(&o.Seed, "seed", 1, "`number` that another zoo has another of")
	flags.BoolVar(&o.Archive, "archive", false, "write the full outputs, not only the search index (2*classes bytes a model and sample)")
	flags.IntVar(&o.Threads, "threads", runtime.GOMAXPROCS(0), "`number` of threads")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("what is %q? simulate takes flags only (see -help)", flags.Arg(0))
	}
	if *dir == "" {
		return errors.New("simulate needs -dir FOLDER")
	}
	progress := ui.NewConsole(os.Stderr, false).Progress("simulate", "models")
	o.Progress = func(done, total int) { progress.Update(int64(done), int64(total), "") }
	start := time.Now()
	stats, err := simzoo.Write(ctx, *dir, o)
	progress.Stop()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d simulated models in %s\n", *dir, o.Models, time.Since(start).Round(time.Second/10))
	for _, split := range slices.Sorted(maps.Keys(stats)) {
		printStatistics(out, split, stats[split])
	}
	return nil
}

func printStatistics(out io.Writer, split string, st simzoo.Statistics) {
	percent := func(what string, s simzoo.Spread) {
		fmt.Fprintf(out, "  %-38s %6.2f %%  (%.2f to %.2f)\n", what, 100*s.Mean, 100*s.Min, 100*s.Max)
	}
	fmt.Fprintf(out, "%s\n", split)
	fmt.Fprintf(out, "  %-38s %6.3f points at most\n", "accuracy differs from the published by", st.OffPublished)
	percent("accuracy", st.Accuracy)
	percent("expected calibration error", st.ECE)
	percent("agreement of two models", st.Agreement)
	percent("the same error, where both err", st.SameError)
	fmt.Fprintf(out, "  %-38s %6.3f    (%.3f to %.3f)\n", "correlation of errors", st.Correlation.Mean, st.Correlation.Min, st.Correlation.Max)
	fmt.Fprintf(out, "  %-38s %6.2f %%\n", "some model is right (oracle)", 100*st.Oracle)
	fmt.Fprintf(out, "  %-38s %6.2f %%\n", "all models are right", 100*st.AllRight)
}
