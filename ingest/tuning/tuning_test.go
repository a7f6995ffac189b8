package tuning

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/ingest/augment"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/supernet"
)

const testClasses = 3

func tiny() supernet.Table {
	return supernet.Table{
		Name: "tiny", License: "own", Resolutions: []int{8, 12}, Stem: supernet.Stem{Widths: []int{8, 16}, Stride: 2, Activation: supernet.ReLU},
		Stages: []supernet.Stage{
			{Widths: []int{16}, Depths: []int{1, 2, 3}, Kernels: []int{3, 5}, Expansions: []int{2}, Stride: 2, Activation: supernet.ReLU},
		},
		Head: supernet.Head{Kind: supernet.Mix, Widths: []int{32}, Activation: supernet.ReLU}, Shortcut: supernet.Identity, Shrink: supernet.Crop,
		Genes: supernet.ByBlock, Eps: 1e-5, Calibration: supernet.Unbiased,
		Images: supernet.Images{Mean: [3]float64{.5, .5, .5}, Std: [3]float64{.5, .5, .5}, Interpolation: "bilinear", Crop: 0.875},
	}
}

// fakeStart writes a supernet of the fake shim.
func fakeStart(t testing.TB, path string, more string) *supernet.Space {
	t.Helper()
	table := tiny()
	space, err := supernet.New(table, testClasses)
	if err != nil {
		t.Fatal(err)
	}
	torchtest.WriteFake(t, path, "seed 9 supernet 13 "+more, export.Meta{
		Format: export.Format, Name: "tiny", Source: "supernet", Classes: testClasses, Checkpoint: "0123", ImageSize: [2]int{12, 12},
		Mean: table.Images.Mean, Std: table.Images.Std, CropPct: 0.875, CropMode: "center", Interpolation: "bilinear", License: "own", Supernet: &table,
	})
	return space
}

func openShim(t testing.TB, path string) *torch.Shim {
	t.Helper()
	s, err := torch.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pictures(t testing.TB, n int) *dataset.Set {
	t.Helper()
	set, err := dataset.Open(torchtest.Pictures(t, n, testClasses))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { set.Close() })
	return set
}

// fakeOptions train on 30 pictures in batches of 8: 3 steps an epoch.
func fakeOptions(t testing.TB) Options {
	return Options{
		Settings: Settings{Epochs: 4, Batch: 8, Rate: .1, Momentum: .9, Decay: 1e-4, Augment: augment.Options{Crop: .3, Flip: true, CutMix: .5}, Seed: 1},
		Shim:     openShim(t, torchtest.Fake(t)), Device: "cpu", Workers: 3, Images: pictures(t, 30),
	}
}

func genomes(t testing.TB, space *supernet.Space, n int) (all []supernet.Genome) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	for range n {
		all = append(all, space.Random(r))
	}
	return all
}

// trainIn trains iterations 0 and 1 in a new folder and returns the checkpoints.
func trainIn(t testing.TB, o Options, start string, candidates []supernet.Genome) (checkpoints [2]string) {
	t.Helper()
	trainer, err := New(o, start, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := range checkpoints {
		path, err := trainer.Train(t.Context(), i, candidates)
		if err != nil {
			t.Fatal(err)
		}
		meta, err := export.ReadMeta(path)
		if err != nil {
			t.Fatal(err)
		}
		checkpoints[i] = meta.Checkpoint
	}
	return checkpoints
}

// TestTrain trains the same twice, and with one thing different, each of which gives other
// weights; how many work at it is not one of these.
func TestTrain(t *testing.T) {
	t.Parallel()
	start := filepath.Join(t.TempDir(), "start.pt")
	space := fakeStart(t, start, "")
	o, candidates := fakeOptions(t), genomes(t, space, 5)
	want := trainIn(t, o, start, candidates)
	if want[0] == want[1] {
		t.Error("the second iteration changed nothing")
	}
	alone := o
	alone.Workers = 1
	alone.Every = 1
	if got := trainIn(t, alone, start, candidates); got != want {
		t.Errorf("one worker gives other weights: %v, not %v", got, want)
	}
	seen := map[string]string{want[0]: "the first"}
	for name, change := range map[string]func(*Options){
		"seed":     func(o *Options) { o.Seed++ },
		"epochs":   func(o *Options) { o.Epochs++ },
		"batch":    func(o *Options) { o.Batch-- },
		"rate":     func(o *Options) { o.Rate /= 2 },
		"warm-up":  func(o *Options) { o.WarmUp = 1 },
		"cosine":   func(o *Options) { o.Cosine = 2 },
		"momentum": func(o *Options) { o.Momentum = .8 },
		"sandwich": func(o *Options) { o.Sandwich = true },
		"crop":     func(o *Options) { o.Augment.Crop = .5 },
		"shift":    func(o *Options) { o.Augment.Shift = 1 },
		"cutmix":   func(o *Options) { o.Augment.CutMix = 0 },
		"randaug":  func(o *Options) { o.Augment.RandAugment = 9 },
		"average":  func(o *Options) { o.Average = 2 },
		"images":   func(o *Options) { o.Images = o.Images.Head(29) },
	} {
		other := o
		change(&other)
		got := trainIn(t, other, start, candidates)[0]
		if before := seen[got]; before != "" {
			t.Errorf("%s: the weights are those of %s", name, before)
		}
		seen[got] = name
	}
	if got := trainIn(t, o, start, candidates[:4])[0]; seen[got] != "" {
		t.Error("other candidates give the same weights")
	}
}

// TestArtifact looks at what a training leaves, and does it again.
func TestArtifact(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := filepath.Join(dir, "start.pt")
	space := fakeStart(t, start, "")
	o := fakeOptions(t)
	o.Labels = []string{"a", "b", "c"}
	var last Progress
	calls := 0
	o.Progress = func(p Progress) { last = p; calls++ }
	trainer, err := New(o, start, dir)
	if err != nil {
		t.Fatal(err)
	}
	path, err := trainer.Train(t.Context(), 0, genomes(t, space, 2))
	if err != nil {
		t.Fatal(err)
	}
	meta, err := export.ReadMeta(path)
	if err != nil {
		t.Fatal(err)
	}
	if !meta.Pretrained || meta.Checkpoint == "0123" || len(meta.Checkpoint) != 64 || meta.License != "own" || !slices.Equal(meta.Labels, o.Labels) || meta.Torch != "fake" {
		t.Errorf("its metadata: %+v", meta)
	}
	if last.Epoch != 4 || last.Epochs != 4 || last.Done != 96 || last.Total != 96 || calls != 12 || !(last.Loss > 1.5 && last.Loss < 2) || !(last.Rate > 0) {
		t.Errorf("progress, %d times, ended with %+v", calls, last)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(names) != 2 {
		t.Errorf("files: %v", names)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".part", nil, 0o644); err != nil { // as if it was killed before it was removed
		t.Fatal(err)
	}
	if again, err := trainer.Train(t.Context(), 0, genomes(t, space, 2)); err != nil || again != path {
		t.Errorf("again: %v, %v", again, err)
	}
	after, err := os.Stat(path)
	if err != nil || !after.ModTime().Equal(before.ModTime()) || calls != 12 {
		t.Error("what was there was trained again")
	}
	if _, err := os.Stat(path + ".part"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the checkpoint is still there: %v", err)
	}
	average := filepath.Join(dir, "average.pt")
	if err := Average(t.Context(), o, []string{start, path}, average); err != nil {
		t.Fatal(err)
	}
	if mean, err := export.ReadMeta(average); err != nil || mean.Checkpoint == meta.Checkpoint || mean.Training != "" || !mean.Pretrained {
		t.Errorf("the average: %+v, %v", mean, err)
	}
}

// TestInterrupted ends a training after each few steps, until it is done.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := filepath.Join(dir, "start.pt")
	space := fakeStart(t, start, "")
	for _, average := range []int{0, 3} {
		o, candidates := fakeOptions(t), genomes(t, space, 5)
		o.Average = average
		want := trainIn(t, o, start, candidates)[0]
		ended := 0
		for {
			ctx, cancel := context.WithCancel(t.Context())
			steps := 0
			o.Progress = func(Progress) {
				if steps++; steps == 1+ended%3 {
					cancel()
				}
			}
			trainer, err := New(o, start, dir)
			if err != nil {
				t.Fatal(err)
			}
			path, err := trainer.Train(ctx, 0, candidates)
			cancel()
			if err == nil {
				if meta, err := export.ReadMeta(path); err != nil || meta.Checkpoint != want {
					t.Errorf("interrupted %d times: %s and not %s (%v)", ended, meta.Checkpoint, want, err)
				}
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				break
			}
			if ended++; !errors.Is(err, context.Canceled) || ended > 20 {
				t.Fatal(err)
			}
		}
		if ended < 4 {
			t.Errorf("interrupted %d times", ended)
		}
	}
}

// TestKilled kills a process that trains, again and again, until it ends by itself.
func TestKilled(t *testing.T) {
	const folder, data = "ENCAS_TEST_TRAINING", "ENCAS_TEST_PICTURES"
	if dir := os.Getenv(folder); dir != "" {
		o := fakeOptions(t)
		set, err := dataset.Open(os.Getenv(data))
		if err != nil {
			t.Fatal(err)
		}
		o.Images, o.Epochs, o.Average, o.Every = set, 20, 5, 1
		space, err := supernet.New(tiny(), testClasses)
		if err != nil {
			t.Fatal(err)
		}
		trainer, err := New(o, filepath.Join(dir, "start.pt"), dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := trainer.Train(context.Background(), 0, genomes(t, space, 5)); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Parallel()
	images := torchtest.Pictures(t, 30, testClasses)
	torchtest.Fake(t)
	train := func(dir string, kill func(n int) time.Duration) (killed int, checkpoint string) {
		fakeStart(t, filepath.Join(dir, "start.pt"), "sleep 300")
		for {
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
			cmd.Env = append(os.Environ(), folder+"="+dir, data+"="+images)
			var text strings.Builder
			cmd.Stdout, cmd.Stderr = &text, &text
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(kill(killed), func() { cmd.Process.Kill() })
			err := cmd.Wait()
			if timer.Stop() {
				if err != nil {
					t.Fatalf("%v\n%s", err, text.String())
				}
				meta, err := export.ReadMeta(filepath.Join(dir, "weights-0000.pt"))
				if err != nil {
					t.Fatal(err)
				}
				return killed, meta.Checkpoint
			}
			if killed++; killed > 200 {
				t.Fatalf("it does not end\n%s", text.String())
			}
		}
	}
	_, want := train(t.TempDir(), func(int) time.Duration { return time.Minute })
	r := rand.New(rand.NewPCG(5, 5))
	killed, got := train(t.TempDir(), func(n int) time.Duration {
		if n >= 20 {
			return time.Minute
		}
		return time.Duration(10+r.IntN(120)) * time.Millisecond
	})
	t.Logf("killed %d times", killed)
	if got != want {
		t.Errorf("killed %d times it gives %s and not %s", killed, got, want)
	}
}

// TestRefused asks for what cannot be.
func TestRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := filepath.Join(dir, "start.pt")
	space := fakeStart(t, start, "")
	candidates := genomes(t, space, 2)
	train := func(change func(*Options)) error {
		o := fakeOptions(t)
		change(&o)
		trainer, err := New(o, start, dir)
		if err != nil {
			return err
		}
		_, err = trainer.Train(t.Context(), 0, candidates)
		return err
	}
	refused := func(err error, words ...string) {
		t.Helper()
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("no %q in %v", w, err)
			}
		}
	}
	refused(train(func(o *Options) { o.Epochs = 0 }), "0 epochs")
	refused(train(func(o *Options) { o.Rate = math.NaN() }), "the rate of learning is from 0 to 100, not NaN")
	refused(train(func(o *Options) { o.Augment.Crop = 2 }), "a random crop")
	refused(train(func(o *Options) { o.Images = o.Images.Unlabelled() }), "needs images with labels")
	refused(train(func(o *Options) { o.Images = o.Images.Head(1) }), "two images at least")
	refused(train(func(o *Options) { o.Images = o.Images.Relabel([]uint16{0, 1, 3}) }), "has class 3, and", "has 3 classes")

	// An image that cannot be read ends it, and it goes on when that is mended.
	part := filepath.Join(dir, "weights-0000.pt.part")
	ctx, cancel := context.WithCancel(t.Context())
	o := fakeOptions(t)
	o.Progress = func(p Progress) {
		if p.Done == 40 {
			cancel()
		}
	}
	trainer, err := New(o, start, dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trainer.Train(ctx, 0, candidates); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	refused(train(func(o *Options) { o.Rate = .2; o.Seed = 7; o.Images = o.Images.Head(29) }),
		part+" is of a training with ", "rate 0.1 and not 0.2", "seed 1 and not 7", "other images", "remove "+part+" to begin anew")
	whole, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{{}, whole[:len(whole)-1], append(slices.Clone(whole), 0), []byte(strings.Replace(string(whole), `"state":`, `"state":1`, 1)), []byte(strings.Replace(string(whole), `"origin":`, `"other":`, 1)), append(slices.Clone(whole[:len(whole)-1]), whole[len(whole)-1]^1)} {
		if err := os.WriteFile(part, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		refused(train(func(*Options) {}), "is damaged, or is no checkpoint", "remove "+part)
	}
	if err := os.WriteFile(part, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := train(func(o *Options) { o.Images = clone(t, o.Images) }); err != nil {
		t.Error(err)
	}

	broken := torchtest.Pictures(t, 30, testClasses)
	names, _ := filepath.Glob(filepath.Join(broken, "class1", "*.png"))
	if err := os.WriteFile(names[2], []byte("no image"), 0o644); err != nil {
		t.Fatal(err)
	}
	set, err := dataset.Open(broken)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	refused(train(func(o *Options) { o.Images = set }), "image class1/"+filepath.Base(names[2]), "not a JPEG, PNG or WebP image")
}

// clone opens a data set again.
func clone(t *testing.T, set *dataset.Set) *dataset.Set {
	t.Helper()
	again, err := dataset.Open(set.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

// TestRate draws the rate of learning over one iteration, and over three of a longer cosine.
func TestRate(t *testing.T) {
	t.Parallel()
	r := &run{job: &job{}, o: &Options{Settings: Settings{Rate: 2, Epochs: 10}}, perEpoch: 10, steps: 100}
	close := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s: %v and not %v", what, got, want)
		}
	}
	close("first", r.rate(0), 2)
	close("middle", r.rate(50), 1)
	close("end", r.rate(100), 0)
	r.o.WarmUp = 2
	close("first of a warm-up", r.rate(0), 2./20)
	close("end of a warm-up", r.rate(19), 1+math.Cos(math.Pi*.19))
	r.o.Cosine, r.iteration = 3, 1
	close("second of three", r.rate(50), 1)
	close("its end", r.rate(100), 1+math.Cos(math.Pi*2/3))
	r.iteration = 0
	close("first of three", r.rate(9), (1+math.Cos(math.Pi*.03))/2)
}

// TestPlans counts which subnets are trained.
func TestPlans(t *testing.T) {
	t.Parallel()
	space, err := supernet.New(tiny(), testClasses)
	if err != nil {
		t.Fatal(err)
	}
	decode := func(g supernet.Genome) supernet.Plan {
		p, err := space.Decode(g)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	r := &run{job: &job{}, o: &Options{}, space: space, largest: decode(space.Largest()), smallest: decode(space.Smallest())}
	for _, g := range genomes(t, space, 4) {
		r.plans = append(r.plans, decode(g))
	}
	counts := map[string]int{}
	for step := range 4000 {
		counts[fmt.Sprint(r.plansOf(step))]++
	}
	if len(counts) != 4 || slices.Min(slices.Collect(maps.Values(counts))) < 900 {
		t.Errorf("of four candidates: %v", counts)
	}
	r.o.Sandwich, r.plans = true, nil
	counts = map[string]int{}
	for step := range 1000 {
		plans := r.plansOf(step)
		if len(plans) != 4 || !slices.Equal(plans[0], r.largest) || !slices.Equal(plans[1], r.smallest) {
			t.Fatalf("a sandwich of %v", plans)
		}
		counts[fmt.Sprint(plans[2:])]++
	}
	if len(counts) < 500 {
		t.Errorf("%d kinds of sandwiches", len(counts))
	}
}

// TestMatch: the names of classes decide their numbers, and never their order in the data.
func TestMatch(t *testing.T) {
	set := &dataset.Set{Path: "photos", ClassNames: []string{"bag", "coat", "shirt"}, Labels: []uint16{0, 1, 2, 1}, IDs: []string{"a", "b", "c", "d"}}
	meta := export.Meta{Classes: 3}
	if got, err := match(set, meta, []string{"shirt", "bag", "coat"}); err != nil || !slices.Equal(got.Labels, []uint16{1, 2, 0, 2}) {
		t.Errorf("by names in another order: %+v, %v", got, err)
	}
	for _, names := range [][]string{nil, {"shirt", "bag", "boot"}} {
		if _, err := match(set, meta, names); err == nil {
			t.Errorf("with the names %q they match", names)
		}
	}
	set.ClassNames = nil
	if got, err := match(set, meta, nil); err != nil || !slices.Equal(got.Labels, []uint16{0, 1, 2, 1}) {
		t.Errorf("by numbers: %+v, %v", got, err)
	}
}
