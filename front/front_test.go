package front

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// hostile are names that break naive output.
var hostile = []string{"<script>alert(1)</script>", `quo"te`, "new\nline", "semi;colon", "co,mma", "=1+1", "last:x", "a*2", strings.Repeat("n", 300), "模型"}

// newFront returns a small front that is valid.
func newFront() *Front {
	point := func(text string, correct, bound int, reach []int, costs ...float64) Point {
		c, err := cascade.Parse(text)
		if err != nil {
			panic(err)
		}
		return Point{Cascade: c, Evaluation: cascade.NewEvaluation(costs, correct, reach, 10), Bound: bound}
	}
	f := &Front{
		Version:   Version,
		Zoo:       Zoo{Fingerprint: "f00d", Classes: 10},
		Split:     Split{Name: "search", Samples: 10, Fingerprint: "beef"},
		Cost:      "gflops",
		Algorithm: "exact",
		Grid:      []float32{0, 0.02, 0.999998, 1},
		Proof:     "optimal for chains of at most 2 models",
		Points: []Point{
			point("a", 5, 0, []int{10}, 0.5),
			point("a@0.02,b*2", 7, 0, []int{10, 4}, 0.5, 3),
			point("last:a@0.999998,b", 8, 9, []int{10, 6}, 0.5, 3),
		},
		Models: []Model{{Name: "a", Cost: 0.5, Correct: 5}, {Name: "b", Cost: 3, Correct: 7, Temperature: 1.25}, {Name: "expensive and bad", Cost: 2, Correct: 4}},
	}
	f.Unlabelled = &Split{Name: "pool", Samples: 20, Fingerprint: "cafe", Unlabelled: true}
	f.Points[2].With = &With{Samples: 30, Reach: []int{30, 15}, Cost: 2, Accuracy: &Estimate{Value: 0.75, StandardError: 0.05}}
	for i, name := range hostile {
		f.Points = append(f.Points, point(strconv.Quote(name), 9, 0, []int{10}, float64(4+i)))
	}
	return f
}

func TestFolderRoundTrip(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "run")
	folder, err := CreateFolder(dir, time.Now(), "exact", Refuse)
	if err != nil {
		t.Fatal(err)
	}
	want := newFront()
	run := &Run{Version: Version, Command: []string{"encas-zoo", "optimize"}, Program: ProgramVersion(), Machine: ThisMachine(2), Options: map[string]any{"max-models": 3.0}, Seconds: map[string]float64{"search": 0.25}}
	if err := folder.Write(want, run); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFront(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("front.json reads as something else (-want +got):\n%s", diff)
	}
	data, err := os.ReadFile(filepath.Join(dir, RunFile))
	if err != nil {
		t.Fatal(err)
	}
	gotRun := new(Run)
	if err := json.Unmarshal(data, gotRun); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(run, gotRun); diff != "" {
		t.Errorf("run.json reads as something else (-want +got):\n%s", diff)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 3 {
		t.Errorf("the run folder holds %v", entries)
	}
	folder.Discard()
	if _, err := os.Stat(dir); err != nil {
		t.Error("Discard removed a folder with results")
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	front := newFront()
	front.Points[0].Expected = &Expected{0.45, [2]float64{0.4, 0.5}}
	var b bytes.Buffer
	if err := front.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	if head := "correct,n,accuracy,gflops,worst_gflops,models,thresholds,expected,expected_low,expected_high\n5,10,0.5,0.5,0.5,a,,0.45,0.4,0.5\n7,10,0.7,1.7,3.5,a;b*2,0.02,,,\n8,10,0.8,2.3,3.5,last:a;b,0.999998,,,\n"; !strings.HasPrefix(b.String(), head) {
		t.Errorf("begins with\n%.200swant\n%s", &b, head)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range hostile {
		cell := rows[4+i][5]
		if unquoted, err := strconv.Unquote(cell); err == nil {
			cell = unquoted
		}
		if cell != name {
			t.Errorf("the name %q became %q", name, rows[4+i][5])
		}
	}
	for i, p := range front.Points[1:3] {
		got, err := strconv.ParseFloat(rows[i+2][6], 32)
		if err != nil || float32(got) != p.Stages[0].Threshold {
			t.Errorf("threshold %v became %q", p.Stages[0].Threshold, rows[i+2][6])
		}
	}
}

func TestCreateFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, want := range []string{"runs/20260102-030405-exact", "runs/20260102-030405-exact-2"} {
		f, err := CreateFolder("", now, "exact", Refuse)
		if err != nil || f.Dir != want {
			t.Fatalf("got %v, %v, want %s", f, err, want)
		}
	}
	f, err := CreateFolder("", now, "exact", Refuse)
	if err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if _, err := os.Stat(f.Dir); !os.IsNotExist(err) {
		t.Error("Discard left the empty folder")
	}

	os.Mkdir("photos", 0o777)
	os.WriteFile("photos/cat.jpg", nil, 0o666)
	if _, err := CreateFolder("photos", now, "exact", Refuse); err == nil || !strings.Contains(err.Error(), "photos is neither empty nor") {
		t.Errorf("a folder with other files: %v", err)
	}
	os.Mkdir("earlier", 0o777)
	os.WriteFile("earlier/run.json", nil, 0o666)
	if _, err := CreateFolder("earlier", now, "exact", Refuse); err == nil || !strings.Contains(err.Error(), "earlier has an earlier run: --force replaces it") {
		t.Errorf("the folder of an earlier run: %v", err)
	}
	f, err = CreateFolder("earlier", now, "exact", Continue)
	if err != nil {
		t.Errorf("the folder of this run: %v", err)
	}
	f.Discard()
	if _, err := os.Stat("earlier"); err != nil {
		t.Error("Discard removed a folder that was there before")
	}
	if _, err := CreateFolder("photos/cat.jpg", now, "exact", Refuse); err == nil {
		t.Error("a file in the place of the folder: no error")
	}
}

// Why there is nothing to resume is said, and what an earlier run is.
func TestEarlierWords(t *testing.T) {
	t.Chdir(t.TempDir())
	resume := func(want string) {
		t.Helper()
		if _, err := ReadState("run"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	create := func(want string) {
		t.Helper()
		if _, err := CreateFolder("run", time.Now(), "exact", Refuse); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	resume("run has no search to resume: there is no such folder")
	f, err := CreateFolder("run", time.Now(), "exact", Refuse)
	if err != nil {
		t.Fatal(err)
	}
	resume("run: another search writes to this run folder: wait")
	front := newFront()
	if err := f.Write(front, &Run{Version: Version}); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	resume("run has no search to resume: it is done")
	create("run has an earlier run: --force replaces it; or name another folder")
	for _, interrupted := range []bool{false, true} {
		if f, err = CreateFolder("run", time.Now(), "exact", Continue); err != nil {
			t.Fatal(err)
		}
		front.Proof, front.Parts, front.Interrupted = "", &Parts{Of: 4, Searched: []int{1}}, interrupted
		if err := errors.Join(f.SaveState([]byte("{}")), f.Write(front, &Run{Version: Version})); err != nil {
			t.Fatal(err)
		}
		f.Discard()
		if interrupted {
			create("run has part 1 of 4 of an earlier search, which is not done: --resume with this folder continues it, --force replaces it; or")
		} else {
			create("run has part 1 of 4 of an earlier search: --force replaces it; or")
		}
	}
	os.Remove("run/front.json")
	create("run has an earlier run, which is not done: --resume with this folder continues it, --force replaces it; or")
	os.Remove("run/search.json")
	resume("run has no search to resume: none began there")
}

// An earlier run that may be replaced stays until there is something of the new one, and goes
// as a whole; what others put beside it stays.
func TestReplaceFolder(t *testing.T) {
	t.Parallel()
	for _, write := range []func(f *Folder) error{
		func(f *Folder) error { return f.SaveState([]byte("{}")) },
		func(f *Folder) error { return f.Write(newFront(), &Run{Version: Version}) },
	} {
		dir := t.TempDir()
		for _, name := range append(files(), "notes.txt") {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("earlier"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := CreateFolder(dir, time.Now(), "exact", Refuse); err == nil || !strings.Contains(err.Error(), "--resume") {
			t.Errorf("%v", err)
		}
		f, err := CreateFolder(dir, time.Now(), "exact", Replace)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.DropState(); err != nil {
			t.Fatal(err)
		}
		for _, name := range files() {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("before anything was written: %v", err)
			}
		}
		if err := write(f); err != nil {
			t.Fatal(err)
		}
		for _, name := range append(files(), "notes.txt") {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil && string(data) == "earlier" != (name == "notes.txt") {
				t.Errorf("%s is of the wrong run", name)
			}
		}
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	front := &Front{}
	cost := 0.001
	for i := range 1000 {
		cost *= 1.01
		front.Points = append(front.Points, Point{Evaluation: cascade.Evaluation{Correct: i * i, Cost: cost}})
		for n := 2; n < 30; n += 9 {
			places := front.Spread(n)
			if len(places) > n || places[0] != 0 || places[len(places)-1] != i || !slices.IsSorted(places) || len(slices.Compact(slices.Clone(places))) != len(places) {
				t.Fatalf("%d of %d cascades: %v", n, i+1, places)
			}
		}
	}
	if places := front.Spread(20); len(places) < 15 {
		t.Errorf("only %v of 1000 cascades", places)
	}
}

func TestDecodeFrontErrors(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	good, err := encode(newFront(), " ")
	if err != nil {
		t.Fatal(err)
	}
	b.Write(good)
	edit := func(old, new string) string {
		if strings.Count(string(good), old) == 0 {
			t.Fatalf("nothing to replace: %s", old)
		}
		return strings.Replace(string(good), old, new, 1)
	}
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "unexpected end"},
		{"no JSON", "front", "line 1: invalid character"},
		{"another JSON", "{}", `"version" is missing`},
		{"newer", edit(`"version": 1`, `"version": 2`), "newer encas-zoo"},
		{"truncated", string(good[:len(good)/2]), "unexpected end"},
		{"syntax", edit(`"correct": 5,`, `"correct": 5;`), "line 33: invalid character"},
		{"wrong type", edit(`"correct": 5`, `"correct": "5"`), "cannot unmarshal string"},
		{"accuracy", edit(`"accuracy": 0.5`, `"accuracy": 0.6`), `cascade "a": accuracy 0.6 is not 5/10`},
		{"correct", edit(`"correct": 5`, `"correct": 11`), "11 correct answers of 10"},
		{"no samples", edit(`"n": 10`, `"n": 0`), "5 correct answers of 0"},
		{"reach grows", edit(`"reach": 4`, `"reach": 14`), "14 samples reach stage 2"},
		{"threshold", edit(`"threshold": 0.02`, `"threshold": 1.5`), "threshold 1.5"},
		{"huge threshold", edit(`"threshold": 0.02`, `"threshold": 1e300`), "cannot unmarshal"},
		{"missing threshold", edit(`"threshold": 0.02,`, ``), "every stage but the last"},
		{"weight", edit(`"weight": 2`, `"weight": 0`), "weight 0"},
		{"weights", edit(`"weight": 2`, `"weight": 255`), "sum to at most 255"},
		{"no name", edit(`"model": "a"`, `"model": ""`), "names no model"},
		{"negative cost", edit(`"cost": 0.5`, `"cost": -0.5`), "cost"},
		{"cost", edit(`"cost": 1.7`, `"cost": 1.8`), "cost 1.8, but its stages cost 1.7"},
		{"worst cost", edit(`"worst_cost": 3.5`, `"worst_cost": 3`), "worst cost 3, but"},
		{"unlabelled samples fewer", edit(`"n": 30`, `"n": 10`), "with unlabelled samples there are 10, with 10 of them searched"},
		{"unlabelled reach", edit(`    15
`, `    5
`), "with unlabelled samples 5 reach stage 2"},
		{"unlabelled cost", edit(`"cost": 2,`, `"cost": 2.5,`), "with unlabelled samples it costs 2.5, but"},
		{"unlabelled accuracy", edit(`"value": 0.75`, `"value": 1.75`), "its accuracy is 1.75"},
		{"no rule", edit(`"rule": "mean",`, ``), "rule or its confidence is missing"},
		{"rule", edit(`"rule": "mean"`, `"rule": "median"`), `rule "median"`},
		{"confidence", edit(`"confidence": "max"`, `"confidence": "min"`), `confidence "min"`},
		{"bound", edit(`"bound": 9`, `"bound": 7`), "the bound is 7"},
		{"at least one stage", edit(`"stages": [`, `"stages": [], "x": [`), "at least one stage"},
		{"split", edit(`"samples": 10`, `"samples": 11`), "the split has 11"},
		{"order", edit(`"cascades": [`, `"cascades": [{"rule":"mean","confidence":"max","n":10,"cost":9,"worst_cost":9,"stages":[{"model":"z","weight":1,"cost":9,"reach":10}]},`), "cascade 1 is cheaper"},
		{"model cost", edit("\"cost\": 2,\n   \"correct\": 4", "\"cost\": -2,\n   \"correct\": 4"), "expensive and bad"},
		{"model", edit("\"cost\": 2,\n   \"correct\": 4", "\"cost\": 2,\n   \"correct\": 40"), "40 correct answers"},
		{"difference", edit("\n}\n", ",\"differences\":[{\"cascade\":99}]}"), "cascade 99 of 13"},
	} {
		_, err := DecodeFront(strings.NewReader(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want one that says %q", test.name, err, test.want)
		}
	}
	if _, err := DecodeFront(&b); err != nil {
		t.Errorf("the front itself: %v", err)
	}
	if _, err := ReadFront(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not a run folder") {
		t.Errorf("an empty folder: %v", err)
	}
}

// A file full of empty objects must fail at the first one, not become millions of
// structs.
func TestDecodeFrontStopsEarly(t *testing.T) {
	stages := `{"version":1,"cascades":[{"rule":"mean","confidence":"max","stages":[` + strings.Repeat("{},", 1<<20) + `{}]}]}`
	if allocated := testing.AllocsPerRun(1, func() { DecodeFront(strings.NewReader(stages)) }); allocated > 1000 {
		t.Errorf("%v allocations for empty stages", allocated)
	}
	text := `{"version":1,"cascades":[` + strings.Repeat("{},", 1<<20) + `{}]}`
	reader := strings.NewReader(text)
	allocated := testing.AllocsPerRun(1, func() {
		reader.Reset(text)
		if _, err := DecodeFront(reader); err == nil {
			t.Error("no error")
		}
	})
	if allocated > 1000 {
		t.Errorf("%v allocations", allocated)
	}
}

func FuzzDecodeFront(f *testing.F) {
	good, err := encode(newFront(), " ")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	likely, err := encode(newLikelyFront(), " ")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(likely)
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"split":{"samples":10},"cascades":[{"rule":"mean","confidence":"max","n":10,"cost":9,"worst_cost":9,"stages":[{"model":"z","weight":1,"cost":9,"reach":10}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		front, err := DecodeFront(bytes.NewReader(data))
		if err != nil {
			return
		}
		// What was accepted can be shown, and written and read again.
		front.Choose(Limits{})
		front.Choose(Limits{Cost: 1, WorstCost: 2})
		for _, name := range PickNames() {
			Pick{Name: name}.Of(front, Limits{})
		}
		Pick{MinAccuracy: 0.5}.Of(front, Limits{})
		front.Spread(20)
		front.Worthwhile(20)
		if front.Selection != nil {
			_ = front.Selection.String()
		}
		for _, p := range front.Points {
			if share := p.Likely(); !(0 <= share && share <= 1) {
				t.Errorf("%s is likely to be correct on a share of %v", p, share)
			}
		}
		again, err := encode(front, " ")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeFront(bytes.NewReader(again)); err != nil {
			t.Fatal(err)
		}
	})
}
