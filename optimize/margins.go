package optimize

import (
	"sync"
	"sync/atomic"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// margins are those of the models' lists that a rule combines, shared by all threads. With rule
// last they say what the model answers. Of as many models as there is room for they are kept, those
// that are asked for first: a search that is resumed may not ask for any, and a part of one asks for
// those of few. Those of the others are made each time.
type margins struct {
	rule    cascade.Rule
	lists   []kernel.Lists
	singles [][]byte
	labels  []uint16
	kept    []func() *kernel.Margins // by model; nil if there is no room
	room    atomic.Int64             // for so many more
	halves  []func() *half           // by model; nil if there is no room beside all margins
	spare   atomic.Int64             // for so many more
}

// A half is one model's contribution to a pair, besides its margins.
type half struct {
	heads *kernel.Heads // nil if they are not kept, of no use, or of ballots, which have no second class
	given []uint32      // what the model gives the labels
}

// newMargins returns the margins for a rule, of which so many bytes are kept.
func (e *evaluator) newMargins(rule cascade.Rule, bytes int64) *margins {
	lists, singles := e.of(rule)
	m := &margins{rule: rule, lists: lists, singles: singles, labels: e.labels}
	n := e.samples()
	m.room.Store(bytes / int64(kernel.MarginsBytes(n)))
	for model := range lists {
		m.kept = append(m.kept, sync.OnceValue(func() *kernel.Margins {
			if m.room.Add(-1) < 0 {
				return nil
			}
			all := kernel.NewMargins(n)
			m.set(all, model, 0, n)
			return all
		}))
	}
	heads, each := rule == cascade.RuleMean && kernel.UsesHeads(), int64(4*n)
	if heads {
		each += int64(kernel.HeadsBytes(n))
	}
	m.spare.Store((bytes - int64(len(lists))*int64(kernel.MarginsBytes(n))) / each)
	for model := range lists {
		m.halves = append(m.halves, sync.OnceValue(func() *half {
			if m.spare.Add(-1) < 0 {
				return nil
			}
			h := newHalf(n)
			lists[model].Given(h.given, m.labels)
			if heads {
				h.heads = kernel.NewHeads(&lists[model])
			}
			return h
		}))
	}
	return m
}

// newHalf returns room for what n labels are given.
func newHalf(n int) *half { return &half{given: make([]uint32, n)} }

// half returns a model's half of pairs. It is valid until room is used again.
func (m *margins) half(model int, room *half) *half {
	if kept := m.halves[model](); kept != nil {
		return kept
	}
	m.lists[model].Given(room.given, m.labels)
	return room
}

// of returns the margins of a model on the samples from..to-1, from a multiple of 32. They are
// valid until room, which is for as many samples or more, is used again.
func (m *margins) of(model, from, to int, room *kernel.Margins) kernel.Margins {
	if all := m.kept[model](); all != nil {
		return all.Slice(from, to)
	}
	part := room.Slice(0, to-from)
	m.set(&part, model, from, to)
	return part
}

// set makes the margins of a model on the samples from..to-1.
func (m *margins) set(part *kernel.Margins, model, from, to int) {
	if m.rule == cascade.RuleLast {
		part.SetAnswers(m.singles[model][from:to])
		return
	}
	lists := m.lists[model].Slice(from, to)
	part.SetSingle(&lists, m.labels[from:to])
}
