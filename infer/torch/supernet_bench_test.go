package torch_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/infer/torch/torchtest"
)

// BenchmarkSubnet compares a subnet of a file with the same subnet as OFA's own package
// extracts it, traced and frozen, where norms stay norms. A subnet may take a tenth longer.
func BenchmarkSubnet(b *testing.B) {
	const subnets, batch = 2, 8
	python, dir := torchtest.Python(b), b.TempDir()
	shim := open(b, torchtest.Path(b))
	if out, err := exec.Command(python, "testdata/ofa_subnets.py", dir, fmt.Sprint(subnets), "static").CombinedOutput(); err != nil {
		b.Skipf("%v\n%s", err, out)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := shim.Threads(1); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"ofa-mbv3-w1.0", "ofa-mbv3-w1.2", "ofa-proxyless"} {
		text, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			b.Fatal(err)
		}
		var all []extracted
		if err := json.Unmarshal(text, &all); err != nil {
			b.Fatal(err)
		}
		path, space := exported(b, export.SupernetRequest{Table: family(b, name), Weights: filepath.Join(dir, name+".pth")})
		s, err := shim.Supernet(path, "cpu", torch.Float32, space.Classes)
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		for i, of := range all {
			subnet, err := s.Subnet(of.Plan)
			if err != nil {
				b.Fatal(err)
			}
			defer subnet.Close()
			static, err := shim.Load(filepath.Join(dir, fmt.Sprintf("%s-%d.pt", name, i)), "cpu", torch.Float32, space.Classes)
			if err != nil {
				b.Fatal(err)
			}
			defer static.Close()
			side := int(of.Plan[0])
			pixels := images(i, batch, side)
			if ours, theirs := outputs(b, subnet, pixels, batch, side, space.Classes), outputs(b, static, pixels, batch, side, space.Classes); !slices.Equal(ours, theirs) {
				b.Fatalf("logits differ by %g", apart(ours, theirs, 0))
			}
			run := func(m *torch.Model) func() {
				return func() { outputs(b, m, pixels, batch, side, space.Classes) }
			}
			b.Run(fmt.Sprintf("%s-%d", name, side), func(b *testing.B) {
				torchtest.Against(b, batch, "static", run(subnet), run(static))
			})
		}
	}
}
