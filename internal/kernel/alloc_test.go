package kernel

import "testing"

// TestNoAllocations calls every kernel on every path.
func TestNoAllocations(t *testing.T) {
	z := newZoo(200, 40, 16, 3, 9)
	n := len(z.labels)
	s, next := NewSums(n, 16), NewSums(n, 16)
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	tables := randomTables(newRand(), n, 3, 20)
	cells := make([]uint16, n)
	correct, reach3, reach2 := make([]int32, 400), make([]int32, 400), make([]int32, 20)
	floats, halves := make([]float32, n), make([]uint16, n)
	weights, reach, exits, cuts := []uint32{1, 2}, make([]int, 3), []byte{8, 20}, paperCuts(20, 3)
	row := softmaxRow(newRand(), 100)
	margins, pair, forecast := z.margins(), NewMargins(n), &Forecast{}
	known, stances := make([]uint64, (n+63)/64), []Stances{NewStances(z.lists[0], z.labels), NewStances(z.lists[1], z.labels)}
	screened, subset := NewScreened(n), NewSubset(n)
	given := [][]uint32{z.given(0), z.given(1)}
	heads := []*Heads{NewHeads(z.lists[0]), NewHeads(z.lists[1])}
	eachPath(t, func(t *testing.T) {
		if allocations := testing.AllocsPerRun(5, func() {
			F16FromF32(halves, floats)
			F16ToF32(floats, halves)
			TopK(class[:16], halves[:16], row)
			Single(s, z.lists[0], 1)
			Extend(next, s, z.lists[:1], weights[:1], z.lists[1], 2)
			agree(best, class, open, next.Top, next.TopClass, z.lists[2], 1)
			m := Combine(best, class, open, next, z.lists[2], 1)
			Pair(best, class, open, z.lists[0], z.lists[1])
			PairByHeads(best, class, open, z.lists[0], z.lists[1], heads[0], heads[1])
			ResolveSamples(best, class, open[:m], z.lists[:2], weights)
			ResolveAll(best, class, z.lists, nil)
			Bins(tables[0], best, class, z.labels, cuts)
			Evaluate(tables, exits, reach)
			Missing(subset, tables[:2], exits, known, known)
			Decide(screened, subset, z.labels, z.lists[:2], stances, weights, One)
			Enter(tables[0], known, known, subset, tables[1][:len(subset.Numbers)], screened.Sure[:len(subset.Numbers)])
			Same(class, z.labels)
			Pass(known, tables[0], 10)
			Settle(tables[1], tables[0], 10, 1, 2)
			Compact(tables[2], known, tables[0])
			Chain2(correct[:20], reach2, tables[0], tables[1])
			Chain3(correct, reach3, reach2, tables[0], tables[1], tables[2], cells)
			pair.SetPair(margins[0], margins[1], given[0], given[1], best, class, z.labels)
			m = Judge(tables[0], open, pair, margins[2])
			PairSamples(best, class, open[:m], z.lists[0], z.lists[1])
			Foresee(forecast, cells, tables[0], pair, margins[2])
		}); allocations != 0 {
			t.Errorf("%v allocations", allocations)
		}
	})
}
