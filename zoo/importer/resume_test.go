package importer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// TestMain lets the tests run an import in a process of its own.
func TestMain(m *testing.M) {
	if text := os.Getenv("IMPORTER_TEST_CHILD"); text != "" {
		if err := runChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A child is an import in a process of its own.
type child struct {
	Format, Source, Zoo string
	Splits              []string
	Logits              bool
	Status              string // where to copy /proc/self/status at the end, if anywhere
}

func (c child) command(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "IMPORTER_TEST_CHILD="+string(text))
	return cmd
}

// start starts the import and returns when it is about to touch the zoo.
func (c child) start(t *testing.T) (*exec.Cmd, time.Time) {
	t.Helper()
	cmd := c.command(t)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd, time.Now()
}

func runChild(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	cuts, err := ParseSplits(c.Splits)
	if err != nil {
		return err
	}
	s, err := Open(c.Format, []string{c.Source}, OpenOptions{Logits: c.Logits})
	if err != nil {
		return err
	}
	defer s.Close()
	fmt.Println("importing")
	if _, err := Import(context.Background(), c.Zoo, s, Options{Splits: cuts, Seed: 1}); err != nil {
		return err
	}
	if c.Status == "" {
		return nil
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	return os.WriteFile(c.Status, status, 0o666)
}

// manyModels writes a folder of models with random predictions.
func manyModels(t *testing.T, models, samples, classes int) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	f := files{}
	list := "name,gflops\n"
	for m := range models {
		values := make([]float32, samples*classes)
		for i := range samples {
			row := values[i*classes : (i+1)*classes]
			sum := float32(0)
			for c := range row {
				row[c] = r.Float32()
				sum += row[c]
			}
			for c := range row {
				row[c] /= sum
			}
		}
		f[fmt.Sprintf("m%d.npy", m)] = floats(fmt.Sprintf("(%d, %d)", samples, classes), values...)
		list += fmt.Sprintf("m%d,%d\n", m, m+1)
	}
	l := make([]uint8, samples)
	for i := range l {
		l[i] = uint8(r.IntN(classes))
	}
	f["labels.npy"] = labels(l...)
	f["models.csv"] = []byte(list)
	return f.write(t)
}

// A stopped import keeps the models that are done; the same again does the rest, and
// the zoo is the same as without the stop, whatever the number of threads.
func TestResume(t *testing.T) {
	t.Parallel()
	src := mustOpen(t, "npy", OpenOptions{}, manyModels(t, 6, 400, 7))
	cuts := mustCut(t, "search=0.5", "test=0.5")
	whole, _ := mustImport(t, t.TempDir(), src, "search=0.5", "test=0.5")

	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	sum, err := Import(ctx, dir, src, Options{Splits: cuts, Seed: 1, Threads: 1, Progress: func(p Progress) {
		if p.Models == 2 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "2 of 6") || sum.Imported != 2 {
		t.Fatalf("%v, %+v", err, sum)
	}
	var last Progress
	sum, err = Import(t.Context(), dir, src, Options{Splits: cuts, Seed: 1, Threads: 3, Progress: func(p Progress) { last = p }})
	if err != nil || sum.Imported != 4 || sum.Skipped != 2 || len(sum.Splits) != 2 || sum.Splits[0].Samples != 200 {
		t.Fatalf("%v, %+v", err, sum)
	}
	if want := (Progress{Model: last.Model, Models: 4, Todo: 4, Skipped: 2, Rows: 1600, OfRows: 1600}); last != want {
		t.Errorf("progress %+v, want %+v", last, want)
	}
	sum, err = Import(t.Context(), dir, src, Options{Splits: cuts, Seed: 1})
	if err != nil || sum.Imported != 0 || sum.Skipped != 6 || sum.Rows != 0 {
		t.Fatalf("%v, %+v", err, sum)
	}
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if z.Fingerprint() != whole.Fingerprint() {
		t.Error("the zoo differs from one imported without a stop")
	}
	// Before anything is done, a stop says so too.
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if _, err := Import(ctx, t.TempDir(), src, Options{Splits: cuts}); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped at once: %v", err)
	}
}

// Columns that the list adds or corrects are taken over, but for those that were set in the
// zoo; then it says what differs.
func TestColumnsAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := func(text string, splits ...string) (*zoo.Zoo, Summary, *Source) {
		s := mustOpen(t, "npy", OpenOptions{}, goodNPY.with("models.csv", []byte(text)).write(t))
		z, sum := mustImport(t, dir, s, splits...)
		return z, sum, s
	}
	check := func(z *zoo.Zoo, model string, want map[string]string) {
		t.Helper()
		m, err := z.Model(model)
		if err != nil {
			t.Fatal(err)
		}
		for column, value := range want {
			if m.Columns[column] != value {
				t.Errorf("%s of %s is %q, not %q", column, model, m.Columns[column], value)
			}
		}
	}
	list("name,gflops\na,1\nb,2\n", "search=0:2")
	z, sum, src := list("name,gflops,price\na,1,7\nb,3,8\n", "search=0:2")
	if sum.Updated != 2 || sum.Skipped != 2 || sum.Imported != 0 || len(sum.Warnings) > 0 || !slices.Equal(src.Notes(), []string{"1 of 3 samples are in no split", "a, b: set price", "b: gflops corrected from 2 to 3"}) {
		t.Errorf("%+v, %q", sum, src.Notes())
	}
	check(z, "a", map[string]string{"gflops": "1", "price": "7"})
	check(z, "b", map[string]string{"gflops": "3", "price": "8"})
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetColumns(map[string]map[string]string{"b": {"gflops": "5", zoo.ColumnSetPrefix + "gflops": "by hand"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	z, sum, _ = list("name,gflops,price\na,2,7\nb,3,8\n", "test=2:")
	if sum.Updated != 1 || sum.Imported != 2 || len(sum.Warnings) != 1 || !strings.Contains(sum.Warnings[0], "gflops of b is 5, as it was set in the zoo, and 3 in the list") {
		t.Errorf("%+v", sum)
	}
	check(z, "a", map[string]string{"gflops": "2"})
	check(z, "b", map[string]string{"gflops": "5"})
	// Names of columns that differ in letter case only are one.
	z, _, _ = list("name,gflops,PRICE\na,2,9\nb,5,8\n", "search=0:2")
	check(z, "a", map[string]string{"price": "9", "PRICE": ""})
}

// Other predictions replace those that are there, if that is asked for, and leave those on
// other splits alone.
func TestReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustImport(t, dir, mustOpen(t, "npy", OpenOptions{}, goodNPY.write(t)), "search=0:2", "test=2:")
	corrected := goodNPY.with("b.npy", floats("(3, 2)", 1, 0, 1, 0, 1, 0))
	src := mustOpen(t, "npy", OpenOptions{}, corrected.write(t))
	cuts := mustCut(t, "search=0:2")
	before, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, test := readZooRows(t, before, "a", "search"), readZooRows(t, before, "b", "test")
	for again := range 2 {
		sum, err := Import(t.Context(), dir, src, Options{Splits: cuts, Replace: true})
		if err != nil || sum.Imported != 1-again || sum.Skipped != 1+again {
			t.Fatalf("%+v, %v", sum, err)
		}
		z, err := zoo.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := z.Verify(t.Context(), nil); err != nil {
			t.Error(err)
		}
		one := []uint16{outputs.OneBits, 0, outputs.OneBits, 0}
		if got := readZooRows(t, z, "b", "search"); !slices.Equal(got, one) || !slices.Equal(readZooRows(t, z, "b", "test"), test) || !slices.Equal(readZooRows(t, z, "a", "search"), a) {
			t.Errorf("%04x", got)
		}
	}
}

// Other labels replace those that are there, if that is asked for and all predictions on the
// samples come with them. What was set in the zoo stays.
func TestReplaceLabels(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	z, _ := mustImport(t, dir, mustOpen(t, "npy", OpenOptions{}, goodNPY.write(t)), "search=0:2", "test=2:")
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.SetColumns(map[string]map[string]string{"b": {"price": "5", zoo.ColumnSetPrefix + "price": "by hand"}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	rows := readZooRows(t, z, "b", "search")
	before := openIndex(t, z, "search")
	corrected := goodNPY.with("labels.npy", labels(1, 1, 1))
	again := func(f files, replace bool) error {
		_, err := Import(t.Context(), dir, mustOpen(t, "npy", OpenOptions{}, f.write(t)), Options{Splits: mustCut(t, "search=0:2"), Replace: replace})
		return err
	}
	wantSays(t, again(corrected, false), "labels.npy", "other labels", "--replace")
	one := corrected.with("b.npy", nil).with("models.csv", []byte("name,gflops\na,1\n"))
	wantSays(t, again(one, true), "--replace, with the predictions of all models on this split, of which 1 are not here (b)")
	wantSays(t, again(corrected.with("ids.npy", npyFile("<U1", "(3,)", []uint32{'x', 'y', 'z'})), true), "have none")
	if err := again(corrected, true); err != nil {
		t.Fatal(err)
	}
	if z, err = zoo.Open(dir); err != nil {
		t.Fatal(err)
	}
	if err := z.Verify(t.Context(), nil); err != nil {
		t.Error(err)
	}
	got, _, err := z.Labels("search")
	if err != nil || !slices.Equal(got, []uint16{1, 1}) {
		t.Errorf("%v, %v", got, err)
	}
	if m, err := z.Model("b"); err != nil || m.Columns["price"] != "5" || !slices.Equal(readZooRows(t, z, "b", "search"), rows) {
		t.Errorf("%+v, %v", m, err)
	}
	if after := openIndex(t, z, "search"); slices.Equal(after, before) || !slices.Equal(after, []uint16{1, 1}) {
		t.Errorf("the index has the labels %v", after)
	}
}

// An import that is killed when it has replaced the labels, but not what zoo.json says of
// them, is completed by the same import, or undone by one with the old labels.
func TestReplaceLabelsStopped(t *testing.T) {
	t.Parallel()
	sources := map[string]func(labels string) files{
		"without ids": func(labels string) files {
			return files{"models.csv": []byte("name,gflops\nm,1\n"), "m.csv": []byte("p0,p1\n1,0\n0,1\n0,1\n"), "labels.csv": []byte("label\n" + labels)}
		},
		"with ids": func(labels string) files {
			rows := strings.Split(labels, "\n")
			return files{"models.csv": []byte("name,gflops\nm,1\n"), "m.csv": []byte("id,p0,p1\nb,0,1\na,1,0\nc,0,1\n"),
				"labels.csv": []byte("id,label\na," + rows[0] + "\nb," + rows[1] + "\nc," + rows[2] + "\n")}
		},
	}
	for what, source := range sources {
		for _, then := range []string{"0\n1\n0\n", "0\n1\n1\n"} {
			dir := filepath.Join(t.TempDir(), "zoo")
			open := func(labels string) *Source { return mustOpen(t, "csv", OpenOptions{}, source(labels).write(t)) }
			mustImport(t, dir, open("0\n1\n1\n"), "search")
			head := filepath.Join(dir, "zoo.json")
			before, err := os.ReadFile(head)
			if err != nil {
				t.Fatal(err)
			}
			opt := Options{Splits: mustCut(t, "search"), Replace: true}
			if _, err := Import(t.Context(), dir, open("0\n1\n0\n"), opt); err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if err := os.WriteFile(head, before, 0o666); err != nil {
				t.Fatal(err)
			}
			z, err := zoo.Open(dir)
			if err != nil || z.Verify(t.Context(), nil) == nil {
				t.Fatalf("%s: it is not damaged: %v", what, err)
			}
			if _, err := Import(t.Context(), dir, open(then), opt); err != nil {
				t.Errorf("%s, with the labels %q: %v", what, then, err)
				continue
			}
			if z, err = zoo.Open(dir); err == nil {
				err = z.Verify(t.Context(), nil)
			}
			if err != nil {
				t.Errorf("%s, with the labels %q: %v", what, then, err)
			}
		}
	}
}

// openIndex returns the labels of the search index of a split, which is built.
func openIndex(t *testing.T, z *zoo.Zoo, split string) []uint16 {
	t.Helper()
	ix, err := z.OpenIndex(t.Context(), split, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	return slices.Clone(ix.Labels())
}

// What is there already and differs is refused before anything is written.
func TestConflicts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	z, _ := mustImport(t, dir, mustOpen(t, "npy", OpenOptions{}, goodNPY.write(t)), "search=0:2", "test=2:")
	before := z.Fingerprint()
	again := goodNPY.with("c.npy", goodNPY["a.npy"]).with("models.csv", []byte("name,gflops\nc,3\na,1\nb,2\n"))
	for _, c := range []struct {
		name   string
		files  files
		opt    OpenOptions
		splits []string
		says   []string
	}{
		{"other predictions", again.with("b.npy", goodNPY["a.npy"]), OpenOptions{}, []string{"search=0:2", "test=2:"}, []string{"b.npy", `already has a model "b"`, `split "search"`, "--replace"}},
		{"logits", again, OpenOptions{Logits: true}, []string{"search=0:2", "test=2:"}, []string{"c.npy", "probabilities already"}},
		{"other labels", again.with("labels.npy", labels(1, 1, 1)), OpenOptions{}, []string{"search=0:2", "test=2:"}, []string{"labels.npy", "other labels"}},
		{"other ranges", again, OpenOptions{}, []string{"search=1:3"}, []string{"labels.npy", "search", "--split"}},
		{"other size", again, OpenOptions{}, []string{"search"}, []string{"already has 2 samples"}},
		{"other classes", files{"c.npy": floats("(3, 3)", 1, 0, 0, 1, 0, 0, 1, 0, 0), "labels.npy": goodNPY["labels.npy"], "models.csv": []byte("name,gflops\nc,3\n")}, OpenOptions{}, []string{"more"}, []string{"has 2 classes", "c.npy has 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustOpen(t, "npy", c.opt, c.files.write(t))
			_, err := Import(t.Context(), dir, s, Options{Splits: mustCut(t, c.splits...)})
			wantSays(t, err, c.says...)
			z, err := zoo.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if z.Fingerprint() != before {
				t.Error("the zoo changed")
			}
		})
	}
	z, sum := mustImport(t, dir, mustOpen(t, "npy", OpenOptions{}, again.write(t)), "search=0:2", "test=2:")
	if sum.Imported != 1 || sum.Skipped != 2 || !z.HasModel("c") {
		t.Errorf("adding a model: %+v", sum)
	}
}

// Predictions on a further split are added to the models that are there.
func TestExtend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	search, test := goodNPY.write(t), goodNPY.with("a.npy", goodNPY["b.npy"]).with("labels.npy", labels(1, 1, 1)).write(t)
	mustImport(t, dir, mustOpen(t, "npy", OpenOptions{}, search), "search")
	z, sum := mustImport(t, dir, mustOpen(t, "npy", OpenOptions{}, test), "test")
	if sum.Imported != 2 || sum.Skipped != 0 {
		t.Errorf("summary %+v", sum)
	}
	if !slices.Equal(readZooRows(t, z, "a", "test"), readZooRows(t, z, "b", "test")) || slices.Equal(readZooRows(t, z, "a", "search"), readZooRows(t, z, "a", "test")) {
		t.Error("the splits are mixed up")
	}
	for path, split := range map[string]string{search: "search", test: "test"} {
		if _, sum := mustImport(t, dir, mustOpen(t, "npy", OpenOptions{}, path), split); sum.Skipped != 2 {
			t.Errorf("%s again: %+v", split, sum)
		}
	}
}

// A process killed at any moment leaves a zoo that opens and verifies, and that the
// same import completes.
func TestKilled(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 5
	}
	c := child{Format: "npy", Source: manyModels(t, 5, 3000, 10), Splits: []string{"search=0.5", "test=0.5"}}
	c.Zoo = filepath.Join(t.TempDir(), "whole")
	cmd, begun := c.start(t)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	length := time.Since(begun)
	whole, err := zoo.Open(c.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	partly := 0
	for i := range kills {
		c.Zoo = filepath.Join(t.TempDir(), "zoo")
		cmd, _ := c.start(t)
		time.Sleep(time.Duration(r.Float64() * float64(length)))
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if z, err := zoo.Open(c.Zoo); err == nil {
			if err := z.Verify(t.Context(), nil); err != nil {
				t.Fatalf("kill %d: %v", i, err)
			}
			if n := len(z.Models()); n > 0 && n < 5 {
				partly++
			}
		}
		if out, err := c.command(t).CombinedOutput(); err != nil {
			t.Fatalf("kill %d: the same import again: %v\n%s", i, err, out)
		}
		z, err := zoo.Open(c.Zoo)
		if err != nil {
			t.Fatal(err)
		}
		if err := z.Verify(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if z.Fingerprint() != whole.Fingerprint() {
			t.Fatalf("kill %d: the completed zoo differs", i)
		}
	}
	t.Logf("%d of %d kills left some models", partly, kills)
}

// An import of files far larger than the memory it may use.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("imports 800 MB")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("needs /proc/self/status to see the memory used")
	}
	const samples, classes = 25_000, 1000
	dir := t.TempDir()
	// The outputs are zeros but for the first, and take no room on disk: logits of a model
	// that knows nothing. Four models are in the works at a time.
	list := "name,gflops\n"
	for m := range maxThreads {
		head := npyFile("<f8", fmt.Sprintf("(%d, %d)", samples, classes), []float64{-1})
		path := filepath.Join(dir, fmt.Sprintf("m%d.npy", m))
		if err := os.WriteFile(path, head, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, int64(len(head)-8+8*samples*classes)); err != nil {
			t.Fatal(err)
		}
		list += fmt.Sprintf("m%d,1\n", m)
	}
	for name, content := range (files{"labels.npy": npyFile("|u1", fmt.Sprintf("(%d,)", samples), make([]uint8, samples)), "models.csv": []byte(list)}) {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c := child{Format: "npy", Source: dir, Zoo: filepath.Join(t.TempDir(), "zoo"), Splits: []string{"search=0.5", "test=0.5"}, Logits: true, Status: filepath.Join(t.TempDir(), "status")}
	start := time.Now()
	if out, err := c.command(t).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("imported 800 MB in %v", time.Since(start))
	if mb := peakMemory(t, c.Status); mb >= 300 {
		t.Errorf("the import used %d MB", mb)
	}
}

// peakMemory returns the largest resident memory in a copy of /proc/self/status.
func peakMemory(t *testing.T, path string) int {
	t.Helper()
	status, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("peak memory %d MB", kb>>10)
			return kb >> 10
		}
	}
	t.Fatal("no VmHWM in /proc/self/status")
	return 0
}
