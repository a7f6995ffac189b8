package importer

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// An Activation is what makes probabilities of a model's outputs.
type Activation string

// The activations that an import can apply.
const (
	Unsaid        Activation = ""        // the outputs are probabilities, or percents
	NoActivation  Activation = "none"    // they are probabilities
	Softmax       Activation = "softmax" // they are logits
	Sigmoid       Activation = "sigmoid" // of a head with one sigmoid a class, before it or after it; rows are then divided by their sum
	LogActivation Activation = "log"     // they are logarithms of probabilities

	// independent is Sigmoid where it was applied already.
	independent Activation = "independent"
)

// Activations are the values of the option.
func Activations() []string {
	return []string{string(Softmax), string(Sigmoid), string(NoActivation), string(LogActivation)}
}

// activation is the one that was asked for.
func (o OpenOptions) activation() (Activation, error) {
	said := Activation(o.Activation)
	switch {
	case said != Unsaid && !slices.Contains(Activations(), string(said)):
		return "", fmt.Errorf("unknown activation %q: use one of %s", said, strings.Join(Activations(), ", "))
	case o.Logits && said != Unsaid && said != Softmax:
		return "", fmt.Errorf("--logits is the activation softmax, and %s is another: leave one of them out", said)
	case o.Logits:
		said = Softmax
	}
	return said, nil
}

// A look is what the rows of a model look like, all of them.
type look struct {
	rows     int
	width    int
	unit     int     // rows with all values in [0, 1]
	one      int     // rows of these that sum to 1
	positive int     // rows without a negative value
	logs     int     // rows that are logarithms of probabilities
	hundred  int     // rows of values in [0, 100] that sum to 100
	nearly   int     // rows of these that would but for values rounded to whole numbers
	sum      float64 // of the first row
	same     int     // rows with about this sum
	low      float64
	high     float64
}

// see looks at a row.
func (l *look) see(v []float64) {
	low, high, sum, exps := math.Inf(1), math.Inf(-1), 0.0, 0.0
	for _, x := range v {
		low, high = min(low, x), max(high, x)
		sum += x
		exps += math.Exp(x)
	}
	if len(v) == 1 {
		// The other class has the rest.
		sum = 1
		if high <= 0 {
			exps = 2 // nothing is known of a sum
		}
	}
	if l.rows == 0 {
		l.sum, l.low, l.high, l.width = sum, low, high, len(v)
	}
	l.low, l.high = min(l.low, low), max(l.high, high)
	inUnit := low >= -1e-6 && high <= 1+1e-3
	if inUnit {
		l.unit++
	}
	if inUnit && math.Abs(sum-1) <= sumTolerance {
		l.one++
	}
	if low >= 0 {
		l.positive++
	}
	if low >= 0 && high <= 100*(1+sumTolerance) {
		off := math.Abs(sum - 100)
		if off <= 100*sumTolerance {
			l.hundred++
		}
		if off <= max(1, min(0.5*float64(len(v)), 20)) {
			l.nearly++
		}
	}
	if high <= 1e-6 && math.Abs(exps-1) <= sumTolerance {
		l.logs++
	}
	if math.Abs(sum-l.sum) <= sumTolerance*math.Abs(l.sum) {
		l.same++
	}
	l.rows++
}

// kinds of outputs.
type outputKind int

const (
	probabilities outputKind = iota
	mostly                   // probabilities but for some rows
	percents
	rounded // percents, rounded so that some do not sum to 100
	percent // a value a sample that may be the percents of class 1
	votes   // without a negative value, all rows with the same sum
	heads   // each value in [0, 1]
	logs    // of probabilities
	unknown // logits, or anything
)

// kind is what all rows look like.
func (l *look) kind() outputKind {
	switch {
	case l.one == l.rows:
		return probabilities
	case l.logs == l.rows:
		return logs
	case l.width == 1 && l.positive == l.rows && l.high > 2 && l.high <= 100*(1+sumTolerance):
		return percent
	case 2*l.one >= l.rows:
		return mostly
	case l.width > 1 && l.hundred == l.rows:
		return percents
	case l.width > 1 && l.nearly == l.rows:
		return rounded
	case l.width > 1 && l.positive == l.rows && l.same == l.rows && l.sum > 1+sumTolerance:
		return votes
	case l.unit == l.rows:
		return heads
	}
	return unknown
}

// What to do with values that no option is for.
const (
	divideRows      = "divide each row by its sum and save it again: array / array.sum(1, keepdims=True)"
	divideByHundred = "divide them by 100 and save them again: array / 100"
)

// percents says what to do with percents that were rounded.
func (l *look) percents() string {
	return "the rows are percents, rounded (each sums to 100, but for the rounding): " + divideRows
}

// percent says what to do with one value a sample, none of them below 0. As logits they
// would make all samples class 1.
func (l *look) percent() string {
	return fmt.Sprintf("the values are from %.4g to %.4g, none below 0, and look like percents of class 1: %s", l.low, l.high, divideByHundred)
}

// use decides what an activation makes of rows that look like this: with which
// activation and scale they are converted, what to note, or why they are refused, which is an
// unlikeError.
func (l *look) use(said Activation) (apply Activation, scale float64, note string, err error) {
	kind := l.kind()
	refuse := func(what string) (Activation, float64, string, error) {
		return "", 0, "", &unlikeError{text: what}
	}
	advise := func(what string) (Activation, float64, string, error) {
		return "", 0, "", &unlikeError{text: what, option: true}
	}
	leave := fmt.Sprintf("leave out --activation %s", said)
	if said == Softmax {
		leave = "leave out --logits (or --activation softmax)"
	}
	if said != Unsaid && said != NoActivation {
		switch kind {
		case rounded:
			return advise(l.percents() + "; and " + leave)
		case percent:
			return advise(l.percent() + "; and " + leave)
		}
	}
	switch said {
	case Unsaid, NoActivation:
		switch kind {
		case percents:
			if said == Unsaid {
				return said, 100, "percents, divided by 100", nil
			}
			return advise("the rows are percents (each sums to 100): leave out --activation none")
		case rounded:
			return refuse(l.percents())
		case percent:
			return refuse(l.percent())
		case logs:
			return advise("the rows are logarithms of probabilities: import with --activation log")
		case votes:
			return refuse(fmt.Sprintf("all rows sum to %.6g instead of 1 (votes, or counts?): %s", l.sum, divideRows))
		case heads:
			return advise("all values are in [0, 1], but the rows do not sum to 1: if each class has a sigmoid of its own, import with --activation sigmoid; else " + divideRows)
		case mostly:
			return refuse(fmt.Sprintf("%d of the %d rows are probabilities: %s", l.one, l.rows, fixOutput))
		case unknown:
			what := fmt.Sprintf("rows must be probabilities, but the values are from %.4g to %.4g", l.low, l.high)
			switch {
			case l.width > 1 && 2*l.nearly >= l.rows:
				return refuse(fmt.Sprintf("%d of the %d rows are percents: %s", l.nearly, l.rows, fixOutput))
			case l.positive == l.rows:
				what += ", none below 0: if each class has percents of its own, " + divideByHundred + ", and import with --activation sigmoid"
			}
			return advise(what + "; if these are logits, import with --logits")
		}
		return said, 0, "", nil
	case Softmax:
		switch kind {
		case probabilities, mostly:
			return advise("the rows are probabilities already (in [0, 1], with the sum 1), to which softmax must not be applied again: " + leave)
		case percents:
			return advise("the rows are percents (each sums to 100), not logits: " + leave)
		case votes:
			return advise(fmt.Sprintf("the rows are no logits: none is negative, and all sum to %.6g; %s, and %s", l.sum, leave, divideRows))
		case heads:
			return advise("all values are in [0, 1], as a sigmoid gives them, and are no logits: import with --activation sigmoid; if they are logits all the same, such as similarities, multiply them by the model's scale first")
		}
		return said, 0, "", nil // softmax of logarithms of probabilities gives these
	case Sigmoid:
		switch kind {
		case probabilities, mostly:
			if l.width == 1 {
				return NoActivation, 0, "", nil
			}
			return advise("the rows are probabilities already (in [0, 1], with the sum 1): " + leave)
		case percents:
			return advise("the rows are percents (each sums to 100): " + leave)
		case votes:
			return advise(fmt.Sprintf("all rows sum to %.6g: %s, and %s", l.sum, leave, divideRows))
		case logs:
			return advise("the rows are logarithms of probabilities: import with --activation log")
		case heads:
			return independent, 0, "outputs of sigmoids, each row divided by its sum", nil
		}
		return said, 0, "sigmoid applied, each row divided by its sum", nil
	}
	switch kind {
	case logs:
		return said, 0, "", nil
	case probabilities, mostly:
		return advise("the rows are probabilities already (in [0, 1], with the sum 1): leave out --activation log")
	case percents:
		return advise("the rows are percents (each sums to 100): leave out --activation log")
	case heads:
		return advise("all values are in [0, 1]: they are no logarithms of probabilities; if each class has a sigmoid of its own, import with --activation sigmoid")
	}
	if l.width == 1 && l.high <= 1e-6 {
		return said, 0, "", nil
	}
	return advise(fmt.Sprintf("the values are from %.6g to %.6g: exp of row 0 does not sum to 1, so they are no logarithms of probabilities; if these are logits, import with --logits", l.low, l.high))
}
