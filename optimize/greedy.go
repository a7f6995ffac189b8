package optimize

import (
	"context"
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
func greedy(ctx context.Context, r *run) (Proof, error) {
	units := len(r.eval.models) * len(greedyPercents)
	if r.options.Evals > 0 {
		units = int(min(int64(units), r.options.Evals))
	}
	return Proof{}, r.parallelLong(ctx, "greedy cascades built", units, func(w *worker) func(int) {
		b := newCascadeBuilder(r)
		return func(unit int) {
			if p, ok := b.build(ctx, unit/len(greedyPercents), greedyPercents[unit%len(greedyPercents)]); ok {
				w.evaluateAndOffer(p, w.archive)
			}
		}
	})
}

// greedyPercents are the multipliers, in percent.
var greedyPercents = []int{100, 99, 98, 97, 96, 95}

func checkGreedy(o *Options) error {
	if len(o.Include) > 0 {
		return optionf("include", "algorithm greedy chooses every model itself: it cannot be given models that a cascade must have")
	}
	o.Rules = []cascade.Rule{cascade.RuleLast}
	return nil
}

// A cascadeBuilder builds greedy cascades.
type cascadeBuilder struct {
	run    *run
	byCost []int      // models, cheapest first
	open   []int32    // samples not answered yet
	counts []binCount // by bin of a model's confidence
	used   []bool
}

// A binCount counts open samples.
type binCount struct {
	samples int
	lead    int64 // of the model's correct answers on these over the required ones, times 100
}

func newCascadeBuilder(r *run) *cascadeBuilder {
	e := r.eval
	return &cascadeBuilder{r, e.byCost(), make([]int32, 0, e.samples()), make([]binCount, len(e.grid)+1), make([]bool, len(e.models))}
}

// everything is the threshold of a stage that answers all samples that reach it.
const everything = -1

// build returns the cascade for a reference model and a multiplier, unless the reference
// alone is beyond the limits. The reference can always answer what is left: the limits are
// kept with it too. If ctx ends there is none.
func (b *cascadeBuilder) build(ctx context.Context, reference, percent int) (p plan, ok bool) {
	e := b.run.eval
	var cost, params float64 // of the members
	fits := func(models ...int) bool {
		c, p := cost, params
		for _, m := range models {
			c, p = c+e.costs[m], p+e.models[m].Params
		}
		return c <= b.run.limits.worst && p <= b.run.limits.params
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
			if ctx.Err() != nil {
				return plan{}, false
			}
			if float64(len(b.open)) <= most*e.costs[m] {
				break // nor can a more expensive model answer more for its cost
			}
			if b.used[m] || !fits(m) {
				continue
			}
			mustEnd := len(p.members) == b.run.options.MaxModels-1 || !fits(m, reference)
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
	table, other := b.run.eval.singles[m], b.run.eval.singles[reference]
	clear(b.counts)
	above := binCount{samples: len(b.open)}
	for _, i := range b.open {
		c := &b.counts[table[i]>>1]
		lead := 100*int64(table[i]&1) - int64(percent)*int64(other[i]&1)
		c.samples++
		c.lead += lead
		above.lead += lead
	}
	for g = everything; above.lead < 0; g++ {
		above.samples -= b.counts[g+1].samples
		above.lead -= b.counts[g+1].lead
	}
	return g, above.samples
}
