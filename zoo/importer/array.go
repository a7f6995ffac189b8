package importer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

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

// outputs returns samples and classes of an array of outputs.
func (a *array) outputs() (samples, classes int, err error) {
	shape := a.Shape()
	switch {
	case len(shape) != 2:
		return 0, 0, fmt.Errorf("%s: shape %v: outputs need two axes, [samples, classes]", a.name, shape)
	case a.DType().Kind != npy.Float:
		return 0, 0, fmt.Errorf("%s: it holds %s: outputs need float16, float32 or float64; convert them with array.astype('float32')", a.name, a.DType())
	case shape[0] == 0:
		return 0, 0, fmt.Errorf("%s: the array has no rows", a.name)
	case shape[1] < 2 || shape[1] > zoo.MaxClasses:
		return 0, 0, fmt.Errorf("%s: shape %v: %d classes, but a zoo has 2 to %d", a.name, shape, shape[1], zoo.MaxClasses)
	}
	return shape[0], shape[1], nil
}

// answers reports whether an array has a class number for each sample and not outputs.
func (a *array) answers() bool {
	kind := a.DType().Kind
	return len(a.Shape()) == 1 && (kind == npy.Int || kind == npy.Uint)
}

// column reads a one-dimensional array piece by piece; a second axis of length 1
// is let pass.
func column[T any](a *array, what string, read func([]T) (int, error), each func(T) error) error {
	shape := a.Shape()
	if len(shape) != 1 && (len(shape) != 2 || shape[1] != 1) {
		return fmt.Errorf("%s: shape %v: %s need one axis, [samples]", a.name, shape, what)
	}
	if shape[0] > maxSamples {
		return fmt.Errorf("%s: %d samples, at most %d can be imported", a.name, shape[0], maxSamples)
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

// labels reads an array of labels and closes it.
func (a *array) labels() ([]uint16, error) {
	defer a.Close()
	var labels []uint16
	add := func(l uint16, err error) error {
		labels = append(labels, l)
		return err
	}
	var err error
	switch d := a.DType(); {
	case d.Kind == npy.Int || d.Kind == npy.Uint:
		err = column(a, "labels", a.ReadInt64, func(v int64) error { return add(toLabel(v)) })
	case d.Kind == npy.Float && d.Size >= 4:
		err = column(a, "labels", a.ReadFloat64, func(v float64) error { return add(realLabel(v)) })
	default:
		err = fmt.Errorf("%s: it holds %s: labels are class numbers; convert them with array.astype('int64')", a.name, d)
	}
	if err == nil && len(labels) == 0 {
		err = fmt.Errorf("%s: there are no labels", a.name)
	}
	return labels, err
}

// ids reads an array of sample ids, strings or integers, and closes it.
func (a *array) ids() ([]string, error) {
	defer a.Close()
	var ids []string
	var err error
	switch k := a.DType().Kind; k {
	case npy.String:
		err = column(a, "ids", a.ReadStrings, func(s string) error {
			if s == "" {
				return errors.New("the id is empty")
			}
			ids = append(ids, s)
			return nil
		})
	case npy.Int, npy.Uint:
		err = column(a, "ids", a.ReadInt64, func(v int64) error {
			ids = append(ids, strconv.FormatInt(v, 10))
			return nil
		})
	default:
		err = fmt.Errorf("%s: it holds %s: ids are strings or integers; convert them with array.astype('str')", a.name, a.DType())
	}
	return ids, err
}

// arrayRows streams the outputs in an array.
type arrayRows struct {
	*array
	conv    *converter
	row     int
	bits    []uint16
	singles []float32
	doubles []float64
}

// addArrays adds a model with an array for each set.
func (s *Source) addArrays(m Model, open func(set int) (*array, error)) error {
	return s.add(m, func(set int) (Rows, error) {
		a, err := open(set)
		if err != nil {
			return nil, err
		}
		n, c, err := a.outputs()
		if err == nil {
			err = s.fits(a.name, n, c, set)
		}
		if err != nil {
			return nil, errors.Join(err, a.Close())
		}
		return &arrayRows{array: a, conv: newConverter(c, s.logits), bits: make([]uint16, c), singles: make([]float32, c), doubles: make([]float64, c)}, nil
	})
}

func (r *arrayRows) Next(row []uint16) error {
	var err error
	convert := func() error { return r.conv.from64(row, r.doubles) }
	switch r.DType().Size {
	case 2:
		_, err = r.ReadFloat16(r.bits)
		convert = func() error { return r.conv.from16(row, r.bits) }
	case 4:
		_, err = r.ReadFloat32(r.singles)
		convert = func() error { return r.conv.from32(row, r.singles) }
	default:
		_, err = r.ReadFloat64(r.doubles)
	}
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	if err := convert(); err != nil {
		return fmt.Errorf("%s: row %d: %w", r.name, r.row, err)
	}
	r.row++
	return nil
}

// A collection is named arrays in one place: outputs by model, "labels" and
// perhaps "ids".
type collection struct {
	where  string   // the folder or archive, for messages
	ext    string   // what files have after the name, for messages
	names  []string // of the arrays
	open   func(name string) (*array, error)
	models func() ([]Model, error)
}

// addCollections adds collections whose models have predictions on the same samples.
func (s *Source) addCollections(collections []collection) error {
	set := &s.Sets[0]
	for _, c := range collections {
		if labelled := slices.Contains(c.names, "labels"); !labelled && !s.unlabelled {
			continue
		}
		if err := set.readArrays(c, !s.unlabelled); err != nil {
			return err
		}
	}
	if set.Labels == nil && !s.unlabelled {
		return fmt.Errorf("%s: no labels: labels%s, the class number of every sample, is missing%s", collections[0].where, collections[0].ext, orUnlabelled)
	}
	for _, c := range collections {
		models, err := c.models()
		if err != nil {
			return err
		}
		for _, m := range models {
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

// readArrays reads the labels of a collection, if asked to, and its ids if it has any.
func (s *Set) readArrays(c collection, labelled bool) error {
	if labelled {
		a, err := c.open("labels")
		if err != nil {
			return err
		}
		labels, err := a.labels()
		if err != nil {
			return err
		}
		if err := s.mergeLabels(a.name, labels); err != nil {
			return err
		}
	}
	if !slices.Contains(c.names, "ids") {
		return nil
	}
	a, err := c.open("ids")
	if err != nil {
		return err
	}
	ids, err := a.ids()
	if err != nil {
		return err
	}
	return s.mergeIDs(a.name, ids)
}
