package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/zoo"
)

const testClasses = 5

// writeImages makes a folder of class folders with n small pictures.
func writeImages(t testing.TB, n int) string {
	t.Helper()
	return torchtest.Pictures(t, n, testClasses)
}

// fakes writes model files of the fake shim and a list of them; a model is NAME or
// "NAME: what fake.c reads | list overrides".
func fakes(t testing.TB, models ...string) []Entry {
	t.Helper()
	dir := t.TempDir()
	var list strings.Builder
	for i, m := range models {
		name, rest, _ := strings.Cut(m, ":")
		text, overrides, _ := strings.Cut(rest, "|")
		if !strings.Contains(text, "broken") {
			text = fmt.Sprintf("fake seed %d %s", i, strings.TrimSpace(text))
		}
		if err := os.WriteFile(filepath.Join(dir, name+".pt"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&list, "%s.pt size=8 %s\n", name, overrides)
	}
	entries, err := ParseList(strings.NewReader(list.String()), "list", dir)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func options(t testing.TB, images string, models []Entry) Options {
	t.Helper()
	return Options{
		Zoo: filepath.Join(t.TempDir(), "zoo"), Data: []Data{{Split: "val", Path: images}}, Models: models,
		Shim: torchtest.Fake(t), Device: "cpu", Batch: 8, GroupMemory: 1 << 20,
		Log: func(s string) { t.Log(s) },
	}
}

// rows reads a model's outputs.
func rows(t testing.TB, z *zoo.Zoo, model, split string) []uint16 {
	t.Helper()
	r, err := z.Predictions(model, split)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []uint16
	buf := make([]uint16, 16*z.Classes())
	for {
		n, err := r.ReadRows(buf)
		out = append(out, buf[:n*z.Classes()]...)
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// contents is everything of a zoo that two runs must agree in: all but times.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Verify(context.Background(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, s := range z.Splits() {
		out["split "+s.Name] = s.Fingerprint
	}
	for _, m := range z.Models() {
		columns := maps.Clone(m.Columns)
		delete(columns, "latency_ms")
		delete(columns, "throughput")
		out[m.Name] = fmt.Sprint(columns)
		for split := range m.Splits {
			out[m.Name+" on "+split] = fmt.Sprint(rows(t, z, m.Name, split))
		}
	}
	return out
}

func run(t testing.TB, o Options) Result {
	t.Helper()
	res, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestRun(t *testing.T) {
	t.Parallel()
	o := options(t, writeImages(t, 50), fakes(t, "a", "b: |crop_pct=1", "c", "d: |mean=0.5,0.5,0.5 name=other"))
	var last Progress
	o.Progress = func(p Progress) { last = p }
	res := run(t, o)
	if want := []string{"a", "b", "c", "other"}; !slices.Equal(slices.Sorted(slices.Values(res.Added)), want) || len(res.Failed)+len(res.Skipped) > 0 {
		t.Fatalf("added %v, want %v; %+v", res.Added, want, res)
	}
	if last.Done != 200 || last.Total != 200 || !(last.Rate > 0) || last.Left != 0 || last.Images != 50 || last.Of != 50 {
		t.Errorf("progress %+v, want 200 of 200", last)
	}
	before := contents(t, o.Zoo)
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	if z.Classes() != testClasses {
		t.Errorf("%d classes", z.Classes())
	}
	m, _ := z.Model("c")
	for column, want := range map[string]string{
		"gflops": "0.003", "gflops_fvcore": "0.0045", "params": "1002", "batch": "8", "memory_mb": "0.006144",
		"precision": "fp32", "image_size": "8x8", "torch": "fake", "preprocessing": "8x8 bicubic 0.875 center, mean [0.485 0.456 0.406], std [0.229 0.224 0.225]",
	} {
		if m.Columns[column] != want {
			t.Errorf("%s is %q, want %q", column, m.Columns[column], want)
		}
	}
	for _, column := range []string{"latency_ms", "throughput"} {
		if _, err := m.Cost(column); err != nil {
			t.Error(err)
		}
	}
	if before["a on val"] == before["b on val"] {
		t.Error("models of two settings saw the same pixels")
	}

	// Again: nothing is run. A further split: it alone is.
	if res := run(t, o); len(res.Skipped) != 4 || len(res.Added) != 0 {
		t.Errorf("the second time %+v", res)
	}
	o.Data = append(o.Data, Data{Split: "test", Path: writeImages(t, 20)})
	if res := run(t, o); len(res.Added) != 4 {
		t.Errorf("with a further split %+v", res)
	}
	after := contents(t, o.Zoo)
	for key, value := range before {
		if after[key] != value {
			t.Errorf("%s changed", key)
		}
	}
	if after["a on test"] == "" {
		t.Error("no predictions on the further split")
	}
	left, _ := filepath.Glob(filepath.Join(o.Zoo, ".*"))
	if len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestBatchesDoNotMatter compares batch sizes, workers, groups and memory limits.
func TestBatchesDoNotMatter(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 37)
	var want map[string]string
	for _, c := range []struct {
		batch, workers int
		memory         int64
		most           string
	}{{8, 2, 1 << 20, ""}, {1, 1, 0, ""}, {64, 5, 1 << 20, ""}, {8, 3, 1 << 20, "most 3"}, {5, 1, 30, "most 1"}} {
		o := options(t, images, fakes(t, "a", "b: "+c.most, "c"))
		o.Batch, o.Workers, o.GroupMemory = c.batch, c.workers, c.memory
		if res := run(t, o); len(res.Added) != 3 {
			t.Fatalf("%+v: %+v", c, res)
		}
		got := contents(t, o.Zoo)
		for _, m := range []string{"a", "b", "c"} {
			delete(got, m) // the columns tell the batch
		}
		if want == nil {
			want = got
		} else if !maps.Equal(got, want) {
			t.Errorf("%+v gives another zoo", c)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	o := options(t, writeImages(t, 30), fakes(t,
		"good", "text: broken", "wrong: classes 7", "nan: nan 25", "dead: fail", "small: most 0", "nosize", "fine"))
	o.Models[6].Size = nil
	res := run(t, o)
	if want := []string{"good", "fine"}; !slices.Equal(res.Added, want) {
		t.Errorf("added %v, want %v", res.Added, want)
	}
	reasons := map[string]string{
		"text": "not a TorchScript model", "wrong": "wrong output", "nan": "of val: its output is not a number", "dead": "told to fail",
		"small": "out of memory", "nosize": "add size=",
	}
	for _, f := range res.Failed {
		if !strings.Contains(f.Reason.Error(), reasons[f.Model]) || reasons[f.Model] == "" {
			t.Errorf("%s failed: %v", f.Model, f.Reason)
		}
		delete(reasons, f.Model)
	}
	if len(reasons) > 0 {
		t.Errorf("did not fail: %v", reasons)
	}
	contents(t, o.Zoo)

	o.Zoo += "2"
	o.FailFast = true
	if res := run(t, o); len(res.Failed) != 1 {
		t.Errorf("with FailFast %d failures", len(res.Failed))
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 10)
	o := options(t, images, fakes(t, "a"))
	run(t, o)
	before := contents(t, o.Zoo)
	o.Models = fakes(t, "a: |crop_pct=1")
	if res := run(t, o); len(res.Failed) != 1 || !strings.Contains(res.Failed[0].Reason.Error(), "different preprocessing") {
		t.Errorf("%+v", res)
	}
	if !maps.Equal(contents(t, o.Zoo), before) {
		t.Error("the zoo changed")
	}
	o.Replace = true
	good := o.Models
	for _, bad := range []string{"a: nan 12 |crop_pct=1", "a: classes 7 |crop_pct=1", "a: fail |crop_pct=1"} {
		o.Models = fakes(t, bad)
		if res := run(t, o); len(res.Failed) != 1 || !maps.Equal(contents(t, o.Zoo), before) {
			t.Errorf("%s: a model that fails took the place of one that did not: %+v", bad, res)
		}
	}
	o.Models = good
	if res := run(t, o); len(res.Added) != 1 {
		t.Errorf("%+v", res)
	}
	if maps.Equal(contents(t, o.Zoo), before) {
		t.Error("the zoo did not change")
	}
	if res := run(t, o); len(res.Skipped) != 1 {
		t.Errorf("replacing a model by itself: %+v", res)
	}
	os.WriteFile(filepath.Join(images, "class0", "0000.png"), []byte("changed"), 0o644)
	o.Replace = false
	if res := run(t, o); len(res.Failed) != 1 || !strings.Contains(res.Failed[0].Reason.Error(), "different data:val") {
		t.Errorf("with changed data %+v", res)
	}
}

func TestShardsAndLimit(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 30)
	o := options(t, images, fakes(t, "a", "b", "c", "d", "e"))
	o.Limit = 10
	whole := o
	whole.Zoo += "-whole"
	run(t, whole)
	var wg sync.WaitGroup
	for i := range 3 {
		o := o
		o.Shard, o.Shards = i, 3
		wg.Go(func() {
			if _, err := Run(context.Background(), o); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got := contents(t, o.Zoo)
	if !maps.Equal(got, contents(t, whole.Zoo)) {
		t.Error("three shards at once give another zoo than one run")
	}
	z, _ := zoo.Open(o.Zoo)
	if labels, _, _ := z.Labels("val"); !slices.Equal(labels, []uint16{0, 0, 1, 1, 2, 2, 3, 3, 4, 4}) {
		t.Errorf("the labels of ten spread images: %v", labels)
	}
}

// TestTwoAtOnce runs one list into one zoo from several sides: they wait for each
// other, and the zoo is that of a single run.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	o := options(t, writeImages(t, 30), fakes(t, "a: sleep 100", "b", "c: sleep 50", "d"))
	alone := o
	alone.Zoo += "-alone"
	run(t, alone)
	var runs sync.WaitGroup
	for i := range 3 {
		o := o
		o.GroupMemory = int64(i) << 10
		runs.Go(func() {
			if res, err := Run(context.Background(), o); err != nil || len(res.Added)+len(res.Skipped) != 4 {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
	runs.Wait()
	if !maps.Equal(contents(t, o.Zoo), contents(t, alone.Zoo)) {
		t.Error("three runs at once give another zoo than one")
	}
}

func TestData(t *testing.T) {
	t.Parallel()
	images := writeImages(t, 20)
	models := fakes(t, "a: sleep 100", "b: sleep 100")
	for _, c := range []struct {
		name, want string
		change     func(o *Options)
	}{
		{"an image that vanishes", "0013.png", func(o *Options) {
			o.Progress = func(p Progress) { os.Remove(filepath.Join(images, "class3", "0013.png")) }
		}},
		{"too few classes", "has 5 classes and the zoo 3", func(o *Options) { o.Classes = 3 }},
		{"split twice", "given twice", func(o *Options) { o.Data = append(o.Data, o.Data[0]) }},
		{"no such device", "there is only a cpu", func(o *Options) { o.Device = "cuda" }},
		{"no shim", "encas-zoo shim build", func(o *Options) { o.Shim = "none.so" }},
		{"no images", "no class folders", func(o *Options) { o.Data[0].Path = t.TempDir() }},
		{"one name twice", "two models of the name a", func(o *Options) { o.Models = append(slices.Clone(o.Models), o.Models[0]) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, images, models)
			o.Batch = 2
			c.change(&o)
			_, err := Run(context.Background(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	o := options(t, writeImages(t, 40), fakes(t, "a", "b: sleep 1000"))
	o.GroupMemory = 0
	ctx, cancel := context.WithCancel(context.Background())
	o.Progress = func(p Progress) {
		if p.Done > 50 {
			cancel()
		}
	}
	res, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) || !slices.Equal(res.Added, []string{"a"}) {
		t.Errorf("%+v, %v", res, err)
	}
	if c := contents(t, o.Zoo); c["a"] == "" || c["b"] != "" {
		t.Error("a should be in the zoo and b not")
	}
	o.Progress = nil
	if res := run(t, o); !slices.Equal(res.Skipped, []string{"a"}) || !slices.Equal(res.Added, []string{"b"}) {
		t.Errorf("resumed: %+v", res)
	}
}

// TestMain lets TestKilled start this binary as an ingest of its own.
func TestMain(m *testing.M) {
	if dir := os.Getenv("ENCAS_TEST_INGEST"); dir != "" {
		list, err := os.Open(filepath.Join(dir, "list.txt"))
		if err != nil {
			panic(err)
		}
		entries, err := ParseList(list, "list", dir)
		if err != nil {
			panic(err)
		}
		memory, _ := strconv.ParseInt(os.Getenv("ENCAS_TEST_MEMORY"), 10, 64)
		_, err = Run(context.Background(), Options{
			Zoo: filepath.Join(dir, "zoo"), Data: []Data{{Split: "val", Path: os.Getenv("ENCAS_TEST_IMAGES")}}, Models: entries,
			Shim: os.Getenv("ENCAS_TORCH_SHIM"), Device: "cpu", Batch: 8, GroupMemory: memory, Calibrate: os.Getenv("ENCAS_TEST_IMAGES"),
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestKilled kills an ingest at random moments, thirty times, and lets it finish.
func TestKilled(t *testing.T) {
	images := writeImages(t, 40)
	var models []string
	for i := range 12 {
		models = append(models, fmt.Sprintf("m%d: sleep 200 |%s", i, []string{"", "crop_pct=1"}[i%2]))
	}
	entries := fakes(t, models...)
	dir := filepath.Dir(entries[0].Name)
	subnets, subnetList := fakeSubnets(t, dir, 9)
	o := options(t, images, append(subnets, entries...))
	o.Calibrate = images
	run(t, o)
	want := contents(t, o.Zoo)

	var list strings.Builder
	list.WriteString(subnetList)
	for i, e := range entries {
		fmt.Fprintf(&list, "%s size=8 %s\n", filepath.Base(e.Name), []string{"", "crop_pct=1"}[i%2])
	}
	if err := os.WriteFile(filepath.Join(dir, "list.txt"), []byte(list.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	kills := 30
	if testing.Short() {
		kills = 5
	}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	began, killed := time.Now(), 0
	for i := 0; ; i++ {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ENCAS_TEST_INGEST="+dir, "ENCAS_TEST_IMAGES="+images,
			"ENCAS_TORCH_SHIM="+torchtest.Fake(t), fmt.Sprintf("ENCAS_TEST_MEMORY=%d", i%3*40))
		var out strings.Builder
		cmd.Stderr = &out
		start := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if killed < kills {
			// The later, the more there is to destroy; started over once it finishes.
			time.Sleep(time.Duration(rng.Float64() * float64(300*time.Millisecond)))
			cmd.Process.Kill()
		}
		err := cmd.Wait()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled() {
			killed++
			continue
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		if killed < kills {
			if err := os.RemoveAll(filepath.Join(dir, "zoo")); err != nil {
				t.Fatal(err)
			}
			continue
		}
		t.Logf("killed %d times in %v; the last run took %v", killed, time.Since(began), time.Since(start))
		break
	}
	if got := contents(t, filepath.Join(dir, "zoo")); !maps.Equal(got, want) {
		t.Error("the zoo is another than that of an uninterrupted run")
	}
	filepath.WalkDir(filepath.Join(dir, "zoo"), func(path string, d os.DirEntry, err error) error {
		if strings.Contains(d.Name(), "tmp") || strings.HasPrefix(d.Name(), ".ingest") {
			t.Errorf("left over: %s", path)
		}
		return err
	})
}

// TestFullDisk runs on a file system of a few hundred kilobytes.
func TestFullDisk(t *testing.T) {
	o := options(t, writeImages(t, 2000), fakes(t, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j"))
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("needs to mount a file system: %v %s", err, out)
	}
	defer exec.Command("umount", dir).Run()
	o.Zoo = filepath.Join(dir, "zoo")
	o.GroupMemory = 0
	res, err := Run(context.Background(), o)
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("error %v after %v, want a full disk", err, res.Added)
	}
	t.Logf("%d models fit: %v", len(res.Added), err)
	z, err := zoo.Open(o.Zoo)
	if err != nil {
		t.Fatal(err)
	}
	if len(z.Models()) != len(res.Added) {
		t.Errorf("%d models in the zoo, %d added", len(z.Models()), len(res.Added))
	}
	if err := z.Verify(context.Background(), func(int, int) {}); err != nil {
		t.Error(err)
	}
}

// TestLeaks runs many models and looks at goroutines, files and memory.
func TestLeaks(t *testing.T) {
	var models []string
	for i := range 200 {
		models = append(models, fmt.Sprintf("m%03d", i))
	}
	images := writeImages(t, 20)
	count := func() (goroutines, files int, rss int64) {
		runtime.GC()
		fds, _ := os.ReadDir("/proc/self/fd")
		status, _ := os.ReadFile("/proc/self/statm")
		var size int64
		fmt.Sscan(string(status), &size, &rss)
		return runtime.NumGoroutine(), len(fds), rss * int64(os.Getpagesize())
	}
	o := options(t, images, fakes(t, models...))
	o.Log = nil
	warm := o
	warm.Zoo += "-warm"
	warm.Models = o.Models[:50]
	run(t, warm)
	g0, f0, rss0 := count()
	if res := run(t, o); len(res.Added) != 200 {
		t.Fatalf("%d added", len(res.Added))
	}
	g1, f1, rss1 := count()
	if g1 > g0 || f1 > f0 {
		t.Errorf("%d goroutines and %d files before, %d and %d after", g0, f0, g1, f1)
	}
	if rss1 > rss0+32<<20 {
		t.Errorf("resident memory grew from %d to %d bytes", rss0, rss1)
	}
}
