package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/benchmarks/simzoo"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// fullOutputs simulates the smaller zoo, once. Its rows go to files in NumPy's
// format, where the peers read them too.
func (b *bench) fullOutputs(ctx context.Context) (*fullOutputs, error) {
	if b.full != nil {
		return b.full, nil
	}
	f := &fullOutputs{
		specs:   simzoo.Choose(b.peerModels),
		classes: b.classes,
		dir:     filepath.Join(b.dir, fmt.Sprintf("outputs-v%d-%d-%d-%d-%d", simzoo.Version, b.peerModels, b.samples, b.classes, seed)),
	}
	s := simzoo.NewSamples(seed, simzoo.SearchSplit, b.samples, b.classes)
	f.labels = s.Labels
	path := filepath.Join(f.dir, "outputs.npy")
	_, err := os.Stat(path)
	write := errors.Is(err, os.ErrNotExist)
	var out *npyWriter
	if write {
		b.say("simulating the full outputs of %d models in %s", b.peerModels, f.dir)
		if err := os.MkdirAll(f.dir, 0o777); err != nil {
			return nil, err
		}
		if err := writeLabels(filepath.Join(f.dir, "labels.npy"), f.labels); err != nil {
			return nil, err
		}
		// Renamed when it is complete, so that a stopped run leaves none.
		if out, err = createNPY(path+".part", "<f2", len(f.specs), b.samples, b.classes); err != nil {
			return nil, err
		}
		defer out.f.Close()
	}
	var o simzoo.Outputs
	row := make([]uint16, b.classes)
	for _, spec := range f.specs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		o.Simulate(seed, s, spec, spec.V2Top1)
		l := outputs.NewLists(b.samples, b.classes)
		o.Lists(l)
		f.lists = append(f.lists, l)
		f.costs = append(f.costs, spec.GMACs)
		for i := 0; write && i < b.samples; i++ {
			o.Row(i, row)
			if err := binary.Write(out, binary.LittleEndian, row); err != nil {
				return nil, err
			}
		}
	}
	if write {
		if err := out.close(); err != nil {
			return nil, err
		}
		if err := os.Rename(path+".part", path); err != nil {
			return nil, err
		}
	}
	if f.file, err = os.Open(path); err != nil {
		return nil, err
	}
	b.full = f
	return f, nil
}

func writeLabels(path string, labels []uint16) error {
	w, err := createNPY(path, "<i8", len(labels))
	if err != nil {
		return err
	}
	defer w.f.Close()
	for _, y := range labels {
		if err := binary.Write(w, binary.LittleEndian, int64(y)); err != nil {
			return err
		}
	}
	return w.close()
}

// npyHeader is the length that createNPY gives a file's header: NumPy asks for a
// multiple of 64.
const npyHeader = 128

type npyWriter struct {
	*bufio.Writer
	f *os.File
}

// createNPY begins a file in NumPy's format 1.0. The values follow.
func createNPY(path, dtype string, shape ...int) (*npyWriter, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w := &npyWriter{bufio.NewWriterSize(f, 1<<20), f}
	var sizes strings.Builder
	for _, n := range shape {
		fmt.Fprintf(&sizes, "%d,", n)
	}
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", dtype, sizes.String())
	fmt.Fprintf(w, "\x93NUMPY\x01\x00%c\x00%-*s\n", npyHeader-10, npyHeader-11, header)
	return w, nil
}

func (w *npyWriter) close() error {
	if err := w.Flush(); err != nil {
		return err
	}
	return w.f.Close()
}

// rowsAt reads the rows of one model from a sample on, as many as dst holds.
func (f *fullOutputs) rowsAt(model, sample int, dst []uint16) error {
	b := make([]byte, 2*len(dst))
	row := int64(model)*int64(len(f.labels)) + int64(sample)
	if _, err := f.file.ReadAt(b, npyHeader+row*int64(f.classes)*2); err != nil {
		return err
	}
	_, err := binary.Decode(b, binary.LittleEndian, dst)
	return err
}

// A modelRows gives the rows of one model as cascade.Split wants them.
type modelRows struct {
	f     *fullOutputs
	model int
	next  int // sample
}

func (f *fullOutputs) open(model string) (cascade.Rows, error) {
	number := slices.IndexFunc(f.specs, func(s simzoo.Spec) bool { return s.Name == model })
	return &modelRows{f: f, model: number}, nil
}

func (m *modelRows) ReadRows(dst []uint16) (int, error) {
	n := min(len(dst)/m.f.classes, len(m.f.labels)-m.next)
	if n == 0 {
		return 0, io.EOF
	}
	if err := m.f.rowsAt(m.model, m.next, dst[:n*m.f.classes]); err != nil {
		return 0, err
	}
	m.next += n
	return n, nil
}

// evaluate evaluates cascades on the full outputs, exactly.
func (f *fullOutputs) evaluate(ctx context.Context, cascades []cascade.Cascade) ([]cascade.Evaluation, error) {
	s := &cascade.Split{Labels: f.labels, Classes: f.classes, Costs: map[string]float64{}, Open: f.open}
	for i, spec := range f.specs {
		s.Costs[spec.Name] = f.costs[i]
	}
	return s.Evaluate(ctx, cascades)
}

// writeGenomes leaves the chains where the peers read them.
func (f *fullOutputs) writeGenomes(chains []chain) error {
	type genome struct {
		Models     []int     `json:"models"`
		Thresholds []float32 `json:"thresholds"`
	}
	grid := optimize.PaperGrid()
	var genomes []genome
	for _, c := range chains {
		g := genome{Models: c.models}
		for _, exit := range c.exits {
			g.Thresholds = append(g.Thresholds, grid[exit])
		}
		genomes = append(genomes, g)
	}
	data, err := json.Marshal(genomes)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(f.dir, "genomes.json"), data, 0o666)
}
