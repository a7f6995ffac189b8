package study

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

// ImportOptions are those of the command import.
type ImportOptions struct {
	importer.OpenOptions
	Format  string   // one of [importer.Formats]
	Sources []string // folders or files
	Splits  []string // which samples become which split, see [importer.ParseSplits]

	// Unlabelled are splits as in Splits that get no labels. If there are no others, the
	// sources need none.
	Unlabelled []string

	ClassNames string // file with a name a class; "": those that the zoo has, if any
	Seed       uint64 // of samples drawn at random; 0 is 1, the command line's
	Threads    int    // models at a time; 0 chooses
	Replace    bool   // predictions that the zoo has of the same models by other ones
	Keep       string // what of the outputs, one of [Keeps]; "" is all
}

// What of outputs is kept.
const (
	KeepAll  = "all"
	KeepTopK = "top-k"
)

// Keeps are what of outputs can be kept.
func Keeps() []string { return []string{KeepAll, KeepTopK} }

// KeepsLists reports whether top-K lists alone are kept.
func KeepsLists(keep string) (bool, error) {
	if keep != "" && !slices.Contains(Keeps(), keep) {
		return false, &InputError{"keep", keep, fmt.Errorf("it is one of: %s", strings.Join(Keeps(), ", ")), Keeps()}
	}
	return keep == KeepTopK, nil
}

// Import adds the models of a source to the zoo in a folder, which is made if there is
// none. The same import again completes one that was stopped.
func Import(ctx context.Context, dir string, o ImportOptions, w Watch) (summary importer.Summary, err error) {
	if formats := importer.Formats(); o.Format == "" {
		return summary, inputf("format", "", "it is missing; name one of: %s", strings.Join(formats, ", "))
	} else if !slices.Contains(formats, o.Format) {
		return summary, &InputError{"format", o.Format, fmt.Errorf("it is one of: %s", strings.Join(formats, ", ")), formats}
	}
	if known := importer.Activations(); o.Activation != "" && !slices.Contains(known, o.Activation) {
		return summary, &InputError{"activation", o.Activation, fmt.Errorf("it is one of: %s", strings.Join(known, ", ")), known}
	}
	options := importer.Options{Seed: max(o.Seed, 1), Threads: o.Threads, Replace: o.Replace}
	if options.KeepLists, err = KeepsLists(o.Keep); err != nil {
		return summary, err
	}
	if options.Splits, err = importer.ParseSplits(o.Splits); err != nil {
		return summary, &InputError{Option: "split", Err: err}
	}
	unlabelled, err := importer.ParseSplits(o.Unlabelled)
	if err != nil {
		return summary, &InputError{Option: "unlabelled", Err: err}
	}
	for _, cut := range unlabelled {
		cut.Unlabelled = true
		options.Splits = append(options.Splits, cut)
	}
	if o.ClassNames != "" {
		if options.ClassNames, err = importer.ReadClassNames(o.ClassNames); err != nil {
			return summary, &InputError{Option: "class-names", Err: err}
		}
	}
	o.OpenOptions.ClassNames = options.ClassNames
	if options.ClassNames == nil {
		// What is not there, or not readable, shows when it is imported into.
		if z, err := zoo.Open(dir); err == nil {
			o.OpenOptions.ClassNames = z.ClassNames()
		}
	}
	o.OpenOptions.Unlabelled = len(o.Unlabelled) > 0 && len(o.Splits) == 0
	source, err := importer.Open(o.Format, o.Sources, o.OpenOptions)
	if err != nil {
		return summary, err
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	update, stop := w.task("importing", "rows")
	defer stop()
	options.Progress = func(p importer.Progress) { update(p.Rows, p.OfRows, p.Model) }
	summary, err = importer.Import(ctx, dir, source, options)
	if err == nil {
		for _, note := range source.Notes() {
			w.note("%s", note)
		}
	}
	for _, warning := range summary.Warnings {
		w.warn("%s", warning)
	}
	return summary, err
}
