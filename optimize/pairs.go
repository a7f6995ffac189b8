package optimize

import (
	"context"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// Pairs are tried in tiles, and for each tile the samples in blocks, so that what is read
// of the lists of its 16 models (147 KB each on a block, of which about half is read)
// stays in the second-level cache for all of its pairs. Otherwise every pair would bring
// the lists of a model from memory.
const (
	tileModels  = 8
	tileSamples = 2048
)

// A tile is the pairs x, y of the models fromX..toX-1 and fromY..toY-1 with x < y.
type tile struct{ fromX, toX, fromY, toY int }

// tilesOf returns tiles that hold every pair of so many models once.
func tilesOf(models int) []tile {
	var tiles []tile
	for x := 0; x < models; x += tileModels {
		for y := x; y < models; y += tileModels {
			tiles = append(tiles, tile{x, min(x+tileModels, models), y, min(y+tileModels, models)})
		}
	}
	return tiles
}

// pairs returns the pairs of a tile in lexicographic order.
func (t tile) pairs() [][2]int {
	var pairs [][2]int
	for x := t.fromX; x < t.toX; x++ {
		for y := max(x+1, t.fromY); y < t.toY; y++ {
			pairs = append(pairs, [2]int{x, y})
		}
	}
	return pairs
}

// tryPairs offers every chain of two distinct models with all thresholds.
func (r *run) tryPairs(ctx context.Context, rule cascade.Rule) error {
	tiles := tilesOf(len(r.eval.models))
	return r.parallelLong(ctx, "tiles of pairs", len(tiles), func(w *worker) func(int) {
		p := newPairSolver(w, r.limits, rule)
		return func(unit int) { p.solve(tiles[unit]) }
	})
}

// A pairSolver offers chains of two with all thresholds.
type pairSolver struct {
	w       *worker
	limits  *limits
	rule    cascade.Rule
	bins    int
	lists   []kernel.Lists
	singles [][]byte
	reach   [][]int32    // by model and bin: samples not above it
	correct []int        // by model
	single  *kernel.Sums // for measures of confidence that need sums
	table   []byte
	gains   []int32 // see gain
	plan    plan
	stages  []int // samples that reach each stage of the plan
}

func newPairSolver(w *worker, l *limits, rule cascade.Rule) *pairSolver {
	e := w.eval
	bins := len(e.grid) + 1
	lists, singles := e.of(rule)
	p := &pairSolver{
		w:       w,
		limits:  l,
		rule:    rule,
		bins:    bins,
		lists:   lists,
		singles: singles,
		reach:   make([][]int32, len(e.models)),
		correct: make([]int, len(e.models)),
		table:   make([]byte, tileSamples),
		gains:   make([]int32, tileModels*tileModels*2*bins),
		plan:    plan{rule: rule, members: []member{{0, 1}, {0, 1}}, exits: []uint8{0}},
		stages:  []int{e.samples(), 0},
	}
	if e.confidence != cascade.MaxProbability {
		p.single = kernel.NewSums(tileSamples, e.listed())
	}
	for m, t := range singles {
		p.reach[m] = make([]int32, bins)
		kernel.Count1(p.reach[m], t)
		kernel.Prefix1(p.reach[m])
		p.correct[m] = kernel.Correct(t)
	}
	return p
}

// gain is, by bin of the first stage, how many more samples the second stage has correct:
// of pair number i of the tile in the given order, 0 or 1.
func (p *pairSolver) gain(i, order int) []int32 {
	return p.gains[(2*i+order)*p.bins:][:p.bins]
}

// solve offers both chains of every pair of a tile.
func (p *pairSolver) solve(t tile) {
	e := p.w.eval
	pairs := slices.DeleteFunc(t.pairs(), func(xy [2]int) bool { return e.costs[xy[0]]+e.costs[xy[1]] > p.limits.worst })
	clear(p.gains)
	for from := 0; from < e.samples(); from += tileSamples {
		if p.w.stopped() {
			return
		}
		to := min(from+tileSamples, e.samples())
		table := p.table[:to-from]
		for i, xy := range pairs {
			x, y := p.singles[xy[0]][from:to], p.singles[xy[1]][from:to]
			if p.rule != cascade.RuleLast {
				p.combine(table, xy[0], xy[1], from, to)
				kernel.Delta1(p.gain(i, 0), x, x, table)
				kernel.Delta1(p.gain(i, 1), y, y, table)
			} else {
				kernel.Delta1(p.gain(i, 0), x, x, y)
				kernel.Delta1(p.gain(i, 1), y, y, x)
			}
		}
	}
	for i, xy := range pairs {
		if p.w.stopped() {
			return
		}
		p.offer(xy[0], xy[1], p.gain(i, 0))
		p.offer(xy[1], xy[0], p.gain(i, 1))
	}
}

// combine makes the table of two models together on the samples from..to-1.
func (p *pairSolver) combine(table []byte, x, y, from, to int) {
	w, e := p.w, p.w.eval
	a, b := p.lists[x].Slice(from, to), p.lists[y].Slice(from, to)
	best, class := w.best[:to-from], w.class[:to-from]
	if e.confidence == cascade.MaxProbability {
		kernel.Pair(best, class, w.open, &a, &b)
	} else {
		single, both := p.single.Slice(0, to-from), w.extended.Slice(0, to-from)
		kernel.Single(&single, &a, 1)
		kernel.Extend(&both, &single, []*kernel.Lists{&a}, nil, &b, 1)
		w.measure(&both)
	}
	kernel.Bins(table, best, class, e.labels[from:to], e.cuts(2))
}

// offer offers the chain x, y at all thresholds, gain being what its second stage adds. If
// no sample reaches y it is x alone, which is known unless y is required. Of thresholds
// that do the same the lowest comes first.
func (p *pairSolver) offer(x, y int, gain []int32) {
	e, archive := p.w.eval, p.w.archive
	correct, known := p.correct[x], archive.known(2)
	base, cost := float64(e.costs[x]*float64(e.samples())), e.costs[y]
	last := int32(-1)
	if len(p.limits.required) == 0 {
		last = 0
	}
	for g, reach := range p.reach[x][:len(e.grid)] {
		correct += int(gain[g])
		if total := base + float64(cost*float64(reach)); total <= known[correct] && reach != last {
			p.plan.members[0].model, p.plan.members[1].model, p.plan.exits[0] = uint16(x), uint16(y), uint8(g)
			p.stages[1] = int(reach)
			archive.offer(correct, total, p.plan, p.stages)
		}
		last = reach
	}
	p.w.evaluations.Add(int64(len(e.grid)))
}
