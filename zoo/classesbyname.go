package zoo

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// ClassesByName returns the class that each of names names. known are the names of the
// classes, one a class; further lists are other names of the same classes. Spaces around
// a name, and how Unicode composes its letters, do not matter. Names of no class, or of
// two, are an error that lists a few of them.
func ClassesByName(names []string, known ...[]string) ([]int, error) {
	if len(known) == 0 {
		return nil, fmt.Errorf("nobody says which classes %s are", FewNames(names))
	}
	index := IndexClasses(known...)
	classes := make([]int, len(names))
	var strange []string
	for i, name := range names {
		c, ok := index.Class(name)
		switch {
		case !ok:
			strange = append(strange, name)
		case c < 0:
			return nil, fmt.Errorf("%q is the name of more than one class", clip(name, 80))
		}
		classes[i] = c
	}
	switch {
	case len(strange) == 1 && len(names) == 1:
		return nil, fmt.Errorf("%s is none of the classes %s", FewNames(strange), FewNames(known[0]))
	case len(strange) > 0:
		return nil, fmt.Errorf("%d of %d names (%s) are none of the classes %s", len(strange), len(names), FewNames(strange), FewNames(known[0]))
	}
	return classes, nil
}

// A ClassIndex finds classes by their names, as [ClassesByName] does.
type ClassIndex map[string]int

// IndexClasses makes the index of the names of some classes, of which there may be several
// lists.
func IndexClasses(known ...[]string) ClassIndex {
	index := ClassIndex{}
	for _, list := range known {
		for i, name := range list {
			key := nameKey(name)
			if before, ok := index[key]; ok && before != i {
				index[key] = -1
				continue
			}
			index[key] = i
		}
	}
	return index
}

// Class returns the class of a name, -1 if it is that of two; ok is whether it is one of any.
func (x ClassIndex) Class(name string) (class int, ok bool) {
	class, ok = x[nameKey(name)]
	return class, ok
}

// nameKey is equal for names that are the same.
func nameKey(name string) string { return norm.NFC.String(strings.TrimSpace(name)) }

// FewNames quotes the first of some names and says how many there are.
func FewNames(names []string) string {
	const few = 4
	var b strings.Builder
	for i, name := range names[:min(few, len(names))] {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", clip(name, 40))
	}
	if len(names) > few {
		fmt.Fprintf(&b, ", ... (%d in all)", len(names))
	}
	return b.String()
}

// CheckAliases checks that two lists of names of the same classes do not contradict each
// other: what one calls a class is not what the other calls another one.
func CheckAliases(names, aliases []string) error {
	classes := map[string][]int{}
	for i, name := range names {
		classes[nameKey(name)] = append(classes[nameKey(name)], i)
	}
	for i, alias := range aliases {
		if of := classes[nameKey(alias)]; len(of) > 0 && !slices.Contains(of, i) {
			return fmt.Errorf("%q is the name of class %d, and not of class %d", clip(alias, 80), of[0], i)
		}
	}
	return nil
}
