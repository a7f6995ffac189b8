package zoo

import (
	"slices"
	"strings"
)

// ColumnName returns the name under which a column of models is kept: names that differ in
// letter case only are one, spelt as the zoo's models have it or, if none has it, as this
// package does if it knows it.
func (z *Zoo) ColumnName(name string) string {
	if strings.Contains(name, ":") {
		return name // it has the name of a split, or of another column, in it
	}
	var spellings []string
	for _, m := range z.Models() {
		if _, ok := m.Columns[name]; ok {
			return name
		}
		for column := range m.Columns {
			if strings.EqualFold(column, name) {
				spellings = append(spellings, column)
			}
		}
	}
	if len(spellings) > 0 {
		return slices.Min(spellings)
	}
	for _, column := range []string{ColumnGFLOPs, ColumnParams, ColumnLatency, ColumnThroughput, ColumnFamily} {
		if strings.EqualFold(column, name) {
			return column
		}
	}
	return name
}
