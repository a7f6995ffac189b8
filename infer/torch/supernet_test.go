package torch_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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

// images are n images of bytes by a formula, as testdata/ofa_subnets.py has them.
func images(first, n, side int) []byte {
	pixels := make([]byte, n*side*side*3)
	for i := range pixels {
		pixels[i] = byte(uint64(first+i) * 2654435761 >> 13)
	}
	return pixels
}

// exported makes the file of a supernet.
func exported(t testing.TB, r export.SupernetRequest) (path string, space *supernet.Space) {
	t.Helper()
	e := export.New(torchtest.Python(t), nil)
	defer e.Close()
	r.Out = filepath.Join(t.TempDir(), "supernet.pt")
	meta, err := e.Supernet(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if space, err = meta.Space(); err != nil {
		t.Fatal(err)
	}
	return r.Out, space
}

// supernetOf loads an exported file onto one thread, to which the test is locked.
func supernetOf(t *testing.T, path string, space *supernet.Space) *torch.Supernet {
	t.Helper()
	shim := open(t, torchtest.Path(t))
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	if err := shim.Threads(1); err != nil {
		t.Fatal(err)
	}
	s, err := shim.Supernet(path, "cpu", torch.Float32, space.Classes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func family(t testing.TB, name string) supernet.Table {
	t.Helper()
	table, err := supernet.Family(name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// small is a table of a network that runs in a millisecond.
func small(coding supernet.Coding) supernet.Table {
	table := supernet.Table{
		Name: "small", Resolutions: []int{20, 28}, Stem: supernet.Stem{Widths: []int{8, 12}, Stride: 2, Activation: supernet.Swish},
		Stages: []supernet.Stage{
			{Widths: []int{12}, Depths: []int{1}, Kernels: []int{3}, Expansions: []int{1}, Stride: 1, Activation: supernet.ReLU},
			{Widths: []int{16, 24}, Depths: []int{1, 2, 3}, Kernels: []int{3, 5, 7}, Expansions: []int{1, 2}, Stride: 2, Activation: supernet.HSwish, SE: true},
			{Widths: []int{24, 28}, Depths: []int{1, 2}, Kernels: []int{1, 3}, Expansions: []int{3}, Stride: 2, Activation: supernet.ReLU6},
		},
		Head: supernet.Head{Kind: supernet.ExpandMix, Factor: 2, Widths: []int{32, 64}, Activation: supernet.HSwish}, Shortcut: supernet.Pool,
		Shrink: supernet.Crop, Genes: coding, Eps: 1e-5, Calibration: supernet.Unbiased,
		Images: supernet.Images{Mean: [3]float64{.5, .5, .5}, Std: [3]float64{.5, .5, .5}, Interpolation: "bilinear", Crop: 1},
	}
	if coding == supernet.ByBlock {
		table.Shortcut, table.Shrink, table.Calibration = supernet.Identity, supernet.Matrix, supernet.Biased
		table.Head = supernet.Head{Kind: supernet.Mix, Widths: []int{32}, Activation: supernet.ReLU}
		table.Stages[1].SE, table.Stages[2].SE = false, true
	}
	return table
}

func outputs(t testing.TB, m *torch.Model, pixels []byte, n, side, classes int) []float32 {
	t.Helper()
	got, width, err := m.Outputs(pixels, n, side, side, mean, std, nil, classes)
	if err != nil || width != classes {
		t.Fatalf("%d outputs: %v", width, err)
	}
	return got
}

// apart is the largest difference of some logits, relative to the largest of all.
func apart(got, want []float32, largest float64) (worst float64) {
	for i, w := range want {
		if d := math.Abs(float64(got[i]) - float64(w)); !(d <= worst) {
			worst = d
		}
		largest = max(largest, math.Abs(float64(w)))
	}
	return worst / largest
}

// calibrate observes three batches, one of them smaller.
func calibrate(t *testing.T, m *torch.Model, side int, v supernet.Variance) {
	t.Helper()
	for j, n := range []int{8, 8, 4} {
		if err := m.Observe(images(100*j, n, side), n, side, side, mean, std, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Settle(); err != nil {
		t.Fatal(err)
	}
}

type extracted struct {
	Plan               supernet.Plan
	Logits, Calibrated []float32
}

// TestOFA compares random subnets of OFA's three networks with those that its own package
// extracts.
func TestOFA(t *testing.T) {
	if testing.Short() {
		t.Skip("runs 36 networks")
	}
	python, dir := torchtest.Python(t), t.TempDir()
	torchtest.Path(t)
	if out, err := exec.Command(python, "-c", "import sys, types; sys.modules['gdown'] = types.ModuleType('gdown'); import ofa.model_zoo").CombinedOutput(); err != nil {
		t.Skipf("%s has no package ofa: %s", python, out)
	}
	if out, err := exec.Command(python, "testdata/ofa_subnets.py", dir, "12").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"ofa-mbv3-w1.0", "ofa-mbv3-w1.2", "ofa-proxyless"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(dir, name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var subnets []extracted
			if err := json.Unmarshal(text, &subnets); err != nil {
				t.Fatal(err)
			}
			path, space := exported(t, export.SupernetRequest{Table: family(t, name), Weights: filepath.Join(dir, name+".pth")})
			s := supernetOf(t, path, space)
			for i, want := range subnets {
				m, err := s.Subnet(want.Plan)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				side := int(want.Plan[0])
				if got := outputs(t, m, images(i, 2, side), 2, side, space.Classes); !slices.Equal(got, want.Logits) {
					t.Errorf("subnet %d: logits differ by %g", i, apart(got, want.Logits, 0))
				}
				counted(t, space, m, want.Plan)
				if want.Calibrated == nil {
					continue
				}
				calibrate(t, m, side, supernet.Biased)
				d := apart(outputs(t, m, images(i, 2, side), 2, side, space.Classes), want.Calibrated, 0)
				t.Logf("recalibrated, logits differ by %g", d)
				if !(d <= 1e-5) {
					t.Errorf("recalibrated, logits differ by %g", d)
				}
			}
		})
	}
}

// counted compares what the shim counts of a subnet with the formulas.
func counted(t *testing.T, space *supernet.Space, m *torch.Model, plan supernet.Plan) {
	t.Helper()
	cost, err := space.Cost(plan)
	if err != nil {
		t.Fatal(err)
	}
	side := space.Table.Images.Side(int(plan[0]))
	counts, err := m.Count(side, side)
	if err != nil || counts.MACs != cost.MACs {
		t.Errorf("%v: %v multiply-adds counted, %v by the formula (%v)", plan, counts.MACs, cost.MACs, err)
	}
	if n := m.Parameters(); n != cost.Parameters {
		t.Errorf("%v: %d parameters, %d by the formula", plan, n, cost.Parameters)
	}
}

// TestAttentive compares subnets with those that AttentiveNAS's own code extracted.
func TestAttentive(t *testing.T) {
	if testing.Short() {
		t.Skip("runs large networks")
	}
	python, weights := torchtest.Python(t), filepath.Join(t.TempDir(), "weights.pth.tar")
	torchtest.Path(t)
	if out, err := exec.Command(python, "testdata/attentive.py", "--weights", weights).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile("testdata/attentive.json")
	if err != nil {
		t.Fatal(err)
	}
	var fixture struct {
		Subnets []struct {
			Plan               supernet.Plan
			Logits, Calibrated [][]float32
			Largest            float64
			LargestCalibrated  float64 `json:"largest_calibrated"`
		}
	}
	if err := json.Unmarshal(text, &fixture); err != nil {
		t.Fatal(err)
	}
	path, space := exported(t, export.SupernetRequest{Table: family(t, "attentive"), Weights: weights})
	s := supernetOf(t, path, space)
	const side = 224
	worst, worstCalibrated := 0.0, 0.0
	for i, want := range fixture.Subnets {
		m, err := s.Subnet(want.Plan)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		differ := func(want [][]float32, largest float64) (d float64) {
			got := outputs(t, m, images(i, 2, side), 2, side, space.Classes)
			for j, row := range want {
				d = max(d, apart(got[j*space.Classes:], row, largest))
			}
			return d
		}
		worst = max(worst, differ(want.Logits, want.Largest))
		counted(t, space, m, want.Plan)
		calibrate(t, m, side, supernet.Unbiased)
		worstCalibrated = max(worstCalibrated, differ(want.Calibrated, want.LargestCalibrated))
	}
	t.Logf("%d subnets, logits differ by %g at most, recalibrated by %g", len(fixture.Subnets), worst, worstCalibrated)
	bound := 1e-5
	if !strings.HasPrefix(open(t, torchtest.Path(t)).Version(), "1.13.") {
		bound = 3e-5 // the digests are of torch 1.13: another one adds up a batch's statistics in another order
	}
	if !(worst <= 1e-6) || !(worstCalibrated <= bound) {
		t.Errorf("logits differ by %g, recalibrated by %g", worst, worstCalibrated)
	}
}

// TestSubnets counts random subnets of small networks, and changes every number of their
// plans.
func TestSubnets(t *testing.T) {
	for _, coding := range []supernet.Coding{supernet.ByBlock, supernet.ByStage} {
		t.Run(string(coding), func(t *testing.T) {
			torchtest.Path(t)
			path, space := exported(t, export.SupernetRequest{Table: small(coding), Classes: 10, Seed: 3})
			s := supernetOf(t, path, space)
			r := rand.New(rand.NewPCG(1, 2))
			refused, taken := 0, 0
			for i := range 100 {
				plan, err := space.Decode(space.Random(r))
				if err != nil {
					t.Fatal(err)
				}
				m, err := s.Subnet(plan)
				if err != nil {
					t.Fatal(err)
				}
				counted(t, space, m, plan)
				m.Close()
				if i > 5 {
					continue
				}
				for at := range plan {
					for _, v := range []int64{-1, 0, 1, 2, 3, 5, 7, 8, 9, 12, 24, 28, 32, math.MaxInt64, plan[at] + 1, plan[at] - 1, plan[at] + 8} {
						changed := slices.Clone(plan)
						changed[at] = v
						m, err := s.Subnet(changed)
						if known := space.Check(changed); (known == nil) != (err == nil) {
							t.Fatalf("%v: the file says %v, the space %v", changed, err, known)
						}
						if err != nil {
							refused++
							if !strings.Contains(err.Error(), "plan: ") {
								t.Fatal(err)
							}
							continue
						}
						taken++
						counted(t, space, m, changed)
						m.Close()
					}
				}
				if m, err := s.Subnet(plan[1:]); err == nil || !strings.Contains(err.Error(), "a plan of") {
					t.Errorf("a short plan: %v, %v", m, err)
				}
			}
			t.Logf("%d changed plans were refused, %d taken", refused, taken)
			if refused == 0 || taken == 0 {
				t.Error("all plans were one or the other")
			}
		})
	}
}

// TestRecalibration compares averages with those that a lone norm has to have: over one
// batch a subnet gives the logits that it gave while it was observed, and over several the
// average is that of Go's own sums.
func TestRecalibration(t *testing.T) {
	torchtest.Path(t)
	path, space := exported(t, export.SupernetRequest{Table: small(supernet.ByStage), Classes: 10, Seed: 4})
	s := supernetOf(t, path, space)
	plan, err := space.Decode(space.Largest())
	if err != nil {
		t.Fatal(err)
	}
	subnet := func() *torch.Model {
		m, err := s.Subnet(plan)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		return m
	}
	const side = 28
	pixels := images(1, 8, side)
	stored := outputs(t, subnet(), pixels, 8, side, 10)
	m, other := subnet(), subnet()
	if err := m.Settle(); err == nil || !strings.Contains(err.Error(), "no batch was observed") {
		t.Errorf("nothing observed: %v", err)
	}
	if err := m.Observe(pixels, 8, side, side, mean, std, supernet.Biased); err != nil {
		t.Fatal(err)
	}
	if got := outputs(t, m, pixels, 8, side, 10); !slices.Equal(got, stored) {
		t.Error("observing had an effect before it was settled")
	}
	if err := m.Observe(pixels, 8, side, side, mean, std, supernet.Unbiased); err == nil || !strings.Contains(err.Error(), "not with both") {
		t.Errorf("both kinds of variance: %v", err)
	}
	if err := m.Observe(pixels[:7], 8, side, side, mean, std, supernet.Biased); err == nil {
		t.Error("too few bytes were observed")
	}
	if err := m.Observe(images(0, 1, 20), 1, 20, 20, mean, std, supernet.Biased); err == nil || !strings.Contains(err.Error(), "images of 20x20 for a subnet of 28x28") {
		t.Errorf("images of another size: %v", err)
	}
	if err := m.Settle(); err != nil {
		t.Fatal(err)
	}
	biased := outputs(t, m, pixels, 8, side, 10)
	if slices.Equal(biased, stored) {
		t.Error("settling had no effect")
	}
	if got := outputs(t, other, pixels, 8, side, 10); !slices.Equal(got, stored) {
		t.Error("settling had an effect on another subnet")
	}
	// The same batch twice, and in two parts of one size, average to themselves.
	twice := subnet()
	for range 2 {
		if err := twice.Observe(pixels, 8, side, side, mean, std, supernet.Biased); err != nil {
			t.Fatal(err)
		}
	}
	if err := twice.Settle(); err != nil {
		t.Fatal(err)
	}
	if got := outputs(t, twice, pixels, 8, side, 10); apart(got, biased, 0) > 1e-6 {
		t.Errorf("one batch observed twice: apart by %g", apart(got, biased, 0))
	}
	// A batch of 8 and one of 2 count 4 to 1, or 1 to 1. The images of the latter four times have
	// its mean and biased variance, in a batch of 8.
	few := images(1, 2, side)
	for i := range few {
		few[i] /= 2
	}
	recalibrated := func(v supernet.Variance, batches ...[]byte) []float32 {
		u := subnet()
		for _, b := range batches {
			if err := u.Observe(b, len(b)/(side*side*3), side, side, mean, std, v); err != nil {
				t.Fatal(err)
			}
		}
		if err := u.Settle(); err != nil {
			t.Fatal(err)
		}
		return outputs(t, u, pixels, 8, side, 10)
	}
	many := slices.Repeat(few, 4)
	fourToOne := recalibrated(supernet.Biased, pixels, pixels, pixels, pixels, many)
	oneToOne := recalibrated(supernet.Biased, pixels, many)
	bySize, byBatch := recalibrated(supernet.Biased, pixels, few), recalibrated(supernet.Unbiased, pixels, few)
	if d := apart(bySize, fourToOne, 0); !(d <= 1e-5) {
		t.Errorf("biased, a batch of 8 and one of 2 do not count 4 to 1: apart by %g", d)
	}
	// The unbiased variance of a small batch is a little larger.
	if d, other := apart(byBatch, oneToOne, 0), apart(byBatch, fourToOne, 0); !(d < other/4) || !(d > 1e-4) {
		t.Errorf("unbiased, a batch of 8 and one of 2 do not count 1 to 1: apart by %g, and from 4 to 1 by %g", d, other)
	}
	if apart(bySize, byBatch, 0) < 1e-4 {
		t.Error("both kinds of recalibration gave the same")
	}
}

// TestNotSupernets asks ordinary models for what subnets do.
func TestNotSupernets(t *testing.T) {
	shim := open(t, torchtest.Path(t))
	linear := filepath.Join(models(t), "linear.pt")
	s, err := shim.Supernet(linear, "cpu", torch.Float32, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Subnet(supernet.Plan{1}); err == nil || !strings.Contains(err.Error(), "no supernet: it has no method cut") {
		t.Errorf("a subnet of a linear layer: %v", err)
	}
	m, err := shim.Load(linear, "cpu", torch.Float32, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Observe(images(0, 2, side), 2, side, side, mean, std, supernet.Biased); err == nil || !strings.Contains(err.Error(), "no subnet") {
		t.Errorf("observing a linear layer: %v", err)
	}
	if err := m.Settle(); err == nil || !strings.Contains(err.Error(), "no subnet") {
		t.Errorf("settling a linear layer: %v", err)
	}
	if _, err := shim.Supernet("absent.pt", "cpu", torch.Float32, 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// resident is the memory of this process.
func resident(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(status))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestSubnetMemory cuts hundreds of subnets from one supernet.
func TestSubnetMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("runs hundreds of networks")
	}
	torchtest.Path(t)
	path, space := exported(t, export.SupernetRequest{Table: family(t, "ofa-mbv3-w1.0"), Seed: 5})
	s := supernetOf(t, path, space)
	r := rand.New(rand.NewPCG(6, 7))
	pixels := images(0, 1, 256)
	cut := func() *torch.Model {
		g := space.Random(r)
		g[0] = 0 // the smallest images
		plan, err := space.Decode(g)
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Subnet(plan)
		if err != nil {
			t.Fatal(err)
		}
		outputs(t, m, pixels[:192*192*3], 1, 192, space.Classes)
		return m
	}
	for range 30 {
		cut().Close()
	}
	before := resident(t)
	for range 300 {
		cut().Close()
	}
	after := resident(t)
	t.Logf("%d MB, after 300 subnets %d MB", before>>20, after>>20)
	if after > before+16<<20 {
		t.Errorf("300 subnets keep %d MB", (after-before)>>20)
	}
	var alive []*torch.Model
	for range 100 {
		alive = append(alive, cut())
	}
	each := (resident(t) - after) / 100
	t.Logf("%d kB for each of 100 subnets", each>>10)
	if each > 5<<20 {
		t.Errorf("%d kB for each of 100 subnets", each>>10)
	}
	for _, m := range alive {
		m.Close()
	}
}

// TestFakeSubnets asks the fake shim for what tests of others rely on.
func TestFakeSubnets(t *testing.T) {
	t.Parallel()
	shim := open(t, torchtest.Fake(t))
	path := filepath.Join(t.TempDir(), "m.pt")
	table := small(supernet.ByStage)
	space, err := supernet.New(table, 5)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := space.Decode(space.Largest())
	if err != nil {
		t.Fatal(err)
	}
	torchtest.WriteFake(t, path, fmt.Sprintf("seed 3 supernet %d", len(plan)), export.Meta{Format: export.Format, Classes: 5, Supernet: &table})
	meta, err := export.ReadMeta(path)
	if err != nil {
		t.Fatal(err)
	}
	if read, err := meta.Space(); err != nil || read.Subnets().Cmp(space.Subnets()) != 0 {
		t.Fatalf("its space: %v", err)
	}
	s, err := shim.Supernet(path, "cpu", torch.Float32, 5)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run := func(plan supernet.Plan, observed ...supernet.Variance) []float32 {
		m, err := s.Subnet(plan)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		for _, v := range observed {
			calibrate(t, m, 28, v)
		}
		return outputs(t, m, images(0, 2, 28), 2, 28, 5)
	}
	small, err := space.Decode(space.Smallest())
	if err != nil {
		t.Fatal(err)
	}
	all := [][]float32{run(plan), run(small), run(plan, supernet.Biased), run(plan, supernet.Unbiased)}
	for i, a := range all {
		for _, b := range all[:i] {
			if slices.Equal(a, b) {
				t.Errorf("outputs %d are those of another", i)
			}
		}
	}
	if !slices.Equal(run(plan, supernet.Biased), all[2]) {
		t.Error("recalibrated again, a subnet gave other outputs")
	}
	for _, bad := range []supernet.Plan{plan[1:], append(supernet.Plan{-1}, plan[1:]...)} {
		if _, err := s.Subnet(bad); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}
