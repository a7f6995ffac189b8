package cascade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// one is the probability 1 in fixed point: stored outputs are integer multiples of
// 2^-24.
const one = 1 << 24

// A Replay runs cascades over the full outputs of a split. All samples that reach a stage
// have passed the same models, so confidence and answer depend only on the set of models
// so far: sets that several stages share are summed once per sample.
type Replay struct {
	split  *Split
	models []string        // by slot: those that the cascades name
	lists  []*kernel.Lists // by slot; nil if the split has none
	sets   []set
	stages [][]int     // by cascade and stage: the set
	passes [][]float64 // by cascade and stage: what the set's confidence must exceed
}

// A set is the members whose outputs or votes a stage sums.
type set struct {
	members []member // by slot, each once
	weight  uint32   // sum of the members'
	measure Confidence
	votes   bool
}

// A member is the slot of a model and its weight.
type member struct {
	slot   int
	weight uint32
}

// Replay prepares to run cascades, all of which must be valid and name models of the
// split.
func (s *Split) Replay(cascades []Cascade) (*Replay, error) {
	r := &Replay{split: s}
	slots := make(map[string]int)
	known := make(map[string]int)
	for i, c := range cascades {
		if err := s.check(c); err != nil {
			return nil, fmt.Errorf("cascade %d: %w", i+1, err)
		}
		for _, stage := range c.Stages {
			if _, ok := slots[stage.Model]; !ok {
				slots[stage.Model] = len(slots)
				r.models = append(r.models, stage.Model)
				if s.Lists != nil {
					r.lists = append(r.lists, s.Lists(stage.Model))
				}
			}
		}
		stages, passes := make([]int, len(c.Stages)), make([]float64, len(c.Stages)-1)
		var so []member
		for i, stage := range c.Stages {
			add := member{slots[stage.Model], uint32(stage.Weight)}
			if c.Rule == RuleLast {
				so, add.weight = nil, 1
			}
			so = append(so, add)
			set := newSet(so, c.Confidence)
			set.votes = c.Rule == RuleVote
			key := fmt.Sprint(set)
			n, ok := known[key]
			if !ok {
				n = len(r.sets)
				known[key] = n
				r.sets = append(r.sets, set)
			}
			stages[i] = n
			if i < len(passes) {
				passes[i] = float64(set.weight) * float64(stage.Threshold) * one
			}
		}
		r.stages, r.passes = append(r.stages, stages), append(r.passes, passes)
	}
	return r, nil
}

// newSet returns the set of members, with the weights of repeated models added.
func newSet(members []member, measure Confidence) set {
	s := set{measure: measure}
	for _, m := range members {
		s.weight += m.weight
		if i := slices.IndexFunc(s.members, func(x member) bool { return x.slot == m.slot }); i >= 0 {
			s.members[i].weight += m.weight
		} else {
			s.members = append(s.members, m)
		}
	}
	slices.SortFunc(s.members, func(a, b member) int { return cmp.Compare(a.slot, b.slot) })
	return s
}

// Sets returns how many distinct sets of models the stages have.
func (r *Replay) Sets() int { return len(r.sets) }

// Set returns the number of the set of a cascade's stage.
func (r *Replay) Set(cascade, stage int) int { return r.stages[cascade][stage] }

// Weight returns the total weight of a set.
func (r *Replay) Weight(set int) uint32 { return r.sets[set].weight }

// Run reads the outputs of the models once, in blocks, and calls visit for every sample,
// on so many threads at a time. The argument of visit is valid until it returns.
func (r *Replay) Run(ctx context.Context, threads int, visit func(thread int, x *Sample)) error {
	labels, classes := r.split.Labels, r.split.Classes
	sources := make([]Rows, len(r.models))
	for slot, model := range r.models {
		rows, err := r.split.Open(model)
		if err != nil {
			return err
		}
		if c, ok := rows.(io.Closer); ok {
			defer c.Close()
		}
		sources[slot] = rows
	}
	samples := make([]*Sample, threads)
	for t := range samples {
		samples[t] = r.newSample()
	}
	// A block of all models' rows should stay near 64 MiB.
	block := max(1, min(1024, (64<<20)/(2*classes*max(1, len(r.models)))))
	rows := make([][]uint16, len(r.models))
	for slot := range rows {
		rows[slot] = make([]uint16, block*classes)
	}
	for from := 0; from < len(labels); from += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(block, len(labels)-from)
		errs := make([]error, threads)
		onThreads(threads, func(t int) {
			for slot := t; slot < len(sources) && errs[t] == nil; slot += threads {
				if err := readFull(sources[slot], rows[slot][:n*classes], classes); err != nil {
					errs[t] = fmt.Errorf("model %q, row %d on: %w", r.models[slot], from, err)
				}
			}
		})
		if err := errors.Join(errs...); err != nil {
			return err
		}
		onThreads(threads, func(t int) {
			for i := t; i < n; i += threads {
				samples[t].move(rows, i, from+i)
				visit(t, samples[t])
			}
		})
	}
	return nil
}

// onThreads calls f for each thread on one of its own.
func onThreads(threads int, f func(thread int)) {
	var wait sync.WaitGroup
	for t := range threads {
		wait.Go(func() {
			defer crash.Guard()()
			f(t)
		})
	}
	wait.Wait()
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

// A Sample is one sample in a replay. Answers are computed on demand, each once.
type Sample struct {
	Number int
	Label  uint16

	replay *Replay
	rows   [][]uint16 // by slot: the block's rows
	place  int        // of the sample's row in a block
	visit  int        // counts samples, from 1
	fixed  [][]uint32 // by slot: outputs in fixed point
	filled []int      // by slot: the visit they are of
	votes  []vote     // by slot
	sum    []uint32
	buffer []uint32
	sets   []answer
}

// An answer is that of a set to the sample of a visit.
type answer struct {
	visit      int
	confidence uint32 // times the set's weight
	top        uint32 // largest sum
	class      int
}

// A vote is a model's answer to the sample of a visit.
type vote struct{ visit, class int }

func (r *Replay) newSample() *Sample {
	classes := r.split.Classes
	x := &Sample{
		replay: r,
		sum:    make([]uint32, classes),
		buffer: make([]uint32, classes),
		fixed:  make([][]uint32, len(r.models)),
		filled: make([]int, len(r.models)),
		votes:  make([]vote, len(r.models)),
		sets:   make([]answer, len(r.sets)),
	}
	for slot := range x.fixed {
		x.fixed[slot] = make([]uint32, classes)
	}
	return x
}

// move continues with another sample.
func (x *Sample) move(rows [][]uint16, place, number int) {
	x.rows, x.place, x.Number, x.Label = rows, place, number, x.replay.split.Labels[number]
	x.visit++
}

// Exit returns the stage at which a cascade answers the sample.
func (x *Sample) Exit(cascade int) (stage int) {
	for !x.Exits(cascade, stage) {
		stage++
	}
	return stage
}

// Exits reports whether the sample exits at a cascade's stage if it reaches it.
func (x *Sample) Exits(cascade, stage int) bool {
	passes := x.replay.passes[cascade]
	return stage == len(passes) || float64(x.Confidence(x.replay.stages[cascade][stage])) > passes[stage]
}

// Confidence returns the confidence of a set, in fixed point, times its weight.
func (x *Sample) Confidence(set int) uint32 { return x.answer(set).confidence }

// Class returns the answer of a set: the class of its largest sum, the lowest on a tie.
func (x *Sample) Class(set int) int { return x.answer(set).class }

// Top returns the largest sum of a set in fixed point: the probability of its answer,
// times its weight.
func (x *Sample) Top(set int) uint32 { return x.answer(set).top }

// Sum returns the sum of a set at a class in fixed point: its probability, times the
// weight of the set.
func (x *Sample) Sum(set, class int) (sum uint32) {
	s := &x.replay.sets[set]
	for _, m := range s.members {
		switch {
		case !s.votes:
			sum += m.weight * x.row(m.slot)[class]
		case x.vote(m.slot) == class:
			sum += m.weight * one
		}
	}
	return sum
}

func (x *Sample) answer(set int) *answer {
	a := &x.sets[set]
	if a.visit != x.visit {
		a.visit = x.visit
		s := &x.replay.sets[set]
		if s.votes || s.measure != MaxProbability || x.replay.lists == nil || !x.decideListed(s, a) {
			x.decide(s, a)
		}
	}
	return a
}

// decide sums the outputs of all classes, or the votes.
func (x *Sample) decide(s *set, a *answer) {
	if s.votes {
		x.sumVotes(s)
	} else {
		x.sumOutputs(s)
	}
	a.class = first(x.sum)
	a.top = x.sum[a.class]
	a.confidence = a.top
	if s.measure != MaxProbability {
		a.confidence = s.measure.dense(x.sum, s.weight, x.buffer)
	}
}

func (x *Sample) sumOutputs(s *set) {
	for place, m := range s.members {
		row := x.row(m.slot)[:len(x.sum)]
		if place == 0 {
			for c, p := range row {
				x.sum[c] = m.weight * p
			}
		} else {
			for c, p := range row {
				x.sum[c] += m.weight * p
			}
		}
	}
}

func (x *Sample) sumVotes(s *set) {
	clear(x.sum)
	for _, m := range s.members {
		x.sum[x.vote(m.slot)] += m.weight * one
	}
}

// vote returns a model's answer. Many sets share it.
func (x *Sample) vote(slot int) int {
	v := &x.votes[slot]
	if v.visit != x.visit {
		*v = vote{x.visit, first(x.row(slot))}
	}
	return v.class
}

// first returns the class of the largest value, the lowest such class on a tie.
func first(values []uint32) (class int) {
	for c, v := range values {
		if v > values[class] {
			class = c
		}
	}
	return class
}

// decideListed sums only the classes in the members' lists: no other one exceeds the sum
// of the lists' last values. It reports whether one of them is the answer.
func (x *Sample) decideListed(s *set, a *answer) bool {
	listed := func(m member) ([]uint16, []uint32) {
		l := x.replay.lists[m.slot]
		return l.Classes[x.Number*l.K:][:l.K], x.row(m.slot)
	}
	most, unlisted := uint32(0), uint32(0)
	for _, m := range s.members {
		if x.replay.lists[m.slot] == nil {
			return false
		}
		classes, row := listed(m)
		if int(classes[len(classes)-1]) >= len(row) {
			return false // padded: the list is complete and short
		}
		most += m.weight * row[classes[0]]
		unlisted += m.weight * row[classes[len(classes)-1]]
	}
	best, class := uint32(0), 0
	for _, m := range s.members {
		classes, row := listed(m)
		others := most - m.weight*row[classes[0]]
		for _, c := range classes {
			if others+m.weight*row[c] < best {
				break // and no later class does
			}
			sum := uint32(0)
			for _, other := range s.members {
				sum += other.weight * x.row(other.slot)[c]
			}
			if sum > best || sum == best && int(c) < class {
				best, class = sum, int(c)
			}
		}
	}
	a.confidence, a.top, a.class = best, best, class
	return best > unlisted
}

// row returns a model's outputs on the sample in fixed point. Many sets share them.
func (x *Sample) row(slot int) []uint32 {
	if x.filled[slot] != x.visit {
		x.filled[slot] = x.visit
		kernel.Fixed(x.fixed[slot], x.rows[slot][x.place*len(x.sum):][:len(x.sum)])
	}
	return x.fixed[slot]
}
