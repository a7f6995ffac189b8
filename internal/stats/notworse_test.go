package stats

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"strconv"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// Score and p-value are those that testdata/pairs.py found by maximising the likelihood
// and by summing over all tables.
func TestNotWorseAgainstAnotherProgram(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/pairs.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	number := func(text string) float64 {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, row := range rows[1:] {
		p := Pairs{int(number(row[0])), int(number(row[1])), int(number(row[2]))}
		margin := number(row[3])
		if got, want := p.Score(margin), number(row[4]); math.Abs(got-want) > 1e-6 {
			t.Errorf("%+v, margin %v: score %v, want %v", p, margin, got, want)
		}
		if row[5] == "" {
			continue
		}
		if got, want := p.NotWorse(margin), number(row[5]); math.Abs(got-want) > 1e-3*want {
			t.Errorf("%+v, margin %v: p = %v, want %v", p, margin, got, want)
		}
	}
}

// The example that the publication has (Tango 1998, section 6.1): of 44 patients one had
// no success with the new lens disinfection alone; margin 0.1.
func TestScoreOfThePublishedExample(t *testing.T) {
	t.Parallel()
	p := Pairs{44, 0, 1}
	z := p.Score(0.1)
	if math.Abs(z-1.709) > 5e-4 || math.Abs(distuv.UnitNormal.Survival(z)-0.044) > 5e-4 {
		t.Errorf("z = %v, p = %v, want 1.709 and 0.044", z, distuv.UnitNormal.Survival(z))
	}
	// The lower limit of the 90 % interval is where z is 1.645.
	if z := p.Score(0.096); math.Abs(z-1.645) > 0.01 {
		t.Errorf("z = %v at the published limit, want 1.645", z)
	}
}

// Under the hypothesis a p-value of at most x has a probability of at most x: summed over
// all tables, for shares all over the range. The normal approximation's has not.
func TestNotWorseIsValid(t *testing.T) {
	t.Parallel()
	normalBreaks := false
	for _, c := range []struct {
		samples int
		margin  float64
	}{{50, 0.02}, {250, 0.005}, {250, 0.01}, {250, 0}, {500, 0.005}} {
		most := min(36, c.samples) // samples on which only one is correct
		exact, normal := make([][]float64, most+1), make([][]float64, most+1)
		for n := range exact {
			for first := range n + 1 {
				p := Pairs{c.samples, first, n - first}
				exact[n] = append(exact[n], p.NotWorse(c.margin))
				normal[n] = append(normal[n], distuv.UnitNormal.Survival(p.Score(c.margin)))
			}
		}
		for _, either := range []float64{0.001, 0.005, 0.0051, 0.006, 0.01, 0.0101, 0.011, 0.015, 0.02, 0.03} {
			if either < c.margin {
				continue
			}
			for _, level := range []float64{0.02, 0.05, 0.1, 0.2} {
				claimed := func(p [][]float64) float64 {
					sum := 0.0
					for n := range p {
						count := distuv.Binomial{N: float64(c.samples), P: either}.Prob(float64(n))
						for first, p := range p[n] {
							if p <= level {
								sum += count * distuv.Binomial{N: float64(n), P: (either - c.margin) / 2 / either}.Prob(float64(first))
							}
						}
					}
					return sum
				}
				if got := claimed(exact); got > level {
					t.Errorf("%d samples, margin %v, only one correct on %v: claimed in %v, level %v", c.samples, c.margin, either, got, level)
				}
				normalBreaks = normalBreaks || claimed(normal) > 1.2*level
			}
		}
	}
	if !normalBreaks {
		t.Error("the normal approximation would do")
	}
}

// Evidence grows with what the first alone gets right and shrinks with what the second
// does; with many samples the exact p-value is that of the score.
func TestNotWorseIsOrdered(t *testing.T) {
	t.Parallel()
	for n := range 30 {
		for first := range n {
			a, b := Pairs{300, first, n - first}, Pairs{300, first + 1, n - first - 1}
			if !(a.Score(0.01) < b.Score(0.01)) || a.NotWorse(0.01) < b.NotWorse(0.01) {
				t.Errorf("%+v: %v, %+v: %v", a, a.NotWorse(0.01), b, b.NotWorse(0.01))
			}
		}
	}
	for _, p := range []Pairs{{50000, 900, 1100}, {20000, 500, 700}, {5000, 160, 190}} {
		exact, normal := p.NotWorse(0.005), distuv.UnitNormal.Survival(p.Score(0.005))
		if math.Abs(exact-normal) > 0.02 {
			t.Errorf("%+v: p = %v, the score's is %v", p, exact, normal)
		}
	}
	if p := (Pairs{Samples: 100}).NotWorse(0); p != 1 {
		t.Errorf("nothing tells the two apart, p = %v", p)
	}
	if p := (Pairs{Samples: 2500}).NotWorse(0.01); p > 1e-5 {
		t.Errorf("alike on 2,500 samples: p = %v", p)
	}
	if p := (Pairs{100, 0, 100}).NotWorse(0.5); p < 0.999 {
		t.Errorf("always wrong alone: p = %v", p)
	}
}

func BenchmarkNotWorse(b *testing.B) {
	for _, p := range []Pairs{{2500, 30, 40}, {50000, 900, 1100}} {
		b.Run(fmt.Sprint(p.Samples), func(b *testing.B) {
			for b.Loop() {
				p.NotWorse(0.005)
			}
		})
	}
}
