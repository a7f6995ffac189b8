package kernel

import (
	"math"
	"slices"
	"testing"
)

// TestHeadsRound adds values whose sum is at the end of what a float32 holds: near 1, with one that is
// an odd multiple of 2^-24.
func TestHeadsRound(t *testing.T) { eachPath(t, testHeadsRound) }

func testHeadsRound(t *testing.T) {
	large := []uint16{0x3800, 0x3BFD, 0x3BFE, 0x3BFF, 0x3C00} // 0.5, just below 1, 1
	var small []uint16
	for v := uint16(1); v < 0x0900; v += 6 { // up to 2^-13 and a bit
		small = append(small, v)
	}
	n := len(large) * len(small)
	a, b, row := emptyLists(n), emptyLists(n), make([]uint16, 40)
	for i := range n {
		clear(row)
		row[7] = large[i%len(large)]
		setList(a, i, row)
		clear(row)
		row[5], row[7] = small[i/len(large)]+1, small[i/len(large)] // the other one's first class is not b's
		setList(b, i, row)
	}
	if left := checkPairByHeads(t, a, b); left > n/2 {
		t.Errorf("%d of %d samples are left open", left, n)
	}
}

// TestHeadsBound has lists of a few classes and a few values, so that classes outside a head come close to
// winning, or win with as much as one inside.
func TestHeadsBound(t *testing.T) { eachPath(t, testHeadsBound) }

func testHeadsBound(t *testing.T) {
	rng := newRand()
	const n = 20_000
	a, b, row := emptyLists(n), emptyLists(n), make([]uint16, 20)
	for i := range n {
		for _, l := range []*Lists{a, b} {
			for c := range row {
				row[c] = f16Bits(math.Float32bits(float32(rng.IntN(20)) / 64)) // so that sums are often the same
			}
			setList(l, i, row[:6+i%10])
		}
	}
	checkPairByHeads(t, a, b)
	best, class, open, want := make([]uint32, n), make([]uint16, n), make([]int32, n), make([]int32, n)
	x, y := NewHeads(a), NewHeads(b)
	open = open[:decideByHeads(best, class, open, x, y)]
	want = want[:decideByHeadsGeneric(best, class, want, x, y, 0, 0)]
	if !slices.Equal(open, want) {
		t.Errorf("%d samples are left open, %d by the reference", len(open), len(want))
	}
}

func emptyLists(n int) *Lists {
	return &Lists{K: 16, Classes: make([]uint16, 16*n), Values: make([]uint16, 16*n), Tail: make([]uint32, n), TopClass: make([]uint16, n), TopValue: make([]uint16, n)}
}

// checkPairByHeads compares it, and what heads alone decide, with the definition, and returns how many
// samples are left to lists.
func checkPairByHeads(t *testing.T, a, b *Lists) (left int) {
	t.Helper()
	n := a.Len()
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	x, y := NewHeads(a), NewHeads(b)
	compare := func(open []int32) {
		t.Helper()
		for i := range n {
			if _, listed := slices.BinarySearch(open, int32(i)); listed {
				continue
			}
			sums, _ := define(i, []*Lists{a, b}, []uint32{1, 1})
			if wantBest, wantClass := bestOf(sums); best[i] != wantBest || class[i] != wantClass {
				t.Fatalf("sample %d, %x and %x: %d of class %d, want %d of class %d", i, a.Values[16*i:][:16], b.Values[16*i:][:16], best[i], class[i], wantBest, wantClass)
			}
		}
	}
	left = decideByHeads(best, class, open, x, y)
	compare(open[:left])
	PairByHeads(best, class, open, a, b, x, y)
	compare(nil)
	return left
}

// TestHeadsDecide says that heads leave few samples open of models that are sure of what they say.
func TestHeadsDecide(t *testing.T) {
	z := bigZoo()
	n := len(z.labels)
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	byHeads := decideByHeads(best, class, open, NewHeads(z.lists[0]), NewHeads(z.lists[1]))
	sums := NewSums(n, 16)
	Single(sums, z.lists[0], 1)
	if differ := agree(best, class, slices.Clone(open), sums.Top, sums.TopClass, z.lists[1], 1); byHeads > differ*2/3 {
		t.Errorf("heads leave %d samples open, the first classes alone %d", byHeads, differ)
	}
}

func TestHeadsRefuse(t *testing.T) {
	z := newZoo(40, 20, 16, 2, 1)
	n := len(z.labels)
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	x, y := z.lists[0], z.lists[1]
	part := y.Slice(0, n-1)
	heads, few := NewHeads(x), NewHeads(&part)
	eachPath(t, func(t *testing.T) {
		panics(t, "heads of another length", func() { PairByHeads(best, class, open, x, y, heads, few) })
		panics(t, "heads of another length", func() { PairByHeads(best, class, open, x, y, few, heads) })
		panics(t, "another length", func() { PairByHeads(best, class, open, x, &part, heads, heads) })
		panics(t, "lists of another length", func() { PairByHeads(best, class, open, &part, y, heads, heads) })
		panics(t, "short results", func() { PairByHeads(best[1:], class, open, x, y, heads, heads) })
		panics(t, "short results", func() { PairByHeads(best, class[1:], open, x, y, heads, heads) })
		panics(t, "short list of open samples", func() { PairByHeads(best, class, open[1:], x, y, heads, heads) })
	})
}

// BenchmarkPairByHeads is the table of a new pair: PairByHeads and Bins.
func BenchmarkPairByHeads(b *testing.B) {
	z := bigZoo()
	heads := []*Heads{NewHeads(z.lists[0]), NewHeads(z.lists[1])}
	benchPair(b, func(best []uint32, class []uint16, open []int32) {
		PairByHeads(best, class, open, z.lists[0], z.lists[1], heads[0], heads[1])
	})
}
