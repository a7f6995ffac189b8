package importer

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
