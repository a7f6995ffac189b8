// Package importer brings predictions that were made elsewhere into a zoo.
//
// A format reads what people already have (NumPy arrays, ENCAS folders, Parquet
// tables, CSV files of answers) and gives it as a Source: samples, labelled as a rule,
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
	"sync"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// A Source is a set of models with predictions on the same samples.
type Source struct {
	// Classes is the number of classes. Exact is false if it is only a lower bound,
	// because the source holds answers and no full outputs.
	Classes int
	Exact   bool
	// Sets are the samples: one Set without a name if the source has no
	// splits, else one for each of its splits.
	Sets []Set
	// Models are the models. Each has predictions on all sets.
	Models []Model

	rows       []func(set int) (Rows, error) // by model
	shaped     string                        // the file that Classes is from
	narrow     string                        // the same, if it has one value a sample
	answered   answered                      // by arrays of answers
	activation Activation
	names      classNames // of the classes
	named      []string   // these, if they are from a file of the source
	classes    ClassFile  // of the outputs
	inner      bool
	unlabelled bool
	held       held
	ids        map[string]string // columns of ids by the table's title, as shareIDs found them; "": it has none
	notes      []string

	mu      sync.Mutex // guards what follows
	filed   []note
	decided map[decidedOn]decision
}

// Rows opens the predictions of Models[model] on Sets[set].
func (s *Source) Rows(model, set int) (Rows, error) {
	m := s.Models[model]
	r, err := s.rows[model](set)
	if err == nil && m.order != nil {
		r = &orderedRows{Rows: r, file: m.File, order: m.order, samples: s.Sets[set].Len()}
	}
	return r, err
}

// Close closes what the Source holds open.
func (s *Source) Close() error { return s.held.Close() }

// add adds a model. Its files are opened once, so that what does not fit shows before
// anything is imported.
func (s *Source) add(m Model, rows func(set int) (Rows, error)) error {
	s.Models, s.rows = append(s.Models, m), append(s.rows, rows)
	for set := range s.Sets {
		r, err := rows(set)
		if err != nil {
			return err
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// fits compares the shape of a model's outputs with the labels and with the models
// before it. It is asked again for every import: a file may have been replaced since.
func (s *Source) fits(file string, samples, width, set int, order []int32) error {
	if err := s.fitsSet(set, file, samples, "rows", order); err != nil {
		return err
	}
	classes := s.classes.count(width)
	if classes < 2 || classes > zoo.MaxClasses {
		return fmt.Errorf("%s has %d classes: a zoo has 2 to %d", file, classes, zoo.MaxClasses)
	}
	if s.shaped == "" {
		s.Classes, s.shaped = classes, file
		if width == 1 {
			s.narrow = file
		}
	}
	if classes != s.Classes {
		hint := ""
		switch {
		case width == 1:
			hint = " (one value a sample is the probability of class 1 of two; if these are answers, " + wholeAnswers + ")"
		case s.narrow != "":
			return fmt.Errorf("%s has %d classes, but %s has one value a sample, the probability of class 1 of two; if these are answers, %s", file, classes, s.narrow, wholeAnswers)
		case s.classes.of == nil:
			hint = "; if its outputs are those of another set of classes, import it by itself with --map-classes"
		}
		return fmt.Errorf("%s has %d classes, but %s has %d%s", file, classes, s.shaped, s.Classes, hint)
	}
	return nil
}

// fitsSet compares how many rows, or the like, a file has with the samples of a set.
func (s *Source) fitsSet(set int, file string, n int, what string, order []int32) error {
	err := s.Sets[set].fitsOrder(file, n, what, order)
	if s.inner && s.Sets[set].IDs == nil {
		return needsIDs(err)
	}
	return err
}

// needsIDs adds to the error of a file with other samples what --inner needs.
func needsIDs(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w; --inner finds the samples that all files have by their ids, and these files have none: add a column id to each table, or ids.npy to each folder of arrays", err)
}

// A Set is samples in a fixed order.
type Set struct {
	Name   string   // "" if the source has no splits
	File   string   // where the labels, or how many samples there are, came from, for messages
	Labels []uint16 // nil if they were not asked for
	IDs    []string // nil if the samples have no ids
	IDFile string   // where the ids came from, for messages

	unlabelled int // how many samples there are, without labels
}

// Len returns the number of samples.
func (s *Set) Len() int {
	if s.Labels != nil {
		return len(s.Labels)
	}
	return s.unlabelled
}

// fitsOrder is fits for a file whose rows have an order of their own, perhaps.
func (s *Set) fitsOrder(file string, n int, what string, order []int32) error {
	if order == nil {
		return s.fits(file, n, what)
	}
	if n != len(order) {
		return fmt.Errorf("%s has %d %s, but there are %d ids for them", file, n, what, len(order))
	}
	return nil
}

// fits compares how many rows, or the like, a file has with the number of samples. Without
// labels the first file decides it.
func (s *Set) fits(file string, n int, what string) error {
	if s.Len() == 0 {
		if err := checkSamples(file, n, false); err != nil {
			return err
		}
		s.File, s.unlabelled = file, n
	}
	if n == s.Len() {
		return nil
	}
	have := "rows"
	if s.Labels != nil {
		have = "labels"
	}
	return fmt.Errorf("%s has %d %s, but %s has %d %s", file, n, what, s.File, s.Len(), have)
}

// A Model is one model of a Source.
type Model struct {
	Name string
	File string // where its predictions come from, for messages
	// Answers is true for a model that gives a label only, perhaps with a confidence.
	Answers bool
	// Columns is the model's metadata, with its cost in "gflops" or a column of its own.
	Columns map[string]string
	// Content returns, for a set, what identifies the model's predictions when they
	// are imported again, such as a hash.
	Content func(set int) (string, error)

	order []int32 // where its rows go, if not as they come
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
	// Activation makes probabilities of the outputs: one of Activations, or "" for
	// outputs that are probabilities.
	Activation string
	// Logits is the activation Softmax.
	Logits bool
	// Inner imports the samples that all models have predictions on. Otherwise all
	// models need the same samples.
	Inner bool
	// ClassNames are the names of the classes, by which labels, answers and columns that
	// are named are matched; nil: there are none.
	ClassNames []string
	// MapClasses is a file that says which classes the outputs are, with the columns
	// output and class; "": they are the classes.
	MapClasses string
	// Unlabelled means that no labels are read, nor needed.
	Unlabelled bool
	// Classes is the number of classes of answers (format csv); 0 takes the largest
	// label of all files plus one.
	Classes int
}

// A format opens the sources of one kind: it fills an empty Source, in which there is
// one set.
type format struct {
	name string
	open func(paths []string, opt OpenOptions, s *Source) error
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
	{"arrow", openArrow},
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
func Open(formatName string, paths []string, opt OpenOptions) (*Source, error) {
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
	}
	activation, err := opt.activation()
	if err != nil {
		return nil, err
	}
	s := &Source{Exact: true, Sets: make([]Set, 1), activation: activation, inner: opt.Inner, unlabelled: opt.Unlabelled, names: newClassNames(opt.ClassNames)}
	if opt.MapClasses != "" {
		if s.classes, err = readClassFile(opt.MapClasses, s.names); err != nil {
			return nil, err
		}
	}
	if err = formats[i].open(paths, opt, s); err == nil {
		err = s.check()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// wholeAnswers is what to do with answers that are written with a fraction.
const wholeAnswers = "save them as whole numbers: array.astype('int64')"

// check reports what can only be seen once all models are there.
func (s *Source) check() error {
	for _, set := range s.Sets {
		if i := slices.IndexFunc(set.Labels, func(l uint16) bool { return l > 1 }); i >= 0 && s.narrow != "" && s.narrow == s.shaped {
			return fmt.Errorf("%s has one number with a fraction a sample, which is the probability of class 1 of two, but %s has the label %d (row %d): if the numbers are the classes that the model answers, %s", s.narrow, set.File, set.Labels[i], i, wholeAnswers)
		}
		if err := checkLabels(set.File, set.Labels, s.Classes); err != nil {
			return err
		}
	}
	return checkNames(s.Models)
}

// content identifies the predictions of a model on a set, with what is made of them.
func (s *Source) content(model, set int) (string, error) {
	m := s.Models[model]
	text, err := m.Content(set)
	if s.activation != Unsaid && s.activation != NoActivation {
		text += fmt.Sprintf(", %s applied", s.activation)
	}
	if s.classes.of != nil {
		text += ", classes " + s.classes.hash
	}
	if m.order != nil {
		text += ", order " + orderText(m.order)
	}
	return text, err
}

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

// orUnlabelled is what to do if labels are missing because there are none.
const orUnlabelled = "; if the samples have none, name their split with --unlabelled instead of --split"

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

// toLabel turns a number from a file into a label.
func toLabel(v int64) (uint16, error) {
	if v == -1 {
		return 0, fmt.Errorf("label -1 is not a class: classes are counted from 0; of the labels -1 and 1 make 0 and 1 ((labels + 1) // 2), and leave out samples of which -1 says that they have no label")
	}
	if v < 0 || v >= zoo.MaxClasses {
		return 0, fmt.Errorf("label %d is not a class: classes are counted from 0 to at most %d", v, zoo.MaxClasses-1)
	}
	return uint16(v), nil
}

// some lists the first few of many names.
func some(names []string) string {
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
