package optimize

import (
	"math"
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// An evaluation needs of a set's table only the entries of the samples that reach the stage:
// of most sets that a search tries, few, and most sets are tried a few times. So a table gets
// its entries as evaluations ask for them, each once. What is asked for is first screened:
// whether a sample goes on at the threshold in question, and whether its answer is wrong,
// shows for most without their lists. The entry then remains unknown, with a value in its
// place that serves this evaluation. If it is one below the threshold, thresholds above it do not
// ask for the entry again; a sample whose answer is wrong is screened by every evaluation in
// which it reaches the set. The counts are the same as with whole tables.

// A setTable is the table of a set, as far as it is known.
type setTable struct {
	entries []byte   // where they are not known, no less but for the lowest bit
	known   []uint64 // a bit a sample; of no meaning if the table is whole
	whole   bool
}

func newSetTable(n int) *setTable {
	return &setTable{entries: make([]byte, n), known: make([]uint64, (n+63)/64)}
}

// forget makes t the table of a set of which nothing is known.
func (t *setTable) forget() {
	t.whole = false
	clear(t.known)
	t.entries[0] = math.MaxUint8
	for filled := 1; filled < len(t.entries); filled *= 2 { // much faster than a loop
		copy(t.entries[filled:], t.entries[:filled])
	}
}

// setTableBytes is the memory of a table of n samples.
func setTableBytes(n int) int { return n + n/8 }

// setTable returns the table of the set that key names, from the cache or new with nothing
// known.
func (w *worker) setTable() *setTable {
	t, cached := w.cache.get(w.key)
	if !cached {
		t = w.cache.put(w.key)
		t.forget()
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
		w.exits = append(w.exitsOf(p), 0) // of the last stage, at which none goes on
		rooms := w.pieceRooms()
		inPieces(len(rooms), len(rooms), func(i, _, _ int) { rooms[i].complete(w, p.exits) })
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
	entries  []byte
	ones     []uint16
	wrong    []uint16 // zeros
	screened *kernel.Screened
}

func newPiece(from, to int) *piece {
	n := to - from
	return &piece{
		from: from, to: to,
		samples:  make([]int32, n),
		entries:  make([]byte, n),
		wrong:    make([]uint16, n),
		ones:     slices.Repeat([]uint16{1}, n),
		screened: kernel.NewScreened(n),
	}
}

// pieceRooms returns the pieces of all samples, for a thread each.
func (w *worker) pieceRooms() []*piece {
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
	return w.rooms
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
		n := kernel.Missing(x.samples, x.tables, w.exits[:stage+1], s.table.known[x.from/64:(x.to+63)/64])
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
		open = to.Open[:left]
		// None becomes known by this: those of exact and open samples are replaced below, and the
		// others may be asked for again.
		for r, entry := range x.bins(to.Bounds, x.wrong, s, len(samples)) {
			t.entries[samples[r]] = entry
		}
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
	for r, entry := range x.bins(to.Sums, to.Right, s, exact) {
		i := to.Exact[r]
		t.entries[i] = entry
		t.known[i>>6] |= 1 << (i & 63)
	}
}

// bins returns the entries of n sums and answers, which are right if they are 1, valid until
// the next call.
func (x *piece) bins(sums []uint32, right []uint16, s *stageSet, n int) []byte {
	kernel.Bins(x.entries[:n], sums[:n], right[:n], x.ones[:n], s.cuts)
	return x.entries[:n]
}
