package zoo

import (
	"errors"
	"fmt"
	"os"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// A ModelWriter takes the predictions of one model, row by row, for one or several
// splits, whose rows may alternate. It is used from one goroutine; several
// ModelWriters of a Writer may be used at once. It must end with Commit or Abort.
type ModelWriter struct {
	w      *Writer
	model  Model
	splits map[string]*splitWriter
	lists  bool               // are all that is kept
	old    map[string]Archive // of the model that this one replaces
	err    error              // the first failed write
	done   bool
	placed bool     // the JSON file may be there, so its archives must stay
	clean  []uint16 // a row without negative zeros
}

// A splitWriter is the unfinished archive of one split.
type splitWriter struct {
	split   Split
	rows    int
	second  bool             // of the file's names
	archive *rowWriter       // full outputs
	answers *answerWriter    // or answers
	lists   *Lists           // the unfinished search index, nil if it would be too large
	kept    bool             // the writer counts the memory of lists
	listed  *atomicfile.File // of lists alone, once they are complete
}

func (s *splitWriter) parquet() *parquetFile {
	if s.archive != nil {
		return s.archive.parquetFile
	}
	return s.answers.parquetFile
}

// file is the file of the split's predictions, nil if it is not begun yet.
func (s *splitWriter) file() *atomicfile.File {
	if s.archive == nil && s.answers == nil {
		return s.listed
	}
	return s.parquet().out
}

// finish completes the file of a split's predictions, under its temporary name.
func (m *ModelWriter) finish(s *splitWriter) (Archive, error) {
	a := Archive{Rows: s.rows, IndexOnly: m.lists, Second: s.second}
	if !m.lists {
		if err := s.parquet().finish(); err != nil {
			return a, err
		}
	} else {
		labels, err := m.w.labelsOf(s.split)
		if err != nil {
			return a, err
		}
		path := m.w.z.listsPath(s.split.Name, m.model.Name, s.second)
		if s.listed, a.CRC32C, err = createIndex(path, *s.lists, labels, m.w.z.indexMeta(a, s.split)); err != nil {
			return a, err
		}
		if err := s.listed.Sync(); err != nil {
			return a, err
		}
	}
	a.Bytes, a.SHA256 = s.file().Size(), s.file().SHA256()
	return a, nil
}

var errDone = errors.New("zoo: the model is already committed or aborted")

// begin returns the writer of a split that has room for a row.
func (m *ModelWriter) begin(split string) (*splitWriter, error) {
	if m.done {
		return nil, errDone
	}
	if m.err != nil {
		return nil, m.err
	}
	s := m.splits[split]
	if s == nil {
		info, err := m.w.z.Split(split)
		if err != nil {
			return nil, err
		}
		if _, ok := m.model.Splits[split]; ok {
			return nil, fmt.Errorf("zoo: model %q already has predictions on the split %q", m.model.Name, split)
		}
		s = &splitWriter{split: info}
		if old, ok := m.old[split]; ok {
			s.second = old.IndexOnly == m.lists && !old.Second
		}
		path := m.w.z.archivePath(split, m.model.Name, s.second)
		switch {
		case m.lists:
		case m.model.Answers:
			s.answers, err = createAnswers(path, m.model.Name, split, info.Samples)
		default:
			s.archive, err = createRows(path, m.model.Name, split, info.Samples, m.w.z.classes)
		}
		if err != nil {
			m.err = err
			return nil, err
		}
		m.splits[split] = s
		s.kept = m.w.keep(outputs.ListBytes(info.Samples, m.w.z.classes))
		if m.lists || s.kept {
			s.lists = new(outputs.NewLists(info.Samples, m.w.z.classes))
		}
	}
	if s.rows == s.split.Samples {
		return nil, fmt.Errorf("zoo: model %q has more rows than the %d samples of the split %q", m.model.Name, s.split.Samples, split)
	}
	return s, nil
}

// WriteRow adds the output on the next sample of a split: float16 bits [C], each in
// [0, 1], their sum within 0.01 of 1. The error names the row; a rejected row leaves no trace. Negative zero is stored as zero.
func (m *ModelWriter) WriteRow(split string, row []uint16) error {
	s, err := m.begin(split)
	if err != nil {
		return err
	}
	if m.model.Answers {
		return fmt.Errorf("zoo: model %q gives answers only: it takes no rows of probabilities", m.model.Name)
	}
	classes := m.w.z.classes
	if len(row) != classes {
		return fmt.Errorf("zoo: model %q, split %q, row %d has %d values, the zoo has %d classes", m.model.Name, split, s.rows, len(row), classes)
	}
	m.clean = append(m.clean[:0], row...)
	outputs.ClearNegativeZeros(m.clean)
	if err := checkRow(s.lists, s.rows, m.clean); err != nil {
		return fmt.Errorf("zoo: model %q, split %q, row %d: %w", m.model.Name, split, s.rows, err)
	}
	if !m.lists {
		if err := s.archive.write(m.clean); err != nil {
			m.err = err
			return err
		}
	}
	s.rows++
	return nil
}

// WriteAnswer adds the answer on the next sample of a split, for a model with
// Answers: a class and a confidence in [0, 1], as float16 bits. A confidence of 0 is
// kept as 2^-24, the smallest there is: as the row of a distribution it could not be
// distinguished from an answer of class 0.
func (m *ModelWriter) WriteAnswer(split string, label, confidence uint16) error {
	s, err := m.begin(split)
	if err != nil {
		return err
	}
	if !m.model.Answers {
		return fmt.Errorf("zoo: model %q gives probabilities: it takes no answers", m.model.Name)
	}
	if confidence == 0 || confidence == 0x8000 {
		confidence = 1
	}
	err = outputs.CheckLabel(int64(label), m.w.z.classes)
	if err == nil {
		err = outputs.CheckConfidence(confidence)
	}
	if err != nil {
		return fmt.Errorf("zoo: model %q, split %q, row %d: %w", m.model.Name, split, s.rows, err)
	}
	if s.lists != nil {
		outputs.SetAnswer(s.lists, s.rows, label, confidence)
	}
	if err := s.answers.write(label, confidence); err != nil {
		m.err = err
		return err
	}
	s.rows++
	return nil
}

// SetColumn sets one of the model's columns. Like the rows, it takes effect with Commit.
func (m *ModelWriter) SetColumn(column, value string) {
	if m.model.Columns == nil {
		m.model.Columns = map[string]string{}
	}
	m.model.Columns[column] = value
}

// Commit makes the model part of the zoo, durably. Every split that was begun must
// have all its rows. After an error the model is not part of the zoo.
func (m *ModelWriter) Commit() error {
	if m.done {
		return errDone
	}
	if err := m.commit(); err != nil {
		m.Abort()
		return err
	}
	m.done = true
	m.release()
	return nil
}

func (m *ModelWriter) commit() error {
	if m.err != nil {
		return m.err
	}
	if len(m.splits) == 0 {
		return fmt.Errorf("zoo: model %q has no rows", m.model.Name)
	}
	model := m.model.clone()
	if err := model.check(); err != nil {
		return err
	}
	for name, s := range m.splits {
		if s.rows != s.split.Samples {
			return fmt.Errorf("zoo: model %q has %d rows for the split %q of %d samples", m.model.Name, s.rows, name, s.split.Samples)
		}
	}
	for name, s := range m.splits {
		var err error
		if model.Splits[name], err = m.finish(s); err != nil {
			return err
		}
	}
	if err := m.w.hold.mustBe(); err != nil {
		return err
	}
	for _, s := range m.splits {
		if err := s.file().Place(); err != nil {
			return err
		}
	}
	for name, s := range m.splits {
		if s.lists == nil || m.lists {
			continue
		}
		if err := m.w.index(*s.lists, m.model.Name, s.split, model.Splits[name]); err != nil {
			return err
		}
	}
	m.placed = true
	if err := m.w.publish(model); err != nil {
		return err
	}
	// Nothing refers to the replaced files any more. What cannot be removed now is removed by
	// the next writer.
	for split, a := range m.old {
		now, ok := model.Splits[split]
		if !ok || now.IndexOnly {
			os.Remove(m.w.z.indexPath(split, m.model.Name))
		}
		if old := m.w.z.predictionsPath(split, m.model.Name, a); !ok || old != m.w.z.predictionsPath(split, m.model.Name, now) {
			os.Remove(old)
		}
	}
	return nil
}

// Abort drops the model and removes what was written. After Commit it does
// nothing.
func (m *ModelWriter) Abort() {
	if m.done {
		return
	}
	m.done = true
	for _, s := range m.splits {
		f := s.file()
		if f == nil {
			continue
		}
		f.Discard()
		if f.Renamed() && !m.placed && m.w.hold.mustBe() == nil {
			os.Remove(f.Path())
			if s.lists != nil && !m.lists {
				os.Remove(m.w.z.indexPath(s.split.Name, m.model.Name))
			}
		}
	}
	m.release()
}

// release allows another ModelWriter of this name.
func (m *ModelWriter) release() {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	delete(m.w.open, m.model.Name)
	for _, s := range m.splits {
		if s.kept {
			m.w.kept -= outputs.ListBytes(s.split.Samples, m.w.z.classes)
		}
	}
}
