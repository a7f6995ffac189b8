package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
)

const exactAbout = "The proven front of all chains of at most two models, all ordered pairs and all thresholds of the fine grid, in a process of its own with an index that is there: opening it is not in the time, its mapped pages are in the memory."

func exactPairs(ctx context.Context, b *bench) ([]Row, error) {
	dir, err := b.zooDir(ctx)
	if err != nil {
		return nil, err
	}
	threads := runtime.GOMAXPROCS(0)
	var seconds, gigabytes []float64
	var a answer
	for range b.longRuns {
		if a, err = inChild(ctx, job{Dir: dir, Threads: threads}); err != nil {
			return nil, err
		}
		seconds = append(seconds, a.Seconds)
		if kb, err := strconv.ParseFloat(a.PeakRSS, 64); err == nil {
			gigabytes = append(gigabytes, kb/(1<<20))
		}
	}
	rows := []Row{Row{
		Figure:      fmt.Sprintf("%d models, %d threads", b.models, threads),
		Measurement: measurement("s", seconds),
		Note:        fmt.Sprintf("%s cascades evaluated, %d on the front. %s", number(float64(a.Evaluations)), a.Front, a.Proof),
	}.atMost(60)}
	const memory = "peak resident memory"
	if len(gigabytes) < b.longRuns {
		return append(rows, missing(memory, "this system has no /proc/self/status")), nil
	}
	return append(rows, Row{Figure: memory, Measurement: measurement("GiB", gigabytes)}.atMost(4)), nil
}
