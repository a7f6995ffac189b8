// Package answers holds what a cascade answered to each sample, and reads and writes it
// as a file: CSV, JSON or Parquet, by the end of its name. Such files compare a deployment
// with the stored outputs that its cascade was chosen on, whatever wrote them: columns may
// come in any order, other columns are ignored, and a name may be missing.
//
//	id,class,name,confidence,stage
//	photos/1.jpg,3,cat,0.8125,1
//
// In JSON that is an array of objects, in Parquet columns of strings, integers and floats.
package answers

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/regular"
)

// An Answer is that of a cascade to a sample.
type Answer struct {
	ID    string `json:"id"`
	Class int    `json:"class"`
	Name  string `json:"name,omitempty"` // of the class; "" if it has none
	// Confidence is that of the stage that answered, which its threshold is compared with.
	Confidence float64 `json:"confidence"`
	Stage      int     `json:"stage"` // that answered, from 1
}

// A format is a kind of file of answers.
type format struct {
	write func(w *bytes.Buffer, all []Answer) error
	read  func(f *os.File) ([]Answer, error)
}

var formats = map[string]format{
	".csv":     {writeCSV, named(readCSV)},
	".json":    {writeJSON, named(readJSON)},
	".parquet": {writeParquet, readParquet}, // which names the file
}

// named names the file in the errors of read.
func named(read func(f *os.File) ([]Answer, error)) func(f *os.File) ([]Answer, error) {
	return func(f *os.File) ([]Answer, error) {
		all, err := read(f)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		return all, nil
	}
}

// CheckPath returns an error if the name of a file does not end as one of answers.
func CheckPath(path string) error {
	_, err := formatOf(path)
	return err
}

func formatOf(path string) (format, error) {
	f, ok := formats[strings.ToLower(filepath.Ext(path))]
	if !ok {
		return f, fmt.Errorf("%s: the name of a file of answers ends with .csv, .json or .parquet", path)
	}
	return f, nil
}

// Write writes answers to a file, which appears whole or not at all.
func Write(path string, all []Answer) error {
	f, err := formatOf(path)
	if err != nil {
		return err
	}
	for row, a := range all {
		if err := a.check(); err != nil {
			return fmt.Errorf("%s: row %d (%q): %w", path, row, a.ID, err)
		}
	}
	var b bytes.Buffer
	if err := f.write(&b, all); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.WriteFile(path, b.Bytes())
}

// Read reads a file of answers. Memory is bounded by the size of the file; of a Parquet file,
// which is compressed, by its ids, which must differ, and texts.
func Read(path string) ([]Answer, error) {
	f, err := formatOf(path)
	if err != nil {
		return nil, err
	}
	in, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return f.read(in)
}

// check returns an error if there cannot be such an answer.
func (a Answer) check() error {
	switch {
	case a.Class < 0 || a.Class > math.MaxInt32:
		return fmt.Errorf("class %d: classes are numbered from 0", a.Class)
	case a.Stage < 1 || a.Stage > math.MaxInt32:
		return fmt.Errorf("stage %d: stages are numbered from 1", a.Stage)
	case math.IsNaN(a.Confidence) || math.IsInf(a.Confidence, 0):
		return fmt.Errorf("confidence %v: it must be a finite number", a.Confidence)
	}
	return nil
}
