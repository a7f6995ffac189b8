package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

func mergeCommand() *cli.Command {
	var out string
	return &cli.Command{
		Name:      "merge",
		Usage:     "join zoos, such as those of the parts of a list",
		UsageText: "ZOO... --out DIR",
		Description: `Adds the models of zoos to the zoo in DIR, which is made if there is none. So every
task of a cluster can write to a zoo of its own, without a lock that all of them see.

Splits of one name must have the same samples and labels, and the zoos the same classes. A
model that several zoos have is taken once if its outputs are the same, byte for byte, and
its predictions on different splits are put together; of its columns, such as measured
times, those of the first zoo that has them stay. If two zoos have different models of one
name nothing is merged, and they are named.

Every file is compared with its checksum. On one file system it gets a second name and takes
no further space; the merged zoo does not depend on the others, which can be removed. The
same command completes one that was stopped. The zoos that are merged do not change.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo zoo merge part-0 part-1 part-2 --out imagenet
encas-zoo zoo merge parts/* --out imagenet --json | jq -r '.added[]'`,
			"3    some models are damaged and not, or not as a whole, merged; the others are",
			"130  interrupted; finished models are in the zoo"),
		Flags:  []cli.Flag{bind(&out, "out", "add the models to the zoo in the folder `DIR`")},
		Action: on(func(c *cli.Context, t *terminal) error { return runZooMerge(c, t, out) }),
	}
}

// merger is the JSON result of zoo merge.
type merger struct {
	Version int           `json:"version"`
	Zoo     string        `json:"zoo"`
	Added   []string      `json:"added"`
	Skipped []string      `json:"skipped"` // it had them already
	Failed  []failedModel `json:"failed"`
	Linked  int64         `json:"linked_bytes"`
	Copied  int64         `json:"copied_bytes"`
}

func runZooMerge(c *cli.Context, t *terminal, out string) error {
	switch {
	case out == "":
		return usagef("name the folder of the merged zoo with --out")
	case !c.Args().Present():
		return usagef("name the zoos to merge")
	case study.IsBuiltIn(ownFirst(out)):
		return exampleError("out")
	}
	var zoos []*zoo.Zoo
	for _, dir := range c.Args().Slice() {
		z, err := study.Open(c.Context, ownFirst(dir), t.watch())
		if err != nil {
			return err
		}
		zoos = append(zoos, z)
	}
	progress := t.err.Progress("merging", "models")
	merged, err := zoo.Merge(c.Context, out, zoos, zoo.MergeOptions{
		Progress: func(done, total int, model string) { progress.Update(int64(done), int64(total), model) },
		Note:     t.watch().Note,
	})
	progress.Stop()
	failed := t.failures(merged.Failed)
	if err != nil {
		return err
	}
	result := merger{1, out, append([]string{}, merged.Added...), append([]string{}, merged.Skipped...), failed, merged.Linked, merged.Copied}
	err = t.give(result, func() { t.showMerged(result) })
	if err == nil && len(result.Failed) > 0 {
		err = partialError{fmt.Errorf("%s not merged, or perhaps not as a whole", plural(len(result.Failed), "model was", "models were"))}
	}
	return err
}

func (t *terminal) showMerged(m merger) {
	t.out.Printf("%s: %s added", m.Zoo, plural(len(m.Added), "model", "models"))
	if n := len(m.Skipped); n > 0 {
		t.out.Printf(", %s there already", plural(n, "was", "were"))
	}
	t.out.Printf("\n")
	if m.Linked+m.Copied > 0 {
		t.out.Printf("%s of predictions, of which %s had to be copied\n", ui.Bytes(m.Linked+m.Copied), ui.Bytes(m.Copied))
	}
}
