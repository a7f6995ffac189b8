package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A Measurement is what several runs of one thing gave, in one unit.
type Measurement struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Runs   int     `json:"runs"`
	Unit   string  `json:"unit"`
}

func measurement(unit string, values []float64) Measurement {
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Measurement{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1], Runs: n, Unit: unit}
}

// each applies f to every value.
func each(values []float64, f func(x float64) float64) []float64 {
	out := make([]float64, len(values))
	for i, x := range values {
		out[i] = f(x)
	}
	return out
}

// ratios divides run by run: what drifts between runs hits both sides of a pair.
func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

// alternate runs the variants in turn, A B C A B C and so on, so that a machine
// that becomes slower or faster does it to all, and returns the seconds of each
// variant's runs. The first warmups rounds are not counted.
func alternate(warmups, runs int, variants ...func() error) ([][]float64, error) {
	seconds := make([][]float64, len(variants))
	for round := range warmups + runs {
		for v, f := range variants {
			start := time.Now()
			if err := f(); err != nil {
				return nil, err
			}
			if round >= warmups {
				seconds[v] = append(seconds[v], time.Since(start).Seconds())
			}
		}
	}
	return seconds, nil
}

// number formats x with three digits or so.
func number(x float64) string {
	switch a := max(x, -x); {
	case a < 1e4 && x == math.Trunc(x):
		return fmt.Sprintf("%.0f", x)
	case a >= 1e4:
		text := fmt.Sprintf("%.0f", x)
		for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
			text = text[:i] + "," + text[i:]
		}
		return text
	case a >= 100:
		return fmt.Sprintf("%.0f", x)
	case a >= 10:
		return fmt.Sprintf("%.1f", x)
	case a >= 1:
		return fmt.Sprintf("%.2f", x)
	default:
		return fmt.Sprintf("%.3g", x)
	}
}
