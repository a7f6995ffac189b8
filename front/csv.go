package front

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// WriteCSV writes the front as a table, one cascade a row. Models and thresholds are
// separated by semicolons; models have the text form of [cascade.Cascade.Members].
// Thresholds parse to the same float32.
func (f *Front) WriteCSV(w io.Writer) error {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	out := csv.NewWriter(w)
	out.Write([]string{"correct", "n", "accuracy", f.Cost, "worst_" + f.Cost, "models", "thresholds", "expected", "expected_low", "expected_high"})
	for _, p := range f.Points {
		var thresholds []string
		for _, s := range p.Stages[:len(p.Stages)-1] {
			thresholds = append(thresholds, cascade.FormatThreshold(s.Threshold))
		}
		var expected [3]string // empty if unknown
		if x := p.Expected; x != nil {
			expected = [3]string{number(x.Accuracy), number(x.Interval[0]), number(x.Interval[1])}
		}
		out.Write([]string{
			strconv.Itoa(p.Correct), strconv.Itoa(p.Samples), number(p.Accuracy()), number(p.Cost), number(p.WorstCost),
			strings.Join(p.Members(";"), ";"), strings.Join(thresholds, ";"),
			expected[0], expected[1], expected[2],
		})
	}
	out.Flush()
	return out.Error()
}
