package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/encas-zoo/encas-zoo/optimize"
)

const scalingAbout = "The exact search over pairs again: more threads, samples and models. Ratios of neighbouring runs."

func scaling(ctx context.Context, b *bench) ([]Row, error) {
	s, err := b.largeZoo(ctx)
	if err != nil {
		return nil, err
	}
	run := func(p *optimize.Problem, threads int) func() error {
		return func() error {
			_, err := optimize.Search(ctx, p, optimize.Options{Algorithm: "exact", MaxModels: 2, Threads: threads})
			return err
		}
	}
	m, n := min(512, b.models), b.samples
	whole, err := s.part(m, n)
	if err != nil {
		return nil, err
	}
	halfSamples, err := s.part(m, n/2)
	if err != nil {
		return nil, err
	}
	halfModels, err := s.part(m/2, n)
	if err != nil {
		return nil, err
	}
	fewModels, err := s.part(m/4, n)
	if err != nil {
		return nil, err
	}
	seconds, err := alternate(1, b.longRuns+2, run(whole, 1), run(whole, 2), run(halfSamples, 1), run(halfModels, 1), run(fewModels, 1), run(fewModels, 2))
	if err != nil {
		return nil, err
	}
	threads, ofFew := "two threads against one", fmt.Sprintf("two threads against one, %d models", m/4)
	rows := []Row{
		{Figure: fmt.Sprintf("%d models, one thread", m), Measurement: measurement("s", seconds[0])},
	}
	if runtime.NumCPU() < 2 {
		const reason = "this machine has one core"
		rows = append(rows, missing(threads, reason), missing(ofFew, reason))
	} else {
		rows = append(rows, Row{Figure: threads, Measurement: measurement("times as fast", ratios(seconds[0], seconds[1]))}.atLeast(1.85),
			Row{Figure: ofFew, Measurement: measurement("times as fast", ratios(seconds[4], seconds[5])), Note: "A sixteenth of the pairs: what one thread does alone weighs more."})
	}
	return append(rows,
		Row{Figure: "twice the samples", Measurement: measurement("times the time", ratios(seconds[0], seconds[2])),
			Note: "Linear is 2."}.atMost(2.2),
		Row{Figure: "twice the models", Measurement: measurement("times the time", ratios(seconds[0], seconds[3])),
			Note: fmt.Sprintf("Quadratic is %s: %d pairs against %d.", number(float64(m*(m-1))/float64(m/2*(m/2-1))), m*(m-1), m/2*(m/2-1))}.atMost(4.6)), nil
}
