package zoo

import "github.com/encas-zoo/encas-zoo/internal/outputs"

const (
	// MaxClasses is the largest number of classes of a zoo: class numbers are uint16
	// and NoClass is not one.
	MaxClasses = outputs.MaxClasses
	// NoClass pads lists of fewer than K classes.
	NoClass = outputs.NoClass
)

// Lists are the outputs of one model on N samples, each cut down to its K largest
// classes and one value for the rest. The slices must not be changed.
type Lists = outputs.Lists

// BuildLists makes the lists of outputs in memory. rows holds [N*classes] valid
// float16 bits.
func BuildLists(rows []uint16, classes int) Lists { return outputs.BuildLists(rows, classes) }

// RoundRow rounds one output, the probability of every class, to float16 bits, as
// [ModelWriter.WriteRow] and [BuildLists] take them. The error names the value that is
// not a probability, or the sum if it is not 1. dst is as long as probabilities.
func RoundRow(dst []uint16, probabilities []float32) error {
	return outputs.RoundRow(dst, probabilities)
}
