package classifier

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// An Activation is what is still to be done with a model's outputs to make them
// probabilities.
type Activation string

// The activations of a list. An empty one is found out from the first batch.
const (
	Softmax Activation = "softmax" // they are logits
	None    Activation = "none"    // they are probabilities
	Log     Activation = "log"     // they are logarithms of probabilities
	// Sigmoid: each class has a yes or no of its own. Outputs in [0, 1] are taken as the
	// probabilities of yes, others go through a sigmoid; then a row is divided by its sum.
	Sigmoid Activation = "sigmoid"
)

// Normalized is Sigmoid for outputs that have been through it.
const Normalized Activation = "sigmoid, applied by the model"

// ParseActivation reads softmax, sigmoid, none or log.
func ParseActivation(s string) (Activation, error) {
	if a := Activation(s); slices.Contains([]Activation{Softmax, Sigmoid, None, Log}, a) {
		return a, nil
	}
	return "", fmt.Errorf("want softmax, sigmoid, none or log")
}

// Column is what the zoo keeps of an activation: nothing of softmax.
func (a Activation) Column() string {
	if a == Softmax {
		return ""
	}
	return string(a.InList())
}

// InList is the activation as a list writes it.
func (a Activation) InList() Activation {
	if a == Normalized {
		return Sigmoid
	}
	return a
}

// known reports whether it is one of these.
func (a Activation) known() bool {
	return slices.Contains([]Activation{Softmax, Sigmoid, None, Log, Normalized}, a)
}

// Errors of outputs that contradict an activation, to compare with errors.Is.
var (
	ErrNoProbability = errors.New("which is no probability")
	ErrSum           = errors.New("and not to 1")
)

// SumTolerance is how far the sum of probabilities may be from 1.
const SumTolerance = 1e-2

// Apply turns one row of outputs into probabilities, in place. The error says
// what contradicts the activation.
func (a Activation) Apply(row []float32) error {
	sum := 0.0
	for i, v := range row {
		switch {
		case a == Log:
			row[i] = float32(math.Exp(float64(v)))
		case a == Sigmoid:
			row[i] = float32(1 / (1 + math.Exp(-float64(v))))
		case v < 0 || v > 1:
			return fmt.Errorf("its output for class %d is %v, %w", i, v, ErrNoProbability)
		}
		sum += float64(row[i])
	}
	if (a == None || a == Log) && math.Abs(sum-1) > SumTolerance {
		return fmt.Errorf("its probabilities sum to %.4g %w", sum, ErrSum)
	}
	if !(sum > 0) {
		return errors.New("its probabilities are all 0")
	}
	for i := range row {
		row[i] = float32(float64(row[i]) / sum)
	}
	return nil
}
