package optimize

import (
	"cmp"
	"context"
	"slices"
)

// auto is the default: all short chains exactly, then Pareto local search over
// longer ones with all thresholds of a changed place solved exactly, until no
// neighbour of a front member improves the front.
type auto struct{}

func (auto) maxModels() int { return 8 }

func (auto) check(o *Options) error { return nil }

func (auto) run(ctx context.Context, s *search) (proof string, err error) {
	if err := s.exactChains(ctx, min(2, s.MaxModels)); err != nil {
		return "", err
	}
	proof = s.proofOfChains(min(2, s.MaxModels))
	if s.MaxModels > 2 {
		err = s.localSearch(ctx)
	}
	return proof, err
}

// A scope says which neighbours of a cascade are looked at. Narrow scopes come
// first: most of what can be gained is gained there, for a fraction of the work.
type scope int

const (
	frontModels scope = iota // add models that the front already uses, in order of cost
	allModels                // add any model, in order of cost
	anyOrder                 // add any model anywhere
	scopes
)

// disorder is how many times dearer than all later models an added model may be
// without breaking the order of cost.
const disorder = 2

// localSearch explores the neighbours of every cascade on the front: a model
// inserted, replaced or removed, neighbouring stages swapped, a weight changed.
// What improves the front is explored in turn, a wider scope when a narrower one
// has nothing left.
func (s *search) localSearch(ctx context.Context) error {
	var explored [scopes]map[string]bool
	for i := range explored {
		explored[i] = make(map[string]bool)
	}
	for scope := frontModels; scope < scopes && (s.Evals == 0 || s.evaluations.Load() < s.Evals); {
		chains := s.unexplored(explored[scope])
		if len(chains) == 0 {
			scope++
			continue
		}
		models := s.modelsInScope(scope)
		err := s.parallel(ctx, "cascades explored", len(chains), func(w *worker) func(int) {
			n := w.newNeighborhood(models, scope)
			return func(unit int) { n.explore(unit, chains[unit-s.firstUnit]) }
		})
		if err != nil {
			return err
		}
		scope = frontModels
	}
	return nil
}

// modelsInScope returns the models that neighbours may add, ascending.
func (s *search) modelsInScope(scope scope) []uint16 {
	var models []uint16
	if scope > frontModels {
		for m := range s.models {
			models = append(models, uint16(m))
		}
		return models
	}
	for _, correct := range s.archive.front() {
		for _, m := range s.archive.plans[correct].members {
			models = append(models, m.model)
		}
	}
	slices.Sort(models)
	return slices.Compact(models)
}

// roundChains is how many chains are explored before the front is put together
// again: enough to keep many threads busy, few enough that the next ones start
// from a better front.
const roundChains = 64

// unexplored returns cascades of the front that explored does not know, those of
// one chain together, of at most roundChains chains, and adds them to it.
func (s *search) unexplored(explored map[string]bool) [][]plan {
	byChain := make(map[string]int)
	var chains [][]plan
	for _, correct := range s.archive.front() {
		p := s.archive.plans[correct]
		chain := string(append(setKey(nil, p.members), byte(p.rule)))
		key := chain + "@" + string(p.exits)
		if explored[key] {
			continue
		}
		i, ok := byChain[chain]
		if !ok && len(chains) == roundChains {
			continue
		}
		explored[key] = true
		if !ok {
			i = len(chains)
			byChain[chain] = i
			chains = append(chains, nil)
		}
		chains[i] = append(chains[i], p)
	}
	// Long chains take longest and go first, so that no thread ends alone.
	slices.SortStableFunc(chains, func(a, b []plan) int { return cmp.Compare(len(b[0].members), len(a[0].members)) })
	return chains
}

// A neighborhood explores what lies around the cascades of one chain.
type neighborhood struct {
	*worker
	models []uint16 // that may be added
	scope  scope
	window *window
	unit   int
	starts []plan          // the chain's cascades on the front
	solved map[string]bool // windows of the present neighbour already solved
	next   plan
	key    []byte
}

func (w *worker) newNeighborhood(models []uint16, scope scope) *neighborhood {
	return &neighborhood{worker: w, models: models, scope: scope, window: w.newWindow(), solved: make(map[string]bool)}
}

func (n *neighborhood) explore(unit int, starts []plan) {
	n.unit, n.starts = unit, starts
	chain := starts[0].members
	k := len(chain)
	n.next.rule = starts[0].rule

	keep := func(exits, start []uint8) []uint8 { return append(exits, start...) }
	for u := range max(1, k-2) {
		n.try(chain, -1, u, u, keep)
	}
	for p := range k {
		if k > 1 {
			n.try(slices.Delete(slices.Clone(chain), p, p+1), -1, p-1, p, func(exits, start []uint8) []uint8 {
				drop := min(p, k-2)
				return append(append(exits, start[:drop]...), start[drop+1:]...)
			})
		}
		if p+1 < k {
			swapped := slices.Clone(chain)
			swapped[p], swapped[p+1] = swapped[p+1], swapped[p]
			n.try(swapped, -1, p-1, p, keep)
		}
		if !n.Paper && n.next.rule == RuleMean && k > 1 {
			for _, weight := range []uint8{chain[p].weight - 1, chain[p].weight + 1} {
				if weight >= 1 && weight <= 4 {
					reweighed := slices.Clone(chain)
					reweighed[p].weight = weight
					n.try(reweighed, -1, p-1, p, keep)
				}
			}
		}
	}
	dearest := make([]float64, k+1) // of the models from a stage on
	for p := k - 1; p >= 0; p-- {
		dearest[p] = max(dearest[p+1], n.costs[chain[p].model])
	}
	inOrder := func(m uint16, later int) bool {
		return n.scope == anyOrder || later == k || n.costs[m] <= disorder*dearest[later]
	}
	for _, m := range n.models {
		add := member{m, 1}
		if !n.Paper && slices.ContainsFunc(chain, func(x member) bool { return x.model == add.model }) {
			continue
		}
		for p := range k {
			if chain[p].model != add.model && inOrder(m, p+1) {
				replaced := slices.Clone(chain)
				replaced[p] = add
				n.try(replaced, p, p-1, p, keep)
			}
		}
		if k == n.MaxModels {
			continue
		}
		for p := range k + 1 {
			if !inOrder(m, p) {
				continue
			}
			n.try(slices.Insert(slices.Clone(chain), p, add), p, p-1, p, func(exits, start []uint8) []uint8 {
				at := min(p, k-1)
				exits = append(exits, start[:at]...)
				exits = append(exits, 0)
				return append(exits, start[at:]...)
			})
		}
	}
}

// try solves windows from..to of a neighbour chain for every start, whose exits
// adapt makes fit the chain. fresh is the number of the member that is new, or -1.
func (n *neighborhood) try(chain []member, fresh, from, to int, adapt func(exits, start []uint8) []uint8) {
	k := len(chain)
	n.next.members = chain
	if n.worstCost(n.next) > n.MaxWorstCost {
		return
	}
	n.cache.unpin()
	tables := make([][]byte, k)
	for stage := range tables {
		tables[stage] = n.tableOver(n.next, stage, fresh)
	}
	if k == 1 {
		n.next.exits = n.next.exits[:0]
		n.window.offerExactly(n.unit, n.next, tables)
		return
	}
	last := max(0, k-3)
	from, to = min(max(from, 0), last), min(max(to, 0), last)
	clear(n.solved)
	for _, start := range n.starts {
		for u := from; u <= to; u++ {
			n.next.exits = adapt(n.next.exits[:0], start.exits)
			// Windows that differ only in the thresholds they solve are the same.
			n.key = append(n.key[:0], byte(u))
			n.key = append(n.key, n.next.exits[:u]...)
			if u+2 < len(n.next.exits) {
				n.key = append(n.key, n.next.exits[u+2:]...)
			}
			if n.solved[string(n.key)] {
				continue
			}
			n.solved[string(n.key)] = true
			n.window.solve(n.unit, n.next, tables, u)
		}
	}
}
