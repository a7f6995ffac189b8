package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// algorithmsFile keeps the runs of the search algorithms, which take half an hour
// and are therefore not a suite but a command of their own.
const algorithmsFile = "algorithms.json"

// An AlgorithmRun is one search of the large zoo.
type AlgorithmRun struct {
	Algorithm string                `json:"algorithm"`
	Seed      uint64                `json:"seed"`
	Threads   int                   `json:"threads"`
	Limit     string                `json:"limit"` // on evaluations or time
	Revision  string                `json:"revision"`
	Machine   Machine               `json:"machine"`
	Curve     []optimize.CurvePoint `json:"curve"`
	Cascades  int                   `json:"cascades"` // on the front
}

func (r *AlgorithmRun) last() optimize.CurvePoint { return r.Curve[len(r.Curve)-1] }

// runAlgorithms searches the large simulated zoo with every algorithm and adds
// each run to the file as it ends; those already there are passed over.
func runAlgorithms(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchmarks algorithms", flag.ContinueOnError)
	names := flags.String("algorithms", "auto,gomea,nsga2,greedy,random", "`names` of the algorithms, with commas")
	seeds := flags.Int("seeds", 3, "`number` of seeds, from 1 on")
	evals := flags.Int64("evals", 600_000, "`number` of evaluations of all but auto")
	limit := flags.Duration("time", 2*time.Minute, "`time` that auto may take")
	threads := flags.Int("threads", 2, "`number` of threads")
	dir := flags.String("dir", "build/bench", "`folder` for the simulated zoo; kept for the next run")
	outDir := flags.String("out", "benchmarks", "`folder` for "+algorithmsFile+" and REPORT.md")
	quick := flags.Bool("quick", false, "tiny sizes: see that everything works")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("what is %q? algorithms takes flags only (see -help)", flags.Arg(0))
	}
	s, err := newBench(*quick, 1, *dir, &pythons{}, out).largeZoo(ctx)
	if err != nil {
		return err
	}
	for _, name := range strings.Split(*names, ",") {
		for seed := uint64(1); seed <= uint64(*seeds); seed++ {
			o := optimize.Options{Algorithm: name, Seed: seed, Threads: *threads}
			text := fmt.Sprintf("%d evaluations", *evals)
			if name == "auto" {
				o.Rules, o.Time = []cascade.Rule{cascade.RuleMean, cascade.RuleLast}, *limit
				text = limit.String()
			} else {
				o.Evals = *evals
			}
			runs, err := readAlgorithmRuns(*outDir)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(runs, func(r AlgorithmRun) bool {
				return r.Algorithm == name && r.Seed == seed && r.Limit == text
			}) {
				continue
			}
			result, err := optimize.Search(ctx, s.problem, o)
			if err != nil {
				return err
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			run := AlgorithmRun{
				Algorithm: name, Seed: seed, Threads: *threads, Limit: text,
				Revision: revision(), Machine: thisMachine(),
				Curve: result.Curve, Cascades: len(result.Front),
			}
			if err := addAlgorithmRun(*outDir, run); err != nil {
				return err
			}
			fmt.Fprintf(out, "%s, seed %d: %.5f linear, %.5f log after %d evaluations in %s\n", name, seed,
				run.last().Linear, run.last().Log, run.last().Evaluations, run.last().Elapsed.Round(time.Second))
		}
	}
	return renderReport(*outDir)
}

func readAlgorithmRuns(dir string) ([]AlgorithmRun, error) {
	data, err := os.ReadFile(filepath.Join(dir, algorithmsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var runs []AlgorithmRun
	if err := json.Unmarshal(data, &runs); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, algorithmsFile), err)
	}
	return runs, nil
}

// addAlgorithmRun reads the runs anew, so that two processes can add to one file
// in turns.
func addAlgorithmRun(dir string, run AlgorithmRun) error {
	runs, err := readAlgorithmRuns(dir)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(append(runs, run), "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, algorithmsFile), append(data, '\n'), 0o666)
}

// writeAlgorithms prints the section on search algorithms, if there are runs.
func writeAlgorithms(w io.Writer, runs []AlgorithmRun) {
	if len(runs) == 0 {
		return
	}
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("\n## Search algorithms\n")
	p("Made by `go run ./benchmarks algorithms`. Hypervolumes of the fronts on the split searched;")
	p("reference point 40 %% error and the most expensive model, cost axis linear or logarithmic from the")
	p("cheapest model on. All search chains on the fine grid, `auto` with both rules.\n")
	p("| algorithm | seed | limit | threads | evaluations | seconds | cascades | linear | log |")
	p("|---|--:|---|--:|--:|--:|--:|--:|--:|")
	for _, r := range runs {
		p("| %s | %d | %s | %d | %d | %.0f | %d | %.5f | %.5f |", r.Algorithm, r.Seed, r.Limit, r.Threads,
			r.last().Evaluations, r.last().Elapsed.Seconds(), r.Cascades, r.last().Linear, r.last().Log)
	}
	p("\nEvaluations of `auto` count every threshold combination that was solved at once. Anytime")
	p("curves, hypervolume linear / log when so many seconds had passed (seed 1):\n")
	writeCurves(w, runs, []float64{1, 3, 10, 30, 60, 120, 300}, "%g s",
		func(c optimize.CurvePoint) float64 { return c.Elapsed.Seconds() })
	p("\nAnd after so many evaluations:\n")
	writeCurves(w, runs, []float64{1e3, 1e4, 1e5, 6e5, 1e7, 1e8, 1e9}, "%g",
		func(c optimize.CurvePoint) float64 { return float64(c.Evaluations) })
	if linear, log, seconds := overtakes(runs, "auto"); len(seconds) > 0 {
		p("\nAs good as the best of the other fronts on both axes, %.5f linear and %.5f log, the points of the curves of", linear, log)
		p("`auto` are after %s (seed by seed; promised: 5 s).", strings.Join(seconds, ", "))
	}
	p("\nMachine: %s, %d cores; load average at the end of the first run %s.", runs[0].Machine.CPU, runs[0].Machine.Cores, runs[0].Machine.Load)
}

// overtakes returns the best hypervolumes of all other algorithms' fronts, and for every run of one
// how long it took to reach both.
func overtakes(runs []AlgorithmRun, algorithm string) (linear, log float64, seconds []string) {
	for _, r := range runs {
		if r.Algorithm != algorithm {
			linear, log = max(linear, r.last().Linear), max(log, r.last().Log)
		}
	}
	for _, r := range runs {
		if r.Algorithm != algorithm || linear == 0 {
			continue
		}
		i := slices.IndexFunc(r.Curve, func(c optimize.CurvePoint) bool { return c.Linear >= linear && c.Log >= log })
		if i < 0 {
			seconds = append(seconds, "never")
			continue
		}
		seconds = append(seconds, fmt.Sprintf("%.1f s", r.Curve[i].Elapsed.Seconds()))
	}
	return linear, log, seconds
}

// writeCurves prints, for the first seed of every algorithm, the hypervolumes
// reached when measure of the curve was at each of the values.
func writeCurves(w io.Writer, runs []AlgorithmRun, values []float64, format string, measure func(optimize.CurvePoint) float64) {
	fmt.Fprint(w, "| algorithm |")
	for _, v := range values {
		fmt.Fprintf(w, " "+format+" |", v)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("--:|", len(values)))
	for _, r := range runs {
		if r.Seed != 1 {
			continue
		}
		fmt.Fprintf(w, "| %s |", r.Algorithm)
		for i, v := range values {
			var at optimize.CurvePoint
			for _, c := range r.Curve {
				if measure(c) <= v {
					at = c
				}
			}
			ended := i > 0 && measure(r.last()) <= values[i-1]
			if at.Evaluations == 0 || ended {
				fmt.Fprint(w, " |")
				continue
			}
			fmt.Fprintf(w, " %.4f / %.4f |", at.Linear, at.Log)
		}
		fmt.Fprintln(w)
	}
}
