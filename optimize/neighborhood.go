package optimize

import (
	"context"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// maxWeight is the largest weight of a member that auto tries.
const maxWeight = 4

// disorder is how many times more expensive than all later models an added model may be
// without breaking the order of cost.
const disorder = 2

// A neighborhood explores what is around the cascades of one chain. Without a worker it
// only counts the evaluations that this takes.
type neighborhood struct {
	run    *run
	ctx    context.Context // that it is given up with
	w      *worker
	window *window
	models []uint16 // that may be added
	scope  scope

	starts []plan          // the chain's cascades on the front
	solved map[string]bool // windows of the present neighbour already solved
	next   plan
	key    []byte

	budget int64 // evaluations that may still be made
	spent  bool  // it does not suffice for all windows
}

func newNeighborhood(ctx context.Context, r *run, w *worker, models []uint16, scope scope) *neighborhood {
	n := &neighborhood{ctx: ctx, run: r, w: w, models: models, scope: scope, solved: make(map[string]bool), budget: math.MaxInt64}
	if w != nil {
		n.window = newWindow(w)
	}
	return n
}

// explore solves the neighbours of cascades of one chain.
func (n *neighborhood) explore(starts []plan) {
	n.starts, n.spent = starts, false
	chain := starts[0].members
	k := len(chain)
	n.next.rule = starts[0].rule

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
		if !n.run.options.Paper && n.next.rule != cascade.RuleLast && k > 1 {
			for _, weight := range []uint8{chain[p].weight - 1, chain[p].weight + 1} {
				if weight >= 1 && weight <= maxWeight {
					reweighed := slices.Clone(chain)
					reweighed[p].weight = weight
					n.try(reweighed, -1, p-1, p, keep)
				}
			}
		}
	}
	costs := n.run.eval.costs
	highest := make([]float64, k+1) // cost of the models from a stage on
	for p := k - 1; p >= 0; p-- {
		highest[p] = max(highest[p+1], costs[chain[p].model])
	}
	inOrder := func(m uint16, later int) bool {
		return n.scope == anyOrder || later == k || costs[m] <= disorder*highest[later]
	}
	for _, m := range n.models {
		add := member{m, 1}
		if !n.run.options.Paper && has(chain, int(m)) {
			continue
		}
		for p := range k {
			if chain[p].model != add.model && inOrder(m, p+1) {
				replaced := slices.Clone(chain)
				replaced[p] = add
				n.try(replaced, p, p-1, p, keep)
			}
		}
		if k == n.run.options.MaxModels {
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
	chain, stages := n.run.limits.cut(chain)
	n.next.members = chain
	if n.spent || max(fresh, 0) >= stages || !n.next.evaluable() || n.ctx.Err() != nil {
		return
	}
	k := len(chain)
	var tables [][]byte
	if n.w != nil {
		tables = n.w.tabulate(n.next, fresh)
	}
	if k == 1 {
		n.next.exits = n.next.exits[:0]
		if n.pay(1) {
			n.w.evaluations.Add(1)
			n.window.offer(n.next, tables)
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
			if n.pay(windowEvaluations(k, u, len(n.run.eval.grid))) {
				n.window.solve(n.next, tables, u)
			}
		}
	}
}

// keep are the exits of a neighbour with the stages of its start.
func keep(exits, start []uint8) []uint8 { return append(exits, start...) }

// pay takes evaluations from the budget and reports whether they are to be made.
// With the first that it does not suffice for it is spent.
func (n *neighborhood) pay(evaluations int64) bool {
	if n.spent = n.spent || n.budget < evaluations; n.spent {
		n.budget = 0
		return false
	}
	n.budget -= evaluations
	return n.w != nil
}

// solveChain solves the thresholds of a chain from every start, two neighbouring ones at a
// time: all of them if it has no more than two.
func (n *neighborhood) solveChain(starts []plan) {
	n.starts = starts
	n.next.rule = starts[0].rule
	n.try(starts[0].members, -1, 0, len(starts[0].members), keep)
}
