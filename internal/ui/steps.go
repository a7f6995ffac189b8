package ui

import (
	"math"
	"strconv"
)

// Steps returns the multiples of 1, 2 or 5 times a power of ten from low to high, at
// most n and at least one or two of them, and the distance between two.
func Steps(low, high float64, n int) (at []float64, step float64) {
	power := math.Pow(10, math.Floor(math.Log10((high-low)/float64(n))))
	step = 10 * power
	for _, f := range []float64{5, 2, 1} {
		if (high-low)/(f*power) <= float64(n) {
			step = f * power
		}
	}
	for i := math.Ceil(low/step - 1e-9); i*step <= high+1e-9*step; i++ {
		at = append(at, i*step)
	}
	return at, step
}

// LogSteps returns the numbers for a logarithmic axis that has room for n: powers of
// ten, with their doubles and fivefolds or all their multiples if these fit, and only
// some of the powers if not even all powers do.
func LogSteps(low, high, n float64) (at []float64) {
	decades := math.Log10(high) - math.Log10(low)
	factors := []string{"1"}
	switch {
	case 15*decades < n:
		factors = []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}
	case 3*decades <= n:
		factors = []string{"1", "2", "5"}
	}
	every := max(1, int(math.Ceil(decades/n)))
	for e := int(math.Floor(math.Log10(low))); e <= int(math.Ceil(math.Log10(high))); e++ {
		if e%every != 0 {
			continue
		}
		for _, f := range factors {
			// Parsed, 2e-3 is the number nearest to it; a product may not be.
			if x, _ := strconv.ParseFloat(f+"e"+strconv.Itoa(e), 64); x >= low && x <= high {
				at = append(at, x)
			}
		}
	}
	return at
}
