package main

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/zoo"
)

func verifyCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "check every stored output of a zoo, or run folders",
		UsageText: "[--zoo DIR] | RUN...",
		Description: `Reads everything: labels are checked by their fingerprints, archives by their checksums
and row by row, descriptions of models by their checksums. All problems are listed.

With run folders it checks these instead: each file by its checksum, and the table of the
front against the front. Files of older versions have no checksums, which is said.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo zoo verify --zoo cifar
encas-zoo zoo verify runs/exact runs/paper`,
			"3    part is damaged; the rest was checked", "130  interrupted"),
		Flags: []cli.Flag{zooFlag()},
		Action: on(func(c *cli.Context, t *terminal) error {
			if runs := c.Args().Slice(); len(runs) > 0 {
				if c.IsSet("zoo") {
					return usagef("verify either a zoo or run folders")
				}
				return runVerifyRuns(t, runs)
			}
			z, err := t.openZoo(c)
			if err != nil {
				return err
			}
			return runZooVerify(c, t, z)
		}),
	}
}

// verification is the JSON result of zoo verify.
type verification struct {
	Version  int      `json:"version"`
	Archives int      `json:"archives"`
	Runs     int      `json:"runs,omitempty"`
	Problems []string `json:"problems"`
}

func runZooVerify(c *cli.Context, t *terminal, z *zoo.Zoo) error {
	progress := t.err.Progress("verifying", "archives")
	archives := 0
	damage := z.Verify(c.Context, func(done, total int) {
		archives = total
		progress.Update(int64(done), int64(total), "")
	})
	progress.Stop()
	if errors.Is(damage, context.Canceled) {
		return damage
	}
	return t.giveVerification(verification{1, archives, 0, problems(damage)}, damage, func() {
		t.out.Printf("%s: %s undamaged\n", z.Dir(), plural(archives, "archive is", "archives are"))
	})
}

func runVerifyRuns(t *terminal, dirs []string) error {
	var damage []error
	for _, dir := range dirs {
		v, err := front.Verify(dir)
		if err != nil {
			return err
		}
		damage = append(damage, v.Problems...)
		if len(v.Unsealed) > 0 {
			t.err.Notef("%s: an older version wrote %s, without a checksum", dir, strings.Join(v.Unsealed, ", "))
		}
	}
	all := errors.Join(damage...)
	return t.giveVerification(verification{1, 0, len(dirs), problems(all)}, all, func() {
		t.out.Printf("%s undamaged\n", plural(len(dirs), "run folder is", "run folders are"))
	})
}

// giveVerification shows what was found; well says that it is nothing.
func (t *terminal) giveVerification(result verification, damage error, well func()) error {
	err := t.give(result, func() {
		if damage == nil {
			well()
		}
	})
	if err == nil && damage != nil {
		err = partialError{damage}
	}
	return err
}

// problems returns the errors that errors.Join joined.
func problems(err error) []string {
	all := []string{}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			all = append(all, problems(e)...)
		}
	} else if err != nil {
		all = append(all, err.Error())
	}
	return all
}
