package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
)

func frontCommand() *cli.Command {
	return &cli.Command{
		Name:               "front",
		Usage:              "join the fronts of a search in parts",
		CustomHelpTemplate: groupHelp,
		Subcommands:        []*cli.Command{frontMergeCommand()},
	}
}

func frontMergeCommand() *cli.Command {
	o := &study.MergeOptions{}
	return &cli.Command{
		Name:      "merge",
		Usage:     "join what the parts of an exact search have found",
		UsageText: "[--zoo DIR] [--out DIR] RUNDIR...",
		Description: `Joins the run folders that encas-zoo optimize --shard has written, in any order, and writes
a run folder with the front of all. If all parts are there it is, byte for byte, the front
of one search, with its proof, and what else the options of the parts ask for is done now:
expected accuracies, --cross-validate, --certify, --unlabelled.

Parts must be of one search; what differs is named. A part may be given twice. If parts are
missing, or were interrupted, the front of the others is written without a proof, and they
are named; the same command with --force joins again when there are more. The run folders
of parts do not change.

Expected accuracies are from searches without a fifth of the samples, which together take
longer than a part if there are many models. With --time they end when about that has passed
since the start; joining counts, but is not cut short.`,
		CustomHelpTemplate: commandHelp(`
encas-zoo front merge shards/* --out runs/whole
encas-zoo front merge shards/* --json | jq .front.proof`,
			"3    parts are missing or not finished; the front of the others was written",
			"130  interrupted"),
		Flags: []cli.Flag{
			runZooFlag(),
			bind(&o.Time, "time", "work for at most `D`, such as 90s or 10m, or as long as joining alone takes; it may take a little longer"),
			bindThreads(&o.Threads, "use `T` processors (default: all); results do not depend on it"),
			bind(&o.Memory, "memory", "cache at most `MB` megabytes of tables and margins (default: 1024); results do not depend on it"),
			bind(&o.Dir, "out", "write to the run folder `DIR` (default: a new one in ./runs)"),
			bind(&o.Force, "force", "replace an earlier run in the folder of --out, with its report and certificate"),
		},
		Action: on(func(c *cli.Context, t *terminal) error { return runFrontMerge(c, t, o) }),
	}
}

func runFrontMerge(c *cli.Context, t *terminal, o *study.MergeOptions) error {
	if !c.Args().Present() {
		return usagef("name the run folders of the parts")
	}
	if c.IsSet("out") && o.Dir == "" {
		return usagef("--out is empty: name a folder")
	}
	if o.Force && !c.IsSet("out") {
		return usagef("--force needs --out")
	}
	watch := t.watch()
	parts, err := study.ReadParts(c.Args().Slice(), watch)
	if err != nil {
		return err
	}
	z, err := t.openZooOf(c, parts.First())
	if err != nil {
		return err
	}
	live := t.newSearchLine(&optimizeOptions{Options: study.Options{Time: o.Time}})
	watch.Search = live.update
	found, err := study.Merge(c.Context, z, parts, *o, watch)
	live.Stop()
	if err != nil {
		return err
	}
	t.noteMerged(found, o.Time > 0 && c.Context.Err() == nil)
	if err := t.showFound(c, z, found, &optimizeOptions{Options: found.Options, chart: "auto"}); err != nil {
		return err
	}
	if err := c.Context.Err(); err != nil && found.Front.Interrupted {
		return fmt.Errorf("the front is in %s: %w", found.Dir, err)
	}
	if lacks := found.Front.Parts; lacks != nil {
		return partialError{fmt.Errorf("%s: no proof; %s has the front of the others", lacks, found.Dir)}
	}
	return nil
}

// noteMerged summarizes a merge, which its time ended if it was interrupted and timed.
func (t *terminal) noteMerged(found *study.Found, timed bool) {
	t.err.Notef("joined %s, whose parts tried %s cascades in %s", plural(len(found.Run.Joined), "run folder", "run folders"), ui.Count(found.Run.Evaluations), ui.Duration(found.Elapsed))
	t.noteCorrected(found)
	switch {
	case !found.Front.Interrupted:
	case timed:
		t.err.Notef("the same command with --force and a longer --time, or without, does what is missing")
	default:
		t.err.Notef("the same command with --force does what is missing")
	}
}

// partFound is the JSON result of optimize for a part of a search.
type partFound struct {
	Version     int          `json:"version"`
	Run         string       `json:"run"` // folder
	Part        int          `json:"part"`
	Of          int          `json:"of"`
	Finished    bool         `json:"finished"`
	Evaluations int64        `json:"evaluations"`
	Front       *front.Front `json:"front"`
}

// showPart shows that a part was searched. Of its front nothing is proven, and no accuracy on other
// samples is known: it is for merging.
func (t *terminal) showPart(found *study.Found, o *optimizeOptions) error {
	f := found.Front
	result := partFound{front.Version, found.Dir, o.Shard, o.Shards, !f.Interrupted, found.Run.Evaluations, f}
	return t.give(result, func() {
		done := "is done"
		if f.Interrupted {
			done = "is not finished"
		}
		t.out.Printf("Part %d of %d (parts are from 0) %s: %s found that may be on the front.\n", o.Shard, o.Shards, done, plural(len(f.Points), "cascade", "cascades"))
		t.out.Printf("\nWritten to %s: 'encas-zoo front merge' joins it with the other parts.\n", found.Dir)
	})
}
