package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// program runs the program in dir, which must work, and returns its output.
func program(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("encas-zoo", args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("encas-zoo %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return string(out)
}

func readCSV(t *testing.T, path string) [][]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

func parse(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// The exact fronts of 29 real CIFAR-10 models equal those that were made, once, by
// trying everything in another program.
func TestReferenceFronts(t *testing.T) {
	t.Parallel()
	outputs, fronts := sharedtest.Dir(t, "cifar10"), sharedtest.Dir(t, "fronts")
	dir := t.TempDir()
	program(t, dir, "import", "--zoo", "cifar", "--format", "npy", "--split", "search=0:5000", "--split", "test=5000:10000", outputs)
	for _, test := range []struct{ name, grid, models string }{
		{"cifar10_paper_k2", "paper", "2"},
		{"cifar10_paper_k3", "paper", "3"},
		{"cifar10_fine_k2", filepath.Join(fronts, "grid_fine_78.txt"), "2"},
		{"cifar10_fine_k3", filepath.Join(fronts, "grid_fine_78.txt"), "3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if testing.Short() && test.models == "3" {
				t.Skip("chains of three take a while")
			}
			program(t, dir, "optimize", "--zoo", "cifar", "--algorithm", "exact", "--grid", test.grid, "--max-models", test.models, "--out", test.name, "--quiet")
			want := readCSV(t, filepath.Join(fronts, test.name+".csv"))
			got := readCSV(t, filepath.Join(dir, test.name, front.CSVFile))
			if len(got) != len(want) {
				t.Fatalf("%d cascades, want %d", len(got), len(want))
			}
			for i := range want {
				wrong := parse(t, got[i][1]) - parse(t, got[i][0])
				// The reference has the error in percent of 5,000.
				wantWrong := math.Round(parse(t, want[i][0]) * 50)
				cost, wantCost := parse(t, got[i][3]), parse(t, want[i][1])
				if wrong != wantWrong || math.Abs(cost-wantCost) > 1e-6 {
					t.Errorf("row %d: %v wrong at %v GFLOPs, want %v at %v", i, wrong, cost, wantWrong, wantCost)
				}
			}
		})
	}
}

// An import that is killed at any moment leaves a zoo that opens and verifies, and
// the same command completes it.
func TestKilledImport(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs signals")
	}
	kills := 50
	if testing.Short() {
		kills = 5
	}
	dir := t.TempDir()
	if err := makeOutputs(filepath.Join(dir, "made"), 12, 2000, 20); err != nil {
		t.Fatal(err)
	}
	args := func(into string) []string {
		return []string{"import", "--zoo", into, "--format", "npy", "--split", "search=0.5", "--split", "test=0.5", "--quiet", "made"}
	}
	start := time.Now()
	program(t, dir, args("whole")...)
	whole := time.Since(start)
	want := program(t, dir, "zoo", "list", "--zoo", "whole", "--json")

	random := rand.New(rand.NewPCG(3, 4))
	opened, unfinished := 0, 0
	for i := range kills {
		into := fmt.Sprintf("killed%d", i/5) // five kills at the same import
		cmd := exec.Command("encas-zoo", args(into)...)
		cmd.Dir = dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Float64() * float64(whole)))
		cmd.Process.Kill()
		cmd.Wait()
		z, err := zoo.Open(filepath.Join(dir, into))
		if errors.Is(err, os.ErrNotExist) {
			continue // killed before the zoo was made
		}
		if err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		opened++
		if len(z.Models()) < 12 {
			unfinished++
		}
		if err := z.Verify(t.Context(), nil); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		if i%5 == 4 || i == kills-1 {
			program(t, dir, args(into)...)
			program(t, dir, "zoo", "verify", "--zoo", into)
			if got := program(t, dir, "zoo", "list", "--zoo", into, "--json"); got != want {
				t.Fatalf("kill %d: the completed import differs from one that was not killed", i)
			}
			temporary, err := filepath.Glob(filepath.Join(dir, into, "*", "*", ".tmp-*"))
			if err != nil || len(temporary) > 0 {
				t.Errorf("kill %d: left behind: %v, %v", i, temporary, err)
			}
		}
	}
	t.Logf("%d kills: %d times there was a zoo, %d times an unfinished one", kills, opened, unfinished)
	if unfinished == 0 && !testing.Short() {
		t.Error("no kill met an import on its way: the test proves nothing")
	}
}

// Ctrl-C ends an import with the finished models kept.
func TestInterruptedImport(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs signals")
	}
	dir := t.TempDir()
	if err := makeOutputs(filepath.Join(dir, "made"), 40, 4000, 20); err != nil {
		t.Fatal(err)
	}
	args := []string{"import", "--zoo", "z", "--format", "npy", "--split", "search", "--threads", "1", "made"}
	stderr, code := interrupt(t, dir, args, func() bool {
		z, err := zoo.Open(filepath.Join(dir, "z"))
		return err == nil && len(z.Models()) > 0
	})
	if code != exitInterrupted || !strings.Contains(stderr, "interrupted: stopped with ") {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	program(t, dir, "zoo", "verify", "--zoo", "z")
	if out := program(t, dir, args...); !strings.Contains(out, " there already") {
		t.Errorf("the same command again: %s", out)
	}
}

// interrupt starts the program, sends it SIGINT once ready says so, and returns what
// it wrote to standard error and its exit code.
func interrupt(t *testing.T, dir string, args []string, ready func() bool) (stderr string, code int) {
	t.Helper()
	cmd := exec.Command("encas-zoo", args...)
	cmd.Dir = dir
	var text strings.Builder
	cmd.Stderr = &text
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 10_000 {
		if ready() {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	err := cmd.Wait()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return text.String(), exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return text.String(), 0
}

// A full disk, played by a limit on the size of files, is an error that names the
// file, and what was complete before stays.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("needs bash for ulimit")
	}
	dir := t.TempDir()
	if err := makeOutputs(filepath.Join(dir, "small"), 2, 50, 4); err != nil {
		t.Fatal(err)
	}
	if err := makeOutputs(filepath.Join(dir, "large"), 2, 5000, 4); err != nil {
		t.Fatal(err)
	}
	program(t, dir, "import", "--zoo", "z", "--format", "npy", "--split", "small", "small")
	before := program(t, dir, "zoo", "list", "--zoo", "z", "--json")
	// The limit, in KiB, is above the labels and below the outputs.
	cmd := exec.Command("bash", "-c", "ulimit -f 24; exec encas-zoo import --zoo z --format npy --split large large")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitError {
		t.Fatalf("%v\n%s", err, out)
	}
	if !bytes.Contains(out, []byte(filepath.Join("z", "archive", "large", "m0"))) || !bytes.Contains(out, []byte("file too large")) {
		t.Errorf("the error does not say what happened to which file: %s", out)
	}
	if after := program(t, dir, "zoo", "list", "--zoo", "z", "--json"); after != before {
		t.Errorf("the models before:\n%s\nand after:\n%s", before, after)
	}
	program(t, dir, "zoo", "verify", "--zoo", "z")
	program(t, dir, "import", "--zoo", "z", "--format", "npy", "--split", "large", "large")
}

// Output that cannot be written is an error.
func TestFullOutput(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("needs /dev/full")
	}
	defer full.Close()
	for _, args := range [][]string{{"zoo", "list", "--zoo", "example"}, {"zoo", "list", "--zoo", "example", "--json"}} {
		cmd := exec.Command("encas-zoo", args...)
		cmd.Stdout = full
		err := cmd.Run()
		if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitError {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// Ctrl-C ends a search with the front found so far.
func TestInterruptedSearch(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs signals")
	}
	dir := t.TempDir()
	args := []string{"optimize", "--zoo", "example", "--algorithm", "random", "--evals", "1000000000", "--out", "run"}
	stderr, code := interrupt(t, dir, args, func() bool {
		// The folder is made just before the search begins.
		_, err := os.Stat(filepath.Join(dir, "run"))
		if err == nil {
			time.Sleep(time.Second)
		}
		return err == nil
	})
	if code != exitInterrupted || !strings.Contains(stderr, "interrupted: the front found so far is in run") {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	found, err := front.ReadFront(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Points) == 0 || !found.Interrupted || !found.Checked || found.Proof != "" {
		t.Errorf("%d cascades, interrupted %v, checked %v, proof %q", len(found.Points), found.Interrupted, found.Checked, found.Proof)
	}
}

// A search that is interrupted again and again ends with the front of one that never
// was.
func TestResumedSearch(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("needs signals")
	}
	dir := t.TempDir()
	args := func(more ...string) []string {
		return append([]string{"optimize", "--zoo", "example", "--algorithm", "nsga2", "--evals", "150000", "--models", "tree_*,extra_*,conv_*,qda"}, more...)
	}
	start := time.Now()
	program(t, dir, args("--out", "whole")...)
	whole := time.Since(start)
	state := filepath.Join(dir, "parts", front.StateFile)
	if _, err := os.Stat(filepath.Join(dir, "whole", front.StateFile)); err == nil {
		t.Error("a search that is done left its state behind")
	}
	interrupted, done, where := 0, false, "--out"
	for try := range 4 {
		// The later the interrupt, the more there is to go on with; the first
		// comes early in a search on any machine.
		wait := time.Duration(try+1) * whole / 8
		stderr, code := interrupt(t, dir, args(where, "parts"), func() bool {
			_, err := os.Stat(filepath.Join(dir, "parts"))
			if err == nil {
				time.Sleep(wait)
			}
			return err == nil
		})
		if done = code == 0; done {
			break
		}
		if code != exitInterrupted {
			t.Fatalf("exit code %d\n%s", code, stderr)
		}
		if _, err := os.Stat(state); err == nil {
			interrupted, where = interrupted+1, "--resume"
		}
	}
	if interrupted == 0 {
		t.Error("no search was interrupted: the test proves nothing")
	}
	t.Logf("interrupted %d times", interrupted)
	if !done {
		program(t, dir, args(where, "parts")...)
	}
	for _, name := range []string{front.FrontFile, front.CSVFile} {
		want, err := os.ReadFile(filepath.Join(dir, "whole", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "parts", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from that of a search never interrupted (%v)", name, err)
		}
	}
	if _, err := os.Stat(state); err == nil {
		t.Error("the state outlived the search")
	}
}

// Whatever models are called, terminals see text only, and JSON and CSV give the
// names back.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("such files cannot be made")
	}
	names := []string{"\x1b[2Jgone", "new\nline", `quo"te`, "<script>", "a,b;c@0.5*2", "\u202erotated", strings.Repeat("long", 60), "-rf", "--json", "模型"}
	dir := t.TempDir()
	answers := filepath.Join(dir, "answers")
	if err := os.Mkdir(answers, 0o777); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(answers, name+".csv"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	var models bytes.Buffer
	table := csv.NewWriter(&models)
	table.Write([]string{"name", "gflops"})
	labels := "sample,label\n"
	for i := range 40 {
		labels += fmt.Sprintf("s%d,%d\n", i, i%3)
	}
	for m, name := range names {
		table.Write([]string{name, strconv.Itoa(m + 1)})
		text := "sample,label,confidence\n"
		for i := range 40 {
			label, confidence := i%3, 0.9
			if i%len(names) > m {
				label, confidence = (i+1)%3, 0.4
			}
			text += fmt.Sprintf("s%d,%d,%g\n", i, label, confidence)
		}
		write(name, text)
	}
	table.Flush()
	write("labels", labels)
	write("models", models.String())

	program(t, dir, "import", "--zoo", "z", "--format", "csv", "--split", "search", "answers")
	out := program(t, dir, "zoo", "list", "--zoo", "z")
	out += program(t, dir, "optimize", "--zoo", "z", "--rule", "last", "--out", "run")
	out += program(t, dir, "evaluate", "run", "--zoo", "z", "--split", "search")
	if i := strings.IndexFunc(out, func(r rune) bool { return r < ' ' && r != '\n' || r == '\u202e' }); i >= 0 {
		t.Errorf("the terminal got %q", out[i:min(len(out), i+20)])
	}
	found, err := front.ReadFront(filepath.Join(dir, "run"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
	}
	if len(found.Points) < len(names) {
		t.Errorf("only %d cascades", len(found.Points))
	}
	for _, c := range found.Points {
		for _, s := range c.Stages {
			if !known[s.Model] {
				t.Errorf("front.json names a model %q", s.Model)
			}
		}
		// The text form can be given back.
		again := program(t, dir, "evaluate", "--zoo", "z", "--split", "search", "--cascade="+c.String()) // it may begin with a dash
		if !strings.Contains(again, percent(c.Accuracy())) {
			t.Errorf("%s is evaluated to\n%s instead of %s", c.String(), again, percent(c.Accuracy()))
		}
	}
	if rows := readCSV(t, filepath.Join(dir, "run", front.CSVFile)); len(rows) != len(found.Points) {
		t.Errorf("front.csv has %d rows, front.json %d cascades", len(rows), len(found.Points))
	}
	checkHostileReport(t, dir, found)
	program(t, dir, "zoo", "remove", "--zoo", "z", "--", "-rf", "--json")
}
