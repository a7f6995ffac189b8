package optimize

import (
	"math"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// solvedStages is the length of the longest chain whose thresholds are solved: a byte holds the stage
// at which a sample exits, and whether it is correct.
const solvedStages = 128

// A thresholdSolver solves the thresholds of a chain one after the other.
type thresholdSolver struct {
	w       *worker
	budget  int64      // evaluations that may still be made
	tables  [][]byte   // of the chain's stages
	reached [][]uint64 // by stage, a bit a sample: it reaches the stage
	exited  []int      // by stage: samples that exit there
	hits    []int      // and those answered correctly
	after   []byte     // of each sample, where it exits if it goes on from the present stage: stage<<1 | 1 if it is then correct
	here    []byte     // of the samples that reach the present stage, side by side: entries
	then    []byte     // and after
	cells   []uint16   // bins and stages of exit
	counts  []int32    // by bin at the present stage and later stage of exit: samples
	gain    []int32    // by bin: correct answers gained by going on
	reach   []int      // by stage
}

// newThresholdSolver returns a solver for chains of at most longest models.
func newThresholdSolver(w *worker, longest int) *thresholdSolver {
	longest = min(longest, solvedStages)
	bins, samples := len(w.eval.grid)+1, w.eval.samples()
	v := &thresholdSolver{
		w:      w,
		exited: make([]int, longest),
		hits:   make([]int, longest),
		after:  make([]byte, samples),
		here:   make([]byte, samples),
		then:   make([]byte, samples),
		cells:  make([]uint16, samples),
		counts: make([]int32, bins*longest),
		gain:   make([]int32, bins),
	}
	for range longest {
		v.reached = append(v.reached, allBits(nil, samples))
	}
	return v
}

// allBits returns n bits that are all 1, reusing to.
func allBits(to []uint64, n int) []uint64 {
	to = to[:0]
	for ; n >= 64; n -= 64 {
		to = append(to, math.MaxUint64)
	}
	if n > 0 {
		to = append(to, 1<<n-1)
	}
	return to
}

// spent reports whether the budget does not suffice for another threshold.
func (v *thresholdSolver) spent() bool {
	return v.budget < int64(len(v.w.eval.grid))
}

// solve sweeps over the plan's thresholds, from the last to the first, until none changes,
// and returns the outcome. Each in turn takes the value that is best if every unit of
// total cost is worth rate correct answers. The thresholds of a chain of more than solvedStages stay, and
// there are no tables of it.
func (v *thresholdSolver) solve(p plan, rate float64) outcome {
	stages := len(p.members)
	if stages == 1 || stages > solvedStages {
		v.tables = nil
		v.budget--
		return v.w.evaluateAndOffer(p, v.w.archive)
	}
	v.tables = v.w.tabulate(p, -1)
	var r outcome
	for moved := true; moved; {
		moved = false
		for stage, exit := range v.w.exitsOf(p)[:stages-2] { // none looks at what the last one lets through
			copy(v.reached[stage+1], v.reached[stage])
			v.exited[stage], v.hits[stage] = kernel.Pass(v.reached[stage+1], v.tables[stage], exit)
		}
		kernel.Settle(v.after, v.tables[stages-1], 0, 1, byte(stages-1)<<1)
		for stage := stages - 2; stage >= 0; stage-- {
			if v.spent() || v.w.stopped() {
				return r
			}
			before := p.exits[stage]
			r = v.solveStage(p, stage, rate)
			moved = moved || p.exits[stage] != before
			kernel.Settle(v.after, v.tables[stage], 2*(p.exits[stage]+1), 1, byte(stage)<<1)
		}
	}
	return r
}

// solveStage tries all values of a stage's threshold, offers what they give, and leaves
// the best in the plan: the present one unless another is better.
func (v *thresholdSolver) solveStage(p plan, stage int, rate float64) outcome {
	stages := len(p.members)
	table, then := v.tables[stage], v.after
	if stage > 0 {
		reach := kernel.Compact(v.here, v.reached[stage], table)
		kernel.Compact(v.then, v.reached[stage], then)
		table, then = v.here[:reach], v.then[:reach]
	}
	counts, cells := v.counts[:len(v.gain)*stages], v.cells[:len(table)]
	clear(counts)
	kernel.Cells(cells, table, then, stages)
	kernel.Count(counts, cells)
	clear(v.gain)
	kernel.Delta1(v.gain, table, table, then)
	correct := int32(kernel.Correct(table)) // of the samples that exit here or before, if none goes on
	for _, hits := range v.hits[:stage] {
		correct += int32(hits)
	}
	v.reach = v.reach[:0]
	left := v.w.eval.samples()
	for _, n := range v.exited[:stage] {
		v.reach = append(v.reach, left)
		left -= n
	}
	v.reach = append(v.reach, left)
	for range stages - 1 - stage {
		v.reach = append(v.reach, 0)
	}
	e, archive := v.w.eval, v.w.archive
	known := archive.known(stages)
	var best, present outcome
	bestExit, exit := p.exits[stage], p.exits[stage]
	value := func(r outcome) float64 { return float64(r.correct) - rate*r.total }
	for g := range e.grid {
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
		r := outcome{correct, e.totalCost(p, v.reach)}
		if changes && r.total <= known[correct] {
			p.exits[stage] = uint8(g)
			archive.offer(int(correct), r.total, p, v.reach)
		}
		if g == 0 || value(r) > value(best) {
			best, bestExit = r, uint8(g)
		}
		if g == int(exit) {
			present = r
		}
	}
	v.w.evaluations.Add(int64(len(v.w.eval.grid)))
	v.budget -= int64(len(v.w.eval.grid))
	if p.exits[stage] = exit; value(best) > value(present) {
		p.exits[stage] = bestExit
		return best
	}
	return present
}
