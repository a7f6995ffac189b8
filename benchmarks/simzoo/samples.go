package simzoo

import (
	"fmt"
	"math"
	"slices"
)

// plausible is the number of classes of a sample that get a logit of their own.
// All others share a smooth tail below them. It is well above the 16 classes of
// the search index, so the tail hardly ever reaches a list.
const plausible = 48

// Samples are the simulated samples of one split: what every model sees alike.
type Samples struct {
	Split   string
	Classes int
	Labels  []uint16
	IDs     []string

	perSample int      // plausible classes a sample
	class     []uint16 // [N*perSample], ascending
	base      []int32  // [N*perSample] shared logit of each
	truth     []uint8  // [N] position of the label among the plausible
	key       []uint64 // [N]
}

// NewSamples draws n samples.
//
// A sample has a difficulty, which lowers the logit of its true class for every
// model; one in twenty is so hard that next to no model is right, as if it were
// mislabelled. Its wrong classes come mostly from the neighbourhood of the label
// (in ImageNet's order neighbours look alike), and their logits fall with their
// rank, fast for clear pictures and slowly for ambiguous ones.
func NewSamples(seed uint64, split string, n, classes int) *Samples {
	s := &Samples{
		Split: split, Classes: classes,
		Labels: make([]uint16, n), IDs: make([]string, n),
		perSample: min(classes, plausible),
		truth:     make([]uint8, n), key: make([]uint64, n),
	}
	s.class = make([]uint16, n*s.perSample)
	s.base = make([]int32, n*s.perSample)
	splitKey := keyOf(seed, "split "+split)

	// Labels are balanced, as they are in ImageNet, in an order of their own.
	for i := range s.Labels {
		s.Labels[i] = uint16(i % classes)
	}
	shuffle := stream(splitKey)
	for i := n - 1; i > 0; i-- {
		j := shuffle.below(i + 1)
		s.Labels[i], s.Labels[j] = s.Labels[j], s.Labels[i]
	}

	type candidate struct {
		class uint16
		base  int32
	}
	var cand [plausible]candidate
	taken := make([]bool, classes)
	for i := range n {
		s.key[i] = mix(splitKey + uint64(i))
		s.IDs[i] = fmt.Sprintf("simulated-%s-%05d", split, i)
		draw := stream(s.key[i])
		label := s.Labels[i]

		difficulty := difficultySpread * float64(normals[draw.below(len(normals))])
		if draw.unit() < hopeless {
			difficulty += 3 * difficultySpread * octave
		}
		ambiguity := 1.6 + 2.2*draw.unit()

		cand[0] = candidate{label, int32(-difficulty)}
		taken[label] = true
		for k := 1; k < s.perSample; k++ {
			c := draw.below(classes)
			if draw.unit() < 0.7 {
				// Geometric distance, mean 6, either side.
				step := 1 + int(6*-math.Log(1-draw.unit()))
				if draw.next()&1 == 0 {
					step = -step
				}
				c = ((int(label)+step)%classes + classes) % classes
			}
			for taken[c] {
				c = (c + 1) % classes
			}
			taken[c] = true
			cand[k] = candidate{uint16(c), int32(-octave * ambiguity * math.Log2(float64(k)))}
		}
		chosen := cand[:s.perSample]
		for _, c := range chosen {
			taken[c.class] = false
		}
		slices.SortFunc(chosen, func(a, b candidate) int { return int(a.class) - int(b.class) })
		for k, c := range chosen {
			s.class[i*s.perSample+k] = c.class
			s.base[i*s.perSample+k] = c.base
			if c.class == label {
				s.truth[i] = uint8(k)
			}
		}
	}
	return s
}
