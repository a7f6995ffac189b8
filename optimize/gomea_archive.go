package optimize

import (
	"math"
	"slices"
)

// An elite is MO-GOMEA's own archive: genomes that dominate each other in
// nothing, at most about as many as its target. When they become too many, a grid
// is laid over objective space, fine enough for about the target, and one genome
// kept for each of its boxes. Unlike the search's archive, which it feeds on the
// side, it is what the algorithm learns from.
type elite struct {
	target  int
	members []eliteMember
	width   [2]float64 // of a box; 0: no grid
}

type eliteMember struct {
	genes []uint16
	score
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
// genomes, in genes that differ. Members are looked at in order and the first that
// stands in the way decides.
func (e *elite) offer(genes []uint16, s score, replace bool) admission {
	dominates := false
	for i := range e.members {
		m := &e.members[i]
		switch {
		case m.dominates(s):
			return dominated
		case s.dominates(m.score):
			dominates = true
		case e.sameBox(s, m.score):
			if replace && !slices.Equal(genes, m.genes) && e.distance(genes, i) > e.distance(m.genes, i) {
				copy(m.genes, genes)
				m.score = s
			}
			return occupied
		}
	}
	if dominates {
		e.members = slices.DeleteFunc(e.members, func(m eliteMember) bool { return s.dominates(m.score) })
	}
	e.members = append(e.members, eliteMember{slices.Clone(genes), s})
	return admitted
}

// dominates reports whether a member dominates s.
func (e *elite) dominates(s score) bool {
	return slices.ContainsFunc(e.members, func(m eliteMember) bool { return m.dominates(s) })
}

// sameBox reports whether two scores of equal violation share a box.
func (e *elite) sameBox(a, b score) bool {
	if a.violation != b.violation {
		return false
	}
	if e.width[0] == 0 {
		return a.objectives == b.objectives
	}
	for o, width := range e.width {
		if math.Trunc(a.objectives[o]/width) != math.Trunc(b.objectives[o]/width) {
			return false
		}
	}
	return true
}

// distance returns in how many genes a genome differs from the member nearest to
// it, member except aside.
func (e *elite) distance(genes []uint16, except int) int {
	nearest := len(genes) + 1
	for i := range e.members {
		if i == except {
			continue
		}
		d := 0
		for g, gene := range e.members[i].genes {
			if gene != genes[g] {
				d++
			}
		}
		nearest = min(nearest, d)
	}
	return nearest
}

// best returns the member that is best in one objective, the first of several.
func (e *elite) best(objective int) *eliteMember {
	best := &e.members[0]
	for i := range e.members {
		if e.members[i].compareIn(objective, best.score) < 0 {
			best = &e.members[i]
		}
	}
	return best
}

// adapt lays a grid over objective space when the members have become too many:
// of all numbers of boxes to an objective, the one found by bisection that leaves
// about three quarters of the target. It takes the grid away when few are left.
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
		for o, v := range m.objectives {
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
		e.members = make([]eliteMember, 0, len(all))
		for _, m := range all {
			e.offer(m.genes, m.score, false)
		}
		if len(e.members) <= few {
			from = boxes
		} else {
			to = boxes
		}
	}
}
