package optimize

import (
	"cmp"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// An oracleBound limits the accuracy of every cascade at a given cost, of any
// length, order, weights and thresholds.
//
// Proof. Let m be the first model of a cascade. Every sample pays m. If m alone
// answers c and the label is another class, the sample can be right at its exit
// only if another model has seen it. With rule last one of those must be right;
// with rule mean one of them must give the label at least the value it gives c,
// for otherwise c stays ahead of the label. In both cases the sample also pays at
// least the cheapest such model. A cascade of total cost T can therefore have no
// more right answers than the samples that m gets right plus as many others as
// the rest of T pays for, cheapest first; and no more than the best m allows.
type oracleBound struct {
	costs  []float64 // of the models, ascending
	first  []int     // by first model in that order: samples right alone
	others [][]int32 // by first model and the cheapest model that can help: samples
}

// newOracleBound counts, for every first model, the samples by the cheapest model
// that can help.
func newOracleBound(s *search) *oracleBound {
	byCost := make([]int, len(s.models))
	for m := range byCost {
		byCost[m] = m
	}
	slices.SortStableFunc(byCost, func(a, b int) int { return cmp.Compare(s.costs[a], s.costs[b]) })
	b := &oracleBound{costs: make([]float64, len(byCost))}
	for rank, m := range byCost {
		b.costs[rank] = s.costs[m]
	}
	b = b.empty()
	values := s.labelValues(cascade.RuleMean)
	var mu sync.Mutex
	s.inPieces(s.Samples(), func(_, from, to int) {
		piece := b.empty()
		for i := from; i < to; i++ {
			piece.count(s, byCost, values, i)
		}
		mu.Lock()
		defer mu.Unlock()
		b.add(piece)
	})
	return b
}

// empty returns a bound over the same models that has counted no samples.
func (b *oracleBound) empty() *oracleBound {
	models := len(b.costs)
	e := &oracleBound{b.costs, make([]int, models), make([][]int32, models)}
	for rank := range e.others {
		e.others[rank] = make([]int32, models)
	}
	return e
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

// count counts sample i. values are those of the models for its label.
func (b *oracleBound) count(s *search, byCost []int, values [][]uint32, i int) {
	type helpers struct{ cheapest, next int } // ranks; len(byCost): none
	known := make(map[uint16]helpers)         // by the class the first model answers
	for rank, m := range byCost {
		answer := s.lists[m].TopClass[i]
		if answer == s.labels[i] {
			b.first[rank]++
			continue
		}
		h, ok := known[answer]
		if !ok {
			h = helpers{len(byCost), len(byCost)}
			for r, other := range byCost {
				if !s.canHelp(other, i, values[other][i], answer) {
					continue
				}
				if h.cheapest == len(byCost) {
					h.cheapest = r
				} else {
					h.next = r
					break
				}
			}
			known[answer] = h
		}
		help := h.cheapest
		if help == rank {
			help = h.next
		}
		if help < len(byCost) {
			b.others[rank][help]++
		}
	}
}

// canHelp reports whether a model may make a sample right that is answered with
// another class so far.
func (s *search) canHelp(model, i int, labelValue uint32, answer uint16) bool {
	if s.uses(cascade.RuleLast) && s.singles[model][i]&1 == 1 {
		return true
	}
	return s.uses(cascade.RuleMean) && labelValue >= classValue(&s.lists[model], i, answer)
}

// correct returns the most right answers that a cascade of the given mean cost
// can have.
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
			pays := min(float64(count), left/b.costs[help])
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
