//go:build unix

package zoo

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// perCore reports, when the function it returns is called, how many bytes were
// handled in a second of processor time, which a busy machine moves less than the
// time on the clock.
func perCore(b *testing.B, bytes int) func() {
	b.SetBytes(int64(bytes))
	start := coreSeconds(b)
	return func() {
		b.ReportMetric(float64(bytes)*float64(b.N)/(coreSeconds(b)-start)/1e6, "MB/core-s")
	}
}

// coreSeconds is the processor time that the process has used.
func coreSeconds(b *testing.B) float64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// softmaxRows makes n outputs as an image classifier gives them: normal logits, one
// class far ahead of the others.
func softmaxRows(seed uint64, n, classes int) []uint16 {
	r := rand.New(rand.NewPCG(seed, 2))
	rows := make([]uint16, n*classes)
	p := make([]float32, classes)
	for row := range slices.Chunk(rows, classes) {
		var sum float64
		for c := range p {
			e := math.Exp(2.7 * r.NormFloat64())
			p[c] = float32(e)
			sum += e
		}
		boost := float32(sum * math.Exp(2*r.NormFloat64()))
		p[r.IntN(classes)] += boost
		sum += float64(boost)
		for c := range p {
			p[c] /= float32(sum)
		}
		kernel.F16FromF32(row, p)
	}
	return rows
}

const benchSamples, benchClasses = 4000, 1000

// benchZoo makes a zoo with the model m.
func benchZoo(b *testing.B) (*Zoo, []uint16) {
	z := newZoo(b, benchClasses, benchSamples)
	w := write(b, z)
	defer w.Close()
	rows := softmaxRows(1, benchSamples, benchClasses)
	addModel(b, w, "m", "search", rows)
	return z, rows
}

// BenchmarkWrite imports a model: archive and index, in bytes of float16.
func BenchmarkWrite(b *testing.B) {
	z, rows := benchZoo(b)
	w := write(b, z)
	defer w.Close()
	defer perCore(b, 2*len(rows))()
	for b.Loop() {
		addModel(b, w, "b", "search", rows)
		if err := w.RemoveModel("b"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads an archive as rows, in bytes of float16.
func BenchmarkRead(b *testing.B) {
	z, rows := benchZoo(b)
	buf := make([]uint16, 64*benchClasses)
	defer perCore(b, 2*len(rows))()
	for b.Loop() {
		r, err := z.Predictions("m", "search")
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = r.ReadRows(buf)
		}
		if err != io.EOF {
			b.Fatal(err)
		}
		r.Close()
	}
}

// BenchmarkBuildIndex makes a model's index from its archive, on one processor, in
// bytes of float16.
func BenchmarkBuildIndex(b *testing.B) {
	z, rows := benchZoo(b)
	defer perCore(b, 2*len(rows))()
	for b.Loop() {
		os.RemoveAll(filepath.Join(z.Dir(), "index"))
		openIndexOf(b, z, "search", "m").Close()
	}
}

// BenchmarkBuildLists is the same without the archive: lists of rows in memory.
func BenchmarkBuildLists(b *testing.B) {
	rows := softmaxRows(1, benchSamples, benchClasses)
	defer perCore(b, 2*len(rows))()
	for b.Loop() {
		BuildLists(rows, benchClasses)
	}
}

// BenchmarkOpen opens a zoo of the size of the timm zoo with its index present, in
// bytes of index, all of which are checked.
func BenchmarkOpen(b *testing.B) {
	const models, samples = 518, 20683
	z := newZoo(b, 1000, samples)
	l := BuildLists(slices.Repeat(softmaxRows(1, 100, 1000), samples/100+1)[:samples*1000], 1000)
	w := write(b, z)
	var names []string
	for i := range models {
		names = append(names, fmt.Sprint("m", i))
		if err := w.AddIndexOnly(Model{Name: names[i]}, map[string]Lists{"search": l}); err != nil {
			b.Fatal(err)
		}
	}
	w.Close()
	defer perCore(b, models*outputs.ListBytes(samples, 1000))()
	for b.Loop() {
		z, err := Open(z.Dir())
		if err != nil {
			b.Fatal(err)
		}
		ix, err := z.OpenIndex(context.Background(), "search", names, nil)
		if err != nil {
			b.Fatal(err)
		}
		ix.Close()
	}
}

// BenchmarkOpenMany opens a zoo of 15,000 models, whose metadata it reads.
func BenchmarkOpenMany(b *testing.B) {
	dir := manyModels(b, 15_000).Dir()
	start := coreSeconds(b)
	defer func() { b.ReportMetric((coreSeconds(b)-start)/float64(b.N), "core-s/op") }()
	for b.Loop() {
		z, err := Open(dir)
		if err != nil || len(z.Models()) != 15_000 {
			b.Fatal(err)
		}
	}
}

// BenchmarkWriteMany begins and ends a change of a zoo of 15,000 models, as ingest does for each
// model that is finished.
func BenchmarkWriteMany(b *testing.B) {
	z := manyModels(b, 15_000)
	time.Sleep(settled)
	if err := z.load(); err != nil {
		b.Fatal(err)
	}
	start := coreSeconds(b)
	defer func() { b.ReportMetric((coreSeconds(b)-start)/float64(b.N), "core-s/op") }()
	for b.Loop() {
		w, err := z.Write()
		if err != nil {
			b.Fatal(err)
		}
		w.Close()
	}
}
