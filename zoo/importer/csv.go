package importer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// answerFiles are the models of a source with one CSV file of answers each.
type answerFiles struct {
	*Source
	set   *Set
	index map[string]int // of the samples, by id
}

// openCSV opens folders with <model>.csv files (sample, label and perhaps confidence: what
// the model answered), labels.csv (sample, label: the truth) and models.csv.
func openCSV(paths []string, opt OpenOptions, s *Source) error {
	s.Classes, s.Exact = opt.Classes, opt.Classes > 0
	a := answerFiles{Source: s, set: &s.Sets[0], index: map[string]int{}}
	var folders []*folder // of the models
	for _, path := range paths {
		f, err := openFolder(path, &s.held)
		if err != nil {
			return err
		}
		if f.has("labels.csv") && !s.unlabelled {
			if err := a.addLabels(f); err != nil {
				return err
			}
		}
		models, err := f.models("csv", "labels", "models")
		if err != nil {
			return err
		}
		for _, m := range models {
			m.Answers = true
			s.Models, folders = append(s.Models, m), append(folders, f)
		}
	}
	if s.unlabelled {
		if err := a.addSamples(folders[0], s.Models[0].Name+".csv"); err != nil {
			return err
		}
	} else if a.set.Labels == nil {
		return fmt.Errorf("%s: no labels: labels.csv, with the columns sample and label, is missing%s", paths[0], orUnlabelled)
	}
	for i, id := range a.set.IDs {
		a.index[id] = i
	}
	// Read once to check them, and to find the largest class.
	largest := slices.Max(append([]uint16{0}, a.set.Labels...))
	for i, m := range s.Models {
		read := func() ([]uint16, []uint16, error) { return a.answers(folders[i], m.Name+".csv") }
		labels, _, err := read()
		if err != nil {
			return err
		}
		largest = max(largest, slices.Max(labels))
		s.rows = append(s.rows, func(int) (Rows, error) {
			labels, confidences, err := read()
			return &answerRows{labels: labels, confidences: confidences}, err
		})
	}
	if !s.Exact {
		s.Classes = max(int(largest)+1, 2)
	}
	return nil
}

// addLabels reads a labels.csv.
func (s *answerFiles) addLabels(f *folder) error {
	set := Set{File: f.name("labels.csv")}
	lines := map[string]int{}
	err := scanCSV(f, "labels.csv", []string{"sample", "label"}, "", func(cells []string, line int) error {
		id := cells[0]
		if first, ok := lines[id]; ok {
			return fmt.Errorf("sample %q is on line %d already", id, first)
		}
		lines[id] = line
		label, err := parseLabel(cells[1])
		if err != nil {
			return err
		}
		if len(set.Labels) == maxSamples {
			return fmt.Errorf("more than %d samples cannot be imported", maxSamples)
		}
		set.IDs = append(set.IDs, id)
		set.Labels = append(set.Labels, label)
		return nil
	})
	if err != nil {
		return err
	}
	if len(set.Labels) == 0 {
		return fmt.Errorf("%s: there are no labels", set.File)
	}
	if err := s.set.mergeLabels(set.File, set.Labels); err != nil {
		return err
	}
	return s.set.mergeIDs(set.File, set.IDs)
}

// addSamples takes the samples, without labels, of a model's file. That none is there twice
// shows when its answers are read.
func (s *answerFiles) addSamples(f *folder, file string) error {
	var ids []string
	err := scanCSV(f, file, []string{"sample"}, "", func(cells []string, _ int) error {
		if len(ids) == maxSamples {
			return fmt.Errorf("more than %d samples cannot be imported", maxSamples)
		}
		ids = append(ids, cells[0])
		return nil
	})
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return fmt.Errorf("%s: there are no samples", f.name(file))
	}
	return s.set.mergeIDs(f.name(file), ids)
}

// answers reads a model's answers, in the order of the samples. Without a column of
// confidences they are 1: of a vote only the answer counts.
func (s *answerFiles) answers(f *folder, file string) (labels, confidences []uint16, err error) {
	labels = make([]uint16, len(s.set.IDs))
	confidences = make([]uint16, len(s.set.IDs))
	seen := make([]bool, len(s.set.IDs))
	err = scanCSV(f, file, []string{"sample", "label"}, "confidence", func(cells []string, _ int) error {
		i, ok := s.index[cells[0]]
		if !ok {
			return fmt.Errorf("sample %q is not in %s", cells[0], s.set.File)
		}
		if seen[i] {
			return fmt.Errorf("sample %q is there a second time", cells[0])
		}
		seen[i] = true
		var err error
		if labels[i], err = parseLabel(cells[1]); err != nil {
			return err
		}
		if s.Exact && int(labels[i]) >= s.Classes {
			return fmt.Errorf("label %d, but there are %d classes (0 to %d)", labels[i], s.Classes, s.Classes-1)
		}
		confidences[i] = outputs.OneBits
		if len(cells) > 2 {
			confidences[i], err = parseConfidence(cells[2])
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for i, ok := range seen {
		if !ok {
			return nil, nil, fmt.Errorf("%s has no answer for the sample %q of %s: every model needs one for each", f.name(file), s.set.IDs[i], s.set.File)
		}
	}
	return labels, confidences, nil
}

// scanCSV calls each with the cells of the given columns of every line, and of an optional
// one unless there are no columns but the given ones.
func scanCSV(f *folder, file string, columns []string, optional string, each func(cells []string, line int) error) error {
	opened, _, err := f.open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := scanTable(opened, columns, optional, each); err != nil {
		return fmt.Errorf("%s: %w", f.name(file), err)
	}
	return nil
}

func scanTable(src io.Reader, columns []string, optional string, each func(cells []string, line int) error) error {
	t, err := newTable(src)
	if err != nil {
		return err
	}
	if optional != "" && len(t.header) != len(columns) { // which a misspelled name must not hide
		columns = append(slices.Clone(columns), optional)
	}
	var at []int
	for _, name := range columns {
		i := t.column(name)
		if i < 0 {
			return fmt.Errorf("no column %q: the first line must name the columns, as in %s", name, strings.Join(columns, ","))
		}
		at = append(at, i)
	}
	picked := make([]string, len(columns))
	for {
		cells, line, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for i, c := range at {
			if picked[i] = cells[c]; picked[i] == "" {
				return fmt.Errorf("line %d: the column %q is empty", line, columns[i])
			}
		}
		if err := each(picked, line); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

func parseLabel(text string) (uint16, error) {
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("label %q is not an integer", text)
	}
	return toLabel(v)
}

// parseConfidence returns a confidence as float16 bits.
func parseConfidence(text string) (uint16, error) {
	v, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("confidence %q is not a number", text)
	case math.IsNaN(v) || v < 0 || v > 1:
		return 0, fmt.Errorf("confidence %s is not between 0 and 1", text)
	}
	var bits [1]uint16
	kernel.F16FromF32(bits[:], []float32{roundToOdd(v)})
	return bits[0] &^ 0x8000, nil // "-0" is 0
}
