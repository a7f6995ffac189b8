package zoo

import (
	"strings"
	"unicode"
)

// ColumnNames are the names under which the columns of models are kept: names that differ in
// letter case only are one, spelt as the zoo's models have it or, if none has it, as this
// package does if it knows it.
type ColumnNames struct {
	have  map[string]bool   // by models
	spelt map[string]string // by what names that are one have in common
}

// ColumnNames returns the names that columns have now.
func (z *Zoo) ColumnNames() ColumnNames {
	n := ColumnNames{map[string]bool{}, map[string]string{}}
	for _, m := range z.Models() {
		for column := range m.Columns {
			if n.have[column] {
				continue
			}
			n.have[column] = true
			if first, ok := n.spelt[Fold(column)]; !ok || column < first {
				n.spelt[Fold(column)] = column
			}
		}
	}
	for _, column := range []string{ColumnGFLOPs, ColumnParams, ColumnLatency, ColumnThroughput, ColumnFamily} {
		if _, ok := n.spelt[Fold(column)]; !ok {
			n.spelt[Fold(column)] = column
		}
	}
	return n
}

// Of returns the name under which a column is kept.
func (n ColumnNames) Of(name string) string {
	if strings.Contains(name, ":") || n.have[name] {
		return name // with a colon, it has the name of a split, or of another column, in it
	}
	if spelt, ok := n.spelt[Fold(name)]; ok {
		return spelt
	}
	return name
}

// Fold returns the same for all texts that strings.EqualFold takes for equal.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}
