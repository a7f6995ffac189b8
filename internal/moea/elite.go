package moea

import (
	"math"
	"slices"
)

// An elite is MO-GOMEA's archive: solutions that do not dominate each other, at most
// about as many as its target. When there are too many, a grid is laid over objective
// space, fine enough for about the target, and one solution is kept in each of its
// boxes (Luong, Bosman: Elitist archiving for multi-objective evolutionary algorithms:
// to adapt or not to adapt, PPSN 2012).
type elite struct {
	target  int
	members []Solution
	width   [2]float64 // of a box; 0: no grid
}

// An admission is what became of a genome offered to an elite.
type admission int

const (
	dominated admission = iota // by a member
	occupied                   // its box or, without a grid, its place is taken
	admitted                   // as a new member
)

// offer admits a genome that no member dominates and whose box is free, in place
// of the members that it dominates. With replace, a genome that finds its box
// occupied takes the member's place if it is farther from all other members'
// genomes, in genes that differ. Members are compared in order; the first one that
// dominates the genome or shares its box decides.
func (e *elite) offer(genes []uint16, s Score, replace bool) admission {
	dominates := false
	for i := range e.members {
		m := &e.members[i]
		switch {
		case m.Dominates(s):
			return dominated
		case s.Dominates(m.Score):
			dominates = true
		case e.sameBox(s, m.Score):
			if replace && !slices.Equal(genes, m.Genes) && e.farther(genes, i) {
				copy(m.Genes, genes)
				m.Score = s
			}
			return occupied
		}
	}
	if dominates {
		e.members = slices.DeleteFunc(e.members, func(m Solution) bool { return s.Dominates(m.Score) })
	}
	e.members = append(e.members, Solution{slices.Clone(genes), s})
	return admitted
}

// dominates reports whether a member dominates s.
func (e *elite) dominates(s Score) bool {
	return slices.ContainsFunc(e.members, func(m Solution) bool { return m.Dominates(s) })
}

// sameBox reports whether two scores of equal violation share a box.
func (e *elite) sameBox(a, b Score) bool {
	if a.Violation != b.Violation {
		return false
	}
	if e.width[0] == 0 {
		return a.Objectives == b.Objectives
	}
	for o, width := range e.width {
		if math.Trunc(a.Objectives[o]/width) != math.Trunc(b.Objectives[o]/width) {
			return false
		}
	}
	return true
}

// farther reports whether genes are farther from all members but one than that one is: in
// how many genes they differ from the nearest of the others.
func (e *elite) farther(genes []uint16, but int) bool {
	present := e.members[but].Genes
	nearest, nearestPresent := len(genes)+1, len(genes)+1
	for i := range e.members {
		if i == but {
			continue
		}
		other := e.members[i].Genes[:len(genes)]
		d, dPresent := 0, 0
		for g, gene := range other {
			if gene != genes[g] {
				d++
			}
			if gene != present[g] {
				dPresent++
			}
		}
		nearest, nearestPresent = min(nearest, d), min(nearestPresent, dPresent)
	}
	return nearest > nearestPresent
}

// best returns the member that is best in one objective, the first of several.
func (e *elite) best(objective int) *Solution {
	best := &e.members[0]
	for i := range e.members {
		if e.members[i].compareIn(objective, best.Score) < 0 {
			best = &e.members[i]
		}
	}
	return best
}

// adapt lays a grid over objective space when the members have become too many:
// the number of boxes per objective is found by bisection, so that about three quarters
// of the target are left. It takes the grid away when few are left.
func (e *elite) adapt() {
	few := e.target * 3 / 4
	if len(e.members) < few {
		e.width = [2]float64{}
	}
	if len(e.members) <= e.target*5/4 {
		return
	}
	low, high := [2]float64{math.Inf(1), math.Inf(1)}, [2]float64{math.Inf(-1), math.Inf(-1)}
	for _, m := range e.members {
		for o, v := range m.Objectives {
			low[o], high[o] = min(low[o], v), max(high[o], v)
		}
	}
	all := e.members
	for from, to, step := 1, 1<<25, 0; step < 25; step++ {
		boxes := (from + to) / 2
		for o := range e.width {
			e.width[o] = (high[o] - low[o]) / float64(boxes)
			if e.width[o] == 0 {
				e.width[o] = 1
			}
		}
		e.members = make([]Solution, 0, len(all))
		for _, m := range all {
			e.offer(m.Genes, m.Score, false)
		}
		if len(e.members) <= few {
			from = boxes
		} else {
			to = boxes
		}
	}
}
