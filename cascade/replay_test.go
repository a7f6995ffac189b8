package cascade

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

func TestReplayEqualsDense(t *testing.T) {
	t.Parallel()
	d := newDense(t, 8, 7, 150, 33)
	cascades := randomCascades(rand.New(rand.NewPCG(8, 8)), 200, 7, 6)
	for _, s := range []*Split{d.split(0), d.withLists(d.split(0), 16)} {
		got, err := s.Evaluate(context.Background(), cascades)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range cascades {
			want, err := d.Evaluate(c)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got[i], want) {
				t.Errorf("%v: %+v, by the definition %+v", c, got[i], want)
			}
		}
		details, err := s.Detail(context.Background(), cascades, nil)
		if err != nil {
			t.Fatal(err)
		}
		for c := range cascades {
			// One sample alone is correct exactly if it is a hit.
			for i, hit := range details[c].Hits {
				one := Dense{Classes: d.Classes, Labels: d.Labels[i : i+1], Costs: d.Costs, Outputs: map[string][]float32{}}
				for model, outputs := range d.Outputs {
					one.Outputs[model] = outputs[i*d.Classes : (i+1)*d.Classes]
				}
				if e, err := one.Evaluate(cascades[c]); err != nil || (e.Correct == 1) != hit {
					t.Errorf("%v, sample %d: hit %v, by the definition %d correct, %v", cascades[c], i, hit, e.Correct, err)
				}
			}
		}
	}
	if _, err := d.split(2).Evaluate(context.Background(), cascades); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("two rows missing: error %v", err)
	}
	if _, err := d.split(0).Evaluate(context.Background(), []Cascade{Single("m9")}); err == nil || !strings.Contains(err.Error(), `no model named "m9"`) {
		t.Errorf("an unknown model: error %v", err)
	}
}
