package optimize

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// greedy is GreedyCascade (Streeter: Approximation algorithms for cascading prediction
// models, ICML 2018). For every reference model and every multiplier it builds one cascade
// of rule last: on the samples not yet answered, each model gets the smallest threshold
// at which, on those it then answers, it is at least as accurate as the multiplier times
// the reference; the model that answers most samples for its cost comes next. Thresholds
// are those of the grid. The publication's measure of confidence, the gap between the two
// largest logits, cannot be computed from stored probabilities; [cascade.Margin] is the
// nearest to it.
type greedy struct{}

// greedyPercents are the multipliers, in percent.
var greedyPercents = []int{100, 99, 98, 97, 96, 95}

func (greedy) maxModels() int { return cascade.MaxStages }

func (greedy) check(o *Options) error {
	if len(o.Include) > 0 {
		return errors.New("algorithm greedy chooses every model itself: it cannot be given models that a cascade must have")
	}
	o.Rules = []cascade.Rule{cascade.RuleLast}
	return nil
}

func (greedy) search(ctx context.Context, r *run) (Proof, error) {
	units := len(r.eval.models) * len(greedyPercents)
	if r.options.Evals > 0 {
		units = int(min(int64(units), r.options.Evals))
	}
	return Proof{}, r.parallelLong(ctx, "greedy cascades built", units, func(w *worker) func(int) {
		b := newCascadeBuilder(w, r.limits, r.options.MaxModels)
		return func(unit int) {
			if p, ok := b.build(unit/len(greedyPercents), greedyPercents[unit%len(greedyPercents)]); ok {
				w.evaluateAndOffer(p, w.archive)
			}
		}
	})
}

// A cascadeBuilder builds greedy cascades.
type cascadeBuilder struct {
	eval    *evaluator
	limits  *limits
	longest int     // chain
	byCost  []int   // models, cheapest first
	open    []int32 // samples not answered yet
	counts  []binCount
	used    []bool
}

// A binCount counts the open samples of one bin of a model's confidence.
type binCount struct {
	samples   int32
	correct   int32 // of these, by the model
	reference int32 // and by the reference
}

func newCascadeBuilder(w *worker, l *limits, longest int) *cascadeBuilder {
	e := w.eval
	b := &cascadeBuilder{
		eval:    e,
		limits:  l,
		longest: longest,
		open:    make([]int32, 0, e.samples()),
		counts:  make([]binCount, len(e.grid)+1),
		used:    make([]bool, len(e.models)),
	}
	for m := range e.models {
		b.byCost = append(b.byCost, m)
	}
	slices.SortStableFunc(b.byCost, func(x, y int) int { return cmp.Compare(e.costs[x], e.costs[y]) })
	return b
}

// everything is the threshold of a stage that answers all samples that reach it.
const everything = -1

// build returns the cascade for a reference model and a multiplier, unless the reference
// alone is beyond the limits. The reference can always answer what is left: the limits are
// kept with it too.
func (b *cascadeBuilder) build(reference, percent int) (p plan, ok bool) {
	e := b.eval
	var cost, params float64 // of the members
	fits := func(models ...int) bool {
		c, p := cost, params
		for _, m := range models {
			c, p = c+e.costs[m], p+e.models[m].Params
		}
		return c <= b.limits.worst && p <= b.limits.params
	}
	if !fits(reference) {
		return plan{}, false
	}
	b.open = b.open[:0]
	for i := range e.labels {
		b.open = append(b.open, int32(i))
	}
	clear(b.used)
	p.rule = cascade.RuleLast
	for {
		next, exit, most := -1, 0, 0.0
		for _, m := range b.byCost {
			if float64(len(b.open)) <= most*e.costs[m] {
				break // nor can a more expensive model answer more for its cost
			}
			if b.used[m] || !fits(m) {
				continue
			}
			mustEnd := len(p.members) == b.longest-1 || !fits(m, reference)
			g, answered := b.threshold(m, reference, percent)
			if answered > 0 && (g == everything || !mustEnd) && float64(answered) > most*e.costs[m] {
				next, exit, most = m, g, float64(answered)/e.costs[m]
			}
		}
		p.members = append(p.members, member{uint16(next), 1})
		if exit == everything {
			return p, true
		}
		p.exits = append(p.exits, uint8(exit))
		b.used[next] = true
		cost, params = cost+e.costs[next], params+e.models[next].Params
		table := e.singles[next]
		b.open = slices.DeleteFunc(b.open, func(i int32) bool { return int(table[i]>>1) > exit })
	}
}

// threshold returns the smallest threshold, a number into the grid or everything, at which
// a model is accurate enough on the open samples above it, and how many these are.
func (b *cascadeBuilder) threshold(m, reference, percent int) (g, answered int) {
	table, other := b.eval.singles[m], b.eval.singles[reference]
	clear(b.counts)
	var above binCount
	for _, i := range b.open {
		c := &b.counts[table[i]>>1]
		c.samples++
		c.correct += int32(table[i] & 1)
		c.reference += int32(other[i] & 1)
	}
	for _, c := range b.counts {
		above.samples += c.samples
		above.correct += c.correct
		above.reference += c.reference
	}
	for g = everything; ; g++ {
		if 100*int64(above.correct) >= int64(percent)*int64(above.reference) {
			return g, int(above.samples)
		}
		c := b.counts[g+1]
		above.samples -= c.samples
		above.correct -= c.correct
		above.reference -= c.reference
	}
}
