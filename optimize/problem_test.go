package optimize

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// newZoo makes models of growing cost and accuracy that share the difficulty of
// samples, as a problem and as the full outputs behind it.
func newZoo(t testing.TB, seed uint64, models, samples, classes int) (*Problem, *Dense) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	d := &Dense{Classes: classes, Labels: make([]uint16, samples)}
	easy := make([]float64, samples)
	confused := make([]int, samples)
	for i := range d.Labels {
		d.Labels[i] = uint16(rng.IntN(classes))
		easy[i] = 2 + 2*rng.NormFloat64()
		confused[i] = rng.IntN(classes)
	}
	var list []Model
	for m := range models {
		rows := make([]uint16, samples*classes)
		outputs := make([]float32, samples*classes)
		skill := 3 * float64(m) / float64(models)
		for i, label := range d.Labels {
			row := outputs[i*classes : (i+1)*classes]
			sum := 0.0
			for c := range row {
				logit := rng.NormFloat64()
				if c == int(label) {
					logit += easy[i] + skill
				}
				if c == confused[i] {
					logit += 2
				}
				row[c] = float32(math.Exp(logit))
				sum += float64(row[c])
			}
			for c := range row {
				row[c] /= float32(sum)
			}
		}
		kernel.F16FromF32(rows, outputs)
		kernel.F16ToF32(outputs, rows)
		d.Outputs = append(d.Outputs, outputs)
		d.Costs = append(d.Costs, math.Ldexp(1+rng.Float64(), m))
		list = append(list, Model{Name: "m" + strconv.Itoa(m), Cost: d.Costs[m], Params: float64(1 + m*m), Lists: zoo.BuildLists(rows, classes)})
	}
	p, err := NewProblem(d.Labels, classes, list)
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}
