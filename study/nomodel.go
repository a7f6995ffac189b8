package study

import (
	"cmp"
	"slices"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// NoModels returns the error of names of which the zoo has no model, nil if it has all.
func NoModels(z *zoo.Zoo, names ...string) error {
	missing := slices.DeleteFunc(slices.Clone(names), z.HasModel)
	if len(missing) == 0 {
		return nil
	}
	return unknownModels(z, "", missing)
}

// unknownModels is the error of models that the zoo lacks; where says where they are named.
func unknownModels(z *zoo.Zoo, where string, names []string) *UnknownModels {
	e := &UnknownModels{Where: where, Zoo: cmp.Or(example.Name(z), z.Dir()), Names: names}
	for _, m := range z.Models() {
		e.Known = append(e.Known, m.Name)
	}
	return e
}
