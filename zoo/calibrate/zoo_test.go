package calibrate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/zoo"
)

const classes = 4

// source makes a zoo of two splits with models made too sure by the temperatures 2, 3,
// 4, ..., and one that gives answers.
func source(t *testing.T, models int) *zoo.Zoo {
	t.Helper()
	z, err := zoo.Create(filepath.Join(t.TempDir(), "from"), classes)
	if err != nil {
		t.Fatal(err)
	}
	w := write(t, z)
	if err := w.SetClassNames([]string{"ant", "bee", "cat", "dog"}); err != nil {
		t.Fatal(err)
	}
	samples := map[string]int{"search": 700, "test": 300}
	for m := range models {
		random := rand.New(rand.NewPCG(9, uint64(m)))
		columns := map[string]string{"gflops": fmt.Sprint(m + 1), "family": "made-up", "imported.search": "npy"}
		mw := begin(t, w, zoo.Model{Name: fmt.Sprintf("m%d", m), Columns: columns})
		for _, split := range []string{"search", "test"} {
			labels, rows := sampled(t, random, samples[split], classes, float64(m+2))
			// All models are given the labels of the first; those of the others do not fit,
			// which is no concern here.
			if m == 0 {
				if err := w.AddSplit(split, labels, nil); err != nil {
					t.Fatal(err)
				}
			}
			for i := range labels {
				must(t, mw.WriteRow(split, rows[i*classes:(i+1)*classes]))
			}
		}
		must(t, mw.Commit())
	}
	mw := begin(t, w, zoo.Model{Name: "oracle", Answers: true, Columns: map[string]string{"gflops": "9"}})
	for i := range samples["test"] {
		must(t, mw.WriteAnswer("test", uint16(i%classes), uint16(0x3800+i)))
	}
	must(t, mw.Commit())
	must(t, w.Close())
	return z
}

func write(t *testing.T, z *zoo.Zoo) *zoo.Writer {
	t.Helper()
	w, err := z.Write()
	must(t, err)
	return w
}

func begin(t *testing.T, w *zoo.Writer, m zoo.Model) *zoo.ModelWriter {
	t.Helper()
	mw, err := w.NewModel(m)
	must(t, err)
	return mw
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func rowsOf(t *testing.T, z *zoo.Zoo, model, split string) []uint16 {
	t.Helper()
	r, err := z.Predictions(model, split)
	must(t, err)
	defer r.Close()
	s, err := z.Split(split)
	must(t, err)
	rows := make([]uint16, s.Samples*classes)
	if n, err := r.ReadRows(rows); n != s.Samples || err != nil {
		t.Fatal(n, err)
	}
	return rows
}

// errorByDefinition is the expected calibration error of rows, term by term: over 15
// bins ((b-1)/15, b/15] of the largest probability, the share of samples in a bin times
// the distance of their mean confidence from their accuracy.
func errorByDefinition(labels, rows []uint16) (sum float64) {
	values := make([]float32, len(rows))
	kernel.F16ToF32(values, rows)
	for b := 1; b <= 15; b++ {
		var n, right, confidence float64
		for i, label := range labels {
			row := values[i*classes : (i+1)*classes]
			most := slices.Max(row)
			if p := 15 * float64(most); p <= float64(b-1) || p > float64(b) {
				continue
			}
			n++
			confidence += float64(most)
			if slices.Index(row, most) == int(label) {
				right++
			}
		}
		if n > 0 {
			sum += n / float64(len(labels)) * math.Abs(confidence/n-right/n)
		}
	}
	return sum
}

func TestZoo(t *testing.T) {
	t.Parallel()
	from := source(t, 3)
	dir := filepath.Join(t.TempDir(), "to")
	results, err := Zoo(t.Context(), from, dir, Options{Split: "search", Models: from.Models()})
	must(t, err)
	to, err := zoo.Open(dir)
	must(t, err)
	must(t, to.Verify(t.Context(), nil))
	if !slices.Equal(to.Splits(), from.Splits()) || !slices.Equal(to.ClassNames(), from.ClassNames()) || len(to.Models()) != 4 || len(results) != 4 {
		t.Fatalf("%d models, splits %v, classes %v", len(to.Models()), to.Splits(), to.ClassNames())
	}
	for i, m := range to.Models() {
		r := results[i]
		temperature, calibrated := Temperature(m)
		if r.Model != m.Name || r.Skipped || r.Answers != m.Answers || calibrated == m.Answers || m.Columns["gflops"] == "" {
			t.Fatalf("%+v of %+v", r, m)
		}
		if m.Answers {
			continue
		}
		if temperature != r.Temperature || m.Columns["family"] != "made-up" || m.Columns["imported.search"] != "" || len(r.Errors) != 2 {
			t.Errorf("%+v of %+v", r, m)
		}
		labels, _, err := from.Labels("search")
		must(t, err)
		before := rowsOf(t, from, m.Name, "search")
		if want := Fit(labels, before, classes); temperature != want {
			t.Errorf("%s: temperature %v, want %v", m.Name, temperature, want)
		}
		for k, split := range []string{"search", "test"} {
			before, after := rowsOf(t, from, m.Name, split), rowsOf(t, to, m.Name, split)
			labels, _, err := from.Labels(split)
			must(t, err)
			defined := Error{split, errorByDefinition(labels, before), errorByDefinition(labels, after)}
			if got := r.Errors[k]; got.Split != split || math.Abs(got.Before-defined.Before) > 1e-12 || math.Abs(got.After-defined.After) > 1e-12 {
				t.Errorf("%s: calibration errors %+v, by definition %+v", m.Name, got, defined)
			}
			s, want := NewScaler(temperature), make([]uint16, classes)
			for i := 0; i < len(before); i += classes {
				must(t, s.Apply(want, before[i:i+classes]))
				if !slices.Equal(after[i:i+classes], want) {
					t.Fatalf("%s on %s, row %d: %04x instead of %04x", m.Name, split, i/classes, after[i:i+classes], want)
				}
			}
		}
	}
	if e := results[0].Errors; e[0].Split != "search" || e[0].Before < 2*e[0].After || e[1].Before < 2*e[1].After {
		t.Errorf("calibration errors %+v", e)
	}

	// The answers are those of before.
	var answers [2][2][300]uint16
	for i, z := range []*zoo.Zoo{from, to} {
		r, err := z.Predictions("oracle", "test")
		must(t, err)
		if n, err := r.ReadAnswers(answers[i][0][:], answers[i][1][:]); n != 300 || err != nil && err != io.EOF {
			t.Fatal(n, err)
		}
		must(t, r.Close())
	}
	if answers[0] != answers[1] {
		t.Error("other answers")
	}

	// Again: nothing is written, the figures are the same.
	fingerprint := to.Fingerprint()
	again, err := Zoo(t.Context(), from, dir, Options{Split: "search", Models: from.Models()})
	must(t, err)
	for i, r := range again {
		if !r.Skipped {
			t.Errorf("%s was made again", r.Model)
		}
		r.Skipped = false
		if fmt.Sprint(r) != fmt.Sprint(results[i]) {
			t.Errorf("again %+v, before %+v", r, results[i])
		}
	}
	if to, err = zoo.Open(dir); err != nil || to.Fingerprint() != fingerprint {
		t.Errorf("the zoo has changed (%v)", err)
	}
}

// A calibration stopped after some rows and done again gives what an undisturbed one
// does.
func TestZooGoesOn(t *testing.T) {
	t.Parallel()
	from := source(t, 6)
	dir := filepath.Join(t.TempDir(), "to")
	whole := filepath.Join(t.TempDir(), "whole")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Zoo(ctx, from, dir, Options{Split: "search", Models: from.Models(), Progress: func(rows, of int64, _ string) {
		if rows > of/2 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the same command again does the rest") {
		t.Fatal(err)
	}
	half, err := zoo.Open(dir)
	must(t, err)
	there := len(half.Models())
	if there == 0 || there == 7 {
		t.Fatalf("%d models after the half", there)
	}
	results, err := Zoo(t.Context(), from, dir, Options{Split: "search", Models: from.Models()})
	must(t, err)
	skipped := 0
	for _, r := range results {
		if r.Skipped {
			skipped++
		}
	}
	if skipped != there {
		t.Errorf("%d models passed over, %d were there", skipped, there)
	}
	_, err = Zoo(t.Context(), from, whole, Options{Split: "search", Models: from.Models()})
	must(t, err)
	a, err := zoo.Open(dir)
	must(t, err)
	b, err := zoo.Open(whole)
	must(t, err)
	if a.Fingerprint() != b.Fingerprint() {
		t.Error("another zoo than without the stop")
	}
}

// A split without labels is copied at the models' temperatures. None can be fitted on it.
func TestZooWithUnlabelledSplit(t *testing.T) {
	t.Parallel()
	from := source(t, 2)
	w := write(t, from)
	must(t, w.AddUnlabelled("pool", 2, []string{"x", "y"}))
	mw, err := w.ExtendModel("m0")
	must(t, err)
	for range 2 {
		must(t, mw.WriteRow("pool", []uint16{0x3800, 0x3400, 0x3000, 0x3000}))
	}
	must(t, mw.Commit())
	must(t, w.Close())

	dir := filepath.Join(t.TempDir(), "to")
	for range 2 { // the second time everything is there
		results, err := Zoo(t.Context(), from, dir, Options{Split: "search", Models: from.Models()})
		must(t, err)
		if len(results[0].Errors) != 2 {
			t.Errorf("errors %+v, want those on search and test", results[0].Errors)
		}
		to, err := zoo.Open(dir)
		must(t, err)
		if ids, err := to.IDs("pool"); err != nil || !slices.Equal(ids, []string{"x", "y"}) {
			t.Errorf("ids %v, %v", ids, err)
		}
		if rows := rowsOf(t, to, "m0", "pool"); len(rows) != 2*classes || rows[0] >= 0x3800 {
			t.Errorf("outputs %x are not calibrated", rows)
		}
	}
	_, err = Zoo(t.Context(), from, filepath.Join(t.TempDir(), "no"), Options{Split: "pool", Models: from.Models()})
	if !errors.Is(err, zoo.ErrNoLabels) {
		t.Errorf("fitted on samples without labels: %v", err)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 7, 100, 20683} {
		for _, take := range []int{1, 3, 7, 64, 4194} {
			if take > n {
				continue
			}
			taken, last := 0, -1
			for i := range n {
				if !spread(i, take, n) {
					continue
				}
				if gap := i - last; last >= 0 && (gap < n/take || gap > n/take+1) {
					t.Fatalf("%d of %d: %d follows %d", take, n, i, last)
				}
				taken, last = taken+1, i
			}
			if taken != take {
				t.Errorf("%d of %d: %d taken", take, n, taken)
			}
		}
	}
}

func TestZooRefuses(t *testing.T) {
	t.Parallel()
	from := source(t, 2)
	good := filepath.Join(t.TempDir(), "good")
	all := Options{Split: "search", Models: from.Models()}
	_, err := Zoo(t.Context(), from, good, all)
	must(t, err)
	calibrated, err := zoo.Open(good)
	must(t, err)

	other := source(t, 1)
	odd, err := zoo.Create(filepath.Join(t.TempDir(), "odd"), classes)
	must(t, err)
	w := write(t, odd)
	labels := []uint16{0, 1}
	must(t, w.AddSplit("search", labels, nil))
	must(t, w.AddSplit("test", labels, nil))
	row := []uint16{0x3C00, 0, 0, 0}
	must(t, w.AddIndexOnly(zoo.Model{Name: "ghost"}, map[string]zoo.Lists{"search": zoo.BuildLists(append(row, row...), classes)}))
	for name, columns := range map[string]map[string]string{"warm": {zoo.ColumnTemperature: "37"}, "untested": {}} {
		mw := begin(t, w, zoo.Model{Name: name, Columns: columns})
		split := map[string]string{"warm": "search", "untested": "test"}[name]
		must(t, mw.WriteRow(split, row))
		must(t, mw.WriteRow(split, row))
		must(t, mw.Commit())
	}
	must(t, w.Close())
	model := func(name string) []zoo.Model {
		m, err := odd.Model(name)
		must(t, err)
		return []zoo.Model{m}
	}

	for _, test := range []struct {
		what    string
		from    *zoo.Zoo
		dir     string
		options Options
		want    string
	}{
		{"no such split", from, "new", Options{Split: "val", Models: from.Models()}, `"val"`},
		{"index only", odd, "new", Options{Split: "search", Models: model("ghost")}, `"ghost" has lists of its largest classes only`},
		{"not on the split", odd, "new", Options{Split: "search", Models: model("untested")}, `"untested" has no predictions on the split "search"`},
		{"a column of that name", odd, "new", Options{Split: "search", Models: model("warm")}, `already has a column "temperature", with "37"`},
		{"already calibrated", calibrated, "new", Options{Split: "search", Models: calibrated.Models()}, "already calibrated"},
		{"into itself", from, from.Dir(), all, "is the zoo to calibrate"},
		{"into a folder of its own", from, filepath.Join(from.Dir(), "archive", "out"), all, "is the zoo to calibrate, or in it"},
		{"made on another split", from, good, Options{Split: "test", Models: from.Models()}, "not made from this zoo"},
		{"another zoo", from, other.Dir(), all, "not made from this zoo"},
		{"other samples", odd, good, Options{Split: "search"}, "other samples"},
	} {
		dir := test.dir
		if dir == "new" {
			dir = filepath.Join(t.TempDir(), "new")
		}
		_, err := Zoo(t.Context(), test.from, dir, test.options)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", test.what, err, test.want)
		}
		if _, err := os.Stat(dir); test.dir == "new" && err == nil {
			t.Errorf("%s: there is a zoo", test.what)
		}
	}
	after, err := zoo.Open(good)
	must(t, err)
	if after.Fingerprint() != calibrated.Fingerprint() {
		t.Error("the calibrated zoo has changed")
	}
}

// A model that has changed since is noticed, by its outputs and by its columns.
func TestZooNoticesChanges(t *testing.T) {
	t.Parallel()
	from := source(t, 1)
	dir := filepath.Join(t.TempDir(), "to")
	_, err := Zoo(t.Context(), from, dir, Options{Split: "search", Models: from.Models()})
	must(t, err)
	m, err := from.Model("m0")
	must(t, err)
	rows := map[string][]uint16{"search": rowsOf(t, from, "m0", "search"), "test": rowsOf(t, from, "m0", "test")}
	w := write(t, from)
	m.Columns = maps.Clone(m.Columns)
	m.Columns["gflops"] = "0.5"
	mw, err := w.ReplaceModel(m)
	must(t, err)
	for split, r := range rows {
		for ; len(r) > 0; r = r[classes:] {
			must(t, mw.WriteRow(split, r[:classes]))
		}
	}
	must(t, mw.Commit())
	must(t, w.Close())
	if _, err := Zoo(t.Context(), from, dir, Options{Split: "search", Models: from.Models()}); err == nil || !strings.Contains(err.Error(), `"m0"`) {
		t.Errorf("error %v", err)
	}
}
