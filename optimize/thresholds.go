package optimize

// A thresholdSolver solves the thresholds of a chain one after the other.
type thresholdSolver struct {
	w      *worker
	budget int64    // evaluations that may still be made
	tables [][]byte // of the chain's stages
	last   []uint8  // of each sample, the stage it exits at
	after  []uint16 // and at which if it goes on from the present stage: stage<<1 | 1 if it is then correct
	exited []int32  // by stage: samples that exit there
	hits   []int32  // and those answered correctly
	counts []int32  // by bin at the present stage and later stage of exit: samples
	gain   []int32  // by bin: correct answers gained by going on
	reach  []int    // by stage
}

// newThresholdSolver returns a solver for chains of at most longest models.
func newThresholdSolver(w *worker, longest int) *thresholdSolver {
	bins, samples := len(w.eval.grid)+1, w.eval.samples()
	return &thresholdSolver{
		w:      w,
		last:   make([]uint8, samples),
		after:  make([]uint16, samples),
		exited: make([]int32, longest),
		hits:   make([]int32, longest),
		counts: make([]int32, bins*longest),
		gain:   make([]int32, bins),
	}
}

// spent reports whether the budget does not suffice for another threshold.
func (v *thresholdSolver) spent() bool {
	return v.budget < int64(len(v.w.eval.grid))
}

// solve sweeps over the plan's thresholds, from the last to the first, until none changes,
// and returns the outcome. Each in turn takes the value that is best if every unit of
// total cost is worth rate correct answers.
func (v *thresholdSolver) solve(p plan, rate float64) outcome {
	stages := len(p.members)
	v.tables = v.w.tabulate(p, -1)
	if stages == 1 {
		v.budget--
		return v.w.evaluateAndOffer(p, v.w.archive)
	}
	var r outcome
	for moved := true; moved; {
		moved = false
		v.exit(p)
		for i, b := range v.tables[stages-1] {
			v.after[i] = uint16(stages-1)<<1 | uint16(b&1)
		}
		for stage := stages - 2; stage >= 0; stage-- {
			if v.spent() || v.w.stopped() {
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
	clear(v.hits)
	for i := range v.last {
		stage := 0
		for stage < len(p.exits) && v.tables[stage][i] < 2*(p.exits[stage]+1) {
			stage++
		}
		v.last[i] = uint8(stage)
		v.exited[stage]++
		v.hits[stage] += int32(v.tables[stage][i] & 1)
	}
}

// solveStage tries all values of a stage's threshold, offers what they give, and leaves
// the best in the plan: the present one unless another is better.
func (v *thresholdSolver) solveStage(p plan, stage int, rate float64) outcome {
	stages := len(p.members)
	counts := v.counts[:len(v.gain)*stages]
	clear(counts)
	clear(v.gain)
	correct := int32(0) // of the samples that exit here or before, if none goes on
	for _, hits := range v.hits[:stage] {
		correct += hits
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
	here := len(v.last)
	for _, n := range v.exited[:stage] {
		v.reach = append(v.reach, here)
		here -= int(n)
	}
	v.reach = append(v.reach, here)
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
