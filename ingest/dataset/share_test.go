package dataset

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// labelled is a set of so many images of each class, without files.
func labelled(sizes ...int) *Set {
	s := &Set{source: &files{}}
	for class, n := range sizes {
		for i := range n {
			s.IDs = append(s.IDs, fmt.Sprintf("%d/%d.png", class, i))
			s.Labels = append(s.Labels, uint16(class))
		}
	}
	return s
}

func TestShares(t *testing.T) {
	t.Parallel()
	for _, fractions := range [][]float64{{0.5, 0.5}, {0.5, 0.3, 0.2}, {0.1}, {0.7, 0.1}, {1}} {
		s := labelled(50, 7, 1, 1, 1, 1, 300, 10)
		seen := map[string]bool{}
		for k, f := range fractions {
			share, err := s.Share(1, fractions, k)
			if err != nil {
				t.Fatal(err)
			}
			if want := f * float64(s.Len()); math.Abs(float64(share.Len())-want) > 1 {
				t.Errorf("%v: share %d has %d images, want %v", fractions, k, share.Len(), want)
			}
			counts := make([]float64, 8)
			for i, id := range share.IDs {
				if seen[id] {
					t.Errorf("%v: %s is in two shares", fractions, id)
				}
				seen[id] = true
				counts[share.Labels[i]]++
				if share.IDs[i] != s.IDs[share.index[i]] || share.Labels[i] != s.Labels[share.index[i]] {
					t.Errorf("%v: %s is another image", fractions, id)
				}
			}
			for class, n := range []float64{50, 7, 1, 1, 1, 1, 300, 10} {
				if math.Abs(counts[class]-f*n) >= 2 {
					t.Errorf("%v: share %d has %v images of class %d, which has %v", fractions, k, counts[class], class, n)
				}
			}
			if !slices.IsSorted(share.index) {
				t.Errorf("%v: the order changed", fractions)
			}
			// The order in which the images are found does not matter, the seed does.
			again, err := s.pick(s.Len(), func(i int) int { return s.Len() - 1 - i }).Share(1, fractions, k)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(slices.Sorted(slices.Values(again.IDs)), slices.Sorted(slices.Values(share.IDs))) {
				t.Errorf("%v: another order gives other shares", fractions)
			}
			other, err := s.Share(2, fractions, k)
			if err != nil {
				t.Fatal(err)
			}
			if f < 1 && slices.Equal(other.IDs, share.IDs) {
				t.Errorf("%v: another seed gives the same share", fractions)
			}
		}
	}
	for _, fractions := range [][]float64{{0.5, 0.6}, {0}, {-1}, {math.NaN()}, {1.1}} {
		if _, err := labelled(10, 10).Share(1, fractions, 0); err == nil {
			t.Errorf("%v: no error", fractions)
		}
	}
	if _, err := labelled(2).Share(1, []float64{0.01}, 0); err == nil {
		t.Error("a share without images: no error")
	}
}
