package optimize

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// exact tries all chains of up to three distinct models with all thresholds. Its
// front is optimal for that length and grid.
type exact struct{}

func (exact) maxModels() int { return 2 }

func (exact) check(o *Options) error {
	if o.MaxModels > 3 {
		return fmt.Errorf("algorithm exact tries chains of up to 3 models, not %d", o.MaxModels)
	}
	if o.Evals != 0 {
		return fmt.Errorf("algorithm exact tries all chains and takes no budget of evaluations")
	}
	return nil
}

func (exact) run(ctx context.Context, s *search) (proof Proof, err error) {
	if err := s.exactChains(ctx, s.MaxModels); err != nil {
		return Proof{}, err
	}
	return s.proofOfChains(s.MaxModels), nil
}

// exactChains offers every chain of at most length models, 1 to 3, with all
// thresholds.
func (s *search) exactChains(ctx context.Context, length int) error {
	phases := []func(context.Context, cascade.Rule) error{s.exactSingles, s.exactPairs, s.exactTriples}
	for _, rule := range s.Rules {
		for _, phase := range phases[:length] {
			if err := phase(ctx, rule); err != nil {
				return err
			}
		}
	}
	return nil
}

// exactSingles offers every model alone, as far as the budget goes.
func (s *search) exactSingles(ctx context.Context, rule cascade.Rule) error {
	models := len(s.models)
	if s.Evals > 0 {
		before := slices.Index(s.Rules, rule) * models // with another rule
		models = int(min(int64(models), max(0, s.Evals-int64(before))))
	}
	return s.parallel(ctx, "models", models, func(w *worker) func(int) {
		return func(unit int) {
			m := unit - s.firstUnit
			p := plan{rule, []member{{uint16(m), 1}}, nil}
			reach := []int{s.Samples()}
			w.archive.offer(kernel.Correct(s.singles[m]), s.totalCost(p, reach), p, reach)
			s.evaluations.Add(1)
		}
	})
}

// Pairs are gone through in tiles, and for each tile the samples in blocks, so that
// what is read of the lists of its 16 models (147 KB each on a block, of which about
// half is read) stays in the second-level cache for all of its pairs. Otherwise every
// pair would bring the lists of a model from memory.
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

// exactPairs offers every chain of two distinct models with all thresholds.
func (s *search) exactPairs(ctx context.Context, rule cascade.Rule) error {
	tiles := tilesOf(len(s.models))
	return s.parallelLong(ctx, "tiles of pairs", len(tiles), func(w *worker) func(int) {
		p := w.newPairSolver(rule)
		return func(unit int) { p.solve(tiles[unit-s.firstUnit]) }
	})
}

// A pairSolver offers chains of two with all thresholds.
type pairSolver struct {
	*worker
	rule    cascade.Rule
	bins    int
	reach   [][]int32    // by model and bin: samples not above it
	correct []int        // by model
	single  *kernel.Sums // room for measures of confidence that need sums
	table   []byte
	gains   []int32 // see gain
	plan    plan
	stages  []int // samples that reach each of its stages
}

func (w *worker) newPairSolver(rule cascade.Rule) *pairSolver {
	bins := len(w.Grid) + 1
	p := &pairSolver{
		worker:  w,
		rule:    rule,
		bins:    bins,
		reach:   make([][]int32, len(w.models)),
		correct: make([]int, len(w.models)),
		table:   make([]byte, tileSamples),
		gains:   make([]int32, tileModels*tileModels*2*bins),
		plan:    plan{rule: rule, members: []member{{0, 1}, {0, 1}}, exits: []uint8{0}},
		stages:  []int{w.Samples(), 0},
	}
	if w.Confidence != cascade.MaxProbability {
		p.single = kernel.NewSums(tileSamples, w.lists[0].K)
	}
	for m, t := range w.singles {
		p.reach[m] = make([]int32, bins)
		kernel.Count1(p.reach[m], t)
		kernel.Prefix1(p.reach[m])
		p.correct[m] = kernel.Correct(t)
	}
	return p
}

// gain is, by bin of the first stage, how many more samples the second stage has
// right: of pair number i of the tile in the given order, 0 or 1.
func (p *pairSolver) gain(i, order int) []int32 {
	return p.gains[(2*i+order)*p.bins:][:p.bins]
}

// solve offers both chains of every pair of a tile.
func (p *pairSolver) solve(t tile) {
	pairs := slices.DeleteFunc(t.pairs(), func(xy [2]int) bool { return p.costs[xy[0]]+p.costs[xy[1]] > p.MaxWorstCost })
	clear(p.gains)
	for from := 0; from < p.Samples(); from += tileSamples {
		to := min(from+tileSamples, p.Samples())
		table := p.table[:to-from]
		for i, xy := range pairs {
			x, y := p.singles[xy[0]][from:to], p.singles[xy[1]][from:to]
			if p.rule == cascade.RuleMean {
				p.mean(table, xy[0], xy[1], from, to)
				kernel.Delta1(p.gain(i, 0), x, x, table)
				kernel.Delta1(p.gain(i, 1), y, y, table)
			} else {
				kernel.Delta1(p.gain(i, 0), x, x, y)
				kernel.Delta1(p.gain(i, 1), y, y, x)
			}
		}
	}
	for i, xy := range pairs {
		p.offer(xy[0], xy[1], p.gain(i, 0))
		p.offer(xy[1], xy[0], p.gain(i, 1))
	}
}

// mean makes the table of the mean of two models on the samples from..to-1.
func (p *pairSolver) mean(table []byte, x, y, from, to int) {
	a, b := p.lists[x].Slice(from, to), p.lists[y].Slice(from, to)
	best, class := p.best[:to-from], p.class[:to-from]
	if p.Confidence == cascade.MaxProbability {
		kernel.Pair(best, class, p.open, &a, &b)
	} else {
		single, both := p.single.Slice(0, to-from), p.extended.Slice(0, to-from)
		kernel.Single(&single, &a, 1)
		kernel.Extend(&both, &single, []*kernel.Lists{&a}, nil, &b, 1)
		p.measured(&both)
	}
	kernel.Bins(table, best, class, p.labels[from:to], p.cuts(2))
}

// offer offers the chain x, y at all thresholds, gain being what its second stage
// adds. Without a sample that reaches y it is x alone, which is known unless y is
// required. Of thresholds that do the same the lowest comes first.
func (p *pairSolver) offer(x, y int, gain []int32) {
	right, known := p.correct[x], p.archive.cost
	base, cost := float64(p.costs[x]*float64(p.Samples())), p.costs[y]
	last := int32(-1)
	if len(p.required) == 0 {
		last = 0
	}
	for g, reach := range p.reach[x][:len(p.Grid)] {
		right += int(gain[g])
		if total := base + float64(cost*float64(reach)); total <= known[right] && reach != last {
			p.plan.members[0].model, p.plan.members[1].model, p.plan.exits[0] = uint16(x), uint16(y), uint8(g)
			p.stages[1] = int(reach)
			p.archive.offer(right, total, p.plan, p.stages)
		}
		last = reach
	}
	p.evaluations.Add(int64(len(p.Grid)))
}

// exactTriples offers every chain of three distinct models with all thresholds,
// but for those that [prefix.mayImprove] proves to be dominated. A unit is a pair
// of models; both its orders are prefixes of chains.
func (s *search) exactTriples(ctx context.Context, rule cascade.Rule) error {
	models := len(s.models)
	pairs := models * (models - 1) / 2
	values := s.labelValues(rule)
	most := make([]uint32, s.Samples()) // of each sample, the largest of all values
	for i := range most {
		for m := range values {
			most[i] = max(most[i], values[m][i])
		}
	}
	return s.parallelLong(ctx, "pairs extended by all others", pairs, func(w *worker) func(int) {
		n := s.Samples()
		single, sums := kernel.NewSums(n, s.lists[0].K), kernel.NewSums(n, s.lists[0].K)
		owner := -1 // the model whose sums single holds
		pairTable, tripleTable := make([]byte, n), make([]byte, n)
		prefixes := [2]*prefix{w.newPrefix(rule), w.newPrefix(rule)}
		bound := make([]float64, n+2)
		top := func() []uint32 { // the top sums of the pair just combined
			if s.Confidence == cascade.MaxProbability {
				return w.best
			}
			return w.extended.Top
		}
		return func(unit int) {
			x, y := pairNumber(unit-s.firstUnit, models)
			s.evaluations.Add(int64(2 * (models - 2) * len(s.Grid) * len(s.Grid)))
			if s.costs[x]+s.costs[y] > s.MaxWorstCost {
				return
			}
			w.archive.staircase(bound)
			if s.truncated() {
				allowNear(bound)
			}
			set := []member{{uint16(x), 1}, {uint16(y), 1}}
			if rule == cascade.RuleMean {
				if owner != x {
					kernel.Single(single, &s.lists[x], 1)
					owner = x
				}
				w.combine(pairTable, single, set[:1], set[1])
				prefixes[0].set(x, y, pairTable)
				prefixes[1].set(y, x, pairTable)
				for _, p := range prefixes {
					p.wrongInPair(top(), values[x], values[y])
				}
			} else {
				prefixes[0].set(x, y, s.singles[y])
				prefixes[1].set(y, x, s.singles[x])
				for _, p := range prefixes {
					p.wrongAlone()
				}
			}
			limits := [2]float64{}
			for order, p := range prefixes {
				limits[order] = p.costLimit(most, bound)
			}
			summed := false
			for z := range models {
				if z == x || z == y || s.costs[x]+s.costs[y]+s.costs[z] > s.MaxWorstCost {
					continue
				}
				table := s.singles[z]
				made := rule == cascade.RuleLast
				for order, p := range prefixes {
					if s.costs[z] > limits[order] || !p.mayImprove(z, values[z], bound) {
						continue
					}
					if !summed && rule == cascade.RuleMean {
						parts, weights := w.split(set[:1])
						kernel.Extend(sums, single, parts, weights, &s.lists[y], 1)
						summed = true
					}
					if !made {
						w.combine(tripleTable, sums, set, member{uint16(z), 1})
						table, made = tripleTable, true
					}
					p.solve(z, table)
				}
			}
		}
	})
}

// labelValues returns for every model and sample what the model can do for the
// sample's label: with rule mean its value of the label in fixed point, with rule
// last 1 where it is right and 0 where it is wrong.
func (s *search) labelValues(rule cascade.Rule) [][]uint32 {
	values := make([][]uint32, len(s.lists))
	s.inPieces(len(values), func(_, from, to int) {
		for m := from; m < to; m++ {
			values[m] = make([]uint32, s.Samples())
			for i, label := range s.labels {
				if rule == cascade.RuleLast {
					values[m][i] = uint32(s.singles[m][i] & 1)
				} else {
					values[m][i] = classValue(&s.lists[m], i, label)
				}
			}
		}
	})
	return values
}

// classValue returns what a model's list says of a class on sample i, in fixed
// point.
func classValue(l *kernel.Lists, i int, class uint16) uint32 {
	from, to := i*l.K, (i+1)*l.K
	if k := slices.Index(l.Classes[from:to], class); k >= 0 {
		var listed [1]uint32
		kernel.Fixed(listed[:], l.Values[from+k:from+k+1])
		return listed[0]
	}
	return l.Tail[i]
}

// pairNumber returns the u-th of the pairs x < y of so many models, in
// lexicographic order.
func pairNumber(u, models int) (x, y int) {
	for x = 0; u >= models-1-x; x++ {
		u -= models - 1 - x
	}
	return x, x + 1 + u
}

// A prefix holds what all chains of three that begin with the same two models
// share, for all threshold pairs (g1, g2).
type prefix struct {
	*worker
	bins   int
	second []byte   // table of the second stage
	cells  []uint16 // of each sample: bins of stages 1 and 2

	correct []int32   // by g1: right if stage 2 were the last
	total   []float64 // by g1: cost of stages 1 and 2 for all samples
	reach3  []int32   // by g1 and g2
	gain    []int32   // by g1 and g2: right answers that stage 3 adds
	plan    plan
	reach   []int // samples that reach each of its stages

	// Of each sample, the least label value a third model must have to make it
	// right; more than any value where the second stage has it right already.
	need []uint32
}

func (w *worker) newPrefix(rule cascade.Rule) *prefix {
	bins := len(w.Grid) + 1
	return &prefix{
		worker:  w,
		bins:    bins,
		cells:   make([]uint16, w.Samples()),
		need:    make([]uint32, w.Samples()),
		correct: make([]int32, bins),
		total:   make([]float64, bins),
		reach3:  make([]int32, bins*bins),
		gain:    make([]int32, bins*bins),
		plan:    plan{rule: rule, members: []member{{0, 1}, {0, 1}, {0, 1}}, exits: []uint8{0, 0}},
		reach:   []int{w.Samples(), 0, 0},
	}
}

// set makes the prefix that of the chains x, y, ...; table is that of its second
// stage.
func (p *prefix) set(x, y int, table []byte) {
	first := p.singles[x]
	p.second = table
	p.plan.members[0].model, p.plan.members[1].model = uint16(x), uint16(y)

	reach2 := p.gain[:p.bins]
	clear(reach2)
	kernel.Count1(reach2, first)
	kernel.Prefix1(reach2)
	for g, r := range reach2 {
		p.total[g] = float64(p.costs[x]*float64(p.Samples())) + float64(p.costs[y]*float64(r))
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

// wrongInPair finds what the samples need that the mean of two models gets wrong,
// from its top sums and the models' values of the label. The label wins only if its sum and
// the third model's value reach the present top sum, to which the third model
// adds 0 or more.
func (p *prefix) wrongInPair(top, first, second []uint32) {
	for i, b := range p.second {
		p.need[i] = math.MaxUint32
		if b&1 == 0 {
			p.need[i] = top[i] - first[i] - second[i]
		}
	}
}

// wrongAlone finds what the samples need that the second model gets wrong, under a
// rule that lets the third answer alone.
func (p *prefix) wrongAlone() {
	for i, b := range p.second {
		p.need[i] = math.MaxUint32
		if b&1 == 0 {
			p.need[i] = 1
		}
	}
}

// repairable leaves in gain, by g1 and g2, how many wrong samples a third model
// with these label values can make right.
func (p *prefix) repairable(values []uint32) {
	clear(p.gain)
	kernel.CountReaching(p.gain, p.cells, values, p.need)
	kernel.Prefix2(p.gain, p.bins, p.bins)
}

// costLimit returns a cost above which no third model can belong to a cascade on
// the front, by the proof at [prefix.mayImprove] with the largest label values of
// all models. The bound is widened by more than the rounding of a division.
func (p *prefix) costLimit(most []uint32, bound []float64) float64 {
	if len(p.required) > 0 {
		return math.Inf(1) // the third model may be required, reached or not
	}
	p.repairable(most)
	limit := math.Inf(-1)
	for g1 := range p.Grid {
		for g2 := range p.Grid {
			cell := g1*p.bins + g2
			if reach := p.reach3[cell]; reach > 0 {
				limit = max(limit, (bound[p.correct[g1]+p.gain[cell]]*(1+1e-12)-p.total[g1])/float64(reach))
			}
		}
	}
	return limit
}

// mayImprove reports whether any cascade of the prefix and z might belong on the
// front, given the least total known for each number of right answers or more.
//
// Proof: at thresholds (g1, g2), z answers reach3 samples. Those that stage 2 has
// right can at best stay right, and of the others only those can become right
// for which z's label value is at least the one needed. So the cascade gives at
// most
//
//	u(g1, g2) = correct(g1) + those among the samples that reach z
//
// right answers, and its total is known beforehand. If that exceeds bound[u]
// everywhere, every cascade is strictly dominated by a known one.
func (p *prefix) mayImprove(z int, values []uint32, bound []float64) bool {
	p.repairable(values)
	cost := p.costs[z]
	for g1 := range p.Grid {
		row := g1 * p.bins
		repaired, reach := p.gain[row:][:len(p.Grid)], p.reach3[row:][:len(p.Grid)]
		correct, total := p.correct[g1], p.total[g1]
		for g2, more := range repaired {
			// Without reach it is a chain of two, known already unless it lacks a
			// model it must have.
			if (reach[g2] > 0 || len(p.required) > 0) && total+float64(cost*float64(reach[g2])) <= bound[correct+more] {
				return true
			}
		}
	}
	return false
}

// solve offers the chain of the prefix and z with all thresholds; table is that
// of its third stage.
func (p *prefix) solve(z int, table []byte) {
	clear(p.gain)
	kernel.Delta(p.gain, p.cells, p.second, table)
	kernel.Prefix2(p.gain, p.bins, p.bins)
	cost, known := p.costs[z], p.archive.cost
	for g1 := range p.Grid {
		row := g1 * p.bins
		gain, reach := p.gain[row:][:len(p.Grid)], p.reach3[row:][:len(p.Grid)]
		correct, total := p.correct[g1], p.total[g1]
		for g2, more := range gain {
			right := correct + more
			if t := total + float64(cost*float64(reach[g2])); t <= known[right] && p.differs(g1, g2) {
				p.plan.members[2].model = uint16(z)
				p.plan.exits[0], p.plan.exits[1] = uint8(g1), uint8(g2)
				p.reach[1], p.reach[2] = int(p.reach3[row+len(p.Grid)]), int(reach[g2])
				p.archive.offer(int(right), t, p.plan, p.reach)
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
	return (reach > 0 || len(p.required) > 0) && (g2 == 0 || reach != p.reach3[cell-1]) &&
		(g1 == 0 || p.reach3[cell+p.bins-1-g2] != p.reach3[cell-1-g2])
}
