package importer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// A csvSource is folders with one CSV file of answers a model.
type csvSource struct {
	classes int
	exact   bool
	set     Set
	index   map[string]int // of the samples, by id
	models  []Model
	files   []csvFile
}

type csvFile struct {
	folder *folder
	file   string
}

// openCSV opens folders with <model>.csv files (sample, label, confidence: what the
// model answered), labels.csv (sample, label: the truth) and models.csv.
func openCSV(paths []string, opt OpenOptions, h *held) (opened, error) {
	s := &csvSource{classes: opt.Classes, exact: opt.Classes > 0}
	for _, path := range paths {
		f, err := openFolder(path, h)
		if err != nil {
			return nil, err
		}
		if f.has("labels.csv") {
			if err := s.addLabels(f); err != nil {
				return nil, err
			}
		}
		rows, err := readModels(f, "models.csv")
		if err != nil {
			return nil, err
		}
		if err := match(f.name("models.csv"), rows, path, ".csv", f.stems(".csv", "labels", "models")); err != nil {
			return nil, err
		}
		for _, row := range rows {
			file := row.name + ".csv"
			content, err := f.content("csv", file)
			if err != nil {
				return nil, err
			}
			s.files = append(s.files, csvFile{f, file})
			s.models = append(s.models, Model{Name: row.name, File: f.name(file), Answers: true, Columns: row.columns, Content: []string{content}})
		}
	}
	if s.set.Labels == nil {
		return nil, fmt.Errorf("%s: no labels: labels.csv, with the columns sample and label, is missing", paths[0])
	}
	s.index = make(map[string]int, len(s.set.IDs))
	for i, id := range s.set.IDs {
		s.index[id] = i
	}
	// Read once to check them, and to find the largest class.
	largest := 0
	for _, l := range s.set.Labels {
		largest = max(largest, int(l))
	}
	for i := range s.files {
		labels, _, err := s.answers(i)
		if err != nil {
			return nil, err
		}
		for _, l := range labels {
			largest = max(largest, int(l))
		}
	}
	if !s.exact {
		s.classes = max(largest+1, 2)
	}
	if err := checkLabels(s.set.File, s.set.Labels, s.classes); err != nil {
		return nil, err
	}
	return s, checkNames(s.models)
}

// addLabels reads a labels.csv.
func (s *csvSource) addLabels(f *folder) error {
	set := Set{File: f.name("labels.csv")}
	lines := map[string]int{}
	err := scanCSV(f, "labels.csv", []string{"sample", "label"}, func(cells []string, line int) error {
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

// answers reads a model's answers, in the order of the samples.
func (s *csvSource) answers(model int) (labels, confidences []uint16, err error) {
	f := s.files[model]
	labels = make([]uint16, len(s.set.IDs))
	confidences = make([]uint16, len(s.set.IDs))
	seen := make([]bool, len(s.set.IDs))
	err = scanCSV(f.folder, f.file, []string{"sample", "label", "confidence"}, func(cells []string, _ int) error {
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
		if s.exact && int(labels[i]) >= s.classes {
			return fmt.Errorf("label %d, but there are %d classes (0 to %d)", labels[i], s.classes, s.classes-1)
		}
		confidences[i], err = parseConfidence(cells[2])
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for i, ok := range seen {
		if !ok {
			return nil, nil, fmt.Errorf("%s has no answer for the sample %q of %s: every model needs one for each", f.folder.name(f.file), s.set.IDs[i], s.set.File)
		}
	}
	return labels, confidences, nil
}

// scanCSV calls each with the cells of the given columns of every line.
func scanCSV(f *folder, file string, columns []string, each func(cells []string, line int) error) error {
	opened, _, err := f.open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := scanTable(opened, columns, each); err != nil {
		return fmt.Errorf("%s: %w", f.name(file), err)
	}
	return nil
}

func scanTable(src io.Reader, columns []string, each func(cells []string, line int) error) error {
	t, err := newTable(src)
	if err != nil {
		return err
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

func (s *csvSource) Classes() (int, bool) { return s.classes, s.exact }
func (s *csvSource) Sets() []Set          { return []Set{s.set} }
func (s *csvSource) Models() []Model      { return s.models }

func (s *csvSource) Rows(model, _ int) (Rows, error) {
	labels, confidences, err := s.answers(model)
	if err != nil {
		return nil, err
	}
	return &answerRows{labels: labels, confidences: confidences}, nil
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
