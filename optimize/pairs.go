package optimize

import (
	"context"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// Pairs are tried in tiles, and for each tile the samples in blocks, so that the margins of
// its 16 models (12 KB each on a block) and their tables (2 KB) stay in the second-level cache
// for all of its pairs. Otherwise every pair would bring those of a model from memory. It also
// is for a tile that margins are made that are not kept.
const (
	tileModels  = 8
	tileSamples = 2048
)

// A tile is the pairs x, y of the models fromX..toX-1 and fromY..toY-1 with x < y.
type tile struct{ fromX, toX, fromY, toY int }

// tilesOf returns tiles that hold every pair of so many models once: those of one block of so many
// models, which is some tiles wide, by as many after those of another.
func tilesOf(models, block int) []tile {
	var tiles []tile
	for fromX := 0; fromX < models; fromX += block {
		for fromY := fromX; fromY < models; fromY += block {
			for x := fromX; x < min(fromX+block, models); x += tileModels {
				for y := max(x, fromY); y < min(fromY+block, models); y += tileModels {
					tiles = append(tiles, tile{x, min(x+tileModels, models), y, min(y+tileModels, models)})
				}
			}
		}
	}
	return tiles
}

// size is the number of pairs of a tile.
func (t tile) size() int {
	if t.fromX == t.fromY {
		return (t.toX - t.fromX) * (t.toX - t.fromX - 1) / 2
	}
	return (t.toX - t.fromX) * (t.toY - t.fromY)
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

// tryPairs offers every chain of two distinct models with all thresholds, except those
// that [pairSolver.mayImprove] proves to be dominated.
func (r *run) tryPairs(ctx context.Context, rule cascade.Rule, margins *margins) error {
	tiles := r.options.tiles(len(r.eval.models))
	return r.parallelLong(ctx, "tiles of pairs", len(tiles), func(w *worker) func(int) {
		p := newPairSolver(r, w, rule, margins)
		return func(unit int) { p.solve(tiles[unit]) }
	})
}

// A pairSolver offers chains of two with all thresholds.
type pairSolver struct {
	run     *run
	w       *worker
	rule    cascade.Rule
	bins    int
	lists   []kernel.Lists
	singles [][]byte
	margins *margins
	tile    tile
	blocks  [2][tileModels]kernel.Margins // of the tile's models x and of its models y, on a block
	rooms   [2][tileModels]*kernel.Margins
	reach   [][]int32 // by model and bin: samples not above it
	correct []int     // by model
	may     []byte    // on the samples of a block, whether a pair may be correct
	gains   []int32   // see gain
	open    []int     // of each pair of a tile, the samples on which its margins do not decide
	bound   []float64 // least total known for each score or more
	plan    plan
	stages  []int // samples that reach each stage of the plan
}

func newPairSolver(r *run, w *worker, rule cascade.Rule, margins *margins) *pairSolver {
	e := w.eval
	bins := len(e.grid) + 1
	lists, singles := e.of(rule)
	p := &pairSolver{
		run:     r,
		w:       w,
		rule:    rule,
		bins:    bins,
		lists:   lists,
		singles: singles,
		margins: margins,
		reach:   make([][]int32, len(e.models)),
		correct: make([]int, len(e.models)),
		may:     make([]byte, tileSamples),
		gains:   make([]int32, tileModels*tileModels*2*bins),
		open:    make([]int, tileModels*tileModels),
		bound:   make([]float64, e.samples()+2),
		plan:    plan{rule: rule, members: []member{{0, 1}, {0, 1}}, exits: []uint8{0}},
		stages:  []int{e.samples(), 0},
	}
	for side := range p.rooms {
		for i := range p.rooms[side] {
			p.rooms[side][i] = kernel.NewMargins(tileSamples)
		}
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

// solve offers both chains of every pair of a tile. Margins decide nearly all samples, and
// leave an upper bound of the correct answers: only for pairs that may improve the front by
// that are the others decided.
func (p *pairSolver) solve(t tile) {
	e, limits := p.w.eval, p.run.limits
	p.tile = t
	pairs := slices.DeleteFunc(t.pairs(), func(xy [2]int) bool {
		x, y := e.costs[xy[0]], e.costs[xy[1]]
		return x+y > limits.worst || !limits.mayBegin(min(x, y), e.samples())
	})
	if len(pairs) == 0 {
		return
	}
	p.run.boundOf(p.w, p.bound)
	clear(p.gains)
	clear(p.open)
	for from := 0; from < e.samples(); from += tileSamples {
		if p.w.stopped() {
			return
		}
		to := min(from+tileSamples, e.samples())
		p.load(t, from, to)
		for i, xy := range pairs {
			p.open[i] += len(p.judge(i, xy, from, to, false))
		}
	}
	for i, xy := range pairs {
		if p.w.stopped() {
			return
		}
		p.w.evaluations.Add(int64(2 * len(e.grid)))
		if !p.mayImprove(xy[0], xy[1], p.gain(i, 0)) && !p.mayImprove(xy[1], xy[0], p.gain(i, 1)) {
			continue
		}
		if p.open[i] > 0 {
			clear(p.gain(i, 0))
			clear(p.gain(i, 1))
			for from := 0; from < e.samples(); from += tileSamples {
				to := min(from+tileSamples, e.samples())
				p.load(tile{xy[0], xy[0] + 1, xy[1], xy[1] + 1}, from, to)
				p.judge(i, xy, from, to, true)
			}
		}
		p.offer(xy[0], xy[1], p.gain(i, 0))
		p.offer(xy[1], xy[0], p.gain(i, 1))
	}
}

// load has the margins of the models of a part of the tile ready on the samples from..to-1. With
// rule last none are needed.
func (p *pairSolver) load(part tile, from, to int) {
	if p.rule == cascade.RuleLast {
		return
	}
	for side, models := range [2][2]int{{part.fromX, part.toX}, {part.fromY, part.toY}} {
		for m := models[0]; m < models[1]; m++ {
			i := m - [2]int{p.tile.fromX, p.tile.fromY}[side]
			p.blocks[side][i] = p.margins.of(m, from, to, p.rooms[side][i])
		}
	}
}

// judge adds to the gains of pair number i of the tile what the samples from..to-1 give it,
// of which margins are loaded, and returns those that they leave open. These are decided, or
// counted as correct.
func (p *pairSolver) judge(i int, xy [2]int, from, to int, decide bool) (open []int32) {
	x, y := p.singles[xy[0]][from:to], p.singles[xy[1]][from:to]
	if p.rule == cascade.RuleLast { // the second model answers alone
		kernel.Delta1(p.gain(i, 0), x, x, y)
		kernel.Delta1(p.gain(i, 1), y, y, x)
		return nil
	}
	may, w := p.may[:to-from], p.w
	open = w.open[:kernel.Judge(may, w.open, &p.blocks[0][xy[0]-p.tile.fromX], &p.blocks[1][xy[1]-p.tile.fromY])]
	if decide && len(open) > 0 {
		a, b := p.lists[xy[0]].Slice(from, to), p.lists[xy[1]].Slice(from, to)
		kernel.PairSamples(w.best[:to-from], w.class[:to-from], open, &a, &b)
		w.correctAmong(may, open, w.eval.labels[from:to])
	}
	kernel.Delta1(p.gain(i, 0), x, x, may)
	kernel.Delta1(p.gain(i, 1), y, y, may)
	return open
}

// correctAmong says of the given samples whether their class is the label.
func (w *worker) correctAmong(correct []byte, samples []int32, labels []uint16) {
	for _, i := range samples {
		correct[i] = 0
		if w.class[i] == labels[i] {
			correct[i] = 1
		}
	}
}

// mayImprove reports whether the chain x, y might belong on the front if its second stage
// adds no more than gain: whether at any threshold it costs no more than what is known for
// as many correct answers or more. The proof is that of [prefix.mayImprove].
func (p *pairSolver) mayImprove(x, y int, gain []int32) bool {
	e, limits := p.w.eval, p.run.limits
	correct := p.correct[x] - limits.charge
	base, cost := float64(e.costs[x]*float64(e.samples())), e.costs[y]
	for g, reach := range p.reach[x][:len(e.grid)] {
		correct += int(gain[g])
		if (reach > 0 || len(limits.required) > 0) && base+float64(cost*float64(reach)) <= p.bound[max(0, correct)] {
			return true
		}
	}
	return false
}

// offer offers the chain x, y at all thresholds, gain being what its second stage adds. If
// no sample reaches y it is x alone, which is known unless y is required. Of thresholds
// that do the same the lowest comes first.
func (p *pairSolver) offer(x, y int, gain []int32) {
	e, archive := p.w.eval, p.w.archive
	correct, known := p.correct[x], archive.known(2)
	base, cost := float64(e.costs[x]*float64(e.samples())), e.costs[y]
	last := int32(-1)
	if len(p.run.limits.required) == 0 {
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
}
