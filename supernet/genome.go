package supernet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Genome is a subnet as a search sees it: a number for each gene.
type Genome []int

// String is the genome's text form, 3.0.5.
func (g Genome) String() string {
	var b strings.Builder
	for i, v := range g {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.Itoa(v))
	}
	return b.String()
}

// maxGenes bounds a genome's text.
const maxGenes = 2 + maxStages*(maxDepth+1) + 1

// ParseGenome reads the text form. There is one for each genome: no signs, no zeros
// before a number.
func ParseGenome(text string) (Genome, error) {
	if strings.Count(text, ".") >= maxGenes {
		return nil, fmt.Errorf("a genome has at most %d numbers", maxGenes)
	}
	var g Genome
	for i, word := range strings.Split(text, ".") {
		v, err := strconv.Atoi(word)
		if err != nil || v < 0 || strconv.Itoa(v) != word {
			return nil, fmt.Errorf("genome %q: number %d, %q, is not a number from 0; a genome is numbers with points between, such as 3.0.5", text, i+1, word)
		}
		g = append(g, v)
	}
	return g, nil
}

// Equal reports whether two genomes are the same, number by number.
func (g Genome) Equal(h Genome) bool { return slices.Equal(g, h) }
