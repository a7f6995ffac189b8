package front

import (
	"slices"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
)

func TestThin(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		front []int // correct answers
		gain  float64
		want  []int
	}{
		{nil, 0.1, nil},
		{[]int{10, 11, 12, 13}, 0, []int{10, 11, 12, 13}},
		{[]int{10, 11, 12, 13}, 0.002, []int{10, 12}},
		{[]int{10, 11, 12, 13}, 0.003, []int{10, 13}},
		{[]int{10, 15, 16, 30}, 0.005, []int{10, 15, 30}},
		{[]int{10, 11}, 1, []int{10}},
	} {
		var front []Point
		for i, correct := range test.front {
			front = append(front, Point{Evaluation: cascade.Evaluation{Samples: 1000, Correct: correct, Cost: float64(i + 1)}})
		}
		var got []int
		for _, p := range Thin(front, test.gain) {
			got = append(got, p.Correct)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%v thinned to a gain of %v: %v, want %v", test.front, test.gain, got, test.want)
		}
	}
}
