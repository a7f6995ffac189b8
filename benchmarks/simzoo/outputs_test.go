package simzoo

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// The lists written without rows are those of the rows, bit for bit.
func TestListsAreThoseOfTheRows(t *testing.T) {
	t.Parallel()
	for _, classes := range []int{2, 10, 16, 17, 30, 33, 47, 48, 49, 65, 200, 1000, 1001} {
		t.Run(fmt.Sprint(classes), func(t *testing.T) {
			const n = 300
			s := NewSamples(7, "search", n, classes)
			var o Outputs
			for _, spec := range Choose(12) {
				o.Simulate(7, s, spec, spec.V2Top1)
				rows := make([]uint16, n*classes)
				for i := range n {
					o.Row(i, rows[i*classes:(i+1)*classes])
				}
				want := zoo.BuildLists(rows, classes)
				got := outputs.NewLists(n, classes)
				o.Lists(got)
				if d := cmp.Diff(want, got); d != "" {
					t.Fatalf("%s: lists differ from those of the rows (-rows +direct):\n%s", spec.Name, d)
				}
			}
		})
	}
}

// Every row is a float16 softmax: it sums to one, and the model is as accurate
// as published.
func TestRowsAreProbabilities(t *testing.T) {
	t.Parallel()
	const n, classes = 2000, 1000
	s := NewSamples(1, "search", n, classes)
	var o Outputs
	row, values := make([]uint16, classes), make([]uint32, classes)
	for _, spec := range Choose(8) {
		o.Simulate(1, s, spec, spec.V2Top1)
		right := 0
		for i := range n {
			o.Row(i, row)
			sum, best := uint32(0), 0
			kernel.Fixed(values, row)
			for c, v := range row {
				sum += values[c]
				if v > row[best] {
					best = c
				}
			}
			if p := float64(sum) / (1 << 24); math.Abs(p-1) > 0.005 {
				t.Fatalf("%s, sample %d: sums to %g", spec.Name, i, p)
			}
			if best == int(s.Labels[i]) {
				right++
			}
		}
		if acc := 100 * float64(right) / n; math.Abs(acc-spec.V2Top1) > 0.1 {
			t.Errorf("%s: accuracy %.3f %%, published %.3f %%", spec.Name, acc, spec.V2Top1)
		}
	}
}

func BenchmarkLists(b *testing.B) {
	const n = 20683
	s := NewSamples(1, "search", n, 1000)
	lists := outputs.NewLists(n, 1000)
	spec := Choose(9)[4]
	var o Outputs
	for b.Loop() {
		o.Simulate(1, s, spec, spec.V2Top1)
		o.Lists(lists)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/row")
}
