// Package front holds cascades that no other one beats in both accuracy and cost:
// choosing among them, thinning and comparing them, and the run folder that a search
// leaves behind, with the front it found (front.json, front.csv) and how it was found
// (run.json).
//
// A run folder may come from anybody, so reading one trusts nothing in it.
package front

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Version is the version of front.json and run.json that this package writes, and
// the newest it reads.
const Version = 1

// The files of a run folder.
const (
	FrontFile = "front.json"
	CSVFile   = "front.csv"
	RunFile   = "run.json"
	StateFile = "search.json" // only while the search is not done
)

// Bounds on what is read. A front has at most one cascade for each number of
// correct answers; names have at most 4096 bytes.
const (
	maxFrontBytes = 256 << 20
	maxStateBytes = 1 << 30
	maxNameBytes  = 4096
)

// Front is the content of front.json: the cascades that a search found to be
// beaten by no other, in ascending order of cost, with figures on the split they
// were chosen on. It depends on the zoo and the options of the search alone, not
// on when, where or how fast it ran.
type Front struct {
	Version     int          `json:"version"`
	Zoo         Zoo          `json:"zoo"`
	Split       Split        `json:"split"`
	Cost        string       `json:"cost"` // the column of the models that is their cost per sample
	Algorithm   string       `json:"algorithm"`
	Grid        []float32    `json:"grid"`
	Proof       string       `json:"proof,omitempty"`       // what is proven of the front
	Interrupted bool         `json:"interrupted,omitempty"` // ended before the search was done
	Checked     bool         `json:"checked"`               // the figures are those of the full stored outputs
	Points      []Point      `json:"cascades"`
	Models      []Model      `json:"models"`                // all models the search could choose from
	Differences []Difference `json:"differences,omitempty"` // cascades the search saw differently

	CrossValidation *CrossValidation `json:"cross_validation,omitempty"`
}

// CrossValidation says how accurate what a search finds is on samples that were held
// out of it.
type CrossValidation struct {
	Folds int       `json:"folds"`
	At    []HeldOut `json:"at"` // ascending in Limit
}

// HeldOut is what the most accurate cascades within a cost do on the samples that they
// were not chosen on: one cascade a fold, all folds together.
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

// Zoo says which zoo a front belongs to.
type Zoo struct {
	Fingerprint string `json:"fingerprint"`
	Classes     int    `json:"classes"`
}

// Split says which samples figures are of.
type Split struct {
	Name        string `json:"name"`
	Samples     int    `json:"samples"`
	Fingerprint string `json:"fingerprint"`
}

// Difference is a cascade that does otherwise on the stored outputs than it did on
// the search index. The figures in Points are those of the stored outputs.
type Difference struct {
	Cascade      int   `json:"cascade"` // its place in Points, from 0
	IndexCorrect int   `json:"index_correct"`
	IndexReach   []int `json:"index_reach"`
}

// ReadFront reads front.json of a run folder.
func ReadFront(dir string) (*Front, error) {
	path := filepath.Join(dir, FrontFile)
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s is no run folder of optimize: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	f, err := DecodeFront(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// DecodeFront reads a front and checks that what it says fits together.
func DecodeFront(r io.Reader) (*Front, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFrontBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFrontBytes {
		return nil, fmt.Errorf("larger than %d MB: this is no front", maxFrontBytes>>20)
	}
	var head struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, jsonError(data, err)
	}
	switch {
	case head.Version < 1:
		return nil, errors.New("no front: the field \"version\" is missing")
	case head.Version > Version:
		return nil, fmt.Errorf("version %d was written by a newer encas-zoo; this one reads up to version %d", head.Version, Version)
	}
	f := new(Front)
	if err := json.Unmarshal(data, f); err != nil {
		return nil, jsonError(data, err)
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	return f, nil
}

// jsonError adds the line to an error of package json that has an offset only.
func jsonError(data []byte, err error) error {
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
	line := 1
	for _, b := range data[:offset] {
		if b == '\n' {
			line++
		}
	}
	return fmt.Errorf("line %d: %w", line, err)
}

// check looks at what cascades and models cannot see of each other.
func (f *Front) check() error {
	for i, p := range f.Points {
		switch {
		case p.Samples != f.Split.Samples:
			return fmt.Errorf("cascade %d counts %d samples, the split has %d", i, p.Samples, f.Split.Samples)
		case i > 0 && p.Cost < f.Points[i-1].Cost:
			return fmt.Errorf("cascade %d is cheaper than the one before", i)
		}
	}
	for _, m := range f.Models {
		if m.Correct < 0 || m.Correct > f.Split.Samples {
			return fmt.Errorf("model %.200q has %d correct answers of %d", m.Name, m.Correct, f.Split.Samples)
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
	return nil
}
