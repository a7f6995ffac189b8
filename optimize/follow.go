package optimize

import (
	"slices"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// An evaluation needs of a set's table only the entries of the samples that reach the stage:
// of most sets that a search tries, few, and most sets are tried a few times. So a table gets
// its entries as evaluations ask for them, each once. What is asked for is first screened:
// whether a sample goes on at the threshold in question, and whether its answer is wrong,
// shows for most without their lists. The entry then remains unknown, with a value held in its
// place that serves this evaluation. If it is one below the threshold, thresholds above it do not
// ask for the entry again; a sample whose answer is wrong is screened by every evaluation in
// which it reaches the set. The counts are the same as with whole tables.

// A setTable is the table of a set, as far as it is known. If it is whole, the bits have no meaning.
type setTable struct {
	entries []byte
	known   []uint64 // a bit a sample: its entry is there
	held    []uint64 // a bit a sample: an upper bound of its entry, the lowest bit aside, is there
	whole   bool
}

func newSetTable(n int) *setTable {
	words := (n + 63) / 64
	bits := make([]uint64, 2*words)
	t := &setTable{entries: make([]byte, n), known: bits[:words], held: bits[words:]}
	// A load under a mask takes some hundred cycles if a page is not there yet.
	for i := 0; i < n; i += 1024 {
		t.entries[i] = 0
	}
	return t
}

// forget makes t the table of a set of which nothing is known.
func (t *setTable) forget() {
	t.whole = false
	clear(t.known)
	clear(t.held)
}

// setTableBytes is the memory of a table of n samples.
func setTableBytes(n int) int { return n + n/4 }

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

// A piece is the samples that a thread completes tables for, and its room for that. Samples are
// numbered within it.
type piece struct {
	from, to int // whole words of what is known
	missing  *kernel.Subset
	screened *kernel.Screened
	tables   [][]byte
	lists    []kernel.Lists
	parts    []*kernel.Lists
	stances  []kernel.Stances
	entries  []byte
	ones     []uint16
}

func newPiece(from, to int) *piece {
	n := to - from
	return &piece{
		from: from, to: to,
		missing:  kernel.NewSubset(n),
		screened: kernel.NewScreened(n),
		entries:  make([]byte, n),
		ones:     slices.Repeat([]uint16{1}, n),
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
		known, held := s.table.known[x.from/64:(x.to+63)/64], s.table.held[x.from/64:(x.to+63)/64]
		kernel.Missing(x.missing, x.tables, w.exits[:stage+1], known, held)
		n := len(x.missing.Numbers)
		if n == 0 {
			continue
		}
		least := uint32(0) // of the sums that do not go on
		if stage < len(exits) {
			least = s.cuts[exits[stage]] + 1
		}
		x.decide(w, s, least)
		found := x.screened
		kernel.Bins(x.entries[:n], found.Sums[:n], found.Right[:n], x.ones[:n], s.cuts)
		kernel.Enter(x.tables[stage], known, held, x.missing, x.entries[:n], found.Sure[:n])
	}
}

// decide finds the sums of a set on the samples that are missing, and whether its answers are right,
// as far as sums below least go on and others do not. It leaves both in screened.
func (x *piece) decide(w *worker, s *stageSet, least uint32) {
	x.lists, x.parts, x.stances = slices.Grow(x.lists[:0], len(s.parts)), x.parts[:0], x.stances[:0]
	for i, l := range s.parts {
		x.lists = append(x.lists, l.Slice(x.from, x.to))
		x.parts = append(x.parts, &x.lists[i])
	}
	for _, all := range s.stances {
		x.stances = append(x.stances, all[x.from:x.to])
	}
	kernel.Decide(x.screened, x.missing, w.eval.labels[x.from:x.to], x.parts, x.stances, s.weights, least)
}
