package optimize

// snap returns the cascade of a plan with every threshold moved into the middle
// of the gap around it: between the largest confidence of a sample that stays at
// the stage and the smallest of one that exits. On the split searched nothing
// changes; on other samples such a threshold is less of an accident than a grid
// value next to a sample. A threshold that every sample, or none, exceeds stays.
func (w *worker) snap(p plan) Cascade {
	c := p.cascade(w.Grid, w.Confidence)
	alive := make([]int32, w.Samples())
	for i := range alive {
		alive[i] = int32(i)
	}
	for stage, g := range p.exits {
		weight := w.confidences(p, stage)
		cut := w.cuts(weight)[g]
		stays, exits := uint32(0), ^uint32(0)
		next := alive[:0]
		for _, i := range alive {
			if s := w.best[i]; s > cut {
				exits = min(exits, s)
			} else {
				stays = max(stays, s)
				next = append(next, i)
			}
		}
		if len(next) > 0 && len(next) < len(alive) {
			scale := float64(weight) * one
			middle := float32((float64(stays) + float64(exits)) / 2 / scale)
			if t := float64(middle) * scale; float64(stays) <= t && t < float64(exits) {
				c.Thresholds[stage] = middle
			}
		}
		alive = next
	}
	return c
}

// confidences leaves in best the confidence of a plan's stage on all samples, in
// fixed point times the weight that is returned.
func (w *worker) confidences(p plan, stage int) (weight uint32) {
	members := p.members[stage : stage+1]
	if p.rule == RuleMean {
		members = p.members[:stage+1]
	}
	w.set = normalize(w.set[:0], members)
	if p.rule == RuleLast {
		w.set[0].weight = 1
	}
	return w.sum(w.set)
}
