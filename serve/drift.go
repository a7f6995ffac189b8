package serve

import (
	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/internal/stats"
)

// driftLevel is the level at which drift is said: low, because somebody who looks again and
// again at what has not drifted sees p-values below any level some time.
const driftLevel = 0.001

// A Drift compares what a cascade does now with what was promised, without labels.
type Drift struct {
	Version  int         `json:"version"`
	Images   int         `json:"images"` // the last ones, which the tests are of
	Split    string      `json:"split"`  // of the promise
	Searched bool        `json:"searched,omitempty"`
	Samples  int         `json:"n"` // of the split
	Level    float64     `json:"level"`
	Drifted  bool        `json:"drifted"` // a p_holm is below the level
	Tests    []DriftTest `json:"tests"`
}

// A DriftTest compares two samples by category: the stages that images exit at, or the
// confidences of those that reach a stage.
type DriftTest struct {
	What     string `json:"what"`            // exits or confidence
	Stage    int    `json:"stage,omitempty"` // from 1, of a test of confidences
	Promised []int  `json:"promised"`
	Here     []int  `json:"here"`
	Test
	Holm float64 `json:"p_holm"` // corrected for all tests
}

// DriftOf tests the last images of an engine against what its bundle promises; nil if that
// promises nothing.
func DriftOf(b *bundle.Bundle, tally Tally) *Drift {
	p := b.Promise
	if p == nil {
		return nil
	}
	d := &Drift{Version: 1, Images: tally.Recent, Split: p.Split, Searched: p.Searched, Samples: p.Samples, Level: driftLevel, Tests: []DriftTest{}}
	exits := make([]int, len(tally.Stages))
	for i, s := range tally.Stages {
		exits[i] = s.RecentExits
	}
	d.add("exits", 0, p.Exits(), exits)
	for i, s := range b.Stages {
		if s.Histogram != nil {
			d.add("confidence", i+1, s.Histogram, tally.Stages[i].Recent[:])
		}
	}
	var single []float64
	for _, t := range d.Tests {
		single = append(single, t.P)
	}
	for i, p := range stats.Holm(single) {
		d.Tests[i].Holm = p
		d.Drifted = d.Drifted || p < d.Level
	}
	return d
}

func (d *Drift) add(what string, stage int, promised, here []int) {
	if t := test(promised, here); t != nil && !t.Exact {
		d.Tests = append(d.Tests, DriftTest{What: what, Stage: stage, Promised: promised, Here: here, Test: *t})
	}
}
