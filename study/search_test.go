package study

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/front"
)

func isThere(dir, file string) bool {
	_, err := os.Stat(filepath.Join(dir, file))
	return err == nil
}

// TestStateGoesLast: at every moment after a search has saved its state there is that, or
// the front.
func TestStateGoesLast(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	o := Defaults()
	o.Evals, o.Dir = 20_000, t.TempDir()
	state, both := false, false
	watch := Watch{Task: func(string, string) (func(int64, int64, string), func()) {
		state = state || isThere(o.Dir, front.StateFile)
		both = both || isThere(o.Dir, front.StateFile) && isThere(o.Dir, front.FrontFile)
		if state && !isThere(o.Dir, front.StateFile) && !isThere(o.Dir, front.FrontFile) {
			t.Error("neither state nor front")
		}
		return func(int64, int64, string) {}, func() {}
	}}
	if _, err := Search(t.Context(), z, o, watch); err != nil {
		t.Fatal(err)
	}
	if !both {
		t.Error("the state went before the front was written")
	}
	if isThere(o.Dir, front.StateFile) {
		t.Error("the state of a search that is done is there")
	}
	v, err := front.Verify(o.Dir)
	if err != nil || len(v.Problems) > 0 || len(v.Unsealed) > 0 || v.Files != 3 {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestCheckpointThatCannotBeSaved is a warning, once.
func TestCheckpointThatCannotBeSaved(t *testing.T) {
	t.Parallel()
	s := &search{folder: &front.Folder{Dir: filepath.Join(t.TempDir(), "gone")}}
	var warnings []string
	s.watch.Warn = func(text string) { warnings = append(warnings, text) }
	for range 3 {
		if err := s.save([]byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "could not be saved") {
		t.Errorf("warnings: %q", warnings)
	}
}

// TestLimitsBeforeTheSearch: what could not be written is refused before a folder is made.
func TestLimitsBeforeTheSearch(t *testing.T) {
	t.Parallel()
	z, err := Open(t.Context(), Example, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	for option, change := range map[string]func(*Options, float64){
		"max-cost":       func(o *Options, x float64) { o.MaxCost = x },
		"max-worst-cost": func(o *Options, x float64) { o.MaxWorstCost = x },
		"max-params":     func(o *Options, x float64) { o.MaxParams = x },
		"min-accuracy":   func(o *Options, x float64) { o.MinAccuracy = x },
		"min-gain":       func(o *Options, x float64) { o.MinGain = x },
	} {
		for _, x := range []float64{math.Inf(1), math.Inf(-1), math.NaN()} {
			o := Defaults()
			o.Dir = filepath.Join(t.TempDir(), "run")
			change(&o, x)
			var input *InputError
			if _, err := Search(t.Context(), z, o, Watch{}); !errors.As(err, &input) || input.Option != option {
				t.Errorf("%s %v: %v", option, x, err)
			}
			if isThere(o.Dir, "") {
				t.Errorf("%s %v: there is a run folder", option, x)
			}
		}
	}
}
