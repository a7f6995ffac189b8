// Command benchmarks measures encas-zoo side by side with a numpy and a torch form
// of the published evaluation, and writes REPORT.md and report.json:
//
//	go run ./benchmarks                 all suites, some minutes
//	go run ./benchmarks -quick          the same at tiny sizes, to see that it works
//	go run ./benchmarks -only search    suites whose name holds the word
//	go run ./benchmarks -against HEAD~1 the suites of two revisions, in turns
//	go run ./benchmarks algorithms      the search algorithms, half an hour
//	go run ./benchmarks holdout         what fronts are worth on other samples, hours
//	go run ./benchmarks pools -zoo DIR  groups or lists of a zoo's models beside each other, such as supernets
//	go run ./benchmarks simulate -dir DIR
//
// The last writes the simulated zoo that the suites use as a zoo folder of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if handled, err := child(ctx); handled {
		exit(err)
	}
	if len(os.Args) > 1 && os.Args[1] == "simulate" {
		exit(runSimulate(ctx, os.Args[2:], os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == "algorithms" {
		exit(runAlgorithms(ctx, os.Args[2:], os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == "holdout" {
		exit(runHoldout(ctx, os.Args[2:], os.Stdout))
	}
	if len(os.Args) > 1 && os.Args[1] == "pools" {
		exit(runPools(ctx, os.Args[2:], os.Stdout))
	}
	exit(runSuites(ctx, os.Args[1:], os.Stdout))
}

func exit(err error) {
	switch {
	case err == nil:
		os.Exit(0)
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

// suites in the order of the report.
var suites = []suite{
	{name: "Evaluation over cached tables", about: evaluationAbout, run: evaluation},
	{name: "Against numpy and torch", about: peersAbout, run: comparePeers, rivals: []string{"numpy", "torch"}, long: true},
	{name: "All thresholds of a chain", about: chainAbout, run: chains},
	{name: "Table of a new set", about: tableAbout, run: newTables},
	{name: "Search index", about: indexAbout, run: indexing},
	{name: "Exact fronts", about: exactAbout, run: exactFronts, long: true},
	{name: "Index against full outputs", about: denseAbout, run: againstDense, long: true},
	{name: "Scaling", about: scalingAbout, run: scaling},
	{name: "Whole searches", about: searchAbout, run: searches, rivals: []string{"numpy"}, long: true},
	{name: "The first answer", about: firstAbout, run: firstAnswers, long: true},
	{name: "Large zoos", about: largeAbout, run: largeZoos, long: true, named: true},
	{name: "Serving a cascade", about: servingAbout, run: serving, tools: []string{"torch"}, long: true},
}

// A suite measures one side of the program.
type suite struct {
	name  string
	about string
	run   func(ctx context.Context, b *bench) ([]Row, error)

	rivals []string // packages of Python that it measures beside the program
	tools  []string // packages of Python that it cannot do without
	long   bool     // it takes minutes
	named  bool     // it takes gigabytes of disk, and runs only if it is asked for by name
}

// needs are all packages of Python that the suite runs.
func (s suite) needs() []string { return slices.Concat(s.rivals, s.tools) }

// suitesWith returns the suites whose name holds the word; without one, all but those that must be
// asked for unless they are quick.
func suitesWith(word string, quick bool) ([]suite, error) {
	var chosen []suite
	var names []string
	for _, s := range suites {
		names = append(names, s.name)
		if strings.Contains(strings.ToLower(s.name), strings.ToLower(word)) && (word != "" || quick || !s.named) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no suite has a name that holds %q; there are: %s", word, strings.Join(names, "; "))
	}
	return chosen, nil
}

func runSuites(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "tiny sizes: see that everything works")
	only := flags.String("only", "", "run only the suites whose name holds this `word`; with -out they replace those of the report there")
	runs := flags.Int("runs", 7, "`number` of counted runs of each thing (long ones: fewer); with -against, of rounds")
	dir := flags.String("dir", "build/bench", "`folder` for the simulated zoo and the peers' data; kept for the next run")
	outDir := flags.String("out", "", "`folder` for REPORT.md and report.json (default benchmarks); with -against, for AGAINST.md and against.json")
	python := flags.String("python", "", "Python `interpreters` to look for numpy and torch in, with commas; the first one that has it is taken (default $ENCAS_PYTHON for numpy, $ENCAS_TORCH_PYTHON for torch, "+defaultPythons+")")
	without := flags.String("without", "", "`packages` of Python to leave out on purpose, numpy or torch or both with a comma; if one is not there and not named here, the run fails at its end")
	against := flags.String("against", "", "compare the suites with those of this `revision` of the repository, in turns, -runs rounds; without -only, the suites that take seconds")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("what is %q? There are flags (see -help) and the commands algorithms, holdout, pools and simulate", flags.Arg(0))
	}
	if *runs < 1 {
		return errors.New("-runs must be at least 1")
	}
	chosen, err := suitesWith(*only, *quick)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	p, err := parsePythons(*python, *without)
	if err != nil {
		return err
	}
	if *against != "" {
		c := comparing{revision: *against, quick: *quick, rounds: *runs, dir: *dir, outDir: *outDir, python: p, out: out}
		return c.run(ctx, chosen, *only != "")
	}
	if *outDir == "" && *only == "" && !*quick {
		*outDir = "benchmarks"
	}
	var before *Report // that the suites are put into
	if *outDir != "" {
		if err := os.MkdirAll(*outDir, 0o777); err != nil {
			return err
		}
		if *only != "" {
			if before, err = readReport(*outDir); err != nil {
				return err
			}
		}
		if before != nil && before.Quick != *quick {
			return fmt.Errorf("figures at tiny sizes (-quick) and at full sizes do not go into one report: %s has the others; choose another -out", *outDir)
		}
	}
	lacking, err := p.announce(ctx, chosen, out)
	if err != nil {
		return err
	}

	b := newBench(*quick, *runs, *dir, p, out)
	r := Report{
		Date: today(), Revision: revision(), Machine: thisMachine(), Quick: *quick,
		Models: b.models, Samples: b.samples, Classes: b.classes, Seed: seed,
	}
	failed := 0
	for _, s := range chosen {
		fmt.Fprintf(out, "\n%s\n", s.name)
		start := time.Now()
		rows, err := s.run(ctx, b)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		sr := SuiteReport{Name: s.name, About: s.about, Rows: rows, Seconds: time.Since(start).Seconds()}
		if err != nil {
			failed++
			sr.Error = err.Error()
			fmt.Fprintln(out, "  FAILED:", err)
		}
		if *quick {
			for i := range rows {
				rows[i].Required, rows[i].Met = "", nil // promised for full sizes
			}
		}
		r.Suites = append(r.Suites, sr)
		for _, row := range rows {
			if row.Missing != "" {
				fmt.Fprintf(out, "  %-64s not measured: %s\n", row.Figure, row.Missing)
				continue
			}
			fmt.Fprintf(out, "  %-64s %s   %s\n", row.Figure, row.value(), verdict(row))
		}
		r.Peers = b.peers
		if *outDir != "" { // after every suite, so that a run that is stopped leaves what it has
			whole := r
			if before != nil {
				whole = r.into(*before)
			}
			if err := whole.write(*outDir); err != nil {
				return err
			}
		}
	}
	fmt.Fprintln(out)
	if _, err := p.announce(ctx, chosen, out); err != nil {
		return err
	}
	var failures []string
	if failed > 0 {
		failures = append(failures, fmt.Sprintf("%d suites failed", failed))
	}
	if len(lacking) > 0 {
		failures = append(failures, fmt.Sprintf("no Python with %s was found, and what needs it was not measured (see above)", strings.Join(lacking, " or ")))
	}
	if len(failures) > 0 {
		return errors.New(strings.Join(failures, "; "))
	}
	return nil
}

func verdict(r Row) string {
	switch {
	case r.Met == nil:
		return ""
	case *r.Met:
		return "kept: " + r.Required
	default:
		return "NOT KEPT: " + r.Required
	}
}
