package optimize

import (
	"context"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/moea"
)

// gomeaExact is MO-GOMEA over chains whose thresholds are solved instead of
// searched. A genome has genes for models, as in [coding] but without those for
// thresholds, and one for a rate of exchange: what one wrong answer may cost. Its
// cascade is the best at that rate that sweeps over the thresholds find: each
// threshold is solved over the whole grid while the others stay. Every cascade tried
// on the way is offered. Unless the search is for the published space, a model that
// occurs twice gains weight and is paid for once.
type gomeaExact struct{}

const (
	gomeaExactModels = 6
	gomeaExactEvals  = 50_000_000 // every value of a threshold tried counts
	gomeaExactRates  = 32
)

func (gomeaExact) maxModels() int { return gomeaExactModels }

func (gomeaExact) check(o *Options) error {
	if o.Evals == 0 {
		o.Evals = gomeaExactEvals
	}
	return nil
}

func (gomeaExact) run(ctx context.Context, s *search) (proof Proof, err error) {
	c, v := newChainCoding(s), newThresholdSolver(s.newSoleWorker())
	v.archive, v.budget = s.archive, s.left()
	return Proof{}, s.mix(ctx, c.space(), func(genes []uint16) (moea.Score, error) {
		p, rate, ok := c.decode(genes)
		if !ok {
			return s.noCascade(), nil
		}
		if s.taken == len(s.results) && v.spent() {
			return moea.Score{}, moea.ErrSpent
		}
		r, err := s.evaluateNext(func() result { return v.solve(p, rate) })
		return s.score(p, r), err
	})
}

// A chainCoding maps genomes to chains and rates of exchange. It is a coding whose
// genes for thresholds are but one.
type chainCoding struct {
	coding
	rates []float64
}

func newChainCoding(s *search) *chainCoding {
	c := &chainCoding{coding: *newCoding(s)}
	c.alphabet = slices.Delete(c.alphabet, s.MaxModels, 2*s.MaxModels-1)
	c.alphabet = slices.Insert(c.alphabet, s.MaxModels, gomeaExactRates)
	// From one answer for what the most expensive model costs on all samples to one
	// for what the cheapest costs on one sample.
	low := 1 / (slices.Max(s.costs) * float64(s.Samples()))
	high := 1 / slices.Min(s.costs)
	for i := range gomeaExactRates {
		c.rates = append(c.rates, low*math.Pow(high/low, float64(i)/(gomeaExactRates-1)))
	}
	return c
}

// decode returns the chain of a genome, valid until the next call, with thresholds
// that let no sample exit early, the wrong answers that are worth one unit of total
// cost, and whether there is any model.
func (c *chainCoding) decode(genes []uint16) (p plan, rate float64, ok bool) {
	rules := c.Rules
	p = plan{rules[0], c.plan.members[:0], c.plan.exits[:0]}
	if len(rules) > 1 {
		p.rule = rules[genes[len(genes)-1]]
	}
	for _, gene := range genes[:c.MaxModels] {
		if gene == 0 {
			continue
		}
		if !c.Paper {
			same := func(m member) bool { return m.model == gene-1 }
			if i := slices.IndexFunc(p.members, same); i >= 0 {
				p.members[i].weight++
				continue
			}
		}
		if len(p.members) > 0 {
			p.exits = append(p.exits, uint8(len(c.Grid)-1))
		}
		p.members = append(p.members, member{gene - 1, 1})
	}
	c.plan = p
	return p, c.rates[genes[c.MaxModels]], len(p.members) > 0
}

// A thresholdSolver solves the thresholds of a chain one after the other.
type thresholdSolver struct {
	*worker
	budget int64 // evaluations that may still be made
	tables [][]byte
	last   []uint8  // of each sample, the stage it exits at
	after  []uint16 // where it exits if it goes on from the present one: stage<<1 | 1 if it is then correct
	exited []int32  // by stage: samples that exit there
	right  []int32  // and those answered correctly
	counts []int32  // by bin at the present stage and later stage of exit: samples
	gain   []int32  // by bin: correct answers gained by going on
}

func newThresholdSolver(w *worker) *thresholdSolver {
	bins := len(w.Grid) + 1
	return &thresholdSolver{
		worker: w,
		last:   make([]uint8, w.Samples()),
		after:  make([]uint16, w.Samples()),
		exited: make([]int32, w.MaxModels),
		right:  make([]int32, w.MaxModels),
		counts: make([]int32, bins*w.MaxModels),
		gain:   make([]int32, bins),
	}
}

// spent reports whether the budget does not suffice for another threshold.
func (v *thresholdSolver) spent() bool {
	return v.budget < int64(len(v.Grid))
}

// solve sweeps over the plan's thresholds, from the last to the first, until they
// stay, and returns what they do. Each in its turn takes the value that is best
// when every unit of total cost is worth rate correct answers.
func (v *thresholdSolver) solve(p plan, rate float64) result {
	stages := len(p.members)
	v.cache.unpin()
	v.tables = v.tables[:0]
	for stage := range stages {
		v.tables = append(v.tables, v.table(p, stage))
	}
	if stages == 1 {
		v.budget--
		return v.evaluateAndOffer(p, v.archive)
	}
	var r result
	for moved := true; moved; {
		moved = false
		v.exit(p)
		for i, b := range v.tables[stages-1] {
			v.after[i] = uint16(stages-1)<<1 | uint16(b&1)
		}
		for stage := stages - 2; stage >= 0; stage-- {
			if v.spent() {
				return r
			}
			before := p.exits[stage]
			r = v.solveStage(p, stage, rate)
			moved = moved || p.exits[stage] != before
			limit := 2 * (p.exits[stage] + 1)
			for i, b := range v.tables[stage] {
				if b >= limit {
					v.after[i] = uint16(stage)<<1 | uint16(b&1)
				}
			}
		}
	}
	return r
}

// exit finds the stage that each sample exits at.
func (v *thresholdSolver) exit(p plan) {
	clear(v.exited)
	clear(v.right)
	for i := range v.last {
		stage := 0
		for stage < len(p.exits) && v.tables[stage][i] < 2*(p.exits[stage]+1) {
			stage++
		}
		v.last[i] = uint8(stage)
		v.exited[stage]++
		v.right[stage] += int32(v.tables[stage][i] & 1)
	}
}

// solveStage tries all values of a stage's threshold, offers what they do, and
// leaves the best in the plan, the present one unless another is better.
func (v *thresholdSolver) solveStage(p plan, stage int, rate float64) result {
	stages := len(p.members)
	counts := v.counts[:len(v.gain)*stages]
	clear(counts)
	clear(v.gain)
	correct := int32(0) // of the samples that exit here or before, if none goes on
	for _, right := range v.right[:stage] {
		correct += right
	}
	table, after := v.tables[stage], v.after[:len(v.last)]
	for i, last := range v.last {
		if int(last) < stage {
			continue
		}
		b, a := table[i], after[i]
		bin := int(b >> 1)
		counts[bin*stages+int(a>>1)]++
		v.gain[bin] += int32(a&1) - int32(b&1)
		correct += int32(b & 1)
	}
	v.reach = v.reach[:0]
	here := v.Samples()
	for _, n := range v.exited[:stage] {
		v.reach = append(v.reach, here)
		here -= int(n)
	}
	v.reach = append(v.reach, here)
	for range stages - 1 - stage {
		v.reach = append(v.reach, 0)
	}
	var best, present result
	bestExit, exit := p.exits[stage], p.exits[stage]
	value := func(r result) float64 { return float64(r.correct) - rate*r.total }
	for g := range v.Grid {
		changes := g == 0
		for end, n := range counts[g*stages:][:stages] {
			if n > 0 {
				changes = true
				for later := stage + 1; later <= end; later++ {
					v.reach[later] += int(n)
				}
			}
		}
		correct += v.gain[g]
		r := result{correct, v.totalCost(p, v.reach)}
		if changes && r.total <= v.archive.cost[correct] {
			p.exits[stage] = uint8(g)
			v.archive.offer(int(correct), r.total, p, v.reach)
		}
		if g == 0 || value(r) > value(best) {
			best, bestExit = r, uint8(g)
		}
		if g == int(exit) {
			present = r
		}
	}
	v.evaluations.Add(int64(len(v.Grid)))
	v.budget -= int64(len(v.Grid))
	if p.exits[stage] = exit; value(best) > value(present) {
		p.exits[stage] = bestExit
		return best
	}
	return present
}
