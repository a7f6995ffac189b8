package optimize

import (
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// firstLargest returns the class of the largest value, the lowest such class on a tie,
// and the value.
func firstLargest(values []float64) (class int, value float64) {
	for c, v := range values {
		if v > values[class] {
			class = c
		}
	}
	return class, values[class]
}

// rowsOf serves a zoo's full outputs, some rows of each model missing.
func rowsOf(d *cascade.Dense, missing int) func(model string) (cascade.Rows, error) {
	return func(model string) (cascade.Rows, error) {
		bits := make([]uint16, len(d.Outputs[model]))
		kernel.F16FromF32(bits, d.Outputs[model])
		return &memoryRows{bits[:len(bits)-missing*d.Classes], d.Classes}, nil
	}
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

// modelName is the name of the m-th model of a test's zoo.
func modelName(m int) string { return "m" + strconv.Itoa(m) }

// names reports whether a cascade has a model.
func names(p front.Point, model string) bool {
	return slices.ContainsFunc(p.Stages, func(s cascade.Stage) bool { return s.Model == model })
}

// bothRules lets cascades of either rule into one front.
var bothRules = []cascade.Rule{cascade.RuleMean, cascade.RuleLast}

// newZoo makes models of growing cost and accuracy that share the difficulty of
// samples, as a problem and as the full outputs behind it.
func newZoo(t testing.TB, seed uint64, models, samples, classes int) (*Problem, *cascade.Dense) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	d := &cascade.Dense{Classes: classes, Labels: make([]uint16, samples), Costs: map[string]float64{}, Outputs: map[string][]float32{}}
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
		floats := make([]float32, samples*classes)
		skill := 3 * float64(m) / float64(models)
		for i, label := range d.Labels {
			row := floats[i*classes : (i+1)*classes]
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
		kernel.F16FromF32(rows, floats)
		kernel.F16ToF32(floats, rows)
		name := modelName(m)
		d.Outputs[name] = floats
		d.Costs[name] = math.Ldexp(1+rng.Float64(), m)
		list = append(list, Model{Name: name, Cost: d.Costs[name], Params: float64(1 + m*m), Lists: outputs.BuildLists(rows, classes)})
	}
	p, err := NewProblem(d.Labels, classes, list)
	if err != nil {
		t.Fatal(err)
	}
	return p, d
}

// Sample by sample a cascade does what it does on the problem of that sample alone.
func TestTrace(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 3, 60, 5)
	for _, text := range []string{"m0", "m0@0.5,m1", "m0@0.6,m1*2@0.8,m2", "last:m2@0.7,m0", "margin:m1@0.3,m0"} {
		c, err := cascade.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		stages, correct, err := p.Trace(c)
		if err != nil {
			t.Fatal(err)
		}
		for i := range stages {
			e, err := p.Subset([]int{i}).Evaluate(c)
			if err != nil {
				t.Fatal(err)
			}
			reached := 0
			for _, n := range e.Reach {
				reached += n
			}
			if reached != stages[i]+1 || (e.Correct == 1) != correct[i] {
				t.Errorf("%s, sample %d: stage %d, correct %v; alone %+v", text, i, stages[i], correct[i], e)
			}
		}
	}
	if _, _, err := p.Trace(cascade.Single("nobody")); err == nil {
		t.Error("no error for an unknown model")
	}
}
