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

// evolve recombines cascades of the front, whose chains may be many steps apart, until
// generations pass without a better front. A child takes the first stages of one and the
// last ones of another; its thresholds are solved one after the other at the rates of
// exchange between correct answers and cost that its parents have on the front, and then
// in pairs.
func (x *explorer) evolve(ctx context.Context) error {
	r := x.r
	for {
		places := r.archive.front()
		next := generation{Number: x.Present.Number + 1, Front: r.archive.frontKey(places)}
		if slices.Equal(next.Front, x.Present.Front) {
			next.Stale = x.Present.Stale + 1
		}
		if len(places) < 2 || next.Stale >= evolutionPatience || x.settled() {
			return nil
		}
		children := newBreeder(r, places, uint64(next.Number)).breed()
		affordable := 0
		for left := r.left(); affordable < len(children); affordable++ {
			if left -= childEvaluations(len(children[affordable].members), len(r.eval.grid)); left < 0 {
				break
			}
		}
		if affordable == 0 && len(children) > 0 { // local search may do with what is left
			x.Present.Front = next.Front
			return nil
		}
		x.Settled, x.Present = x.Present, next
		x.Round, x.End = nil, r.nextUnit+affordable
		err := r.parallel(ctx, "cascades recombined", affordable, func(w *worker) func(int) {
			solver, window := newThresholdSolver(w, r.options.MaxModels), newWindow(w)
			return func(unit int) { children[unit].raise(solver, window) }
		})
		if err != nil {
			return err
		}
	}
}

// frontKey names a front by its places.
func (a *archive) frontKey(places []int) []byte {
	h := sha256.New()
	for _, correct := range places {
		h.Write(a.placeKey(correct))
	}
	return h.Sum(nil)
}

// A child is a chain with thresholds to begin from and the rates of exchange to solve them
// at: how many correct answers a unit of total cost is worth.
type child struct {
	plan
	rates [2]float64
}

// A breeder makes the children of a front of at least two cascades.
type breeder struct {
	run    *run
	places []int // of the front
	rng    *rand.Rand
}

func newBreeder(r *run, places []int, generation uint64) *breeder {
	return &breeder{r, places, rand.New(rand.NewPCG(r.options.Seed, generation))}
}

// breed returns children, no chain twice. Of one beyond the limits it keeps what is left
// if no sample reaches its last stages. On a small front children may be few.
func (b *breeder) breed() []child {
	var children []child
	bred := make(map[string]bool)
	for range 4 * brood {
		mother := b.drawPlace()
		father := b.drawPlace()
		if b.rng.IntN(2) == 0 {
			father = min(max(mother+b.rng.IntN(2*kin+1)-kin, 0), len(b.places)-1)
		}
		c := child{
			plan:  b.cross(b.run.archive.plan(b.places[mother]), b.run.archive.plan(b.places[father])),
			rates: [2]float64{b.exchangeRate(mother), b.exchangeRate(father)},
		}
		if b.rng.IntN(mutations) == 0 {
			b.mutate(c.plan)
		}
		members, stages := b.run.limits.cut(c.members)
		if stages < len(c.members) {
			c.exits = append(c.exits[:max(stages-1, 0)], make([]uint8, len(members)-stages)...)
			c.members = members
		}
		key := string(c.chainKey())
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

// drawPlace draws a place of the front: evenly among its cascades, or the best for a cost
// drawn evenly, or evenly by its logarithm, up to that of the most expensive model. Most
// cascades are cheap, but what the expensive ones gain matters at most of the costs.
func (b *breeder) drawPlace() int {
	low, high := b.run.archive.totals[b.places[0]], slices.Max(b.run.eval.costs)*float64(b.run.archive.samples())
	share := b.rng.Float64()
	cost := low + share*(high-low)
	switch b.rng.IntN(3) {
	case 0:
		return b.rng.IntN(len(b.places))
	case 1:
		cost = low * math.Pow(high/low, share)
	}
	place, found := slices.BinarySearchFunc(b.places, cost, func(correct int, cost float64) int {
		return cmp.Compare(b.run.archive.totals[correct], cost)
	})
	if !found {
		place--
	}
	return max(place, 0)
}

// cross returns the first stages of one plan followed by the last ones of another, with
// the rule of the first. A member of both is where the first has it.
func (b *breeder) cross(first, last plan) plan {
	head, tail := 1+b.rng.IntN(len(first.members)), b.rng.IntN(len(last.members))
	c := plan{rule: first.rule, members: slices.Clone(first.members[:head])}
	for stage := range head {
		c.exits = append(c.exits, exitAfter(first, stage))
	}
	for stage := tail; stage < len(last.members) && len(c.members) < b.run.options.MaxModels; stage++ {
		if m := last.members[stage]; b.run.options.Paper || !c.has(int(m.model)) {
			c.members, c.exits = append(c.members, m), append(c.exits, exitAfter(last, stage))
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
func (b *breeder) mutate(p plan) {
	m := &p.members[b.rng.IntN(len(p.members))]
	model, weight := b.rng.IntN(len(b.run.eval.models)), uint8(1+b.rng.IntN(maxWeight))
	switch {
	case !b.run.options.Paper && p.rule != cascade.RuleLast && b.rng.IntN(2) == 0:
		m.weight = weight
	case b.run.options.Paper || !p.has(model):
		m.model = uint16(model)
	}
}

// exchangeRate returns how many correct answers a unit of total cost buys around a place
// of the front.
func (b *breeder) exchangeRate(place int) float64 {
	from, to := b.places[max(place-1, 0)], b.places[min(place+1, len(b.places)-1)]
	return float64(to-from) / (b.run.archive.totals[to] - b.run.archive.totals[from])
}

// sweeps is how often at most the thresholds of a child are solved in turn at each rate.
const sweeps = 4

// childEvaluations returns how many cascades raising a child of so many stages may take.
func childEvaluations(stages, grid int) int64 {
	n := int64(sweeps * (stages - 1) * grid)
	for u := range max(1, stages-2) {
		n += windowEvaluations(stages, u, grid)
	}
	return int64(len(child{}.rates)) * n
}

// raise solves a child's thresholds at each rate and offers all that is met.
func (c child) raise(solver *thresholdSolver, window *window) {
	stages := len(c.members)
	for _, rate := range c.rates {
		if solver.w.stopped() {
			return
		}
		p := plan{c.rule, c.members, slices.Clone(c.exits)}
		solver.budget = int64(sweeps * (stages - 1) * len(solver.w.eval.grid))
		solver.solve(p, rate)
		tables := solver.tables
		if tables == nil {
			continue
		}
		for u := range max(1, stages-2) {
			if solver.w.stopped() {
				return
			}
			window.solve(plan{c.rule, c.members, slices.Clone(p.exits)}, tables, u)
		}
	}
}
