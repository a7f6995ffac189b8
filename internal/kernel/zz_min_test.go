package kernel

import (
	"fmt"
	"os"
	"math/rand/v2"
	"math"
	"slices"
	"testing"
	"time"
)

func minTime(runs int, f func()) time.Duration {
	best := time.Hour
	f()
	for range runs {
		t := time.Now()
		f()
		best = min(best, time.Since(t))
	}
	return best
}

func TestMin(t *testing.T) {
	if os.Getenv("MINTEST") == "" {
		t.Skip()
	}
	z := bigZoo()
	n := len(z.labels)
	s := NewSums(n, 16)
	Single(s, z.lists[0], 1)
	s2 := NewSums(n, 16)
	Extend(s2, s, z.lists[:1], nil, z.lists[1], 1)
	s3 := NewSums(n, 16)
	best, class, open, table := make([]uint32, n), make([]uint16, n), make([]int32, n), make([]byte, n)
	cuts := paperCuts(51, 2)
	t1, t12, t123, cells := chainData()
	hist := make([]int32, 51*51)
	correct3, reach3, reach2 := make([]int32, 51*51), make([]int32, 51*51), make([]int32, 51)
	rng := rand.New(rand.NewPCG(5, 5))
	rows := make([][]uint16, 64)
	for i := range rows { rows[i] = softmaxRow(rng, 1000) }
	rows10 := make([][]uint16, 64)
	for i := range rows10 { rows10[i] = softmaxRow(rng, 10) }
	cl, va := make([]uint16, 16), make([]uint16, 16)
	tables := randomTables(rng, n, 5, 51)
	f32 := fill(1000, func() float32 { return float32(math.Exp(-12 * rng.Float64())) })
	h16 := fill(1000, probability(rng))
	d32 := make([]uint32, 1000)
	cost := make([]float64, 51*51)
	bestc := fill(20_684, func() float64 { return 0.01 })
	corr := fill(51*51, func() int32 { return int32(15_000 + rng.IntN(3000)) })
	costr := fill(51*51, rng.Float64)
	idx := make([]int32, 51*51)
	_ = slices.Max[[]int]
	cases := []struct {
		name string
		f    func()
	}{
		{"pair", func() { Combine(best, class, open, s, z.lists[1], 1); Bins(table, best, class, z.labels, cuts) }},
		{"agree", func() { Agree(best, class, open, s.Top, s.TopClass, z.lists[1], 1) }},
		{"combine2", func() { Combine(best, class, open, s, z.lists[1], 1) }},
		{"combine3", func() { Combine(best, class, open, s2, z.lists[2], 1) }},
		{"bins51", func() { Bins(table, best, class, z.labels, cuts) }},
		{"bins127", func() { Bins(table, best, class, z.labels, paperCuts(127, 2)) }},
		{"single", func() { Single(s3, z.lists[0], 1) }},
		{"extend2", func() { Extend(s3, s, z.lists[:1], nil, z.lists[1], 1) }},
		{"extend3", func() { Extend(s3, s2, z.lists[:2], nil, z.lists[2], 1) }},
		{"resolve2", func() { ResolveAll(best, class, z.lists[:2], nil) }},
		{"resolve3", func() { ResolveAll(best, class, z.lists[:3], nil) }},
		{"resolve5", func() { ResolveAll(best, class, z.lists[:5], nil) }},
		{"evaluate5", func() { Evaluate(tables, []byte{80, 80, 80, 80}, make([]int, 5)) }},
		{"correct", func() { Correct(t1) }},
		{"cells", func() { Cells(cells, t1, t12, 51) }},
		{"count", func() { Count(hist, cells) }},
		{"count1", func() { Count1(hist, t1) }},
		{"delta", func() { Delta(hist, cells, t12, t123) }},
		{"delta1", func() { Delta1(hist, t1, t1, t12) }},
		{"prefix2", func() { Prefix2(hist, 51, 51) }},
		{"chain3", func() { Chain3(correct3, reach3, reach2, t1, t12, t123, cells) }},
		{"cost3", func() { Cost3(cost, reach2, reach3, n, 1, 2, 3) }},
		{"improving", func() { Improving(idx, corr, costr, bestc) }},
		{"64topk1000", func() { for _, r := range rows { TopK(cl, va, r) } }},
		{"64topk10", func() { for _, r := range rows10 { TopK(cl, va, r) } }},
		{"64f16from", func() { for range 64 { F16FromF32(h16, f32) } }},
		{"64f16to", func() { for range 64 { F16ToF32(f32, h16) } }},
		{"64fixed", func() { for range 64 { Fixed(d32, h16) } }},
	}
	only := os.Getenv("MINTEST")
	for _, c := range cases {
		if only != "all" && only != c.name { continue }
		fmt.Printf("%-12s", c.name)
		for _, p := range Paths() {
			restore := Force(p)
			fmt.Printf(" %10.2f us", float64(minTime(300, c.f).Nanoseconds())/1000)
			restore()
		}
		fmt.Println()
	}
	if d := os.Getenv("DIFF"); d != "" { 
		for m := 1; m < 5; m++ { x := 0
			for i := range n { if z.lists[0].TopClass[i] != z.lists[m].TopClass[i] { x++ } }
			fmt.Println("differ", m, float64(x)/float64(n)) } }
}
