package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/encas-zoo/encas-zoo/optimize"
)

const searchAbout = "What a whole search makes of it, set tables and all else included: distinct cascades a second of one thread, and how often that is the numpy form's evaluations a second in the suite above. This is the honest ratio; the one over cached tables says what an evaluation costs once its sets are known."

func searches(ctx context.Context, b *bench) ([]Row, error) {
	s, err := b.largeZoo(ctx)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, v := range []struct {
		figure  string
		options optimize.Options
	}{
		{"MO-GOMEA, as published", optimize.Options{Algorithm: "gomea", Evals: b.searchEvals}},
		{"random chains of up to five, all sets new", optimize.Options{Algorithm: "random", MaxModels: 5, Evals: b.searchEvals / 30}},
		{"exact, all pairs", optimize.Options{Algorithm: "exact", MaxModels: 2}},
	} {
		figure := fmt.Sprintf("%s, %d models", v.figure, b.models)
		if !slices.Contains(optimize.Algorithms(), v.options.Algorithm) {
			rows = append(rows, missing(figure, "this build has no algorithm "+v.options.Algorithm))
			continue
		}
		o := v.options
		o.Grid, o.Threads, o.Seed = optimize.PaperGrid(), 1, seed
		var evaluations int64
		seconds, err := alternate(0, max(1, b.longRuns-1), func() error {
			r, err := optimize.Search(ctx, s.problem, o)
			if err == nil {
				evaluations = r.Evaluations
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		perSecond := each(seconds[0], func(s float64) float64 { return float64(evaluations) / s })
		rows = append(rows, Row{Figure: figure, Measurement: measurement("cascades/s", perSecond),
			Note: fmt.Sprintf("%s distinct cascades in %s s.", number(float64(evaluations)), number(measurement("", seconds[0]).Median))})
		against := figure + ", against numpy"
		if b.numpySeconds.Runs == 0 {
			rows = append(rows, missing(against, "the numpy form did not run"))
			continue
		}
		rows = append(rows, Row{Figure: against, Measurement: measurement("times",
			each(perSecond, func(r float64) float64 { return r * b.numpySeconds.Median }))})
	}
	return rows, nil
}
