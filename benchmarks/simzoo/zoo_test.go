package simzoo

import (
	"bytes"
	"context"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/encas-zoo/encas-zoo/zoo"
)

func writeZoo(t *testing.T, o Options) *zoo.Zoo {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "zoo")
	if _, err := Write(context.Background(), dir, o); err != nil {
		t.Fatal(err)
	}
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func names(z *zoo.Zoo) (names []string) {
	for _, m := range z.Models() {
		names = append(names, m.Name)
	}
	return names
}

// The index built from the archive is the index that is written without one, with
// any number of threads.
func TestWriteWithAndWithoutArchive(t *testing.T) {
	t.Parallel()
	o := Options{Models: 5, Search: 150, Test: 90, Classes: 120, Seed: 3, Threads: 2}
	direct := writeZoo(t, o)
	o.Archive, o.Threads = true, 1
	full := writeZoo(t, o)
	if err := full.Verify(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(names(full), names(direct)); d != "" {
		t.Fatal(d)
	}
	for _, split := range []string{SearchSplit, TestSplit} {
		want, err := full.OpenIndex(context.Background(), split, names(full), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer want.Close()
		got, err := direct.OpenIndex(context.Background(), split, names(direct), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Close()
		if d := cmp.Diff(want.Labels(), got.Labels()); d != "" {
			t.Error(d)
		}
		for _, name := range names(full) {
			if d := cmp.Diff(want.Lists(name), got.Lists(name)); d != "" {
				t.Errorf("%s on %s: (-archive +direct)\n%s", name, split, d)
			}
		}
	}
}

// A model of a small zoo is the same model in a large one.
func TestModelsDoNotDependOnEachOther(t *testing.T) {
	t.Parallel()
	o := Options{Models: 3, Search: 40, Classes: 60, Seed: 1, Threads: 1, Archive: true}
	small := writeZoo(t, o)
	o.Models = 9
	large := writeZoo(t, o)
	// Both hold the cheapest and the dearest model.
	shared := 0
	for _, name := range names(small) {
		if !large.HasModel(name) {
			continue
		}
		shared++
		if !bytes.Equal(rowsOf(t, small, name), rowsOf(t, large, name)) {
			t.Errorf("%s has other outputs in a larger zoo", name)
		}
	}
	if shared < 2 {
		t.Errorf("only %d models in common", shared)
	}
}

func rowsOf(t *testing.T, z *zoo.Zoo, model string) []byte {
	t.Helper()
	r, err := z.Predictions(model, SearchSplit)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all []byte
	rows := make([]uint16, 16*z.Classes())
	for {
		n, err := r.ReadRows(rows)
		for _, v := range rows[:n*z.Classes()] {
			all = append(all, byte(v), byte(v>>8))
		}
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestModelsAreLabelledSimulated(t *testing.T) {
	t.Parallel()
	z := writeZoo(t, Options{Models: 4, Search: 30, Classes: 20, Seed: 1, Threads: 1})
	for _, m := range z.Models() {
		if m.Columns["source"] != "simulated" {
			t.Errorf("%s: source is %q", m.Name, m.Columns["source"])
		}
		if c, err := m.Cost("gflops"); err != nil || c <= 0 {
			t.Errorf("%s: cost %v, %v", m.Name, c, err)
		}
	}
}

func TestCatalog(t *testing.T) {
	t.Parallel()
	specs := Catalog()
	if len(specs) != 518 {
		t.Fatalf("%d models, want 518", len(specs))
	}
	for _, s := range specs {
		if s.Name == "" || s.Family == "" || s.GMACs <= 0 || s.Params <= 0 || s.ImgSize < 100 ||
			s.Top1 < 60 || s.Top1 > 90 || s.V2Top1 < 0 || s.V2Top1 > s.Top1 {
			t.Errorf("unlikely facts: %+v", s)
		}
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	for _, m := range []int{1, 2, 29, 518, 519, 1200} {
		specs := Choose(m)
		if len(specs) != m {
			t.Errorf("Choose(%d) has %d models", m, len(specs))
		}
		seen := map[string]bool{}
		low, high := math.Inf(1), 0.0
		for _, s := range specs {
			if seen[s.Name] {
				t.Errorf("Choose(%d): %s twice", m, s.Name)
			}
			seen[s.Name] = true
			low, high = min(low, s.GMACs), max(high, s.GMACs)
		}
		if m >= 2 && (low != 0.05 || high != 844.84) {
			t.Errorf("Choose(%d) runs from %g to %g GMACs", m, low, high)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "x"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	ok := Options{Models: 1, Search: 1, Classes: 2, Threads: 1}
	for name, c := range map[string]struct {
		dir    string
		change func(o *Options)
	}{
		"a folder with files": {full, func(o *Options) {}},
		"no models":           {"", func(o *Options) { o.Models = 0 }},
		"no samples":          {"", func(o *Options) { o.Search = 0 }},
		"one class":           {"", func(o *Options) { o.Classes = 1 }},
		"too many classes":    {"", func(o *Options) { o.Classes = 65536 }},
	} {
		o := ok
		c.change(&o)
		dir := c.dir
		if dir == "" {
			dir = filepath.Join(t.TempDir(), "zoo")
		}
		if _, err := Write(context.Background(), dir, o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	// Stopped early, it says so.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Write(ctx, filepath.Join(t.TempDir(), "zoo"), ok); err == nil {
		t.Error("a cancelled Write has no error")
	}
}
