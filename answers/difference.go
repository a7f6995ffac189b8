package answers

import (
	"fmt"
	"math"
)

// A Difference says where two files of answers part.
type Difference struct {
	Samples    int      `json:"samples"` // that both answer
	OnlyFirst  []string `json:"only_first"`
	OnlySecond []string `json:"only_second"` // ids
	Class      int      `json:"class"`       // samples with another class
	Name       int      `json:"name"`        // with another name of the same class
	Stage      int      `json:"stage"`       // with another stage
	Confidence int      `json:"confidence"`  // with the same stage and confidences further apart than the tolerance
	Largest    float64  `json:"largest"`     // difference of confidences at the same stage
	Tolerance  float64  `json:"tolerance"`
	Apart      []Pair   `json:"apart"` // the samples of all these, in the order of the first file
}

// A Pair is the answers of two files to a sample.
type Pair struct {
	First  Answer `json:"first"`
	Second Answer `json:"second"`
}

// None reports whether the files agree.
func (d *Difference) None() bool {
	return len(d.Apart) == 0 && len(d.OnlyFirst) == 0 && len(d.OnlySecond) == 0
}

// Compare compares two lists of answers, sample by sample in any order. Confidences at the
// same stage may differ by the tolerance; those of different stages say nothing. Names are
// compared if both have one.
func Compare(first, second []Answer, tolerance float64) (*Difference, error) {
	d := &Difference{Tolerance: tolerance, OnlyFirst: []string{}, OnlySecond: []string{}, Apart: []Pair{}}
	if _, err := rowsByID(first); err != nil {
		return nil, fmt.Errorf("the first file: %w", err)
	}
	rows, err := rowsByID(second)
	if err != nil {
		return nil, fmt.Errorf("the second file: %w", err)
	}
	met := make([]bool, len(second))
	for _, a := range first {
		row, ok := rows[a.ID]
		if !ok {
			d.OnlyFirst = append(d.OnlyFirst, a.ID)
			continue
		}
		met[row] = true
		d.add(a, second[row])
	}
	for row, b := range second {
		if !met[row] {
			d.OnlySecond = append(d.OnlySecond, b.ID)
		}
	}
	return d, nil
}

// rowsByID returns the row of each id.
func rowsByID(all []Answer) (map[string]int, error) {
	rows := make(map[string]int, len(all))
	for row, a := range all {
		if before, ok := rows[a.ID]; ok {
			return nil, fmt.Errorf("rows %d and %d both have the id %q: ids must differ", before, row, a.ID)
		}
		rows[a.ID] = row
	}
	return rows, nil
}

// add counts the answers of both to a sample.
func (d *Difference) add(a, b Answer) {
	d.Samples++
	apart := false
	count := func(n *int, differs bool) {
		if differs {
			*n++
			apart = true
		}
	}
	count(&d.Class, a.Class != b.Class)
	count(&d.Name, a.Class == b.Class && a.Name != "" && b.Name != "" && a.Name != b.Name)
	count(&d.Stage, a.Stage != b.Stage)
	if a.Stage == b.Stage {
		distance := math.Abs(a.Confidence - b.Confidence)
		d.Largest = max(d.Largest, distance)
		count(&d.Confidence, distance > d.Tolerance)
	}
	if apart {
		d.Apart = append(d.Apart, Pair{a, b})
	}
}
