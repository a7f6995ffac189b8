package optimize

import "github.com/encas-zoo/encas-zoo/internal/kernel"

// A window solves two neighbouring thresholds of a cascade exactly while the others stay:
// it finds the accuracy and cost of every pair of grid values from histograms over the
// samples that reach the first of the two stages, and offers all that may improve the
// archive. Of thresholds that do the same it offers the lowest.
//
// With b and c the bin and the correct bit of a sample at the two stages u and u+1, and c'
// whether it is correct at the stage at which the later, fixed thresholds let it exit,
//
//	correct(g, h) = base + Σ_{b_u <= g} (c_(u+1) - c_u) + Σ_{b_u <= g, b_(u+1) <= h} (c' - c_(u+1))
//
// and the reach of the stages follows the same pattern. base counts the samples correct at
// stage u or before.
type window struct {
	w      *worker
	bins   int
	alive  []int32   // samples that reach stage u
	gain1  []int32   // by bin at u: correct answers gained at u+1, then their prefix sums
	reach1 []int32   // by bin at u: samples
	gain2  []int32   // by both bins: correct answers gained after u+1
	reach2 []int32   // by both bins: samples, those that reach u+2
	later  []float64 // by both bins: cost of the stages after u+2
	margin float64   // how far what is known may be exceeded, because sums here are rounded
}

func newWindow(w *worker) *window {
	bins, samples := len(w.eval.grid)+1, w.eval.samples()
	return &window{
		w:      w,
		bins:   bins,
		alive:  make([]int32, 0, samples),
		gain1:  make([]int32, bins),
		reach1: make([]int32, bins),
		gain2:  make([]int32, bins*bins),
		reach2: make([]int32, bins*bins),
		later:  make([]float64, bins*bins),
		margin: 1 + max(rounding, 4*float64(samples)*0x1p-52),
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
	if u+1 == stages-1 {
		v.solveLast(p, tables)
		return
	}
	base, cost := v.enter(p, tables, u)
	clear(v.gain1)
	clear(v.reach1)
	clear(v.gain2)
	clear(v.reach2)
	first, second, third := tables[u], tables[u+1], tables[u+2]
	deep := u+2 < stages-1
	if deep {
		clear(v.later)
	}
	for _, i := range v.alive {
		b, c := first[i], second[i]
		bin := int(b >> 1)
		cell := bin*v.bins + int(c>>1)
		v.gain1[bin] += int32(c&1) - int32(b&1)
		v.reach1[bin]++
		v.reach2[cell]++
		end := third[i]
		if deep {
			late := 0.0
			for stage := u + 2; stage < stages-1 && end < 2*(p.exits[stage]+1); {
				stage++
				end = tables[stage][i]
				late += e.costs[p.members[stage].model]
			}
			v.later[cell] += late
		}
		v.gain2[cell] += int32(end&1) - int32(c&1)
	}
	kernel.Prefix1(v.gain1)
	kernel.Prefix1(v.reach1)
	kernel.Prefix2(v.gain2, v.bins, v.bins)
	kernel.Prefix2(v.reach2, v.bins, v.bins)
	if deep {
		prefixSums(v.later, v.bins)
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
		correct, total := base+int(v.gain1[g]), cost+cost1*float64(v.reach1[g])
		gain, reach := v.gain2[row:][:len(e.grid)], v.reach2[row:][:len(e.grid)]
		later := v.later[row:][:len(e.grid)]
		for h, more := range gain {
			t := total + cost2*float64(reach[h])
			if deep {
				t += later[h]
			}
			if right := correct + int(more); t <= known[right]*v.margin && (h == 0 || reach[h] != reach[h-1]) {
				p.exits[u], p.exits[u+1] = uint8(g), uint8(h)
				v.offer(p, tables)
			}
		}
	}
	v.w.evaluations.Add(windowEvaluations(stages, u, len(e.grid)))
}

// solveLast is solve for the last threshold alone.
func (v *window) solveLast(p plan, tables [][]byte) {
	e, known := v.w.eval, v.w.archive.known(len(p.members))
	u := len(p.members) - 2
	base, cost := v.enter(p, tables, u)
	clear(v.gain1)
	clear(v.reach1)
	first, second := tables[u], tables[u+1]
	for _, i := range v.alive {
		b := first[i]
		v.gain1[b>>1] += int32(second[i]&1) - int32(b&1)
		v.reach1[b>>1]++
	}
	kernel.Prefix1(v.gain1)
	kernel.Prefix1(v.reach1)
	for g := range e.grid {
		t := cost + e.costs[p.members[u+1].model]*float64(v.reach1[g])
		if t <= known[base+int(v.gain1[g])]*v.margin && (g == 0 || v.reach1[g] != v.reach1[g-1]) {
			p.exits[u] = uint8(g)
			v.offer(p, tables)
		}
	}
	v.w.evaluations.Add(windowEvaluations(len(p.members), u, len(e.grid)))
}

// rounding is more than sums of a few costs can be off, relatively.
const rounding = 1e-11

// enter finds the samples that reach stage u. It returns how many samples are correct if
// all of them exit there, and the cost of the stages up to u.
func (v *window) enter(p plan, tables [][]byte, u int) (correct int, cost float64) {
	e := v.w.eval
	first := e.costs[p.members[0].model] * float64(e.samples())
	v.alive = v.alive[:0]
	if u == 0 {
		for i := range tables[0] {
			v.alive = append(v.alive, int32(i))
		}
		return kernel.Correct(tables[0]), first
	}
	exit := 2 * (p.exits[0] + 1)
	for i, b := range tables[0] {
		if b < exit {
			v.alive = append(v.alive, int32(i))
		} else {
			correct += int(b & 1)
		}
	}
	cost = first
	for stage := 1; stage < u; stage++ {
		cost += e.costs[p.members[stage].model] * float64(len(v.alive))
		exit, table := 2*(p.exits[stage]+1), tables[stage]
		alive := v.alive[:0]
		for _, i := range v.alive {
			if b := table[i]; b < exit {
				alive = append(alive, i)
			} else {
				correct += int(b & 1)
			}
		}
		v.alive = alive
	}
	for _, i := range v.alive {
		correct += int(tables[u][i] & 1)
	}
	return correct, cost + e.costs[p.members[u].model]*float64(len(v.alive))
}

// offer evaluates a plan and offers it with its cost as the definition sums it up.
func (v *window) offer(p plan, tables [][]byte) {
	correct, reach := v.w.count(p, tables)
	v.w.archive.offer(correct, v.w.eval.totalCost(p, reach), p, reach)
}

// prefixSums is kernel.Prefix2 for float64 on a square.
func prefixSums(x []float64, side int) {
	for r := range side {
		sum := 0.0
		row := x[r*side:][:side]
		for c := range row {
			sum += row[c]
			row[c] = sum
			if r > 0 {
				row[c] += x[(r-1)*side+c]
			}
		}
	}
}
