package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

func removeCommand() *cli.Command {
	o := &removeOptions{}
	return &cli.Command{
		Name:        "remove",
		Usage:       "remove models or a split from a zoo",
		UsageText:   "[--zoo DIR] MODEL... | --split NAME [--force]",
		Description: "Removes models and their predictions. If one of the names is not in the zoo, nothing\nis removed, unless an earlier removal of these was interrupted. With --split it removes samples, their labels and all predictions on them;\nif there are predictions it says what would be lost, and wants --force.",
		CustomHelpTemplate: commandHelp(`
encas-zoo zoo remove --zoo cifar resnet20 resnet32
encas-zoo zoo remove --zoo cifar -- -odd-name
encas-zoo zoo remove --zoo cifar --split val --force`),
		Flags: []cli.Flag{
			zooFlag(),
			bind(&o.split, "split", "remove the split `NAME`"),
			bind(&o.force, "force", "remove a split with the predictions on it"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runZooRemove(c, t, o) }),
	}
}

// removeOptions are the flags of zoo remove.
type removeOptions struct {
	split string
	force bool
}

// removal is the JSON result of zoo remove.
type removal struct {
	Version int      `json:"version"`
	Removed []string `json:"removed"`         // models
	Split   string   `json:"split,omitempty"` // and a split
}

func runZooRemove(c *cli.Context, t *terminal, o *removeOptions) (err error) {
	names := c.Args().Slice()
	switch {
	case o.split == "" && o.force:
		return usagef("--force is for --split")
	case o.split == "" && len(names) == 0:
		return usagef("name the models to remove, or a split with --split")
	case o.split != "" && len(names) > 0:
		return usagef("remove either models or a split")
	}
	if dir, _ := zooFolder(c); study.IsBuiltIn(dir) {
		return exampleError("zoo")
	}
	z, err := t.openZoo(c)
	if err != nil {
		return err
	}
	if o.split != "" {
		return removeSplit(t, z, o)
	}
	there, err := modelsToRemove(t, z, names)
	if err != nil {
		return err
	}
	w, err := z.Write()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.RemoveModels(there...); err != nil {
		return err
	}
	return t.give(removal{1, names, ""}, func() { t.out.Printf("removed %s from %s\n", plural(len(names), "model", "models"), z.Dir()) })
}

// modelsToRemove returns the names that are in the zoo. The others must be of a removal that
// was interrupted, which is completed.
func modelsToRemove(t *terminal, z *zoo.Zoo, names []string) (there []string, err error) {
	interrupted := slices.ContainsFunc(names, z.HasRemains)
	for _, name := range names {
		switch _, err := z.Model(name); {
		case err == nil || errors.As(err, new(*zoo.DamagedModel)):
			if !slices.Contains(there, name) {
				there = append(there, name)
			}
		case !interrupted:
			return nil, study.NoModels(z, names...)
		default:
			t.err.Notef("%s was removed before: an interrupted removal is completed", name)
		}
	}
	return there, nil
}

// removeSplit removes a split, and says what goes with it.
func removeSplit(t *terminal, z *zoo.Zoo, o *removeOptions) (err error) {
	w, err := z.Write()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	s, err := z.Split(o.split)
	if err != nil {
		return err
	}
	models, only := z.ModelsOn(o.split)
	loss := fmt.Sprintf("the split %s of %s with %s", s.Name, plural(s.Samples, "sample", "samples"), describeLoss(models, only))
	if len(models) > 0 && !o.force {
		return fmt.Errorf("%s: %s would be lost; give --force to remove it", z.Dir(), loss)
	}
	if err := w.RemoveSplit(o.split); err != nil {
		return err
	}
	return t.give(removal{1, append([]string{}, only...), o.split}, func() { t.out.Printf("removed %s from %s\n", loss, z.Dir()) })
}

// describeLoss says what goes with a split: the predictions of models, and some of them.
func describeLoss(models, only []string) string {
	if len(models) == 0 {
		return "no predictions"
	}
	text := "the predictions of " + plural(len(models), "model", "models")
	switch len(only) {
	case 0:
		return text
	case 1:
		return text + ", and the model " + only[0] + ", which has no others"
	}
	return fmt.Sprintf("%s, and %d models that have no others", text, len(only))
}
