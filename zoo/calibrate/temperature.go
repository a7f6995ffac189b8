// Package calibrate makes stored probabilities reliable, by temperature scaling: the outputs p of a model become p^(1/T) / Σ p^(1/T), with one number T for
// each model, found on labelled samples (Guo, Pleiss, Sun and Weinberger, On
// Calibration of Modern Neural Networks, ICML 2017). There T divides logits; ln p is
// the logits minus a constant of the sample, which does not change softmax, so the
// stored probabilities are enough. T above 1 makes a model less confident, T below 1
// more; its answers stay.
package calibrate

import (
	"math"
	"strconv"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// Lowest and Highest bound the temperatures that Fit tries. For a model that is correct
// on all samples no temperature is the best.
const (
	Lowest  = 0.05
	Highest = 20.0
)

// patterns is the number of float16 values in [0, 1].
const patterns = outputs.OneBits + 1

// logs holds ln p of every float16 in [0, 1]. That of 0 is 0, for sums in which its
// power, 0 too, is the other factor.
var logs = func() (t [patterns]float64) {
	var bits [patterns]uint16
	var values [patterns]float32
	for h := range bits {
		bits[h] = uint16(h)
	}
	kernel.F16ToF32(values[:], bits[:])
	for h, v := range values[1:] {
		t[h+1] = math.Log(float64(v))
	}
	return t
}()

// powers is p^beta of every float16 in [0, 1]. What is 0 stays 0. In float64 no value
// of a valid row vanishes: the smallest float16 above 0 to the power 20 is 1e-144.
type powers [patterns]float64

func (p *powers) set(beta float64) {
	for h := 1; h < patterns; h++ {
		p[h] = math.Exp(beta * logs[h])
	}
}

// Fit returns the temperature, in [Lowest, Highest] and with six digits, at which the
// labels of the samples are likeliest: labels [N], rows [N*classes] of float16 bits in
// [0, 1]. A label whose probability is 0 keeps it at every temperature; its likelihood
// counts as that of the smallest float16 above 0, 2^-24, whatever the temperature, so
// such samples have no influence. If all temperatures are equally good it returns 1.
func Fit(labels, rows []uint16, classes int) float64 {
	// The mean of -ln q(label) is convex in beta = 1/T, and its derivative, the mean of
	// E_q[ln p] - ln p(label), ascends. Newton's steps find its zero; a step that
	// leaves the interval that is known to hold it is replaced by halving that.
	low, high := 1/Highest, 1/Lowest
	beta := 1.0
	var table powers
	for range 100 {
		table.set(beta)
		slope, curve := slopes(&table, labels, rows, classes)
		switch {
		case slope == 0:
			low, high = beta, beta
		case slope > 0:
			high = beta
		default:
			low = beta
		}
		next := beta - slope/curve
		if !(low < next && next < high) {
			next = math.Sqrt(low * high)
		}
		done := math.Abs(next-beta) <= 1e-10*beta
		if beta = next; done {
			break
		}
	}
	// Six digits are more than the samples determine.
	t, err := strconv.ParseFloat(Text(1/beta), 64)
	if err != nil {
		panic(err)
	}
	return t
}

// Text is a temperature as Fit rounds it and as a zoo keeps it.
func Text(temperature float64) string { return strconv.FormatFloat(temperature, 'g', 6, 64) }

// slopes returns the first and second derivative of the negative log-likelihood, summed
// over the samples, for beta, whose powers are in table.
func slopes(table *powers, labels, rows []uint16, classes int) (slope, curve float64) {
	for i, label := range labels {
		row := rows[i*classes : (i+1)*classes]
		at := row[label]
		if at == 0 {
			continue
		}
		var sum, first, second float64
		for _, h := range row {
			q, l := table[h], logs[h]
			sum += q
			first += q * l
			second += q * l * l
		}
		mean := first / sum
		slope += mean - logs[at]
		curve += second/sum - mean*mean
	}
	return slope, curve
}

// A Scaler gives outputs another temperature. It is used from one goroutine.
type Scaler struct {
	table powers
	row   []float32
}

// NewScaler returns a Scaler for a temperature above 0.
func NewScaler(temperature float64) *Scaler {
	s := new(Scaler)
	s.table.set(1 / temperature)
	return s
}

// Apply sets dst to the output row at the scaler's temperature, both float16 bits of a
// valid output. The answer stays: if rounding makes another class as likely as the
// largest, the latter is raised by the last bit.
func (s *Scaler) Apply(dst, row []uint16) error {
	if cap(s.row) < len(row) {
		s.row = make([]float32, len(row))
	}
	scaled := s.row[:len(row)]
	var sum float64
	for _, h := range row {
		sum += s.table[h]
	}
	for c, h := range row {
		scaled[c] = float32(s.table[h] / sum)
	}
	top := outputs.Top(row)
	if err := outputs.RoundRow(dst, scaled); err != nil {
		return err
	}
	if outputs.Top(dst) != top {
		dst[top]++
	}
	return nil
}
