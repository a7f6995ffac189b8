package cascade

import "context"

// A Tally is what a cascade does on a split, and the confidences it does it with.
type Tally struct {
	Evaluation
	// Histograms counts, by stage, the samples that reach it by their confidence there, in
	// equal parts of [0, 1]; 1 is in the last.
	Histograms [][]int
}

// Tally evaluates one cascade exactly, with confidences in so many bins.
func (s *Split) Tally(ctx context.Context, c Cascade, bins int) (*Tally, error) {
	r, err := s.Replay([]Cascade{c})
	if err != nil {
		return nil, err
	}
	stages := len(c.Stages)
	correct := make([]int, s.threads())
	counts := make([][][]int, len(correct)) // by thread and stage
	for t := range counts {
		counts[t] = histograms(stages, bins)
	}
	err = r.Run(ctx, len(correct), func(thread int, x *Sample) {
		exit := x.Exit(0)
		for stage := range exit + 1 {
			set := r.Set(0, stage)
			counts[thread][stage][ConfidenceBin(float64(x.Confidence(set))/(float64(r.Weight(set))*one), bins)]++
		}
		if x.Class(r.Set(0, exit)) == int(x.Label) {
			correct[thread]++
		}
	})
	if err != nil {
		return nil, err
	}
	t := &Tally{Histograms: histograms(stages, bins)}
	total, reach, costs := 0, make([]int, stages), make([]float64, stages)
	for thread, n := range correct {
		total += n
		for stage, h := range counts[thread] {
			for bin, n := range h {
				t.Histograms[stage][bin] += n
				reach[stage] += n
			}
		}
	}
	for stage, at := range c.Stages {
		costs[stage] = s.Costs[at.Model]
	}
	t.Evaluation = NewEvaluation(costs, total, reach, len(s.Labels))
	return t, nil
}

// ConfidenceBin is the number, from 0, of the part of [0, 1] that a confidence is in, of so many equal
// ones.
func ConfidenceBin(confidence float64, bins int) int {
	return min(int(confidence*float64(bins)), bins-1)
}

func histograms(stages, bins int) [][]int {
	all := make([][]int, stages)
	for i := range all {
		all[i] = make([]int, bins)
	}
	return all
}
