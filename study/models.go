package study

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// Example is the name of the zoo that is built in. A folder of that name is ./example.
const Example = "example"

// Open opens the zoo in a folder, or the one that is built in.
func Open(ctx context.Context, dir string, w Watch) (*zoo.Zoo, error) {
	var z *zoo.Zoo
	var err error
	if dir == Example {
		z, err = example.Open(ctx)
	} else {
		z, err = zoo.Open(dir)
	}
	if err != nil {
		return nil, err
	}
	z.Notify(w.Note)
	return z, nil
}

// ZooOf returns the first zoo among folders that has a fingerprint, nil if none has.
func ZooOf(ctx context.Context, fingerprint string, dirs []string, w Watch) *zoo.Zoo {
	for _, dir := range dirs {
		if z, err := Open(ctx, dir, w); err == nil && z.Fingerprint() == fingerprint {
			return z
		}
	}
	return nil
}

// Select returns the models whose names match one of the globs, or all if there are
// only globs that begin with !, without those that match such a one. Globs may be lists
// with commas. A glob that matches nothing is an error: it is a slip of the pen.
func Select(models []zoo.Model, globs []string) ([]zoo.Model, error) {
	var terms []string
	for _, list := range globs {
		for term := range strings.SplitSeq(list, ",") {
			if term = strings.TrimSpace(term); term != "" {
				terms = append(terms, term)
			}
		}
	}
	include, exclude := make([]bool, len(models)), make([]bool, len(models))
	all := true
	for _, term := range terms {
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
			return nil, inputf("models", term, "no model has such a name ('encas-zoo zoo list' shows them)")
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

// prices returns what each model costs: what is in that column.
func prices(models []zoo.Model, column string) (map[string]float64, error) {
	costs := make(map[string]float64, len(models))
	for _, m := range models {
		cost, err := m.Cost(column)
		if err != nil {
			return nil, fmt.Errorf("%w; leave the model out with --models '!%s', or import it with its cost", err, m.Name)
		}
		costs[m.Name] = cost
	}
	return costs, nil
}

// names takes lists of names apart at their commas, except if all of it is a name.
func names(lists []string, models []zoo.Model) []string {
	var all []string
	for _, list := range lists {
		if has(models, list) {
			all = append(all, list)
			continue
		}
		for name := range strings.SplitSeq(list, ",") {
			all = append(all, strings.TrimSpace(name))
		}
	}
	return all
}

func has(models []zoo.Model, name string) bool {
	return slices.ContainsFunc(models, func(m zoo.Model) bool { return m.Name == name })
}

// named returns the models of a zoo with such names, each once.
func named(z *zoo.Zoo, names []string) ([]zoo.Model, error) {
	var models []zoo.Model
	for _, name := range names {
		if has(models, name) {
			continue
		}
		m, err := z.Model(name)
		if err != nil {
			return nil, fmt.Errorf("the zoo has no model named %q", name)
		}
		models = append(models, m)
	}
	return models, nil
}

// describeZoo and describeSplit say which zoo and which samples a front belongs to.
func describeZoo(z *zoo.Zoo) front.Zoo {
	return front.Zoo{Fingerprint: z.Fingerprint(), Classes: z.Classes()}
}

func describeSplit(s zoo.Split) front.Split {
	return front.Split{Name: s.Name, Samples: s.Samples, Fingerprint: s.Fingerprint}
}
