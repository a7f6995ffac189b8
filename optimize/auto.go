package optimize

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// auto is the default: all short chains exactly, then Pareto local search over longer
// chains with all thresholds of a changed place solved exactly, and evolution, which
// recombines what may lie far apart on the front, in turns, until neither improves the
// front. Of many models evolution has the first turn.
type auto struct{}

func (auto) maxModels() int { return 8 }

func (auto) check(o *Options) error { return nil }

func (auto) run(ctx context.Context, s *search) (proof Proof, err error) {
	length := min(2, s.MaxModels)
	if !s.affordsPairs() {
		length = 1
	}
	if err := s.exactChains(ctx, length); err != nil {
		return Proof{}, err
	}
	if s.affordsSingles() {
		proof = s.proofOfChains(length)
	}
	if len(s.required) > length {
		if err := s.offerRequired(ctx); err != nil {
			return Proof{}, err
		}
	}
	if s.MaxModels <= length {
		return proof, nil
	}
	e, err := s.newExploration()
	if err != nil {
		return Proof{}, err
	}
	for {
		if !e.Local {
			if err := s.evolve(ctx, e); err != nil {
				return proof, err
			}
			e.Local = true
		}
		if err := s.localSearch(ctx, e); err != nil {
			return proof, err
		}
		front := s.archive.front()
		if e.Spent || len(front) < 2 || slices.Equal(s.nameFront(front), e.Present.Front) {
			return proof, nil
		}
		e.Local = false
	}
}

// affordsSingles reports whether the budget suffices for every model alone.
func (s *search) affordsSingles() bool {
	return s.Evals == 0 || s.Evals >= int64(len(s.Rules)*len(s.models))
}

// affordsPairs reports whether the budget suffices for all chains of two. Where it
// does not, the local search begins from single models: a part of the pairs would
// spend on a few models what is better spent around the best.
func (s *search) affordsPairs() bool {
	m := int64(len(s.models))
	return s.Evals == 0 || s.Evals/int64(len(s.Rules)) >= m+m*(m-1)*int64(len(s.Grid))
}

// left returns how many evaluations the budget has left. It is the same for a search
// that is resumed only where the search has settled.
func (s *search) left() int64 {
	if s.Evals == 0 {
		return math.MaxInt64
	}
	return s.Evals - s.evaluations.Load()
}

// offerRequired offers the chain of the models that every cascade must have, by
// cost: what short chains cannot give the local search to start from.
func (s *search) offerRequired(ctx context.Context) error {
	budget := s.left()
	return s.parallel(ctx, "chains of the required models", 1, func(w *worker) func(int) {
		return func(int) {
			for _, rule := range s.Rules {
				p := plan{rule: rule, exits: make([]uint8, len(s.required)-1)}
				for _, m := range s.required {
					p.members = append(p.members, member{uint16(m), 1})
				}
				slices.SortStableFunc(p.members, func(a, b member) int { return cmp.Compare(s.costs[a.model], s.costs[b.model]) })
				for g := range s.Grid {
					if budget == 0 {
						return
					}
					budget--
					for stage := range p.exits {
						p.exits[stage] = uint8(g)
					}
					w.evaluateAndOffer(p, w.archive)
				}
			}
		}
	})
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

// maxWeight is the largest weight of a member that auto tries.
const maxWeight = 4

// disorder is how many times dearer than all later models an added model may be
// without breaking the order of cost.
const disorder = 2

// localSearch explores the neighbours of every cascade on the front: a model
// inserted, replaced or removed, neighbouring stages swapped, a weight changed.
// What improves the front is explored in turn, a wider scope when a narrower one
// has nothing left.
func (s *search) localSearch(ctx context.Context, e *exploration) error {
	turns := s.turns()
	for i := 0; i < len(turns) && !e.Spent; {
		turn := turns[i]
		chains := e.begin(s, turn)
		if len(chains) == 0 {
			i++
			continue
		}
		models := s.modelsInScope(turn.scope)
		budgets := s.allot(e, chains, models, turn.scope)
		err := s.parallel(ctx, "cascades explored", len(chains), func(w *worker) func(int) {
			n := w.newNeighborhood(models, turn.scope)
			return func(unit int) {
				n.budget = budgets[unit-s.firstUnit]
				n.explore(chains[unit-s.firstUnit])
			}
		})
		if err != nil {
			return err
		}
		i = 0
	}
	return nil
}

// allot returns how many evaluations exploring each of the chains may take. Where the
// budget does not suffice for all, the last ones get what is left or nothing, and it
// is spent. How many a chain takes does not depend on what they find, so that they are
// counted beforehand, and the budget is kept whatever thread explores what.
func (s *search) allot(e *exploration, chains [][]plan, models []uint16, scope scope) []int64 {
	budgets := make([]int64, len(chains))
	left := s.left()
	var counter *neighborhood
	if s.Evals > 0 {
		counter = &neighborhood{worker: &worker{search: s}, models: models, scope: scope, counting: true, solved: make(map[string]bool)}
	}
	for i, chain := range chains {
		budgets[i] = left
		if counter != nil {
			counter.budget = left
			counter.explore(chain)
			left = counter.budget
			e.Spent = e.Spent || counter.spent
		}
	}
	return budgets
}

// A turn says which cascades of the front are explored, and how widely.
type turn struct {
	scope    scope
	meanOnly bool // those of rule mean
}

// turns returns what is explored first, second and so on: each turn when those
// before it have nothing left. With both rules all of rule mean comes first. Rule last
// gains quickly with short chains, and its cascades would take the places on the
// front that those of rule mean, better in the end, start from.
func (s *search) turns() []turn {
	var turns []turn
	if len(s.Rules) > 1 {
		for scope := range scopes {
			turns = append(turns, turn{scope, true})
		}
	}
	for scope := range scopes {
		turns = append(turns, turn{scope, false})
	}
	return turns
}

// An exploration knows which places of the front have been explored, and how far
// evolution has come. A cascade that takes the place of an equal one is not explored. What is of the present round counts once the search has finished
// its units.
type exploration struct {
	Explored [scopes][][]byte `json:"explored"` // by placeKey
	Round    [][]byte         `json:"round"`
	Scope    scope            `json:"scope"` // of the round
	End      int              `json:"end"`   // the unit after its last
	Spent    bool             `json:"spent"` // the round uses up the budget
	Local    bool             `json:"local"` // local search is under way, not evolution
	Settled  generation       `json:"settled"`
	Present  generation       `json:"present"` // of the round, if that is one; else Settled

	known [scopes]map[string]bool // Explored, to look up
}

// smallZoo is the number of models up to which local search comes before evolution: the
// neighbourhoods are small then, and soon explored.
const smallZoo = 100

// newExploration begins one, or continues that of a search that is resumed.
func (s *search) newExploration() (*exploration, error) {
	e := &exploration{Local: len(s.models) <= smallZoo}
	if s.resumed != nil {
		if err := json.Unmarshal(s.resumed, e); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBadState, err)
		}
		if e.Scope < 0 || e.Scope >= scopes {
			return nil, fmt.Errorf("%w: scope %d", ErrBadState, e.Scope)
		}
		if s.settledUnits < e.End { // the round was not finished
			e.Round, e.Spent, e.Present = nil, false, e.Settled
		}
		s.nextUnit = max(s.nextUnit, s.settledUnits)
	}
	for scope := range e.known {
		e.known[scope] = make(map[string]bool)
		for _, name := range e.Explored[scope] {
			e.known[scope][string(name)] = true
		}
	}
	s.own = e
	return e, nil
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

// begin takes up a round: cascades of the front not explored in a turn's scope, those
// of one chain together, of at most roundChains chains.
func (e *exploration) begin(s *search, turn turn) [][]plan {
	scope := turn.scope
	for _, name := range e.Round {
		e.known[e.Scope][string(name)] = true
	}
	e.Explored[e.Scope] = append(e.Explored[e.Scope], e.Round...)
	e.Round, e.Scope, e.Settled = nil, scope, e.Present

	byChain := make(map[string]int)
	var chains [][]plan
	for _, correct := range s.archive.front() {
		p := s.archive.plans[correct]
		if turn.meanOnly && p.rule != cascade.RuleMean || e.known[scope][string(s.archive.placeKey(correct))] {
			continue
		}
		chain := string(chainKey(p))
		i, ok := byChain[chain]
		if !ok && len(chains) == roundChains {
			continue
		}
		if !ok {
			i = len(chains)
			byChain[chain] = i
			chains = append(chains, nil)
		}
		chains[i] = append(chains[i], p)
		e.Round = append(e.Round, s.archive.placeKey(correct))
	}
	e.End = s.nextUnit + len(chains)
	// Long chains take longest and go first, so that no thread ends alone.
	slices.SortStableFunc(chains, func(a, b []plan) int { return cmp.Compare(len(b[0].members), len(a[0].members)) })
	return chains
}

// chainKey names the rule and the members of a plan, in their order.
func chainKey(p plan) []byte { return append(setKey(nil, p.members), byte(p.rule)) }

// cascadeKey names a plan.
func cascadeKey(p plan) []byte { return append(chainKey(p), p.exits...) }

// A neighborhood explores what lies around the cascades of one chain.
type neighborhood struct {
	*worker
	models []uint16 // that may be added
	scope  scope
	window *window
	starts []plan          // the chain's cascades on the front
	solved map[string]bool // windows of the present neighbour already solved
	next   plan
	key    []byte

	budget   int64 // evaluations that may still be made
	spent    bool  // it does not suffice for all windows
	counting bool  // nothing is solved, only the budget reduced
}

func (w *worker) newNeighborhood(models []uint16, scope scope) *neighborhood {
	return &neighborhood{worker: w, models: models, scope: scope, window: w.newWindow(), solved: make(map[string]bool), budget: math.MaxInt64}
}

func (n *neighborhood) explore(starts []plan) {
	n.starts, n.spent = starts, false
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
		if !n.Paper && n.next.rule == cascade.RuleMean && k > 1 {
			for _, weight := range []uint8{chain[p].weight - 1, chain[p].weight + 1} {
				if weight >= 1 && weight <= maxWeight {
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
// adapt makes fit the chain. fresh is the number of the member that is new, or -1. Of a
// chain beyond the limits it tries what is left if no sample reaches its last stages,
// the new member included: the archive takes that.
func (n *neighborhood) try(chain []member, fresh, from, to int, adapt func(exits, start []uint8) []uint8) {
	whole := len(chain)
	chain, stages := n.limits.cut(chain)
	n.next.members = chain
	if n.spent || max(fresh, 0) >= stages || !n.next.evaluable() {
		return
	}
	k := len(chain)
	var tables [][]byte
	if !n.counting {
		n.cache.unpin()
		tables = make([][]byte, k)
		for stage := range tables {
			tables[stage] = n.tableOver(n.next, stage, fresh)
		}
	}
	if k == 1 {
		n.next.exits = n.next.exits[:0]
		if n.pay(1) {
			n.evaluations.Add(1)
			n.window.offerExactly(n.next, tables)
		}
		return
	}
	last := max(0, k-3)
	from, to = min(max(from, 0), last), min(max(to, 0), last)
	clear(n.solved)
	for _, start := range n.starts {
		for u := from; u <= to; u++ {
			n.next.exits = adapt(n.next.exits[:0], start.exits)
			if stages < whole {
				n.next.exits = append(n.next.exits[:stages-1], make([]uint8, k-stages)...)
			}
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
			if n.pay(windowEvaluations(k, u, len(n.Grid))) {
				n.window.solve(n.next, tables, u)
			}
		}
	}
}

// pay takes evaluations from the budget and reports whether they are to be made.
// With the first that it does not suffice for it is spent.
func (n *neighborhood) pay(evaluations int64) bool {
	if n.spent = n.spent || n.budget < evaluations; n.spent {
		n.budget = 0
		return false
	}
	n.budget -= evaluations
	return !n.counting
}
