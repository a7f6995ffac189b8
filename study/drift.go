package study

import (
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/stats"
)

// A Drift tests whether samples exit a cascade at other stages than those that it was
// chosen on. It needs no labels.
type Drift struct {
	ChiSquare float64 `json:"chi_square"`
	Freedom   int     `json:"freedom"` // degrees
	P         float64 `json:"p"`       // of a single test
	Holm      float64 `json:"p_holm"`  // corrected for those of the whole front
}

// Significant reports whether they do at the 5 % level, of the whole front.
func (d *Drift) Significant() bool { return d.Holm < 1-confidenceLevel }

// addDrift tests the cascades of a front against their results where they were chosen.
// There is nothing to test on the same samples, nor if all exit at one stage.
func (e *Evaluation) addDrift() {
	if e.Searched != nil && e.Searched.All() {
		return
	}
	var single []float64
	for i := range e.Cascades {
		h := stats.SameShares(exits(e.Before[i]), exits(e.Cascades[i].Point))
		if h.Freedom > 0 {
			e.Cascades[i].Drift = &Drift{ChiSquare: h.ChiSquare, Freedom: h.Freedom, P: h.P}
			single = append(single, h.P)
		}
	}
	adjusted := stats.Holm(single)
	for _, c := range e.Cascades {
		if c.Drift != nil {
			c.Drift.Holm, adjusted = adjusted[0], adjusted[1:]
		}
	}
}

// exits returns how many samples each stage of a point answers.
func exits(p front.Point) []int {
	exits := make([]int, len(p.Reach))
	for stage, n := range p.Reach {
		exits[stage] = n
		if stage > 0 {
			exits[stage-1] -= n
		}
	}
	return exits
}

// DriftSummary summarizes the tests of all cascades for drift.
type DriftSummary struct {
	Tested, Drifted int // cascades
	Most            int // the index of the one that shows it most clearly; -1 if none is tested
}

// Drift summarizes the tests of all cascades for drift.
func (e *Evaluation) Drift() DriftSummary {
	s := DriftSummary{Most: -1}
	for i, c := range e.Cascades {
		if c.Drift == nil {
			continue
		}
		s.Tested++
		if c.Drift.Significant() {
			s.Drifted++
		}
		if s.Most < 0 || c.Drift.P < e.Cascades[s.Most].Drift.P {
			s.Most = i
		}
	}
	return s
}
