package serve

import (
	"context"
	"time"

	"github.com/encas-zoo/encas-zoo/ingest/dataset"
)

// An Against compares a cascade with another one, as a rule a single model, over the same
// images in turns.
type Against struct {
	Model string  `json:"model"` // or cascade
	Cost  float64 `json:"cost"`  // mean, in the unit of the bundle

	// Cascade and Other are how fast each was.
	Cascade Speed `json:"cascade_speed"`
	Other   Speed `json:"other_speed"`

	CostRatio  float64 `json:"cost_ratio"`              // of the cascade to the other
	TimeRatio  float64 `json:"time_ratio"`              // of the time for an image, the same way round
	Correct    *int    `json:"other_correct,omitempty"` // nil without labels
	Batch      int     `json:"batch"`
	SavedCost  float64 `json:"saved_cost"` // 1 - cost_ratio
	SavedTime  float64 `json:"saved_time"` // 1 - time_ratio
	Difference int     `json:"different_answers"`
}

// A Speed is how fast images are answered.
type Speed struct {
	Rate float64 `json:"images_per_second"`
	// Latencies of one image alone, and of a whole batch, from handing in to the last
	// answer, in milliseconds.
	P50One   float64 `json:"p50_ms_one"`
	P95One   float64 `json:"p95_ms_one"`
	P50Batch float64 `json:"p50_ms_batch"`
	P95Batch float64 `json:"p95_ms_batch"`
}

// latencies is how many times a latency is measured.
const latencies = 30

// Turns runs two engines over a set, chunk by chunk, each first in every other one, so that
// what else happens on the machine disturbs both alike. It returns what each answered and
// what was counted meanwhile.
func Turns(ctx context.Context, engines [2]*Engine, set *dataset.Set, batch int, progress func(Progress)) (runs [2]*Run, tallies [2]Tally, speeds [2]Speed, err error) {
	// Once, so that nothing is measured that happens only at the beginning.
	for _, e := range engines {
		if _, err := Images(ctx, e, set, 0, min(batch, set.Len()), nil); err != nil {
			return runs, tallies, speeds, err
		}
		e.Reset()
	}
	for i := range runs {
		runs[i] = &Run{}
	}
	begin := time.Now()
	// At least ten chunks, of some batches each if there are enough images.
	chunk := max(batch, min(8*batch, (set.Len()+9)/10))
	for from, turn := 0, 0; from < set.Len(); from, turn = from+chunk, turn+1 {
		to := min(from+chunk, set.Len())
		for k := range 2 {
			i := (turn + k) % 2
			part, err := Images(ctx, engines[i], set, from, to, nil)
			if err != nil {
				return runs, tallies, speeds, err
			}
			runs[i].Answers = append(runs[i].Answers, part.Answers...)
			runs[i].Failed = append(runs[i].Failed, part.Failed...)
			runs[i].Time += part.Time
		}
		if progress != nil {
			progress(progressOf(to, set.Len(), time.Since(begin)))
		}
	}
	for i := range speeds {
		speeds[i].Rate = float64(set.Len()) / runs[i].Time.Seconds()
		tallies[i] = engines[i].Tally()
	}
	err = measureLatencies(ctx, engines, set, batch, &speeds)
	// What single images and whole batches took tells more of the models' times.
	for i, e := range engines {
		for stage, t := range e.Tally().Stages {
			tallies[i].Stages[stage].runs = t.runs
		}
	}
	return runs, tallies, speeds, err
}

// measureLatencies measures those of one image and of a batch, in turns.
func measureLatencies(ctx context.Context, engines [2]*Engine, set *dataset.Set, batch int, speeds *[2]Speed) error {
	var one, whole [2][]time.Duration
	for n := range latencies {
		for k := range 2 {
			i := (n + k) % 2
			image := n * set.Len() / latencies
			r, err := Images(ctx, engines[i], set, image, image+1, nil)
			if err != nil {
				return err
			}
			one[i] = append(one[i], r.Time)
			if from := n * batch % max(set.Len()-batch, 1); n < latencies/3 {
				if r, err = Images(ctx, engines[i], set, from, min(from+batch, set.Len()), nil); err != nil {
					return err
				}
				whole[i] = append(whole[i], r.Time)
			}
		}
	}
	for i := range speeds {
		ms := func(all []time.Duration, q float64) float64 { return 1e3 * quantile(all, q).Seconds() }
		speeds[i].P50One, speeds[i].P95One = ms(one[i], 0.5), ms(one[i], 0.95)
		speeds[i].P50Batch, speeds[i].P95Batch = ms(whole[i], 0.5), ms(whole[i], 0.95)
	}
	return nil
}
