package inspect

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Suspicion is something about models that a person should check.
type Suspicion struct {
	Kind   string   `json:"kind"`
	Models []string `json:"models"` // it is about these; none: about the split
	Says   string   `json:"says"`   // the finding and what to check, one sentence
}

// The kinds of suspicions.
const (
	SameOutputs    = "same-outputs"    // the models give the same outputs, sample for sample
	SameAnswers    = "same-answers"    // the same answers, wrong ones too
	Constant       = "constant"        // one answer to everything
	Chance         = "chance"          // correct no more often than by chance
	OtherNumbering = "other-numbering" // correct if its classes were numbered otherwise
	Labels         = "labels"          // every model is at chance: it is the labels
	NoCost         = "no-cost"         // the cost is missing, below zero or no number
)

// How sure a test must be: a model is at chance if it has fewer correct answers than
// two standard deviations above what its answers in any order would have. To be better
// than chance it takes six: of hundreds of models that guess, some
// are three or four above.
const (
	notMore = 2
	clearly = 6
)

// sharedErrors is how many wrong answers models must have in common before the same
// answers are suspicious: good models have most answers in common.
const sharedErrors = 5

// suspect returns what looks wrong.
func suspect(labels []uint16, classes int, models []Model) []Suspicion {
	all := []Suspicion{}
	all = append(all, aboutLabels(labels, classes, models)...)
	all = append(all, duplicates(labels, models)...)
	for _, m := range models {
		if m.NoCost != "" {
			all = append(all, Suspicion{NoCost, []string{m.Name}, m.NoCost})
		}
	}
	return all
}

// aboutLabels looks at models whose answers have nothing to do with the labels.
func aboutLabels(labels []uint16, classes int, models []Model) (all []Suspicion) {
	if perfect, ok := aboveChance(labels, labels, classes); !ok || perfect < clearly {
		if len(labels) > 0 && !ok {
			all = append(all, Suspicion{Labels, []string{}, fmt.Sprintf("all %d samples have the label %d", len(labels), labels[0])})
		}
		return all // cannot be decided
	}
	var atChance, better int
	var weak []Model    // hardly better than chance, or lucky
	var guessed float64 // the accuracy of the best model at chance
	var fitting int     // at chance, but correct with other numbers of the classes
	var permuted int    // better than chance, and more so with other numbers of the classes
	for _, m := range models {
		answers := m.Lists.TopClass
		sigmas, varied := aboveChance(answers, labels, classes)
		switch {
		case !varied:
			all = append(all, Suspicion{Constant, []string{m.Name}, fmt.Sprintf("it answers class %d to every sample", answers[0])})
		case sigmas >= clearly:
			better++
			if says, ok := PermutedColumns(answers, labels, classes); ok {
				permuted++
				all = append(all, Suspicion{OtherNumbering, []string{m.Name}, says})
			}
		case sigmas >= notMore:
			weak = append(weak, m)
		case fitsRenumbered(answers, labels, classes):
			atChance++
			fitting++
			all = append(all, Suspicion{OtherNumbering, []string{m.Name},
				"it is correct no more often than by chance, but would be if its classes had other numbers (columns look permuted): are they in the order of this zoo's?"})
		default:
			atChance++
			guessed = max(guessed, accuracy(answers, labels))
			all = append(all, guesses(m, labels, classes, "no more often than by chance"))
		}
	}
	// A model is not better than one at chance because it is less accurate.
	for _, m := range weak {
		if accuracy(m.Lists.TopClass, labels) <= guessed {
			all = append(all, guesses(m, labels, classes, "hardly more often than by chance"))
		}
	}
	if permuted > 1 && 2*permuted > len(models) {
		all = slices.DeleteFunc(all, func(s Suspicion) bool { return s.Kind == OtherNumbering })
		return append(all, Suspicion{Labels, []string{}, "most models would be correct much more often if the labels had other numbers: are they numbered as the models' classes are?"})
	}
	if better > 0 || atChance < 2 || 2*atChance <= len(models) {
		return all
	}
	// One statement about the split, instead of one about every model.
	all = slices.DeleteFunc(all, func(s Suspicion) bool { return s.Kind == Chance || s.Kind == OtherNumbering })
	says := "every model is correct no more often than by chance, and they do not agree with each other either"
	switch {
	case 2*fitting > atChance:
		says = "every model is correct no more often than by chance, but would be if the labels had other numbers: are they numbered as the models' classes are?"
	case agree(models, classes):
		says = "every model is correct no more often than by chance, yet they agree with each other: the labels look shuffled, or are those of other samples"
	}
	return append(all, Suspicion{Labels, []string{}, says})
}

// guesses says that a model is correct about as often as by chance, and what that is: what
// it is depends on the answers, which may be one class to most samples.
func guesses(m Model, labels []uint16, classes int, how string) Suspicion {
	counts := make([]int, classes)
	for _, c := range m.Lists.TopClass {
		counts[c]++
	}
	most := slices.Index(counts, slices.Max(counts))
	return Suspicion{Chance, []string{m.Name},
		fmt.Sprintf("it is correct on %.1f %% of the samples, %s, which is %.1f %% for answers as frequent as its (class %d to %.0f %% of the samples): was it trained, and run on these samples, in this order, with its own preprocessing?",
			100*accuracy(m.Lists.TopClass, labels), how, 100*chance(m.Lists.TopClass, labels, classes), most, 100*float64(counts[most])/float64(len(labels)))}
}

// agree reports whether most models answer like another one more often than by chance.
func agree(models []Model, classes int) bool {
	friends := 0
	for i, m := range models {
		for _, other := range models[max(0, i-3) : i+min(4, len(models)-i)] {
			if other.Name == m.Name {
				continue
			}
			if sigmas, ok := aboveChance(m.Lists.TopClass, other.Lists.TopClass, classes); ok && sigmas >= clearly {
				friends++
				break
			}
		}
	}
	return 2*friends > len(models)
}

// aboveChance returns by how many standard deviations a and b agree more often than
// they would with one of them in random order: under all orders, the number of equal
// places has the mean Σ a_c b_c / N and the variance
//
//	(Σ a_c b_c (N-a_c)(N-b_c) + (Σ a_c b_c)² - Σ (a_c b_c)²) / (N² (N-1)),
//
// a_c and b_c being how often class c occurs. It returns false if one of them does
// not vary.
func aboveChance(a, b []uint16, classes int) (sigmas float64, ok bool) {
	countA, countB := make([]float64, classes), make([]float64, classes)
	equal := 0
	for i, class := range a {
		countA[class]++
		countB[b[i]]++
		if class == b[i] {
			equal++
		}
	}
	n := float64(len(a))
	var products, squares, spread, largestA, largestB float64
	for c := range classes {
		product := countA[c] * countB[c]
		products += product
		squares += product * product
		spread += product * (n - countA[c]) * (n - countB[c])
		largestA, largestB = max(largestA, countA[c]), max(largestB, countB[c])
	}
	if n < 2 || largestA == n || largestB == n {
		return 0, false
	}
	variance := (spread + products*products - squares) / (n * n * (n - 1))
	if variance <= 0 { // no class occurs in both
		return 0, true
	}
	return (float64(equal) - products/n) / math.Sqrt(variance), true
}

// chance is how often answers would be correct in random order.
func chance(answers, labels []uint16, classes int) float64 {
	counts := make([]float64, classes)
	for _, c := range labels {
		counts[c]++
	}
	sum := 0.0
	for _, c := range answers {
		sum += counts[c]
	}
	return sum / (float64(len(answers)) * float64(len(answers)))
}

// fitsRenumbered reports whether answers are correct more often than by chance once
// each class is given the label that it most often goes with. That is learned on the
// samples in even places and tried on the others.
func fitsRenumbered(answers, labels []uint16, classes int) bool {
	seen := map[[2]uint16]int{}
	for i := 0; i < len(answers); i += 2 {
		seen[[2]uint16{answers[i], labels[i]}]++
	}
	most, number := make([]int, classes), make([]uint16, classes)
	for pair, n := range seen {
		class, label := pair[0], pair[1]
		if n > most[class] || n == most[class] && label < number[class] {
			most[class], number[class] = n, label
		}
	}
	var renumbered, right []uint16
	for i := 1; i < len(answers); i += 2 {
		renumbered = append(renumbered, number[answers[i]])
		right = append(right, labels[i])
	}
	sigmas, ok := aboveChance(renumbered, right, classes)
	return ok && sigmas >= clearly
}

// duplicates finds models that are the same twice.
func duplicates(labels []uint16, models []Model) (all []Suspicion) {
	for _, group := range alike(models, func(m Model) []any { return []any{m.Lists.TopClass} }) {
		if len(group) == 1 {
			continue
		}
		var different []string // one of each
		for _, same := range alike(group, func(m Model) []any { return []any{m.Answers, m.Lists.Classes, m.Lists.Values, m.Lists.Tail} }) {
			var names []string
			for _, m := range same {
				names = append(names, m.Name)
			}
			different = append(different, names[0])
			if len(names) > 1 {
				all = append(all, Suspicion{SameOutputs, names, "they give the same outputs, sample for sample: one model under several names?"})
			}
		}
		if len(different) > 1 && suspicious(group[0].Lists.TopClass, labels) {
			all = append(all, Suspicion{SameAnswers, different, "they give the same answers to all samples, wrong ones too, with other confidences: one model stored twice?"})
		}
	}
	return all
}

// alike puts models of which the same is the same into groups, in order of their first
// members.
func alike(models []Model, what func(Model) []any) (groups [][]Model) {
	number := map[[sha256.Size]byte]int{} // of the groups
	for _, m := range models {
		h := sha256.New()
		for _, part := range what(m) {
			binary.Write(h, binary.LittleEndian, part) // a hash does not fail
		}
		key := [sha256.Size]byte(h.Sum(nil))
		g, ok := number[key]
		if !ok {
			g = len(groups)
			number[key] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], m)
	}
	return groups
}

// suspicious reports whether it is suspicious that another model gives these answers
// too.
func suspicious(answers, labels []uint16) bool {
	wrong, varied := 0, false
	for i, class := range answers {
		if class != labels[i] {
			wrong++
		}
		varied = varied || class != answers[0]
	}
	return varied && wrong >= sharedErrors
}

// Summary is the suspicion in one line, with as many of the models' names as a person
// wants to read.
func (s Suspicion) Summary() string {
	const shown = 6
	names := strings.Join(s.Models[:min(shown, len(s.Models))], ", ")
	if more := len(s.Models) - shown; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	if names == "" {
		return s.Says
	}
	return names + ": " + s.Says
}
