package ingest

import (
	"fmt"
	"strings"
)

// matchLabels returns, for every class of a zoo that calls its classes names, the column of
// the outputs of a model that calls its own labels; nil if they are in their places, or
// if the names do not tell: there are none, or none that both sides have. Some in other
// places and others on one side alone are an error.
func matchLabels(labels, names []string) ([]int, error) {
	if len(labels) == 0 || len(labels) != len(names) {
		return nil, nil
	}
	place := map[string]int{}
	for i, label := range labels {
		place[plainLabel(label)] = i
	}
	if len(place) < len(labels) {
		return nil, nil // ImageNet has two cranes
	}
	columns := make([]int, len(names))
	var strange []string
	matched, moved := 0, false
	for i, name := range names {
		at, ok := place[plainLabel(name)]
		if !ok {
			strange = append(strange, name)
			continue
		}
		columns[i] = at
		matched++
		moved = moved || at != i
	}
	switch {
	case matched == 0 || !moved:
		return nil, nil
	case len(strange) > 0:
		return nil, fmt.Errorf("its classes are in another order than the zoo's, and it does not know %d of those by name: %s; it knows %s", len(strange), fewLabels(strange), fewLabels(labels))
	}
	return columns, nil
}

// plainLabel is a name without what is often written in another way.
func plainLabel(s string) string {
	return strings.ToLower(strings.Join(strings.Fields(strings.ReplaceAll(s, "_", " ")), " "))
}

func fewLabels(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:5], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

// matchClasses finds out which column of a model's outputs is which class of the zoo.
func (r *runner) matchClasses(m *running) (err error) {
	if m.Outputs.Order, err = matchLabels(m.meta.Labels, r.zoo.ClassNames()); err == nil && m.Outputs.Order != nil {
		r.log("%s: its classes are in another order than the zoo's; they are matched by name", m.name)
	}
	return err
}
