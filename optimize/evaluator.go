package optimize

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// An evaluator has a problem in the form in which cascades with a grid's thresholds on a
// measure of confidence are evaluated. All threads share it; it changes between phases
// of a search alone.
type evaluator struct {
	labels     []uint16
	classes    int
	models     []Model
	lists      []kernel.Lists // of each model, then their ballots if there are any
	costs      []float64      // of each model
	grid       Grid
	confidence cascade.Confidence
	cuts       func(weight uint32) []uint32
	singles    [][]byte                         // tables of each of the lists alone; none before tabulateSingles
	stances    []func() kernel.Stances          // of each of the lists, made when first asked for; none if there is no room
	made       []atomic.Pointer[kernel.Stances] // those of them that are made
	replayed   map[string][]byte                // tables from full outputs, by set
}

// newEvaluator returns the evaluator of a problem; with votes for rule vote, too.
func newEvaluator(p *Problem, grid Grid, confidence cascade.Confidence, votes bool) *evaluator {
	e := &evaluator{labels: p.labels, classes: p.classes, models: p.models, grid: grid, confidence: confidence}
	for i := range p.models {
		e.lists = append(e.lists, p.models[i].Lists)
		e.costs = append(e.costs, p.models[i].Cost)
	}
	if votes {
		e.addBallots()
	}
	var cuts [cascade.MaxStages + 1]func() []uint32
	for w := range cuts {
		cuts[w] = sync.OnceValue(func() []uint32 { return grid.cuts(uint32(w)) })
	}
	e.cuts = func(weight uint32) []uint32 { return cuts[weight]() }
	return e
}

// keepStances has what the models make of the labels kept once it is asked for, if that
// takes at most so many bytes. Only the largest probability is screened by it.
func (e *evaluator) keepStances(bytes int64) {
	if e.confidence != cascade.MaxProbability || e.stancesBytes() > bytes {
		return
	}
	e.made = make([]atomic.Pointer[kernel.Stances], len(e.lists))
	for i := range e.lists {
		e.stances = append(e.stances, sync.OnceValue(func() kernel.Stances {
			s := kernel.NewStances(&e.lists[i], e.labels)
			e.made[i].Store(&s)
			return s
		}))
	}
}

// given returns what a model gives the label of sample i, in fixed point.
func (e *evaluator) given(model, i int) uint32 {
	if e.made != nil {
		if s := e.made[model].Load(); s != nil {
			return s.Given(i) // fewer bytes to read than a list
		}
	}
	return classValue(&e.lists[model], i, e.labels[i])
}

// stancesBytes is the memory that all models' stances take.
func (e *evaluator) stancesBytes() int64 {
	return int64(kernel.StancesBytes(e.samples())) * int64(len(e.lists))
}

// addBallots adds the models' ballots to the lists: outputs that are 1 for the answer and 0
// for every other class, of which rule vote takes the mean. A ballot is numbered like its
// model, after all models. Only the answer matters, so the classes are those of the model's
// own lists, and the values are the same for all.
func (e *evaluator) addBallots() {
	n, k := e.samples(), e.listed()
	values, top := make([]uint16, n*k), slices.Repeat([]uint16{outputs.OneBits}, n)
	for i := range n {
		values[i*k] = outputs.OneBits
	}
	tail := make([]uint32, n)
	for _, l := range e.lists {
		e.lists = append(e.lists, kernel.Lists{K: k, Classes: l.Classes, Values: values, Tail: tail, TopClass: l.TopClass, TopValue: top})
	}
}

// firstOf returns the number of the first model's lists that a rule combines.
func (e *evaluator) firstOf(rule cascade.Rule) int {
	if rule == cascade.RuleVote {
		return len(e.models)
	}
	return 0
}

// of returns the models' lists that a rule combines, and their tables.
func (e *evaluator) of(rule cascade.Rule) (lists []kernel.Lists, singles [][]byte) {
	first, models := e.firstOf(rule), len(e.models)
	return e.lists[first:][:models], e.singles[first:][:models]
}

// set appends the normalized set of lists that a stage of a plan combines.
func (e *evaluator) set(set []member, p plan, stage int) []member {
	if p.rule == cascade.RuleLast {
		return append(set, member{p.members[stage].model, 1})
	}
	set = normalize(set, p.members[:stage+1])
	for i := range set {
		set[i].model += uint16(e.firstOf(p.rule))
	}
	return set
}

// samples is the number of samples.
func (e *evaluator) samples() int { return len(e.labels) }

// listed is how many classes of a sample the models' lists have.
func (e *evaluator) listed() int { return e.lists[0].K }

// byCost returns the models, the cheapest first.
func (e *evaluator) byCost() []int {
	models := make([]int, len(e.models))
	for m := range models {
		models[m] = m
	}
	slices.SortStableFunc(models, func(a, b int) int { return cmp.Compare(e.costs[a], e.costs[b]) })
	return models
}

// complete reports whether the lists have all classes.
func (e *evaluator) complete() bool { return e.listed() >= e.classes }

// tabulateSingles makes the table of every model alone, on so many threads.
func (e *evaluator) tabulateSingles(threads int) {
	n := e.samples()
	all := make([]byte, n*len(e.lists))
	e.singles = make([][]byte, len(e.lists))
	inPieces(threads, len(e.lists), func(_, from, to int) {
		sums, values := make([]uint32, n), make([]uint32, e.listed())
		for m := from; m < to; m++ {
			e.singles[m] = all[m*n : (m+1)*n : (m+1)*n]
			e.tabulateSingle(m, sums, values)
		}
	})
}

// tabulateSingle makes the table of one model. sums and values are room, for the samples and for a
// list.
func (e *evaluator) tabulateSingle(m int, sums, values []uint32) {
	l := &e.lists[m]
	kernel.Fixed(sums, l.TopValue)
	if e.confidence != cascade.MaxProbability {
		listed := min(l.K, e.classes)
		for i := range sums {
			kernel.Fixed(values, l.Values[i*l.K:(i+1)*l.K])
			sums[i] = e.confidence.Of(values[:listed], 1, e.classes-listed)
		}
	}
	kernel.Bins(e.singles[m], sums, l.TopClass, e.labels, e.cuts(1))
}

// totalCost prices a plan, so many samples reaching each of its stages, for all samples
// together. It has the operations of [cascade.NewEvaluation] in the same order.
func (e *evaluator) totalCost(p plan, reach []int) float64 {
	total := 0.0
	for stage, m := range p.members {
		total += float64(e.costs[m.model] * float64(reach[stage]))
	}
	return total
}

// cascade returns a plan with the models' names and the thresholds of the grid. A single
// model has rule mean: rules do not differ then, and it is written without one.
func (e *evaluator) cascade(p plan) cascade.Cascade {
	c := cascade.Cascade{Rule: p.rule, Confidence: e.confidence}
	if len(p.members) == 1 {
		c.Rule = cascade.RuleMean
	}
	for _, m := range p.members {
		c.Stages = append(c.Stages, cascade.Stage{Model: e.models[m.model].Name, Weight: int(m.weight)})
	}
	for stage, g := range p.exits {
		c.Stages[stage].Threshold = e.grid[g]
	}
	return c
}

// classValue returns a model's value of a class on sample i, by its list, in fixed point.
func classValue(l *kernel.Lists, i int, class uint16) uint32 {
	from, to := i*l.K, (i+1)*l.K
	if k := slices.Index(l.Classes[from:to], class); k >= 0 {
		var listed [1]uint32
		kernel.Fixed(listed[:], l.Values[from+k:from+k+1])
		return listed[0]
	}
	return l.Tail[i]
}

// inPieces calls f for about equal pieces of the numbers 0..n-1, each on a thread of its
// own, one of which is the caller's.
func inPieces(threads, n int, f func(piece, from, to int)) {
	pieces := min(threads, n)
	do := func(piece int) { f(piece, piece*n/pieces, (piece+1)*n/pieces) }
	var wait sync.WaitGroup
	for piece := 1; piece < pieces; piece++ {
		wait.Go(func() {
			defer crash.Guard()()
			do(piece)
		})
	}
	if pieces > 0 {
		do(0)
	}
	wait.Wait()
}
