package study

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// Example is the name of the zoo that is used by default. A folder of that name is ./example.
const Example = "example"

// Examples are the names of the zoos that are built in.
func Examples() []string { return example.Names() }

// IsExample reports whether a folder is the name of a zoo that is built in.
func IsExample(dir string) bool { return slices.Contains(example.Names(), dir) }

// IsBuiltIn reports whether a folder is the name of a zoo that is built in, or where one is kept.
func IsBuiltIn(dir string) bool { return IsExample(dir) || example.Owns(dir) }

// Open opens the zoo in a folder, or one that is built in.
func Open(ctx context.Context, dir string, w Watch) (*zoo.Zoo, error) {
	if strings.HasPrefix(dir, "s3://") {
		return nil, fmt.Errorf("%s is in a bucket: 'encas-zoo zoo pull %s --out DIR' gets it", dir, shell.Word(dir))
	}
	var z *zoo.Zoo
	var err error
	if IsExample(dir) {
		z, err = example.OpenNamed(ctx, dir)
	} else {
		z, err = zoo.Open(dir)
	}
	if err != nil {
		return nil, err
	}
	z.Notify(w.Note)
	for _, damaged := range z.Damaged() {
		w.warn("%v", damaged)
	}
	return z, nil
}

// Select returns the models whose names match one of the globs, or all if all globs begin
// with !, without those that match one of these. Globs may be lists with commas. A glob
// that matches nothing is an error.
func Select(models []zoo.Model, globs []string) ([]zoo.Model, error) {
	terms := strings.FieldsFunc(strings.Join(globs, ","), func(r rune) bool { return r == ',' })
	if len(terms) == 0 {
		return models, nil
	}
	include, exclude := make([]bool, len(models)), make([]bool, len(models))
	all := true
	for _, term := range terms {
		term = strings.TrimSpace(term)
		glob, excluding := strings.CutPrefix(term, "!")
		hits := include
		if excluding {
			hits = exclude
		} else {
			all = false
		}
		found := false
		for i, m := range models {
			ok, err := matchName(glob, m.Name)
			if err != nil {
				return nil, inputf("models", term, "%w", err)
			}
			found = found || ok
			hits[i] = hits[i] || ok
		}
		if !found {
			e := &InputError{Option: "models", Value: term, Err: fmt.Errorf("no model has a name like this: there are %s", zoo.FewNames(names(models)))}
			for _, m := range models {
				e.Known = append(e.Known, strings.TrimSuffix(term, glob)+m.Name)
			}
			return nil, e
		}
	}
	var selected []zoo.Model
	for i, m := range models {
		if (all || include[i]) && !exclude[i] {
			selected = append(selected, m)
		}
	}
	if len(selected) == 0 {
		return nil, inputf("models", strings.Join(globs, ","), "leaves no model")
	}
	return selected, nil
}

// matchName is path.Match, but * matches slashes too: names have them.
func matchName(glob, name string) (bool, error) {
	flat := strings.NewReplacer("/", "\x00")
	return path.Match(flat.Replace(glob), flat.Replace(name))
}

// on returns the models that have predictions on a split, and how many have none.
func on(models []zoo.Model, split string) (have []zoo.Model, lack int) {
	for _, m := range models {
		if _, ok := m.Splits[split]; ok {
			have = append(have, m)
		}
	}
	return have, len(models) - len(have)
}

// splitOr returns the name of a split with labels if the zoo has it, or else of its first
// one with labels, neither being that of except; "" if there is none.
func splitOr(z *zoo.Zoo, name, except string) (found string) {
	for _, s := range z.Splits() {
		if s.Name != except && !s.Unlabelled && (found == "" || s.Name == name) {
			found = s.Name
		}
	}
	return found
}

// searchSplit returns the name of the split to search on if none is named: search, unless
// the zoo has a single split with labels, of another name.
func searchSplit(z *zoo.Zoo) string {
	if one := splitOr(z, "search", ""); one != "" && splitOr(z, one, one) == "" {
		return one
	}
	return "search"
}

// labelled returns the split of that name, which the option named and which must have
// labels.
func labelled(z *zoo.Zoo, option, name string) (zoo.Split, error) {
	s, err := z.Labelled(name)
	if err != nil {
		return s, &InputError{Option: option, Err: err}
	}
	return s, nil
}

// columnOf returns what each model has in a column, such as its cost.
func columnOf(z *zoo.Zoo, models []zoo.Model, column string) (map[string]float64, error) {
	found := make(map[string]float64, len(models))
	var lacking []string
	var first error
	for _, m := range models {
		number, err := m.Cost(column)
		if err != nil {
			first = cmp.Or(first, err)
			lacking = append(lacking, m.Name)
			continue
		}
		found[m.Name] = number
	}
	switch n := len(lacking); {
	case n == 0:
		return found, nil
	case n == 1:
		return nil, fmt.Errorf("%w; leave the model out with --models %s, or give it one: encas-zoo zoo set%s %s %s=NUMBER", first, shell.Word("!"+lacking[0]), zooFlag(z), shell.Word(lacking[0]), shell.Word(column))
	default:
		return nil, fmt.Errorf("%w; nor have %d more of the %d models (%s) a number there; leave them out with --models, or give them one, from a table with the columns model and %s: encas-zoo zoo set%s --from costs.csv",
			first, n-1, len(models), zoo.FewNames(lacking[1:]), column, zooFlag(z))
	}
}

// zooFlag is the option that names a zoo on a command line, with a space before it.
func zooFlag(z *zoo.Zoo) string {
	if z == nil {
		return ""
	}
	return " --zoo " + shell.Word(z.Dir())
}

// names are the names of models.
func names(models []zoo.Model) (names []string) {
	for _, m := range models {
		names = append(names, m.Name)
	}
	return names
}

// notAllFree refuses to search models of which none costs anything.
func notAllFree(costs map[string]float64, column string) error {
	for _, cost := range costs {
		if cost > 0 {
			return nil
		}
	}
	return inputf("cost", column, "every model costs 0, so that no cascade is cheaper than another: name another column")
}

func has(models []zoo.Model, name string) bool {
	return slices.ContainsFunc(models, func(m zoo.Model) bool { return m.Name == name })
}

// describeZoo and describeSplit identify the zoo and the samples of a front.
func describeZoo(z *zoo.Zoo) front.Zoo {
	return front.Zoo{Fingerprint: z.Fingerprint(), Classes: z.Classes()}
}

func describeSplit(s zoo.Split) front.Split {
	return front.Split{Name: s.Name, Samples: s.Samples, Fingerprint: s.Fingerprint, Unlabelled: s.Unlabelled}
}
