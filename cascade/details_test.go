package cascade

import (
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// details says by the definition what a cascade does.
func (d *Dense) details(c Cascade) Details {
	out := Details{Stages: make([]StageDetails, len(c.Stages)), Hits: make([]bool, len(d.Labels)), Classes: make([]int, d.Classes)}
	for i, label := range d.Labels {
		sum := make([]float64, d.Classes)
		weight, before := 0.0, false
		for stage, at := range c.Stages {
			w := float64(at.Weight)
			if c.Rule == RuleLast {
				clear(sum)
				weight, w = 0, 1
			}
			weight += w
			d.add(sum, w, at.Model, i, c.Rule)
			prediction, top := largest(sum)
			confidence := top
			if c.Confidence != MaxProbability {
				confidence = d.measure(c.Confidence, sum, weight)
			}
			s := &out.Stages[stage]
			right := prediction == int(label)
			bin := &s.Reliability[min(int(math.Floor(10*top/weight)), 9)]
			bin.Samples++
			bin.Confidence += top / weight // the sum for now
			if right {
				bin.Correct++
			}
			if stage > 0 && right && !before {
				s.Repaired++
			}
			if stage > 0 && !right && before {
				s.Broken++
			}
			before = right
			if stage == len(c.Stages)-1 || confidence > weight*float64(at.Threshold) {
				s.Exits++
				if right {
					s.Correct++
					out.Hits[i] = true
					out.Classes[label]++
				}
				break
			}
		}
	}
	for s := range out.Stages {
		for b := range out.Stages[s].Reliability {
			if bin := &out.Stages[s].Reliability[b]; bin.Samples > 0 {
				bin.Confidence /= float64(bin.Samples)
			}
		}
	}
	return out
}

func TestDetailEqualsDense(t *testing.T) {
	t.Parallel()
	d := newDense(t, 9, 6, 180, 12)
	rng := rand.New(rand.NewPCG(5, 6))
	cascades := randomCascades(rng, 80, 6, 5)
	rivals := make([]int, len(cascades))
	for i := range rivals {
		rivals[i] = rng.IntN(len(cascades)+1) - 1
	}
	got, err := d.split(0).Detail(context.Background(), cascades, rivals)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cascades {
		want := d.details(c)
		if want.Evaluation, err = d.Evaluate(c); err != nil {
			t.Fatal(err)
		}
		if rival := rivals[i]; rival >= 0 {
			for sample, hit := range got[i].Hits {
				if hit && !got[rival].Hits[sample] {
					want.OnlyThis++
				} else if !hit && got[rival].Hits[sample] {
					want.OnlyRival++
				}
			}
		}
		changes, first := 0, 0
		for s, stage := range got[i].Stages {
			changes += stage.Repaired - stage.Broken
			for b := range stage.Reliability {
				mean := &got[i].Stages[s].Reliability[b].Confidence
				if w := want.Stages[s].Reliability[b].Confidence; math.Abs(*mean-w) < 1e-12 {
					*mean = w // the definition's sum is rounded
				}
				if s == 0 {
					first += stage.Reliability[b].Correct
				}
			}
		}
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("%+v: %+v, by the definition %+v", c, got[i], want)
		}
		if first+changes != got[i].Correct {
			t.Errorf("%+v: %d right at first and %+d after make %d", c, first, changes, got[i].Correct)
		}
	}
	if _, err := d.split(2).Detail(context.Background(), cascades, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("two rows missing: error %v", err)
	}
	if _, err := d.split(0).Detail(context.Background(), []Cascade{{}}, nil); err == nil {
		t.Error("no error for a cascade without models")
	}
}
