package importer

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// expected is what every fixture holds: see testdata/make_fixtures.py.
type expected struct {
	Labels []uint16
	IDs    []string
	Units  map[string][][]int // rows of multiples of 1/256, by model
}

func readExpected(t *testing.T) expected {
	t.Helper()
	data, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	var e expected
	if err := json.Unmarshal(data, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// bits returns a model's expected outputs as float16 bits.
func (e expected) bits(model string) []uint16 {
	var singles []float32
	for _, row := range e.Units[model] {
		for _, u := range row {
			singles = append(singles, float32(u)/256)
		}
	}
	bits := make([]uint16, len(singles))
	kernel.F16FromF32(bits, singles)
	return bits
}

// mustOpen opens a source for the length of the test.
func mustOpen(t *testing.T, format string, opt OpenOptions, paths ...string) *Source {
	t.Helper()
	s, err := Open(format, paths, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// mustCut parses splits.
func mustCut(t *testing.T, splits ...string) []Cut {
	t.Helper()
	cuts, err := ParseSplits(splits)
	if err != nil {
		t.Fatal(err)
	}
	return cuts
}

// mustImport imports into dir, verifies the zoo and returns it.
func mustImport(t *testing.T, dir string, s *Source, splits ...string) (*zoo.Zoo, Summary) {
	t.Helper()
	sum, err := Import(t.Context(), dir, s, Options{Splits: mustCut(t, splits...), Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return z, sum
}

// What NumPy, pandas, polars and pyarrow write comes through bit for bit.
func TestFixtures(t *testing.T) {
	t.Parallel()
	want := readExpected(t)
	numbers := func(from int) []string {
		ids := make([]string, 12)
		for i := range ids {
			ids[i] = strconv.Itoa(from + i)
		}
		return ids
	}
	for _, c := range []struct {
		name, format string
		paths        []string
		ids          []string
	}{
		{"npy float16", "npy", []string{"npy_f2"}, want.IDs},
		{"npy float32", "npy", []string{"npy_f4"}, numbers(100)},
		{"npy float64 big-endian", "npy", []string{"npy_f8_big"}, numbers(0)},
		{"npz stored", "npz", []string{"npz/stored.npz"}, want.IDs},
		{"npz deflated", "npz", []string{"npz/deflated.npz"}, numbers(0)},
		{"pandas list", "parquet", []string{"parquet_pandas_list"}, want.IDs},
		{"pandas float32", "parquet", []string{"parquet_pandas_f4"}, want.IDs},
		{"pandas a column a class", "parquet", []string{"parquet_pandas_wide"}, want.IDs},
		{"polars list", "parquet", []string{"parquet_polars_list"}, want.IDs},
		{"polars array", "parquet", []string{"parquet_polars_array"}, numbers(0)},
		{"polars a column a class", "parquet", []string{"parquet_polars_wide"}, want.IDs},
		{"pyarrow float16", "parquet", []string{"parquet_pyarrow_f2"}, want.IDs},
		{"pyarrow pages of version 2", "parquet", []string{"parquet_pyarrow_v2"}, numbers(0)},
		{"pyarrow split bytes", "parquet", []string{"parquet_pyarrow_split"}, numbers(0)},
		{"pyarrow a column of float16 a class", "parquet", []string{"parquet_pyarrow_wide_f2"}, numbers(0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range c.paths {
				c.paths[i] = filepath.Join("testdata", filepath.FromSlash(c.paths[i]))
			}
			z, sum := mustImport(t, t.TempDir(), mustOpen(t, c.format, OpenOptions{}, c.paths...), "all")
			if sum.Imported != 2 || sum.Rows != 24 {
				t.Errorf("summary %+v", sum)
			}
			labels, ids, err := z.Labels("all")
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(labels, want.Labels) {
				t.Errorf("labels %v, want %v", labels, want.Labels)
			}
			if !slices.Equal(ids, c.ids) {
				t.Errorf("ids %v, want %v", ids, c.ids)
			}
			for model, cost := range map[string]float64{"small": 0.25, "large": 4} {
				if got := readZooRows(t, z, model, "all"); !slices.Equal(got, want.bits(model)) {
					t.Errorf("%s: got %04x, want %04x", model, got, want.bits(model))
				}
				m, err := z.Model(model)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := m.Cost("gflops"); got != cost || err != nil {
					t.Errorf("%s costs %v, %v", model, got, err)
				}
				if family := map[string]string{"small": "a, b", "large": "c"}[model]; c.name != "npz deflated" && m.Columns["family"] != family {
					t.Errorf("columns of %s: %q", model, m.Columns)
				}
			}
		})
	}
}

// Answers without confidences have confidence 1.
func TestCSVWithoutConfidences(t *testing.T) {
	t.Parallel()
	z, _ := mustImport(t, t.TempDir(), mustOpen(t, "csv", OpenOptions{}, files{
		"models.csv": []byte("name,gflops\nm,1\n"),
		"labels.csv": []byte("sample,label\nx,0\ny,1\n"),
		"m.csv":      []byte("label,sample\n2,y\n0,x\n"),
	}.write(t)), "all")
	labels, confidences := readZooAnswers(t, z, "m", "all")
	if !slices.Equal(labels, []uint16{0, 2}) || !slices.Equal(confidences, []uint16{outputs.OneBits, outputs.OneBits}) {
		t.Errorf("answers %v with %04x", labels, confidences)
	}
}

func TestCSVFixture(t *testing.T) {
	t.Parallel()
	want := readExpected(t)
	z, sum := mustImport(t, t.TempDir(), mustOpen(t, "csv", OpenOptions{}, "testdata/csv"), "all")
	if sum.Imported != 2 || z.Classes() != 5 {
		t.Errorf("summary %+v, %d classes", sum, z.Classes())
	}
	for _, model := range []string{"small", "large"} {
		bits := want.bits(model)
		labels, confidences := readZooAnswers(t, z, model, "all")
		for i := range labels {
			row := bits[5*i : 5*i+5]
			if int(labels[i]) != outputs.Top(row) || confidences[i] != slices.Max(row) {
				t.Errorf("%s, sample %d: %d with %04x, want %d with %04x", model, i, labels[i], confidences[i], outputs.Top(row), slices.Max(row))
			}
		}
	}
	_, ids, err := z.Labels("all")
	if err != nil || !slices.Equal(ids, want.IDs) {
		t.Errorf("ids %v, %v", ids, err)
	}
}

func TestENCASFixture(t *testing.T) {
	t.Parallel()
	want := readExpected(t)
	s := mustOpen(t, "encas", OpenOptions{}, "testdata/encas/cifar_r0_alpha_sep/0", "timm=testdata/encas/timm_all/pretrained/0",
		"testdata/encas/labels_cifar10_val8.npy", "testdata/encas/labels_cifar10_test.npy")
	z, sum := mustImport(t, t.TempDir(), s, "search=val", "test")
	if sum.Imported != 4 || sum.Rows != 48 {
		t.Errorf("summary %+v", sum)
	}
	if got := append(readZooLabels(t, z, "search"), readZooLabels(t, z, "test")...); !slices.Equal(got, want.Labels) {
		t.Errorf("labels %v", got)
	}
	for name, like := range map[string]string{"cifar_r0_alpha_sep/0": "small", "cifar_r0_alpha_sep/1": "large", "small": "small", "large": "large"} {
		got := append(readZooRows(t, z, name, "search"), readZooRows(t, z, name, "test")...)
		if !slices.Equal(got, want.bits(like)) {
			t.Errorf("%s: got %04x, want %04x", name, got, want.bits(like))
		}
		m, err := z.Model(name)
		if err != nil {
			t.Fatal(err)
		}
		if cost, err := m.Cost("gflops"); err != nil || cost != map[string]float64{"small": 0.25, "large": 4}[like] {
			t.Errorf("%s costs %v, %v", name, cost, err)
		}
		if m.Columns["accuracy_val"] == "" || m.Columns["accuracy_test"] == "" {
			t.Errorf("columns of %s: %q", name, m.Columns)
		}
	}
	m, err := z.Model("cifar_r0_alpha_sep/1")
	if err != nil || m.Columns["config"] != `{"r": 288, "d": [2, 2]}` || m.Columns["supernet"] != "cifar_r0_alpha_sep" {
		t.Errorf("columns %q, %v", m.Columns, err)
	}
	// Without a mapping the splits keep the names of their folders.
	z, _ = mustImport(t, t.TempDir(), s)
	if len(z.Splits()) != 2 || z.Splits()[0].Name != "test" || z.Splits()[1].Name != "val" {
		t.Errorf("splits %v", z.Splits())
	}
}

func TestLogitsFixture(t *testing.T) {
	t.Parallel()
	want := readExpected(t)
	z, _ := mustImport(t, t.TempDir(), mustOpen(t, "npy", OpenOptions{Logits: true}, "testdata/npy_logits"), "all")
	for _, model := range []string{"small", "large"} {
		got := readZooRows(t, z, model, "all")
		for i, b := range want.bits(model) {
			// log and exp give the value back but for the last bits of a float64, which
			// may be on either side of a float16.
			if math.Abs(float64(got[i])-float64(b)) > 1 {
				t.Errorf("%s, value %d: got %04x, want %04x", model, i, got[i], b)
			}
		}
	}
}
