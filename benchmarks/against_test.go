package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A revision is built, measured in turns with what is here, and leaves nothing behind.
func TestAgainst(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the benchmarks twice")
	}
	root, err := git(t.Context(), ".", "rev-parse", "--show-toplevel")
	if err != nil {
		t.Skip("not in a clone: ", err)
	}
	t.Parallel()
	status := func() string {
		s, err := git(t.Context(), root, "status", "--porcelain")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before, dir, outDir := status(), t.TempDir(), t.TempDir()
	var out bytes.Buffer
	if err := runSuites(t.Context(), []string{"-quick", "-against", "HEAD", "-only", "all thresholds", "-runs", "2", "-dir", dir, "-out", outDir}, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	var c Comparison
	data, err := os.ReadFile(filepath.Join(outDir, "against.json"))
	if err == nil {
		err = json.Unmarshal(data, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !c.Quick || c.Rounds != 2 || c.Then == c.Now || len(c.Suites) != 1 || len(c.Suites[0].Rows) == 0 || c.Suites[0].Error != "" {
		t.Fatalf("%+v", c)
	}
	page, err := os.ReadFile(filepath.Join(outDir, "AGAINST.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{c.Then, c.Now, c.Machine.CPU} {
		if !strings.Contains(string(page), want) || !strings.Contains(out.String(), want) {
			t.Errorf("AGAINST.md or what was printed lacks %q", want)
		}
	}
	for _, r := range c.Suites[0].Rows {
		if r.Ratio == nil || r.Ratio.Runs != 2 || r.Then.Runs != 2 || r.Now.Runs != 2 || !strings.Contains(string(page), r.Figure) {
			t.Errorf("%+v", r)
		}
	}
	if after := status(); after != before {
		t.Errorf("the repository changed from %q to %q", before, after)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "against-*")); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	if trees, err := git(t.Context(), root, "worktree", "list"); err != nil || strings.Contains(trees, dir) {
		t.Errorf("a worktree is left (%v):\n%s", err, trees)
	}
}

// What cannot be compared is said in a sentence, and uncommitted work stays as it is.
func TestAgainstOtherRevisions(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	dir := t.TempDir()
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	t.Chdir(dir)
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) {
		t.Helper()
		if _, err := git(t.Context(), dir, append([]string{"-c", "user.name=n", "-c", "user.email=e", "-c", "commit.gpgsign=false"}, args...)...); err != nil {
			t.Fatal(err)
		}
	}
	fails := func(want string, args ...string) {
		t.Helper()
		err := runSuites(t.Context(), append([]string{"-quick", "-dir", "data"}, args...), &bytes.Buffer{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	fails("-against needs a clone of the repository", "-against", "HEAD")
	run("init", "--quiet")
	fails("no such revision", "-against", "HEAD")
	write("README.md", "no benchmarks")
	run("add", ".")
	run("commit", "--quiet", "-m", "first")
	fails("has no benchmarks", "-against", "HEAD")
	write("go.mod", "module m\n\ngo 1.26\n")
	write("benchmarks/main.go", "package main\n\nimport \"flag\"\n\nvar suites = []string{\"Scaling\"}\n\nfunc main() {\n\tflag.Bool(\"quick\", false, \"\")\n\tflag.Parse()\n}\n")
	run("add", ".")
	run("commit", "--quiet", "-m", "second")
	write("README.md", "changed")
	fails("no such revision", "-against", "HEAD~2")
	fails("no such revision", "-against", "--all")
	fails("does not have Search index", "-against", "HEAD", "-only", "search index")
	fails("have no flag -only: they are too old", "-against", "HEAD", "-only", "scaling")
	if text, _ := os.ReadFile("README.md"); string(text) != "changed" {
		t.Errorf("README.md is %q", text)
	}
	if left, _ := filepath.Glob("data/against-*"); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

// Figures are compared if both sides have them in every round, in one unit.
func TestCompareRows(t *testing.T) {
	t.Parallel()
	round := func(same, zero, unit string, values ...float64) []Row {
		return []Row{
			row(same, "s", values[:1]), row(zero, "", values[1:2]), row("other unit", unit, values[2:3]), missing("numpy", "left out"),
		}
	}
	thens := [][]Row{append(round("same", "zero", "s", 2, 0, 1), row("then", "s", []float64{1})), append(round("same", "zero", "s", 4, 0, 1), row("then", "s", []float64{1}))}
	nows := [][]Row{append(round("same", "zero", "us", 1, 0, 1), row("once", "s", []float64{1})), round("same", "zero", "us", 1, 1, 1)}
	s := compareRows("suite", thens, nows)
	if len(s.Rows) != 2 || s.Rows[0].Figure != "same" || s.Rows[0].Then.Median != 3 || s.Rows[0].Now.Median != 1 ||
		*s.Rows[0].Ratio != (Measurement{Median: 0.375, Min: 0.25, Max: 0.5, Runs: 2}) {
		t.Errorf("%+v", s.Rows)
	}
	if s.Rows[1].Figure != "zero" || s.Rows[1].Ratio != nil {
		t.Errorf("a ratio to 0: %+v", s.Rows[1])
	}
	if !slices.Equal(s.OnlyThen, []string{"other unit", "then"}) || !slices.Equal(s.OnlyNow, []string{"other unit"}) {
		t.Errorf("only then %q, only now %q", s.OnlyThen, s.OnlyNow)
	}
	var out bytes.Buffer
	c := Comparison{Then: "old", Now: "new"}
	if err := c.print(&out, s); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.375 (0.25 to 0.5)", "Only old has: other unit; then.", "Only new has: other unit."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}

// The earlier side gets the simulated data, and no file that one side writes is the other's.
func TestGiveData(t *testing.T) {
	t.Parallel()
	now, then := t.TempDir(), t.TempDir()
	large := bytes.Repeat([]byte("x"), 1<<20)
	for name, content := range map[string][]byte{"zoo-v2-1/index/lists": large, "outputs-v2-1/genomes.json": []byte("small"), "peers/peer.py": []byte("script")} {
		path := filepath.Join(now, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c := comparing{now: &side{name: "new", data: now}, then: &side{name: "old", data: then}}
	for range 2 { // what is there is left alone
		if err := c.giveData(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(then, "outputs-v2-1", "genomes.json"), []byte("of then"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(then, "zoo-v2-1", "index", "lists")); err != nil || !bytes.Equal(got, large) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, _ := os.ReadFile(filepath.Join(now, "outputs-v2-1", "genomes.json")); string(got) != "small" {
		t.Errorf("one side's genomes are the other's: %q", got)
	}
	if exists(filepath.Join(then, "peers")) {
		t.Error("the peers' scripts are shared")
	}
	if err := c.sameData(); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(filepath.Join(then, "zoo-v1-1"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := c.sameData(); err == nil || !strings.Contains(err.Error(), "old simulates other data (zoo-v1-1)") {
		t.Errorf("other data: %v", err)
	}
}
