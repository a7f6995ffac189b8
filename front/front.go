// Package front holds cascades that no other one beats in both accuracy and cost:
// choosing among them, thinning and comparing them, and the run folder that a search
// writes, with the front it found (front.json, front.csv) and how it was found
// (run.json).
//
// A run folder may come from anybody, so nothing that is read from one is trusted.
package front

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/regular"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// Version is the version of front.json and run.json that this package writes, and
// the newest it reads.
const Version = 1

// The files of a run folder.
const (
	FrontFile = "front.json"
	CSVFile   = "front.csv"
	RunFile   = "run.json"
	StateFile = "search.json" // while the search is not done, and of a part of one

	// ReportFile is the page that the command report writes.
	ReportFile = "report.html"
)

// Bounds on what is read. A front has at most one cascade for each number of
// correct answers; names have at most 4096 bytes.
const (
	maxFrontBytes = 256 << 20
	maxRunBytes   = 64 << 20
	maxStateBytes = 1 << 30
	maxNameBytes  = 4096
)

// Front is the content of front.json: the cascades that no other one found beats, in
// ascending order of cost, with results on the split they were chosen on. It depends
// only on the zoo and the options of the search, not on when, where or how fast it
// ran.
type Front struct {
	Version     int          `json:"version"`
	Zoo         Zoo          `json:"zoo"`
	Split       Split        `json:"split"`
	Unlabelled  *Split       `json:"unlabelled,omitempty"` // that the points have estimates with
	Cost        string       `json:"cost"`                 // the column of the models that is their cost per sample
	Algorithm   string       `json:"algorithm"`
	Grid        []float32    `json:"grid"`
	Selection   *Selection   `json:"selection,omitempty"`   // what the cascades were chosen by
	Proof       string       `json:"proof,omitempty"`       // what is proven of the front
	Interrupted bool         `json:"interrupted,omitempty"` // ended before the search was done
	Parts       *Parts       `json:"parts,omitempty"`       // of the search that it is of; nil: all of it
	Checked     bool         `json:"checked"`               // the results are those of the full stored outputs
	Points      []Point      `json:"cascades"`
	Models      []Model      `json:"models"`                // all models the search could choose from
	Differences []Difference `json:"differences,omitempty"` // cascades with other results on the search index

	CrossValidation *CrossValidation `json:"cross_validation,omitempty"`
}

// CrossValidation has the accuracy of cascades on samples that were held out of the
// searches that found them.
type CrossValidation struct {
	Folds int       `json:"folds"`
	At    []HeldOut `json:"at"` // ascending in Limit
}

// HeldOut has the results of the most accurate cascades within a cost on the samples
// they were not chosen on: one cascade a fold, all folds together.
type HeldOut struct {
	Limit    float64    `json:"max_cost"`          // on the samples searched
	Searched float64    `json:"accuracy_searched"` // of the same cascades there
	Correct  int        `json:"correct"`
	Samples  int        `json:"n"`
	Accuracy float64    `json:"accuracy"`    // correct/n
	Interval [2]float64 `json:"accuracy_95"` // Wilson
	Change   float64    `json:"change"`      // accuracy less accuracy_searched
	Cost     float64    `json:"cost"`        // mean over the samples held out
}

// Zoo identifies the zoo of a front.
type Zoo struct {
	Fingerprint string `json:"fingerprint"`
	Classes     int    `json:"classes"`
}

// Split identifies the samples that results are of.
type Split struct {
	Name        string `json:"name"`
	Samples     int    `json:"samples"`
	Fingerprint string `json:"fingerprint"`
	Unlabelled  bool   `json:"unlabelled,omitempty"`
}

// Difference is a cascade whose results on the search index differ from those on the
// stored outputs, which are in Points.
type Difference struct {
	Cascade      int   `json:"cascade"` // its index in Points
	IndexCorrect int   `json:"index_correct"`
	IndexReach   []int `json:"index_reach"`
}

// ReadFront reads front.json of a run folder.
func ReadFront(dir string) (f *Front, err error) {
	err = open(dir, FrontFile, func(r io.Reader) error {
		f, err = DecodeFront(r)
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a run folder of optimize: %w", dir, err)
	}
	return f, err
}

// open lets a function read a file of a run folder; its errors get the file's name.
func open(dir, name string, read func(io.Reader) error) error {
	path := filepath.Join(dir, name)
	file, err := regular.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := read(file); err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	return nil
}

// readAll reads at most so many bytes.
func readAll(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("larger than %d MB, which no such file is", most>>20)
	}
	return data, err
}

// DecodeFront reads a front and checks that its parts are consistent.
func DecodeFront(r io.Reader) (*Front, error) {
	data, err := readAll(r, maxFrontBytes)
	if err != nil {
		return nil, err
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := decode(data, &head); err != nil {
		return nil, err
	}
	switch {
	case head.Version < 1:
		return nil, errors.New("not a front: the field \"version\" is missing")
	case head.Version > Version:
		return nil, fmt.Errorf("version %d was written by a newer encas-zoo; this one reads up to version %d", head.Version, Version)
	}
	f := new(Front)
	if err := decodeSealed(data, f); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

// decodeSealed reads JSON that has a checksum, unless an older program wrote it.
func decodeSealed(data []byte, v any) error {
	if _, err := seal.Check(data); err != nil {
		return fmt.Errorf("%w; restore it, or, if what it says is correct, delete its line \"checksum\"", err)
	}
	return decode(data, v)
}

// decode reads JSON; errors name the line.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	offset := int64(-1)
	switch {
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &kind):
		offset = kind.Offset
	}
	if offset < 0 || offset > int64(len(data)) {
		return err
	}
	return fmt.Errorf("line %d: %w", 1+bytes.Count(data[:offset], []byte("\n")), err)
}

// expected returns the cascades that have an expected accuracy.
func (f *Front) expected() []Point {
	return slices.DeleteFunc(slices.Clone(f.Points), func(p Point) bool { return p.Expected == nil })
}

// check reports inconsistencies between cascades, models and split.
func (f *Front) check() error {
	if f.Models == nil { // as in any other file of a run folder
		return errors.New("not a front: the field \"models\" is missing")
	}
	if err := f.Drawn().check(f.Split.Samples); err != nil {
		return err
	}
	counted := f.Counted()
	for i, p := range f.Points {
		switch {
		case p.Samples != counted && f.Drawn() == nil:
			return fmt.Errorf("cascade %d counts %d samples, the split has %d", i, p.Samples, f.Split.Samples)
		case p.Samples != counted:
			return fmt.Errorf("cascade %d counts %d samples, not %d", i, p.Samples, counted)
		case i > 0 && p.Cost < f.Points[i-1].Cost:
			return fmt.Errorf("cascade %d is cheaper than the one before it", i)
		}
	}
	if err := cmp.Or(f.Selection.check(), f.Parts.check()); err != nil {
		return err
	}
	if f.Parts != nil && f.Proof != "" {
		return errors.New("it is of some parts of a search, and has a proof, which needs all of them")
	}
	if known := len(f.expected()); known > 0 && known < len(f.Points) {
		return fmt.Errorf("%d of %d cascades have an expected accuracy, which all have or none", known, len(f.Points))
	}
	for _, m := range f.Models {
		if m.Correct < 0 || m.Correct > counted {
			return fmt.Errorf("model %.200q has %d correct answers of %d", m.Name, m.Correct, counted)
		}
		if m.Temperature < 0 {
			return fmt.Errorf("model %.200q has the temperature %g", m.Name, m.Temperature)
		}
	}
	for _, d := range f.Differences {
		if d.Cascade < 0 || d.Cascade >= len(f.Points) {
			return fmt.Errorf("a difference is of cascade %d of %d", d.Cascade, len(f.Points))
		}
	}
	return f.checkMeasured()
}
