package cascade

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
)

// ReliabilityBins is the number of bins of equal width for probabilities.
const ReliabilityBins = 10

// Details are the results of a cascade on a split, by stage and by class.
type Details struct {
	Evaluation
	Stages  []StageDetails
	Hits    []bool // by sample: answered correctly
	Classes []int  // samples answered correctly, by their label
	// Samples that only this cascade, or only its rival, answers correctly.
	OnlyThis, OnlyRival int
}

// StageDetails are the results of one stage on the samples that reach it. A sample is
// repaired if the answer of the stage before is wrong and that of this stage correct,
// and broken in the opposite case; the first stage does neither. So the correct answers
// of a cascade are those of its first model plus, over all stages, Repaired - Broken.
type StageDetails struct {
	Exits       int                  `json:"exits"`   // samples answered here
	Correct     int                  `json:"correct"` // of these, answered correctly
	Repaired    int                  `json:"repaired"`
	Broken      int                  `json:"broken"`
	Reliability [ReliabilityBins]Bin `json:"reliability"`
}

// A Bin holds the samples that reach a stage with a probability of the answer, the
// largest value of the mean or the answer's share of the votes, in one tenth of [0, 1]; 1
// is in the last. In JSON it is [samples, correct, confidence], because there are many.
type Bin struct {
	Samples    int
	Correct    int     // samples whose answer at this stage is correct
	Confidence float64 // their mean probability
}

// MarshalJSON writes the bin, with four digits of the confidence.
func (b Bin) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{b.Samples, b.Correct, math.Round(b.Confidence*1e4) / 1e4})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (b *Bin) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, &[]any{&b.Samples, &b.Correct, &b.Confidence})
}

// Detail is [Split.Evaluate] with results by stage and by class. rivals is nil, or has
// for each cascade the index in cascades of the one it is compared with, sample by
// sample; -1 is none.
func (s *Split) Detail(ctx context.Context, cascades []Cascade, rivals []int) ([]Details, error) {
	if rivals != nil && len(rivals) != len(cascades) {
		return nil, fmt.Errorf("%d rivals for %d cascades", len(rivals), len(cascades))
	}
	r, err := s.Replay(cascades)
	if err != nil {
		return nil, err
	}
	details := make([]Details, len(cascades))
	for i, c := range cascades {
		details[i] = Details{Stages: make([]StageDetails, len(c.Stages)), Hits: make([]bool, len(s.Labels)), Classes: make([]int, s.Classes)}
	}
	threads := make([]*detailer, s.threads())
	for t := range threads {
		threads[t] = &detailer{
			replay: r, details: details, correct: make([]uint32, len(cascades)*s.Classes),
			rivals: rivals, only: make([][2]int, len(cascades)),
		}
		for _, c := range cascades {
			threads[t].stages = append(threads[t].stages, make([]stageCount, len(c.Stages)))
		}
	}
	if err := r.Run(ctx, len(threads), func(thread int, x *Sample) { threads[thread].sample(x) }); err != nil {
		return nil, err
	}
	for i, c := range cascades {
		d := &details[i]
		for _, t := range threads {
			for class, n := range t.correct[i*s.Classes:][:s.Classes] {
				d.Classes[class] += int(n)
			}
			d.OnlyThis += t.only[i][0]
			d.OnlyRival += t.only[i][1]
		}
		correct, left := 0, len(s.Labels)
		costs, reach := make([]float64, len(c.Stages)), make([]int, len(c.Stages))
		for stage := range d.Stages {
			out := &d.Stages[stage]
			for _, t := range threads {
				t.stages[i][stage].addTo(out)
			}
			costs[stage], reach[stage] = s.Costs[c.Stages[stage].Model], left
			left -= out.Exits
			correct += out.Correct
			weight := float64(r.Weight(r.Set(i, stage)))
			for b := range out.Reliability {
				if bin := &out.Reliability[b]; bin.Samples > 0 {
					sum := uint64(0)
					for _, t := range threads {
						sum += t.stages[i][stage].sums[b]
					}
					bin.Confidence = float64(sum) / (weight * one * float64(bin.Samples))
				}
			}
		}
		d.Evaluation = NewEvaluation(costs, correct, reach, len(s.Labels))
	}
	return details, nil
}

// A detailer is one thread's part of Detail.
type detailer struct {
	replay  *Replay
	details []Details // of all threads, for the hits
	stages  [][]stageCount
	correct []uint32 // by cascade and class
	rivals  []int
	only    [][2]int // samples that only the cascade, or its rival, answers correctly
}

// A stageCount has the counts of one thread for a stage. The sums of probabilities are
// exact, so their order does not matter.
type stageCount struct {
	StageDetails
	sums [ReliabilityBins]uint64
}

// sample runs all cascades on a sample.
func (d *detailer) sample(x *Sample) {
	for c, stages := range d.stages {
		before := false
		for stage := range stages {
			s, set := &stages[stage], d.replay.Set(c, stage)
			correct := x.Class(set) == int(x.Label)
			whole := uint64(d.replay.Weight(set)) * one
			b := min(int(uint64(x.Top(set))*ReliabilityBins/whole), ReliabilityBins-1)
			s.sums[b] += uint64(x.Top(set))
			s.Reliability[b].Samples++
			if correct {
				s.Reliability[b].Correct++
			}
			switch {
			case stage > 0 && correct && !before:
				s.Repaired++
			case stage > 0 && !correct && before:
				s.Broken++
			}
			if x.Exits(c, stage) {
				s.Exits++
				d.details[c].Hits[x.Number] = correct
				if correct {
					s.Correct++
					d.correct[c*d.replay.split.Classes+int(x.Label)]++
				}
				break
			}
			before = correct
		}
	}
	hit := func(c int) bool { return d.details[c].Hits[x.Number] }
	for c, rival := range d.rivals {
		switch {
		case rival < 0 || hit(c) == hit(rival):
		case hit(c):
			d.only[c][0]++
		default:
			d.only[c][1]++
		}
	}
}

func (s *stageCount) addTo(total *StageDetails) {
	total.Exits += s.Exits
	total.Correct += s.Correct
	total.Repaired += s.Repaired
	total.Broken += s.Broken
	for b, bin := range s.Reliability {
		total.Reliability[b].Samples += bin.Samples
		total.Reliability[b].Correct += bin.Correct
	}
}
