package optimize

import (
	"context"
	"fmt"
	"runtime"
)

// Hits tells of every cascade which samples it answers right, by sample: what
// comparisons of two cascades on the same samples are made of. It reads full outputs
// as [Reevaluate] does.
func Hits(ctx context.Context, labels []uint16, classes, models int, cascades []Cascade, open func(model int) (Rows, error)) ([][]bool, error) {
	for i, c := range cascades {
		if err := c.Validate(models); err != nil {
			return nil, fmt.Errorf("cascade %d: %w", i+1, err)
		}
	}
	r := newReevaluation(cascades, classes)
	hits := make([][]bool, len(cascades))
	for c := range hits {
		hits[c] = make([]bool, len(labels))
	}
	threads := make([]*reevaluator, runtime.GOMAXPROCS(0))
	for t := range threads {
		threads[t] = r.newThread()
	}
	err := r.stream(ctx, labels, open, len(threads), func(thread int, rows [][]uint16, i, sample int) {
		t := threads[thread]
		t.samples++
		for c, stages := range t.stages {
			exit := t.exit(rows, i, c)
			hits[c][sample] = t.class[stages[exit]] == int(labels[sample])
		}
	})
	if err != nil {
		return nil, err
	}
	return hits, nil
}
