package importer

import (
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// adviceOption is an option that a message tells to add.
var adviceOption = regexp.MustCompile(`import with --(logits|activation (\w+))`)

// Outputs of every kind give the right probabilities with every option, or a refusal; and
// what the refusal advises gives the right ones.
func TestActivations(t *testing.T) {
	t.Parallel()
	logits := []float64{2, -1, 0.5, 3, 1, -4, 0, 0.25, -2, 5, 5, 4.5}
	const classes = 3
	var softmaxed, sigmoids, normal []float64
	for i := 0; i < len(logits); i += classes {
		row := slices.Clone(logits[i : i+classes])
		outputs.Softmax(row)
		softmaxed = append(softmaxed, row...)
		for k := range row {
			row[k] = 1 / (1 + math.Exp(-logits[i+k]))
		}
		sigmoids = append(sigmoids, row...)
		divide(row)
		normal = append(normal, row...)
	}
	apply := func(v []float64, f func(float64) float64) (out []float64) {
		for _, x := range v {
			out = append(out, f(x))
		}
		return out
	}
	percents := apply(softmaxed, func(x float64) float64 { return 100 * x })
	votes := []float64{3, 5, 2, 10, 0, 0, 1, 1, 8, 4, 3, 3}
	for _, c := range []struct {
		name         string
		values, want []float64 // nil: nothing is right
	}{
		{"probabilities", softmaxed, softmaxed},
		{"percents", percents, softmaxed},
		{"logits", logits, softmaxed},
		{"logarithms", apply(softmaxed, math.Log), softmaxed},
		{"sigmoids", sigmoids, normal},
		{"votes", votes, nil},
		{"rounded", apply(softmaxed, func(x float64) float64 { return math.Round(1e3*x) / 1e3 }), softmaxed},
	} {
		dir := files{
			"a.npy":      npyFile("<f8", "(4, 3)", c.values),
			"labels.npy": labels(0, 1, 2, 0),
			"models.csv": []byte("name,gflops\na,1\n"),
		}.write(t)
		try := func(o OpenOptions) ([]float32, error) {
			zooDir, err := tryImport(t, "npy", o, dir)
			if err != nil {
				return nil, err
			}
			z, err := zoo.Open(zooDir)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float32, len(c.values))
			kernel.F16ToF32(got, readZooRows(t, z, "a", "all"))
			return got, nil
		}
		check := func(got []float32, how string) {
			want := c.want
			// A sigmoid for each class is a fair reading of logits, if it is asked for.
			if c.name == "logits" && how == string(Sigmoid) {
				want = normal
			}
			for i := range got {
				if want == nil || math.Abs(float64(got[i])-want[i]) > 2e-3 {
					t.Fatalf("%s, %q: got %v, want %v", c.name, how, got, want)
				}
			}
		}
		for _, said := range append(Activations(), "") {
			got, err := try(OpenOptions{Activation: said})
			if err == nil {
				check(got, said)
				continue
			}
			t.Logf("%s, %q: %v", c.name, said, err)
			var advice OpenOptions
			switch m := adviceOption.FindStringSubmatch(err.Error()); {
			case m == nil:
			case m[1] == "logits":
				advice.Logits = true
			default:
				advice.Activation = m[2]
			}
			if got, err = try(advice); err == nil {
				check(got, advice.Activation)
			} else if c.name != "votes" {
				t.Errorf("%s, %q: the advice leads to another refusal: %v", c.name, said, err)
			}
		}
	}
	_, err := Open("npy", []string{"x"}, OpenOptions{Activation: "relu"})
	wantSays(t, err, "relu", "softmax, sigmoid, none, log")
	_, err = Open("npy", []string{"x"}, OpenOptions{Activation: "log", Logits: true})
	wantSays(t, err, "--logits", "log")
}

// Of files that need different options each is imported with its own, as the refusal says,
// which leaves nothing behind.
func TestDifferentActivations(t *testing.T) {
	t.Parallel()
	logits := floats("(3, 2)", 2, -1, -3, 0.5, 1, 4)
	three := files{"labels.npy": labels(0, 1, 1), "models.csv": []byte("name,gflops\na,1\nb,2\nc,3\n")}
	for _, c := range []struct {
		name        string
		files       files
		most, other OpenOptions
		odd         string
	}{
		{"logits among probabilities", three.with("a.npy", goodNPY["a.npy"]).with("b.npy", goodNPY["b.npy"]).with("c.npy", logits), OpenOptions{}, OpenOptions{Logits: true}, "c.npy"},
		{"the first one", three.with("a.npy", logits).with("b.npy", goodNPY["b.npy"]).with("c.npy", goodNPY["a.npy"]), OpenOptions{}, OpenOptions{Logits: true}, "a.npy"},
		{"probabilities among logits", three.with("a.npy", logits).with("b.npy", goodNPY["b.npy"]).with("c.npy", logits), OpenOptions{Activation: "softmax"}, OpenOptions{}, "b.npy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			source, dir := c.files.write(t), filepath.Join(t.TempDir(), "zoo")
			add := func(opt OpenOptions, path string) (Summary, error) {
				s := mustOpen(t, "npy", opt, path)
				return Import(t.Context(), dir, s, Options{Splits: mustCut(t, "all")})
			}
			_, err := add(c.most, source)
			wantSays(t, err, c.odd+": ", "no option is right for all", "by itself", filepath.Join(source, c.odd)+"; then")
			if _, err := os.Stat(dir); err == nil {
				t.Error("there is a zoo")
			}
			if _, err := add(c.other, filepath.Join(source, c.odd)); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if sum, err := add(c.most, source); err != nil || sum.Skipped < 1 {
					t.Fatalf("%+v, %v", sum, err)
				}
			}
			z, err := zoo.Open(dir)
			if err != nil || len(z.Models()) != 3 {
				t.Fatalf("%v, %v", z, err)
			}
		})
	}
}

// countedValues are rows of numbers, of which each opening is counted.
type countedValues struct {
	rows [][]float64
}

func (v *countedValues) next(row []float64) error {
	if len(v.rows) == 0 {
		return io.EOF
	}
	copy(row, v.rows[0])
	v.rows = v.rows[1:]
	return nil
}

func (v *countedValues) where(row int) string { return fmt.Sprintf("m: row %d", row) }
func (v *countedValues) Close() error         { return nil }

// TestLookedAtOnce: what all rows look like is found out by one reading of the file, however
// often the outputs are opened until they are imported.
func TestLookedAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		activation Activation
		rows       [][]float64
	}{
		{Softmax, [][]float64{{1, -2}, {0, 3}}},
		{Unsaid, [][]float64{{25, 75}, {10, 90}}},
	} {
		opened := 0
		s := &Source{activation: test.activation}
		var want [][]uint16
		for use := range 3 {
			rows, err := s.convert(Model{Name: "m", File: "m"}, 0, func() (values, int, error) {
				opened++
				return &countedValues{test.rows}, 2, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			var got [][]uint16
			for range test.rows {
				row := make([]uint16, 2)
				if err := rows.Next(row); err != nil {
					t.Fatal(err)
				}
				got = append(got, row)
			}
			if want == nil {
				want = got
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%q, use %d: %v, want %v", test.activation, use, got, want)
			}
			if use == 0 {
				opened = 0
			}
		}
		if opened != 2 {
			t.Errorf("%q: the file was read %d times for two uses", test.activation, opened)
		}
		s.forget()
		if _, ok := s.decision(decidedOn{"m", 0}); ok {
			t.Error("a decision outlives its import")
		}
	}
}

// TestNameLikeAnOption: whether an option helps does not depend on what the files are called.
func TestNameLikeAnOption(t *testing.T) {
	t.Parallel()
	dir := files{
		"a--b.npy":   npyFile("<f8", "(2, 2)", []float64{3, 5, 2, 6}), // votes
		"c.npy":      npyFile("<f8", "(2, 2)", []float64{0.25, 0.75, 0.5, 0.5}),
		"labels.npy": labels(0, 1),
		"models.csv": []byte("name,gflops\na--b,1\nc,1\n"),
	}.write(t)
	s, err := Open("npy", []string{dir}, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = Import(t.Context(), filepath.Join(t.TempDir(), "z"), s, Options{Splits: []Cut{{Split: "s"}}})
	if err == nil || strings.Contains(err.Error(), "first import by itself") {
		t.Errorf("an option is advised: %v", err)
	}
}
