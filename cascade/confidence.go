package cascade

import (
	"math"
	"slices"
)

// A Confidence is the measure that thresholds of a cascade are compared with. All
// measures are in [0, 1] and taken of what the rule makes of the outputs so far.
type Confidence uint8

const (
	// MaxProbability is the largest value of the mean, as in the publication; with rule
	// vote the answer's share of the votes.
	MaxProbability Confidence = iota
	// Margin is the largest value minus the second largest.
	Margin
	// Entropy is 1 - H/ln C with H the entropy of the mean over the C classes: 0
	// if all are equal, 1 if one has everything. It is rounded down to a multiple
	// of 2^-24.
	Entropy
)

var confidenceNames = [...]string{"max", "margin", "entropy"}

// Confidences returns the names of the measures.
func Confidences() []string { return slices.Clone(confidenceNames[:]) }

// String returns the name of the measure in flags and files.
func (c Confidence) String() string { return name(confidenceNames[:], int(c), "confidence") }

// MarshalText writes the name of the measure.
func (c Confidence) MarshalText() ([]byte, error) {
	return marshalName(confidenceNames[:], int(c), "confidence")
}

// UnmarshalText is the inverse of MarshalText.
func (c *Confidence) UnmarshalText(text []byte) error {
	n, err := parseName(confidenceNames[:], string(text), "confidence")
	*c = Confidence(n)
	return err
}

// Of measures the sums of outputs of a total weight, in fixed point and in descending
// order. others more classes share the rest of the weight; with none the sums are
// complete. The result is in fixed point, times the weight.
func (c Confidence) Of(sums []uint32, weight uint32, others int) uint32 {
	switch c {
	case Margin:
		if len(sums) == 1 {
			return sums[0]
		}
		return sums[0] - sums[1]
	case Entropy:
		return entropyConfidence(sums, weight, others)
	}
	return sums[0]
}

func entropyConfidence(sums []uint32, weight uint32, others int) uint32 {
	classes := float64(len(sums) + others)
	total := 0.0
	for _, s := range sums {
		total += float64(s)
	}
	left := float64(weight)*one - total
	if others == 0 || left < 0 {
		left = 0
	}
	total += left
	entropy := 0.0
	for _, s := range sums {
		if s > 0 {
			p := float64(s) / total
			entropy -= float64(p * math.Log(p))
		}
	}
	if left > 0 {
		p := left / total
		entropy -= float64(p * math.Log(p/float64(others)))
	}
	if classes == 1 {
		return weight * one
	}
	return uint32(max(0, 1-entropy/math.Log(classes))*one) * weight
}

// dense measures sums over all classes, for the dense forms; buffer is room
// for as many values.
func (c Confidence) dense(sums []uint32, weight uint32, buffer []uint32) uint32 {
	copy(buffer, sums)
	slices.Sort(buffer)
	slices.Reverse(buffer)
	return c.Of(buffer, weight, 0)
}
