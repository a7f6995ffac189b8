package optimize

import (
	"context"
	"sync/atomic"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// A worker evaluates cascades on one thread: it has the caches and the buffers for that,
// and an archive of its own for the phase of the search it takes part in.
type worker struct {
	eval        *evaluator
	evaluations *atomic.Int64   // of the search, counted by all its workers
	archive     *archive        // what this worker has found in the present phase
	ctx         context.Context // of the present phase; nil: none

	best  []uint32 // of each sample, the confidence of a set, times its weight
	class []uint16 // and its prediction
	open  []int32  // samples that Combine leaves to Resolve

	extended *kernel.Sums // for measures of confidence that need sums

	cache   *cache[*setTable]
	sums    *cache[*kernel.Sums]
	pieces  int             // that the samples of a table are cut into, a thread for each
	parts   []*kernel.Lists // members as the kernels take them
	weights []uint32

	tables [][]byte // of the stages of the plan being evaluated
	stages []stageSet
	rooms  []*piece // of follow; made when needed
	exits  []byte
	reach  []int
	key    []byte
	set    []member
	rest   []member
}

// newWorker returns a worker that keeps so many bytes of tables and of sums.
func (e *evaluator) newWorker(tables, sums int64, evaluations *atomic.Int64) *worker {
	n, k := e.samples(), e.listed()
	w := &worker{
		eval:        e,
		evaluations: evaluations,
		best:        make([]uint32, n),
		class:       make([]uint16, n),
		open:        make([]int32, n),
		cache:       newCache(tables, setTableBytes(n), cascade.MaxStages+1, func() *setTable { return newSetTable(n) }),
		sums:        newCache(sums, kernel.SumsBytes(n, k), 2, func() *kernel.Sums { return kernel.NewSums(n, k) }),
	}
	if e.confidence != cascade.MaxProbability {
		w.extended = kernel.NewSums(n, k)
	}
	return w
}

// stopped reports whether the phase is to end. Units of work that take long ask: what they leave
// out is not known, and they do not count as finished.
func (w *worker) stopped() bool { return w.ctx != nil && w.ctx.Err() != nil }

// combine makes the table of a set of lists and one more. sums are those of the set.
func (w *worker) combine(table []byte, sums *kernel.Sums, set []member, add member) {
	list, weight := &w.eval.lists[add.model], uint32(add.weight)
	if w.eval.confidence == cascade.MaxProbability {
		open := kernel.Combine(w.best, w.class, w.open, sums, list, weight)
		if open > 0 {
			parts, weights := w.split(set)
			kernel.ResolveSamples(w.best, w.class, w.open[:open], append(parts, list), append(weights, weight))
		}
	} else {
		// Other measures need more of the sums than the largest.
		parts, weights := w.split(set)
		kernel.Extend(w.extended, sums, parts, weights, list, weight)
		w.measure(w.extended)
	}
	kernel.Bins(table, w.best, w.class, w.eval.labels, w.eval.cuts(sums.Weight+weight))
}

// measure leaves the classes of the set that sums belong to in class and its confidences
// in best. Sums that are listed for padding classes do not count.
func (w *worker) measure(sums *kernel.Sums) {
	copy(w.class, sums.TopClass)
	classes := w.eval.classes
	listed := min(sums.K, classes)
	for i := range sums.Len() {
		w.best[i] = w.eval.confidence.Of(sums.Values[i*sums.K:][:listed], sums.Weight, classes-listed)
	}
}

// sum finds the confidence and the class of a normalized set on all samples, and leaves
// them in best and class. It returns the set's weight.
func (w *worker) sum(set []member) (weight uint32) {
	if w.eval.confidence == cascade.MaxProbability {
		parts, weights := w.split(set)
		kernel.ResolveAll(w.best, w.class, parts, weights)
	} else {
		w.measure(w.sumsOf(set))
	}
	return weightOf(set)
}

// split returns a set's lists and weights, valid until the next call.
func (w *worker) split(set []member) ([]*kernel.Lists, []uint32) {
	w.parts, w.weights = w.parts[:0], w.weights[:0]
	for _, m := range set {
		w.parts = append(w.parts, &w.eval.lists[m.model])
		w.weights = append(w.weights, uint32(m.weight))
	}
	return w.parts, w.weights
}

// evaluate returns the correct answers of a plan and how many samples reach each of its
// stages; reach is valid until the next call.
func (w *worker) evaluate(p plan) (correct int, reach []int) {
	w.evaluations.Add(1)
	if w.eval.confidence == cascade.MaxProbability {
		return w.follow(p)
	}
	return w.count(p, w.tabulate(p, -1))
}

// count is evaluate for a plan whose stages have these tables.
func (w *worker) count(p plan, tables [][]byte) (correct int, reach []int) {
	w.reach = w.reach[:0]
	for range tables {
		w.reach = append(w.reach, 0)
	}
	return kernel.Evaluate(tables, w.exitsOf(p), w.reach), w.reach
}

// exitsOf returns the exits of a plan as the kernels take them, valid until the next call.
func (w *worker) exitsOf(p plan) []byte {
	w.exits = w.exits[:0]
	for _, g := range p.exits {
		w.exits = append(w.exits, 2*(g+1))
	}
	return w.exits
}

// evaluateAndOffer evaluates a plan and offers it to an archive.
func (w *worker) evaluateAndOffer(p plan, a *archive) outcome {
	correct, reach := w.evaluate(p)
	total := w.eval.totalCost(p, reach)
	a.offer(correct, total, p, reach)
	return outcome{int32(correct), total}
}

// tabulate returns the tables of a plan's stages, valid until the next call.
func (w *worker) tabulate(p plan, fresh int) [][]byte {
	w.tables = w.tables[:0]
	for stage := range p.members {
		w.tables = append(w.tables, w.table(p, stage, fresh))
	}
	return w.tables
}

// table returns the table of a plan's stage, from the cache or newly made. Member number
// fresh is one of many that are tried with the same others: the table is made from the
// sums of these, which are kept. With a negative fresh no member is.
func (w *worker) table(p plan, stage, fresh int) []byte {
	first := w.eval.firstOf(p.rule)
	if stage == 0 || p.rule == cascade.RuleLast {
		return w.eval.singles[first+int(p.members[stage].model)]
	}
	w.set = w.eval.set(w.set[:0], p, stage)
	w.key = setKey(w.key[:0], w.set)
	if table, known := w.eval.replayed[string(w.key)]; known {
		return table
	}
	t := w.setTable()
	if t.whole {
		return t.entries
	}
	t.whole = true
	table := t.entries
	switch {
	case 0 <= fresh && fresh <= stage:
		add := p.members[fresh]
		w.rest = append(append(w.rest[:0], p.members[:fresh]...), p.members[fresh+1:stage+1]...)
		w.rest = w.eval.set(w.rest[:0], plan{rule: p.rule, members: w.rest}, stage-1)
		w.combine(table, w.sumsOf(w.rest), w.rest, member{uint16(first) + add.model, add.weight})
	case w.pieces > 1:
		w.tabulateInPieces(table, w.set)
	default:
		weight := w.sum(w.set)
		kernel.Bins(table, w.best, w.class, w.eval.labels, w.eval.cuts(weight))
	}
	return table
}

// tabulateInPieces makes the table of a normalized set, a piece of the samples on each
// thread.
func (w *worker) tabulateInPieces(table []byte, set []member) {
	parts, weights := w.split(set)
	cuts := w.eval.cuts(weightOf(set))
	inPieces(w.pieces, len(table), func(_, from, to int) {
		lists := make([]kernel.Lists, len(parts))
		pointers := make([]*kernel.Lists, len(parts))
		for i, l := range parts {
			lists[i] = l.Slice(from, to)
			pointers[i] = &lists[i]
		}
		kernel.ResolveAll(w.best[from:to], w.class[from:to], pointers, weights)
		kernel.Bins(table[from:to], w.best[from:to], w.class[from:to], w.eval.labels[from:to], cuts)
	})
}

// sumsOf returns the sums of a normalized set, from the cache or newly made from those of
// the set without its last member.
func (w *worker) sumsOf(set []member) *kernel.Sums {
	w.key = setKey(w.key[:0], set)
	if sums, known := w.sums.get(w.key); known {
		return sums
	}
	others, last := set[:len(set)-1], set[len(set)-1]
	list := &w.eval.lists[last.model]
	if len(others) == 0 {
		sums := w.sums.put(w.key)
		kernel.Single(sums, list, uint32(last.weight))
		return sums
	}
	rest := w.sumsOf(others)
	sums := w.sums.put(setKey(w.key[:0], set)) // not those of the others, used last
	parts, weights := w.split(others)
	kernel.Extend(sums, rest, parts, weights, list, uint32(last.weight))
	return sums
}
