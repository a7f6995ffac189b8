package main

import (
	"context"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/optimize"
)

const tableAbout = "The table of a set that was not looked at before, from the top-16 lists of the index; one thread. A pair is what the exact search for triples does 134,000 times, with the first four classes of each list side by side (heads); a set of five from nothing is what a random cascade costs."

func newTables(ctx context.Context, b *bench) ([]Row, error) {
	labels, lists, err := b.fewLists(ctx, 29)
	if err != nil {
		return nil, err
	}
	n, k := len(labels), lists[0].K
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	table := make([]byte, n)
	grid := optimize.FineGrid()
	cuts := make([][]uint32, 6)
	for j := range cuts {
		cuts[j] = cutsOf(grid, j)
	}

	first := &lists[len(lists)/2]
	var others []*kernel.Lists
	for i := range lists {
		if &lists[i] != first {
			others = append(others, &lists[i])
		}
	}
	firstHeads, heads := kernel.NewHeads(first), make([]*kernel.Heads, len(others))
	for i, l := range others {
		heads[i] = kernel.NewHeads(l)
	}
	pairs := func() {
		for i, l := range others {
			kernel.PairByHeads(best, class, open, first, l, firstHeads, heads[i])
			kernel.Bins(table, best, class, labels, cuts[2])
		}
	}
	listPairs := func() {
		for _, l := range others {
			kernel.Pair(best, class, open, first, l)
			kernel.Bins(table, best, class, labels, cuts[2])
		}
	}

	one, two := kernel.NewSums(n, k), kernel.NewSums(n, k)
	members := []*kernel.Lists{first, others[0]}
	kernel.Single(one, first, 1)
	kernel.Extend(two, one, members[:1], nil, others[0], 1)
	triples := func() {
		for _, l := range others[1:] {
			if m := kernel.Combine(best, class, open, two, l, 1); m > 0 {
				kernel.ResolveSamples(best, class, open[:m], append(members, l), nil)
			}
			kernel.Bins(table, best, class, labels, cuts[3])
		}
	}

	fives := drawChains(8, len(lists), 5)
	scratch := func() {
		for _, c := range fives {
			set := make([]*kernel.Lists, len(c.models))
			for i, m := range c.models {
				set[i] = &lists[m]
			}
			kernel.ResolveAll(best, class, set, nil)
			kernel.Bins(table, best, class, labels, cuts[len(set)])
		}
	}

	return b.onPaths(
		timed{"pair", "us", micros, func(r Row) Row { return r.atMost(60) }, len(others), pairs},
		timed{"pair, without heads", "us", micros, nil, len(others), listPairs},
		timed{"third model to a pair", "us", micros, nil, len(others) - 1, triples},
		timed{"five models from nothing", "us", micros, nil, len(fives), scratch})
}
