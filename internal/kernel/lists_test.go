package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// shapes of zoos: truncated and complete lists, both sizes of list, rows shorter
// than a list.
var shapes = []struct{ n, classes, k int }{
	{400, 100, 16}, {300, 17, 16}, {300, 16, 16}, {300, 10, 16}, {200, 2, 16}, {50, 1, 16},
	{300, 100, 32}, {300, 40, 32}, {300, 32, 32}, {300, 20, 32}, {100, 1000, 16},
}

// TestSetSums builds sets step by step and compares everything that is promised
// about a state with the definition.
func TestSetSums(t *testing.T) { eachPath(t, testSetSums) }

func testSetSums(t *testing.T) {
	for _, sh := range shapes {
		z := newZoo(sh.n, sh.classes, sh.k, 5, uint64(sh.classes))
		rng := rand.New(rand.NewPCG(3, uint64(sh.k)))
		for range 3 {
			weights := make([]uint32, len(z.lists))
			for m := range weights {
				weights[m] = 1 + uint32(rng.IntN(3)*rng.IntN(20))
			}
			order := z.lists
			s, next := NewSums(sh.n, sh.k), NewSums(sh.n, sh.k)
			Single(s, order[0], weights[0])
			checkSums(t, s, order[:1], weights[:1])
			for m := 1; m < len(order); m++ {
				checkCombine(t, s, order[:m+1], weights[:m+1])
				Extend(next, s, order[:m], weights[:m], order[m], weights[m])
				checkSums(t, next, order[:m+1], weights[:m+1])
				s, next = next, s
			}
		}
	}
}

func checkSums(t *testing.T, s *Sums, members []*Lists, weights []uint32) {
	t.Helper()
	k := s.K
	for i := range s.Rest {
		sums, base := define(i, members, weights)
		if s.Base[i] != base {
			t.Fatalf("sample %d: base %d, want %d", i, s.Base[i], base)
		}
		type entry struct {
			class uint16
			sum   uint32
		}
		var want []entry
		for c, v := range sums {
			want = append(want, entry{c, v})
		}
		slices.SortFunc(want, func(a, b entry) int {
			if better(a.sum, a.class, b.sum, b.class) {
				return -1
			}
			return 1
		})
		for j := range min(k, len(want)) {
			if got := (entry{s.Classes[i*k+j], s.Values[i*k+j]}); got != want[j] {
				t.Fatalf("%d members, sample %d, place %d: %v, want %v", len(members), i, j, got, want[j])
			}
		}
		rest := base
		if len(want) > k {
			rest = max(rest, want[k].sum)
		}
		if s.Rest[i] < rest {
			t.Fatalf("%d members, sample %d: rest %d, want at least %d", len(members), i, s.Rest[i], rest)
		}
		if len(want) >= k && s.Rest[i] > s.Values[i*k+k-1] {
			t.Fatalf("%d members, sample %d: rest %d above the last listed sum %d", len(members), i, s.Rest[i], s.Values[i*k+k-1])
		}
		if s.TopClass[i] != s.Classes[i*k] || s.Top[i] != s.Values[i*k] {
			t.Fatalf("sample %d: the top is not the first of the list", i)
		}
	}
}

// checkCombine compares Combine and the Resolve family with the definition; s
// holds all members but the last.
func checkCombine(t *testing.T, s *Sums, members []*Lists, weights []uint32) {
	t.Helper()
	n := s.Len()
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	last := len(members) - 1
	nOpen := Combine(best, class, open, s, members[last], weights[last])
	open = open[:nOpen]
	if len(members) == 2 && nOpen != 0 {
		t.Fatalf("a pair leaves %d samples open", nOpen)
	}
	if !slices.IsSorted(open) {
		t.Fatal("open samples do not ascend")
	}
	for _, i := range open {
		sums, _ := define(int(i), members, weights)
		if want, _ := bestOf(sums); best[i] > want {
			t.Fatalf("%d members, open sample %d: best %d is no lower bound of %d", len(members), i, best[i], want)
		}
	}
	ResolveSamples(best, class, open, members, weights)
	allBest, allClass := make([]uint32, n), make([]uint16, n)
	ResolveAll(allBest, allClass, members, weights)
	for i := range n {
		sums, _ := define(i, members, weights)
		wantBest, wantClass := bestOf(sums)
		if best[i] != wantBest || class[i] != wantClass {
			t.Fatalf("Combine: %d members, sample %d: %d of class %d, want %d of class %d", len(members), i, best[i], class[i], wantBest, wantClass)
		}
		if allBest[i] != wantBest || allClass[i] != wantClass {
			t.Fatalf("ResolveAll: %d members, sample %d: %d of class %d, want %d of class %d", len(members), i, allBest[i], allClass[i], wantBest, wantClass)
		}
		if b, c := resolveGeneric(i, members, weights); b != wantBest || c != wantClass {
			t.Fatalf("resolveGeneric: %d members, sample %d: %d of class %d, want %d of class %d", len(members), i, b, c, wantBest, wantClass)
		}
	}
}

// TestZerosInAnyOrder says that answers and sums above 0 do not depend on the order of
// classes of value 0: lists may be shared by outputs of which only the first class counts.
func TestZerosInAnyOrder(t *testing.T) { eachPath(t, testZerosInAnyOrder) }

func testZerosInAnyOrder(t *testing.T) {
	for _, sh := range shapes {
		z := newZoo(sh.n, sh.classes, sh.k, 5, uint64(sh.classes))
		values, top, tail := make([]uint16, sh.n*sh.k), make([]uint16, sh.n), make([]uint32, sh.n)
		for i := range sh.n {
			values[i*sh.k], top[i] = 0x3C00, 0x3C00
		}
		var members []*Lists
		for _, l := range z.lists {
			members = append(members, &Lists{K: l.K, Classes: l.Classes, Values: values, Tail: tail, TopClass: l.TopClass, TopValue: top})
		}
		weights := []uint32{1, 2, 1, 3, 1}
		s, next := NewSums(sh.n, sh.k), NewSums(sh.n, sh.k)
		Single(s, members[0], weights[0])
		for m := 1; m < len(members); m++ {
			checkCombine(t, s, members[:m+1], weights[:m+1])
			Extend(next, s, members[:m], weights[:m], members[m], weights[m])
			s, next = next, s
			for i := range sh.n {
				votes := map[uint16]uint32{}
				for j, l := range members[:m+1] {
					votes[l.TopClass[i]] += weights[j] * One
				}
				for j, v := range s.Values[i*sh.k:][:len(votes)] {
					c := s.Classes[i*sh.k+j]
					if v != votes[c] || j > 0 && !better(s.Values[i*sh.k+j-1], s.Classes[i*sh.k+j-1], v, c) {
						t.Fatalf("%d members, sample %d, place %d: %d for class %d, want %v in order", m+1, i, j, v, c, votes)
					}
				}
				if len(votes) < sh.k && s.Values[i*sh.k+len(votes)] != 0 || s.Top[i] != s.Values[i*sh.k] || s.TopClass[i] != s.Classes[i*sh.k] {
					t.Fatalf("%d members, sample %d: %v after %d votes", m+1, i, s.Values[i*sh.k:][:sh.k], len(votes))
				}
			}
		}
	}
}

// TestOrderOfMembers says that a set's answer does not depend on how it was put
// together.
func TestOrderOfMembers(t *testing.T) { eachPath(t, testOrderOfMembers) }

func testOrderOfMembers(t *testing.T) {
	z := newZoo(500, 60, 16, 3, 5)
	n := len(z.labels)
	run := func(a, b, c *Lists) ([]uint32, []uint16) {
		s, ab := NewSums(n, 16), NewSums(n, 16)
		Single(s, a, 2)
		Extend(ab, s, []*Lists{a}, []uint32{2}, b, 2)
		best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
		nOpen := Combine(best, class, open, ab, c, 2)
		ResolveSamples(best, class, open[:nOpen], []*Lists{a, b, c}, []uint32{2, 2, 2})
		return best, class
	}
	best, class := run(z.lists[0], z.lists[1], z.lists[2])
	for _, p := range [][3]int{{0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		b, c := run(z.lists[p[0]], z.lists[p[1]], z.lists[p[2]])
		if !slices.Equal(b, best) || !slices.Equal(c, class) {
			t.Errorf("order %v gives another answer", p)
		}
	}
}

func BenchmarkSingle(b *testing.B) {
	z := bigZoo()
	s := NewSums(len(z.labels), 16)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(68 * len(z.labels)))
		for b.Loop() {
			Single(s, z.lists[0], 2)
		}
	})
}

// BenchmarkPair is the table of a new pair from lists alone: Pair and Bins.
func BenchmarkPair(b *testing.B) {
	z := bigZoo()
	benchPair(b, func(best []uint32, class []uint16, open []int32) {
		Pair(best, class, open, z.lists[0], z.lists[1])
	})
}

func benchPair(b *testing.B, pair func(best []uint32, class []uint16, open []int32)) {
	z := bigZoo()
	n := len(z.labels)
	best, class, open, table := make([]uint32, n), make([]uint16, n), make([]int32, n), make([]byte, n)
	cuts := paperCuts(51, 2)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(68 * n))
		for b.Loop() {
			pair(best, class, open)
			Bins(table, best, class, z.labels, cuts)
		}
	})
}

func BenchmarkAgree(b *testing.B) {
	z := bigZoo()
	n := len(z.labels)
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	s := NewSums(n, 16)
	Single(s, z.lists[0], 1)
	eachPathBench(b, func(b *testing.B) {
		b.SetBytes(int64(16 * n))
		for b.Loop() {
			agree(best, class, open, s.Top, s.TopClass, z.lists[1], 1)
		}
	})
}

// BenchmarkCombine adds the last model to a set of k-1.
func BenchmarkCombine(b *testing.B) {
	z := bigZoo()
	n := len(z.labels)
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	for k := 2; k <= 5; k++ {
		s, next := NewSums(n, 16), NewSums(n, 16)
		Single(s, z.lists[0], 1)
		for m := 1; m < k-1; m++ {
			Extend(next, s, z.lists[:m], nil, z.lists[m], 1)
			s, next = next, s
		}
		differ := 0
		for i, c := range s.TopClass {
			if c != z.lists[k-1].TopClass[i] {
				differ++
			}
		}
		b.Run("k="+itoa(k), func(b *testing.B) {
			eachPathBench(b, func(b *testing.B) {
				nOpen := 0
				b.SetBytes(int64(68 * n))
				for b.Loop() {
					nOpen = Combine(best, class, open, s, z.lists[k-1], 1)
				}
				b.ReportMetric(100*float64(differ)/float64(n), "%differ")
				b.ReportMetric(float64(nOpen), "open")
			})
		})
	}
}

func BenchmarkExtend(b *testing.B) {
	z := bigZoo()
	n := len(z.labels)
	for k := 2; k <= 5; k++ {
		s, next := NewSums(n, 16), NewSums(n, 16)
		Single(s, z.lists[0], 1)
		for m := 1; m < k-1; m++ {
			Extend(next, s, z.lists[:m], nil, z.lists[m], 1)
			s, next = next, s
		}
		b.Run("k="+itoa(k), func(b *testing.B) {
			eachPathBench(b, func(b *testing.B) {
				b.SetBytes(int64(68 * n))
				for b.Loop() {
					Extend(next, s, z.lists[:k-1], nil, z.lists[k-1], 1)
				}
			})
		})
	}
}

func BenchmarkResolveAll(b *testing.B) {
	z := bigZoo()
	n := len(z.labels)
	best, class := make([]uint32, n), make([]uint16, n)
	for k := 2; k <= 5; k++ {
		b.Run("k="+itoa(k), func(b *testing.B) {
			eachPathBench(b, func(b *testing.B) {
				b.SetBytes(int64(68 * n * k))
				for b.Loop() {
					ResolveAll(best, class, z.lists[:k], nil)
				}
			})
		})
	}
}

// TestListsRefuse says that calls that do not fit together panic, whatever the
// path.
func TestListsRefuse(t *testing.T) {
	z := newZoo(40, 20, 16, 2, 1)
	n := len(z.labels)
	members := z.lists
	best, class, open := make([]uint32, n), make([]uint16, n), make([]int32, n)
	s, next := NewSums(n, 16), NewSums(n, 16)
	Single(s, members[0], 1)
	short := members[1].Slice(0, n-1)
	eachPath(t, func(t *testing.T) {
		panics(t, "another length", func() { Combine(best, class, open, s, &short, 1) })
		panics(t, "short results", func() { Combine(best[1:], class, open, s, members[1], 1) })
		panics(t, "short list of open samples", func() { Combine(best, class, open[1:], s, members[1], 1) })
		panics(t, "weight 0", func() { Combine(best, class, open, s, members[1], 0) })
		panics(t, "weights above 255", func() { Combine(best, class, open, s, members[1], 255) })
		panics(t, "weights above 255", func() { ResolveAll(best, class, members, []uint32{200, 56}) })
		panics(t, "weight 0", func() { ResolveAll(best, class, members, []uint32{0, 1}) })
		panics(t, "missing weight", func() { ResolveAll(best, class, members, []uint32{1}) })
		panics(t, "no members", func() { ResolveAll(best, class, nil, nil) })
		panics(t, "no members", func() { Extend(next, s, nil, nil, members[1], 1) })
		panics(t, "other lists", func() { Extend(NewSums(n, 32), s, members[:1], nil, members[1], 1) })
		panics(t, "another length", func() { Pair(best, class, open, members[0], &short) })
		panics(t, "short list of open samples", func() { Pair(best, class, open[1:], members[0], members[1]) })
		panics(t, "sample outside", func() { ResolveSamples(best, class, []int32{0, int32(n)}, members, nil) })
		panics(t, "sample outside", func() { ResolveSamples(best, class, []int32{-1, 0}, members, nil) })
	})
}
