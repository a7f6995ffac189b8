package front

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Drawn says that a part of the samples of the split was searched, drawn at random, and
// whether what was found was measured on the others.
type Drawn struct {
	Samples int    `json:"samples"`     // that were searched
	Seed    uint64 `json:"seed"`        // that they were drawn with, see [Draw]
	Rows    string `json:"rows_sha256"` // of their numbers, each as eight bytes, the lowest first

	// Measured is the number of the other samples, of which the expected accuracies are.
	// Counts, costs and reach are of all samples then; of those searched alone if it is 0,
	// as the search was interrupted before.
	Measured int `json:"measured,omitempty"`
}

// drawStream tells the random numbers of Draw from others of the same seed.
const drawStream = 0x64726177

// Draw draws some of the samples of a split at random and returns their numbers, ascending.
func Draw(drawn, samples int, seed uint64) []int {
	random := rand.New(rand.NewPCG(seed, drawStream))
	rows := make([]int, 0, drawn)
	for i := 0; len(rows) < drawn && i < samples; i++ {
		if random.IntN(samples-i) < drawn-len(rows) {
			rows = append(rows, i)
		}
	}
	return rows
}

// NewDrawn describes samples that Draw has drawn with a seed.
func NewDrawn(rows []int, seed uint64) *Drawn {
	h := sha256.New()
	for _, row := range rows {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(row)))
	}
	return &Drawn{Samples: len(rows), Seed: seed, Rows: hex.EncodeToString(h.Sum(nil))}
}

// Again draws the samples of a split of so many samples again.
func (d *Drawn) Again(samples int) ([]int, error) {
	rows := Draw(d.Samples, samples, d.Seed)
	if NewDrawn(rows, d.Seed).Rows != d.Rows {
		return nil, fmt.Errorf("%d of %d samples drawn with seed %d are not those that were searched: their checksum differs", d.Samples, samples, d.Seed)
	}
	return rows, nil
}

// String says which samples were searched, and what results are of, without the last full stop.
func (d *Drawn) String() string {
	text := fmt.Sprintf("%s samples, drawn at random with seed %d, were searched", grouped(d.Samples), d.Seed)
	if d.Measured == 0 {
		return text + "; what was found has not been measured on the others: all accuracies, costs and reach are those on the samples searched"
	}
	return text + fmt.Sprintf(". Expected accuracies are those on the %s samples that were not searched; costs are of all samples", grouped(d.Measured))
}

// check reports what cannot be true of a split of so many samples.
func (d *Drawn) check(samples int) error {
	switch {
	case d == nil:
		return nil
	case d.Samples < 1 || d.Samples >= samples:
		return fmt.Errorf("%d of its %d samples were searched", d.Samples, samples)
	case d.Measured != 0 && d.Measured != samples-d.Samples:
		return fmt.Errorf("%d of its %d samples were searched, and %d measured", d.Samples, samples, d.Measured)
	}
	return nil
}

// Drawn returns which part of the samples was searched, nil if all were.
func (f *Front) Drawn() *Drawn {
	if f.Selection == nil {
		return nil
	}
	return f.Selection.Drawn
}

// Counted returns the number of samples that counts, costs and reach are of: all of the split,
// or those searched if the others were not measured.
func (f *Front) Counted() int {
	if d := f.Drawn(); d != nil && d.Measured == 0 {
		return d.Samples
	}
	return f.Split.Samples
}

// searched returns the number of samples that were searched.
func (f *Front) searched() int {
	if d := f.Drawn(); d != nil {
		return d.Samples
	}
	return f.Split.Samples
}

// judged returns as those of how many samples the accuracies that choices go by are uncertain, if
// so many are counted.
func (f *Front) judged(counted int) int {
	if d := f.Drawn(); d != nil && d.Measured > 0 {
		return d.Measured
	}
	return counted
}

// SearchedAccuracy returns the accuracy of a cascade on the samples that were searched.
func (f *Front) SearchedAccuracy(p Point) float64 {
	if p.Expected == nil {
		return p.Accuracy()
	}
	return f.onSearched(p.Correct, p.Expected.Accuracy)
}

// SearchedAccuracyOf returns the accuracy of a model on the samples that were searched.
func (f *Front) SearchedAccuracyOf(m *Model) float64 {
	if m.Expected == nil {
		return float64(m.Correct) / float64(f.Counted())
	}
	return f.onSearched(m.Correct, *m.Expected)
}

// onSearched returns the share of correct answers on the samples searched, of so many on all that
// are counted. On the others, if they were measured, it is the expected accuracy.
func (f *Front) onSearched(correct int, expected float64) float64 {
	if d := f.Drawn(); d != nil && d.Measured > 0 {
		correct -= int(math.Round(expected * float64(d.Measured)))
	}
	return float64(correct) / float64(f.searched())
}

// asSearched returns the front with the correct answers of its cascades on the samples that were
// searched.
func (f *Front) asSearched() *Front {
	d := f.Drawn()
	if d == nil || d.Measured == 0 {
		return f
	}
	searched := *f
	searched.Points = slices.Clone(f.Points)
	for i, p := range f.Points {
		searched.Points[i].Correct = int(math.Round(f.SearchedAccuracy(p) * float64(d.Samples)))
		searched.Points[i].Samples = d.Samples
	}
	return &searched
}

// checkMeasured reports expected accuracies that are not those of the samples measured.
func (f *Front) checkMeasured() error {
	d := f.Drawn()
	if d == nil {
		return nil
	}
	if d.Measured == 0 {
		if !f.Interrupted && f.Parts == nil {
			return fmt.Errorf("%d samples were searched and no others measured, but the search was not interrupted", d.Samples)
		}
		if len(f.expected()) > 0 || slices.ContainsFunc(f.Models, func(m Model) bool { return m.Expected != nil }) {
			return errors.New("there are expected accuracies, but no samples that they were measured on")
		}
		return nil
	}
	measured := func(correct int, expected *float64) bool {
		if expected == nil {
			return false
		}
		others := *expected * float64(d.Measured)
		whole := math.Round(others)
		return math.Abs(others-whole) < 1e-6*max(1, whole) && whole <= float64(correct) && float64(correct)-whole <= float64(d.Samples)
	}
	for i, p := range f.Points {
		if p.Expected == nil || !measured(p.Correct, &p.Expected.Accuracy) {
			return fmt.Errorf("cascade %d has %d correct answers, which its expected accuracy on the %d samples not searched contradicts", i, p.Correct, d.Measured)
		}
	}
	for _, m := range f.Models {
		if !measured(m.Correct, m.Expected) {
			return fmt.Errorf("model %.200q has %d correct answers, which its expected accuracy on the %d samples not searched contradicts", m.Name, m.Correct, d.Measured)
		}
	}
	return nil
}

// grouped writes a number with commas between its thousands.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
