package optimize

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
)

func TestGrids(t *testing.T) {
	t.Parallel()
	if g := PaperGrid(); len(g) != 51 || g[50] != 1 || g.Validate() != nil {
		t.Errorf("paper grid: %v", g)
	}
	if g := FineGrid(); len(g) != 78 || g[77] != 1 || g.Validate() != nil {
		t.Errorf("fine grid: %v, %v", g, g.Validate())
	}
	for text, want := range map[string]string{
		"0.5\nx\n":                   "line 2",
		"0.5\n1.01":                  "not a number in [0, 1]",
		"# only\n":                   "no thresholds",
		"0.5\n0.5\n":                 "repeated",
		strings.Repeat("0.5\n", 128): "more than 127",
	} {
		if _, err := ReadGrid(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: error %v, want one that says %q", text, err, want)
		}
	}
}

func TestFineGridOfTheReference(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(sharedtest.Dir(t, "fronts"), "grid_fine_78.txt"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := ReadGrid(strings.NewReader(string(data)))
	if err != nil || len(g) != 78 {
		t.Fatalf("%d thresholds, %v", len(g), err)
	}
	for i, want := range FineGrid() {
		if diff := g[i] - want; diff > 1e-7 || diff < -1e-7 {
			t.Errorf("threshold %d of the fine grid is %v, the reference's %v", i, want, g[i])
		}
	}
}
