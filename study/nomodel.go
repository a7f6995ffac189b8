package study

import (
	"cmp"
	"errors"
	"slices"

	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// NoModels returns the error of names of which the zoo has no model, nil if it has all.
func NoModels(z *zoo.Zoo, names ...string) error {
	missing := slices.DeleteFunc(slices.Clone(names), z.HasModel)
	for _, name := range missing {
		if err := damagedModel(z, name); err != nil {
			return err
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return unknownModels(z, "", missing)
}

// damagedModel returns the error of a model that was left out of the zoo; nil if it was not.
func damagedModel(z *zoo.Zoo, name string) error {
	if _, err := z.Model(name); errors.As(err, new(*zoo.DamagedModel)) {
		return err
	}
	return nil
}

// aboutCascade makes an error of checkModels one about the option, unless the zoo is damaged.
func aboutCascade(err error) error {
	if errors.As(err, new(*zoo.DamagedModel)) {
		return err
	}
	return &InputError{Option: "cascade", Err: err}
}

// unknownModels is the error of models that the zoo lacks; where says where they are named.
func unknownModels(z *zoo.Zoo, where string, names []string) *UnknownModels {
	e := &UnknownModels{Where: where, Zoo: cmp.Or(example.Name(z), z.Dir()), Names: names}
	for _, m := range z.Models() {
		e.Known = append(e.Known, m.Name)
	}
	return e
}
