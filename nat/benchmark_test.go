package nat

import (
	"context"
	"fmt"
	"testing"

	"github.com/encas-zoo/encas-zoo/supernet"
)

// BenchmarkSettings runs small searches of AttentiveNAS's space with a made-up error and
// reports their hypervolume, from 50 % error on, on the linear scale of cost.
func BenchmarkSettings(b *testing.B) {
	table, err := supernet.Family("attentive")
	if err != nil {
		b.Fatal(err)
	}
	space, err := supernet.New(table, 10)
	if err != nil {
		b.Fatal(err)
	}
	for _, v := range []struct {
		search, scale string
		evaluations   int
	}{{NSGA3, Linear, 2000}, {NSGA3, Log, 2000}, {NSGA3, Log, 6000}, {GOMEA, Linear, 2000}, {GOMEA, Log, 2000}} {
		b.Run(fmt.Sprintf("%s/%s/%d", v.search, v.scale, v.evaluations), func(b *testing.B) {
			sum, runs := 0.0, uint64(0)
			for b.Loop() {
				runs++
				o := job(b)
				o.Space, o.Evaluator = space, &fakeEvaluator{space: space}
				o.Search, o.Scale, o.Evaluations, o.Seed = v.search, v.scale, v.evaluations, runs
				o.Start, o.Candidates, o.Iterations, o.Interpolants = 60, 20, 7, 40
				found, err := Run(context.Background(), o)
				if err != nil {
					b.Fatal(err)
				}
				o.Scale = Linear
				r := &run{Options: o}
				for i, g := range []supernet.Genome{space.Smallest(), space.Largest()} {
					r.costs[i] = r.gflops(g)
				}
				sum += r.hypervolume(found.Front, &Reference{Error: 0.5})
			}
			b.ReportMetric(sum/float64(runs), "hypervolume")
		})
	}
}
