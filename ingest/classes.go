package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// remedy ends errors about classes that cannot be matched.
const remedy = "state what the data call the classes with --class-names FILE, one name a line, class 0 first"

// countClasses returns the number of classes that a new zoo is to have, 0 if it is not
// known; model is the number that the models say, 0 if that is not known. Data with some of
// ImageNet's classes do not say it to models of all of them.
func (r *runner) countClasses(model int) int {
	data := 0
	some := r.imagenetOnly() && (model == 0 || model == len(ImageNet()))
	for _, s := range r.splits {
		if s.given.ClassNames == nil || !some {
			data = max(data, s.given.Classes)
		}
	}
	return cmp.Or(r.o.Classes, data, model, r.before)
}

// fewest returns the number of classes that models state, of several the smallest that has
// room for the labels: an ImageNet-21k head may stand beside others. It is that of the first
// model if none has.
func (r *runner) fewest(models []*planned) int {
	least, used := 0, r.classesUsed()
	for _, p := range models {
		if n := p.meta.Classes; n >= used && n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	return cmp.Or(least, models[0].meta.Classes)
}

// renew makes a zoo new that has no models, if it has other classes than this run: they
// are those of a run that failed.
func (r *runner) renew(ctx context.Context, classes int, models []*planned) error {
	if len(r.zoo.Models()) > 0 {
		return nil
	}
	_, _, err := r.settle(classes, r.zoo.ClassNames(), models)
	if err == nil && r.zoo.Classes() == classes {
		return nil
	}
	return r.locked(ctx, func() (err error) {
		r.zoo, err = zoo.Renew(r.o.Zoo, classes)
		return err
	})
}

// settle gives every split the class numbers of a zoo of so many classes that calls them
// own, or nil: by the names wherever both sides have names, never by place. If neither the
// zoo nor --class-names has names, the data set with the most names numbers the classes, if
// it has all of them, and else the first of the models that names its outputs; or they are
// numbered as ImageNet's. It returns what the classes are called, nil if nobody says, and
// notes about what was decided.
func (r *runner) settle(classes int, own []string, models []*planned) (names, notes []string, err error) {
	given := r.o.ClassNames
	if n := len(given); n > 0 && n != classes {
		return nil, nil, fmt.Errorf("--class-names has %d names, and the zoo %d classes", n, classes)
	}
	if err := zoo.CheckAliases(own, given); err != nil {
		return nil, nil, fmt.Errorf("--class-names contradicts the zoo: %w", err)
	}
	known := slices.DeleteFunc([][]string{own, given}, func(list []string) bool { return len(list) == 0 })
	switch {
	case len(known) > 0:
	case classes == len(ImageNet()) && r.imagenetOnly():
		known = [][]string{ImageNet()}
		notes = append(notes, "the classes of the data are some of ImageNet's 1,000, by their WordNet ids: they are numbered as there")
	default:
		s, err := r.reference(classes)
		p := namer(models, classes)
		switch {
		case s != nil:
			known = [][]string{s.given.ClassNames}
			if note := orderNote(s.given.ClassNames); note != "" {
				notes = append(notes, fmt.Sprintf("data set %s: %s", s.given.Path, note))
			}
		case p != nil:
			known = p.meta.Names()
			notes = append(notes, namedBy(p))
		case err != nil:
			return nil, nil, err
		}
	}
	for _, s := range r.splits {
		set := s.given
		if s.whole != nil {
			set = s.whole
		}
		class, note, err := Match(set, classes, known)
		var other *otherNames
		if errors.As(err, &other) {
			err = fmt.Errorf("%w; %s", err, other.remedy)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("data set %s: %w", s.given.Path, err)
		}
		if note != "" {
			notes = append(notes, fmt.Sprintf("data set %s: %s", s.given.Path, note))
		}
		s.class = class
		s.Set = s.given.Relabel(class)
		s.fingerprint = s.Fingerprint()
	}
	if len(known) > 0 {
		names = known[0]
	}
	return names, notes, nil
}

// reference returns the split whose data set numbers the classes of a zoo that has no
// names, or nil if no data set has names.
func (r *runner) reference(classes int) (*split, error) {
	var best *split
	better := func(s *split) bool {
		if best == nil {
			return true
		}
		_, number := dataset.Numbers(s.given.ClassNames)
		_, bestNumber := dataset.Numbers(best.given.ClassNames)
		if number != bestNumber {
			return bestNumber
		}
		return len(s.given.ClassNames) > len(best.given.ClassNames)
	}
	for _, s := range r.splits {
		if s.given.ClassNames != nil && better(s) {
			best = s
		}
	}
	if best == nil {
		return nil, nil
	}
	names := best.given.ClassNames
	switch n := len(names); {
	case n > classes:
		return nil, fmt.Errorf("data set %s has %d classes and the zoo %d", best.given.Path, n, classes)
	case n < classes && isClassNumbers(names, classes):
		return nil, nil
	case n < classes:
		return nil, &unnamedError{fmt.Errorf("data set %s has %d classes (%s), and the zoo %d without names, so it is not known which of them these are; %s",
			best.given.Path, n, zoo.FewNames(names), classes, remedy)}
	}
	return best, nil
}

// An unnamedError is that of data which name some of the classes of a zoo without names.
type unnamedError struct{ error }

// mayBeNamed reports whether an error is one that a model may cure, by naming its outputs.
func (r *runner) mayBeNamed(err error) bool {
	var unnamed *unnamedError
	return errors.As(err, &unnamed) && slices.ContainsFunc(r.o.Models, func(e Entry) bool {
		if e.Source != "file" {
			return true
		}
		meta, err := export.ReadMeta(e.Name)
		return err == nil && len(meta.Labels) > 0
	})
}

// isClassNumbers reports whether names can only be class numbers, some of which are
// missing: with 0 among them they are not counted from 1.
func isClassNumbers(names []string, classes int) bool {
	numbers, ok := dataset.Numbers(names)
	return ok && slices.Contains(numbers, 0) && slices.Max(numbers) < classes
}

// otherNames is the error of a data set whose names for classes are not those of the zoo, and
// what can be done about it in ingest.
type otherNames struct {
	error
	remedy string
}

func (e *otherNames) Error() string {
	return fmt.Sprintf("its classes do not match those of the zoo: %v", e.error)
}

func (e *otherNames) Unwrap() error { return e.error }

// Match returns the class of each of the classes as the data set numbers them, nil if that
// is how the zoo does. known are the names of the zoo's classes, none, or lists of
// them.
func Match(set *dataset.Set, classes int, known [][]string) (class []uint16, note string, err error) {
	// If the zoo calls its classes by numbers, those of the data are such names.
	byNumber := slices.ContainsFunc(known, func(names []string) bool {
		numbers, ok := dataset.Numbers(names)
		return ok && !isCount(numbers)
	})
	switch {
	case set.Labels == nil:
		return nil, "", nil
	case set.ClassNames == nil && !byNumber:
		if err := checkNumbers(set, classes); err != nil {
			return nil, "", err
		}
		return nil, "", checkCalled(set, known)
	case slices.ContainsFunc(known, func(names []string) bool { return slices.Equal(names, set.ClassNames) }):
		return nil, "", nil // two classes may have one name
	}
	labels := used(set.Labels)
	names := make([]string, len(labels))
	for i, label := range labels {
		names[i] = strconv.Itoa(int(label))
		if set.ClassNames != nil {
			names[i] = set.ClassNames[label]
		}
	}
	lists := make([][]string, len(known))
	for i, list := range known {
		lists[i] = plain(list)
	}
	found, err := zoo.ClassesByName(plain(names), lists...)
	if err != nil && !byNumber && isClassNumbers(set.ClassNames, classes) {
		found, _ = dataset.Numbers(names)
		note, err = fmt.Sprintf("the names of its %d classes, %s, are read as class numbers", len(set.ClassNames), zoo.FewNames(set.ClassNames)), nil
	}
	if err != nil {
		how := remedy
		if classes == len(ImageNet()) && allImageNet(names) {
			how = "if the zoo's classes are ImageNet's in their usual order, give --class-names imagenet"
		}
		return nil, "", &otherNames{fmt.Errorf("%w%s", err, nearClasses(set, names, known)), how}
	}
	class = make([]uint16, int(slices.Max(labels))+1)
	for i, label := range labels {
		class[label] = uint16(found[i])
	}
	return class, note, nil
}

// nearClasses says of names that are no class which one is most like them, and where the first
// label of that name is.
func nearClasses(set *dataset.Set, names []string, known [][]string) string {
	const most, tried = 3, 50 // each is compared with every class
	if len(known) == 0 {
		return ""
	}
	index := zoo.IndexClasses(known...)
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { _, ok := index.Class(name); return ok })
	var near []string
	for _, name := range names[:min(tried, len(names))] {
		best, least := "", len(name)/3+1 // slips of the keyboard
		for _, class := range known[0] {
			if len(class)-len(name) >= least || len(name)-len(class) >= least {
				continue
			}
			if d := edits(strings.ToLower(name), strings.ToLower(class)); d < least {
				best, least = class, d
			}
		}
		if best == "" {
			continue
		}
		where := ""
		if place := set.Place(name); place != "" {
			where = " (" + place + ")"
		}
		if near = append(near, fmt.Sprintf("%q%s may be %q", name, where, best)); len(near) == most {
			break
		}
	}
	if near == nil {
		return ""
	}
	return "; " + strings.Join(near, ", ")
}

// checkNumbers checks labels that are class numbers of the zoo.
func checkNumbers(set *dataset.Set, classes int) error {
	if set.Classes > classes {
		return fmt.Errorf("it has %d classes and the zoo %d", set.Classes, classes)
	}
	for i, label := range set.Labels {
		if int(label) >= classes {
			hint := ""
			if slices.Min(set.Labels) == 1 && int(slices.Max(set.Labels)) == classes {
				hint = "; the labels seem to be counted from 1: subtract 1 from each"
			}
			return fmt.Errorf("image %s has label %d and the zoo %d classes, counted from 0%s", set.IDs[i], label, classes, hint)
		}
	}
	return nil
}

// checkCalled checks that what a data set calls some class numbers is not what the zoo calls
// others.
func checkCalled(set *dataset.Set, known [][]string) error {
	var contradictions []string
	index := zoo.IndexClasses(known...)
	for _, number := range slices.Sorted(maps.Keys(set.Called)) {
		name := set.Called[number]
		if class, ok := index.Class(name); ok && class >= 0 && class != int(number) {
			contradictions = append(contradictions, fmt.Sprintf("%q is class %d here and %d in the zoo", name, number, class))
		}
	}
	if n := len(contradictions); n > 0 {
		const few = 3
		more := ""
		if n > few {
			contradictions, more = contradictions[:few], fmt.Sprintf(", ... (%d in all)", n)
		}
		return fmt.Errorf("its class numbers contradict the names of the zoo's classes: %s%s; leave out the column of numbers to go by the names", strings.Join(contradictions, ", "), more)
	}
	return nil
}

// used returns the different labels, in ascending order.
func used(labels []uint16) []uint16 {
	return slices.Compact(slices.Sorted(slices.Values(labels)))
}

// isCount reports whether numbers are 0 to n-1 in this order.
func isCount(numbers []int) bool {
	for i, n := range numbers {
		if n != i {
			return false
		}
	}
	return true
}

// plain writes names that are numbers without leading zeros.
func plain(names []string) []string {
	numbers, ok := dataset.Numbers(names)
	if !ok {
		return names
	}
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = strconv.Itoa(n)
	}
	return out
}

// orderNote says in which order a data set numbers classes if that may be a surprise:
// there are numbers in their names.
func orderNote(names []string) string {
	numbers, ok := dataset.Numbers(names)
	switch {
	case ok && slices.IsSorted(numbers) && !isCount(numbers):
		return fmt.Sprintf("classes are numbered in the order of the numbers that name them, %s; if the models have them in another order (torchvision sorts them as text), %s", zoo.FewNames(names), remedy)
	case !ok && slices.IsSorted(names) && !slices.IsSortedFunc(names, naturally):
		return fmt.Sprintf("classes are numbered in the order of their names as text, as torchvision does, %s; if the models have them in another order, %s", zoo.FewNames(names), remedy)
	}
	return ""
}

// naturally compares names as people sort them: class2 before class10.
func naturally(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x > 0 && y > 0 {
			m, n := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
			a, b = a[x:], b[y:]
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits is the number of digits that s begins with.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
