package importer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/npy"
)

// This file holds what the formats with NumPy arrays share: npy, npz, encas.

// An array is a .npy stream from a file, an archive or a compressed file.
type array struct {
	*npy.Reader
	name  string // for messages
	close func() error
}

// newArray reads the header of the array in src.
func newArray(name string, src io.Reader, size int64, closer func() error) (*array, error) {
	r, err := npy.NewReader(bufio.NewReaderSize(src, 256<<10), size)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), closer())
	}
	return &array{Reader: r, name: name, close: closer}, nil
}

func (a *array) Close() error { return a.close() }

// outputs returns samples and outputs a sample of an array. One value a sample is about
// class 1 of two.
func (a *array) outputs() (samples, width int, err error) {
	shape := a.Shape()
	if len(shape) == 1 {
		shape = append(shape, 1)
	}
	switch {
	case len(shape) != 2:
		return 0, 0, fmt.Errorf("%s: shape %v: outputs need two axes, [samples, classes]; save array.squeeze() or array.reshape(len(array), -1)", a.name, a.Shape())
	case a.DType().Kind != npy.Float && !(a.DType().Kind == npy.Bool && shape[1] == 1):
		return 0, 0, fmt.Errorf("%s: it holds %s: outputs need float16, float32 or float64; convert them with array.astype('float32')", a.name, a.DType())
	case shape[0] == 0:
		return 0, 0, fmt.Errorf("%s: the array has no rows", a.name)
	case shape[1] < 1 || shape[1] > zoo.MaxClasses:
		return 0, 0, fmt.Errorf("%s: shape %v: %d classes, but a zoo has 2 to %d", a.name, a.Shape(), shape[1], zoo.MaxClasses)
	}
	return shape[0], shape[1], nil
}

// answers reports whether an array has a class for each sample, as a number or a name,
// and not outputs.
func (a *array) answers() bool {
	shape, kind := a.Shape(), a.DType().Kind
	return (len(shape) == 1 || len(shape) == 2 && shape[1] == 1) && (kind == npy.Int || kind == npy.Uint || kind == npy.String)
}

// column reads a one-dimensional array piece by piece; a second axis of length 1
// is let pass.
func column[T any](a *array, what string, read func([]T) (int, error), each func(T) error) error {
	shape := a.Shape()
	if len(shape) != 1 && (len(shape) != 2 || shape[1] != 1) {
		hint := ""
		if what == "labels" {
			hint = "; of one-hot rows save array.argmax(1)"
		}
		return fmt.Errorf("%s: shape %v: %s need one axis, [samples]%s", a.name, shape, what, hint)
	}
	if err := checkSamples(a.name, shape[0], what == "ids"); err != nil {
		return err
	}
	piece := make([]T, 1024)
	for row := 0; ; {
		n, err := read(piece)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		for _, v := range piece[:n] {
			if err := each(v); err != nil {
				return fmt.Errorf("%s: row %d: %w", a.name, row, err)
			}
			row++
		}
	}
}

// labels reads an array of labels, numbers or names of classes, and closes it.
func (a *array) labels(names classNames) ([]uint16, error) {
	defer a.Close()
	var labels []uint16
	add := func(l uint16, err error) error {
		labels = append(labels, l)
		return err
	}
	var err error
	switch d := a.DType(); {
	case d.Kind == npy.Int || d.Kind == npy.Uint:
		err = column(a, "labels", a.ReadInt64, func(v int64) error { return add(names.whole(v)) })
	case d.Kind == npy.Bool:
		err = column(a, "labels", a.ReadInt64, func(v int64) error { return add(names.truth(v != 0)) })
	case d.Kind == npy.Float:
		err = column(a, "labels", a.ReadFloat64, func(v float64) error { return add(names.real(v)) })
	case d.Kind == npy.String:
		named := names.reader(a.name)
		if err = column(a, "labels", a.ReadStrings, func(text string) error { return add(named.label(text)) }); err == nil {
			err = named.err()
		}
	default:
		err = fmt.Errorf("%s: it holds %s: labels are class numbers or names; convert them with array.astype('int64') or astype('str')", a.name, d)
	}
	if err == nil && len(labels) == 0 {
		err = fmt.Errorf("%s: there are no labels", a.name)
	}
	return labels, err
}

// ids reads an array of sample ids, strings or integers, and closes it.
func (a *array) ids() ([]string, error) {
	defer a.Close()
	var err error
	r := idReader{where: func(row int) string { return fmt.Sprintf("row %d", row) }}
	switch k := a.DType().Kind; k {
	case npy.String:
		err = column(a, "ids", a.ReadStrings, r.add)
	case npy.Int, npy.Uint:
		err = column(a, "ids", a.ReadInt64, func(v int64) error { return r.add(strconv.FormatInt(v, 10)) })
	default:
		err = fmt.Errorf("%s: it holds %s: ids are strings or integers; convert them with array.astype('str')", a.name, a.DType())
	}
	return r.ids, err
}

// arrayValues streams the outputs in an array that is stored row by row.
type arrayValues struct{ *array }

func (v arrayValues) bits() int {
	if v.DType().Kind != npy.Float {
		return 0
	}
	return 8 * v.DType().Size
}

func (v arrayValues) nextSingle(row []float32) error { return v.named(v.ReadFloat32(row)) }

func (v arrayValues) nextHalf(row []uint16) error { return v.named(v.ReadFloat16(row)) }

func (v arrayValues) next(row []float64) error { return v.named(v.ReadFloat64(row)) }

func (a *array) where(row int) string { return fmt.Sprintf("%s: row %d", a.name, row) }

func (a *array) named(_ int, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return fmt.Errorf("%s: %w", a.name, err)
}

// columnValues streams the outputs in an array that is stored column by column (in
// Fortran order).
type columnValues struct {
	*array
	rows int
	t    transposer
}

func (v *columnValues) next(row []float64) error {
	if v.t.spool == nil {
		if err := v.fill(); err != nil {
			return err
		}
	}
	return v.t.next(row)
}

// fill reads the array.
func (v *columnValues) fill() error {
	if err := v.t.begin(v.rows); err != nil {
		return err
	}
	piece := make([]float64, 1<<13)
	for column := range v.t.columns {
		for row := 0; row < v.rows; {
			n, err := v.ReadFloat64(piece[:min(len(piece), v.rows-row)])
			if err != nil {
				return v.named(n, err)
			}
			if err := v.t.write(column, row, piece[:n]); err != nil {
				return err
			}
			row += n
		}
	}
	if _, err := v.ReadFloat64(piece[:1]); !errors.Is(err, io.EOF) {
		return v.named(0, err)
	}
	return nil
}

func (v *columnValues) Close() error { return errors.Join(v.array.Close(), v.t.Close()) }

// values returns the stream of an array's outputs, of which there are width in a row.
func (a *array) values(samples, width int) values {
	if a.ColumnMajor() {
		return &columnValues{array: a, rows: samples, t: transposer{file: a.name, columns: width}}
	}
	return arrayValues{a}
}

// addArrays adds a model with an array for each set.
func (s *Source) addArrays(m Model, open func(set int) (*array, error)) error {
	return s.add(m, func(set int) (Rows, error) {
		return s.convert(m, set, func() (values, int, error) {
			a, err := open(set)
			if err != nil {
				return nil, 0, err
			}
			n, width, err := a.outputs()
			if err == nil {
				err = s.fits(a.name, n, width, set, m.order)
				if err != nil && n != width && width == max(s.Sets[set].Len(), len(m.order)) {
					err = fmt.Errorf("%w; it looks transposed: save array.T", err)
				}
			}
			if err != nil {
				return nil, 0, errors.Join(err, a.Close())
			}
			return a.values(n, width), width, nil
		})
	})
}

// A collection is named arrays in one place: outputs by model, "labels" and
// perhaps "ids".
type collection struct {
	where string   // the folder or archive, for messages
	ext   string   // what files have after the name, for messages
	names []string // of the arrays
	open  func(name string) (*array, error)
	list  []Model
}

// labelArrays and idArrays are what arrays of labels, and of ids, are called.
var (
	labelArrays = append([]string{"labels", "label", "targets", "target"}, truthHeadings...)
	idArrays    = []string{"ids", "id", "sample_ids", "image_ids", "filenames"}
)

// isModelArray reports whether an array may be that of a model.
func isModelArray(name string) bool {
	return !slices.Contains(labelArrays, name) && !slices.Contains(idArrays, name)
}

// namesOf returns what the labels and the ids are called among arrays, "" if there are none.
func namesOf(where string, names []string) (labels, ids string, err error) {
	one := func(of []string, what string) string {
		var found []string
		for _, name := range of {
			if slices.Contains(names, name) {
				found = append(found, name)
			}
		}
		if len(found) > 1 {
			err = errors.Join(err, fmt.Errorf("%s has the arrays %s, any of which could be the %s: call these %s, and remove the others", where, strings.Join(found, " and "), what, of[0]))
		}
		return strings.Join(found, "")
	}
	return one(labelArrays, "labels"), one(idArrays, "ids"), err
}

// addCollections adds collections whose models have predictions on the same samples. Those
// with ids are put in one order by them.
func (s *Source) addCollections(collections []collection) error {
	set := &s.Sets[0]
	j := newJoiner(s.inner)
	var known []int // collections that say what their samples are
	labelled := false
	for i, c := range collections {
		r, err := s.readArrays(c)
		if err != nil {
			return err
		}
		if r.count == 0 {
			continue
		}
		labelled = labelled || r.labels != nil
		known = append(known, i)
		if err := j.add(r); err != nil {
			return err
		}
	}
	if !labelled && !s.unlabelled {
		return fmt.Errorf("%s: no labels: labels%s, the class number of every sample, is missing%s", collections[0].where, collections[0].ext, orUnlabelled)
	}
	orders := make([][]int32, len(collections))
	if len(known) > 0 {
		found, notes, err := j.into(set)
		if err != nil {
			return err
		}
		s.notes = append(s.notes, notes...)
		for k, i := range known {
			orders[i] = found[k]
		}
		moved := slices.ContainsFunc(found, func(order []int32) bool { return order != nil })
		for i, c := range collections {
			if moved && len(c.list) > 0 && !slices.Contains(known, i) {
				return fmt.Errorf("%s has no ids, and the files that have them are in different orders, or have different samples: add ids%s", c.where, c.ext)
			}
		}
	}
	for i, c := range collections {
		for _, m := range c.list {
			m.order = orders[i]
			if err := s.addArray(m, func() (*array, error) { return c.open(m.Name) }); err != nil {
				return err
			}
		}
	}
	return s.countAnswers()
}

// addArray adds a model whose array has outputs, or answers.
func (s *Source) addArray(m Model, open func() (*array, error)) error {
	a, err := open()
	if err != nil {
		return err
	}
	answers := a.answers()
	if err := a.Close(); err != nil {
		return err
	}
	if answers {
		return s.addAnswers(m, open)
	}
	return s.addArrays(m, func(int) (*array, error) { return open() })
}

// countRows compares how many ids there are, in a file, with the rows of a model.
func (c collection) countRows(file string, ids int) error {
	if len(c.list) == 0 {
		return nil
	}
	a, err := c.open(c.list[0].Name)
	if err != nil {
		return err
	}
	if n := a.Rows(); n != ids {
		err = fmt.Errorf("%s has %d rows, but %s has %d ids", a.name, n, file, ids)
	}
	return errors.Join(err, a.Close())
}

// readArrays reads the labels of a collection, if there are any and they are asked for,
// and its ids if it has any. The count is 0 if it has neither.
func (s *Source) readArrays(c collection) (rows, error) {
	var r rows
	labels, ids, err := namesOf(c.where, c.names)
	if err != nil {
		return r, err
	}
	if labels != "" && !s.unlabelled {
		a, err := c.open(labels)
		if err != nil {
			return r, err
		}
		r.file = a.name
		if r.labels, err = a.labels(s.names); err != nil {
			return r, err
		}
		r.count = len(r.labels)
	}
	if ids == "" {
		return r, nil
	}
	a, err := c.open(ids)
	if err != nil {
		return r, err
	}
	// Counted before they are read: ids that are too many may be very many.
	switch n := a.Rows(); {
	case r.labels != nil && len(r.labels) != n:
		err = fmt.Errorf("%s has %d ids, but %s has %d labels", a.name, n, r.file, len(r.labels))
	case r.labels == nil:
		err = c.countRows(a.name, n)
	}
	if err != nil {
		return r, errors.Join(err, a.Close())
	}
	if r.ids, err = a.ids(); err != nil {
		return r, err
	}
	r.file, r.count = a.name, len(r.ids)
	return r, nil
}
