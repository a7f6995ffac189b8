package kernel

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// guardLists is l in guarded memory.
func guardLists(t *testing.T, l *Lists, offset int) (*Lists, func()) {
	c, v, tail := guardOf(l.Classes, offset), guardOf(l.Values, offset+1), guardOf(l.Tail, offset)
	tc, tv := guardOf(l.TopClass, offset+2), guardOf(l.TopValue, offset)
	return &Lists{l.K, c.s, v.s, tail.s, tc.s, tv.s}, func() {
		t.Helper()
		c.check(t, "Lists.Classes")
		v.check(t, "Lists.Values")
		tail.check(t, "Lists.Tail")
		tc.check(t, "Lists.TopClass")
		tv.check(t, "Lists.TopValue")
	}
}

// guardHeads are the heads of l in guarded memory, of which the edges alone are looked at.
func guardHeads(l *Lists, offset int) *Heads {
	h := NewHeads(l)
	return &Heads{h.n, guardOf(h.data, offset).s}
}

func guardSums(t *testing.T, n, k, offset int) (*Sums, func()) {
	c, v := guard[uint16](n*k, offset), guard[uint32](n*k, offset+1)
	rest, base := guard[uint32](n, offset), guard[uint32](n, offset+2)
	tc, top := guard[uint16](n, offset+1), guard[uint32](n, offset)
	return &Sums{K: k, Classes: c.s, Values: v.s, Rest: rest.s, Base: base.s, TopClass: tc.s, Top: top.s}, func() {
		t.Helper()
		c.check(t, "Sums.Classes")
		v.check(t, "Sums.Values")
		rest.check(t, "Sums.Rest")
		base.check(t, "Sums.Base")
		tc.check(t, "Sums.TopClass")
		top.check(t, "Sums.Top")
	}
}

// answers is everything the kernels on lists say about a set.
type answers struct {
	First, Sums              *Sums
	Best, AllBest, AgreeBest []uint32
	Class, AllClass          []uint16
	PairBest                 []uint32
	PairClass                []uint16
	Open, AgreeOpen          []int32
	HeadsOpen                []int32
}

// askAll runs every kernel on lists for the samples from..to-1.
func askAll(t *testing.T, z *zoo, weights []uint32, from, to, offset int) answers {
	n, k, last := to-from, z.lists[0].K, len(z.lists)-1
	var members []*Lists
	var checks []func()
	for _, l := range z.lists {
		part := l.Slice(from, to)
		g, check := guardLists(t, &part, offset)
		members, checks = append(members, g), append(checks, check)
	}
	var states []*Sums
	for range z.lists {
		s, check := guardSums(t, n, k, offset)
		states, checks = append(states, s), append(checks, check)
	}
	best, class, open := guard[uint32](n, offset), guard[uint16](n, offset+1), guard[int32](n, offset+2)
	var a answers
	Single(states[0], members[0], weights[0])
	for m := 1; m < last; m++ {
		Extend(states[m], states[m-1], members[:m], weights[:m], members[m], weights[m])
	}
	a.First, a.Sums = states[0], states[last-1]

	m := agree(best.s, class.s, open.s, a.Sums.Top, a.Sums.TopClass, members[last], weights[last])
	a.AgreeOpen = slices.Clone(open.s[:m])
	for _, i := range a.AgreeOpen {
		best.s[i] = 0 // unspecified
	}
	a.AgreeBest = slices.Clone(best.s)

	m = Combine(best.s, class.s, open.s, a.Sums, members[last], weights[last])
	a.Best, a.Class, a.Open = slices.Clone(best.s), slices.Clone(class.s), slices.Clone(open.s[:m])

	ResolveSamples(best.s, class.s, a.Open, members, weights)
	ResolveAll(states[last].Top, states[last].TopClass, members, weights)
	a.AllBest, a.AllClass = states[last].Top, states[last].TopClass
	if !slices.Equal(best.s, a.AllBest) || !slices.Equal(class.s, a.AllClass) {
		t.Errorf("samples %d..%d: Combine with ResolveSamples and ResolveAll differ", from, to)
	}

	Pair(best.s, class.s, open.s, members[0], members[last])
	a.PairBest, a.PairClass = slices.Clone(best.s), slices.Clone(class.s)

	x, y := guardHeads(members[0], offset), guardHeads(members[last], offset+1)
	a.HeadsOpen = slices.Clone(open.s[:decideByHeads(best.s, class.s, open.s, x, y)])
	for i := range n {
		if _, open := slices.BinarySearch(a.HeadsOpen, int32(i)); !open && (best.s[i] != a.PairBest[i] || class.s[i] != a.PairClass[i]) {
			t.Errorf("samples %d..%d: heads say %d of class %d of number %d, want %d of class %d", from, to, best.s[i], class.s[i], i, a.PairBest[i], a.PairClass[i])
		}
	}
	PairByHeads(best.s, class.s, open.s, members[0], members[last], x, y)
	if !slices.Equal(best.s, a.PairBest) || !slices.Equal(class.s, a.PairClass) {
		t.Errorf("samples %d..%d: Pair and PairByHeads differ", from, to)
	}
	best.check(t, "best")
	class.check(t, "class")
	open.check(t, "open")
	for _, check := range checks {
		check()
	}
	return a
}

// TestPathsAgree compares all that the kernels on lists give, states and open
// samples included, between the paths.
func TestPathsAgree(t *testing.T) {
	for _, sh := range shapes {
		z := newZoo(sh.n, sh.classes, sh.k, 4, 100+uint64(sh.classes))
		rng := rand.New(rand.NewPCG(17, uint64(sh.classes)))
		ask := func(weights []uint32, from, to, offset int) {
			t.Helper()
			var want answers
			for _, p := range Paths() {
				restore := Force(p)
				got := askAll(t, z, weights, from, to, offset)
				restore()
				if p == Generic {
					want = got
				} else if !reflect.DeepEqual(got, want) {
					t.Fatalf("%d classes, K %d, weights %d, samples %d..%d: %v and %v differ", sh.classes, sh.k, weights, from, to, p, Generic)
				}
			}
		}
		for n := range min(sh.n, 140) + 1 {
			from := rng.IntN(sh.n - n + 1)
			ask([]uint32{1, 1, 1, 1}, from, from+n, n%3)
		}
		for _, weights := range [][]uint32{{1, 2, 3, 4}, {100, 1, 1, 1}, {1, 1, 1, 252}, {60, 60, 60, 75}, {1, 250, 1, 1}} {
			ask(weights, 0, sh.n, 0)
		}
	}
}

// FuzzSets makes lists from bytes: few classes and few values, so that there are
// ties and classes that some lists hold and others do not.
func FuzzSets(f *testing.F) {
	f.Add([]byte("a seed with some variety 0123456789"), uint8(40), uint8(1))
	f.Add(make([]byte, 300), uint8(17), uint8(7))
	f.Fuzz(func(t *testing.T, data []byte, classes, weight uint8) {
		if len(data) == 0 || classes == 0 {
			return
		}
		const n = 3
		at := 0
		next := func() uint16 {
			b := data[at%len(data)]
			at++
			return uint16(b)
		}
		z := &zoo{}
		row := make([]uint16, classes)
		for range 3 {
			l := &Lists{K: 16, Classes: make([]uint16, n*16), Values: make([]uint16, n*16), Tail: make([]uint32, n), TopClass: make([]uint16, n), TopValue: make([]uint16, n)}
			for i := range n {
				for c := range row {
					row[c] = next() % 5 * 0x300
				}
				row[int(next())%len(row)] = 0x3000 + next()%3
				setList(l, i, row)
			}
			z.lists = append(z.lists, l)
		}
		weights := []uint32{1, 1 + uint32(weight%100), 1 + uint32(weight/3)}
		var want answers
		for _, p := range Paths() {
			restore := Force(p)
			got := askAll(t, z, weights, 0, n, 0)
			restore()
			if p == Generic {
				want = got
			} else if !reflect.DeepEqual(got, want) {
				t.Fatalf("%v and %v differ", p, Generic)
			}
		}
		for i := range n {
			sums, _ := define(i, []*Lists{z.lists[0], z.lists[2]}, []uint32{1, 1})
			if best, class := bestOf(sums); want.PairBest[i] != best || want.PairClass[i] != class {
				t.Fatalf("pair, sample %d: %d of class %d, want %d of class %d", i, want.PairBest[i], want.PairClass[i], best, class)
			}
			sums, _ = define(i, z.lists, weights)
			if best, class := bestOf(sums); want.AllBest[i] != best || want.AllClass[i] != class {
				t.Fatalf("sample %d: %d of class %d, want %d of class %d", i, want.AllBest[i], want.AllClass[i], best, class)
			}
		}
	})
}
