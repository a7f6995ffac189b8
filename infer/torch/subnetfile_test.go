package torch_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// TestSubnetFiles saves recalibrated subnets of several families: each file alone gives what
// the subnet gives, in Python as well, and is about as large as the subnet's weights.
func TestSubnetFiles(t *testing.T) {
	resizing := small(supernet.ByStage)
	resizing.Images.Input, resizing.Images.Crop = 24, 1
	type family struct {
		table   supernet.Table
		subnets int
		large   bool
	}
	families := []family{{small(supernet.ByBlock), 6, false}, {small(supernet.ByStage), 6, false}, {resizing, 3, false}}
	for _, name := range supernet.Families() {
		table, err := supernet.Family(name)
		if err != nil {
			t.Fatal(err)
		}
		families = append(families, family{table, 2, true})
	}
	for i, f := range families {
		t.Run(fmt.Sprint(i, " ", f.table.Name), func(t *testing.T) {
			if f.large && testing.Short() {
				t.Skip("runs large networks")
			}
			shim := open(t, torchtest.Path(t))
			path, space := exported(t, export.SupernetRequest{Table: f.table, Classes: 10, Seed: 3})
			s := supernetOf(t, path, space)
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for j := range f.subnets {
				g := space.Random(r)
				if f.large {
					g[0] = 0 // the smallest images
				}
				plan, err := space.Decode(g)
				if err != nil {
					t.Fatal(err)
				}
				m, err := s.Subnet(plan)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				side := f.table.Images.Side(int(plan[0]))
				calibrate(t, m, side, []supernet.Variance{supernet.Biased, supernet.Unbiased}[j%2])
				file := filepath.Join(t.TempDir(), "subnet.pt")
				if err := m.Save(file, []byte(`{"format":3,"name":"ä \"b\""}`)); err != nil {
					t.Fatal(err)
				}
				if meta, err := export.ReadMeta(file); err != nil || meta.Name != `ä "b"` {
					t.Errorf("its metadata: %+v, %v", meta, err)
				}
				loaded, err := shim.Load(file, "cpu", torch.Float32, space.Classes)
				if err != nil {
					t.Fatal(err)
				}
				defer loaded.Close()
				for _, n := range []int{1, 3} {
					pixels := images(100*j, n, side)
					want := outputs(t, m, pixels, n, side, space.Classes)
					if got := outputs(t, loaded, pixels, n, side, space.Classes); !slices.Equal(got, want) {
						t.Errorf("%v, %d images: the file's logits differ by %g", g, n, apart(got, want, 0))
					}
					if j > 0 || n == 1 {
						continue
					}
					if got := inPython(t, file, pixels, n, side); !slices.Equal(got, want) {
						t.Errorf("%v, %d images: in Python the file's logits differ by %g", g, n, apart(got, want, 0))
					}
				}
				counted, err := loaded.Count(side, side)
				if want, _ := m.Count(side, side); err != nil || counted != want {
					t.Errorf("%v: %+v multiply-adds, want %+v (%v)", g, counted, want, err)
				}
				info, err := os.Stat(file)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%v: %d bytes, %d parameters", g, info.Size(), m.Parameters())
				if most := 4*m.Parameters()*11/10 + 300_000; info.Size() > most {
					t.Errorf("%v: %d bytes for %d parameters", g, info.Size(), m.Parameters())
				}
			}
		})
	}
}

// inPython are the outputs of a file that Python runs.
func inPython(t *testing.T, file string, pixels []byte, n, side int) (logits []float32) {
	t.Helper()
	input := filepath.Join(t.TempDir(), "pixels")
	if err := os.WriteFile(input, pixels, 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `
import json, sys, torch
torch.set_num_threads(1)
file, pixels, n, side, mean, std = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *map(json.loads, sys.argv[5:])
x = torch.tensor(list(open(pixels, "rb").read()), dtype=torch.uint8).view(n, side, side, 3).permute(0, 3, 1, 2).contiguous().float()
x = x.div_(255).sub_(torch.tensor(mean).view(3, 1, 1)).div_(torch.tensor(std).view(3, 1, 1))
with torch.inference_mode():
    print(json.dumps(torch.jit.load(file)(x).flatten().tolist()))
`
	args := []string{"-B", "-c", script, file, input, fmt.Sprint(n), fmt.Sprint(side)}
	for _, v := range [][3]float32{mean, std} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, string(text))
	}
	out, err := exec.Command(torchtest.Python(t), args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &logits); err != nil {
		t.Fatal(err)
	}
	return logits
}

// TestSaveErrors saves what is no subnet, and where nothing can be written.
func TestSaveErrors(t *testing.T) {
	dir := t.TempDir()
	shim := open(t, torchtest.Path(t))
	m, err := shim.Load(filepath.Join(models(t), "linear.pt"), "cpu", torch.Float32, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Save(filepath.Join(dir, "linear.pt"), []byte("{}")); err == nil || !strings.Contains(err.Error(), "no subnet") {
		t.Errorf("a linear layer: %v", err)
	}
	path, space := exported(t, export.SupernetRequest{Table: small(supernet.ByStage), Classes: 10, Seed: 3})
	plan, err := space.Decode(space.Smallest())
	if err != nil {
		t.Fatal(err)
	}
	subnet, err := supernetOf(t, path, space).Subnet(plan)
	if err != nil {
		t.Fatal(err)
	}
	defer subnet.Close()
	if err := subnet.Save(filepath.Join(dir, "absent", "m.pt"), []byte("{}")); err == nil {
		t.Error("saved into a folder that is not there")
	}
}
