package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

func importCommand() *cli.Command {
	o := &study.ImportOptions{Seed: 1, Keep: study.KeepAll}
	return &cli.Command{
		Name:      "import",
		Usage:     "import stored predictions into a zoo",
		UsageText: "--format FORMAT --split SPLIT [--split SPLIT]... [--unlabelled SPLIT]... [--zoo DIR] [flags] SRC...",
		Description: `Reads stored outputs of classifiers and adds the models to a zoo, which is created if
it does not exist. A model is in the zoo completely or not at all; the same command
completes an import that was stopped, and takes over columns that models.csv has added
or corrected since, except those that 'zoo set' has set. Predictions and labels that differ
from those in the zoo are an error, or replace them with --replace: labels if the
predictions of all models on their split come with them.

Formats:
   npy      a folder of NAME.npy (float16, 32 or 64, [N, C]), labels.npy, models.csv;
            NAME.npy.gz, .npz, .safetensors and .pt (tensors alone) are read, too
   npz      the arrays of all models in one such file
   encas    ENCAS folders: output_distrs_SPLIT/I.npy.gz, info.json, labels
   parquet  a list column or one column a class, as pandas and polars write it
   arrow    the same in Arrow streams and files, and folders of datasets' save_to_disk
   csv      the same as text, or answers: sample,label[,confidence] (for rules last
            and vote)

Parquet, Arrow and CSV are a folder with a file a model, or one file with the outputs of all
models: a column model, or columns for each model. models.csv has the columns name and
gflops (or gmacs), or any cost, as in name,price; other columns are kept.

Rows are joined by the names of their samples wherever files have them. Labels, answers
and columns may be names of classes, if the zoo knows them or --class-names does.
Outputs are probabilities or percents. --activation makes probabilities of logits
(softmax), of a head with one sigmoid a class (sigmoid; rows are then divided by their
sums) and of logarithms (log). --map-classes adds the outputs of one class, and leaves
out those that it does not list.

Splits: NAME takes all samples, NAME=0:5000 rows 0 to 4999, NAME=0.5 half of the
samples, drawn at random, and NAME=val the source's own split val. --unlabelled takes
the same: its splits get no labels. Without --split no labels are read, nor needed.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo import --zoo cifar --format npy --split search=0:5000 --split test=5000:10000 cifar10/
encas-zoo import --zoo mine --format parquet --split search=0.5 --split test=0.5 --seed 1 outputs/
encas-zoo import --zoo cifar --format npy --split search=0:1000 --unlabelled pool=1000: cifar10/
encas-zoo import --zoo cifar --format npy --unlabelled pool seen-today/
encas-zoo import --zoo mine --format parquet --split search --activation log outputs.parquet
encas-zoo import --zoo apis --format csv --split search --class-names names.txt answers/
encas-zoo import --zoo mine --format npy --split search --map-classes no-background.csv tf/
encas-zoo import --zoo cifar --format npy --split search=0:5000 --replace cifar10/
encas-zoo import --zoo large --format npy --split search=0:5000 --keep top-k cifar10/`,
			"130  interrupted; finished models are in the zoo"),
		Flags: []cli.Flag{
			ownZooFlag(),
			bind(&o.Format, "format", "`FORMAT` of the source: "+strings.Join(importer.Formats(), ", ")),
			bind(&o.Splits, "split", "a split and its samples, `SPLIT`; once for each split"),
			bind(&o.Unlabelled, "unlabelled", "a split of samples without labels, `SPLIT`; once for each split"),
			bind(&o.Logits, "logits", "the outputs are logits: --activation softmax"),
			bind(&o.Activation, "activation", "what makes probabilities of the outputs, `A`: "+strings.Join(importer.Activations(), ", ")),
			bind(&o.Inner, "inner", "import the samples that all files have, if some lack some"),
			bind(&o.MapClasses, "map-classes", "which class each output is: a CSV `FILE` with the columns output and class"),
			bind(&o.Classes, "classes", "number of classes `C`, for csv (default: the largest label plus one)"),
			bind(&o.ClassNames, "class-names", "names of the classes: a text `FILE` with one name per line, from class 0 on (default: the zoo's)"),
			bind(&o.Seed, "seed", "seed `S` of the samples drawn at random"),
			bind(&o.Replace, "replace", "replace predictions that the zoo has of the same models, and labels, where they differ"),
			keepFlag(&o.Keep),
			bindThreads(&o.Threads, "import `T` models at a time (default: up to 4)"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runImport(c, t, o) }),
	}
}

// imported is the JSON result of import.
type imported struct {
	Version  int               `json:"version"`
	Zoo      string            `json:"zoo"`
	Imported int               `json:"imported"`
	Skipped  int               `json:"skipped"`
	Updated  int               `json:"updated,omitempty"`
	Rows     int64             `json:"rows"`
	Splits   []study.SplitSize `json:"splits"`
	Warnings []string          `json:"warnings,omitempty"`
}

func runImport(c *cli.Context, t *terminal, o *study.ImportOptions) error {
	dir, err := ownZoo(c)
	if err != nil {
		return err
	}
	if o.Sources = c.Args().Slice(); len(o.Sources) == 0 {
		return usagef("name the folder or file to import")
	}
	s, err := study.Import(c.Context, dir, *o, t.watch())
	if err != nil {
		return err
	}
	result := imported{1, dir, s.Imported, s.Skipped, s.Updated, s.Rows, study.SplitSizes(s.Splits), s.Warnings}
	return t.give(result, func() {
		t.out.Printf("%s: %s imported", dir, plural(s.Imported, "model", "models"))
		if s.Skipped > 0 {
			t.out.Printf(", %s there already", plural(s.Skipped, "was", "were"))
		}
		if s.Updated > 0 {
			t.out.Printf("; columns set of %s", plural(s.Updated, "model", "models"))
		}
		for _, split := range s.Splits {
			t.out.Printf("; split %s of %s samples", split.Name, ui.Count(split.Samples))
			if split.Unlabelled {
				t.out.Printf(" without labels")
			}
		}
		t.out.Printf("\n")
	})
}
