package optimize

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// MaxGrid is the largest number of thresholds a grid may have: a bin among them must fit
// in 7 bits.
const MaxGrid = 127

// A Grid holds the thresholds a search may use: 1 to [MaxGrid] values in [0, 1], strictly
// ascending.
type Grid []float32

// PaperGrid returns the 51 thresholds of the publication, 0.02·g for g = 0..50.
func PaperGrid() Grid {
	grid := make(Grid, 51)
	for g := range grid {
		grid[g] = float32(0.02 * float64(g))
	}
	return grid
}

// FineGrid returns 78 thresholds whose steps shrink toward 1: 0.02 up to 0.98, then
// 0.002, 0.0002 and 0.00002. Today's networks are so confident that most good thresholds
// are in the paper grid's last step.
func FineGrid() Grid {
	grid := PaperGrid()[:50]
	for _, step := range []float64{1e-3, 1e-4, 1e-5} {
		for i := 9; i >= 1; i-- {
			grid = append(grid, float32(1-2*step*float64(i)))
		}
	}
	return append(grid, 1)
}

// ReadGrid reads a grid of one threshold a line. Empty lines and lines that begin with #
// are ignored. Errors name the line.
func ReadGrid(r io.Reader) (Grid, error) {
	var grid Grid
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		t, err := cascade.ParseThreshold(text)
		if err != nil {
			return nil, fmt.Errorf("grid, line %d: %w", n, err)
		}
		if len(grid) == MaxGrid {
			return nil, fmt.Errorf("grid, line %d: more than %d thresholds", n, MaxGrid)
		}
		grid = append(grid, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("grid: %w", err)
	}
	slices.Sort(grid)
	return grid, grid.Validate()
}

// Validate reports the first thing that is wrong with the grid, if any.
func (g Grid) Validate() error {
	if len(g) == 0 {
		return errors.New("grid: no thresholds")
	}
	if len(g) > MaxGrid {
		return fmt.Errorf("grid: %d thresholds, at most %d are possible", len(g), MaxGrid)
	}
	for i, t := range g {
		if !(t >= 0 && t <= 1) {
			return fmt.Errorf("grid: threshold %v is not in [0, 1]", t)
		}
		if i > 0 && t <= g[i-1] {
			return fmt.Errorf("grid: threshold %v is repeated or out of order", t)
		}
	}
	return nil
}

// cuts returns what a sum of outputs of total weight w must exceed to pass each
// threshold: floor(w·t·2^24). A sum S is an integer, so S > w·t·2^24 exactly
// when S > floor(w·t·2^24), and the product is exact in float64.
func (g Grid) cuts(w uint32) []uint32 {
	cuts := make([]uint32, len(g))
	for i, t := range g {
		cuts[i] = uint32(math.Floor(float64(w) * float64(t) * kernel.One))
	}
	return cuts
}
