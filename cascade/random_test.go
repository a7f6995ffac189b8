package cascade

import (
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// newDense makes outputs of models m0, m1, ... of rising skill on random samples.
func newDense(t testing.TB, seed uint64, models, samples, classes int) *Dense {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	d := &Dense{Classes: classes, Labels: make([]uint16, samples), Costs: map[string]float64{}, Outputs: map[string][]float32{}}
	for i := range d.Labels {
		d.Labels[i] = uint16(rng.IntN(classes))
	}
	for m := range models {
		outputs, bits := make([]float32, samples*classes), make([]uint16, samples*classes)
		for i, label := range d.Labels {
			row, sum := outputs[i*classes:(i+1)*classes], 0.0
			for c := range row {
				logit := rng.NormFloat64()
				if c == int(label) {
					logit += 2 + 3*float64(m)/float64(models) + 2*rng.NormFloat64()
				}
				row[c] = float32(math.Exp(logit))
				sum += float64(row[c])
			}
			for c := range row {
				row[c] /= float32(sum)
			}
		}
		kernel.F16FromF32(bits, outputs)
		kernel.F16ToF32(outputs, bits)
		d.Outputs["m"+strconv.Itoa(m)] = outputs
		d.Costs["m"+strconv.Itoa(m)] = math.Ldexp(1+rng.Float64(), m)
	}
	return d
}

// randomCascades draws cascades over the models m0 to m(models-1), repeats included.
func randomCascades(rng *rand.Rand, n, models, stages int) []Cascade {
	var cascades []Cascade
	for range n {
		c := Cascade{Rule: Rule(rng.IntN(3)), Confidence: Confidence(rng.IntN(3))}
		weighted := rng.IntN(2) == 0
		for range 1 + rng.IntN(stages) {
			s := Stage{Model: "m" + strconv.Itoa(rng.IntN(models)), Weight: 1, Threshold: float32(rng.IntN(51)) * 0.02}
			if weighted {
				s.Weight = 1 + rng.IntN(5)
			}
			c.Stages = append(c.Stages, s)
		}
		cascades = append(cascades, c)
	}
	return cascades
}

// memoryRows serves float16 rows a few at a time.
type memoryRows struct {
	rows    []uint16
	classes int
}

func (m *memoryRows) ReadRows(dst []uint16) (int, error) {
	if len(m.rows) == 0 {
		return 0, io.EOF
	}
	n := copy(dst[:min(len(dst), 7*m.classes)], m.rows)
	m.rows = m.rows[n:]
	return n / m.classes, nil
}

// split serves the outputs of d as stored rows, some of each model's missing.
func (d *Dense) split(missing int) *Split {
	return &Split{Labels: d.Labels, Classes: d.Classes, Costs: d.Costs, Open: func(model string) (Rows, error) {
		bits := make([]uint16, len(d.Outputs[model]))
		kernel.F16FromF32(bits, d.Outputs[model])
		return &memoryRows{bits[:len(bits)-missing*d.Classes], d.Classes}, nil
	}}
}

// withLists gives the split each model's k largest outputs.
func (d *Dense) withLists(s *Split, k int) *Split {
	lists := map[string]*kernel.Lists{}
	for model, outputs := range d.Outputs {
		bits := make([]uint16, len(outputs))
		kernel.F16FromF32(bits, outputs)
		n := len(d.Labels)
		l := &kernel.Lists{K: k, Classes: make([]uint16, n*k), Values: make([]uint16, n*k)}
		for i := range n {
			kernel.TopK(l.Classes[i*k:(i+1)*k], l.Values[i*k:(i+1)*k], bits[i*d.Classes:(i+1)*d.Classes])
		}
		lists[model] = l
	}
	s.Lists = func(model string) *kernel.Lists { return lists[model] }
	return s
}
