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
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/benchmarks/holdout"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/study"
)

// holdoutFile keeps what fronts are worth on samples that were not searched.
const holdoutFile = "holdout.json"

// holdoutRuns is what the file has.
type holdoutRuns struct {
	Revision string           `json:"revision"`
	Machine  Machine          `json:"machine"`
	Results  []holdout.Result `json:"results"`
}

// runHoldout measures every method on random splits of zoos, and adds each result to the
// file as it comes; those already there are passed over.
func runHoldout(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchmarks holdout", flag.ContinueOnError)
	zooDir := flags.String("zoo", "", "`folder` of one zoo to measure on instead of the example, CIFAR-10's outputs and answers to ImageNetV2")
	cost := flags.String("cost", study.DefaultCost, "`column` of the models that is their cost")
	sizes := flags.String("samples", "250,500,1000,2500,half", "`numbers` of samples to search, with commas")
	splits := flags.Int("splits", 10, "`number` of random splits")
	only := flags.String("methods", "", "only methods whose names hold one of these `words`, with commas")
	threads := flags.Int("threads", 2, "`number` of threads")
	shared := flags.String("shared", "../shared/data", "`folder` of outputs and answers; those that are not there are passed over")
	dir := flags.String("dir", "build/bench", "`folder` for zoos that are made")
	outDir := flags.String("out", "benchmarks", "`folder` for "+holdoutFile+" and REPORT.md")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("what is %q? holdout takes flags only (see -help)", flags.Arg(0))
	}
	zoos, err := holdoutZoos(ctx, *zooDir, *cost, *shared, *dir, out)
	if err != nil {
		return err
	}
	runs, err := readHoldout(*outDir)
	if err != nil {
		return err
	}
	runs.Revision, runs.Machine = revision(), thisMachine()
	for _, z := range zoos {
		numbers, err := samplesOf(*sizes, z.Problem.Samples())
		if err != nil {
			return err
		}
		for _, n := range numbers {
			for _, m := range holdout.Methods(*threads) {
				if !holdsWord(m.Name, *only) {
					continue
				}
				for split := range *splits {
					if slices.ContainsFunc(runs.Results, func(r holdout.Result) bool {
						return r.Zoo == z.Name && r.Samples == n && r.Method == m.Name && r.Split == split
					}) {
						continue
					}
					r, err := holdout.Measure(ctx, z, m, n, split)
					if err != nil {
						return err
					}
					runs.Results = append(runs.Results, *r)
					fmt.Fprintf(out, "%s, %d samples, split %d, %s: %.2f %% log, %.2f %% linear\n", z.Name, n, split, m.Name, 100*r.Log, 100*r.Linear)
					if err := runs.write(*outDir); err != nil {
						return err
					}
				}
			}
		}
	}
	return renderReport(*outDir)
}

// holdoutZoos opens the zoo in a folder or, without one, those that are at hand.
func holdoutZoos(ctx context.Context, dir, cost, shared, made string, out io.Writer) ([]holdout.Zoo, error) {
	if dir != "" {
		z, err := holdout.Open(ctx, filepath.Base(dir), dir, cost)
		return []holdout.Zoo{z}, err
	}
	example, err := holdout.Open(ctx, "example", study.Example, cost)
	if err != nil {
		return nil, err
	}
	zoos := []holdout.Zoo{example}
	for _, known := range []struct{ name, folder string }{{"CIFAR-10", "cifar10"}, {"ImageNetV2, answers", "imagenetv2_answers"}} {
		source, dir := filepath.Join(shared, known.folder), filepath.Join(made, known.folder)
		if _, err := os.Stat(source); err != nil {
			fmt.Fprintf(out, "without %s: %v\n", known.name, err)
			continue
		}
		_, err = study.Import(ctx, dir, study.ImportOptions{Format: "npy", Sources: []string{source}, Splits: []string{"all"}}, study.Watch{})
		if err != nil {
			return nil, err
		}
		z, err := holdout.Open(ctx, known.name, dir, cost)
		if err != nil {
			return nil, err
		}
		zoos = append(zoos, z)
	}
	return zoos, nil
}

// samplesOf reads numbers of samples for a zoo that has so many; those that would leave
// less than half of them are passed over.
func samplesOf(text string, samples int) ([]int, error) {
	var numbers []int
	for part := range strings.SplitSeq(text, ",") {
		n := samples / 2
		if part != "half" {
			var err error
			if n, err = strconv.Atoi(part); err != nil || n < 1 {
				return nil, fmt.Errorf("-samples: %q is neither half nor a number of samples", part)
			}
		}
		if n <= samples/2 && !slices.Contains(numbers, n) {
			numbers = append(numbers, n)
		}
	}
	return numbers, nil
}

// holdsWord reports whether a name holds one of the words, or there are none.
func holdsWord(name, words string) bool {
	return slices.ContainsFunc(strings.Split(words, ","), func(word string) bool { return strings.Contains(name, word) })
}

func readHoldout(dir string) (*holdoutRuns, error) {
	runs := new(holdoutRuns)
	path := filepath.Join(dir, holdoutFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return runs, nil
	}
	if err == nil {
		err = json.Unmarshal(data, runs)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return runs, nil
}

func (r *holdoutRuns) write(dir string) error {
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(filepath.Join(dir, holdoutFile), append(data, '\n'))
}

// writeHoldout prints the section on samples that were not searched, if there are results.
func writeHoldout(w io.Writer, runs *holdoutRuns) {
	if len(runs.Results) == 0 {
		return
	}
	fmt.Fprintf(w, `
## On samples that were not searched

Made by `+"`go run ./benchmarks holdout`"+` at revision %s on %s, %d cores. Random samples are
searched, the others tell what the front is worth. Of 300 budgets between the cost of the
cheapest model and that of the most accurate one, evenly spaced in log cost or in cost, each
takes the front's most accurate cascade within it; its error on the other samples, averaged
over the budgets, is the *deployed error*, in per cent. Differences are paired on the same
splits, with the standard error of their mean. A claim is "as accurate as the best single
model at no more cost than the most accurate cascade, for less", read off the samples
searched; it is false if the cascade has fewer correct answers on the others.
`, runs.Revision, runs.Machine.CPU, runs.Machine.Cores)
	holdout.WriteTables(w, runs.Results, "auto")
}
