package optimize

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// An outcome is what evaluating a plan gave.
type outcome struct {
	correct int32
	total   float64 // cost of all samples together
}

const packedOutcome = 4 + 8 // bytes

func packOutcomes(outcomes []outcome) string {
	data := make([]byte, 0, packedOutcome*len(outcomes))
	for _, o := range outcomes {
		data = binary.LittleEndian.AppendUint32(data, uint32(o.correct))
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(o.total))
	}
	return base64.StdEncoding.EncodeToString(data)
}

func unpackOutcomes(text string, samples int) ([]outcome, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	if len(data)%packedOutcome != 0 {
		return nil, fmt.Errorf("results of %d bytes", len(data))
	}
	outcomes := make([]outcome, 0, len(data)/packedOutcome)
	for record := range slices.Chunk(data, packedOutcome) {
		correct := binary.LittleEndian.Uint32(record)
		total := math.Float64frombits(binary.LittleEndian.Uint64(record[4:]))
		if int64(correct) > int64(samples) || !(total >= 0) || math.IsInf(total, 1) {
			return nil, fmt.Errorf("result %d: %d correct answers at a cost of %v", len(outcomes), correct, total)
		}
		outcomes = append(outcomes, outcome{int32(correct), total})
	}
	return outcomes, nil
}

// evaluateEach returns n outcomes that work's functions give on all threads; these offer
// what they evaluate to the worker's archive. What a resumed run knows is not evaluated
// again.
func (r *run) evaluateEach(ctx context.Context, unit string, n int, work func(w *worker) func(i int) outcome) ([]outcome, error) {
	const batch = 16 // evaluations to a unit: enough to hide the cost of handing it out
	units := (n + batch - 1) / batch
	from, to := r.taken, r.taken+n
	switch {
	case to <= len(r.outcomes):
		r.nextUnit += units
	case from < len(r.outcomes):
		return nil, fmt.Errorf("%w: it ends within a round of evaluations", ErrBadState)
	default:
		r.outcomes = append(r.outcomes, make([]outcome, n)...)
		outcomes := r.outcomes[from:]
		err := r.parallel(ctx, unit, units, func(w *worker) func(int) {
			evaluate := work(w)
			return func(unit int) {
				for i := batch * unit; i < min(batch*(unit+1), n); i++ {
					outcomes[i] = evaluate(i)
				}
			}
		})
		if err != nil {
			r.outcomes = r.outcomes[:from]
			return nil, err
		}
	}
	r.taken = to
	return r.outcomes[from:to], nil
}

// evaluateAll evaluates plans on all threads, offers them to the archive and returns the
// outcomes.
func (r *run) evaluateAll(ctx context.Context, unit string, plans []plan) ([]outcome, error) {
	return r.evaluateEach(ctx, unit, len(plans), func(w *worker) func(i int) outcome {
		return func(i int) outcome { return w.evaluateAndOffer(plans[i], w.archive) }
	})
}

// evaluateNext returns what evaluate gives, which offers to the run's archive. What a
// resumed run knows is not evaluated again.
func (r *run) evaluateNext(evaluate func() outcome) (outcome, error) {
	if r.taken == len(r.outcomes) {
		r.outcomes = append(r.outcomes, evaluate())
		r.glimpse.offer(r.archive)
		if err := r.reachCheckpoint(); err != nil {
			return outcome{}, err
		}
	}
	r.taken++
	return r.outcomes[r.taken-1], nil
}
