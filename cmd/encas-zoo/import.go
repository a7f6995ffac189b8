package main

import (
	"errors"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

func importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "bring predictions that were made elsewhere into a zoo",
		UsageText: "--format FORMAT --split SPLIT [--split SPLIT]... [--zoo DIR] [flags] SRC...",
		Description: `Reads stored outputs of classifiers and adds the models to a zoo, which is made
where there is none. A model is either wholly in the zoo or not at all; an import
that was stopped is completed by the same command.

Formats:
   npy      a folder of NAME.npy (float16, 32 or 64, [N, C]), labels.npy, models.csv
   npz      the same in .npz files
   encas    ENCAS folders: output_distrs_SPLIT/I.npy.gz, info.json, labels
   parquet  a list column or one column a class, as pandas and polars write it
   csv      sample,label,confidence: models that give an answer only (for rule last)

models.csv has the columns name and gflops (or gmacs); all others are kept.

Splits: NAME alone takes all samples, NAME=0:5000 rows 0 to 4999, NAME=0.5 half of
them drawn at random, NAME=val the source's own split val.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo import --zoo cifar --format npy --split search=0:5000 --split test=5000:10000 cifar10/
encas-zoo import --zoo mine --format parquet --split search=0.5 --split test=0.5 --seed 1 outputs.parquet
encas-zoo import --zoo apis --format csv --split search answers/`,
			"130  interrupted; finished models are in the zoo"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "zoo", Usage: "the zoo's folder `DIR` (default: $ENCAS_ZOO, else ./zoo)"},
			&cli.StringFlag{Name: "format", Usage: "of the source, `FORMAT`: " + strings.Join(importer.Formats(), ", ")},
			&cli.StringSliceFlag{Name: "split", Usage: "which samples become which split, `SPLIT`; give it once for each"},
			&cli.BoolFlag{Name: "logits", Usage: "the outputs are logits: apply softmax"},
			&cli.IntFlag{Name: "classes", Usage: "number of classes `C`, for csv (default: the largest label plus one)"},
			&cli.StringFlag{Name: "class-names", Usage: "what the classes are called: a text `FILE`, one name a line from class 0 on"},
			&cli.Uint64Flag{Name: "seed", Value: 1, Usage: "of the samples drawn at random, `S`"},
			&cli.IntFlag{Name: "threads", Usage: "import `T` models at a time (default: up to 4)"},
			jsonFlag(),
			quietFlag(),
		},
		Action: runImport,
	}
}

// imported is the JSON result of import.
type imported struct {
	Version  int            `json:"version"`
	Zoo      string         `json:"zoo"`
	Imported int            `json:"imported"`
	Skipped  int            `json:"skipped"`
	Rows     int64          `json:"rows"`
	Splits   []splitSummary `json:"splits"`
	Warnings []string       `json:"warnings,omitempty"`
}

func runImport(c *cli.Context) (err error) {
	t := newTerminal(c)
	dir, chosen := zooFolder(c)
	switch {
	case dir == "" || dir == exampleZoo && chosen:
		return usagef("the example zoo is part of the program: name a folder of your own with --zoo")
	case !chosen:
		dir = localZoo
	}
	format := c.String("format")
	if !slices.Contains(importer.Formats(), format) {
		return usagef("--format %q%s; it is one of: %s", format, suggest(format, importer.Formats(), ""), strings.Join(importer.Formats(), ", "))
	}
	if !c.Args().Present() {
		return usagef("name the folder or file to import")
	}
	splits, err := importer.ParseSplits(c.StringSlice("split"))
	if err != nil {
		return usageError{err}
	}
	var names []string
	if c.IsSet("class-names") {
		if names, err = importer.ReadClassNames(c.String("class-names")); err != nil {
			return usageError{err}
		}
	}
	src, err := importer.Open(format, c.Args().Slice(), importer.OpenOptions{Logits: c.Bool("logits"), Classes: c.Int("classes")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()

	progress := t.err.Progress("importing", "rows")
	summary, err := importer.Import(c.Context, dir, src, importer.Options{
		Splits:     splits,
		Seed:       c.Uint64("seed"),
		ClassNames: names,
		Threads:    c.Int("threads"),
		Progress: func(p importer.Progress) {
			progress.Update(p.Rows, p.OfRows, p.Model)
		},
	})
	progress.Stop()
	for _, warning := range summary.Warnings {
		t.err.Warnf("%s", warning)
	}
	if err != nil {
		return err
	}
	result := imported{Version: 1, Zoo: dir, Imported: summary.Imported, Skipped: summary.Skipped, Rows: summary.Rows, Splits: []splitSummary{}, Warnings: summary.Warnings}
	for _, s := range summary.Splits {
		result.Splits = append(result.Splits, splitSummary{s.Name, s.Samples})
	}
	if t.json {
		return writeJSON(result)
	}
	t.out.Printf("%s: %d models imported", dir, summary.Imported)
	if summary.Skipped > 0 {
		t.out.Printf(", %d were there already", summary.Skipped)
	}
	for _, s := range summary.Splits {
		t.out.Printf("; split %s of %s samples", s.Name, ui.Count(s.Samples))
	}
	t.out.Printf("\n")
	return nil
}
