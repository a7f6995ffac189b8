// Package importer brings predictions that were made elsewhere into a zoo.
//
// A format reads what people already have (NumPy arrays, ENCAS folders, Parquet
// tables, CSV files of answers) and gives it as a Source: labelled samples,
// models with their metadata, and for each model a stream of rows. Import cuts
// the samples into splits and writes one model after the other.
//
// Everything streams: no array is ever held whole. Everything is checked: the
// headers of all files before the zoo is touched, and every row on its way. Files
// are not trusted. Names that come from a file are compared with the names of the
// files in the source folder and never turned into a path.
package importer

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// A Source is a set of models with predictions on the same labelled samples.
type Source interface {
	opened
	// Close closes what the Source holds open.
	Close() error
}

// opened is what a format makes of its files, which Open keeps to close.
type opened interface {
	// Classes returns the number of classes. exact is false if the source has only
	// a lower bound, because it holds answers and no full outputs.
	Classes() (n int, exact bool)
	// Sets returns the labelled samples: one Set without a name if the source
	// has no splits, else one for each of its splits.
	Sets() []Set
	// Models returns the models. Each has predictions on all sets.
	Models() []Model
	// Rows opens the predictions of Models()[model] on Sets()[set].
	Rows(model, set int) (Rows, error)
}

// A Set is labelled samples in a fixed order.
type Set struct {
	Name   string // "" if the source has no splits
	File   string // where the labels came from, for messages
	Labels []uint16
	IDs    []string // nil if the samples have no ids
	IDFile string   // where the ids came from, for messages
}

// A Model is one model of a Source.
type Model struct {
	Name string
	File string // where its predictions come from, for messages
	// Answers is true for a model that gives a label and a confidence only.
	Answers bool
	// Columns is the model's metadata, with its cost in "gflops".
	Columns map[string]string
	// Content is, for each set, what identifies the model's predictions when they
	// are imported again, such as the file's size and a hash.
	Content []string
}

// Rows is a stream of a model's predictions, one sample after the other.
type Rows interface {
	// Next reads the next sample into row and returns io.EOF after the last.
	// For a model with full outputs len(row) is the number of classes and row
	// receives probabilities as float16 bits, valid and summing to 1. For one with
	// answers len(row) is 2 and row receives the label and the float16 bits of the
	// confidence. Errors name file and row, and say what to do.
	Next(row []uint16) error
	Close() error
}

// OpenOptions are those of Open.
type OpenOptions struct {
	// Logits means that outputs are logits: softmax is applied to every row.
	Logits bool
	// Classes is the number of classes of answers (format csv); 0 takes the largest
	// label of all files plus one.
	Classes int
}

// A format opens the sources of one kind. What has to be closed with the source it
// hands to held.
type format struct {
	name string
	open func(paths []string, opt OpenOptions, h *held) (opened, error)
}

// held is what an open source holds open.
type held []io.Closer

func (h *held) keep(c io.Closer) { *h = append(*h, c) }

func (h *held) Close() error {
	var errs []error
	for _, c := range slices.Backward(*h) {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

var formats = []format{
	{"npy", openNPY},
	{"npz", openNPZ},
	{"encas", openENCAS},
	{"parquet", openParquet},
	{"csv", openCSV},
}

// Formats returns the names that Open knows.
func Formats() []string {
	var names []string
	for _, f := range formats {
		names = append(names, f.name)
	}
	return names
}

// Open opens a source: the folders or files in paths, in the given format. It
// reads labels, ids and metadata and the header of every file of predictions,
// and reports what does not fit together. The caller closes the Source.
func Open(formatName string, paths []string, opt OpenOptions) (Source, error) {
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == formatName })
	switch {
	case i < 0:
		return nil, fmt.Errorf("unknown format %q: use one of %s", formatName, strings.Join(Formats(), ", "))
	case len(paths) == 0:
		return nil, fmt.Errorf("nothing to import: name the folder or file that holds the predictions")
	case opt.Classes < 0 || opt.Classes > zoo.MaxClasses:
		return nil, fmt.Errorf("%d classes: a zoo has 2 to %d", opt.Classes, zoo.MaxClasses)
	case opt.Classes > 0 && formatName != "csv":
		return nil, fmt.Errorf("the number of classes is given for format csv only; format %s has it in its files", formatName)
	case opt.Logits && formatName == "csv":
		return nil, fmt.Errorf("format csv holds confidences, which are never logits: leave --logits out")
	}
	var h held
	src, err := formats[i].open(paths, opt, &h)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	if opt.Logits {
		for _, m := range src.Models() {
			for set := range m.Content {
				m.Content[set] += ", softmax applied"
			}
		}
	}
	return struct {
		opened
		io.Closer
	}{src, &h}, nil
}

// maxSamples bounds the labels held in memory while importing.
const maxSamples = 1 << 25

// checkLabels reports the first label that is not a class.
func checkLabels(file string, labels []uint16, classes int) error {
	for i, l := range labels {
		if int(l) < classes {
			continue
		}
		hint := ""
		if int(slices.Max(labels)) == classes && slices.Min(labels) == 1 {
			hint = "; the labels seem to be counted from 1: subtract 1 from each"
		}
		return fmt.Errorf("%s: row %d: label %d, but there are %d classes (0 to %d)%s", file, i, l, classes, classes-1, hint)
	}
	return nil
}

// checkNames reports two models of the same name.
func checkNames(models []Model) error {
	files := map[string]string{}
	for _, m := range models {
		if first, ok := files[m.Name]; ok {
			return fmt.Errorf("%s and %s are both called %q: names must differ; rename one", first, m.File, m.Name)
		}
		files[m.Name] = m.File
	}
	return nil
}

// mergeLabels takes the labels of one of several files, which must all agree.
func (s *Set) mergeLabels(file string, labels []uint16) error {
	if s.Labels == nil {
		s.File, s.Labels = file, labels
		return nil
	}
	if len(labels) != len(s.Labels) {
		return fmt.Errorf("%s has %d labels, but %s has %d: all models need predictions on the same samples", file, len(labels), s.File, len(s.Labels))
	}
	for i := range labels {
		if labels[i] != s.Labels[i] {
			return fmt.Errorf("%s: row %d: label %d, but %s has %d there: all models need the same samples in the same order", file, i, labels[i], s.File, s.Labels[i])
		}
	}
	return nil
}

// mergeIDs takes the sample ids of one of several files, which must all agree.
func (s *Set) mergeIDs(file string, ids []string) error {
	if len(ids) != len(s.Labels) {
		return fmt.Errorf("%s has %d ids, but %s has %d labels", file, len(ids), s.File, len(s.Labels))
	}
	if s.IDs == nil {
		s.IDs, s.IDFile = ids, file
		return nil
	}
	for i := range ids {
		if ids[i] != s.IDs[i] {
			return fmt.Errorf("%s: row %d: sample %q, but %s has %q there: all models need the same samples in the same order", file, i, ids[i], s.IDFile, s.IDs[i])
		}
	}
	return nil
}

// toLabel turns a number from a file into a label.
func toLabel(v int64) (uint16, error) {
	if v < 0 || v >= zoo.MaxClasses {
		return 0, fmt.Errorf("label %d is not a class: classes are counted from 0 to at most %d", v, zoo.MaxClasses-1)
	}
	return uint16(v), nil
}

// some lists the first few of many names.
func some(names []string) string {
	const few = 5
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
