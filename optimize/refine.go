package optimize

import (
	"context"
	"math"
	"slices"
	"sort"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// nearFront is by how many correct answers a cascade may miss the front and still be
// solved again by [run.refine]: truncated lists are rarely wrong about more.
const nearFront = 2

// refine replaces what lists that leave classes out have found by what full outputs show:
// it makes the tables of the sets that the cascades on and near the front are built of
// from these, and solves the thresholds of their chains with them. The archive then holds
// what that finds. refine returns how many cascades of the front had different results by
// the lists.
func (r *run) refine(ctx context.Context) (corrected int, err error) {
	plans := r.archive.near(nearFront)
	var unsure []plan
	for _, p := range plans {
		if !r.eval.sure(p) {
			unsure = append(unsure, p)
		}
	}
	r.workers = nil // their tables make room for those from full outputs
	if err := r.tabulateOutputs(ctx, unsure); err != nil {
		return 0, err
	}
	found := r.archive
	r.archive = newArchive(r.eval.samples(), r.limits)
	// What is solved here was counted when it was found, and is not to be resumed.
	evaluations := r.evaluations.Load()
	defer r.evaluations.Store(evaluations)
	r.options.Save, r.recorder.next, r.checkpoint.units = nil, math.MaxInt64, 0
	w := r.newWorker()
	for _, score := range found.front() {
		p := found.plan(score)
		if now, reach := w.evaluate(p); now != found.correct(score) || r.eval.totalCost(p, reach) != found.totals[score] {
			corrected++
		}
	}
	solved := make(map[string]bool) // cascades
	for {
		open := byChain{places: make(map[string]int)}
		for _, p := range plans {
			if name := string(p.key()); !solved[name] {
				solved[name] = true
				open.add(p, len(plans))
			}
		}
		if len(open.chains) == 0 {
			return corrected, nil
		}
		err := r.parallel(ctx, "chains solved on full outputs", len(open.chains), func(w *worker) func(int) {
			n := newNeighborhood(ctx, r, w, nil, frontModels)
			return func(unit int) { n.solveChain(open.chains[unit]) }
		})
		if err != nil {
			return 0, err
		}
		plans = r.archive.near(0)
	}
}

// sure reports whether the lists have all that a plan's results depend on: the largest value
// of every model alone, and every vote. A set has as many sums as a list, and only the
// entropy needs more, of more votes for different classes.
func (e *evaluator) sure(p plan) bool {
	if p.rule == cascade.RuleVote {
		return e.confidence != cascade.Entropy || len(p.members) <= e.listed()
	}
	return e.confidence == cascade.MaxProbability && (p.rule == cascade.RuleLast || len(p.members) == 1)
}

// boundOf sets bound[s] to the least total at which a worker knows a score of s or more:
// what costs strictly more is dominated, or beyond the limit on the cost. Scores that are too
// low to be kept have -Inf. If full outputs follow, bound is raised so that what is near the
// front passes too. Chains that are left out because they are dominated may be near it, and
// which of them are tried would depend on what a thread knows at the time.
func (r *run) boundOf(w *worker, bound []float64) {
	w.archive.staircase(bound)
	if r.truncated() {
		n := copy(bound, bound[min(nearFront+1, len(bound)):])
		for score := n; score < len(bound); score++ {
			bound[score] = math.Inf(1)
		}
	}
	for score := range bound {
		if score < r.limits.correct {
			bound[score] = math.Inf(-1)
		} else {
			bound[score] = min(bound[score], r.limits.total)
		}
	}
}

// tabulateOutputs makes the tables of all sets that plans are built of from full outputs.
// Models alone keep theirs if the lists suffice.
func (r *run) tabulateOutputs(ctx context.Context, plans []plan) error {
	e := r.eval
	var cascades []cascade.Cascade
	for _, p := range plans {
		cascades = append(cascades, e.cascade(p))
	}
	replay, err := r.problem.split(r.options.Outputs).Replay(cascades)
	if err != nil {
		return err
	}
	sets := make([][]member, replay.Sets())
	for i, p := range plans {
		for stage := range p.members {
			set := e.set(nil, p, stage)
			if len(set) > 1 || e.confidence != cascade.MaxProbability {
				sets[replay.Set(i, stage)] = set
			}
		}
	}
	tables, cuts := make([][]byte, len(sets)), make([][]uint32, len(sets))
	for set, members := range sets {
		if members != nil {
			tables[set], cuts[set] = make([]byte, e.samples()), e.cuts(replay.Weight(set))
		}
	}
	phase := r.newPhase("samples evaluated on full outputs", e.samples())
	err = replay.Run(ctx, r.options.Threads, func(_ int, x *cascade.Sample) {
		for set, table := range tables {
			if table == nil {
				continue
			}
			confidence := x.Confidence(set)
			bin := sort.Search(len(cuts[set]), func(g int) bool { return cuts[set][g] >= confidence })
			table[x.Number] = byte(bin << 1)
			if x.Class(set) == int(x.Label) {
				table[x.Number] |= 1
			}
		}
		phase.done.Add(1)
	})
	if err != nil {
		return err
	}
	e.replayed = make(map[string][]byte)
	e.singles = slices.Clone(e.singles)
	for set, members := range sets {
		switch len(members) {
		case 0:
		case 1:
			e.singles[members[0].model] = tables[set] // which its weight does not change
			fallthrough                               // named twice, a model is looked up with its weight
		default:
			e.replayed[string(setKey(nil, members))] = tables[set]
		}
	}
	return nil
}

// split is the problem's samples with the models' full outputs.
func (p *Problem) split(open func(model string) (cascade.Rows, error)) *cascade.Split {
	split := &cascade.Split{Labels: p.labels, Classes: p.classes, Costs: make(map[string]float64), Open: open}
	lists := make(map[string]*kernel.Lists)
	for m, model := range p.models {
		split.Costs[model.Name], lists[model.Name] = model.Cost, &p.models[m].Lists
	}
	split.Lists = func(model string) *kernel.Lists { return lists[model] }
	return split
}

// snapOnOutputs is [worker.snap] on full outputs.
func (r *run) snapOnOutputs(ctx context.Context, points []front.Point) error {
	var cascades []cascade.Cascade
	for _, p := range points {
		cascades = append(cascades, p.Cascade)
	}
	replay, err := r.problem.split(r.options.Outputs).Replay(cascades)
	if err != nil {
		return err
	}
	threads := make([][][]gap, r.options.Threads)
	for t := range threads {
		for _, c := range cascades {
			threads[t] = append(threads[t], newGaps(len(c.Stages)-1))
		}
	}
	phase := r.newPhase("samples searched for gaps", r.eval.samples())
	err = replay.Run(ctx, r.options.Threads, func(thread int, x *cascade.Sample) {
		for c, gaps := range threads[thread] {
			for stage := range gaps {
				if gaps[stage].add(x.Confidence(replay.Set(c, stage)), x.Exits(c, stage)) {
					break
				}
			}
		}
		phase.done.Add(1)
	})
	if err != nil {
		return err
	}
	for c := range points {
		stages := slices.Clone(points[c].Stages)
		for stage := range stages[:len(stages)-1] {
			all := newGaps(1)[0]
			for _, gaps := range threads {
				all.merge(gaps[c][stage])
			}
			if middle, ok := all.middle(replay.Weight(replay.Set(c, stage))); ok {
				stages[stage].Threshold = middle
			}
		}
		points[c].Stages = stages
	}
	return nil
}
