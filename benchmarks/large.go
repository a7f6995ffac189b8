package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/encas-zoo/encas-zoo/benchmarks/simzoo"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/zoo"
)

const largeAbout = "`encas-zoo optimize` on zoos larger than the others, from the start of the process to its end, and the most memory that it took, mapped files included. What a search of a shortlist finds is compared with the front of all pairs, at fewer samples."

// A largeZoo is a search of a zoo of a size of its own.
type largeZoo struct {
	models, samples, classes int
	flags                    []string // of optimize
	seconds, gigabytes       float64  // promised; 0: nothing is
}

// largeZoos times the command on zoos that take gigabytes. The largest is left out where the disk
// lacks room for it.
func largeZoos(ctx context.Context, b *bench) ([]Row, error) {
	work, err := os.MkdirTemp("", "encas-zoo-large-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(b.dir, 0o777); err != nil {
		return nil, err
	}
	command, err := buildCommand(ctx, work)
	if err != nil {
		return nil, err
	}
	pairs := []string{"--algorithm", "exact"}
	many, few := largeZoo{models: 15_000, samples: 50_000, classes: 1000, seconds: 1200, gigabytes: 8}, largeZoo{models: 15_000, samples: 5_000, classes: 1000}
	zoos := []largeZoo{
		{models: 1560, samples: 50_000, classes: 1000, flags: pairs, seconds: 180, gigabytes: 4},
		{models: 50, samples: 1_000_000, classes: 10, seconds: 60, gigabytes: 2},
		many,
	}
	if b.quick {
		zoos = []largeZoo{{models: 20, samples: 300, classes: 60, flags: pairs}, {models: 5, samples: 2000, classes: 10, flags: []string{"--time", "2s"}}}
		few = largeZoo{models: 30, samples: 200, classes: 60}
	}
	var rows []Row
	for _, z := range zoos {
		r, _, err := b.searchLarge(ctx, command, work, z)
		if err != nil {
			return nil, err
		}
		rows = append(rows, r...)
	}
	few.flags = []string{"--shortlist", fmt.Sprint(894 * few.models / 15_000)} // as by default of 50,000 samples
	short, found, err := b.searchLarge(ctx, command, work, few)
	if err != nil {
		return nil, err
	}
	few.flags = pairs
	all, exact, err := b.searchLarge(ctx, command, work, few)
	if err != nil {
		return nil, err
	}
	rows = append(append(rows, short...), all...)
	if found == nil || exact == nil {
		return rows, nil
	}
	c := front.Compare([]string{"found", "exact"}, []*front.Front{found, exact}, front.Reference{}, nil, true).Runs
	name := fmt.Sprintf("%s, hypervolume over that of all pairs", few.name())
	return append(rows,
		row(name, "", []float64{c[0].Linear / c[1].Linear}).atLeast(0.99),
		row(name+", log cost", "", []float64{c[0].Log / c[1].Log}).atLeast(0.99)), nil
}

// name says how large the zoo is.
func (z largeZoo) name() string {
	return fmt.Sprintf("%s models, %s samples, %d classes", number(float64(z.models)), number(float64(z.samples)), z.classes)
}

// searchLarge searches one zoo, once. It returns rows for its time and memory, and the front.
func (b *bench) searchLarge(ctx context.Context, command, work string, z largeZoo) ([]Row, *front.Front, error) {
	figure := "optimize"
	for _, f := range z.flags {
		figure += " " + f
	}
	figure = z.name() + ": " + figure
	needs := int64(z.models) * int64(z.samples) * 73
	o := simzoo.Options{Models: z.models, Search: z.samples, Classes: z.classes}
	dir := b.simulatedDir("zoo", o)
	if has, err := zoo.Open(dir); err != nil || len(has.Models()) < z.models {
		if free := freeBytes(b.dir); free < needs+1<<30 {
			return []Row{missing(figure, fmt.Sprintf("its index takes %d GB, and the disk of %s has %d GB left", needs/1e9, b.dir, free/1e9))}, nil, nil
		}
	}
	dir, err := b.simulated(ctx, "zoo", o)
	if err != nil {
		return nil, nil, err
	}
	run, err := os.MkdirTemp(work, "run")
	if err != nil {
		return nil, nil, err
	}
	run = filepath.Join(run, "run")
	var problems bytes.Buffer
	c := exec.CommandContext(ctx, command, append([]string{"optimize", "--zoo", dir, "--out", run, "--threads", "2"}, z.flags...)...)
	c.Stderr = &problems
	start := time.Now()
	if err := c.Run(); err != nil {
		return nil, nil, fmt.Errorf("optimize on %s: %w\n%s", dir, err, problems.Bytes())
	}
	took := row(figure, "s", []float64{time.Since(start).Seconds()})
	memory := missing(figure+", peak resident memory", "this system does not say")
	if peak := peakBytes(c.ProcessState); peak > 0 {
		memory = row(figure+", peak resident memory", "GiB", []float64{float64(peak) / (1 << 30)})
	}
	if z.seconds > 0 {
		took = took.atMost(z.seconds)
		if memory.Missing == "" {
			memory = memory.atMost(z.gigabytes)
		}
	}
	f, err := front.ReadFront(run)
	return []Row{took, memory}, f, err
}
