package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/encas-zoo/encas-zoo/benchmarks/simzoo"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// BenchmarkZooList lists 15,000 models. (Making them takes longer.)
func BenchmarkZooList(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "zoo")
	z, err := zoo.Create(dir, 2)
	if err != nil {
		b.Fatal(err)
	}
	w, err := z.Write()
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if err := w.AddSplit("search", []uint16{0}, nil); err != nil {
		b.Fatal(err)
	}
	lists := map[string]zoo.Lists{"search": zoo.BuildLists([]uint16{0x3c00, 0}, 2)}
	for _, spec := range simzoo.Choose(15_000) {
		if err := w.AddIndexOnly(zoo.Model{Name: spec.Name, Columns: spec.Columns()}, lists); err != nil {
			b.Fatal(err)
		}
	}
	nothing, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer nothing.Close()
	for _, more := range []string{"", "--json"} {
		b.Run(fmt.Sprint("list", more), func(b *testing.B) {
			for b.Loop() {
				args := []string{"zoo", "list", "--zoo", dir, "-q"}
				if more != "" {
					args = append(args, more)
				}
				if code := run(args, nothing, os.Stderr); code != 0 {
					b.Fatal(code)
				}
			}
		})
	}
}
