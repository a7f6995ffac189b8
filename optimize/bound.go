package optimize

import (
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// An oracleBound limits the accuracy of every cascade at a given cost, of any length,
// order, weights and thresholds.
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
type oracleBound struct {
	costs  []float64 // of the models, ascending
	first  []int     // by first model in that order: its correct answers alone
	others [][]int32 // by first model and the cheapest that may help: samples
}

// newOracleBound counts, for every first model, the samples by the cheapest other model
// that may help.
func newOracleBound(e *evaluator, rules []cascade.Rule, threads int) *oracleBound {
	h := helpers{e, rules, e.byCost(), e.labelValues(cascade.RuleMean, threads)}
	b := h.noSamples()
	var mu sync.Mutex
	inPieces(threads, e.samples(), func(_, from, to int) {
		piece := h.noSamples()
		for i := from; i < to; i++ {
			h.count(piece, i)
		}
		mu.Lock()
		defer mu.Unlock()
		b.add(piece)
	})
	return b
}

// add counts all that c has counted.
func (b *oracleBound) add(c *oracleBound) {
	for rank, others := range c.others {
		b.first[rank] += c.first[rank]
		for help, samples := range others {
			b.others[rank][help] += samples
		}
	}
}

// count counts sample i.
func (h *helpers) count(b *oracleBound, i int) {
	known := make(map[uint16][2]int) // helpers, by the class the first model answers
	for rank, m := range h.byCost {
		answer := h.eval.lists[m].TopClass[i]
		if answer == h.eval.labels[i] {
			b.first[rank]++
			continue
		}
		cheapest, ok := known[answer]
		if !ok {
			cheapest = h.cheapest(i, answer)
			known[answer] = cheapest
		}
		help := cheapest[0]
		if help == rank {
			help = cheapest[1]
		}
		if help < len(h.byCost) {
			b.others[rank][help]++
		}
	}
}

// helpers tell which models may make a sample correct.
type helpers struct {
	eval   *evaluator
	rules  []cascade.Rule
	byCost []int      // models, by rank
	values [][]uint32 // of the models for the samples' labels
}

// noSamples returns a bound that has counted no samples.
func (h *helpers) noSamples() *oracleBound {
	b := &oracleBound{first: make([]int, len(h.byCost))}
	for _, m := range h.byCost {
		b.costs, b.others = append(b.costs, h.eval.costs[m]), append(b.others, make([]int32, len(h.byCost)))
	}
	return b
}

// cheapest returns the ranks of the two cheapest models that may make sample i correct if
// another class is the answer so far; a rank that no model has if there are none.
func (h *helpers) cheapest(i int, answer uint16) [2]int {
	none := len(h.byCost)
	found := [2]int{none, none}
	for rank, m := range h.byCost {
		if !h.mayHelp(m, i, answer) {
			continue
		}
		if found[0] < none {
			found[1] = rank
			break
		}
		found[0] = rank
	}
	return found
}

func (h *helpers) mayHelp(model, i int, answer uint16) bool {
	if h.eval.singles[model][i]&1 == 1 {
		return true // with any rule
	}
	return slices.Contains(h.rules, cascade.RuleMean) && h.values[model][i] >= classValue(&h.eval.lists[model], i, answer)
}

// correct returns the most correct answers that a cascade of the given mean cost can have.
func (b *oracleBound) correct(cost float64, samples int) int {
	most := 0
	total := cost * float64(samples) * (1 + rounding)
	for rank, c := range b.costs {
		left := total - c*float64(samples)
		if left < 0 {
			break
		}
		correct := b.first[rank]
		for help, count := range b.others[rank] {
			pays := float64(count)
			if b.costs[help] > 0 {
				pays = min(pays, left/b.costs[help])
			}
			correct += int(pays)
			left -= b.costs[help] * float64(int(pays))
			if pays < float64(count) {
				break
			}
		}
		most = max(most, correct)
	}
	return most
}
