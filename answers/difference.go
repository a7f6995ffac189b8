package answers

import (
	"fmt"
	"math"
)

// A Difference says where two files of answers part: the JSON result of diff.
type Difference struct {
	Version    int     `json:"version"`
	Samples    int     `json:"samples"`     // that both answer
	Differ     int     `json:"differ"`      // of these, in at least one of the following
	Class      int     `json:"class"`       // with another class
	Name       int     `json:"name"`        // with another name of the same class
	Stage      int     `json:"stage"`       // with another stage
	Confidence int     `json:"confidence"`  // with the same stage and confidences further apart than the tolerance
	Largest    float64 `json:"largest"`     // difference of confidences at the same stage
	Tolerance  float64 `json:"tolerance"`   // of confidences
	OnlyFirst  int     `json:"only_first"`  // samples that only the first file answers
	OnlySecond int     `json:"only_second"` // or the second

	// The first of the samples that differ or are in one file only, in the order of their
	// file, the first one if both have them.
	Apart     []Pair   `json:"apart"`
	FirstIDs  []string `json:"only_first_ids"`
	SecondIDs []string `json:"only_second_ids"`
}

// A Pair is the answers of two files to a sample.
type Pair struct {
	First  Answer `json:"first"`
	Second Answer `json:"second"`
}

// None reports whether the files agree.
func (d *Difference) None() bool {
	return d.Differ+d.OnlyFirst+d.OnlySecond == 0
}

// Compare compares two lists of answers, sample by sample in any order. Confidences at the
// same stage may differ by the tolerance; those of different stages say nothing. Names are
// compared if both have one. At most so many samples of each kind are listed.
func Compare(first, second []Answer, tolerance float64, most int) (*Difference, error) {
	d := &Difference{Version: 1, Tolerance: tolerance, Apart: []Pair{}, FirstIDs: []string{}, SecondIDs: []string{}}
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
			d.OnlyFirst++
			d.FirstIDs = appendFew(d.FirstIDs, a.ID, most)
			continue
		}
		met[row] = true
		if d.differ(a, second[row]) {
			d.Differ++
			d.Apart = appendFew(d.Apart, Pair{a, second[row]}, most)
		}
	}
	d.Samples = len(first) - d.OnlyFirst
	for row, b := range second {
		if !met[row] {
			d.OnlySecond++
			d.SecondIDs = appendFew(d.SecondIDs, b.ID, most)
		}
	}
	return d, nil
}

// rowsByID returns the row of each id.
func rowsByID(all []Answer) (map[string]int, error) {
	rows := make(map[string]int, len(all))
	for row, a := range all {
		if before, ok := rows[a.ID]; ok {
			return nil, repeated(before, row, a.ID)
		}
		rows[a.ID] = row
	}
	return rows, nil
}

func repeated(before, row int, id string) error {
	return fmt.Errorf("rows %d and %d both have the id %q: ids must differ", before, row, id)
}

// appendFew appends a value unless there are so many already.
func appendFew[T any](list []T, v T, most int) []T {
	if len(list) == most {
		return list
	}
	return append(list, v)
}

// differ counts in what the answers to a sample differ, and reports whether they do.
func (d *Difference) differ(a, b Answer) (differ bool) {
	count := func(n *int, differs bool) {
		if differs {
			*n++
			differ = true
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
	return differ
}
