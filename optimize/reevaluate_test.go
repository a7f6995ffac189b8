package optimize

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

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

func rowsOf(d *Dense, missing int) func(model int) (Rows, error) {
	return func(model int) (Rows, error) {
		bits := make([]uint16, len(d.Outputs[model]))
		kernel.F16FromF32(bits, d.Outputs[model])
		return &memoryRows{bits[:len(bits)-missing*d.Classes], d.Classes}, nil
	}
}

func TestReevaluateEqualsDense(t *testing.T) {
	_, d := newZoo(t, 8, 7, 150, 33)
	rng := rand.New(rand.NewPCG(8, 8))
	var cascades []Cascade
	for range 200 {
		c := Cascade{Rule: Rule(rng.IntN(2)), Confidence: Confidence(rng.IntN(3))}
		weighted := rng.IntN(2) == 0
		for stage := range 1 + rng.IntN(6) {
			c.Models = append(c.Models, rng.IntN(len(d.Outputs))) // repeats, too
			if weighted {
				c.Weights = append(c.Weights, uint8(1+rng.IntN(5)))
			}
			if stage > 0 {
				c.Thresholds = append(c.Thresholds, float32(rng.IntN(51))*0.02)
			}
		}
		cascades = append(cascades, c)
	}
	got, err := Reevaluate(context.Background(), d.Labels, d.Classes, d.Costs, cascades, rowsOf(d, 0))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cascades {
		want, err := d.Evaluate(c)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("%+v: %+v, by the definition %+v", c, got[i], want)
		}
	}
	hits, err := Hits(context.Background(), d.Labels, d.Classes, len(d.Outputs), cascades, rowsOf(d, 0))
	if err != nil {
		t.Fatal(err)
	}
	for c := range cascades {
		// One sample alone is right exactly where it is a hit.
		for i, hit := range hits[c] {
			one := Dense{Classes: d.Classes, Labels: d.Labels[i : i+1], Costs: d.Costs}
			for _, outputs := range d.Outputs {
				one.Outputs = append(one.Outputs, outputs[i*d.Classes:(i+1)*d.Classes])
			}
			if e, err := one.Evaluate(cascades[c]); err != nil || (e.Correct == 1) != hit {
				t.Errorf("%+v, sample %d: hit %v, by the definition %d right, %v", cascades[c], i, hit, e.Correct, err)
			}
		}
	}
	if _, err := Reevaluate(context.Background(), d.Labels, d.Classes, d.Costs, cascades, rowsOf(d, 2)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("two rows missing: error %v", err)
	}
}
