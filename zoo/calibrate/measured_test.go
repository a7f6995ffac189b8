package calibrate_test

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/calibrate"
	"github.com/encas-zoo/encas-zoo/zoo/example"
	"github.com/encas-zoo/encas-zoo/zoo/importer"
)

// The calibration errors that docs/results.md quotes, in percent: on the split that
// temperatures are fitted on and on the other, before and after.
func TestMeasured(t *testing.T) {
	for name, test := range map[string]struct {
		open func(t *testing.T) *zoo.Zoo
		want [4]float64
	}{
		"example": {func(t *testing.T) *zoo.Zoo {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			z, err := example.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return z
		}, [4]float64{7.72, 1.91, 7.97, 2.19}},
		"cifar10": {openCIFAR10, [4]float64{3.95, 1.10, 3.55, 0.93}},
	} {
		t.Run(name, func(t *testing.T) {
			z := test.open(t)
			results, err := calibrate.Zoo(t.Context(), z, filepath.Join(t.TempDir(), "calibrated"), calibrate.Options{Split: "search", Models: z.Models()})
			if err != nil {
				t.Fatal(err)
			}
			var mean [4]float64
			for _, r := range results {
				for i, e := range r.Errors {
					mean[2*i] += 100 * e.Before / float64(len(results))
					mean[2*i+1] += 100 * e.After / float64(len(results))
				}
			}
			for i, want := range test.want {
				if math.Abs(mean[i]-want) > 0.0051 {
					t.Errorf("calibration errors %.4f, want %v", mean, test.want)
					break
				}
			}
		})
	}
}

// openCIFAR10 imports the real outputs of the reference data, one half to search on.
func openCIFAR10(t *testing.T) *zoo.Zoo {
	dir := filepath.Join(t.TempDir(), "cifar10")
	src, err := importer.Open("npy", []string{sharedtest.Dir(t, "cifar10")}, importer.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	splits, err := importer.ParseSplits([]string{"search=0:5000", "test=5000:10000"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := importer.Import(t.Context(), dir, src, importer.Options{Splits: splits}); err != nil {
		t.Fatal(err)
	}
	z, err := zoo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return z
}
