package example

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// opened makes the zoo once for the tests that only read it.
var opened = sync.OnceValues(func() (*zoo.Zoo, error) {
	dir, err := os.MkdirTemp("", "encas-zoo-test-")
	if err != nil {
		return nil, err
	}
	made = dir
	return digits.openIn(context.Background(), dir)
})

var made string

func TestMain(m *testing.M) {
	code := m.Run()
	if made != "" {
		os.RemoveAll(made)
	}
	os.Exit(code)
}

func open(t *testing.T) *zoo.Zoo {
	t.Helper()
	z, err := opened()
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// rows returns all outputs of a model on a split, in units of 2^-24.
func rows(t *testing.T, z *zoo.Zoo, model, split string) [][]uint32 {
	t.Helper()
	r, err := z.Predictions(model, split)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var all [][]uint32
	bits := make([]uint16, z.Classes())
	for {
		if _, err := r.ReadRows(bits); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		row := make([]uint32, len(bits))
		kernel.Fixed(row, bits)
		all = append(all, row)
	}
}

// top returns the largest value and its class, the lowest on a tie.
func top(row []uint32) (class uint16, value uint32) {
	for c, v := range row {
		if v > value {
			class, value = uint16(c), v
		}
	}
	return class, value
}

func TestContents(t *testing.T) {
	t.Parallel()
	z := open(t)
	if n := z.Classes(); n != 10 {
		t.Errorf("%d classes, want 10", n)
	}
	if n := len(z.Models()); n < 36 {
		t.Errorf("%d models, want 36 or more", n)
	}
	sizes := map[string]int{"search": 899, "test": 898}
	seen := map[string]bool{}
	for split, n := range sizes {
		labels, ids, err := z.Labels(split)
		if err != nil {
			t.Fatal(err)
		}
		if len(labels) != n || len(ids) != n {
			t.Errorf("split %s: %d labels and %d ids, want %d", split, len(labels), len(ids), n)
		}
		for _, id := range ids {
			if seen[id] {
				t.Errorf("sample %s is in the zoo twice", id)
			}
			seen[id] = true
		}
	}
	if len(z.Splits()) != len(sizes) {
		t.Errorf("splits %v, want search and test", z.Splits())
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	cheapest, dearest := math.Inf(1), 0.0
	for _, m := range z.Models() {
		cost, err := m.Cost("gflops")
		if err != nil {
			t.Fatal(err)
		}
		cheapest, dearest = min(cheapest, cost), max(dearest, cost)
	}
	if dearest < 1e5*cheapest {
		t.Errorf("costs from %g to %g GFLOPs: the example should span five orders of magnitude", cheapest, dearest)
	}
}

// TestAccuracies recomputes the accuracies that models.csv states, and looks at the
// sums of all rows.
func TestAccuracies(t *testing.T) {
	t.Parallel()
	checkAccuracies(t, open(t), 5e-7)
	z, err := cifar10.openIn(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	checkAccuracies(t, z, 5e-5)
	if names := z.ClassNames(); len(names) != 10 || names[3] != "cat" {
		t.Errorf("cifar10 has classes %q", names)
	}
	if n := len(z.Models()); n != 12 {
		t.Errorf("cifar10 has %d models", n)
	}
	// The names of the images show the labels: the samples were not mixed up.
	for _, split := range []string{"search", "test"} {
		labels, ids, err := z.Labels(split)
		if err != nil || len(labels) != 5000 {
			t.Fatalf("cifar10, split %s: %d samples, %v", split, len(labels), err)
		}
		for i, id := range ids {
			if class, _, _ := strings.Cut(id, "/"); class != z.ClassNames()[labels[i]] {
				t.Fatalf("cifar10, split %s: image %s is labelled %s", split, id, z.ClassNames()[labels[i]])
			}
		}
	}
}

// checkAccuracies is TestAccuracies for a zoo whose accuracies are rounded.
func checkAccuracies(t *testing.T, z *zoo.Zoo, rounded float64) {
	t.Helper()
	for _, m := range z.Models() {
		correct, samples := 0, 0
		for split := range m.Splits {
			labels, _, err := z.Labels(split)
			if err != nil {
				t.Fatal(err)
			}
			outputs := rows(t, z, m.Name, split)
			if len(outputs) != len(labels) {
				t.Fatalf("%s, split %s: %d rows, %d labels", m.Name, split, len(outputs), len(labels))
			}
			for i, row := range outputs {
				if class, _ := top(row); class == labels[i] {
					correct++
				}
				sum := int64(-kernel.One)
				for _, v := range row {
					sum += int64(v)
				}
				// Rounding to 11 bits moves a value by 2^-11 of itself at most, and a
				// subnormal one by half a unit.
				if math.Abs(float64(sum)) > kernel.One/2048+5 {
					t.Errorf("%s, split %s, row %d: the sum is off by %g", m.Name, split, i, float64(sum)/kernel.One)
				}
			}
			samples += len(labels)
		}
		want, err := strconv.ParseFloat(m.Columns["accuracy"], 64)
		if err != nil {
			t.Fatalf("%s: accuracy %q: %v", m.Name, m.Columns["accuracy"], err)
		}
		if got := float64(correct) / float64(samples); math.Abs(got-want) > rounded+1e-9 {
			t.Errorf("%s: accuracy %.6f, models.csv says %.6f", m.Name, got, want)
		}
	}
}

// setCache moves the user's cache into a folder, on every system.
func setCache(t *testing.T, dir string) {
	for _, variable := range []string{"XDG_CACHE_HOME", "HOME", "LocalAppData"} {
		t.Setenv(variable, dir)
	}
}

// TestNames opens every zoo by its name, and tells them from others.
func TestNames(t *testing.T) {
	setCache(t, t.TempDir())
	for _, name := range Names() {
		z, err := OpenNamed(t.Context(), name)
		if err != nil || Name(z) != name {
			t.Errorf("%s: %v, %v", name, z, err)
		}
	}
	if _, err := OpenNamed(t.Context(), "mnist"); err == nil || !strings.Contains(err.Error(), `"mnist"`) {
		t.Errorf("a name of none: %v", err)
	}
	other, err := zoo.Create(filepath.Join(t.TempDir(), "cifar10"), 10)
	if err != nil || Name(other) != "" {
		t.Errorf("%q, %v", Name(other), err)
	}
}

// TestSecondOpen changes the zoo's folder after the first use: the second must find
// the change, not a zoo made again.
func TestSecondOpen(t *testing.T) {
	setCache(t, t.TempDir())
	first, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(first.Dir(), "mark")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if second.Dir() != first.Dir() {
		t.Errorf("second use opened %s, the first made %s", second.Dir(), first.Dir())
	}
	if _, err := os.Stat(mark); err != nil {
		t.Errorf("the zoo was made again: %v", err)
	}
	// The zoo made for other tests lies elsewhere and was made at another time.
	if got, want := second.Fingerprint(), open(t).Fingerprint(); got != want {
		t.Errorf("fingerprint %s, but %s in another folder", got, want)
	}
}

func TestConcurrentFirstUse(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	var wait sync.WaitGroup
	errs := make([]error, 3)
	for i := range errs {
		wait.Go(func() {
			z, err := digits.openIn(t.Context(), parent)
			if err == nil {
				err = z.Verify(t.Context(), nil)
			}
			errs[i] = err
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(parent)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 1 {
		t.Errorf("folders %v, want the zoo alone", left)
	}
}

// TestAbandonedFirstUse: what a killed process left is removed, and only that.
func TestAbandonedFirstUse(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	old, fresh := filepath.Join(parent, ".example-1"), filepath.Join(parent, ".example-2")
	for _, dir := range []string{old, fresh} {
		if err := os.MkdirAll(filepath.Join(dir, "source"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if _, err := digits.openIn(context.Background(), parent); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was abandoned is still there: %v", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("what may be in the making is gone: %v", err)
	}
}

func TestCancelledFirstUse(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := digits.openIn(ctx, parent); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	if left, _ := os.ReadDir(parent); len(left) != 0 {
		t.Errorf("%v is left behind", left)
	}
}

// TestNoCache takes the cache away: by a file where its folder should be, which
// stops root too, and by no home at all.
func TestNoCache(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cache := range []string{blocked, ""} {
		temp := t.TempDir()
		t.Setenv("TMPDIR", temp)
		t.Setenv("TMP", temp)
		setCache(t, cache)
		z, err := Open(t.Context())
		if err != nil {
			t.Errorf("cache %q: %v", cache, err)
		} else if !strings.HasPrefix(z.Dir(), temp) {
			t.Errorf("cache %q: the zoo is in %s, want a folder in %s", cache, z.Dir(), temp)
		}
	}
}

func TestDamagedCache(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	z, err := digits.openIn(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(z.Dir(), "zoo.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := digits.openIn(t.Context(), parent); err == nil || !strings.Contains(err.Error(), z.Dir()) {
		t.Errorf("error %v, want one that says which folder to delete", err)
	}
}

// TestOwns tells the folders of the zoos that are built in, by which commands that write refuse
// them, from others.
func TestOwns(t *testing.T) {
	for _, name := range Names() {
		z, err := OpenNamed(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if !Owns(z.Dir()) || !Owns(z.Dir()+"/") {
			t.Errorf("%s is not known for the zoo %s", z.Dir(), name)
		}
		if Owns(filepath.Join(z.Dir(), "models")) || Owns(name) {
			t.Errorf("folders that are none of the zoo %s are taken for it", name)
		}
	}
}
