package optimize

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// Many cascades on many samples, once each: the samples are taken a few at a time, so that what
// all cascades need of them stays in the processor's caches. Of a cascade, a stage's set is summed
// on the samples that reach it; of cascades that have a set in common, by the first that needs it.

// A Count is what a cascade does on samples.
type Count struct {
	Correct int
	Reach   []int // samples that reach each stage
}

// countSamples is how many samples are taken at a time.
const countSamples = 1024

// Count returns what cascades do on the problem's samples, by the models' lists, as
// [Problem.Evaluate] does of one. done, which may be nil, is called with the number of samples
// that a thread has counted.
func (p *Problem) Count(ctx context.Context, cascades []cascade.Cascade, threads int, done func(samples int)) ([]Count, error) {
	plan, err := p.newCountPlan(cascades)
	if err != nil {
		return nil, err
	}
	pieces := (p.Samples() + countSamples - 1) / countSamples
	counters := make([]*counter, max(1, min(threads, pieces)))
	var next atomic.Int64
	var wait sync.WaitGroup
	for i := range counters {
		counters[i] = newCounter(plan)
		wait.Go(func() {
			defer crash.Guard()()
			for ctx.Err() == nil {
				from := (int(next.Add(1)) - 1) * countSamples
				if from >= p.Samples() {
					return
				}
				to := min(from+countSamples, p.Samples())
				counters[i].count(p, from, to)
				if done != nil {
					done(to - from)
				}
			}
		})
	}
	wait.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	counts := counters[0].counts
	for _, other := range counters[1:] {
		for i, c := range other.counts {
			counts[i].Add(c)
		}
	}
	return counts, nil
}

// Add adds what the cascade does on other samples.
func (c *Count) Add(other Count) {
	c.Correct += other.Correct
	for stage, n := range other.Reach {
		c.Reach[stage] += n
	}
}

// A countPlan is cascades as the sets of their stages.
type countPlan struct {
	votes  bool
	sets   []countSet
	chains []countChain
}

// A countSet is a normalized set, and the confidence of it that counts.
type countSet struct {
	members    []member
	confidence cascade.Confidence
}

// A countChain is the sets of a cascade's stages, by number, and what the confidence of all but the
// last must exceed.
type countChain struct {
	sets []int
	cuts []uint32
}

func (p *Problem) newCountPlan(cascades []cascade.Cascade) (*countPlan, error) {
	c := &countPlan{}
	for _, x := range cascades {
		c.votes = c.votes || x.Rule == cascade.RuleVote
	}
	e := &evaluator{models: p.models}
	known := map[string]int{}
	for _, x := range cascades {
		if err := x.Validate(); err != nil {
			return nil, err
		}
		chain, whole := countChain{}, plan{rule: x.Rule}
		for i, stage := range x.Stages {
			m, ok := p.Find(stage.Model)
			if !ok {
				return nil, fmt.Errorf("stage %d: no model named %q", i+1, stage.Model)
			}
			whole.members = append(whole.members, member{uint16(m), uint8(stage.Weight)})
			set := e.set(nil, whole, i)
			key := string(append(setKey(nil, set), byte(x.Confidence)))
			n, ok := known[key]
			if !ok {
				n = len(c.sets)
				known[key] = n
				c.sets = append(c.sets, countSet{set, x.Confidence})
			}
			chain.sets = append(chain.sets, n)
			if i < len(x.Stages)-1 {
				chain.cuts = append(chain.cuts, Grid{stage.Threshold}.cuts(weightOf(set))[0])
			}
		}
		c.chains = append(c.chains, chain)
	}
	return c, nil
}

// A counter counts on one thread.
type counter struct {
	plan    *countPlan
	sums    []countSums // of each set
	counts  []Count     // of each cascade
	open    []int32     // samples that reach a stage
	unknown []int32
}

// countSums are the confidence of a set and its class on the samples at hand, as far as known.
type countSums struct {
	best  []uint32
	class []uint16
	known [countSamples / 64]uint64
}

func newCounter(plan *countPlan) *counter {
	c := &counter{
		plan: plan, sums: make([]countSums, len(plan.sets)), counts: make([]Count, len(plan.chains)),
		open: make([]int32, countSamples), unknown: make([]int32, countSamples),
	}
	for i, chain := range plan.chains {
		c.counts[i].Reach = make([]int, len(chain.sets))
	}
	for i := range c.sums {
		c.sums[i].best, c.sums[i].class = make([]uint32, countSamples), make([]uint16, countSamples)
	}
	return c
}

// count adds what the cascades do on the samples from..to-1.
func (c *counter) count(p *Problem, from, to int) {
	part := &Problem{labels: p.labels[from:to], classes: p.classes, models: append([]Model(nil), p.models...)}
	for m := range part.models {
		part.models[m].Lists = p.models[m].Lists.Slice(from, to)
	}
	workers := map[cascade.Confidence]*worker{}
	for _, set := range c.plan.sets {
		if workers[set.confidence] == nil {
			workers[set.confidence] = newEvaluator(part, nil, set.confidence, c.plan.votes).newWorker(0, 0, new(atomic.Int64))
		}
	}
	for i := range c.sums {
		clear(c.sums[i].known[:])
	}
	for i, chain := range c.plan.chains {
		open := c.open[:to-from]
		for sample := range open {
			open[sample] = int32(sample)
		}
		count := &c.counts[i]
		for stage, n := range chain.sets {
			if len(open) == 0 {
				break
			}
			count.Reach[stage] += len(open)
			c.find(workers[c.plan.sets[n].confidence], n, open)
			sums := &c.sums[n]
			if stage == len(chain.cuts) {
				for _, sample := range open {
					if sums.class[sample] == part.labels[sample] {
						count.Correct++
					}
				}
				break
			}
			left := 0
			for _, sample := range open {
				if sums.best[sample] <= chain.cuts[stage] {
					open[left] = sample
					left++
				} else if sums.class[sample] == part.labels[sample] {
					count.Correct++
				}
			}
			open = open[:left]
		}
	}
}

// find finds what a set makes of samples, those of which it is known apart.
func (c *counter) find(w *worker, n int, samples []int32) {
	set, sums, all := c.plan.sets[n], &c.sums[n], w.eval.samples()
	best, class := sums.best[:all], sums.class[:all]
	unknown := 0
	for _, sample := range samples {
		c.unknown[unknown] = sample
		unknown += int(^sums.known[sample>>6] >> (sample & 63) & 1)
	}
	switch {
	case unknown == 0:
	case set.confidence != cascade.MaxProbability:
		w.sum(set.members)
		copy(best, w.best)
		copy(class, w.class)
		sums.knowAll()
	case len(set.members) == 1 || unknown > all/2:
		parts, weights := w.split(set.members)
		kernel.ResolveAll(best, class, parts, weights)
		sums.knowAll()
	default:
		parts, weights := w.split(set.members)
		kernel.ResolveSamples(best, class, c.unknown[:unknown], parts, weights)
		for _, sample := range c.unknown[:unknown] {
			sums.known[sample>>6] |= 1 << (sample & 63)
		}
	}
}

func (s *countSums) knowAll() {
	for i := range s.known {
		s.known[i] = math.MaxUint64
	}
}
