package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

func importCommand() *cli.Command {
	o := &study.ImportOptions{Seed: 1}
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
			ownZooFlag(),
			text(&o.Format, "format", "of the source, `FORMAT`: "+strings.Join(importer.Formats(), ", ")),
			list(&o.Splits, "split", "which samples become which split, `SPLIT`; give it once for each"),
			yes(&o.Logits, "logits", "the outputs are logits: apply softmax"),
			count(&o.Classes, "classes", "number of classes `C`, for csv (default: the largest label plus one)"),
			text(&o.ClassNames, "class-names", "what the classes are called: a text `FILE`, one name a line from class 0 on"),
			seed(&o.Seed, "seed", "of the samples drawn at random, `S`"),
			count(&o.Threads, "threads", "import `T` models at a time (default: up to 4)"),
			jsonFlag(),
			quietFlag(),
		},
		Action: func(c *cli.Context) error { return runImport(c, o) },
	}
}

// imported is the JSON result of import.
type imported struct {
	Version  int               `json:"version"`
	Zoo      string            `json:"zoo"`
	Imported int               `json:"imported"`
	Skipped  int               `json:"skipped"`
	Rows     int64             `json:"rows"`
	Splits   []study.SplitSize `json:"splits"`
	Warnings []string          `json:"warnings,omitempty"`
}

func runImport(c *cli.Context, o *study.ImportOptions) error {
	t := newTerminal(c)
	dir, err := ownZoo(c)
	if err != nil {
		return err
	}
	if o.Sources = c.Args().Slice(); len(o.Sources) == 0 {
		return usagef("name the folder or file to import")
	}
	summary, err := study.Import(c.Context, dir, *o, t.watch())
	if err != nil {
		return err
	}
	result := imported{Version: 1, Zoo: dir, Imported: summary.Imported, Skipped: summary.Skipped, Rows: summary.Rows, Splits: []study.SplitSize{}, Warnings: summary.Warnings}
	for _, s := range summary.Splits {
		result.Splits = append(result.Splits, study.SplitSize{Name: s.Name, Samples: s.Samples})
	}
	if t.json {
		return t.writeJSON(result)
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
