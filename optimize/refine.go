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

// nearFront is how many right answers a cascade may lack to the front and still be
// worked out again by [search.refine]: truncated lists are rarely wrong about more.
const nearFront = 2

// refine works the front out again on full outputs, where lists leave classes out:
// it makes the tables of the sets that the archive's cascades are built of exactly,
// those of the front and of what is near it, and solves the thresholds of their
// chains with them. The archive then holds what came of it.
func (s *search) refine(ctx context.Context) error {
	plans := s.archive.near(nearFront)
	var unsure []plan
	for _, p := range plans {
		// The lists have the largest value of every model alone.
		if s.Confidence != cascade.MaxProbability || p.rule == cascade.RuleMean && len(p.members) > 1 {
			unsure = append(unsure, p)
		}
	}
	s.workers = nil // their tables give room for those from full outputs
	if err := s.tabulateExactly(ctx, unsure); err != nil {
		return err
	}
	found := s.archive
	s.archive = newArchive(s.Samples(), s.limits)
	// What is solved here was counted when it was found, and is not to be resumed.
	evaluations := s.evaluations.Load()
	defer s.evaluations.Store(evaluations)
	s.Save, s.recorder.next, s.settledUnits = nil, math.MaxInt64, 0
	w := s.newWorker()
	for _, correct := range found.front() {
		p := found.plans[correct]
		if right, reach := w.evaluate(p); right != correct || s.totalCost(p, reach) != found.cost[correct] {
			s.corrected++
		}
	}
	solved := make(map[string]bool) // cascades
	for {
		var chains [][]plan
		byChain := make(map[string]int)
		for _, p := range plans {
			chain, name := string(chainKey(p)), string(cascadeKey(p))
			if solved[name] {
				continue
			}
			solved[name] = true
			i, ok := byChain[chain]
			if !ok {
				i = len(chains)
				byChain[chain] = i
				chains = append(chains, nil)
			}
			chains[i] = append(chains[i], p)
		}
		if len(chains) == 0 {
			return nil
		}
		err := s.parallel(ctx, "chains solved on full outputs", len(chains), func(w *worker) func(int) {
			n := w.newNeighborhood(nil, frontModels)
			return func(unit int) { n.settle(chains[unit-s.firstUnit]) }
		})
		if err != nil {
			return err
		}
		plans = s.archive.near(0)
	}
}

// near returns the cascades that at most slack more right answers would put on the front,
// those of the front among them.
func (a *archive) near(slack int) []plan {
	bound := make([]float64, len(a.cost)+1)
	a.staircase(bound)
	var plans []plan
	for correct, p := range a.plans {
		if len(p.members) > 0 && a.cost[correct] < bound[min(correct+slack+1, len(bound)-1)] {
			plans = append(plans, p)
		}
	}
	return plans
}

// allowNear makes a staircase one that what is near the front passes too. Chains that
// [prefix.mayImprove] proves to be dominated may be near it, and which ones are met is a
// matter of what a thread knows at the time.
func allowNear(bound []float64) {
	n := copy(bound, bound[nearFront+1:])
	for correct := n; correct < len(bound); correct++ {
		bound[correct] = math.Inf(1)
	}
}

// tabulateExactly makes the tables of all sets that plans are built of from full
// outputs. Models alone keep theirs if the lists are enough for it.
func (s *search) tabulateExactly(ctx context.Context, plans []plan) error {
	r, err := s.split().Replay(s.cascades(plans))
	if err != nil {
		return err
	}
	sets := make([][]member, r.Sets())
	for i, p := range plans {
		for stage := range p.members {
			set := normalize(nil, p.set(stage))
			if len(set) > 1 || s.Confidence != cascade.MaxProbability {
				sets[r.Set(i, stage)] = set
			}
		}
	}
	tables, cuts := make([][]byte, len(sets)), make([][]uint32, len(sets))
	for set, members := range sets {
		if members != nil {
			tables[set], cuts[set] = make([]byte, s.Samples()), s.cuts(r.Weight(set))
		}
	}
	progress := s.newPhase("samples worked out on full outputs", s.Samples())
	err = r.Run(ctx, s.Threads, func(_ int, x *cascade.Sample) {
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
		progress.done.Add(1)
	})
	if err != nil {
		return err
	}
	s.exact = make(map[string][]byte)
	s.singles = slices.Clone(s.singles)
	for set, members := range sets {
		switch len(members) {
		case 0:
		case 1:
			s.singles[members[0].model] = tables[set] // which its weight does not change
			fallthrough                               // named twice, a model is looked up with its weight
		default:
			s.exact[string(setKey(nil, members))] = tables[set]
		}
	}
	return nil
}

// split is the search's samples with the models' full outputs.
func (s *search) split() *cascade.Split {
	split := &cascade.Split{Labels: s.labels, Classes: s.classes, Costs: make(map[string]float64), Open: s.Outputs}
	lists := make(map[string]*kernel.Lists)
	for m := range s.models {
		split.Costs[s.models[m].Name], lists[s.models[m].Name] = s.costs[m], &s.lists[m]
	}
	split.Lists = func(model string) *kernel.Lists { return lists[model] }
	return split
}

func (s *search) cascades(plans []plan) []cascade.Cascade {
	cascades := make([]cascade.Cascade, len(plans))
	for i, p := range plans {
		cascades[i] = s.cascade(p)
	}
	return cascades
}

// settle solves the thresholds of a chain from every start, two neighbouring ones at
// a time: all of them where it has no more than two.
func (n *neighborhood) settle(starts []plan) {
	n.starts = starts
	n.next.rule = starts[0].rule
	chain := starts[0].members
	n.try(chain, -1, 0, len(chain), func(exits, start []uint8) []uint8 { return append(exits, start...) })
}

// truncated reports whether there are full outputs that say more than the lists.
func (s *search) truncated() bool { return s.Outputs != nil && s.lists[0].K < s.classes }

// snapExactly is [worker.snap] on full outputs.
func (s *search) snapExactly(ctx context.Context, points []front.Point) error {
	cascades := make([]cascade.Cascade, len(points))
	for i, p := range points {
		cascades[i] = p.Cascade
	}
	r, err := s.split().Replay(cascades)
	if err != nil {
		return err
	}
	threads := make([][][]gap, s.Threads)
	for t := range threads {
		for _, c := range cascades {
			threads[t] = append(threads[t], newGaps(len(c.Stages)-1))
		}
	}
	progress := s.newPhase("samples looked at for gaps", s.Samples())
	err = r.Run(ctx, s.Threads, func(thread int, x *cascade.Sample) {
		for c, gaps := range threads[thread] {
			for stage := range gaps {
				if gaps[stage].add(x.Confidence(r.Set(c, stage)), x.Exits(c, stage)) {
					break
				}
			}
		}
		progress.done.Add(1)
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
			if middle, ok := all.middle(r.Weight(r.Set(c, stage))); ok {
				stages[stage].Threshold = middle
			}
		}
		points[c].Stages = stages
	}
	return nil
}
