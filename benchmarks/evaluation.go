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
	reach := make([]int, len(chains[0].models))
	var results []int
	evaluate := func() {
		for i := range chains {
			for _, s := range settings {
				results = append(results, kernel.Evaluate(tables[i], s.exitBytes(), reach))
			}
		}
	}

	var want []int
	for _, p := range kernel.Paths() {
		restore := kernel.Force(p)
		results = nil
		evaluate()
		restore()
		if want == nil {
			want = results
		} else if !slices.Equal(want, results) {
			return nil, fmt.Errorf("kernel path %v counts other correct answers than %v", p, kernel.Paths()[0])
		}
	}

	exits := make([][]byte, len(settings))
	for i, s := range settings {
		exits[i] = s.exitBytes()
	}
	paths, micros, err := b.onPaths(len(chains)*len(settings), func() {
		for i := range chains {
			for _, e := range exits {
				kernel.Evaluate(tables[i], e, reach)
			}
		}
	})
	var rows []Row
	for i, p := range paths {
		r := Row{Figure: "five stages, " + p.String(),
			Measurement: measurement("evaluations/s", each(micros[i], func(us float64) float64 { return 1e6 / us }))}
		if p == kernel.Active() {
			r = r.atLeast(250_000)
		}
		rows = append(rows, r)
	}
	return rows, err
}
