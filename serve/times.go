package serve

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"
)

// timed are the runs of batches of one size: their number and the least time that one took,
// which other work on the machine disturbs least.
type timed struct {
	n     int
	least time.Duration
}

func (t timed) and(took time.Duration) timed {
	if t.n == 0 || took < t.least {
		t.least = max(took, 1) // a clock may be coarser than a batch is long
	}
	t.n++
	return t
}

// A StageTime models how long a stage takes for a batch of n images: Fixed + n*Each, for the
// model alone, without decoding and cropping.
type StageTime struct {
	Fixed time.Duration
	Each  time.Duration
	// Error is the largest difference of a batch size's time from the model, as a part of that
	// time; -1 if only one size was run, which Fixed is then 0 for.
	Error float64
}

// Times fits the model to what was measured, by least squares over the sizes of batches,
// each weighted by the inverse square of its time, so that relative errors count.
func (t *StageTally) Times() StageTime {
	sizes := slices.SortedFunc(maps.Keys(t.runs), cmp.Compare)
	if len(sizes) == 0 {
		return StageTime{Error: -1}
	}
	if len(sizes) == 1 {
		n := sizes[0]
		return StageTime{Each: t.runs[n].least / time.Duration(n), Error: -1}
	}
	var w, x, y, xx, xy float64
	for _, n := range sizes {
		seconds := t.runs[n].least.Seconds()
		weight := 1 / (seconds * seconds)
		w += weight
		x += weight * float64(n)
		y += weight * seconds
		xx += weight * float64(n) * float64(n)
		xy += weight * float64(n) * seconds
	}
	each := (w*xy - x*y) / (w*xx - x*x)
	fixed := (y - each*x) / w
	if fixed < 0 { // a large batch that is slower than its images one by one
		fixed, each = 0, xy/xx
	}
	worst := 0.0
	for _, n := range sizes {
		seconds := t.runs[n].least.Seconds()
		worst = max(worst, math.Abs(fixed+each*float64(n)-seconds)/seconds)
	}
	return StageTime{seconds(fixed), seconds(each), worst}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// quantile is the q-quantile of durations, which it sorts: the least of which a part q is not
// longer.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(int(math.Ceil(q*float64(len(all))))-1, len(all)-1)]
}
