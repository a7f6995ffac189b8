package simzoo

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/internal/sharedtest"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/npy"
)

func v2(s Spec) float64   { return s.V2Top1 }
func in1k(s Spec) float64 { return s.Top1 }

func simulate(n, classes int, specs []Spec, target func(Spec) float64) ([]uint16, []zoo.Lists) {
	s := NewSamples(1, "search", n, classes)
	lists := make([]zoo.Lists, len(specs))
	var o Outputs
	for m, spec := range specs {
		o.Simulate(1, s, spec, target(spec))
		lists[m] = outputs.NewLists(n, classes)
		o.Lists(lists[m])
	}
	return s.Labels, lists
}

func describe(labels []uint16, lists []zoo.Lists) Statistics {
	tops := make([]Tops, len(lists))
	for m, l := range lists {
		tops[m] = Tops{l.TopClass, l.TopValue}
	}
	return Describe(labels, tops)
}

// pairGains is how many points the mean of two models of nearly the same accuracy
// is better than the better one, over at most 60 pairs.
func pairGains(labels []uint16, lists []zoo.Lists) Spread {
	acc := make([]float64, len(lists))
	for m, l := range lists {
		acc[m] = accuracy(labels, l.TopClass)
	}
	type pair struct{ a, b int }
	var pairs []pair
	for a := range lists {
		for b := range a {
			if math.Abs(acc[a]-acc[b]) < 0.5 {
				pairs = append(pairs, pair{a, b})
			}
		}
	}
	best, class := make([]uint32, len(labels)), make([]uint16, len(labels))
	var gains []float64
	for k := 0; k < len(pairs); k += 1 + len(pairs)/60 {
		p := pairs[k]
		a, b := lists[p.a], lists[p.b]
		kernel.ResolveAll(best, class, []*kernel.Lists{&a, &b}, nil)
		gains = append(gains, accuracy(labels, class)-max(acc[p.a], acc[p.b]))
	}
	return spreadOf(gains)
}

func within(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	if !(low <= got && got <= high) {
		t.Errorf("%s is %.3f, want %.3f to %.3f", what, got, low, high)
	}
}

// What is known of ImageNet models in general. ImageNetV2 is the harder split.
func TestRealistic(t *testing.T) {
	t.Parallel()
	const n = 3000
	specs := slices.DeleteFunc(Choose(80), func(s Spec) bool { return s.V2Top1 < 1 })

	labels, lists := simulate(n, 1000, specs, v2)
	st := describe(labels, lists)
	gain := pairGains(labels, lists)
	t.Logf("ImageNetV2: %+v, gain of pairs %+v", st, gain)
	within(t, "mean agreement", st.Agreement.Mean, 0.67, 0.74)
	within(t, "mean correlation of errors", st.Correlation.Mean, 0.5, 0.65)
	within(t, "mean share of the same error", st.SameError.Mean, 0.45, 0.65)
	within(t, "least calibration error", st.ECE.Min, 0.01, 0.08)
	within(t, "largest calibration error", st.ECE.Max, 0.15, 0.30)
	within(t, "oracle accuracy", st.Oracle, 0.92, 0.98)
	within(t, "mean gain of a pair", gain.Mean, 0.5, 2.5)
	within(t, "least gain of a pair", gain.Min, 0, 1.5)

	labels, lists = simulate(n, 1000, specs, in1k)
	st = describe(labels, lists)
	gain = pairGains(labels, lists)
	t.Logf("ImageNet: %+v, gain of pairs %+v", st, gain)
	within(t, "mean agreement", st.Agreement.Mean, 0.76, 0.84)
	within(t, "mean gain of a pair", gain.Mean, 0.5, 2)

	// Models of one family err together.
	var kin, others []float64
	for a := range lists {
		for b := range a {
			if math.Abs(specs[a].Top1-specs[b].Top1) > 3 {
				continue
			}
			agree := 0.0
			for i := range n {
				if lists[a].TopClass[i] == lists[b].TopClass[i] {
					agree += 1.0 / n
				}
			}
			if specs[a].Family == specs[b].Family {
				kin = append(kin, agree)
			} else {
				others = append(others, agree)
			}
		}
	}
	within(t, "more agreement within a family", spreadOf(kin).Mean-spreadOf(others).Mean, 0.01, 0.06)
}

// About half of a softmax over 1,000 classes is below 2^-14, where float16 has
// fewer digits.
func TestSubnormals(t *testing.T) {
	t.Parallel()
	const n, classes = 100, 1000
	s := NewSamples(1, "search", n, classes)
	row := make([]uint16, classes)
	small := 0
	specs := Choose(40)
	for _, spec := range specs {
		var o Outputs
		o.Simulate(1, s, spec, spec.V2Top1)
		for i := range n {
			o.Row(i, row)
			for _, v := range row {
				if v < 0x0400 {
					small++
				}
			}
		}
	}
	within(t, "share of values below 2^-14", float64(small)/float64(len(specs)*n*classes), 0.35, 0.75)
}

// Of the 29 real CIFAR-10 classifiers of the reference data: their accuracies in percent,
// in the order of its models.csv, and how they behave together.
var (
	cifar10Accuracies = []float64{
		93.12, 94.08, 94.05, 94.21, 94.47, 94.93, 95.27, 92.60, 93.53, 94.01, 94.37, 90.65, 93.30, 93.57, 93.98,
		92.79, 94.00, 94.16, 93.91, 95.62, 96.21, 94.06, 94.28, 96.46, 97.30, 93.18, 96.24, 93.56, 93.78,
	}
	cifar10 = struct{ agreement, correlation, oracle, gain float64 }{0.93678, 0.49826, 0.9965, 0.76153}
)

// Simulated models of the same accuracies behave together like the 29 real
// CIFAR-10 classifiers.
func TestLikeRealCIFAR10(t *testing.T) {
	t.Parallel()
	specs := Choose(len(cifar10Accuracies))
	for k := range specs {
		specs[k].Top1, specs[k].V2Top1 = 80, cifar10Accuracies[k]
	}
	labels, lists := simulate(10000, 10, specs, v2)
	sim, gain := describe(labels, lists), pairGains(labels, lists)
	t.Logf("%+v, gain of pairs %+v", sim, gain)
	within(t, "difference in mean agreement", sim.Agreement.Mean-cifar10.agreement, -0.02, 0.02)
	within(t, "difference in the correlation of errors", sim.Correlation.Mean-cifar10.correlation, -0.2, 0.2)
	within(t, "difference in oracle accuracy", sim.Oracle-cifar10.oracle, -0.02, 0.02)
	within(t, "difference in the mean gain of a pair", gain.Mean-cifar10.gain, -0.4, 0.4)
}

// The figures of the real classifiers are those of the reference data.
func TestRealCIFAR10(t *testing.T) {
	t.Parallel()
	dir := sharedtest.Dir(t, "cifar10")
	f, err := os.Open(filepath.Join(dir, "models.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	const n, classes = 10000, 10
	labels := make([]uint16, n)
	for i, v := range readNPY(t, filepath.Join(dir, "labels.npy"), n, (*npy.Reader).ReadInt64) {
		labels[i] = uint16(v)
	}
	if len(records)-1 != len(cifar10Accuracies) {
		t.Fatalf("%d models", len(records)-1)
	}
	var lists []zoo.Lists
	for k, r := range records[1:] {
		l := zoo.BuildLists(readNPY(t, filepath.Join(dir, r[0]+".npy"), n*classes, (*npy.Reader).ReadFloat16), classes)
		lists = append(lists, l)
		within(t, "accuracy of "+r[0], accuracy(labels, l.TopClass), cifar10Accuracies[k]-1e-9, cifar10Accuracies[k]+1e-9)
	}
	st, gain := describe(labels, lists), pairGains(labels, lists)
	t.Logf("%+v, gain of pairs %+v", st, gain)
	for _, c := range []struct {
		what      string
		got, want float64
	}{
		{"mean agreement", st.Agreement.Mean, cifar10.agreement},
		{"correlation of errors", st.Correlation.Mean, cifar10.correlation},
		{"oracle accuracy", st.Oracle, cifar10.oracle},
		{"mean gain of a pair", gain.Mean, cifar10.gain},
	} {
		within(t, c.what, c.got, c.want-1e-5, c.want+1e-5)
	}
}

func readNPY[T any](t *testing.T, path string, n int, read func(*npy.Reader, []T) (int, error)) []T {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := npy.NewReader(f, npy.Unknown)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	values := make([]T, n)
	for done := 0; done < n; {
		k, err := read(r, values[done:])
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		done += k
	}
	return values
}
