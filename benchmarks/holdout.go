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
	Claims   []holdout.Claims `json:"claims,omitempty"` // certified
}

// certifiedClaims is what -methods calls the check of these.
const certifiedClaims = "certified claims"

// runHoldout measures every method on random splits of zoos, and checks what is certified
// of fronts. Each result is added to the file as it comes; those already there are passed
// over.
func runHoldout(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchmarks holdout", flag.ContinueOnError)
	zooDir := flags.String("zoo", "", "`folder` of one zoo to measure on instead of the example, CIFAR-10's outputs and answers to ImageNetV2")
	cost := flags.String("cost", study.DefaultCost, "`column` of the models that is their cost")
	sizes := flags.String("samples", "250,500,1000,2500,half", "`numbers` of samples to search, with commas")
	splits := flags.Int("splits", 10, "`number` of random splits")
	draws := flags.Int("draws", 200, "`number` of draws for "+certifiedClaims)
	only := flags.String("methods", "", "only methods whose names hold one of these `words`, with commas; "+certifiedClaims+" is one")
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
			if holdsWord(certifiedClaims, *only) {
				if err := runs.checkClaims(ctx, z, n, *draws, *threads, *outDir, out); err != nil {
					return err
				}
			}
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

// checkClaims adds the checks of certified claims of chains of two and of three, unless they
// are there.
func (r *holdoutRuns) checkClaims(ctx context.Context, z holdout.Zoo, n, draws, threads int, dir string, out io.Writer) error {
	for _, models := range []int{2, 3} {
		if slices.ContainsFunc(r.Claims, func(c holdout.Claims) bool {
			return c.Zoo == z.Name && c.Samples == n && c.MaxModels == models && c.Draws == draws
		}) {
			continue
		}
		c, err := holdout.CheckClaims(ctx, z, n, models, draws, threads)
		if err != nil {
			return err
		}
		r.Claims = append(r.Claims, *c)
		holdout.WriteClaims(out, []holdout.Claims{*c})
		if err := r.write(dir); err != nil {
			return err
		}
	}
	return nil
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
	if len(runs.Results) == 0 && len(runs.Claims) == 0 {
		return
	}
	fmt.Fprintf(w, `
## On samples that were not searched

Made by `+"`go run ./benchmarks holdout`"+` at revision %s on %s, %d cores.
`, runs.Revision, runs.Machine.CPU, runs.Machine.Cores)
	if len(runs.Results) > 0 {
		writeDeployed(w, runs.Results)
	}
	if len(runs.Claims) > 0 {
		writeClaims(w, runs.Claims)
	}
}

// writeDeployed prints what fronts are worth.
func writeDeployed(w io.Writer, results []holdout.Result) {
	fmt.Fprint(w, `
Random samples are searched, the others tell what the front is worth. Of 300 budgets between the cost of the
cheapest model and that of the most accurate one, evenly spaced in log cost or in cost, each
takes the front's most accurate cascade within it; its error on the other samples, averaged
over the budgets, is the *deployed error*, in per cent. Differences are paired on the same
splits, with the standard error of their mean. A *claim* is the headline of a search: "(likely)
at most so many points less accurate than the most accurate single model, for so much less",
by the accuracies expected or, if there are none, those on the samples searched; for claims,
the means of the margin, of the saving and of how much more accurate than the model the
cascade is on the others.
*Expected too high* is by how many points the accuracies expected of the front's cascades
exceed those on the others, *of that the draw* by how many the single models do: the samples
drawn are easier or harder. *In interval* are the cascades whose expected interval holds the
accuracy on the others.
`)
	holdout.WriteTables(w, results, holdout.Default)
}

// writeClaims prints what certified claims are worth.
func writeClaims(w io.Writer, claims []holdout.Claims) {
	fmt.Fprint(w, `
### Certified claims

All samples of the zoo are the population. In every draw so many samples are searched, all
chains of two (or three) models exactly, and as many others certify "less accurate than the
most accurate model by less than the margin" with 90 % confidence ([how](../docs/certify.md));
both are drawn with replacement. *False* are draws in which any of the cascades certified is
less accurate than claimed, allowed in 10 %. The saving is the mean over all draws of what the
cheapest cascade certified costs less than the model in the population, nothing if none is
certified. *Read off* is the cheapest cascade that is as accurate on the samples searched. The
*staircase* is all margins at once. The *band* is to contain the accuracies of the whole front
in 95 %.

`)
	holdout.WriteClaims(w, claims)
}
