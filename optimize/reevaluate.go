package optimize

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// Rows gives a model's full outputs on a split, in sample order: ReadRows fills
// dst with whole rows of float16 bits and returns how many, and io.EOF after the
// last.
type Rows interface {
	ReadRows(dst []uint16) (rows int, err error)
}

// Reevaluate evaluates cascades on full outputs, exactly and in one pass over
// the models that the cascades name; open is called once for each of those, and
// what it returns is closed at the end if it is an [io.Closer]. costs holds the
// cost of every model. Memory does not depend on the number of samples.
func Reevaluate(ctx context.Context, labels []uint16, classes int, costs []float64, cascades []Cascade, open func(model int) (Rows, error)) ([]Evaluation, error) {
	r := newReevaluation(cascades, classes)
	for i, c := range cascades {
		if err := c.Validate(len(costs)); err != nil {
			return nil, fmt.Errorf("cascade %d: %w", i+1, err)
		}
	}
	threads := make([]*reevaluator, runtime.GOMAXPROCS(0))
	for t := range threads {
		threads[t] = r.newThread()
	}
	err := r.stream(ctx, labels, open, len(threads), func(t int, rows [][]uint16, i, sample int) {
		threads[t].sample(rows, i, labels[sample])
	})
	if err != nil {
		return nil, err
	}
	evaluations := make([]Evaluation, len(cascades))
	for i, c := range cascades {
		correct, reach := 0, make([]int, len(c.Models))
		for _, t := range threads {
			correct += t.correct[i]
			for stage := range reach {
				reach[stage] += t.reach[i][stage]
			}
		}
		evaluations[i] = newEvaluation(c, costs, correct, reach, len(labels))
	}
	return evaluations, nil
}

// stream reads the outputs of the models in use once, in blocks, and calls do
// for every sample: with the number of the thread it is called on, the block of each
// slot, the sample's place in the block, and its number.
func (r *reevaluation) stream(ctx context.Context, labels []uint16, open func(model int) (Rows, error), threads int, do func(thread int, rows [][]uint16, i, sample int)) error {
	used := slices.Sorted(maps.Keys(r.models))
	sources := make([]Rows, len(used))
	for slot, m := range used {
		rows, err := open(m)
		if err != nil {
			return err
		}
		if c, ok := rows.(io.Closer); ok {
			defer c.Close()
		}
		sources[slot], r.models[m] = rows, slot
	}
	// A block of all models' rows should stay near 64 MiB.
	block := max(1, min(1024, (64<<20)/(2*r.classes*max(1, len(used)))))
	rows := make([][]uint16, len(used))
	for slot := range rows {
		rows[slot] = make([]uint16, block*r.classes)
	}
	for from := 0; from < len(labels); from += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(block, len(labels)-from)
		var wait sync.WaitGroup
		errs := make([]error, threads)
		for t := range threads {
			wait.Go(func() {
				for slot := t; slot < len(sources) && errs[t] == nil; slot += threads {
					if err := readFull(sources[slot], rows[slot][:n*r.classes], r.classes); err != nil {
						errs[t] = fmt.Errorf("model number %d, row %d on: %w", used[slot], from, err)
					}
				}
			})
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		for t := range threads {
			wait.Go(func() {
				for i := t; i < n; i += threads {
					do(t, rows, i, from+i)
				}
			})
		}
		wait.Wait()
	}
	return nil
}

// readFull fills dst with whole rows.
func readFull(r Rows, dst []uint16, classes int) error {
	for len(dst) > 0 {
		n, err := r.ReadRows(dst)
		dst = dst[n*classes:]
		if len(dst) > 0 && err != nil {
			if errors.Is(err, io.EOF) {
				return fmt.Errorf("%d rows are missing: %w", len(dst)/classes, io.ErrUnexpectedEOF)
			}
			return err
		}
		if n == 0 && err == nil {
			return io.ErrNoProgress
		}
	}
	return nil
}

// A reevaluation knows the distinct sets that cascades are made of: their stages
// share most of them, and on each sample a set is summed up once.
type reevaluation struct {
	classes  int
	cascades []Cascade
	models   map[int]int // slot of each model in use
	sets     [][]member
	measures []Confidence // by set
	stages   [][]int      // by cascade and stage: the set
	passes   [][]float64  // by cascade and stage: what the set's sum must exceed
}

func newReevaluation(cascades []Cascade, classes int) *reevaluation {
	r := &reevaluation{classes: classes, cascades: cascades, models: make(map[int]int)}
	known := make(map[string]int)
	for _, c := range cascades {
		var members []member
		var stages []int
		var passes []float64
		weight := 0.0
		for stage, m := range c.Models {
			r.models[m] = 0
			add := member{uint16(m), uint8(c.Weight(stage))}
			if c.Rule == RuleLast {
				members, weight, add.weight = nil, 0, 1
			}
			members = append(members, add)
			weight += float64(add.weight)
			set := normalize(nil, members)
			key := string(append(setKey(nil, set), byte(c.Confidence)))
			if _, ok := known[key]; !ok {
				known[key] = len(r.sets)
				r.sets = append(r.sets, set)
				r.measures = append(r.measures, c.Confidence)
			}
			stages = append(stages, known[key])
			if stage < len(c.Thresholds) {
				passes = append(passes, weight*float64(c.Thresholds[stage])*one)
			}
		}
		r.stages, r.passes = append(r.stages, stages), append(r.passes, passes)
	}
	return r
}

// A reevaluator is one thread's part of a reevaluation.
type reevaluator struct {
	*reevaluation
	sum     []uint32
	buffer  []uint32
	fixed   [][]uint32 // by slot: outputs on one sample, in fixed point
	filled  []int      // by slot: the number of that sample
	known   []int      // by set: the number of the sample its answer is for
	best    []uint32   // confidence, times the weight
	top     []uint32   // largest sum
	class   []int
	samples int
	correct []int
	reach   [][]int
}

func (r *reevaluation) newThread() *reevaluator {
	t := &reevaluator{
		reevaluation: r,
		sum:          make([]uint32, r.classes),
		buffer:       make([]uint32, r.classes),
		fixed:        make([][]uint32, len(r.models)),
		filled:       make([]int, len(r.models)),
		known:        make([]int, len(r.sets)),
		best:         make([]uint32, len(r.sets)),
		top:          make([]uint32, len(r.sets)),
		class:        make([]int, len(r.sets)),
		correct:      make([]int, len(r.cascades)),
	}
	for slot := range t.fixed {
		t.fixed[slot], t.filled[slot] = make([]uint32, r.classes), -1
	}
	for _, c := range r.cascades {
		t.reach = append(t.reach, make([]int, len(c.Models)))
	}
	return t
}

// sample runs all cascades on the i-th row of each model's block.
func (t *reevaluator) sample(rows [][]uint16, i int, label uint16) {
	t.samples++
	for c, stages := range t.stages {
		stage := t.exit(rows, i, c)
		for reached := range stage + 1 {
			t.reach[c][reached]++
		}
		if t.class[stages[stage]] == int(label) {
			t.correct[c]++
		}
	}
}

// exit returns the stage at which a cascade answers the sample; the answer of that
// stage's set is known then.
func (t *reevaluator) exit(rows [][]uint16, i, cascade int) (stage int) {
	stages, passes := t.stages[cascade], t.passes[cascade]
	for {
		set := stages[stage]
		t.answer(rows, i, set)
		if stage == len(stages)-1 || float64(t.best[set]) > passes[stage] {
			return stage
		}
		stage++
	}
}

// answer makes sure that the answer of a set on the sample is known.
func (t *reevaluator) answer(rows [][]uint16, i, set int) {
	if t.known[set] != t.samples {
		t.known[set] = t.samples
		t.best[set], t.class[set] = t.decide(rows, i, set)
	}
}

// decide returns the confidence of a set on a sample, times its weight, and the
// lowest class whose sum is largest.
func (t *reevaluator) decide(rows [][]uint16, i, set int) (confidence uint32, class int) {
	weight := uint32(0)
	for place, m := range t.sets[set] {
		w, row := uint32(m.weight), t.row(rows, i, m.model)[:len(t.sum)]
		weight += w
		if place == 0 {
			for c, p := range row {
				t.sum[c] = w * p
			}
		} else {
			for c, p := range row {
				t.sum[c] += w * p
			}
		}
	}
	best := t.sum[0]
	for c, s := range t.sum {
		if s > best {
			best, class = s, c
		}
	}
	t.top[set] = best
	if t.measures[set] == MaxProbability {
		return best, class
	}
	return t.measures[set].dense(t.sum, weight, t.buffer), class
}

// row returns a model's outputs on the sample in fixed point. Many sets share it.
func (t *reevaluator) row(rows [][]uint16, i int, model uint16) []uint32 {
	slot := t.models[int(model)]
	if t.filled[slot] != t.samples {
		t.filled[slot] = t.samples
		kernel.Fixed(t.fixed[slot], rows[slot][i*t.classes:][:t.classes])
	}
	return t.fixed[slot]
}
