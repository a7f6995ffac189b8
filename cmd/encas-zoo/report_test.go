package main

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// reportJSON is the JSON result of report.
type reportJSON struct {
	report.Data
	Runs []struct {
		report.Run
		Cascades []struct {
			Text       string `json:"cascade"`
			Stages     []struct{ Model int }
			NoMoreCost *int            `json:"model_of_no_more_cost"`
			Search     *report.Results `json:"search"`
			Test       *report.Results `json:"test"`
		} `json:"cascades"`
	} `json:"runs"`
}

// reportData runs report and returns the data of its page, and what it warned of.
func reportData(t *testing.T, dir string, args ...string) (*reportJSON, string) {
	t.Helper()
	cmd := exec.Command("encas-zoo", append([]string{"report", "--json"}, args...)...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	d := new(reportJSON)
	if err := json.Unmarshal(out, d); err != nil {
		t.Fatal(err)
	}
	return d, stderr.String()
}

// checkHostileReport makes everything report makes of the run in dir, in a folder of a
// name as bad as those of its models.
func checkHostileReport(t *testing.T, dir string, found *front.Front) {
	t.Helper()
	const bad = "<script>'\" & 模型\n"
	if err := os.CopyFS(filepath.Join(dir, bad), os.DirFS(filepath.Join(dir, "run"))); err != nil {
		t.Fatal(err)
	}
	write := program(t, dir, "report", bad, "--zoo", "z", "-q")
	if strings.Count(write, "\n") != 4 {
		t.Errorf("the terminal got %q", write)
	}
	page, err := os.ReadFile(filepath.Join(dir, bad, "report.html"))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(strings.ToLower(string(page)), "<script"); n != 2 {
		t.Errorf("the page has %d script elements", n)
	}
	plot, err := os.Open(filepath.Join(dir, bad, "front.svg"))
	if err != nil {
		t.Fatal(err)
	}
	defer plot.Close()
	for x := xml.NewDecoder(plot); ; {
		token, err := x.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "script" {
			t.Error("the plot has a script")
		}
	}
	rows, err := csv.NewReader(strings.NewReader(program(t, dir, "report", bad, "--zoo", "z", "-q", "--format", "csv"))).ReadAll()
	if err != nil || len(rows) != 1+len(found.Points) || rows[1][0] != bad || rows[1][2] != found.Points[0].String() {
		t.Errorf("%d rows of CSV, %.300q, %v", len(rows), rows[1], err)
	}
	d, _ := reportData(t, dir, bad, "--zoo", "z")
	for i, c := range d.Runs[0].Cascades {
		for s, stage := range c.Stages {
			if want := found.Points[i].Stages[s].Model; d.Models[stage.Model].Name != want {
				t.Errorf("the model %q became %q", want, d.Models[stage.Model].Name)
			}
		}
	}
	text := program(t, dir, "report", bad, "--zoo", "z", "-q", "--format", "md")
	text += program(t, dir, "export", bad, "--pick", "0", "--format", "md")
	if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\n' }); i >= 0 {
		t.Errorf("Markdown has a control character: %q", text[i:min(len(text), i+20)])
	}
}

// A zoo that has search indexes alone can be searched and shown; the page says what
// it cannot know.
func TestReportOfAnIndexOnlyZoo(t *testing.T) {
	dir := t.TempDir()
	if err := makeOutputs(filepath.Join(dir, "made"), 4, 200, 40); err != nil {
		t.Fatal(err)
	}
	program(t, dir, "import", "--zoo", "full", "--format", "npy", "--split", "search=0.5", "--split", "test=0.5", "made")
	full, err := zoo.Open(filepath.Join(dir, "full"))
	if err != nil {
		t.Fatal(err)
	}
	thin, err := zoo.Create(filepath.Join(dir, "thin"), full.Classes())
	if err != nil {
		t.Fatal(err)
	}
	w, err := thin.Write()
	if err != nil {
		t.Fatal(err)
	}
	lists := map[string]map[string]zoo.Lists{} // by model and split
	for _, split := range full.Splits() {
		labels, ids, err := full.Labels(split.Name)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.AddSplit(split.Name, labels, ids); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, m := range full.Models() {
			names = append(names, m.Name)
		}
		index, err := full.OpenIndex(t.Context(), split.Name, names, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer index.Close()
		for _, name := range names {
			if lists[name] == nil {
				lists[name] = map[string]zoo.Lists{}
			}
			lists[name][split.Name] = index.Lists(name)
		}
	}
	for _, m := range full.Models() {
		if err := w.AddIndexOnly(m, lists[m.Name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	program(t, dir, "optimize", "--zoo", "thin", "--algorithm", "exact", "--rule", "mean", "--out", "run", "-q")
	d, warned := reportData(t, dir, "run")
	found, err := front.ReadFront(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Runs[0].Cascades) != len(found.Points) || d.Runs[0].Checked {
		t.Errorf("%d cascades of %d, checked %v", len(d.Runs[0].Cascades), len(found.Points), d.Runs[0].Checked)
	}
	for _, c := range d.Runs[0].Cascades {
		if c.Search != nil || c.Test != nil {
			t.Fatal("there are results that nobody can know")
		}
	}
	notes := strings.Join(d.Notes, "\n")
	for _, split := range []string{"search", "test"} {
		if !strings.Contains(notes, split+", ") || !strings.Contains(warned, split+", ") {
			t.Errorf("nothing is said of the split %s:\n%s\n%s", split, notes, warned)
		}
	}
	if !strings.Contains(notes, "the results of single stages there are not known") {
		t.Error(notes)
	}
}

// What a zoo knows of its classes and models beside their cost is on the page.
func TestReportShowsWhatTheZooKnows(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	made := filepath.Join(dir, "made")
	if err := makeOutputs(made, 3, 200, 5); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	columns := "name,gflops,params,latency_ms,device\nm00,0.01,1000,0.5,cpu\nm01,0.02,2000,1.5,cpu\nm02,0.04,4000,2.5,DEVICE\n"
	write("names.txt", "tench\n<b>shark\nkite\ncrane\ncrane\n")
	write("few.txt", "tench\n")
	importTo := func(zoo, device, names string) {
		write(filepath.Join("made", "models.csv"), strings.ReplaceAll(columns, "DEVICE", device))
		program(t, dir, "import", "--zoo", zoo, "--format", "npy", "--split", "search=0.5", "--split", "test=0.5", "--class-names", names, "made")
		program(t, dir, "optimize", "--zoo", zoo, "--algorithm", "exact", "--rule", "mean", "--out", zoo+"-run", "-q")
	}
	importTo("one", "cpu", "names.txt")
	d, _ := reportData(t, dir, "one-run")
	if got := strings.Join(d.Classes, "|"); got != "tench|<b>shark|kite|crane|crane" {
		t.Errorf("the classes are called %s", got)
	}
	if m := d.Models[1]; m.Params != 2000 || m.Latency != 1.5 || d.Device != "cpu" {
		t.Errorf("%+v on %q", m, d.Device)
	}

	importTo("two", "gpu", "names.txt")
	d, _ = reportData(t, dir, "two-run")
	if m := d.Models[1]; m.Params != 2000 || m.Latency != 0 || d.Device != "" || !strings.Contains(d.Notes[0], "different devices (cpu; gpu)") {
		t.Errorf("%+v on %q, %q", m, d.Device, d.Notes[0])
	}

	cmd := exec.Command("encas-zoo", "import", "--zoo", "three", "--format", "npy", "--split", "search", "--class-names", "few.txt", "made")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "there are 5 classes and names for 1") {
		t.Errorf("too few names: %v, %s", err, out)
	}
	if _, err := os.Stat(filepath.Join(dir, "three")); err == nil {
		t.Error("a zoo was left behind")
	}
}

// report and evaluate say the same of a front on samples it was not chosen on.
func TestReportAgreesWithEvaluate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program(t, dir, "optimize", "--zoo", "example", "--algorithm", "exact", "--rule", "mean", "--out", "run", "-q")
	d, _ := reportData(t, dir, "run")
	var e struct {
		Cascades []struct {
			Text    string `json:"cascade"`
			Correct int
			Cost    float64
			Against *study.Against
		}
	}
	if err := json.Unmarshal([]byte(program(t, dir, "evaluate", "--zoo", "example", "--json", "run")), &e); err != nil {
		t.Fatal(err)
	}
	if len(e.Cascades) != len(d.Runs[0].Cascades) || len(e.Cascades) < 50 {
		t.Fatalf("%d cascades on the page, %d evaluated", len(d.Runs[0].Cascades), len(e.Cascades))
	}
	for i, c := range d.Runs[0].Cascades {
		want := e.Cascades[i]
		if c.Text != want.Text || c.Test.Correct != want.Correct || c.Test.Cost != want.Cost {
			t.Errorf("the page says %d right at %v of %s, evaluate %d at %v of %s", c.Test.Correct, c.Test.Cost, c.Text, want.Correct, want.Cost, want.Text)
		}
		if c.Test.Against == nil || want.Against == nil || d.Models[*c.NoMoreCost].Name != want.Against.Model ||
			c.Test.Against.OnlyCascade != want.Against.OnlyCascade || c.Test.Against.OnlyModel != want.Against.OnlyModel || c.Test.Against.McNemar != want.Against.McNemar {
			t.Errorf("%s: the page compares %+v, evaluate %+v", c.Text, c.Test.Against, want.Against)
		}
	}
}
