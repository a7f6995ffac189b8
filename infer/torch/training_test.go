package torch_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// What testdata/training.py has, too.
const (
	trainBatch, trainClasses, trainRate = 8, 10, 0.05
	trainMomentum, trainDecay           = 0.9, 1e-3
)

var grey = [3]float32{.5, .5, .5}

func trainTargets(batch int) []float32 {
	t := make([]float32, trainBatch*trainClasses)
	for i := range trainBatch {
		t[i*trainClasses+(batch+i)%trainClasses] += .75
		t[i*trainClasses+(batch+3*i)%trainClasses] += .25
	}
	return t
}

// train does what testdata/training.py does, and returns the losses.
func train(t *testing.T, training *torch.Training, from int, batches [][]supernet.Plan) (losses []float64) {
	t.Helper()
	answers := make([]float32, trainBatch*trainClasses)
	for batch, plans := range batches {
		targets := trainTargets(from + batch)
		for _, plan := range plans {
			side := int(plan[0])
			loss, err := training.Step(plan, images(1000*(from+batch), trainBatch, side), trainBatch, side, side, grey, grey, targets, answers)
			if err != nil {
				t.Fatal(err)
			}
			losses = append(losses, loss)
			copy(targets, answers)
		}
		if done, err := training.Apply(trainRate); err != nil || !done {
			t.Fatal(done, err)
		}
	}
	return losses
}

// sandwiches are batches of the largest, the smallest and two random subnets, or of one.
func sandwiches(t *testing.T, space *supernet.Space, n int) (batches [][]supernet.Plan) {
	t.Helper()
	r := rand.New(rand.NewPCG(8, 9))
	for i := range n {
		genomes := []supernet.Genome{space.Largest(), space.Smallest(), space.Random(r), space.Random(r)}
		if i%3 == 2 {
			genomes = genomes[2:3]
		}
		var plans []supernet.Plan
		for _, g := range genomes {
			plan, err := space.Decode(g)
			if err != nil {
				t.Fatal(err)
			}
			plans = append(plans, plan)
		}
		batches = append(batches, plans)
	}
	return batches
}

func weightsOf(t *testing.T, s *torch.Supernet) []torch.Weight {
	t.Helper()
	w, err := s.Weights()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func floats(data []byte) []float64 {
	out := make([]float64, len(data)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	}
	return out
}

// differ is the largest difference of two supernets' weights, relative to the largest number
// of the same tensor.
func differ(t *testing.T, got, want []torch.Weight) (worst float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d weights and %d", len(got), len(want))
	}
	at := map[string]torch.Weight{}
	for _, w := range want {
		at[w.Name] = w
	}
	for _, g := range got {
		w := at[g.Name]
		if g.Kind != w.Kind {
			t.Fatalf("%s is %s and %q", g.Name, g.Kind, w.Kind)
		}
		a, b := floats(g.Data), floats(w.Data)
		largest, apart := 0.0, 0.0
		for i := range b {
			largest, apart = max(largest, math.Abs(b[i])), max(apart, math.Abs(a[i]-b[i]))
		}
		if apart > 0 {
			worst = max(worst, apart/largest)
		}
	}
	return worst
}

// readPython reads what testdata/training.py wrote.
func readPython(t *testing.T, path string) (all []torch.Weight, losses []float64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		if len(rest) == 0 {
			if err := json.Unmarshal(line, &losses); err != nil {
				t.Fatal(err)
			}
			return all, losses
		}
		words := strings.SplitN(string(line), " ", 3)
		n, err := strconv.Atoi(words[0])
		if err != nil {
			t.Fatal(err)
		}
		all, data = append(all, torch.Weight{Name: words[1], Kind: words[2], Data: rest[:n]}), rest[n:]
	}
}

// TestTraining compares eight steps with those of Python's own optimizer on the same file.
func TestTraining(t *testing.T) {
	shim := open(t, torchtest.Path(t))
	for _, coding := range []supernet.Coding{supernet.ByBlock, supernet.ByStage} {
		for _, precision := range []torch.Precision{torch.Float32, torch.BFloat16} {
			t.Run(fmt.Sprint(coding, " ", precision), func(t *testing.T) {
				path, space := exported(t, export.SupernetRequest{Table: small(coding), Classes: trainClasses, Seed: 3})
				batches := sandwiches(t, space, 8)
				plans, err := json.Marshal(batches)
				if err != nil {
					t.Fatal(err)
				}
				out := filepath.Join(t.TempDir(), "out")
				cmd := exec.Command(torchtest.Python(t), "testdata/training.py", path, string(plans), precision.String(), out)
				cmd.Env = append(os.Environ(), "OMP_NUM_THREADS=1")
				text, err := cmd.CombinedOutput()
				if precision == torch.BFloat16 && strings.Contains(string(text), "not implemented for 'BFloat16'") {
					t.Skipf("torch %s has no gradients for it on a CPU: %s", shim.Version(), text[strings.LastIndex(string(text), "RuntimeError"):])
				}
				if err != nil {
					t.Fatalf("%v\n%s", err, text)
				}
				want, wantLosses := readPython(t, out)
				oneThread(t, shim)
				s, err := shim.Supernet(path, "cpu", precision, trainClasses)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				training, err := s.Train(torch.TrainOptions{Momentum: trainMomentum, Decay: trainDecay})
				if err != nil {
					t.Fatal(err)
				}
				defer training.Close()
				before := weightsOf(t, s)
				losses := train(t, training, 0, batches)
				after := weightsOf(t, s)
				moved, d := differ(t, after, before), differ(t, after, want)
				t.Logf("torch %s: eight steps move weights by %.2g and end %.2g from Python's", shim.Version(), moved, d)
				if !(moved > 1e-2) || !(d <= 1e-6) {
					t.Errorf("weights moved by %g, and are %g from Python's", moved, d)
				}
				for i, l := range losses {
					if !(math.Abs(l-wantLosses[i]) <= 1e-6*math.Abs(wantLosses[i])) {
						t.Errorf("loss %d is %v and Python's %v", i, l, wantLosses[i])
					}
				}
			})
		}
	}
}

// oneThread locks the test to a thread that computes alone.
func oneThread(t *testing.T, shim *torch.Shim) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	if err := shim.Threads(1); err != nil {
		t.Fatal(err)
	}
}

// trained loads an exported file and begins to train it, on one thread.
func trained(t *testing.T, path string, o torch.TrainOptions) (*torch.Supernet, *torch.Training) {
	t.Helper()
	s, err := open(t, torchtest.Path(t)).Supernet(path, "cpu", torch.Float32, trainClasses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	training, err := s.Train(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(training.Close)
	return s, training
}

// TestTrainingState trains on from states, with scaled losses, and after errors: what comes
// out is what an undisturbed training gives, bit for bit.
func TestTrainingState(t *testing.T) {
	path, space := exported(t, export.SupernetRequest{Table: small(supernet.ByStage), Classes: trainClasses, Seed: 3})
	oneThread(t, open(t, torchtest.Path(t)))
	batches := sandwiches(t, space, 8)
	options := torch.TrainOptions{Momentum: trainMomentum, Decay: trainDecay}
	whole, training := trained(t, path, options)
	train(t, training, 0, batches)
	want := weightsOf(t, whole)
	same := func(what string, s *torch.Supernet) {
		t.Helper()
		if d := differ(t, weightsOf(t, s), want); d != 0 {
			t.Errorf("%s: the weights differ by %g", what, d)
		}
	}

	// A state in the middle.
	_, training = trained(t, path, options)
	train(t, training, 0, batches[:3])
	state, err := training.State()
	if err != nil {
		t.Fatal(err)
	}
	s, training := trained(t, path, options)
	train(t, training, 5, batches[5:]) // has no effect on what follows
	for _, bad := range [][]byte{nil, state[:len(state)-1], state[:len(state)/2], append(slices.Clone(state), '1'), bytes.Replace(state, []byte("torch.float32 (24"), []byte("torch.float32 (25"), 1)} {
		before := weightsOf(t, s)
		if err := training.Restore(bad); err == nil || !strings.Contains(err.Error(), "the state is") {
			t.Errorf("a wrong state: %v", err)
		}
		if differ(t, weightsOf(t, s), before) != 0 {
			t.Error("a wrong state changed weights")
		}
	}
	if err := training.Restore(state); err != nil {
		t.Fatal(err)
	}
	train(t, training, 3, batches[3:])
	same("resumed", s)

	// Scaled by a power of two, all numbers are the same; a scale under which gradients
	// overflow is halved until they do not.
	for _, scale := range []float64{65536, 0x1p125} {
		_, training := trained(t, path, torch.TrainOptions{Momentum: trainMomentum, Decay: trainDecay, Scale: scale})
		overflows := 0
		for done := false; !done; overflows++ {
			for _, plan := range batches[0][:1] {
				if _, err := training.Step(plan, images(0, trainBatch, 28), trainBatch, 28, 28, grey, grey, trainTargets(0), nil); err != nil {
					t.Fatal(err)
				}
			}
			if done, err = training.Apply(0); err != nil {
				t.Fatal(err)
			}
		}
		t.Logf("a scale of %g overflowed %d times", scale, overflows-1)
		if (overflows > 1) != (scale > 1e6) {
			t.Errorf("a scale of %g overflowed %d times", scale, overflows-1)
		}
		if scale > 1e6 {
			continue
		}
		s, training := trained(t, path, torch.TrainOptions{Momentum: trainMomentum, Decay: trainDecay, Scale: scale})
		train(t, training, 0, batches)
		same("scaled", s)
	}

	// Errors leave nothing behind.
	s, training = trained(t, path, options)
	if _, err := training.Apply(1); err == nil || !strings.Contains(err.Error(), "no gradients") {
		t.Errorf("nothing to apply: %v", err)
	}
	largest, pixels, targets := batches[0][0], images(1, trainBatch, 28), trainTargets(1)
	wrong := slices.Clone(largest)
	wrong[2] = 9
	refused := func(words string, plan supernet.Plan, side int) {
		t.Helper()
		if _, err := training.Step(largest, pixels, trainBatch, 28, 28, grey, grey, targets, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := training.Step(plan, pixels[:trainBatch*side*side*3], trainBatch, side, side, grey, grey, targets, nil); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v with images of %d: %v", plan, side, err)
		}
		if _, err := training.Apply(1); err == nil {
			t.Error("gradients were left after an error")
		}
	}
	refused("plan: number 3, 9, is not one", wrong, 28)
	refused("a plan of", largest[1:], 28)
	refused("images of 20x20 for a subnet of 28x28", largest, 20)
	if _, err := training.Step(largest, pixels[1:], trainBatch, 28, 28, grey, grey, targets, nil); err == nil {
		t.Error("too few bytes were taken")
	}
	// Without targets nothing is learned, and the answers are the same.
	with, without := make([]float32, len(targets)), make([]float32, len(targets))
	if _, err := training.Step(largest, pixels, trainBatch, 28, 28, grey, grey, nil, without); err != nil {
		t.Fatal(err)
	}
	if _, err := training.Apply(1); err == nil {
		t.Error("there are gradients without targets")
	}
	if _, err := training.Step(largest, pixels, trainBatch, 28, 28, grey, grey, targets, with); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(with, without) {
		t.Error("answers depend on targets")
	}
	if _, err := training.Step(largest[1:], pixels, trainBatch, 28, 28, grey, grey, targets, with); err == nil {
		t.Error("a short plan was taken")
	}
	train(t, training, 0, batches)
	same("after errors", s)
}

// TestWrittenSupernet writes what was trained, and reads it: as another artifact, and with
// statistics of the largest subnet that make it a model.
func TestWrittenSupernet(t *testing.T) {
	path, space := exported(t, export.SupernetRequest{Table: small(supernet.ByBlock), Classes: trainClasses, Seed: 3})
	oneThread(t, open(t, torchtest.Path(t)))
	meta, err := export.ReadMeta(path)
	if err != nil {
		t.Fatal(err)
	}
	s, training := trained(t, path, torch.TrainOptions{Momentum: trainMomentum})
	start := weightsOf(t, s)
	if got := torch.Checkpoint(start); got != meta.Checkpoint {
		t.Errorf("its checkpoint is %s, and %s as the file says", got, meta.Checkpoint)
	}
	batches := sandwiches(t, space, 4)
	train(t, training, 0, batches)
	m, err := s.Subnet(batches[0][0])
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	calibrate(t, m, 28, supernet.Biased)
	if err := m.Keep(); err != nil {
		t.Fatal(err)
	}
	end := weightsOf(t, s)
	out := filepath.Join(t.TempDir(), "trained.pt")
	meta.Checkpoint = torch.Checkpoint(end)
	text, err := json.Marshal(meta)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(out, string(text)); err != nil {
		t.Fatal(err)
	}
	if read, err := export.ReadMeta(out); err != nil || read.Checkpoint != meta.Checkpoint || read.Checkpoint == torch.Checkpoint(start) {
		t.Errorf("its metadata: %+v, %v", read, err)
	}
	sizes := map[string]int64{}
	for _, file := range []string{path, out} {
		z, err := zip.OpenReader(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			sizes[file] += int64(f.UncompressedSize64)
		}
		z.Close()
	}
	if r := float64(sizes[out]) / float64(sizes[path]); r < .9 || r > 1.1 {
		t.Errorf("it has %d bytes, and the file it comes from %d", sizes[out], sizes[path])
	}
	again, _ := trained(t, out, torch.TrainOptions{})
	if d := differ(t, weightsOf(t, again), end); d != 0 {
		t.Errorf("its weights differ by %g", d)
	}
	pixels := images(5, 4, 28)
	file, err := open(t, torchtest.Path(t)).Load(out, "cpu", torch.Float32, trainClasses)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got := outputs(t, file, pixels, 4, 28, trainClasses); !slices.Equal(got, outputs(t, m, pixels, 4, 28, trainClasses)) {
		t.Error("as a model it is not its largest subnet")
	}
	check := fmt.Sprintf("import torch; m = torch.jit.load(%q); assert not any(p.requires_grad for p in m.parameters()); m(torch.zeros(2, 3, 28, 28))", out)
	if text, err := exec.Command(torchtest.Python(t), "-c", check).CombinedOutput(); err != nil {
		t.Errorf("Python: %v\n%s", err, text)
	}

	// Averages: of the start and the end, and of the start, the end and the end.
	for n, share := range []float64{1. / 2, 1. / 3} {
		mean, err := open(t, torchtest.Path(t)).Supernet(path, "cpu", torch.Float32, trainClasses)
		if err != nil {
			t.Fatal(err)
		}
		defer mean.Close()
		for i := range n + 1 {
			if err := mean.Average(again, 1/float64(i+2)); err != nil {
				t.Fatal(err)
			}
		}
		for i, w := range weightsOf(t, mean) {
			a, b, got := floats(start[i].Data), floats(end[i].Data), floats(w.Data)
			for j := range got {
				if want := share*a[j] + (1-share)*b[j]; !(math.Abs(got[j]-want) <= 1e-6*(math.Abs(a[j])+math.Abs(b[j]))) {
					t.Fatalf("%s: the average of %v and %v is %v", w.Name, a[j], b[j], got[j])
				}
			}
		}
	}
	other, _ := exported(t, export.SupernetRequest{Table: small(supernet.ByStage), Classes: trainClasses, Seed: 3})
	stranger, _ := trained(t, other, torch.TrainOptions{})
	if err := again.Average(stranger, .5); err == nil || !strings.Contains(err.Error(), "of different supernets") {
		t.Errorf("the average with another supernet: %v", err)
	}
}

// TestTrainingMemory takes a hundred steps.
func TestTrainingMemory(t *testing.T) {
	path, space := exported(t, export.SupernetRequest{Table: small(supernet.ByBlock), Classes: trainClasses, Seed: 3})
	oneThread(t, open(t, torchtest.Path(t)))
	_, training := trained(t, path, torch.TrainOptions{Momentum: trainMomentum})
	batches := sandwiches(t, space, 100)
	train(t, training, 0, batches[:20])
	before := resident(t)
	train(t, training, 0, batches)
	after := resident(t)
	t.Logf("%d MB, after 100 steps %d MB", before>>20, after>>20)
	if after > before+8<<20 {
		t.Errorf("100 steps keep %d MB", (after-before)>>20)
	}
}

// TestNoSupernetToTrain asks an ordinary model to be trained.
func TestNoSupernetToTrain(t *testing.T) {
	shim := open(t, torchtest.Path(t))
	s, err := shim.Supernet(filepath.Join(models(t), "linear.pt"), "cpu", torch.Float32, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Train(torch.TrainOptions{}); err == nil || !strings.Contains(err.Error(), "no supernet") {
		t.Errorf("training a linear layer: %v", err)
	}
}
