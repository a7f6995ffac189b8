package importer

import (
	"fmt"
	"io"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// addAnswers adds a model with an array of answers and no confidences, which are then 1.
func (s *Source) addAnswers(m Model, open func() (*array, error)) error {
	m.Answers = true
	read := func() ([]uint16, error) {
		a, err := open()
		if err != nil {
			return nil, err
		}
		labels, err := a.labels(s.names)
		if err == nil {
			err = s.fitsSet(0, a.name, len(labels), "answers", m.order)
		}
		return labels, err
	}
	labels, err := read()
	if err != nil {
		return err
	}
	s.answer(m.File, labels)
	return s.add(m, func(int) (Rows, error) {
		labels, err := read()
		return &answerRows{labels: labels, confidences: slices.Repeat([]uint16{outputs.OneBits}, len(labels))}, err
	})
}

// answer keeps the largest class of the answers in a file.
func (s *Source) answer(file string, labels []uint16) {
	if largest := slices.Max(labels); s.answered.file == "" || largest > s.answered.class {
		s.answered = answered{file, largest}
	}
}

// answered is the largest class that a model's array of answers has, and its file.
type answered struct {
	file  string
	class uint16
}

// countAnswers compares the arrays of answers with the number of classes or, without
// outputs, takes that from them.
func (s *Source) countAnswers() error {
	switch {
	case s.answered.file == "":
	case s.shaped == "" && s.names.names != nil:
		s.Classes = len(s.names.names)
		s.Exact = true
		if int(s.answered.class) >= s.Classes {
			return fmt.Errorf("%s has the answer %d, but there are names of %d classes (0 to %d)", s.answered.file, s.answered.class, s.Classes, s.Classes-1)
		}
	case s.shaped == "" && s.Exact && s.Classes > 0: // as the user says
	case s.shaped == "":
		largest := slices.Max(append(slices.Clone(s.Sets[0].Labels), s.answered.class))
		s.Classes, s.Exact = max(int(largest)+1, 2), false
	case int(s.answered.class) >= s.Classes:
		return fmt.Errorf("%s has the answer %d, but %s has %d classes (0 to %d)", s.answered.file, s.answered.class, s.shaped, s.Classes, s.Classes-1)
	}
	return nil
}

// answerRows are answers in the order of the samples.
type answerRows struct {
	labels, confidences []uint16
	row                 int
}

func (r *answerRows) Next(row []uint16) error {
	if r.row == len(r.labels) {
		return io.EOF
	}
	row[0], row[1] = r.labels[r.row], r.confidences[r.row]
	r.row++
	return nil
}

func (r *answerRows) Close() error { return nil }
