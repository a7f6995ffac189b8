// Package moea searches for genomes that are good in two objectives at once, by
// MO-GOMEA ([GOMEA]), NSGA-II ([NSGA2]) or NSGA-III ([NSGA3]). It sees genomes and their
// scores and nothing of what a genome encodes.
//
// A genome is a []uint16, one number per gene: gene i is in 0..Alphabet[i]-1
// ([Space]). The caller turns it into whatever is searched, evaluates that and
// returns a [Score]: two objectives and by how much limits are violated, less being
// better in all three. GOMEA asks for one genome at a time, because each answer
// decides what it tries next; NSGA2 asks for a generation of up to 200, which may be
// evaluated in parallel, and NSGA3 for one of as many as it has directions. They ask for a
// genome at most once, take all chance from the seed and depend on nothing else, so that a caller who records the scores can resume
// a search: it starts again and is given the recorded scores first.
//
// They end when evaluate returns [ErrSpent], when its error is another one, when ctx
// ends, or when they find no new genomes any more, because all are known or nearly so.
// They return the best genomes met ([Solution]), also along with an error.
package moea

import (
	"cmp"
	"errors"
	"math/rand/v2"
)

// ErrSpent, returned by an evaluation, ends a search without an error: its budget is
// spent.
var ErrSpent = errors.New("moea: the budget is spent")

// A Space is the set of genomes that a search may try.
type Space struct {
	// Alphabet gives the number of values of each gene, 1 to 65,536. There is at least
	// one gene.
	Alphabet []int

	// Ordered marks genes whose neighbouring values are alike, such as a threshold's:
	// NSGA2 changes half of them by a small step when they mutate. It has the length
	// of Alphabet, or is nil if no gene is ordered. GOMEA copies values from one genome
	// to another and never looks at their order.
	Ordered []bool

	// Amend, if not nil, changes a genome just drawn at random, for example so that it
	// has what every solution must have. Genomes made by mixing or crossover are left
	// as they are: what breaks a limit is for Score.Violation.
	Amend func(rng *rand.Rand, genes []uint16)

	// Valid, if not nil, reports whether a genome is worth an evaluation. NSGA2 makes
	// another instead of one that is not. GOMEA changes a genome in several steps and
	// needs a score after each, so it evaluates invalid ones too; let them violate the
	// limits, at no cost to the budget.
	Valid func(genes []uint16) bool
}

// Size returns how many genomes there are.
func (s Space) Size() float64 {
	all := 1.0
	for _, values := range s.Alphabet {
		all *= float64(values)
	}
	return all
}

// Draw fills genes, one for each of the alphabet, with values drawn at random, each
// equally likely, and amends them.
func (s Space) Draw(rng *rand.Rand, genes []uint16) {
	for i, values := range s.Alphabet {
		genes[i] = uint16(rng.IntN(values))
	}
	if s.Amend != nil {
		s.Amend(rng, genes)
	}
}

// A Solution is a genome and its score.
type Solution struct {
	Genes []uint16
	Score
}

// A Score is what a genome is judged by. Less is better in everything. No number in
// it may be NaN, and objectives must be finite.
type Score struct {
	Objectives [2]float64
	Violation  float64 // of the limits; 0: within them
}

// Dominates reports whether a is better than b: within the limits or closer to
// them, and otherwise no worse in both objectives and better in one (Deb et al., 2002,
// definition 1).
func (a Score) Dominates(b Score) bool {
	if a.Violation > 0 || b.Violation > 0 {
		return a.Violation < b.Violation
	}
	return a.Objectives[0] <= b.Objectives[0] && a.Objectives[1] <= b.Objectives[1] && a.Objectives != b.Objectives
}

// compareIn compares two scores in one objective alone: it is negative if a is
// better and 0 if they are equal.
func (a Score) compareIn(objective int, b Score) int {
	if a.Violation != b.Violation {
		return cmp.Compare(a.Violation, b.Violation)
	}
	return cmp.Compare(a.Objectives[objective], b.Objectives[objective])
}

// appendGenes appends what names a genome.
func appendGenes(key []byte, genes []uint16) []byte {
	for _, gene := range genes {
		key = append(key, byte(gene), byte(gene>>8))
	}
	return key
}
