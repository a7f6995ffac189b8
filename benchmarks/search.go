package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/encas-zoo/encas-zoo/optimize"
)

const searchAbout = "What a whole search makes of it, set tables and all else included: different cascades a second of one thread, and how often that is the numpy form's evaluations a second, timed after every run of ours. This is the honest ratio; the one over cached tables says what an evaluation costs once its sets are known. Seconds by the clock are from opening the zoo to the front."

// searches times whole searches and, in turns with them, the numpy form.
func searches(ctx context.Context, b *bench) ([]Row, error) {
	dir, err := b.zooDir(ctx)
	if err != nil {
		return nil, err
	}
	s, err := b.largeZoo(ctx)
	if err != nil {
		return nil, err
	}
	numpy, _, err := b.rival(ctx, "numpy")
	none, absent := errors.AsType[noPython](err)
	if err != nil && !absent {
		return nil, err
	}
	if !absent {
		defer numpy.stop()
	}

	published := optimize.Options{Algorithm: "gomea", Paper: true, Evals: b.searchEvals}
	var rows []Row
	for _, v := range []struct {
		figure         string
		runs           int
		options        optimize.Options
		rate, overPeer float64 // promised
	}{
		{"MO-GOMEA, as published", 1, published, 0, 120},
		{"random chains of up to five, all sets new", b.longRuns, optimize.Options{Algorithm: "random", MaxModels: 5, Evals: b.searchEvals / 30}, 8000, 0},
		{"exact, all pairs", b.longRuns, optimize.Options{Algorithm: "exact", MaxModels: 2}, 0, 0},
	} {
		figure := fmt.Sprintf("%s, %d models", v.figure, b.models)
		var evaluations int64
		var theirs []float64 // evaluations a second
		turns := []func() error{func() (err error) {
			evaluations, err = wholeSearch(ctx, s, v.options, 1)
			return err
		}}
		if !absent {
			turns = append(turns, func() error {
				rate, err := numpy.rate(b.rivals, b.longRuns)
				theirs = append(theirs, rate)
				return err
			})
		}
		seconds, err := alternate(0, v.runs, turns...)
		if err != nil {
			return nil, err
		}
		ours := each(seconds[0], func(s float64) float64 { return float64(evaluations) / s })
		r := row(figure, "cascades/s", ours)
		r.Note = fmt.Sprintf("%s evaluations in %s s.", number(float64(evaluations)), number(measurement("", seconds[0]).Median))
		if v.rate > 0 {
			r = r.atLeast(v.rate)
		}
		rows = append(rows, r)
		figure += ", against numpy end to end"
		if absent {
			rows = append(rows, missing(figure, string(none)))
			continue
		}
		r = row(figure, "times", ratios(ours, theirs))
		r.Rates = &Rates{measurement("", ours).Median, measurement("", theirs).Median, "evaluations/s"}
		r.Note = numpy.about + "."
		if v.overPeer > 0 {
			r = r.atLeast(v.overPeer)
		}
		rows = append(rows, r)
	}

	threads := min(2, runtime.GOMAXPROCS(0))
	var evaluations int64
	seconds, err := alternate(0, 1, func() error {
		s, err := openSearchable(ctx, dir)
		if err != nil {
			return err
		}
		evaluations, err = wholeSearch(ctx, s, published, threads)
		return errors.Join(err, s.index.Close())
	})
	if err != nil {
		return nil, err
	}
	r := row(fmt.Sprintf("MO-GOMEA, as published, %d models, seconds by the clock, %d threads", b.models, threads), "s", seconds[0]).atMost(60)
	r.Note = fmt.Sprintf("%s evaluations.", number(float64(evaluations)))
	return append(rows, r), nil
}

// wholeSearch searches on the paper's grid and returns the number of evaluations.
func wholeSearch(ctx context.Context, s *searchable, o optimize.Options, threads int) (int64, error) {
	o.Grid, o.Threads, o.Seed = optimize.PaperGrid(), threads, seed
	r, err := optimize.Search(ctx, s.problem, o)
	if err != nil {
		return 0, err
	}
	return r.Evaluations, nil
}
