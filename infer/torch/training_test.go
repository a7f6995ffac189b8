package torch_test

import (
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
				if text, err := cmd.CombinedOutput(); err != nil {
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
