package optimize

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// A result is what evaluating a plan gave.
type result struct {
	correct int32
	total   float64 // cost of all samples together
}

const packedResult = 4 + 8 // bytes

func packResults(results []result) string {
	data := make([]byte, 0, packedResult*len(results))
	for _, r := range results {
		data = binary.LittleEndian.AppendUint32(data, uint32(r.correct))
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(r.total))
	}
	return base64.StdEncoding.EncodeToString(data)
}

func unpackResults(text string, samples int) ([]result, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	if len(data)%packedResult != 0 {
		return nil, fmt.Errorf("results of %d bytes", len(data))
	}
	results := make([]result, 0, len(data)/packedResult)
	for record := range slices.Chunk(data, packedResult) {
		correct := binary.LittleEndian.Uint32(record)
		total := math.Float64frombits(binary.LittleEndian.Uint64(record[4:]))
		if int64(correct) > int64(samples) || !(total > 0) || math.IsInf(total, 1) {
			return nil, fmt.Errorf("result %d: %d correct answers at a cost of %v", len(results), correct, total)
		}
		results = append(results, result{int32(correct), total})
	}
	return results, nil
}

// evaluateEach returns n results that work's functions give on all threads; these
// offer what they evaluate to the worker's archive. What a resumed search knows is
// not evaluated again.
func (s *search) evaluateEach(ctx context.Context, unit string, n int, work func(w *worker) func(i int) result) ([]result, error) {
	const batch = 16 // evaluations to a unit: enough to hide the cost of handing it out
	units := (n + batch - 1) / batch
	from, to := s.taken, s.taken+n
	switch {
	case to <= len(s.results):
		s.nextUnit += units
	case from < len(s.results):
		return nil, fmt.Errorf("%w: it ends within a round of evaluations", ErrBadState)
	default:
		s.results = append(s.results, make([]result, n)...)
		results := s.results[from:]
		err := s.parallel(ctx, unit, units, func(w *worker) func(int) {
			evaluate := work(w)
			return func(unit int) {
				first := (unit - s.firstUnit) * batch
				for i := first; i < min(first+batch, n); i++ {
					results[i] = evaluate(i)
				}
			}
		})
		if err != nil {
			s.results = s.results[:from]
			return nil, err
		}
	}
	s.taken = to
	return s.results[from:to], nil
}

// evaluateAll evaluates plans on all threads, offers those within the limits to
// the archive and returns the results of all.
func (s *search) evaluateAll(ctx context.Context, unit string, plans []plan) ([]result, error) {
	return s.evaluateEach(ctx, unit, len(plans), func(w *worker) func(i int) result {
		return func(i int) result { return w.evaluateAndOffer(plans[i], w.archive) }
	})
}

// evaluateNext returns what evaluate gives, which offers to the search's archive.
// What a resumed search knows is not evaluated again.
func (s *search) evaluateNext(evaluate func() result) (result, error) {
	if s.taken == len(s.results) {
		s.results = append(s.results, evaluate())
		s.glimpse.offer(s.archive)
		if err := s.settle(); err != nil {
			return result{}, err
		}
	}
	s.taken++
	return s.results[s.taken-1], nil
}

func (w *worker) evaluateAndOffer(p plan, a *archive) result {
	correct, reach := w.evaluate(p)
	total := w.totalCost(p, reach)
	a.offer(correct, total, p, reach)
	return result{int32(correct), total}
}
