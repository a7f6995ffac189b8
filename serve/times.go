package serve

import (
	"maps"
	"time"
)

// timed are the runs of a batch of one size: their number and the least that one took,
// which other work on the machine disturbs least.
type timed struct {
	n     int
	least time.Duration
}

func (t timed) and(took time.Duration) timed {
	if t.n == 0 || took < t.least {
		t.least = took
	}
	t.n++
	return t
}

func cloned(runs map[int]timed) map[int]timed { return maps.Clone(runs) }
