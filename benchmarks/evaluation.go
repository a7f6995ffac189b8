package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

const evaluationAbout = "Cascades of five stages over set tables that are in the cache already, one thread: what an evaluation costs once its sets are known."

func evaluation(ctx context.Context, b *bench) ([]Row, error) {
	labels, lists, err := b.fewLists(ctx, 29)
	if err != nil {
		return nil, err
	}
	// 40 chains of 5 tables are 4 MB, as a search finds them in the second-level
	// cache; every chain is tried with 25 settings of its thresholds.
	tab := newTabulator(labels, lists)
	chains := drawChains(40, len(lists), 5)
	settings := drawChains(25, len(lists), 5)
	tables := make([][][]byte, len(chains))
	for i, c := range chains {
		tables[i] = tab.tables(c.models)
	}
	exits := make([][]byte, len(settings))
	for i, s := range settings {
		exits[i] = s.exitBytes()
	}
	reach := make([]int, len(chains[0].models))
	results := make([]int, 0, len(chains)*len(settings))
	evaluate := func() {
		results = results[:0]
		for i := range chains {
			for _, e := range exits {
				results = append(results, kernel.Evaluate(tables[i], e, reach))
			}
		}
	}

	var want []int
	for _, p := range kernel.Paths() {
		restore := kernel.Force(p)
		evaluate()
		restore()
		if want == nil {
			want = slices.Clone(results)
		} else if !slices.Equal(want, results) {
			return nil, fmt.Errorf("kernel path %v counts other correct answers than %v", p, kernel.Paths()[0])
		}
	}
	return b.onPaths(timed{"five stages", "evaluations/s", func(us float64) float64 { return 1e6 / us },
		func(r Row) Row { return r.atLeast(250_000) }, len(chains) * len(settings), evaluate})
}
