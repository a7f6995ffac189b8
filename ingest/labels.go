package ingest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// outputsOf returns, for every class of a zoo that calls its classes names, the output of a
// model that has that name, -1 if none has. lists are what the model calls its outputs, by
// one naming or several; what the list that has most of the classes lacks is looked for in
// the others. Names are first compared as they are, then plainly.
func outputsOf(names []string, lists [][]string) (outputs []int, found int) {
	outputs = slices.Repeat([]int{-1}, len(names))
	taken := map[int]bool{}
	for len(lists) > 0 {
		best, bestAdded := 0, map[int]int(nil)
		for i, list := range lists {
			if added := namesakes(names, outputs, list, taken); i == 0 || len(added) > len(bestAdded) {
				best, bestAdded = i, added
			}
		}
		for class, output := range bestAdded {
			outputs[class] = output
			taken[output] = true
		}
		lists = slices.Delete(slices.Clone(lists), best, best+1)
	}
	return outputs, len(taken)
}

// namesakes returns the outputs of those classes that have none yet, of those outputs that
// are not taken, by one list of their names. A name that several have is matched, in their
// order, if it is as many of either.
func namesakes(names []string, outputs []int, list []string, taken map[int]bool) map[int]int {
	added, used := map[int]int{}, map[int]bool{}
	for _, key := range []func(string) string{strings.TrimSpace, plainLabel} {
		byName := map[string][]int{}
		for output, name := range list {
			if name != "" && !taken[output] && !used[output] {
				byName[key(name)] = append(byName[key(name)], output)
			}
		}
		classes := map[string][]int{}
		for class, name := range names {
			if _, ok := added[class]; outputs[class] < 0 && !ok {
				classes[key(name)] = append(classes[key(name)], class)
			}
		}
		for name, of := range classes {
			if len(of) != len(byName[name]) {
				continue
			}
			for i, class := range of {
				added[class] = byName[name][i]
				used[byName[name][i]] = true
			}
		}
	}
	return added
}

// plainLabel is a name without what is often written in another way.
func plainLabel(s string) string {
	return strings.ToLower(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("_, \t", r) }), " "))
}

// permutation returns, for every class of a zoo, the column of a model's outputs, as many as
// there are classes; nil if they are in their places, or if the names do not tell: there are
// none, or none that both sides have. Some in other places and others on one side alone are
// an error.
func permutation(names []string, lists [][]string) ([]int, error) {
	if len(lists) == 0 || len(lists[0]) != len(names) {
		return nil, nil
	}
	columns, found := outputsOf(names, lists)
	moved := false
	for class, column := range columns {
		moved = moved || column >= 0 && column != class
	}
	switch strange := without(names, columns); {
	case found == 0 || !moved:
		return nil, nil
	case len(strange) > 0:
		return nil, fmt.Errorf("its classes are in another order than the zoo's, and it does not know %d of those by name: %s; it knows %s", len(strange), zoo.FewNames(strange), zoo.FewNames(lists[0]))
	}
	return columns, nil
}

// order finds out which column of a model with as many outputs as the zoo has classes is which.
func (r *runner) order(m *running) (err error) {
	if m.Head.Order, err = permutation(r.zoo.ClassNames(), m.meta.Names()); err == nil && m.Head.Order != nil {
		r.log("%s: its classes are in another order than the zoo's; they are matched by name", m.name)
	}
	return err
}

// without returns the names of the classes that have no output.
func without(names []string, outputs []int) (strange []string) {
	for class, output := range outputs {
		if output < 0 {
			strange = append(strange, names[class])
		}
	}
	return strange
}

// namer returns the first of some models that has names for so many classes, nil if none
// has.
func namer(models []*planned, classes int) *planned {
	for _, p := range models {
		if n := len(p.meta.Labels); n > 0 && n == classes {
			return p
		}
	}
	return nil
}

// nameClasses gives a zoo without names those of the first of some models that has them.
func (r *runner) nameClasses(ctx context.Context, models []*planned) error {
	p := namer(models, r.classes)
	if p == nil || r.zoo.ClassNames() != nil {
		return nil
	}
	return r.write(ctx, func(w *zoo.Writer) error {
		if r.zoo.ClassNames() != nil {
			return nil // another process has named them since
		}
		r.log("%s", namedBy(p))
		return w.SetClassNames(p.meta.Labels)
	})
}

// namedBy notes whose names the zoo's classes have.
func namedBy(p *planned) string {
	return fmt.Sprintf("neither zoo nor data name the classes: they are called as %s calls its outputs, %s", p.name, zoo.FewNames(p.meta.Labels))
}
