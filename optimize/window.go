package optimize

import "github.com/encas-zoo/encas-zoo/internal/kernel"

// A window solves two neighbouring thresholds of a cascade exactly while the others stay:
// it finds the accuracy and cost of every pair of grid values from histograms over the
// samples that reach the first of the two stages, and offers all that may improve the
// archive. Of thresholds that do the same it offers the lowest.
//
// Those samples are a chain of their own, from stage u on: its three tables are the entries at u, at
// u+1, and at the stage at which the later, fixed thresholds let a sample exit ([kernel.Chain3]).
type window struct {
	w       *worker
	bins    int
	alive   []uint64  // a bit a sample: it reaches stage u
	tables  [][]byte  // of the stages from u on, of these samples alone, side by side
	room    [][]byte  // for them
	end     []byte    // of each of these, the entry it exits with if it goes on to stage u+2
	cells   []uint16  // and its bins at u and u+1
	correct []int32   // by thresholds: correct answers of these samples
	reach1  []int32   // by threshold at u: samples that reach u+1
	reach2  []int32   // by both thresholds: samples that reach u+2
	deeper  []byte    // of each of these samples, 1 if it goes on to the stage in hand, once it gets to u+2
	none    []byte    // zeros
	reach   []int32   // by both thresholds: samples that reach a stage after u+2
	later   []float64 // by both thresholds: cost of the stages after u+2
	margin  float64   // how far what is known may be exceeded, because sums here are rounded
}

func newWindow(w *worker) *window {
	bins, samples := len(w.eval.grid)+1, w.eval.samples()
	return &window{
		w:       w,
		bins:    bins,
		end:     make([]byte, samples),
		cells:   make([]uint16, samples),
		correct: make([]int32, bins*bins),
		reach1:  make([]int32, bins),
		reach2:  make([]int32, bins*bins),
		deeper:  make([]byte, samples),
		none:    make([]byte, samples),
		reach:   make([]int32, bins*bins),
		later:   make([]float64, bins*bins),
		margin:  1 + max(rounding, 4*float64(samples)*0x1p-52),
	}
}

// windowEvaluations returns how many cascades the window at stage u of a chain of so many
// stages tries.
func windowEvaluations(stages, u, grid int) int64 {
	if u+1 == stages-1 {
		return int64(grid)
	}
	return int64(grid) * int64(grid)
}

// solve offers the plan with all values of the thresholds after stages u and u+1, or after
// u alone if u+1 is the last stage. tables are those of the plan's stages.
func (v *window) solve(p plan, tables [][]byte, u int) {
	e, stages := v.w.eval, len(p.members)
	base, cost := v.enter(p, tables, u)
	if u+1 == stages-1 {
		v.solveLast(p, tables, base, cost)
		return
	}
	n, deep := len(v.tables[0]), u+2 < stages-1
	end, cells := v.tables[2], v.cells[:n]
	if deep {
		end = v.end[:n]
		copy(end, v.tables[stages-1-u])
		for stage := stages - 2; stage >= u+2; stage-- {
			kernel.Settle(end, v.tables[stage-u], 2*(p.exits[stage]+1), 0xFF, 0)
		}
	}
	kernel.Chain3(v.correct, v.reach2, v.reach1, v.tables[0], v.tables[1], end, cells)
	if deep {
		v.goDeeper(p, u, cells)
	}
	cost1, cost2 := e.costs[p.members[u+1].model], e.costs[p.members[u+2].model]
	known := v.w.archive.known(len(p.members))
	last := int32(-1)
	for g := range e.grid {
		if v.reach1[g] == last {
			continue // no sample is between this threshold and the one before
		}
		last = v.reach1[g]
		row := g * v.bins
		total := cost + cost1*float64(v.reach1[g])
		correct, reach := v.correct[row:][:len(e.grid)], v.reach2[row:][:len(e.grid)]
		later := v.later[row:][:len(e.grid)]
		for h, right := range correct {
			t := total + cost2*float64(reach[h])
			if deep {
				t += later[h]
			}
			if t <= known[base+int(right)]*v.margin && (h == 0 || reach[h] != reach[h-1]) {
				p.exits[u], p.exits[u+1] = uint8(g), uint8(h)
				v.offer(p, tables)
			}
		}
	}
	v.w.evaluations.Add(windowEvaluations(stages, u, len(e.grid)))
}

// goDeeper finds the cost of the stages after u+2, by both thresholds.
func (v *window) goDeeper(p plan, u int, cells []uint16) {
	n := len(cells)
	deeper := v.deeper[:n]
	for i := range deeper {
		deeper[i] = 1
	}
	clear(v.later)
	for stage := u + 2; stage < len(p.members)-1; stage++ {
		kernel.Settle(deeper, v.tables[stage-u], 2*(p.exits[stage]+1), 0, 0)
		clear(v.reach)
		kernel.Delta(v.reach, cells, v.none[:n], deeper)
		kernel.Prefix2(v.reach, v.bins, v.bins)
		cost := v.w.eval.costs[p.members[stage+1].model]
		for i, reach := range v.reach {
			v.later[i] += cost * float64(reach)
		}
	}
}

// solveLast is solve for the last threshold alone, given what enter returns.
func (v *window) solveLast(p plan, tables [][]byte, base int, cost float64) {
	e, known := v.w.eval, v.w.archive.known(len(p.members))
	u := len(p.members) - 2
	correct := v.correct[:v.bins]
	kernel.Chain2(correct, v.reach1, v.tables[0], v.tables[1])
	for g := range e.grid {
		t := cost + e.costs[p.members[u+1].model]*float64(v.reach1[g])
		if t <= known[base+int(correct[g])]*v.margin && (g == 0 || v.reach1[g] != v.reach1[g-1]) {
			p.exits[u] = uint8(g)
			v.offer(p, tables)
		}
	}
	v.w.evaluations.Add(windowEvaluations(len(p.members), u, len(e.grid)))
}

// rounding is more than sums of a few costs can be off, relatively.
const rounding = 1e-11

// enter finds the samples that reach stage u, and what the tables from there on have of them. It
// returns how many samples are answered correctly before, and the cost of the stages up to u.
func (v *window) enter(p plan, tables [][]byte, u int) (correct int, cost float64) {
	costs, reach := v.w.eval.costs, len(tables[0])
	cost = costs[p.members[0].model] * float64(reach)
	if u == 0 {
		v.tables = append(v.tables[:0], tables...)
		return 0, cost
	}
	v.alive = allBits(v.alive, reach)
	for stage := range u {
		exited, hits := kernel.Pass(v.alive, tables[stage], 2*(p.exits[stage]+1))
		reach -= exited
		correct += hits
		cost += costs[p.members[stage+1].model] * float64(reach)
	}
	v.tables = v.tables[:0]
	for j, table := range tables[u:] {
		if j == len(v.room) {
			v.room = append(v.room, make([]byte, len(table)))
		}
		kernel.Compact(v.room[j], v.alive, table)
		v.tables = append(v.tables, v.room[j][:reach])
	}
	return correct, cost
}

// offer evaluates a plan and offers it with its cost as the definition sums it up.
func (v *window) offer(p plan, tables [][]byte) {
	correct, reach := v.w.count(p, tables)
	v.w.archive.offer(correct, v.w.eval.totalCost(p, reach), p, reach)
}
