package importer

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// classNames are the names of the classes, by number. Without names only numbers are
// classes.
type classNames struct {
	names  []string
	number map[string]int // of a name; shared: several classes have it

	// numerals are the names that are whole numbers, nil unless one is that of another class
	// (ratings from 1 to 5, say). A number in a file is then a name, as the number that heads
	// a column is; if other names are none it could be either, and is refused.
	numerals map[int64]int
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
	c.numerals = numerals(names)
	return c
}

func numerals(names []string) map[int64]int {
	classes, moved := map[int64]int{}, false
	for i, name := range names {
		v, err := strconv.ParseInt(name, 10, 64)
		if err != nil {
			continue
		}
		moved = moved || v != int64(i)
		if _, ok := classes[v]; ok {
			i = shared
		}
		classes[v] = i
	}
	if !moved {
		return nil
	}
	return classes
}

// class returns the class of a text: its name or, unless that is another's name, its
// number. ok is false if it is neither.
func (c classNames) class(text string) (class uint16, ok bool, err error) {
	if i, ok := c.number[text]; ok {
		return called(i, text)
	}
	if truth := strings.EqualFold(text, "true"); (truth || strings.EqualFold(text, "false")) && (c.names == nil || len(c.names) == 2) {
		class, err = c.truth(truth)
		return class, err == nil, err
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, false, nil
	}
	class, err = c.whole(v)
	return class, err == nil, err
}

// called is the class of that number, which has that name.
func called(number int, name string) (class uint16, ok bool, err error) {
	if number == shared {
		return 0, false, fmt.Errorf("several classes are called %q: use class numbers", name)
	}
	return uint16(number), true, nil
}

// whole returns the class of a whole number: the class of that number or, if the names of
// the classes are other numbers, the one called so.
func (c classNames) whole(v int64) (uint16, error) {
	i, ok := c.numerals[v]
	switch {
	case c.numerals == nil:
		return toLabel(v)
	case len(c.numerals) < len(c.names) && ok && int64(i) != v:
		return 0, fmt.Errorf("%d is the name of a class and the number of another: write labels as texts, the names of the classes, or call the classes otherwise", v)
	case len(c.numerals) < len(c.names) && !ok:
		return toLabel(v)
	case !ok:
		return 0, fmt.Errorf("label %d is the name of no class: the classes are called %s, so that numbers are their names", v, some(c.names))
	}
	class, _, err := called(i, strconv.FormatInt(v, 10))
	return class, err
}

// real returns the class of a number with a fraction, if that is 0.
func (c classNames) real(v float64) (uint16, error) {
	if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32 {
		return 0, fmt.Errorf("label %v is not an integer", v)
	}
	return c.whole(int64(v))
}

// truth returns the class of a boolean: the one that is called so, else 0 or 1.
func (c classNames) truth(v bool) (uint16, error) {
	text := strconv.FormatBool(v)
	if i := slices.IndexFunc(c.names, func(name string) bool { return strings.EqualFold(name, text) }); i >= 0 {
		return uint16(i), nil
	}
	if v {
		return c.whole(1)
	}
	return c.whole(0)
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
