package importer

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

// values streams a model's outputs as its file has them.
type values interface {
	// next fills a row and returns io.EOF after the last. Errors name file and row.
	next(row []float64) error
	// where names a row, for messages.
	where(row int) string
	Close() error
}

// narrowValues are values that may be float16 or float32, which are read faster as they
// are.
type narrowValues interface {
	bits() int // of a value
	nextHalf(row []uint16) error
	nextSingle(row []float32) error
}

// An opening opens a model's outputs and returns how many there are in a row.
type opening func() (values, int, error)

// convert opens the predictions of a model on a set as probabilities.
func (s *Source) convert(m Model, set int, open opening) (Rows, error) {
	v, width, err := open()
	if err != nil {
		return nil, err
	}
	if err := s.classes.Fits(m.File, width); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	if out := s.classes.Widen(width).LeftOut(); out > 0 {
		s.note(fmt.Sprintf("%d of %d outputs are no class, and left out", out, width), m.File)
	}
	return &convertedRows{source: s, of: decidedOn{m.Name, set}, file: m.File, open: open, values: v, activation: s.activation, doubles: make([]float64, width)}, nil
}

// convertedRows makes probabilities of values.
type convertedRows struct {
	source     *Source
	of         decidedOn
	file       string
	open       opening
	values     values
	activation Activation
	looked     bool // all rows were looked at, and fit the activation
	conv       *converter
	doubles    []float64
	row        int
}

func (r *convertedRows) Next(row []uint16) error {
	if r.conv == nil {
		r.conv = newConverter(len(row), r.activation)
		r.conv.classes = r.source.classes.Widen(len(r.doubles))
		if d, ok := r.source.decision(r.of); ok {
			r.looked, r.conv.activation, r.conv.scale = true, d.activation, d.scale
		} else if r.activation != Unsaid && r.activation != NoActivation {
			if err := r.look(); err != nil {
				return fmt.Errorf("%s: %w", r.file, err)
			}
		}
	}
	bad, err := r.next(row)
	if bad != nil {
		bad = cmp.Or(finite(r.doubles, NoActivation), bad)
	}
	if bad != nil && !r.looked && finite(r.doubles, NoActivation) == nil {
		// Not what it was taken for: what do all rows look like?
		if err := r.look(); err != nil {
			return fmt.Errorf("%s: %w: %w", r.values.where(r.row), bad, err)
		}
		if r.row == 0 && r.conv.scale != 0 {
			if bad, err = r.again(row); err != nil {
				return err
			}
		}
	}
	switch {
	case bad != nil:
		return fmt.Errorf("%s: %w", r.values.where(r.row), bad)
	case errors.Is(err, io.EOF):
		if r.conv.rounded > 0 {
			r.source.note(fmt.Sprintf("rows that do not sum to exactly 1 (rounded, it seems) are divided by their sums, %.6g to %.6g", r.conv.smallest, r.conv.large), r.file)
		}
		return err
	case err != nil:
		return err
	}
	r.row++
	return nil
}

// next converts the next row. bad is what is wrong with its values.
func (r *convertedRows) next(row []uint16) (bad, err error) {
	if v, ok := r.values.(narrowValues); ok && r.conv.plain() && len(r.doubles) == len(row) {
		switch v.bits() {
		case 16:
			if err := v.nextHalf(row); err != nil {
				return nil, err
			}
			return r.conv.from16(row, r.doubles), nil
		case 32:
			if err := v.nextSingle(r.conv.singles); err != nil {
				return nil, err
			}
			return r.conv.from32(row, r.doubles), nil
		}
	}
	if err := r.values.next(r.doubles); err != nil {
		return nil, err
	}
	return r.conv.from64(row, r.doubles), nil
}

// again converts the first row once more.
func (r *convertedRows) again(row []uint16) (bad, err error) {
	if err := r.values.Close(); err != nil {
		return nil, err
	}
	if r.values, _, err = r.open(); err != nil {
		return nil, err
	}
	return r.next(row)
}

// look looks at all rows and decides how they are converted, or refuses them.
func (r *convertedRows) look() (err error) {
	r.looked = true
	v, _, err := r.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	var l look
	row := make([]float64, len(r.doubles))
	for i := 0; ; i++ {
		err := v.next(row)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := finite(row, r.activation); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		l.see(row)
	}
	if l.rows == 0 {
		return nil
	}
	activation, scale, note, err := l.use(r.activation)
	if err != nil {
		return err
	}
	if note != "" {
		r.source.note(note, r.file)
	}
	r.conv.activation, r.conv.scale = activation, scale
	r.source.decide(r.of, decision{activation, scale})
	return nil
}

// An unlikeError is that of outputs that are not what the activation is for.
type unlikeError struct {
	text   string
	option bool // helps
}

func (e *unlikeError) Error() string { return e.text }

// A decision is how all rows of a file are converted, made by a look at them. It takes another
// reading of the file, so it is kept for as long as an import takes.
type decision struct {
	activation Activation
	scale      float64
}

// decidedOn are the outputs that a decision is about.
type decidedOn struct {
	model string
	set   int
}

func (s *Source) decide(on decidedOn, d decision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.decided == nil {
		s.decided = map[decidedOn]decision{}
	}
	s.decided[on] = d
}

func (s *Source) decision(on decidedOn) (decision, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.decided[on]
	return d, ok
}

// forget forgets decisions: files may be replaced between two imports.
func (s *Source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.decided)
}

func (r *convertedRows) Close() error { return r.values.Close() }

// A note is one sentence about several files.
type note struct {
	says  string
	files []string
}

// note keeps a sentence about a file, once.
func (s *Source) note(says, file string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.filed {
		if n := &s.filed[i]; n.says == says {
			if !slices.Contains(n.files, file) {
				n.files = append(n.files, file)
			}
			return
		}
	}
	s.filed = append(s.filed, note{says, []string{file}})
}

// Notes are sentences on what was done unasked, such as what was taken as the ids of
// samples. There may be more after an import.
func (s *Source) Notes() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	notes := append([]string{}, s.notes...)
	for _, n := range s.filed {
		notes = append(notes, fmt.Sprintf("%s: %s", some(n.files), n.says))
	}
	return notes
}
