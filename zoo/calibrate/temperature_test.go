package calibrate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// sampled makes up N outputs and draws their labels from them, so that they are
// calibrated; then the logits are multiplied by the temperature, which is therefore the
// one to find.
func sampled(t testing.TB, random *rand.Rand, n, classes int, temperature float64) (labels, rows []uint16) {
	t.Helper()
	logits := make([]float64, classes)
	row := make([]float32, classes)
	for range n {
		for c := range logits {
			logits[c] = 1.5 * random.NormFloat64()
		}
		labels = append(labels, draw(random, softmax(logits, 1)))
		for c, p := range softmax(logits, temperature) {
			row[c] = float32(p)
		}
		rows = append(rows, make([]uint16, classes)...)
		if err := zoo.RoundRow(rows[len(rows)-classes:], row); err != nil {
			t.Fatal(err)
		}
	}
	return labels, rows
}

func softmax(logits []float64, scale float64) []float64 {
	var sum float64
	p := make([]float64, len(logits))
	for c, l := range logits {
		p[c] = math.Exp(scale * l)
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
	return p
}

func draw(random *rand.Rand, p []float64) uint16 {
	x := random.Float64()
	for c := range p {
		if x -= p[c]; x < 0 {
			return uint16(c)
		}
	}
	return uint16(len(p) - 1)
}

func TestFitFindsTheTemperature(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, classes := range []int{2, 10, 100} {
		for _, want := range []float64{0.4, 0.8, 1, 1.5, 3} {
			labels, rows := sampled(t, random, 4000, classes, want)
			if got := Fit(labels, rows, classes); math.Abs(math.Log(got/want)) > 0.1 {
				t.Errorf("%d classes: temperature %v instead of %v", classes, got, want)
			}
		}
	}
}

// likelihood is the mean negative log-likelihood of labels, without those of
// probability 0, written down as it stands in books.
func likelihood(labels, rows []uint16, classes int, temperature float64) float64 {
	var sum float64
	row := make([]float32, classes)
	logits := make([]float64, classes)
	for i, label := range labels {
		kernel.F16ToF32(row, rows[i*classes:(i+1)*classes])
		if row[label] == 0 {
			continue
		}
		for c, p := range row {
			logits[c] = math.Log(float64(p)) // -Inf where it is 0
		}
		sum -= math.Log(softmax(logits, 1/temperature)[label])
	}
	return sum / float64(len(labels))
}

func TestFitAgainstAllTemperatures(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for _, made := range []float64{0.02, 0.3, 1, 7, 60} {
		labels, rows := sampled(t, random, 200, 5, made)
		got := Fit(labels, rows, 5)
		best, least := 0.0, math.Inf(1)
		const steps = 3000
		for i := range steps + 1 {
			at := Lowest * math.Pow(Highest/Lowest, float64(i)/steps)
			if l := likelihood(labels, rows, 5, at); l < least {
				best, least = at, l
			}
		}
		if step := math.Log(Highest/Lowest) / steps; math.Abs(math.Log(got/best)) > 1.01*step {
			t.Errorf("made at %v: fitted %v, but of a grid %v is best", made, got, best)
		}
	}
}

func TestFitAtItsEnds(t *testing.T) {
	t.Parallel()
	half, quarter := uint16(0x3800), uint16(0x3400)
	for _, test := range []struct {
		what         string
		labels, rows []uint16
		want         float64
	}{
		{"always right", []uint16{0, 0}, []uint16{half, quarter, quarter, half, quarter, quarter}, Lowest},
		{"always wrong", []uint16{1, 2}, []uint16{half, quarter, quarter, half, quarter, quarter}, Highest},
		{"sure and right", []uint16{0, 0}, []uint16{0x3C00, 0, 0, 0x3C00, 0, 0}, 1},
		{"sure and wrong", []uint16{1, 2}, []uint16{0x3C00, 0, 0, 0x3C00, 0, 0}, 1},
		{"nothing", nil, nil, 1},
	} {
		if got := Fit(test.labels, test.rows, 3); math.Abs(got/test.want-1) > 1e-6 || got < Lowest || got > Highest {
			t.Errorf("%s: temperature %v, want %v", test.what, got, test.want)
		}
	}
}

// Whatever the row and the temperature: the result is a valid row, its answer that of
// the row, zeros stay, and the order of the classes does too.
func TestApply(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for _, temperature := range []float64{Lowest, 0.5, 1, 1.1, 2, Highest} {
		s := NewScaler(temperature)
		for _, classes := range []int{2, 3, 10, 1000, zoo.MaxClasses} {
			tries := max(3, 2000/classes)
			for try := range tries {
				_, row := sampled(t, random, 1, classes, []float64{0.01, 0.001, 1, 5}[try%4])
				scaled := make([]uint16, classes)
				if err := s.Apply(scaled, row); err != nil {
					t.Fatalf("T = %v, %d classes: %v", temperature, classes, err)
				}
				if a, b := outputs.Top(row), outputs.Top(scaled); a != b {
					t.Fatalf("T = %v: the answer was %d (%04x beside %04x) and is %d", temperature, a, row[a], row[b], b)
				}
				order := make([]int, classes)
				for c := range order {
					order[c] = c
				}
				slices.SortFunc(order, func(a, b int) int { return int(row[a]) - int(row[b]) })
				for k := 1; k < classes; k++ {
					if a, b := order[k-1], order[k]; row[a] < row[b] && scaled[a] > scaled[b] {
						t.Fatalf("T = %v: %04x < %04x became %04x and %04x", temperature, row[a], row[b], scaled[a], scaled[b])
					}
				}
				for c, h := range row {
					if h == 0 && scaled[c] != 0 {
						t.Fatalf("T = %v: 0 became %04x", temperature, scaled[c])
					}
				}
				if err := check16(scaled); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// check16 reports whether a row can be stored.
func check16(row []uint16) error {
	values := make([]float32, len(row))
	kernel.F16ToF32(values, row)
	return zoo.RoundRow(make([]uint16, len(row)), values)
}

// Two classes that rounding makes as likely as each other stay in their order.
func TestApplyKeepsTheAnswerOfANearTie(t *testing.T) {
	t.Parallel()
	row := []uint16{0x37FF, 0x3800, 0}
	scaled := make([]uint16, 3)
	if err := NewScaler(Highest).Apply(scaled, row); err != nil {
		t.Fatal(err)
	}
	if outputs.Top(scaled) != 1 || scaled[0] < 0x37F0 || scaled[2] != 0 {
		t.Errorf("%04x became %04x", row, scaled)
	}
}

func TestApplyIsTheFormula(t *testing.T) {
	t.Parallel()
	row := []uint16{0x3A66, 0x3000, 0x2E66, 0} // 0.8, 0.125, 0.1
	scaled := make([]uint16, 4)
	if err := NewScaler(2).Apply(scaled, row); err != nil {
		t.Fatal(err)
	}
	var values, given [4]float32
	kernel.F16ToF32(values[:], scaled)
	kernel.F16ToF32(given[:], row)
	sum := math.Sqrt(float64(given[0])) + math.Sqrt(float64(given[1])) + math.Sqrt(float64(given[2]))
	for c, v := range values {
		if want := math.Sqrt(float64(given[c])) / sum; math.Abs(float64(v)-want) > want/2048 {
			t.Errorf("class %d: %v instead of %v", c, v, want)
		}
	}
}

func TestReliability(t *testing.T) {
	t.Parallel()
	var r Reliability
	if r.Error() != 0 {
		t.Error("an error of nothing")
	}
	// Sure by 0.75 and right on 1 of 4; sure by 1 and right on 1 of 1; ends of bins.
	for i := range 4 {
		r.Add([]uint16{0x3A00, 0x3400}, uint16(min(i, 1)))
	}
	r.Add([]uint16{0, 0x3C00}, 1)
	if got, want := r.Error(), (3.0-1)/5; math.Abs(got-want) > 1e-12 {
		t.Errorf("error %v, want %v", got, want)
	}
}

// What Fit and Apply do together: outputs that were made too sure become calibrated.
func TestCalibrationErrorFalls(t *testing.T) {
	t.Parallel()
	labels, rows := sampled(t, rand.New(rand.NewPCG(7, 8)), 5000, 10, 2.5)
	s := NewScaler(Fit(labels, rows, 10))
	var before, after Reliability
	scaled := make([]uint16, 10)
	for i, label := range labels {
		row := rows[10*i : 10*(i+1)]
		if err := s.Apply(scaled, row); err != nil {
			t.Fatal(err)
		}
		before.Add(row, label)
		after.Add(scaled, label)
	}
	if before.Error() < 0.15 || after.Error() > 0.025 {
		t.Errorf("calibration error %.4f before, %.4f after", before.Error(), after.Error())
	}
}
