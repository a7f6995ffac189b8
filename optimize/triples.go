package optimize

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// Third models are tried a few at a time, on a few pairs at a time, and on blocks of
// samples, so that what is read of the pairs stays in the second-level cache (9 bytes a
// sample) and what is read of the third models (6 bytes) is used for all of the pairs.
const (
	triplePairs   = 4
	tripleThirds  = 8
	tripleSamples = 8192
)

// tryTriples offers every chain of three distinct models with all thresholds, except those
// that [prefix.mayImproveRoughly] and [prefix.mayImprove] prove to be dominated. A unit is a
// few pairs of models; both orders of a pair are prefixes of chains.
func (r *run) tryTriples(ctx context.Context, rule cascade.Rule, margins *margins) error {
	pairs := len(r.eval.models) * (len(r.eval.models) - 1) / 2
	models := r.eval.byPromise()
	units, number := r.options.groups(groupsOf(len(models)))
	return r.parallelLong(ctx, "groups of pairs extended by all others", units, func(w *worker) func(int) {
		t := newTripleSolver(r, w, rule, margins)
		return func(unit int) {
			var group [][2]int
			first := triplePairs * number(unit)
			for u := first; u < min(first+triplePairs, pairs); u++ {
				a, b := pairNumber(u)
				group = append(group, [2]int{models[a], models[b]})
			}
			t.solve(group)
		}
	})
}

// groupsOf is the number of groups that the pairs of so many models make.
func groupsOf(models int) int { return (models*(models-1)/2 + triplePairs - 1) / triplePairs }

// pairNumber returns the u-th of the pairs a < b, in order of b and then of a.
func pairNumber(u int) (a, b int) {
	b = int((1 + math.Sqrt(float64(1+8*u))) / 2)
	for b*(b-1)/2 > u { // the root was rounded
		b--
	}
	for b*(b+1)/2 <= u {
		b++
	}
	return u - b*(b-1)/2, b
}

// byPromise returns the models, first those with the fewest correct answers less than the
// best model at no more cost. Chains of these are the best to know early.
func (e *evaluator) byPromise() []int {
	models, best := e.byCost(), 0
	behind := make([]int, len(models))
	for _, m := range models {
		correct := kernel.Correct(e.singles[m])
		best = max(best, correct)
		behind[m] = best - correct
	}
	slices.SortStableFunc(models, func(a, b int) int { return cmp.Compare(behind[a], behind[b]) })
	return models
}

// A tripleSolver offers chains of three that begin with a pair of models in either order.
type tripleSolver struct {
	run       *run
	w         *worker
	rule      cascade.Rule
	margins   *margins
	rooms     [2]*kernel.Margins // for those that are not kept
	halfRooms [2]*half           // for halves that are not kept
	bound     []float64          // least total known for each score or more
	lists     []kernel.Lists
	singles   [][]byte
	pairs     [triplePairs]*firstPair
	forecasts [tripleThirds][triplePairs][2]kernel.Forecast // of the third models tried; see firstPair.foresee
	may       []byte                                        // whether a chain of three may be correct
	single    *kernel.Sums                                  // of a model alone, for measures of confidence that need sums
	singleOf  int                                           // which model; -1: none yet
}

func newTripleSolver(r *run, w *worker, rule cascade.Rule, margins *margins) *tripleSolver {
	lists, singles := r.eval.of(rule)
	t := &tripleSolver{
		run: r, w: w, rule: rule, margins: margins, lists: lists, singles: singles, singleOf: -1,
		bound:     make([]float64, r.eval.samples()+2),
		may:       make([]byte, r.eval.samples()),
		rooms:     [2]*kernel.Margins{kernel.NewMargins(r.eval.samples()), kernel.NewMargins(r.eval.samples())},
		halfRooms: [2]*half{newHalf(r.eval.samples()), newHalf(r.eval.samples())},
	}
	for i := range t.pairs {
		t.pairs[i] = newFirstPair(r, w, rule)
	}
	if r.eval.confidence != cascade.MaxProbability {
		t.single = kernel.NewSums(r.eval.samples(), r.eval.listed())
	}
	return t
}

// solve offers the chains that begin with the models of each of the pairs, in either order.
func (t *tripleSolver) solve(group [][2]int) {
	e, limits := t.run.eval, t.run.limits
	models, grid, n := len(e.models), len(e.grid), e.samples()
	chains := len(group) * 2 * (models - 2)
	group = slices.DeleteFunc(group, func(xy [2]int) bool {
		x, y := e.costs[xy[0]], e.costs[xy[1]]
		return x+y > limits.worst || !limits.mayBegin(min(x, y), n)
	})
	t.run.boundOf(t.w, t.bound)
	for i, xy := range group {
		t.begin(t.pairs[i], xy[0], xy[1])
	}
	pairs := t.pairs[:len(group)]
	extends := func(p *firstPair, z int) bool {
		return z != p.x && z != p.y && e.costs[p.x]+e.costs[p.y]+e.costs[z] <= limits.worst
	}
	for first := 0; first < models && len(pairs) > 0; first += tripleThirds {
		if t.w.stopped() {
			return
		}
		thirds := min(tripleThirds, models-first)
		clear(t.forecasts[:thirds])
		for from := 0; from < n; from += tripleSamples {
			to := min(from+tripleSamples, n)
			for k := range thirds {
				third := t.margins.of(first+k, from, to, t.rooms[0])
				for i, p := range pairs {
					if extends(p, first+k) {
						p.foresee(&t.forecasts[k][i], &third, from, to)
					}
				}
			}
		}
		for k := range thirds {
			for i, p := range pairs {
				if extends(p, first+k) {
					t.extend(p, first+k, &t.forecasts[k][i])
				}
			}
		}
	}
	t.w.evaluations.Add(int64(chains * grid * grid))
}

// begin makes p the pair of two models.
func (t *tripleSolver) begin(p *firstPair, x, y int) {
	p.x, p.y = x, y
	w, e := t.w, t.run.eval
	n := e.samples()
	if t.rule == cascade.RuleLast {
		p.orders[0].set(x, y, t.singles[y])
		p.orders[1].set(y, x, t.singles[x])
		p.margins.SetBlank()
		p.number()
		return
	}
	a, b := &t.lists[x], &t.lists[y]
	if t.single != nil {
		if t.singleOf != y { // pairs that follow each other mostly have it in common
			kernel.Single(t.single, b, 1)
			t.singleOf = y
		}
		first := uint16(e.firstOf(t.rule))
		w.combine(p.table, t.single, []member{{first + uint16(y), 1}}, member{first + uint16(x), 1})
	}
	ha, hb := t.margins.half(x, t.halfRooms[0]), t.margins.half(y, t.halfRooms[1])
	if ha.heads != nil && hb.heads != nil {
		kernel.PairByHeads(w.best, w.class, w.open, a, b, ha.heads, hb.heads)
	} else {
		kernel.Pair(w.best, w.class, w.open, a, b)
	}
	if t.single == nil {
		kernel.Bins(p.table, w.best, w.class, e.labels, e.cuts(2))
	}
	ma, mb := t.margins.of(x, 0, n, t.rooms[0]), t.margins.of(y, 0, n, t.rooms[1])
	p.margins.SetPair(&ma, &mb, ha.given, hb.given, w.best, w.class, e.labels)
	p.orders[0].set(x, y, p.table)
	p.orders[1].set(y, x, p.table)
	p.number()
}

// extend offers the chains of a pair and z, if the forecast does not rule them out: then
// margins say of nearly all samples whether the three have them correct, and if that does
// not rule the chains out, lists say it of the others.
func (t *tripleSolver) extend(p *firstPair, z int, forecast *[2]kernel.Forecast) {
	e, w := t.run.eval, t.w
	var tried []*prefix
	for order, chain := range p.orders {
		if !t.run.limits.mayBegin(e.costs[chain.plan.members[0].model], e.samples()) {
			continue
		}
		if gains, losses := p.foreseen(forecast, order); chain.mayImproveRoughly(z, gains, losses, t.bound) {
			tried = append(tried, chain)
		}
	}
	if len(tried) == 0 {
		return
	}
	third := t.margins.of(z, 0, e.samples(), t.rooms[0])
	open := w.open[:kernel.Judge(t.may, w.open, p.margins, &third)]
	tried = slices.DeleteFunc(tried, func(chain *prefix) bool { return !chain.mayImprove(z, t.may, t.bound) })
	if len(tried) == 0 {
		return
	}
	if len(open) > 0 {
		kernel.ResolveSamples(w.best, w.class, open, []*kernel.Lists{&t.lists[p.x], &t.lists[p.y], &t.lists[z]}, nil)
		w.correctAmong(t.may, open, e.labels)
	}
	for _, chain := range tried {
		chain.solve(z, t.may)
	}
}

// A firstPair is the first two models of chains of three, in both orders.
type firstPair struct {
	x, y    int
	rule    cascade.Rule
	table   []byte          // of both together
	margins *kernel.Margins // of both together; blank with rule last
	orders  [2]*prefix
	cells   []uint16 // rough cells of both orders, those of the first in the low byte
}

func newFirstPair(r *run, w *worker, rule cascade.Rule) *firstPair {
	n := r.eval.samples()
	return &firstPair{
		rule:    rule,
		table:   make([]byte, n),
		margins: kernel.NewMargins(n),
		orders:  [2]*prefix{newPrefix(w, r.limits, rule), newPrefix(w, r.limits, rule)},
		cells:   make([]uint16, n),
	}
}

// number gives the samples their rough cells.
func (p *firstPair) number() {
	a, b := p.orders[0], p.orders[1]
	for _, chain := range p.orders {
		chain.makeBlocks()
	}
	for i := range p.cells {
		p.cells[i] = uint16(a.rough[a.cells[i]]) | uint16(b.rough[b.cells[i]])<<8
	}
}

// foresee adds to a forecast what a third model may change on the samples from..to-1, third
// being its margins there. With rule last the orders have different second tables, and so a
// forecast each.
func (p *firstPair) foresee(forecast *[2]kernel.Forecast, third *kernel.Margins, from, to int) {
	pair := p.margins.Slice(from, to)
	kernel.Foresee(&forecast[0], p.cells[from:to], p.orders[0].second[from:to], &pair, third)
	if p.rule == cascade.RuleLast {
		kernel.Foresee(&forecast[1], p.cells[from:to], p.orders[1].second[from:to], &pair, third)
	}
}

// foreseen returns the histograms of a forecast for one of the orders.
func (p *firstPair) foreseen(forecast *[2]kernel.Forecast, order int) (gains, losses []int32) {
	switch {
	case order == 0:
		return forecast[0].Gains[:], forecast[0].Losses[:]
	case p.rule == cascade.RuleLast:
		return forecast[1].Gains2[:], forecast[1].Losses2[:]
	}
	return forecast[0].Gains2[:], forecast[0].Losses2[:]
}

// A prefix holds what all chains of three that begin with the same two models share, for
// all pairs of thresholds (g1, g2).
type prefix struct {
	w      *worker
	limits *limits
	bins   int
	second []byte   // table of the second stage
	cells  []uint16 // of each sample: bins of stages 1 and 2

	correct []int32   // by g1: correct answers if stage 2 were the last
	total   []float64 // by g1: cost of stages 1 and 2 for all samples
	reach3  []int32   // by g1 and g2
	gain    []int32   // by g1 and g2: correct answers that stage 3 adds
	plan    plan
	reach   []int // samples that reach each of its stages

	rough  []uint8 // by cell: its rough cell
	blocks []block
}

func newPrefix(w *worker, l *limits, rule cascade.Rule) *prefix {
	bins, samples := len(w.eval.grid)+1, w.eval.samples()
	return &prefix{
		w:       w,
		limits:  l,
		bins:    bins,
		cells:   make([]uint16, samples),
		correct: make([]int32, bins),
		total:   make([]float64, bins),
		reach3:  make([]int32, bins*bins),
		gain:    make([]int32, bins*bins),
		plan:    plan{rule: rule, members: []member{{0, 1}, {0, 1}, {0, 1}}, exits: []uint8{0, 0}},
		reach:   []int{samples, 0, 0},
		rough:   make([]uint8, bins*bins),
	}
}

// set makes the prefix that of the chains x, y, ...; table is that of its second stage.
func (p *prefix) set(x, y int, table []byte) {
	e := p.w.eval
	first := e.singles[e.firstOf(p.plan.rule)+x]
	p.second = table
	p.plan.members[0].model, p.plan.members[1].model = uint16(x), uint16(y)

	reach2 := p.gain[:p.bins]
	clear(reach2)
	kernel.Count1(reach2, first)
	kernel.Prefix1(reach2)
	for g, r := range reach2 {
		p.total[g] = float64(e.costs[x]*float64(e.samples())) + float64(e.costs[y]*float64(r))
	}
	clear(p.correct)
	kernel.Delta1(p.correct, first, first, table)
	p.correct[0] += int32(kernel.Correct(first))
	kernel.Prefix1(p.correct)

	kernel.Cells(p.cells, first, table, p.bins)
	clear(p.reach3)
	kernel.Count(p.reach3, p.cells)
	kernel.Prefix2(p.reach3, p.bins, p.bins)
}

// Each axis of the bins of stages 1 and 2 is cut into rough bins, so that a byte numbers a
// rough cell: those of bins that some threshold is above, and a last one of the bin that
// none is.
const (
	roughBins = 16
	lastRough = roughBins - 1
)

// A block is all pairs of thresholds that are in the same rough bins.
type block struct {
	to, before int     // the last rough cell that reaches stage 3 at some of them, and the one before those that not all of them do; -1: none
	correct    int32   // most correct answers if stage 2 were the last
	total      float64 // least cost of stages 1 and 2 for all samples
	reach3     float64 // least reach of stage 3
}

// makeBlocks cuts the thresholds into blocks, finer where few samples reach a stage.
func (p *prefix) makeBlocks() {
	grid, bins := p.bins-1, p.bins
	rows := roughly(grid, func(g int) int32 { return p.reach3[g*bins+grid] })
	columns := roughly(grid, func(g int) int32 { return p.reach3[grid*bins+g] })
	for b1, row := range rows {
		for b2, column := range columns {
			p.rough[b1*bins+b2] = uint8(row*roughBins + column)
		}
	}
	p.blocks = p.blocks[:0]
	required := len(p.limits.required) > 0
	for from1 := 0; from1 < grid; {
		to1 := from1
		for to1+1 < grid && rows[to1+1] == rows[from1] {
			to1++
		}
		for from2 := 0; from2 < grid; {
			to2 := from2
			for to2+1 < grid && columns[to2+1] == columns[from2] {
				to2++
			}
			// If no sample reaches stage 3 it is a chain of two, which is known already unless
			// the third model is required.
			if p.reach3[to1*bins+to2] > 0 || required {
				row, column := rows[from1], columns[from2]
				b := block{to: row*roughBins + column, before: -1, correct: slices.Max(p.correct[from1 : to1+1]), total: p.total[from1], reach3: float64(p.reach3[from1*bins+from2])}
				if row > 0 && column > 0 {
					b.before = (row-1)*roughBins + column - 1
				}
				p.blocks = append(p.blocks, b)
			}
			from2 = to2 + 1
		}
		from1 = to1 + 1
	}
}

// roughly returns the rough bins of all bins of a grid: as many samples as reach says have a
// bin that the threshold g is not below.
func roughly(grid int, reach func(g int) int32) []int {
	rough := make([]int, grid+1)
	rough[grid] = lastRough
	all := float64(max(1, reach(grid-1)))
	for g := range grid {
		rough[g] = min(lastRough-1, int(lastRough*math.Sqrt(float64(reach(g))/all)))
	}
	return rough
}

// known returns the least total at which the score of a chain of three with so many
// correct answers, or a higher one, is known.
func (p *prefix) known(bound []float64, correct int32) float64 {
	return bound[max(0, int(correct)-2*p.limits.charge)]
}

// mayImproveRoughly reports whether any cascade of the prefix and z might belong on the
// front, by what z may change, which it sums up: the samples that it may make correct and
// those that it surely makes wrong, by rough cell.
//
// Proof: take a pair of thresholds of a block. The samples that reach z are in the rough
// cells up to the block's, so of these no more than gains become correct; and all samples
// before the block reach it, so of these losses become wrong. Neither the correct answers
// without z nor the cost is better than what the block has. If that much is strictly
// dominated by a known cascade for all blocks, all cascades are.
func (p *prefix) mayImproveRoughly(z int, gains, losses []int32, bound []float64) bool {
	kernel.Prefix2(gains, roughBins, roughBins)
	kernel.Prefix2(losses, roughBins, roughBins)
	cost, most := p.w.eval.costs[z], int32(p.w.eval.samples())
	for i := range p.blocks {
		b := &p.blocks[i]
		correct := b.correct + gains[b.to]
		if b.before >= 0 {
			correct -= losses[b.before]
		}
		if b.total+float64(cost*b.reach3) <= p.known(bound, min(correct, most)) {
			return true
		}
	}
	return false
}

// mayImprove reports whether any cascade of the prefix and z might belong on the front, if
// its third stage has no other samples correct than may says: whether at any thresholds it
// costs no more than what is known for as many correct answers or more.
//
// Proof: thresholds and the first two stages alone decide which samples reach z, so the cost
// here is that of the cascade, by the same operations in the same order. Each of these samples
// counts with may at least as much as with z's answer, so the cascade has no more correct
// answers than are counted. If at every pair of thresholds a known cascade has that score or
// more at strictly less cost, it dominates the cascade there. If no sample reaches z that is a
// chain of two, which is known unless z is required.
func (p *prefix) mayImprove(z int, may []byte, bound []float64) bool {
	p.gains(may)
	cost, grid := p.w.eval.costs[z], len(p.w.eval.grid)
	for g1 := range p.w.eval.grid {
		row := g1 * p.bins
		gain, reach := p.gain[row:][:grid], p.reach3[row:][:grid]
		correct, total := p.correct[g1], p.total[g1]
		for g2, more := range gain {
			if (reach[g2] > 0 || len(p.limits.required) > 0) && total+float64(cost*float64(reach[g2])) <= p.known(bound, correct+more) {
				return true
			}
		}
	}
	return false
}

// gains leaves in gain how many correct answers a third stage with this table adds.
func (p *prefix) gains(table []byte) {
	clear(p.gain)
	kernel.Delta(p.gain, p.cells, p.second, table)
	kernel.Prefix2(p.gain, p.bins, p.bins)
}

// solve offers the chain of the prefix and z with all thresholds; correct says, in its
// lowest bits, which samples are correct at the third stage.
func (p *prefix) solve(z int, correctAt3 []byte) {
	p.gains(correctAt3)
	archive := p.w.archive
	cost, known, grid := p.w.eval.costs[z], archive.known(3), len(p.w.eval.grid)
	for g1 := range p.w.eval.grid {
		row := g1 * p.bins
		gain, reach := p.gain[row:][:grid], p.reach3[row:][:grid]
		correct, total := p.correct[g1], p.total[g1]
		for g2, more := range gain {
			right := correct + more
			if t := total + float64(cost*float64(reach[g2])); t <= known[right] && p.differs(g1, g2) {
				p.plan.members[2].model = uint16(z)
				p.plan.exits[0], p.plan.exits[1] = uint8(g1), uint8(g2)
				p.reach[1], p.reach[2] = int(p.reach3[row+grid]), int(reach[g2])
				archive.offer(int(right), t, p.plan, p.reach)
			}
		}
	}
}

// differs reports whether the chain at these thresholds is worth an offer: not if it does
// the same at a lower one, or if no sample reaches its third stage and it is a chain of
// two, which is known unless the third model is required.
func (p *prefix) differs(g1, g2 int) bool {
	cell := g1*p.bins + g2
	reach := p.reach3[cell]
	return (reach > 0 || len(p.limits.required) > 0) && (g2 == 0 || reach != p.reach3[cell-1]) &&
		(g1 == 0 || p.reach3[cell+p.bins-1-g2] != p.reach3[cell-1-g2])
}
