package optimize

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"os"
	"path/filepath"
)

var names = []string{"resnet20", "wrn_28_10", "a,b", "x@0.5", "", " lead", "last:night", "quo\"te", "new\nline", "naïve", "v*2", "<script>", "margin:x"}

func find(name string) (int, bool) {
	for i, n := range names {
		if n == name {
			return i, true
		}
	}
	return 0, false
}

func TestParseCascade(t *testing.T) {
	for _, c := range []struct {
		text string
		want Cascade
		err  string
	}{
		{text: "resnet20", want: Cascade{Models: []int{0}}},
		{text: "resnet20@0.62, wrn_28_10", want: Cascade{Models: []int{0, 1}, Thresholds: []float32{0.62}}},
		{text: "last:resnet20*3@1,wrn_28_10", want: Cascade{Rule: RuleLast, Models: []int{0, 1}, Weights: []uint8{3, 1}, Thresholds: []float32{1}}},
		{text: `"a,b"@0,"x@0.5"`, want: Cascade{Models: []int{2, 3}, Thresholds: []float32{0}}},
		{text: "", err: "stage 1: a model's name is missing"},
		{text: "resnet21", err: `stage 1: no model named "resnet21"`},
		{text: "resnet20,wrn_28_10", err: "write resnet20@0.9"},
		{text: "resnet20@0.5,", err: "stage 2: a model's name is missing"},
		{text: "resnet20@0.5", err: "takes no threshold"},
		{text: "resnet20@1.5,wrn_28_10", err: "not a number in [0, 1]"},
		{text: "resnet20@NaN,wrn_28_10", err: "not a number in [0, 1]"},
		{text: "resnet20*0@1,wrn_28_10", err: "weight"},
		{text: "resnet20*200@1,wrn_28_10*56", err: "sum to 256"},
		{text: `"resnet20`, err: "does not end"},
	} {
		got, err := ParseCascade(c.text, find)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error %v, want one that says %q", c.text, err, c.err)
			}
		} else if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: %+v, %v, want %+v", c.text, got, err, c.want)
		}
	}
}

func TestCascadeRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		c := Cascade{Rule: Rule(rng.IntN(2)), Confidence: Confidence(rng.IntN(3))}
		length := 1 + rng.IntN(6)
		if rng.IntN(2) == 0 {
			c.Weights = []uint8{2}
		}
		for stage := range length {
			c.Models = append(c.Models, rng.IntN(len(names)))
			if stage > 0 {
				c.Thresholds = append(c.Thresholds, rng.Float32())
				if c.Weights != nil {
					c.Weights = append(c.Weights, uint8(1+rng.IntN(9)))
				}
			}
		}
		text := c.Format(func(m int) string { return names[m] })
		if got, err := ParseCascade(text, find); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v was written as %q and read as %+v, %v", c, text, got, err)
		}
	}
}

func FuzzParseCascade(f *testing.F) {
	f.Add("resnet20@0.62,wrn_28_10*2@0.9,naïve")
	f.Add(`last:"a,b"@0.5,"x@0.5"`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCascade(text, find)
		if err != nil {
			return
		}
		if err := c.Validate(len(names)); err != nil {
			t.Fatalf("%q was read as an invalid cascade: %v", text, err)
		}
		again, err := ParseCascade(c.Format(func(m int) string { return names[m] }), find)
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Fatalf("%q: %+v, written and read again %+v, %v", text, c, again, err)
		}
	})
}

func TestGrids(t *testing.T) {
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
		"0.5\n0.5\n":                 "stands twice",
		strings.Repeat("0.5\n", 128): "more than 127",
	} {
		if _, err := ReadGrid(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: error %v, want one that says %q", text, err, want)
		}
	}
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
