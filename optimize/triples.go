package optimize

import (
	"context"
	"math"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// tryTriples offers every chain of three distinct models with all thresholds, except those
// that [prefix.mayImprove] proves to be dominated. A unit is a pair of models; both its
// orders are prefixes of chains.
func (r *run) tryTriples(ctx context.Context, rule cascade.Rule) error {
	models := len(r.eval.models)
	values := r.eval.labelValues(rule, r.options.Threads)
	most := make([]uint32, r.eval.samples()) // of each sample, the largest of all values
	for i := range most {
		for m := range values {
			most[i] = max(most[i], values[m][i])
		}
	}
	return r.parallelLong(ctx, "pairs extended by all others", models*(models-1)/2, func(w *worker) func(int) {
		t := newTripleSolver(r, w, rule, values, most)
		return func(unit int) { t.solve(pairNumber(unit, models)) }
	})
}

// pairNumber returns the u-th of the pairs x < y of so many models, in lexicographic order.
func pairNumber(u, models int) (x, y int) {
	for x = 0; u >= models-1-x; x++ {
		u -= models - 1 - x
	}
	return x, x + 1 + u
}

// A tripleSolver offers chains of three that begin with a pair of models in either order.
type tripleSolver struct {
	run       *run
	w         *worker
	rule      cascade.Rule
	values    [][]uint32 // what each model can do for each sample's label
	most      []uint32   // of each sample, the largest of these
	bound     []float64  // least total known for each number of correct answers or more
	prefixes  [2]*prefix
	lists     []kernel.Lists
	singles   [][]byte
	pair      []member // of the lists
	single    *kernel.Sums
	owner     int // the model whose sums single holds
	sums      *kernel.Sums
	pairTable []byte
	table     []byte // of all three
}

func newTripleSolver(r *run, w *worker, rule cascade.Rule, values [][]uint32, most []uint32) *tripleSolver {
	n := r.eval.samples()
	lists, singles := r.eval.of(rule)
	return &tripleSolver{
		run: r, w: w, rule: rule, values: values, most: most, lists: lists, singles: singles,
		bound:     make([]float64, n+2),
		prefixes:  [2]*prefix{newPrefix(w, r.limits, rule), newPrefix(w, r.limits, rule)},
		single:    kernel.NewSums(n, r.eval.listed()),
		owner:     -1,
		sums:      kernel.NewSums(n, r.eval.listed()),
		pairTable: make([]byte, n),
		table:     make([]byte, n),
	}
}

// solve offers the chains that begin with x and y or with y and x.
func (t *tripleSolver) solve(x, y int) {
	e := t.run.eval
	models, grid := len(e.models), len(e.grid)
	t.w.evaluations.Add(int64(2 * (models - 2) * grid * grid))
	if e.costs[x]+e.costs[y] > t.run.limits.worst {
		return
	}
	t.w.archive.staircase(t.bound)
	if t.run.truncated() {
		allowNear(t.bound)
	}
	t.begin(x, y)
	limits := [2]float64{t.prefixes[0].costLimit(t.most, t.bound), t.prefixes[1].costLimit(t.most, t.bound)}
	summed := false
	for z := range models {
		if t.w.stopped() {
			return
		}
		if z == x || z == y || e.costs[x]+e.costs[y]+e.costs[z] > t.run.limits.worst {
			continue
		}
		table := t.singles[z]
		made := t.rule == cascade.RuleLast
		for order, p := range t.prefixes {
			if e.costs[z] > limits[order] || !p.mayImprove(z, t.values[z], t.bound) {
				continue
			}
			if !summed && t.rule != cascade.RuleLast {
				parts, weights := t.w.split(t.pair[:1])
				kernel.Extend(t.sums, t.single, parts, weights, &t.lists[y], 1)
				summed = true
			}
			if !made {
				t.w.combine(t.table, t.sums, t.pair, member{uint16(e.firstOf(t.rule) + z), 1})
				table, made = t.table, true
			}
			p.solve(z, table)
		}
	}
}

// begin makes the prefixes those of a pair.
func (t *tripleSolver) begin(x, y int) {
	w, e := t.w, t.run.eval
	if t.rule == cascade.RuleLast {
		t.prefixes[0].set(x, y, t.singles[y])
		t.prefixes[1].set(y, x, t.singles[x])
		for _, p := range t.prefixes {
			p.findNeeds(func(int) uint32 { return 1 }) // the third model answers alone
		}
		return
	}
	first := e.firstOf(t.rule)
	t.pair = []member{{uint16(first + x), 1}, {uint16(first + y), 1}}
	if t.owner != x {
		kernel.Single(t.single, &t.lists[x], 1)
		t.owner = x
	}
	w.combine(t.pairTable, t.single, t.pair[:1], t.pair[1])
	top := w.best // the top sums of the pair
	if e.confidence != cascade.MaxProbability {
		top = w.extended.Top
	}
	t.prefixes[0].set(x, y, t.pairTable)
	t.prefixes[1].set(y, x, t.pairTable)
	for _, p := range t.prefixes {
		// The label wins only if its sum and the third model's value reach the present top
		// sum, to which the third model adds 0 or more.
		p.findNeeds(func(i int) uint32 { return top[i] - t.values[x][i] - t.values[y][i] })
	}
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

	// Of each sample, the least label value a third model must have to make it correct;
	// more than any value if it is correct at the second stage.
	need []uint32
}

func newPrefix(w *worker, l *limits, rule cascade.Rule) *prefix {
	bins, samples := len(w.eval.grid)+1, w.eval.samples()
	return &prefix{
		w:       w,
		limits:  l,
		bins:    bins,
		cells:   make([]uint16, samples),
		need:    make([]uint32, samples),
		correct: make([]int32, bins),
		total:   make([]float64, bins),
		reach3:  make([]int32, bins*bins),
		gain:    make([]int32, bins*bins),
		plan:    plan{rule: rule, members: []member{{0, 1}, {0, 1}, {0, 1}}, exits: []uint8{0, 0}},
		reach:   []int{samples, 0, 0},
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

// findNeeds finds what the samples need; need is called for those that the second stage
// gets wrong.
func (p *prefix) findNeeds(need func(i int) uint32) {
	for i, b := range p.second {
		p.need[i] = math.MaxUint32
		if b&1 == 0 {
			p.need[i] = need(i)
		}
	}
}

// known returns the least total at which the score of a chain of three with so many
// correct answers, or a higher one, is known.
func (p *prefix) known(bound []float64, correct int32) float64 {
	return bound[max(0, int(correct)-2*p.limits.charge)]
}

// repairable leaves in gain, by g1 and g2, how many wrong samples a third model with these
// label values can make correct.
func (p *prefix) repairable(values []uint32) {
	clear(p.gain)
	kernel.CountReaching(p.gain, p.cells, values, p.need)
	kernel.Prefix2(p.gain, p.bins, p.bins)
}

// costLimit returns a cost above which no third model can belong to a cascade on the
// front, by the proof at [prefix.mayImprove] with the largest label values of all models.
// The bound is widened by more than the rounding of a division.
func (p *prefix) costLimit(most []uint32, bound []float64) float64 {
	if len(p.limits.required) > 0 {
		return math.Inf(1) // the third model may be required, reached or not
	}
	p.repairable(most)
	limit := math.Inf(-1)
	for g1 := range p.w.eval.grid {
		for g2 := range p.w.eval.grid {
			cell := g1*p.bins + g2
			if reach := p.reach3[cell]; reach > 0 {
				limit = max(limit, (p.known(bound, p.correct[g1]+p.gain[cell])*(1+1e-12)-p.total[g1])/float64(reach))
			}
		}
	}
	return limit
}

// mayImprove reports whether any cascade of the prefix and z might belong on the front,
// given the least total known for each number of correct answers or more.
//
// Proof: at thresholds (g1, g2), z answers reach3 samples. Those that are correct at stage
// 2 can at best stay so, and of the others only those can become correct for which z's
// label value is at least the one needed. So the cascade gives at most
//
//	u(g1, g2) = correct(g1) + those among the samples that reach z
//
// correct answers, and its total is known beforehand. If that exceeds bound[u] at all
// thresholds, every cascade is strictly dominated by a known one.
func (p *prefix) mayImprove(z int, values []uint32, bound []float64) bool {
	p.repairable(values)
	cost, grid := p.w.eval.costs[z], len(p.w.eval.grid)
	for g1 := range p.w.eval.grid {
		row := g1 * p.bins
		repaired, reach := p.gain[row:][:grid], p.reach3[row:][:grid]
		correct, total := p.correct[g1], p.total[g1]
		for g2, more := range repaired {
			// If no sample reaches z it is a chain of two, which is known already unless
			// z is required.
			if (reach[g2] > 0 || len(p.limits.required) > 0) && total+float64(cost*float64(reach[g2])) <= p.known(bound, correct+more) {
				return true
			}
		}
	}
	return false
}

// solve offers the chain of the prefix and z with all thresholds; table is that of its
// third stage.
func (p *prefix) solve(z int, table []byte) {
	clear(p.gain)
	kernel.Delta(p.gain, p.cells, p.second, table)
	kernel.Prefix2(p.gain, p.bins, p.bins)
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
