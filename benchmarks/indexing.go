package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/encas-zoo/encas-zoo/benchmarks/simzoo"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/zoo"
)

const indexAbout = "Opening the large zoo with its index (its files are in the system's file cache), and building the index of a few models from their archives (zstd Parquet) on one core. MB are of float16 outputs."

func indexing(ctx context.Context, b *bench) ([]Row, error) {
	dir, err := b.zooDir(ctx)
	if err != nil {
		return nil, err
	}
	open := func() error {
		s, err := openSearchable(ctx, dir)
		if err != nil {
			return err
		}
		return s.index.Close()
	}
	seconds, err := alternate(1, b.runs, open)
	if err != nil {
		return nil, err
	}
	rows := []Row{Row{
		Figure:      fmt.Sprintf("opening %d models", b.models),
		Measurement: measurement("s", seconds[0]),
		Note:        "metadata, copying, checksums of every index file, and the check that labels and lists fit.",
	}.atMost(0.5)}

	models := min(6, b.peerModels)
	archive, err := b.simulated(ctx, "archive", simzoo.Options{Models: models, Search: b.samples, Archive: true})
	if err != nil {
		return nil, err
	}
	z, err := zoo.Open(archive)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range z.Models() {
		names = append(names, m.Name)
	}
	megabytes := float64(models*b.samples*b.classes*2) / 1e6
	build := func() error {
		if err := os.RemoveAll(filepath.Join(archive, "index")); err != nil {
			return err
		}
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		ix, err := z.OpenIndex(ctx, simzoo.SearchSplit, names, nil)
		if err != nil {
			return err
		}
		return ix.Close()
	}
	read := func() error {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		dst := make([]uint16, 256*b.classes)
		for _, name := range names {
			if err := readAll(z, name, dst); err != nil {
				return err
			}
		}
		return nil
	}
	seconds, err = alternate(1, b.longRuns, build, read)
	if err != nil {
		return nil, err
	}
	rate := func(s float64) float64 { return megabytes / s }
	rows = append(rows,
		Row{Figure: "building from archives, one core", Measurement: measurement("MB/s", each(seconds[0], rate))}.atLeast(300),
		Row{Figure: "of that, reading and decompressing the rows", Measurement: measurement("MB/s", each(seconds[1], rate))})

	rows2, err := topK(b)
	return append(rows, rows2...), err
}

func readAll(z *zoo.Zoo, name string, dst []uint16) error {
	r, err := z.Predictions(name, simzoo.SearchSplit)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		if _, err := r.ReadRows(dst); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// topK times the kernel that an index build spends its own time in.
func topK(b *bench) ([]Row, error) {
	const n = 256
	s := simzoo.NewSamples(seed, simzoo.SearchSplit, n, b.classes)
	spec := simzoo.Choose(9)[4]
	var o simzoo.Outputs
	o.Simulate(seed, s, spec, spec.V2Top1)
	rows := make([]uint16, n*b.classes)
	for i := range n {
		o.Row(i, rows[i*b.classes:(i+1)*b.classes])
	}
	classes, values := make([]uint16, 16), make([]uint16, 16)
	return b.onPaths(timed{"top 16 of a row in memory", "MB/s", func(us float64) float64 { return float64(2*b.classes) / us }, nil, n, func() {
		for row := range slices.Chunk(rows, b.classes) {
			kernel.TopK(classes, values, row)
		}
	}})
}
