package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// classNames are the names of the classes, by number. Without names only numbers are
// classes.
type classNames struct {
	names  []string
	number map[string]int // of a name; shared: several classes have it
}

// shared marks a name of several classes.
const shared = -1

func newClassNames(names []string) classNames {
	c := classNames{names: names, number: map[string]int{}}
	for i, name := range names {
		if _, ok := c.number[name]; ok {
			i = shared
		}
		c.number[name] = i
	}
	return c
}

// class returns the class of a text: its name or, unless that is another's name, its
// number. ok is false if it is neither.
func (c classNames) class(text string) (class uint16, ok bool, err error) {
	if i, ok := c.number[text]; ok {
		if i == shared {
			return 0, false, fmt.Errorf("several classes are called %q: use class numbers", text)
		}
		return uint16(i), true, nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false, nil
	}
	class, err = toLabel(v)
	return class, err == nil, err
}

// A nameReader reads the classes of a column, and keeps names that are none.
type nameReader struct {
	classNames
	file    string
	unknown []string // a few
	count   int
}

func (c classNames) reader(file string) *nameReader { return &nameReader{classNames: c, file: file} }

// label returns the class of a text, or 0 and keeps the text for err.
func (r *nameReader) label(text string) (uint16, error) {
	class, ok, err := r.class(text)
	if err != nil || ok {
		return class, err
	}
	if r.count++; len(r.unknown) < few && !slices.Contains(r.unknown, strconv.Quote(text)) {
		r.unknown = append(r.unknown, strconv.Quote(text))
	}
	return 0, nil
}

// err is what is wrong with the names.
func (r *nameReader) err() error {
	switch {
	case r.count == 0:
		return nil
	case r.names == nil:
		return fmt.Errorf("%s: labels are names of classes (%s), of which the numbers are not known: give the names, from class 0 on, with --class-names FILE", r.file, strings.Join(r.unknown, ", "))
	}
	return fmt.Errorf("%s: %d labels are names of no class, such as %s; the classes are %s", r.file, r.count, strings.Join(r.unknown, ", "), some(r.names))
}
