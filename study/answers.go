package study

import (
	"context"
	"runtime"

	"github.com/encas-zoo/encas-zoo/answers"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// Answers returns what a cascade answers to each sample of a split of the zoo, in the order
// of the samples.
func Answers(ctx context.Context, z *zoo.Zoo, split string, c cascade.Cascade, w Watch) ([]answers.Answer, error) {
	if err := checkModels(z, c); err != nil {
		return nil, aboutCascade(err)
	}
	if _, err := z.Split(split); err != nil {
		return nil, &InputError{Option: "split", Err: err}
	}
	free := make(map[string]float64, len(c.Stages)) // what it costs plays no part
	for _, stage := range c.Stages {
		free[stage.Model] = 0
	}
	s, stop, err := storedSplit(z, split, free, w)
	if err != nil {
		return nil, err
	}
	defer stop()
	r, err := s.Replay([]cascade.Cascade{c})
	if err != nil {
		return nil, err
	}
	ids, err := z.IDs(split)
	if err != nil {
		return nil, err
	}
	names := z.ClassNames()
	all := make([]answers.Answer, len(ids))
	err = r.Run(ctx, runtime.GOMAXPROCS(0), func(_ int, x *cascade.Sample) {
		stage := x.Exit(0)
		set := r.Set(0, stage)
		a := answers.Answer{
			ID: ids[x.Number], Class: x.Class(set), Stage: stage + 1,
			Confidence: float64(x.Confidence(set)) / (float64(r.Weight(set)) * outputs.One),
		}
		if names != nil {
			a.Name = names[a.Class]
		}
		all[x.Number] = a
	})
	return all, err
}
