package optimize

import (
	"context"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// oracleBounds limits the correct answers of every cascade at each of some mean costs, of any
// length, order, weights and thresholds. If ctx ends before they are known it returns its error.
//
// Proof. Let m be the first model of a cascade. Every sample pays m. If m alone answers c
// and the label is another class, the sample can be correct at its exit only if another
// model has seen it. With rules last and vote the answer is that of a model that has seen the
// sample, so one of those must be correct; with rule mean one of them must give the label at
// least the value it gives c, for otherwise c stays ahead of the label. In all cases the
// sample also pays at least the cheapest such model. A
// cascade of total cost T can therefore have no more correct answers than m has alone plus
// as many others as the rest of T pays for, cheapest first; and no more than the best m
// allows.
//
// First the cheapest such models are found, by sample and answer c; then each m is taken in turn.
func (e *evaluator) oracleBounds(ctx context.Context, rules []cascade.Rule, threads int, costs []float64) ([]int, error) {
	h := &helpers{eval: e, mean: slices.Contains(rules, cascade.RuleMean), byCost: e.byCost(), of: make([][]helped, e.samples())}
	step := max(1, metMemory/h.metBytes())
	inPieces(threads, e.samples(), func(_, from, to int) {
		for ; from < to; from += step {
			h.find(ctx, from, min(from+step, to))
		}
	})
	most := make([]int, len(costs))
	var mu sync.Mutex
	inPieces(threads, threads, func(piece, _, _ int) {
		b := newBounded(h, costs)
		for rank := piece; rank < len(h.byCost) && ctx.Err() == nil; rank += threads { // the expensive ones take less
			b.begin(rank)
		}
		mu.Lock()
		defer mu.Unlock()
		for k, correct := range b.most {
			most[k] = max(most[k], correct)
		}
	})
	return most, ctx.Err()
}

// helpers tell which models may make a sample correct. Models are known by their rank in cost.
type helpers struct {
	eval   *evaluator
	mean   bool       // a rule searched is mean
	byCost []int      // models, by rank
	of     [][]helped // by sample
}

// helped are the two cheapest models that may make a sample correct if a class, which is wrong, is
// the answer so far; a rank that no model has if there are none.
type helped struct {
	answer uint16
	ranks  [2]uint16
}

// metMemory is what a thread may take to note which wrong answers it has met: enough for half a million samples
// and 1,000 classes. Helpers are found for so many samples at a time, model by model, because lists that
// do not fit into memory are read from disk each time.
const metMemory = 64 << 20

// metBytes is what a sample takes of that, a bit for each class.
func (h *helpers) metBytes() int { return (h.eval.classes + 63) / 64 * 8 }

// find finds the cheapest models that may help, for all wrong answers to the samples from..to-1. If ctx ends
// it finds fewer.
func (h *helpers) find(ctx context.Context, from, to int) {
	e, none := h.eval, uint16(len(h.byCost))
	words := h.metBytes() / 8
	met := make([]uint64, (to-from)*words)
	for m := range e.models {
		if ctx.Err() != nil {
			return
		}
		for i, answer := range e.lists[m].TopClass[from:to] {
			word, bit := &met[i*words+int(answer/64)], uint64(1)<<(answer%64)
			if answer != e.labels[from+i] && *word&bit == 0 {
				*word |= bit
				h.of[from+i] = append(h.of[from+i], helped{answer, [2]uint16{none, none}})
			}
		}
	}
	var open []int
	for i := from; i < to; i++ {
		if len(h.of[i]) > 0 {
			open = append(open, i)
		}
	}
	for rank := 0; rank < len(h.byCost) && len(open) > 0 && ctx.Err() == nil; rank++ {
		open = slices.DeleteFunc(open, func(i int) bool { return !h.help(i, rank) })
	}
}

// help notes the wrong answers to sample i with which the model of a rank may help, and reports whether there
// are some for which more models are wanted. With any rule a model may that is correct, and with rule mean one
// that gives the label no less than the answer so far.
func (h *helpers) help(i, rank int) (open bool) {
	e, m, none := h.eval, h.byCost[rank], uint16(len(h.byCost))
	correct, given := e.singles[m][i]&1 == 1, uint32(0) // what the model gives the label
	if !correct && h.mean {
		given = e.given(m, i)
	}
	for k := range h.of[i] {
		a := &h.of[i][k]
		if a.ranks[1] < none {
			continue
		}
		if !correct && (!h.mean || given < classValue(&e.lists[m], i, a.answer)) {
			open = true
			continue
		}
		if a.ranks[0] == none {
			a.ranks[0], open = uint16(rank), true
		} else {
			a.ranks[1] = uint16(rank)
		}
	}
	return open
}

// bounded are the most correct answers known to be possible at some mean costs.
type bounded struct {
	*helpers
	costs  []float64 // asked about
	most   []int     // by these
	counts []int32   // of a first model: samples, by the cheapest other one that may help
	help   []int     // of which there are any
}

func newBounded(h *helpers, costs []float64) *bounded {
	return &bounded{helpers: h, costs: costs, most: make([]int, len(costs)), counts: make([]int32, len(h.byCost))}
}

// begin takes account of the cascades that begin with the model of a rank.
func (b *bounded) begin(rank int) {
	e, m := b.eval, b.byCost[rank]
	alone, helped := 0, 0
	for i, answer := range e.lists[m].TopClass {
		if answer == e.labels[i] {
			alone++
			continue
		}
		for _, a := range b.of[i] {
			if a.answer != answer {
				continue
			}
			help := int(a.ranks[0])
			if help == rank {
				help = int(a.ranks[1])
			}
			if help < len(b.byCost) {
				if b.counts[help] == 0 {
					b.help = append(b.help, help)
				}
				b.counts[help]++
				helped++
			}
			break
		}
	}
	slices.Sort(b.help)
	for k, cost := range b.costs {
		if alone+helped > b.most[k] {
			b.most[k] = max(b.most[k], b.pay(m, alone, cost))
		}
	}
	for _, help := range b.help {
		b.counts[help] = 0
	}
	b.help = b.help[:0]
}

// pay returns the most correct answers at a mean cost of a cascade that begins with a model,
// which has so many alone; 0 if it costs more itself.
func (b *bounded) pay(first, alone int, cost float64) int {
	costs, samples := b.eval.costs, float64(b.eval.samples())
	left := cost*samples*(1+rounding) - costs[first]*samples
	if left < 0 {
		return 0
	}
	for _, help := range b.help {
		each, count := costs[b.byCost[help]], float64(b.counts[help])
		pays := count
		if each > 0 {
			pays = min(pays, left/each)
		}
		alone += int(pays)
		left -= each * float64(int(pays))
		if pays < count {
			break
		}
	}
	return alone
}
