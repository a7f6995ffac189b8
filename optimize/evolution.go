package optimize

import (
	"cmp"
	"context"
	"crypto/sha256"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
)

const (
	brood             = 256 // cascades recombined in a generation
	evolutionPatience = 3   // generations that leave the front as it was, after which it is left
	kin               = 8   // places on the front between parents that are close
	mutations         = 4   // of so many children one is mutated
)

// A generation is how far evolution has come.
type generation struct {
	Number int    `json:"number"` // counted from 1
	Stale  int    `json:"stale"`  // generations before it that left the front as it was
	Front  []byte `json:"front"`  // names the front it began with
}

// evolve recombines cascades of the front, whose chains may lie many steps apart, until
// generations pass without a better front. A child takes the first stages of one and
// the last ones of another; its thresholds are solved one after the other at the rates
// of exchange between right answers and cost that its parents have on the front, and
// then in pairs.
func (s *search) evolve(ctx context.Context, e *exploration) error {
	for {
		front := s.archive.front()
		next := generation{Number: e.Present.Number + 1, Front: s.nameFront(front)}
		if slices.Equal(next.Front, e.Present.Front) {
			next.Stale = e.Present.Stale + 1
		}
		if len(front) < 2 || next.Stale >= evolutionPatience {
			return nil
		}
		children := s.breed(front, rand.New(rand.NewPCG(s.Seed, uint64(next.Number))))
		affordable := 0
		for left := s.left(); affordable < len(children); affordable++ {
			if left -= s.childEvaluations(children[affordable]); left < 0 {
				break
			}
		}
		if affordable == 0 && len(children) > 0 { // local search may do with what is left
			e.Present.Front = next.Front
			return nil
		}
		e.Settled, e.Present = e.Present, next
		e.Round, e.End = nil, s.nextUnit+affordable
		err := s.parallel(ctx, "cascades recombined", affordable, func(w *worker) func(int) {
			solver, window := newThresholdSolver(w), w.newWindow()
			return func(unit int) { w.raise(children[unit-s.firstUnit], solver, window) }
		})
		if err != nil {
			return err
		}
	}
}

// nameFront returns what tells a front from others.
func (s *search) nameFront(front []int) []byte {
	h := sha256.New()
	for _, correct := range front {
		h.Write(s.archive.placeKey(correct))
	}
	return h.Sum(nil)
}

// A child is a chain with thresholds to begin from and the rates of exchange to solve
// them at: how many right answers a unit of total cost is worth.
type child struct {
	plan
	rates [2]float64
}

// breed returns the children of a front of at least two, no chain twice. Of one beyond
// the limits it keeps what is left if no sample reaches its last stages. On a small front
// children may be few.
func (s *search) breed(front []int, rng *rand.Rand) []child {
	var children []child
	bred := make(map[string]bool)
	for range 4 * brood {
		a := s.drawPlace(rng, front)
		b := s.drawPlace(rng, front)
		if rng.IntN(2) == 0 {
			b = min(max(a+rng.IntN(2*kin+1)-kin, 0), len(front)-1)
		}
		c := child{
			plan:  s.cross(rng, s.archive.plans[front[a]], s.archive.plans[front[b]]),
			rates: [2]float64{s.exchangeRate(front, a), s.exchangeRate(front, b)},
		}
		if rng.IntN(mutations) == 0 {
			s.mutate(rng, c.plan)
		}
		members, stages := s.limits.cut(c.members)
		if stages < len(c.members) {
			c.exits = append(c.exits[:max(stages-1, 0)], make([]uint8, len(members)-stages)...)
			c.members = members
		}
		key := string(chainKey(c.plan))
		if stages == 0 || len(members) < 2 || bred[key] || !c.evaluable() {
			continue
		}
		bred[key] = true
		if children = append(children, c); len(children) == brood {
			break
		}
	}
	return children
}

// drawPlace draws a place of the front: evenly among its cascades, or the best for a
// cost drawn evenly, or evenly by its logarithm, up to that of the dearest model. Most
// cascades are cheap, but what the dear ones gain holds for most of the costs.
func (s *search) drawPlace(rng *rand.Rand, front []int) int {
	low, high := s.archive.cost[front[0]], slices.Max(s.costs)*float64(s.Samples())
	share := rng.Float64()
	cost := low + share*(high-low)
	switch rng.IntN(3) {
	case 0:
		return rng.IntN(len(front))
	case 1:
		cost = low * math.Pow(high/low, share)
	}
	place, found := slices.BinarySearchFunc(front, cost, func(correct int, cost float64) int {
		return cmp.Compare(s.archive.cost[correct], cost)
	})
	if !found {
		place--
	}
	return max(place, 0)
}

// cross returns the first stages of a followed by the last ones of b, with the rule of
// a. A member of both stands where a has it.
func (s *search) cross(rng *rand.Rand, a, b plan) plan {
	head, tail := 1+rng.IntN(len(a.members)), rng.IntN(len(b.members))
	c := plan{rule: a.rule, members: slices.Clone(a.members[:head])}
	for stage := range head {
		c.exits = append(c.exits, exitAfter(a, stage))
	}
	for stage := tail; stage < len(b.members) && len(c.members) < s.MaxModels; stage++ {
		if m := b.members[stage]; s.Paper || !c.has(int(m.model)) {
			c.members, c.exits = append(c.members, m), append(c.exits, exitAfter(b, stage))
		}
	}
	if c.rule == cascade.RuleLast {
		for stage := range c.members {
			c.members[stage].weight = 1
		}
	}
	c.exits = c.exits[:len(c.members)-1]
	return c
}

// exitAfter returns the threshold after a stage of a plan; after the last one, which
// has none, that before it.
func exitAfter(p plan, stage int) uint8 {
	if len(p.exits) == 0 {
		return 0
	}
	return p.exits[min(stage, len(p.exits)-1)]
}

// mutate puts another model in a member's place or changes a weight.
func (s *search) mutate(rng *rand.Rand, p plan) {
	m := &p.members[rng.IntN(len(p.members))]
	model, weight := rng.IntN(len(s.models)), uint8(1+rng.IntN(maxWeight))
	switch {
	case !s.Paper && p.rule == cascade.RuleMean && rng.IntN(2) == 0:
		m.weight = weight
	case s.Paper || !p.has(model):
		m.model = uint16(model)
	}
}

// exchangeRate returns how many right answers a unit of total cost buys around a place
// of the front.
func (s *search) exchangeRate(front []int, place int) float64 {
	from, to := front[max(place-1, 0)], front[min(place+1, len(front)-1)]
	return float64(to-from) / (s.archive.cost[to] - s.archive.cost[from])
}

// sweeps is how often at most the thresholds of a child are solved in turn at each
// rate.
const sweeps = 4

// childEvaluations returns how many cascades raising a child may take.
func (s *search) childEvaluations(c child) int64 {
	stages, grid := len(c.members), len(s.Grid)
	n := int64(sweeps * (stages - 1) * grid)
	for u := range max(1, stages-2) {
		n += windowEvaluations(stages, u, grid)
	}
	return int64(len(c.rates)) * n
}

// raise solves a child's thresholds at each rate and offers all that is met.
func (w *worker) raise(c child, solver *thresholdSolver, window *window) {
	stages := len(c.members)
	for _, rate := range c.rates {
		p := plan{c.rule, c.members, slices.Clone(c.exits)}
		solver.budget = int64(sweeps * (stages - 1) * len(w.Grid))
		solver.solve(p, rate)
		tables := solver.tables
		for u := range max(1, stages-2) {
			window.solve(plan{c.rule, c.members, slices.Clone(p.exits)}, tables, u)
		}
	}
}
