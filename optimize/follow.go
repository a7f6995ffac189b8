package optimize

import (
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// An evaluation needs of a set's table only the entries of the samples that reach the stage:
// of most sets that a search tries, few, and most sets are tried a few times. So a table has
// its entries as evaluations ask for them, each made once. Those that are asked for are first
// screened: whether a sample goes on at the threshold in question, and whether its answer is
// wrong, shows for most without their lists, and then the entry remains unknown, with a
// value in its place that serves this evaluation. The counts are the same as with whole
// tables.

// A setTable is the table of a set, as far as it is known.
type setTable struct {
	entries []byte
	known   []uint64 // a bit a sample; of no meaning if the table is whole
	whole   bool
}

func newSetTable(n int) *setTable {
	t := &setTable{entries: make([]byte, n), known: make([]uint64, (n+63)/64)}
	// Pages that nothing was written to are not there yet. Loads under a mask that leaves
	// them out do not bring them there either, but take a thousand cycles each time.
	const page = 4096
	for i := 0; i < n; i += page {
		t.entries[i] = 0
	}
	t.entries[n-1] = 0
	return t
}

// setTableBytes is the memory of a table of n samples.
func setTableBytes(n int) int { return n + n/8 }

// setTable returns the table of the set that key names, from the cache or new with nothing
// known.
func (w *worker) setTable() *setTable {
	t, cached := w.cache.get(w.key)
	if !cached {
		t = w.cache.put(w.key)
		t.whole = false
		clear(t.known)
	}
	return t
}

// A stageSet is what completes the table of a stage.
type stageSet struct {
	table   *setTable // nil: the stage has all its entries
	parts   []*kernel.Lists
	stances []kernel.Stances // none if they are not kept
	weights []uint32
	cuts    []uint32
}

// follow returns the correct answers of a plan and how many samples reach each of its
// stages, and finds the entries for that which are not known.
func (w *worker) follow(p plan) (correct int, reach []int) {
	stages := len(p.members)
	w.tables = w.tables[:0]
	w.stages = slices.Grow(w.stages[:0], stages)[:stages]
	partial := false
	for stage := range stages {
		s := &w.stages[stage]
		w.tables = append(w.tables, w.begin(s, p, stage))
		partial = partial || s.table != nil
	}
	if partial {
		w.exitsOf(p)
		w.inPieces(func(x *piece) { x.complete(w, p.exits) })
	}
	return w.count(p, w.tables)
}

// begin prepares a stage of a plan, and returns its table, which may lack entries.
func (w *worker) begin(s *stageSet, p plan, stage int) []byte {
	s.table = nil
	if stage == 0 || p.rule == cascade.RuleLast {
		return w.eval.singles[w.eval.firstOf(p.rule)+int(p.members[stage].model)]
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
	s.table, s.cuts = t, w.eval.cuts(weightOf(w.set))
	s.parts, s.weights, s.stances = s.parts[:0], s.weights[:0], s.stances[:0]
	for _, m := range w.set {
		s.parts = append(s.parts, &w.eval.lists[m.model])
		s.weights = append(s.weights, uint32(m.weight))
		if w.eval.stances != nil {
			s.stances = append(s.stances, w.eval.stances[m.model]())
		}
	}
	return t.entries
}

// A piece is the samples that a thread completes tables for, and its room for that.
type piece struct {
	from, to int // whole words of what is known
	tables   [][]byte
	samples  []int32
	ones     []uint16
	screened *kernel.Screened
}

func newPiece(from, to int) *piece {
	n := to - from
	return &piece{
		from: from, to: to,
		samples:  make([]int32, n),
		ones:     slices.Repeat([]uint16{1}, n),
		screened: kernel.NewScreened(n),
	}
}

// inPieces calls f for all samples, in pieces of them on a thread each.
func (w *worker) inPieces(f func(x *piece)) {
	if w.rooms == nil {
		n, pieces := w.eval.samples(), max(1, w.pieces)
		for i := range pieces {
			from, to := i*n/pieces&^63, (i+1)*n/pieces&^63
			if i == pieces-1 {
				to = n
			}
			w.rooms = append(w.rooms, newPiece(from, to))
		}
	}
	var wait sync.WaitGroup
	for _, x := range w.rooms[1:] {
		wait.Go(func() {
			defer crash.Guard()()
			f(x)
		})
	}
	f(w.rooms[0])
	wait.Wait()
}

// complete finds the entries of the worker's stages that the piece's samples need.
func (x *piece) complete(w *worker, exits []uint8) {
	for stage := range w.stages {
		s := &w.stages[stage]
		if s.table == nil {
			continue
		}
		x.tables = x.tables[:0]
		for _, table := range w.tables[:stage+1] {
			x.tables = append(x.tables, table[x.from:x.to])
		}
		n := kernel.Missing(x.samples, x.tables, w.exits[:stage], s.table.known[x.from/64:(x.to+63)/64])
		if n == 0 {
			continue
		}
		least := uint32(0) // of the sums that do not go on
		if stage < len(exits) {
			least = s.cuts[exits[stage]] + 1
		}
		x.find(w, s, x.samples[:n], least)
	}
}

// find finds entries of a table: those of the samples, which are numbered within the piece,
// as far as sums below least go on and others do not.
func (x *piece) find(w *worker, s *stageSet, samples []int32, least uint32) {
	if x.from > 0 {
		for r := range samples {
			samples[r] += int32(x.from)
		}
	}
	open, exact, to, t := samples, 0, x.screened, s.table
	if len(s.stances) > 0 {
		var left int
		exact, left = kernel.Screen(to, samples, s.stances, s.weights, least)
		entries := to.Entries[:len(samples)]
		for r, i := range samples {
			t.entries[i] = entries[r]
		}
		open = to.Open[:left]
	}
	kernel.ResolveSamples(w.best, w.class, open, s.parts, s.weights)
	for _, i := range open {
		right := uint16(0)
		if w.class[i] == w.eval.labels[i] {
			right = 1
		}
		to.Exact[exact], to.Sums[exact], to.Right[exact] = i, w.best[i], right
		exact++
	}
	entries := to.Entries[:exact]
	kernel.Bins(entries, to.Sums[:exact], to.Right[:exact], x.ones[:exact], s.cuts)
	for r, i := range to.Exact[:exact] {
		t.entries[i] = entries[r]
		t.known[i>>6] |= 1 << (i & 63)
	}
}
