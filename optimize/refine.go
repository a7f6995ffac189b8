package optimize

import (
	"context"
	"math"
	"slices"
	"sort"

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
	var cascades []Cascade
	for _, p := range plans {
		// The lists have the largest value of every model alone.
		if s.Confidence != MaxProbability || p.rule == RuleMean && len(p.members) > 1 {
			cascades = append(cascades, p.cascade(s.Grid, s.Confidence))
		}
	}
	s.workers = nil // their tables give room for those from full outputs
	if err := s.tabulateExactly(ctx, cascades); err != nil {
		return err
	}
	found := s.archive
	s.archive = s.newArchive()
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
			return func(unit int) { n.settle(unit, chains[unit-s.firstUnit]) }
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

// tabulateExactly makes the tables of all sets that cascades are built of from full
// outputs. Models alone keep theirs where the lists are enough for it.
func (s *search) tabulateExactly(ctx context.Context, cascades []Cascade) error {
	r := newReevaluation(cascades, s.classes)
	tables := make([][]byte, len(r.sets))
	cuts := make([][]uint32, len(r.sets))
	for set := range r.sets {
		if s.Confidence == MaxProbability && len(r.sets[set]) == 1 {
			continue
		}
		tables[set] = make([]byte, s.Samples())
		cuts[set] = s.cuts(r.weight(set))
	}
	threads := make([]*reevaluator, s.Threads)
	progress := &phaseProgress{unit: "samples worked out on full outputs", total: int64(s.Samples())}
	s.progress.Store(progress)
	err := r.stream(ctx, s.labels, s.Outputs, s.Threads, func(thread int, rows [][]uint16, i, sample int) {
		if threads[thread] == nil {
			threads[thread] = r.newThread() // stream has given the models their slots now
		}
		t := threads[thread]
		t.samples++
		for set, table := range tables {
			if table == nil {
				continue
			}
			confidence, class := t.decideListed(s.lists, rows, i, sample, set)
			bin := sort.Search(len(cuts[set]), func(g int) bool { return cuts[set][g] >= confidence })
			table[sample] = byte(bin << 1)
			if class == int(s.labels[sample]) {
				table[sample] |= 1
			}
		}
		progress.done.Add(1)
	})
	if err != nil {
		return err
	}
	s.exact = make(map[string][]byte)
	s.singles = slices.Clone(s.singles)
	for set, table := range tables {
		switch members := r.sets[set]; {
		case table == nil:
		case len(members) == 1:
			s.singles[members[0].model] = table // which its weight does not change
		default:
			s.exact[string(setKey(nil, members))] = table
		}
	}
	return nil
}

// decideListed is decide with the help of the models' lists, which name the classes
// that can win: no other has more than the sum of the lists' last values.
func (t *reevaluator) decideListed(lists []kernel.Lists, rows [][]uint16, i, sample, set int) (confidence uint32, class int) {
	if t.measures[set] != MaxProbability {
		return t.decide(rows, i, set)
	}
	listed := func(m member) (classes []uint16, row []uint32) {
		l := &lists[m.model]
		return l.Classes[sample*l.K:][:l.K], t.row(rows, i, m.model)
	}
	most, unlisted := uint32(0), uint32(0)
	for _, m := range t.sets[set] {
		classes, row := listed(m)
		most += uint32(m.weight) * row[classes[0]]
		unlisted += uint32(m.weight) * row[classes[len(classes)-1]]
	}
	best := uint32(0)
	for _, m := range t.sets[set] {
		classes, row := listed(m)
		others := most - uint32(m.weight)*row[classes[0]]
		for _, c := range classes {
			if others+uint32(m.weight)*row[c] < best {
				break // nor do the classes further down reach it
			}
			sum := uint32(0)
			for _, other := range t.sets[set] {
				sum += uint32(other.weight) * t.row(rows, i, other.model)[c]
			}
			if sum > best || sum == best && int(c) < class {
				best, class = sum, int(c)
			}
		}
	}
	if best <= unlisted {
		return t.decide(rows, i, set)
	}
	t.top[set] = best
	return best, class
}

// settle solves the thresholds of a chain from every start, two neighbouring ones at
// a time: all of them where it has no more than two.
func (n *neighborhood) settle(unit int, starts []plan) {
	n.unit, n.starts = unit, starts
	n.next.rule = starts[0].rule
	chain := starts[0].members
	n.try(chain, -1, 0, len(chain), func(exits, start []uint8) []uint8 { return append(exits, start...) })
}

// truncated reports whether there are full outputs that say more than the lists.
func (s *search) truncated() bool { return s.Outputs != nil && s.lists[0].K < s.classes }

// snapExactly is [worker.snap] for many cascades on full outputs.
func (s *search) snapExactly(ctx context.Context, cascades []Cascade) error {
	r := newReevaluation(cascades, s.classes)
	type thread struct {
		*reevaluator
		gaps [][]gap // by cascade and stage
	}
	threads := make([]thread, s.Threads)
	progress := &phaseProgress{unit: "samples snapped to on full outputs", total: int64(s.Samples())}
	s.progress.Store(progress)
	err := r.stream(ctx, s.labels, s.Outputs, s.Threads, func(number int, rows [][]uint16, i, sample int) {
		t := &threads[number]
		if t.reevaluator == nil {
			t.reevaluator = r.newThread()
			for _, c := range cascades {
				t.gaps = append(t.gaps, newGaps(len(c.Thresholds)))
			}
		}
		t.samples++
		for c, passes := range r.passes {
			for stage, pass := range passes {
				set := r.stages[c][stage]
				if t.known[set] != t.samples {
					t.known[set] = t.samples
					t.best[set], t.class[set] = t.decideListed(s.lists, rows, i, sample, set)
				}
				if t.gaps[c][stage].add(t.best[set], float64(t.best[set]) > pass) {
					break
				}
			}
		}
		progress.done.Add(1)
	})
	if err != nil {
		return err
	}
	for c := range cascades {
		for stage := range cascades[c].Thresholds {
			all := newGaps(1)[0]
			for _, t := range threads {
				if t.reevaluator != nil {
					all.merge(t.gaps[c][stage])
				}
			}
			if middle, ok := all.middle(r.weight(r.stages[c][stage])); ok {
				cascades[c].Thresholds[stage] = middle
			}
		}
	}
	return nil
}
