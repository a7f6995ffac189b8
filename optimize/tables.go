package optimize

import (
	"cmp"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// A worker is one thread's room for evaluating cascades. It is not safe for
// parallel use; workers share nothing that changes but the counters of their
// search.
type worker struct {
	*search
	archive *archive // what this worker has found in the present phase

	best  []uint32 // of each sample, the confidence of a set, times its weight
	class []uint16 // and its prediction
	open  []int32  // samples Combine leaves to Resolve

	extended *kernel.Sums // room for measures of confidence that need sums

	cache   tableCache
	sums    sumsCache
	pieces  int             // of the samples, each for a thread, that tables are made in
	parts   []*kernel.Lists // members as the kernels want them
	weights []uint32

	tables [][]byte // of the stages of the plan being evaluated
	exits  []byte
	reach  []int
	key    []byte
	set    []member

	rest []member
}

func (s *search) newWorker() *worker {
	n := s.Samples()
	w := &worker{
		search: s,
		best:   make([]uint32, n),
		class:  make([]uint16, n),
		open:   make([]int32, n),
	}
	if s.Confidence != cascade.MaxProbability {
		w.extended = kernel.NewSums(n, s.lists[0].K)
	}
	memory := s.Memory / int64(s.Threads)
	w.cache = newTableCache(n, memory/2)
	w.sums = newSumsCache(n, s.lists[0].K, memory/2)
	return w
}

// pieceSamples is how many samples a piece of a table has at the least: fewer are
// not worth a thread's while.
const pieceSamples = 8192

// newSoleWorker returns a worker for an algorithm that has no other and keeps no
// sums: it has all the memory for tables, and makes large ones on all threads.
func (s *search) newSoleWorker() *worker {
	w := s.newWorker()
	w.cache = newTableCache(s.Samples(), s.Memory)
	if s.Confidence == cascade.MaxProbability {
		w.pieces = min(s.Threads, s.Samples()/pieceSamples)
	}
	return w
}

// tabulateSingles makes the table of every model alone.
func (s *search) tabulateSingles() {
	n := s.Samples()
	all := make([]byte, n*len(s.lists))
	s.singles = make([][]byte, len(s.lists))
	sums := make([]uint32, n)
	values := make([]uint32, s.lists[0].K)
	for m := range s.lists {
		l := &s.lists[m]
		s.singles[m] = all[m*n : (m+1)*n : (m+1)*n]
		kernel.Fixed(sums, l.TopValue)
		if s.Confidence != cascade.MaxProbability {
			listed := min(l.K, s.classes)
			for i := range sums {
				kernel.Fixed(values, l.Values[i*l.K:(i+1)*l.K])
				sums[i] = s.Confidence.Of(values[:listed], 1, s.classes-listed)
			}
		}
		kernel.Bins(s.singles[m], sums, l.TopClass, s.labels, s.cuts(1))
	}
}

// combine makes the table of a set and one more member. sums are those of the
// set.
func (w *worker) combine(table []byte, sums *kernel.Sums, set []member, add member) {
	list, weight := &w.lists[add.model], uint32(add.weight)
	if w.Confidence == cascade.MaxProbability {
		open := kernel.Combine(w.best, w.class, w.open, sums, list, weight)
		if open > 0 {
			parts, weights := w.split(set)
			kernel.ResolveSamples(w.best, w.class, w.open[:open], append(parts, list), append(weights, weight))
		}
	} else {
		// Other measures need more of the sums than the largest.
		parts, weights := w.split(set)
		kernel.Extend(w.extended, sums, parts, weights, list, weight)
		w.measured(w.extended)
	}
	kernel.Bins(table, w.best, w.class, w.labels, w.cuts(sums.Weight+weight))
}

// measured leaves the classes of the set that sums belong to in class and its
// confidences in best. Sums that are listed for padding classes do not count.
func (w *worker) measured(sums *kernel.Sums) {
	copy(w.class, sums.TopClass)
	listed := min(sums.K, w.classes)
	for i := range sums.Len() {
		w.best[i] = w.Confidence.Of(sums.Values[i*sums.K:][:listed], sums.Weight, w.classes-listed)
	}
}

// sum finds the confidence and the class of a normalised set on all samples, and
// leaves them in best and class. It returns the set's weight.
func (w *worker) sum(set []member) (weight uint32) {
	parts, weights := w.split(set)
	for _, x := range weights {
		weight += x
	}
	if w.Confidence == cascade.MaxProbability {
		kernel.ResolveAll(w.best, w.class, parts, weights)
	} else {
		w.measured(w.sumsOf(set))
	}
	return weight
}

// split returns a set's lists and weights, valid until the next call.
func (w *worker) split(set []member) ([]*kernel.Lists, []uint32) {
	w.parts, w.weights = w.parts[:0], w.weights[:0]
	for _, m := range set {
		w.parts = append(w.parts, &w.lists[m.model])
		w.weights = append(w.weights, uint32(m.weight))
	}
	return w.parts, w.weights
}

// evaluate returns the correct answers of a plan and how many samples reach each
// of its stages; reach is valid until the next call.
func (w *worker) evaluate(p plan) (correct int, reach []int) {
	w.tables, w.exits, w.reach = w.tables[:0], w.exits[:0], w.reach[:0]
	w.cache.unpin()
	for stage := range p.members {
		w.tables = append(w.tables, w.table(p, stage))
		w.reach = append(w.reach, 0)
	}
	for _, g := range p.exits {
		w.exits = append(w.exits, 2*(g+1))
	}
	w.evaluations.Add(1)
	return kernel.Evaluate(w.tables, w.exits, w.reach), w.reach
}

// totalCost prices a plan that so many samples reach each stage of, for all samples
// together, with the same operations in the same order as [cascade.NewEvaluation].
func (s *search) totalCost(p plan, reach []int) float64 {
	total := 0.0
	for stage, m := range p.members {
		total += float64(s.costs[m.model] * float64(reach[stage]))
	}
	return total
}

// stageCosts are the costs of a plan's members.
func (s *search) stageCosts(p plan) []float64 {
	costs := make([]float64, len(p.members))
	for stage, m := range p.members {
		costs[stage] = s.costs[m.model]
	}
	return costs
}

// table returns the table of a plan's stage, from the cache or made anew. It
// stays valid until the cache is next unpinned.
func (w *worker) table(p plan, stage int) []byte {
	return w.tableOver(p, stage, -1)
}

// tableOver is table for a plan whose member number fresh is one of many that are
// tried with the same others: the table is made from the sums of these, which are
// kept. A negative fresh stands for none.
func (w *worker) tableOver(p plan, stage, fresh int) []byte {
	if stage == 0 || p.rule == cascade.RuleLast {
		return w.singles[p.members[stage].model]
	}
	members := p.members[:stage+1]
	w.set = normalize(w.set[:0], members)
	w.key = setKey(w.key[:0], w.set)
	if table, known := w.exact[string(w.key)]; known {
		return table
	}
	table, known := w.cache.get(w.key)
	switch {
	case known:
	case 0 <= fresh && fresh <= stage:
		w.rest = append(append(w.rest[:0], members[:fresh]...), members[fresh+1:]...)
		w.rest = normalize(w.rest[:0], w.rest)
		w.combine(table, w.sumsOf(w.rest), w.rest, members[fresh])
	case w.pieces > 1:
		w.tabulateInPieces(table, w.set)
	default:
		weight := w.sum(w.set)
		kernel.Bins(table, w.best, w.class, w.labels, w.cuts(weight))
	}
	return table
}

// tabulateInPieces makes the table of a normalised set, a piece of the samples on
// each thread.
func (w *worker) tabulateInPieces(table []byte, set []member) {
	parts, weights := w.split(set)
	total := uint32(0)
	for _, x := range weights {
		total += x
	}
	cuts := w.cuts(total)
	var wait sync.WaitGroup
	for piece := range w.pieces {
		from, to := piece*len(table)/w.pieces, (piece+1)*len(table)/w.pieces
		wait.Go(func() {
			lists := make([]kernel.Lists, len(parts))
			pointers := make([]*kernel.Lists, len(parts))
			for i, l := range parts {
				lists[i] = l.Slice(from, to)
				pointers[i] = &lists[i]
			}
			kernel.ResolveAll(w.best[from:to], w.class[from:to], pointers, weights)
			kernel.Bins(table[from:to], w.best[from:to], w.class[from:to], w.labels[from:to], cuts)
		})
	}
	wait.Wait()
}

// sumsOf returns the sums of a normalised set, from the cache or made anew from
// those of the set without its last member.
func (w *worker) sumsOf(set []member) *kernel.Sums {
	key := setKey(nil, set)
	if len(set) > 1 && w.sums.index[string(key)] == nil {
		w.sumsOf(set[:len(set)-1]) // before the set has room, which making these could take away
	}
	sums, known := w.sums.get(key)
	if known {
		return sums
	}
	last := set[len(set)-1]
	list := &w.lists[last.model]
	if len(set) == 1 {
		kernel.Single(sums, list, uint32(last.weight))
		return sums
	}
	rest := w.sumsOf(set[:len(set)-1])
	parts, weights := w.split(set[:len(set)-1])
	kernel.Extend(sums, rest, parts, weights, list, uint32(last.weight))
	return sums
}

// normalize appends the set that members form, by model, with the weights of a
// model that stands more than once added up.
func normalize(set []member, members []member) []member {
	set = append(set, members...)
	slices.SortFunc(set, func(a, b member) int { return cmp.Compare(a.model, b.model) })
	out := set[:0]
	for _, m := range set {
		if last := len(out) - 1; last >= 0 && out[last].model == m.model {
			out[last].weight += m.weight
		} else {
			out = append(out, m)
		}
	}
	return out
}

// setKey appends what names a normalised set.
func setKey(key []byte, set []member) []byte {
	for _, m := range set {
		key = append(key, byte(m.model), byte(m.model>>8), m.weight)
	}
	return key
}
