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
	inPieces(threads, e.samples(), func(_, from, to int) {
		met := make([]int, e.classes) // one more than the last sample to which a class was the answer
		for i := from; i < to && ctx.Err() == nil; i++ {
			h.find(i, met)
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

// find finds the cheapest models that may help, for all wrong answers to sample i: those that are
// correct, with any rule, and with rule mean those that give the label no less than the answer so far.
// met is for its use.
func (h *helpers) find(i int, met []int) {
	e, none := h.eval, uint16(len(h.byCost))
	label := e.labels[i]
	var all []helped
	for m := range e.models {
		answer := e.lists[m].TopClass[i]
		if answer != label && met[answer] != i+1 {
			met[answer] = i + 1
			all = append(all, helped{answer, [2]uint16{none, none}})
		}
	}
	h.of[i] = all
	for rank, m := range h.byCost {
		correct, open := e.singles[m][i]&1 == 1, false
		given := uint32(0) // what the model gives the label
		if !correct && h.mean {
			given = e.given(m, i)
		}
		for k := range all {
			a := &all[k]
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
		if !open {
			return
		}
	}
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
