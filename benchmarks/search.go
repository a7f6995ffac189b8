package main

import (
	"context"
	"fmt"

	"github.com/encas-zoo/encas-zoo/optimize"
)

const searchAbout = "What a whole search makes of it, set tables and all else included: different cascades a second of one thread, and how often that is the numpy form's evaluations a second in the suite above. This is the honest ratio; the one over cached tables says what an evaluation costs once its sets are known."

func searches(ctx context.Context, b *bench) ([]Row, error) {
	s, err := b.largeZoo(ctx)
	if err != nil {
		return nil, err
	}
	var rows []Row
	for _, v := range []struct {
		figure  string
		runs    int
		options optimize.Options
	}{
		{"MO-GOMEA, as published", 1, optimize.Options{Algorithm: "gomea", Paper: true, Evals: b.searchEvals}},
		{"random chains of up to five, all sets new", b.longRuns, optimize.Options{Algorithm: "random", MaxModels: 5, Evals: b.searchEvals / 30}},
		{"exact, all pairs", b.longRuns, optimize.Options{Algorithm: "exact", MaxModels: 2}},
	} {
		figure := fmt.Sprintf("%s, %d models", v.figure, b.models)
		o := v.options
		o.Grid, o.Threads, o.Seed = optimize.PaperGrid(), 1, seed
		var evaluations int64
		seconds, err := alternate(0, v.runs, func() error {
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
			Note: fmt.Sprintf("%s evaluations in %s s.", number(float64(evaluations)), number(measurement("", seconds[0]).Median))})
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
