// Command macs counts the multiply-adds of the models of a table from the files that
// ingest would run: each model is made with random weights, exported, checked and
// counted, and its file removed again.
//
//	go run ./benchmarks/macs -python PYTHON -shim SHIM [-table timm-macs.csv]
//
// The table says which models there are, at what size, and what was published of
// them (timm_macs.py makes it). It is written after every model, cheapest models
// first, so that the same command goes on where it was stopped. Models that were
// counted from their files already are left alone.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
)

// Columns of the table.
const (
	model = iota
	timmName
	imageSize
	params
	gmacs
	gmacsFVCore
	gmacsEager // as fvcore, of the model as it is in Python, by timm_macs.py
	published
	ratio
	counted
	note
	columns
)

// What column counted may say.
const fromFile = "exported file"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "macs:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	path := flag.String("table", "benchmarks/timm-macs.csv", "the table")
	python := flag.String("python", "python3", "a Python with torch and timm")
	shimPath := flag.String("shim", "", "the torch library (default: where 'encas-zoo shim build' puts it)")
	jobs := flag.Int("jobs", 1, "models at a time")
	threads := flag.Int("threads", 2, "threads of each of them")
	largest := flag.Float64("largest", math.Inf(1), "leave out models of more million parameters")
	dir := flag.String("dir", os.TempDir(), "where the files lie for a moment")
	flag.Parse()

	// Python reads it when it starts.
	if err := os.Setenv("OMP_NUM_THREADS", strconv.Itoa(*threads)); err != nil {
		return err
	}
	shim, err := torch.Open(*shimPath)
	if err != nil {
		return err
	}
	t, err := readTable(*path)
	if err != nil {
		return err
	}
	todo, err := t.todo(*largest)
	if err != nil {
		return err
	}
	files, err := os.MkdirTemp(*dir, "macs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(files)

	work := make(chan []string)
	g, ctx := errgroup.WithContext(ctx)
	for i := range *jobs {
		g.Go(func() error {
			w := worker{shim: shim, python: *python, file: filepath.Join(files, fmt.Sprintf("%d.pt", i))}
			return w.all(ctx, *threads, work, t)
		})
	}
	g.Go(func() error {
		defer close(work)
		for i, row := range todo {
			select {
			case work <- row:
				fmt.Printf("%s %d/%d %s\n", time.Now().Format(time.TimeOnly), i+1, len(todo), row[model])
			case <-ctx.Done():
				return nil
			}
		}
		return nil
	})
	return g.Wait()
}

// table is a CSV file that is kept up to date.
type table struct {
	path string
	mu   sync.Mutex
	rows [][]string // the header first
}

func readTable(path string) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(rows) == 0 || len(rows[0]) != columns {
		return nil, fmt.Errorf("%s is not a table of timm_macs.py", path)
	}
	return &table{path: path, rows: rows}, nil
}

// todo returns the rows that are to be counted from their files, cheapest first.
func (t *table) todo(largest float64) ([][]string, error) {
	type item struct {
		row  []string
		cost float64
	}
	var items []item
	for i, row := range t.rows[1:] {
		if row[timmName] == "" || row[counted] == fromFile {
			continue
		}
		cost, err := strconv.ParseFloat(row[published], 64)
		if err != nil {
			return nil, fmt.Errorf("%s row %d: %w", t.path, i+2, err)
		}
		// A row without a number of parameters was not counted before either.
		if p, err := strconv.ParseFloat(row[params], 64); err == nil && p > largest {
			continue
		}
		items = append(items, item{row, cost})
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.cost, b.cost) })
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = item.row
	}
	return rows, nil
}

// update changes a row and writes the table.
func (t *table) update(change func()) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	change()
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(t.rows); err != nil {
		return err
	}
	return atomicfile.WriteFile(t.path, b.Bytes())
}

type worker struct {
	shim     *torch.Shim
	python   string
	file     string
	exporter *export.Exporter
}

// all works through models until there are none. Only a table that cannot be written
// is an error.
func (w *worker) all(ctx context.Context, threads int, work <-chan []string, t *table) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := w.shim.Threads(threads); err != nil {
		return err
	}
	w.exporter = export.New(w.python, nil)
	defer func() { w.exporter.Close() }()
	for row := range work {
		meta, counts, err := w.count(ctx, row)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			fmt.Printf("%s: %v\n", row[model], err)
			err = t.update(func() { row[note] = err.Error() })
		} else {
			err = t.update(func() { enter(row, meta, counts) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count makes the file of a model and counts it.
func (w *worker) count(ctx context.Context, row []string) (meta export.Meta, counts torch.Counts, err error) {
	size, err := strconv.Atoi(row[imageSize])
	if err != nil {
		return meta, counts, err
	}
	defer os.Remove(w.file)
	meta, err = w.exporter.Export(ctx, export.Request{Source: "timm", Name: row[timmName], Size: &[2]int{size, size}, Seed: 1, Out: w.file})
	if err != nil {
		return meta, counts, fmt.Errorf("not exported: %w", err)
	}
	m, err := w.shim.Load(w.file, "cpu", torch.Float32, meta.Classes)
	if err != nil {
		return meta, counts, err
	}
	defer m.Close()
	counts, err = m.Count(size, size)
	return meta, counts, err
}

// enter fills a row in.
func enter(row []string, meta export.Meta, counts torch.Counts) {
	row[params] = fmt.Sprintf("%.2f", float64(meta.Params)/1e6)
	row[gmacs] = fmt.Sprintf("%.4f", counts.MACs/1e9)
	row[gmacsFVCore] = fmt.Sprintf("%.4f", counts.FVCore/1e9)
	row[counted] = fromFile
	want, err1 := strconv.ParseFloat(row[published], 64)
	eager, err2 := strconv.ParseFloat(row[gmacsEager], 64)
	if err1 != nil || err2 != nil {
		row[note] = "nothing to compare with"
		return
	}
	got := counts.FVCore / 1e9
	row[ratio] = fmt.Sprintf("%.4f", got/want)
	near := func(x float64) bool { return math.Abs(x/want-1) <= 0.01 }
	switch {
	case near(got):
		row[note] = ""
	case math.Abs(got-want) <= 0.005:
		row[note] = "equal to the published two decimals"
	case near(eager):
		row[note] = "published with the standardisation of weights, which is done once and for all in the file"
	case strings.HasPrefix(row[model], "convmixer"):
		row[note] = "published without the convolutions of padding 'same', which fvcore did not see"
	default:
		row[note] = "differs"
	}
}
