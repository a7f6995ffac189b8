package inspect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A renumbering gives some classes the numbers of others.
type renumbering struct {
	number        []uint16 // of each class; one class a number
	moved         []uint16 // classes that get another number
	before, after int      // correct answers among those of moved classes, of the tried samples
	tried         int
}

// renumber finds the numbers under which answers are correct most often, giving each
// class the label that it goes with most often of those that are left. That is learned
// on the samples in even places and tried on the others.
func renumber(answers, labels []uint16, classes int) renumbering {
	type pair struct{ class, label uint16 }
	seen := map[pair]int{}
	for i := 0; i < len(answers); i += 2 {
		seen[pair{answers[i], labels[i]}]++
	}
	pairs := make([]pair, 0, len(seen))
	for p := range seen {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(seen[b], seen[a]), cmp.Compare(a.class, b.class), cmp.Compare(a.label, b.label))
	})
	r := renumbering{number: make([]uint16, classes)}
	given, taken := make([]bool, classes), make([]bool, classes)
	give := func(class, label uint16) {
		r.number[class], given[class], taken[label] = label, true, true
	}
	for _, p := range pairs {
		if !given[p.class] && !taken[p.label] {
			give(p.class, p.label)
		}
	}
	// Classes of which nothing is known keep their numbers, or get what is left.
	for c := range classes {
		if !given[c] && !taken[c] {
			give(uint16(c), uint16(c))
		}
	}
	free := 0
	for c := range classes {
		for !given[c] && taken[free] {
			free++
		}
		if !given[c] {
			give(uint16(c), uint16(free))
		}
		if known := r.number[c] != uint16(c) && seen[pair{uint16(c), r.number[c]}] > 0; known {
			r.moved = append(r.moved, uint16(c))
		}
	}
	moved := make([]bool, classes)
	for _, c := range r.moved {
		moved[c] = true
	}
	for i := 1; i < len(answers); i += 2 {
		r.tried++
		if c := answers[i]; moved[c] {
			if c == labels[i] {
				r.before++
			}
			if r.number[c] == labels[i] {
				r.after++
			}
		}
	}
	return r
}

// clear reports whether the classes that move are correct so much more often by their new
// numbers that it is neither luck nor two classes that are hard to tell apart.
func (r renumbering) clear() bool {
	gain := float64(r.after - r.before)
	return r.after > 0 && r.after >= 3*r.before && gain >= clearly*math.Sqrt(float64(r.after+r.before))
}

// PermutedColumns reports whether a model's classes look permuted: answers to samples with
// the given labels that would be correct much more often if the classes had each other's
// numbers. It says which.
func PermutedColumns(answers, labels []uint16, classes int) (says string, ok bool) {
	r := renumber(answers, labels, classes)
	if !r.clear() {
		return "", false
	}
	const few = 3
	var moves []string
	for _, c := range r.moved[:min(few, len(r.moved))] {
		moves = append(moves, fmt.Sprintf("%d is %d", c, r.number[c]))
	}
	more := ""
	if n := len(r.moved) - few; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("columns look permuted: by other numbers of its classes (%s%s) its accuracy would be %.1f points higher; are they in the order of this zoo's?",
		strings.Join(moves, ", "), more, 100*float64(r.after-r.before)/float64(r.tried)), true
}
