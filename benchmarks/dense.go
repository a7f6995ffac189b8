package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/optimize"
)

const denseAbout = "What the index's truncated lists cost in truth: the front of all pairs (paper grid) found through the index and, as the program does, solved again on the full outputs of what was found, beside the front of a dense oracle that adds all classes of all pairs."

func againstDense(ctx context.Context, b *bench) ([]Row, error) {
	f, err := b.fullOutputs(ctx)
	if err != nil {
		return nil, err
	}
	var models []optimize.Model
	for i, s := range f.specs {
		models = append(models, optimize.Model{Name: s.Name, Cost: s.GMACs, Lists: f.lists[i]})
	}
	p, err := optimize.NewProblem(f.labels, f.classes, models)
	if err != nil {
		return nil, err
	}
	r, err := optimize.Search(ctx, p, optimize.Options{Algorithm: "exact", MaxModels: 2, Grid: optimize.PaperGrid(), Outputs: f.open})
	if err != nil {
		return nil, err
	}
	want, err := f.denseFront(ctx)
	if err != nil {
		return nil, err
	}

	found := make(map[int]float64) // cost by correct answers
	onlyIndex, costlier := 0, 0
	for _, point := range r.Front {
		found[point.Correct] = point.Cost
		if cost, ok := want[point.Correct]; !ok {
			onlyIndex++
		} else if math.Abs(cost-point.Cost) > 1e-9*cost {
			costlier++
		}
	}
	onlyDense := 0
	for correct := range want {
		if _, ok := found[correct]; !ok {
			onlyDense++
		}
	}

	var cascades []cascade.Cascade
	for _, point := range r.Front {
		cascades = append(cascades, point.Cascade)
	}
	exact, err := f.evaluate(ctx, cascades)
	if err != nil {
		return nil, err
	}
	differ := differences(exact, func(i int) (int, []int) { return r.Front[i].Correct, r.Front[i].Reach })

	one := func(figure string, n int) Row {
		return row(figure, "", []float64{float64(n)})
	}
	rows := []Row{
		one(fmt.Sprintf("cascades on the index's front of %d models", len(models)), len(r.Front)),
		one("cascades on the dense front", len(want)),
		one("correct answers that only the index's front has", onlyIndex).atMost(0),
		one("correct answers that only the dense front has", onlyDense).atMost(0),
		one("correct answers of both at another cost", costlier).atMost(0),
	}
	rows[0].Note = fmt.Sprintf("%d cascades of the front that the lists gave had different results on the full outputs; of the front that is reported %s.", r.Corrected, differ)
	return rows, nil
}

// denseFront is the cheapest cost for every number of correct answers on the front
// of all models and all ordered pairs, worked out over all classes.
func (f *fullOutputs) denseFront(ctx context.Context) (map[int]float64, error) {
	m, n, classes := len(f.specs), len(f.labels), f.classes
	grid := optimize.PaperGrid()
	// Tables of the sets {a} at a*m+a and {a, b}, a < b, at a*m+b.
	tables := make([][]byte, m*m)
	for a := range m {
		for b := a; b < m; b++ {
			tables[a*m+b] = make([]byte, n)
		}
	}
	cuts := [2][]uint32{cutsOf(grid, 1), cutsOf(grid, 2)}

	const block = 32
	var next atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			half, fixed, zeros := make([]uint16, block*classes), make([]uint32, m*block*classes), make([]uint32, classes)
			for {
				from := int(next.Add(block)) - block
				if from >= n || ctx.Err() != nil {
					return ctx.Err()
				}
				to := min(from+block, n)
				for a := range m {
					if err := f.rowsAt(a, from, half[:(to-from)*classes]); err != nil {
						return err
					}
					kernel.Fixed(fixed[a*block*classes:][:block*classes], half)
				}
				outputs := func(a, i int) []uint32 { return fixed[(a*block+i-from)*classes:][:classes] }
				for i := from; i < to; i++ {
					for a := range m {
						for b := a; b < m; b++ {
							x, y := outputs(a, i), zeros
							if a != b {
								y = outputs(b, i)
							}
							best, class := uint32(0), 0
							for c, v := range x {
								if s := v + y[c]; s > best {
									best, class = s, c
								}
							}
							bin := 0
							for _, cut := range cuts[min(b-a, 1)] {
								if best > cut {
									bin++
								}
							}
							entry := byte(bin << 1)
							if class == int(f.labels[i]) {
								entry |= 1
							}
							tables[a*m+b][i] = entry
						}
					}
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}

	cheapest := slices.Repeat([]float64{math.Inf(1)}, n+1)
	bins := len(grid) + 1
	correct, reach2 := make([]int32, bins), make([]int32, bins)
	for a := range m {
		for b := range m {
			if a == b {
				right := kernel.Correct(tables[a*m+a])
				cheapest[right] = min(cheapest[right], f.costs[a])
				continue
			}
			kernel.Chain2(correct, reach2, tables[a*m+a], tables[min(a, b)*m+max(a, b)])
			for g := range grid {
				cost := f.costs[a] + f.costs[b]*float64(reach2[g])/float64(n)
				cheapest[correct[g]] = min(cheapest[correct[g]], cost)
			}
		}
	}
	front := make(map[int]float64)
	best := math.Inf(1)
	for right := n; right >= 0; right-- {
		if cheapest[right] < best {
			best = cheapest[right]
			front[right] = best
		}
	}
	return front, nil
}
