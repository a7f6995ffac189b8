package main

import (
	"context"
	"fmt"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/optimize"
)

const chainAbout = "All thresholds of one chain at once, from its set tables: accuracy and reach of 51 (two stages) or 2,601 (three stages) combinations of the paper's grid; one thread."

func chains(ctx context.Context, b *bench) ([]Row, error) {
	labels, lists, err := b.fewLists(ctx, 29)
	if err != nil {
		return nil, err
	}
	tab := newTabulator(labels, lists)
	drawn := drawChains(20, len(lists), 3)
	tables := make([][][]byte, len(drawn))
	for i, c := range drawn {
		tables[i] = tab.tables(c.models)
	}
	bins := len(optimize.PaperGrid()) + 1
	correct, reach3 := make([]int32, bins*bins), make([]int32, bins*bins)
	reach2, cells := make([]int32, bins), make([]uint16, len(labels))

	// The histogram must say what evaluating each combination says.
	counts := make([]int, 3)
	for _, t := range tables[:2] {
		kernel.Chain3(correct, reach3, reach2, t[0], t[1], t[2], cells)
		for g1 := range bins - 1 {
			for g2 := range bins - 1 {
				right := kernel.Evaluate(t, []byte{byte(2 * (g1 + 1)), byte(2 * (g2 + 1))}, counts)
				if right != int(correct[g1*bins+g2]) || counts[2] != int(reach3[g1*bins+g2]) || counts[1] != int(reach2[g1]) {
					return nil, fmt.Errorf("thresholds %d and %d: the histogram differs from the evaluation", g1, g2)
				}
			}
		}
	}

	threes := func() {
		for _, t := range tables {
			kernel.Chain3(correct, reach3, reach2, t[0], t[1], t[2], cells)
		}
	}
	twos := func() {
		for _, t := range tables {
			kernel.Chain2(correct[:bins], reach2, t[0], t[1])
		}
	}
	return b.onPaths(
		timed{"chain of three", "us", micros, func(r Row) Row { return r.atMost(20) }, len(tables), threes},
		timed{"chain of two", "us", micros, nil, len(tables), twos})
}
