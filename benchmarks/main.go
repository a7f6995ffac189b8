// Command benchmarks measures encas-zoo side by side with a numpy and a torch form
// of the published evaluation, and writes REPORT.md and report.json:
//
//	go run ./benchmarks                 all suites, some minutes
//	go run ./benchmarks -quick          the same at tiny sizes, to see that it works
//	go run ./benchmarks -only search    suites whose name holds the word
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
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
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
	{"Evaluation over cached tables", evaluationAbout, evaluation},
	{"Against numpy and torch", peersAbout, comparePeers},
	{"All thresholds of a chain", chainAbout, chains},
	{"Table of a new set", tableAbout, newTables},
	{"Search index", indexAbout, indexing},
	{"Exact fronts", exactAbout, exactFronts},
	{"Index against full outputs", denseAbout, againstDense},
	{"Scaling", scalingAbout, scaling},
	{"Whole searches", searchAbout, searches},
	{"The first answer", firstAbout, firstAnswers},
	{"Serving a cascade", servingAbout, serving},
}

// A suite measures one side of the program.
type suite struct {
	name  string
	about string
	run   func(ctx context.Context, b *bench) ([]Row, error)
}

func runSuites(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchmarks", flag.ContinueOnError)
	quick := flags.Bool("quick", false, "tiny sizes: see that everything works")
	only := flags.String("only", "", "run only the suites whose name holds this `word`; with -out they replace those of the report there")
	runs := flags.Int("runs", 7, "`number` of counted runs of each thing (long ones: fewer)")
	dir := flags.String("dir", "build/bench", "`folder` for the simulated zoo and the peers' data; kept for the next run")
	outDir := flags.String("out", "", "`folder` for REPORT.md and report.json (default benchmarks)")
	python := flags.String("python", "build/venv/bin/python,python3,/usr/bin/python3", "Python interpreters to look for numpy and torch in, first one that has it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("what is %q? There are flags (see -help) and the command simulate", flags.Arg(0))
	}
	if *runs < 1 {
		return errors.New("-runs must be at least 1")
	}
	if *outDir == "" && *only == "" && !*quick {
		*outDir = "benchmarks"
	}

	b := newBench(*quick, *runs, *dir, strings.Split(*python, ","), out)
	r := Report{
		Date: today(), Revision: revision(), Machine: thisMachine(), Quick: *quick,
		Models: b.models, Samples: b.samples, Classes: b.classes, Seed: seed,
	}
	failed := 0
	for _, s := range suites {
		if !strings.Contains(strings.ToLower(s.name), strings.ToLower(*only)) {
			continue
		}
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
			fmt.Fprintf(out, "  %-64s %12s %-16s %s\n", row.Figure, number(row.Median), row.Unit, verdict(row))
		}
		r.Peers = b.peers
		if *outDir != "" { // after every suite, so that a run that is stopped leaves what it has
			whole := r
			if *only != "" {
				if err := whole.earlier(*outDir); err != nil {
					return err
				}
			}
			if err := whole.write(*outDir); err != nil {
				return err
			}
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d suites failed", failed)
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
