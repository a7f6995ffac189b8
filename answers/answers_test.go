package answers

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
)

var extensions = []string{".csv", ".json", ".parquet"}

// some are answers with whatever texts and numbers there are.
func some(n int) []Answer {
	r := rand.New(rand.NewPCG(1, 2))
	ids := []string{"a,b", `say "c"`, "två\nlines", "", " blank ", "日本/1.jpg", "<&>", "#5"}
	var all []Answer
	for i := range n {
		id := fmt.Sprintf("photos/%d.jpg", i)
		if i < len(ids) {
			id = ids[i]
		}
		all = append(all, Answer{id, r.IntN(1000), []string{"", "cat", "dog, small"}[i%3], r.Float64(), 1 + i%5})
	}
	all[0].Confidence, all[1].Confidence, all[2].Confidence = 1, 0, math.SmallestNonzeroFloat64
	return all
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, ext := range extensions {
		for _, n := range []int{0, 3, 70_000} {
			path := filepath.Join(t.TempDir(), "answers"+ext)
			var want []Answer
			if n > 0 {
				want = some(n)
			}
			if err := Write(path, want); err != nil {
				t.Fatal(err)
			}
			got, err := Read(path)
			if err != nil || len(got) != len(want) || n > 0 && !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %d answers: read %d, %v", ext, n, len(got), err)
			}
		}
	}
}

// What pandas makes of the files, and writes, is the same.
func TestPandas(t *testing.T) {
	t.Parallel()
	python := sharedtest.Python(t)
	dir := t.TempDir()
	want := some(100)
	for _, ext := range extensions {
		if err := Write(filepath.Join(dir, "mine"+ext), want); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(python, "-c", `
import pandas, sys
d = sys.argv[1] + "/"
p = pandas.read_parquet(d + "mine.parquet")
c = pandas.read_csv(d + "mine.csv", keep_default_na=False, float_precision="round_trip")
j = pandas.read_json(d + "mine.json", precise_float=False)
assert list(p.columns) == list(c.columns) == ["id", "class", "name", "confidence", "stage"], (p.columns, c.columns)
assert (p == c).all().all()
assert (p[["id", "class", "stage"]] == j[["id", "class", "stage"]]).all().all()
p[["stage", "confidence", "id", "class", "name"]].assign(other=1).to_csv(d + "theirs.csv")
p.to_json(d + "theirs.json", orient="records", double_precision=15)
p.assign(other=1.5).to_parquet(d + "theirs.parquet")
p.assign(id=range(len(p)), confidence=p.confidence.astype("float32")).drop(columns="name").to_parquet(d + "numbered.parquet", compression="gzip")
`, dir).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, ext := range extensions {
		got, err := Read(filepath.Join(dir, "theirs"+ext))
		if err != nil {
			t.Error(err)
			continue
		}
		// pandas writes 15 digits at most to JSON.
		if d, err := Compare(got, want, 1e-12, 10); err != nil || !d.None() || ext != ".json" && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", ext, d, err)
		}
	}
	numbered, err := Read(filepath.Join(dir, "numbered.parquet"))
	if err != nil || numbered[99].ID != "99" || numbered[99].Name != "" || numbered[99].Stage != want[99].Stage {
		t.Errorf("%+v, %v", numbered[99:], err)
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, test := range map[string]struct{ text, want string }{
		"none.csv":     {"", "it is empty"},
		"column.csv":   {"id,class,stage\na,1,1\n", `no column "confidence"`},
		"class.csv":    {"id,class,confidence,stage\na,1,0.5,1\nb,cat,0.5,1\n", `line 3: class "cat"`},
		"below.csv":    {"id,class,confidence,stage\na,-1,0.5,1\n", "line 2: class -1"},
		"stage.csv":    {"id,class,confidence,stage\na,1,0.5,0\n", "stages are numbered from 1"},
		"nan.csv":      {"id,class,confidence,stage\na,1,NaN,1\n", "finite"},
		"short.csv":    {"id,class,confidence,stage\na,1\n", "number of fields"},
		"object.json":  {`{"id": "a"}`, "not an array"},
		"text.json":    {`hello`, "not an array"},
		"field.json":   {`[{"id": "a", "class": 1, "confidence": 0.5}]`, `object 0: the field "stage" is missing`},
		"cut.json":     {`[{"id": "a", "class": 1, "confidence": 0.5, "stage": 1}`, "cut short"},
		"after.json":   {`[] []`, "follows the array"},
		"id.json":      {`[{"id": [1], "class": 1, "confidence": 0.5, "stage": 1}]`, "neither a text nor a number"},
		"null.json":    {`[{"id": null, "class": 1, "confidence": 0.5, "stage": 1}]`, `object 0: the field "id" is missing`},
		"no.parquet":   {"PAR1PAR1PAR1", "Parquet"},
		"answers.txt":  {"", ".csv, .json or .parquet"},
		"answers":      {"", ".csv, .json or .parquet"},
		"marked.csv":   {"\ufeffid,class,confidence,stage\na,1,0.5,1\n", ""},
		"numbers.json": {`[{"id": 7, "class": 1, "confidence": 1, "stage": 1, "more": null, "name": null}]`, ""},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(test.text), 0o666); err != nil {
			t.Fatal(err)
		}
		all, err := Read(path)
		if test.want == "" {
			if err != nil || len(all) != 1 {
				t.Errorf("%s: %v, %v", name, all, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %v does not say %q", name, err, test.want)
		}
	}
	path := filepath.Join(dir, "written.csv")
	if err := Write(path, []Answer{{ID: "a", Confidence: math.NaN(), Stage: 1}}); err == nil {
		t.Error("NaN was written")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file that was refused is there")
	}
}

// Whatever byte of a Parquet file is damaged, reading ends, with an error that names the
// file or with answers that can be.
func TestDamagedParquet(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "answers.parquet")
	if err := Write(path, some(20)); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.parquet")
	for i := range whole {
		for _, bad := range [][]byte{whole[:i], append(slices.Clone(whole[:i]), append([]byte{^whole[i]}, whole[i+1:]...)...)} {
			if err := os.WriteFile(damaged, bad, 0o666); err != nil {
				t.Fatal(err)
			}
			all, err := Read(damaged)
			if err != nil && strings.Count(err.Error(), damaged) != 1 || len(all) > 16*len(bad) {
				t.Errorf("byte %d: %d answers, %v", i, len(all), err)
			}
		}
	}
}

// Small files that unpack to much are refused before they do.
func TestParquetBombs(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		rows int
		make func(row int) Answer
		want string
	}{
		"one id": {1 << 20, func(int) Answer { return Answer{Stage: 1} }, `rows 0 and 1 both have the id ""`},
		"long names": {2000, func(row int) Answer {
			return Answer{ID: strconv.Itoa(row), Name: strconv.Itoa(row) + strings.Repeat("x", 1<<14), Stage: 1}
		}, "longer than the file"},
	} {
		all := make([]Answer, test.rows)
		for row := range all {
			all[row] = test.make(row)
		}
		path := filepath.Join(t.TempDir(), "answers.parquet")
		if err := Write(path, all); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err == nil || !strings.Contains(err.Error(), test.want) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%s: %d answers, %v", what, len(got), err)
		}
	}
	// A name that many have takes its place once.
	path := filepath.Join(t.TempDir(), "answers.parquet")
	all := make([]Answer, 5000)
	for row := range all {
		all[row] = Answer{ID: strconv.Itoa(row), Name: strings.Repeat("y", 1<<10), Stage: 1}
	}
	if err := Write(path, all); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || len(got) != len(all) {
		t.Errorf("%d answers, %v", len(got), err)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	first := []Answer{
		{"same", 1, "one", 0.5, 1}, {"class", 1, "one", 0.5, 1}, {"stage", 1, "one", 0.5, 1}, {"near", 1, "one", 0.5, 1},
		{"far", 1, "one", 0.5, 1}, {"name", 1, "one", 0.5, 1}, {"unnamed", 1, "", 0.5, 1}, {"mine", 1, "one", 0.5, 1},
	}
	second := []Answer{
		{"yours", 1, "one", 0.5, 1}, {"unnamed", 1, "one", 0.5, 1}, {"name", 1, "uno", 0.5, 1}, {"far", 1, "one", 0.75, 1},
		{"near", 1, "one", 0.515625, 1}, {"stage", 1, "one", 0.9, 2}, {"class", 2, "two", 0.9, 2}, {"same", 1, "one", 0.5, 1},
	}
	d, err := Compare(first, second, 0.015625, 3)
	if err != nil {
		t.Fatal(err)
	}
	var apart []string
	for _, p := range d.Apart {
		apart = append(apart, p.First.ID)
	}
	want := &Difference{
		Version: 1, Samples: 7, Differ: 4, Class: 1, Name: 1, Stage: 2, Confidence: 1, Largest: 0.25, Tolerance: 0.015625,
		OnlyFirst: 1, OnlySecond: 1, Apart: d.Apart, FirstIDs: []string{"mine"}, SecondIDs: []string{"yours"},
	}
	if !reflect.DeepEqual(d, want) || !slices.Equal(apart, []string{"class", "stage", "far"}) || d.None() {
		t.Errorf("%+v, samples %q", d, apart)
	}
	if d, err := Compare(first, first, 0, 10); err != nil || !d.None() {
		t.Errorf("compared with itself: %+v, %v", d, err)
	}
	if _, err := Compare(first, append(second, second[0]), 0, 10); err == nil || !strings.Contains(err.Error(), `second file: rows 0 and 8 both have the id "yours"`) {
		t.Error(err)
	}
}
