package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
)

const exactAbout = "The proven front of all chains of at most two models, all ordered pairs and all thresholds of the fine grid; and the same for chains of at most three. Two threads where there are two, in a process of its own with an index that is there: opening it is not in the time, its mapped pages are in the memory."

func exactFronts(ctx context.Context, b *bench) ([]Row, error) {
	dir, err := b.zooDir(ctx)
	if err != nil {
		return nil, err
	}
	threads := min(2, runtime.GOMAXPROCS(0))
	rows, err := exactFront(ctx, job{dir, b.models, 2, threads}, b.longRuns)
	if err != nil {
		return nil, err
	}
	rows[0] = rows[0].atMost(60)
	if rows[1].Missing == "" {
		rows[1] = rows[1].atMost(4)
	}
	for _, models := range []int{b.models / 8, b.models / 4, b.models} {
		triples, err := exactFront(ctx, job{dir, models, 3, threads}, 1)
		if err != nil {
			return nil, err
		}
		rows = append(rows, triples[0])
	}
	rows[len(rows)-1] = rows[len(rows)-1].atMost(600)
	return rows, nil
}

// exactFront runs a job and returns a row for its time and one for its memory.
func exactFront(ctx context.Context, j job, runs int) ([]Row, error) {
	var seconds, gigabytes []float64
	var a answer
	var err error
	for range runs {
		if a, err = inChild(ctx, j); err != nil {
			return nil, err
		}
		seconds = append(seconds, a.Seconds)
		if kb, err := strconv.ParseFloat(a.PeakRSS, 64); err == nil {
			gigabytes = append(gigabytes, kb/(1<<20))
		}
	}
	figure := fmt.Sprintf("%d models, chains of at most %d, %d threads", j.Models, j.Longest, j.Threads)
	time := Row{Figure: figure, Measurement: measurement("s", seconds),
		Note: fmt.Sprintf("%s cascades evaluated, %d on the front: %s.", number(float64(a.Evaluations)), a.Front, a.Proof)}
	figure += ", peak resident memory"
	if len(gigabytes) < runs {
		return []Row{time, missing(figure, "this system has no /proc/self/status")}, nil
	}
	return []Row{time, {Figure: figure, Measurement: measurement("GiB", gigabytes)}}, nil
}
