package importer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// withoutLabels copies a folder of fixtures without its files of labels.
func withoutLabels(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.FromSlash(source))); err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(dir, "labels*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// importUnlabelled imports a source of which some splits get labels and others do not.
func importUnlabelled(t *testing.T, dir string, s *Source, labelled, unlabelled []string) *zoo.Zoo {
	t.Helper()
	cuts, err := ParseSplits(labelled)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := ParseSplits(unlabelled)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range bare {
		c.Unlabelled = true
		cuts = append(cuts, c)
	}
	if _, err := Import(t.Context(), dir, s, Options{Splits: cuts, Seed: 1}); err != nil {
		t.Fatal(err)
	}
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return z
}

// Without labels outputs and ids are those of the same source with labels.
func TestUnlabelled(t *testing.T) {
	t.Parallel()
	want := readExpected(t)
	for _, c := range []struct {
		format, source string
		ids            bool
	}{
		{"npy", "testdata/npy_f2", true},
		{"npy", "testdata/npy_f8_big", false},
		{"npz", "testdata/npz", true},
		{"parquet", "testdata/parquet_pandas_list", true},
		{"parquet", "testdata/parquet_pandas_f4", false},
	} {
		t.Run(c.source, func(t *testing.T) {
			t.Parallel()
			path := withoutLabels(t, c.source)
			if c.format == "npz" {
				path = filepath.Join(path, "stored.npz") // has labels, which are not read
			}
			z := importUnlabelled(t, t.TempDir(), mustOpen(t, c.format, OpenOptions{Unlabelled: true}, path), nil, []string{"pool"})
			if s, err := z.Split("pool"); err != nil || !s.Unlabelled {
				t.Errorf("%+v, %v", s, err)
			}
			ids, err := z.IDs("pool")
			if err != nil || len(ids) != 12 || c.ids && !slices.Equal(ids, want.IDs) {
				t.Errorf("ids %v, %v", ids, err)
			}
			for _, model := range []string{"small", "large"} {
				if got := readZooRows(t, z, model, "pool"); !slices.Equal(got, want.bits(model)) {
					t.Errorf("%s: got %04x, want %04x", model, got, want.bits(model))
				}
			}
		})
	}
}

// Answers in CSV have no order of their own: it is that of the first model's file.
func TestUnlabelledCSV(t *testing.T) {
	t.Parallel()
	z := importUnlabelled(t, t.TempDir(), mustOpen(t, "csv", OpenOptions{Unlabelled: true}, withoutLabels(t, "testdata/csv")), nil, []string{"pool"})
	ids, err := z.IDs("pool")
	if err != nil || len(ids) != 12 {
		t.Fatalf("ids %v, %v", ids, err)
	}
	for _, model := range []string{"small", "large"} {
		answers, _ := readZooAnswers(t, z, model, "pool")
		text, err := os.ReadFile(filepath.Join("testdata/csv", model+".csv"))
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range ids {
			if line := id + "," + string(rune('0'+answers[i])) + ","; !strings.Contains(string(text), line) {
				t.Errorf("%s has no line %q", model, line)
			}
		}
	}
	twice := goodCSVTwice(t)
	if _, err := Open("csv", []string{twice}, OpenOptions{Unlabelled: true}); err == nil || !strings.Contains(err.Error(), "every sample needs a name of its own") {
		t.Errorf("a sample that is there twice: %v", err)
	}
}

// goodCSVTwice is a folder whose only model answers a sample twice.
func goodCSVTwice(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"models.csv": "name,gflops\na,1\n",
		"a.csv":      "sample,label,confidence\nx,1,0.5\nx,0,0.5\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUnlabelledENCAS(t *testing.T) {
	t.Parallel()
	want := readExpected(t)
	s := mustOpen(t, "encas", OpenOptions{Unlabelled: true}, "testdata/encas/cifar_r0_alpha_sep/0")
	z := importUnlabelled(t, t.TempDir(), s, nil, []string{"pool=val", "more=test"})
	got := append(readZooRows(t, z, "cifar_r0_alpha_sep/0", "pool"), readZooRows(t, z, "cifar_r0_alpha_sep/0", "more")...)
	if !slices.Equal(got, want.bits("small")) {
		t.Errorf("got %04x", got)
	}
}

// A source with labels can be cut into splits with and without. Models of a zoo can get
// samples without labels later.
func TestSomeUnlabelled(t *testing.T) {
	t.Parallel()
	want := readExpected(t)
	dir := t.TempDir()
	s := mustOpen(t, "npy", OpenOptions{}, "testdata/npy_f2")
	for range 2 { // the second time everything is there
		z := importUnlabelled(t, dir, s, []string{"search=0:5"}, []string{"pool=5:"})
		if got := readZooLabels(t, z, "search"); !slices.Equal(got, want.Labels[:5]) {
			t.Errorf("labels %v", got)
		}
		if ids, err := z.IDs("pool"); err != nil || !slices.Equal(ids, want.IDs[5:]) {
			t.Errorf("ids %v, %v", ids, err)
		}
	}
	z := importUnlabelled(t, dir, mustOpen(t, "npy", OpenOptions{Unlabelled: true}, withoutLabels(t, "testdata/npy_f2")), nil, []string{"later"})
	if got := readZooRows(t, z, "large", "later"); !slices.Equal(got, want.bits("large")) {
		t.Errorf("got %04x", got)
	}
}

func TestUnlabelledThatDoNotFit(t *testing.T) {
	t.Parallel()
	other := goodNPY.with("labels.npy", nil).with("b.npy", floats("(2, 2)", 0, 1, 1, 0))
	_, err := Open("npy", []string{other.write(t)}, OpenOptions{Unlabelled: true})
	wantSays(t, err, "b.npy has 2 rows", "a.npy has 3 rows")
	ids := goodNPY.with("labels.npy", nil).with("ids.npy", npyFile("<i8", "(2,)", []int64{5, 6}))
	_, err = Open("npy", []string{ids.write(t)}, OpenOptions{Unlabelled: true})
	wantSays(t, err, "a.npy has 3 rows", "ids.npy has 2")
}
