package optimize

import (
	"context"
	"fmt"
	"runtime"
)

// ReliabilityBins is the number of bins of equal width that probabilities are
// sorted into.
const ReliabilityBins = 10

// Details say what a cascade does on a split, stage by stage and class by class.
type Details struct {
	Evaluation
	Stages  []StageDetails
	Classes []int // samples answered right, by their label
	// Samples that only this cascade, or only its rival, answers right.
	OnlyThis, OnlyRival int
}

// StageDetails say what one stage does with the samples that reach it. A sample is
// repaired when the stage before had it wrong and this one has it right, and broken
// the other way round; the first stage does neither. So the right answers of a
// cascade are those of its first model and, over all stages, Repaired - Broken.
type StageDetails struct {
	Exits       int // samples that are answered here
	Correct     int // of those, answered right
	Repaired    int
	Broken      int
	Reliability [ReliabilityBins]Bin
}

// A Bin holds the samples that reach a stage with a probability of the answer, the
// largest value of the mean, in one tenth of [0, 1]; 1 is in the last.
type Bin struct {
	Samples    int
	Correct    int     // samples whose answer at this stage is right
	Confidence float64 // their mean probability
}

// Detail is [Reevaluate] for people: it says of every cascade where its answers
// come from. Reading, exactness and memory are the same, but for a counter a cascade
// and class. rivals is nil, or gives for each cascade the place in cascades of the one
// it is compared with, sample by sample; -1 is none.
func Detail(ctx context.Context, labels []uint16, classes int, costs []float64, cascades []Cascade, rivals []int, open func(model int) (Rows, error)) ([]Details, error) {
	if rivals != nil && len(rivals) != len(cascades) {
		return nil, fmt.Errorf("%d rivals for %d cascades", len(rivals), len(cascades))
	}
	for i, c := range cascades {
		if err := c.Validate(len(costs)); err != nil {
			return nil, fmt.Errorf("cascade %d: %w", i+1, err)
		}
	}
	r := newReevaluation(cascades, classes)
	threads := make([]*detailer, runtime.GOMAXPROCS(0))
	for t := range threads {
		threads[t] = newDetailer(r, rivals)
	}
	err := r.stream(ctx, labels, open, len(threads), func(t int, rows [][]uint16, i, sample int) {
		threads[t].sample(rows, i, labels[sample])
	})
	if err != nil {
		return nil, err
	}
	details := make([]Details, len(cascades))
	for i, c := range cascades {
		d := Details{Stages: make([]StageDetails, len(c.Models)), Classes: make([]int, classes)}
		for _, t := range threads {
			for class, n := range t.right[i*classes:][:classes] {
				d.Classes[class] += int(n)
			}
			d.OnlyThis += t.only[i][0]
			d.OnlyRival += t.only[i][1]
		}
		correct, reach, left := 0, make([]int, len(c.Models)), len(labels)
		for stage := range d.Stages {
			s := &d.Stages[stage]
			for _, t := range threads {
				t.stages[i][stage].addTo(s)
			}
			reach[stage] = left
			left -= s.Exits
			correct += s.Correct
			weight := float64(r.weight(r.stages[i][stage]))
			for b := range s.Reliability {
				if bin := &s.Reliability[b]; bin.Samples > 0 {
					sum := uint64(0)
					for _, t := range threads {
						sum += t.stages[i][stage].sums[b]
					}
					bin.Confidence = float64(sum) / (weight * one * float64(bin.Samples))
				}
			}
		}
		d.Evaluation = newEvaluation(c, costs, correct, reach, len(labels))
		details[i] = d
	}
	return details, nil
}

// weight is the total weight of a set.
func (r *reevaluation) weight(set int) (total uint32) {
	for _, m := range r.sets[set] {
		total += uint32(m.weight)
	}
	return total
}

// A detailer is one thread's part of Detail.
type detailer struct {
	*reevaluator
	weights []uint32 // by set
	stages  [][]stageCount
	right   []uint32 // by cascade and class
	rivals  []int
	hit     []bool   // of the sample at hand, by cascade
	only    [][2]int // samples that only the cascade, or its rival, has right
}

// A stageCount is what one thread has seen of a stage. The sums of probabilities
// are exact, so that their order does not matter.
type stageCount struct {
	StageDetails
	sums [ReliabilityBins]uint64
}

func newDetailer(r *reevaluation, rivals []int) *detailer {
	d := &detailer{
		reevaluator: r.newThread(), right: make([]uint32, len(r.cascades)*r.classes),
		rivals: rivals, hit: make([]bool, len(r.cascades)), only: make([][2]int, len(r.cascades)),
	}
	for set := range r.sets {
		d.weights = append(d.weights, r.weight(set))
	}
	for _, stages := range r.stages {
		d.stages = append(d.stages, make([]stageCount, len(stages)))
	}
	return d
}

// sample runs all cascades on the i-th row of each model's block.
func (d *detailer) sample(rows [][]uint16, i int, label uint16) {
	d.samples++
	for c, stages := range d.reevaluation.stages {
		before := false
		for stage, set := range stages {
			d.answer(rows, i, set)
			s := &d.stages[c][stage]
			right := d.class[set] == int(label)
			b := min(int(uint64(d.top[set])*ReliabilityBins/(uint64(d.weights[set])<<24)), ReliabilityBins-1)
			s.sums[b] += uint64(d.top[set])
			s.Reliability[b].Samples++
			if right {
				s.Reliability[b].Correct++
			}
			switch {
			case stage > 0 && right && !before:
				s.Repaired++
			case stage > 0 && !right && before:
				s.Broken++
			}
			if stage == len(stages)-1 || float64(d.best[set]) > d.passes[c][stage] {
				s.Exits++
				d.hit[c] = right
				if right {
					s.Correct++
					d.right[c*d.classes+int(label)]++
				}
				break
			}
			before = right
		}
	}
	for c, rival := range d.rivals {
		switch {
		case rival < 0 || d.hit[c] == d.hit[rival]:
		case d.hit[c]:
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
