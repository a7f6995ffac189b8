package optimize

import (
	"sync"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// margins are those of the models' lists that a rule combines, shared by all threads. With rule
// last they say what the model answers. Of as many models as there is room for they are kept,
// made when they are first asked for: a search that is resumed may not ask for any. Those of
// the others are made each time.
type margins struct {
	rule    cascade.Rule
	lists   []kernel.Lists
	singles [][]byte
	labels  []uint16
	kept    []func() *kernel.Margins // of the first models
}

// newMargins returns the margins for a rule, of which so many bytes are kept.
func (e *evaluator) newMargins(rule cascade.Rule, bytes int64) *margins {
	lists, singles := e.of(rule)
	m := &margins{rule: rule, lists: lists, singles: singles, labels: e.labels}
	n := e.samples()
	for model := range min(int64(len(lists)), bytes/int64(kernel.MarginsBytes(n))) {
		m.kept = append(m.kept, sync.OnceValue(func() *kernel.Margins {
			all := kernel.NewMargins(n)
			m.set(all, int(model), 0, n)
			return all
		}))
	}
	return m
}

// of returns the margins of a model on the samples from..to-1, from a multiple of 32. They are
// valid until room, which is for as many samples or more, is used again.
func (m *margins) of(model, from, to int, room *kernel.Margins) kernel.Margins {
	if model < len(m.kept) {
		return m.kept[model]().Slice(from, to)
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
