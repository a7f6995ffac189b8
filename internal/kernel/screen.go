package kernel

import (
	"math"
	"math/bits"
)

// Stances hold, in eight bytes a sample, what a model makes of the labels: enough to tell
// for most samples, without their lists, whether a set answers them correctly. The rival is
// the class other than the label that the model gives the largest value, the lowest of
// several. Of each sample
//
//   - bits 0 to 24 are the value of the label, in fixed point;
//   - bits 25 to 31 are q: no class but these two has more than (q+1)/128 of the rival's value;
//   - bits 32 to 47 are the rival's value, as float16 bits;
//   - bits 48 to 63 are the rival, or NoClass if there are no other classes.
type Stances []uint64

// NewStances returns what a model with the lists l makes of the labels.
func NewStances(l *Lists, labels []uint16) Stances {
	n := l.Len()
	l.check(n, l.K)
	need(len(labels) == n, "NewStances: lengths do not fit the number of samples")
	s := make(Stances, n)
	for i, label := range labels {
		from := i * l.K
		classes, values := l.Classes[from:][:3], l.Values[from:][:3]
		own, first, second := -1, 0, 1 // the label, and the first two of the other listed classes
		switch label {
		case classes[0]:
			own, first, second = 0, 1, 2
		case classes[1]:
			own, second = 1, 2
		case classes[2]:
			own = 2
		}
		q, given := uint32(0), uint32(0)
		if value := fixed1(values[first]); value > 0 {
			q = max(1, (128*fixed1(values[second])+value-1)/value) - 1
		}
		if own >= 0 {
			given = fixed1(values[own])
		} else {
			given = l.value(i, label)
		}
		s[i] = uint64(classes[first])<<48 | uint64(values[first])<<32 | uint64(q<<25|given)
	}
	return s
}

// Given is what the model gives the label of sample i, in fixed point.
func (s Stances) Given(i int) uint32 { return uint32(s[i]) & (1<<25 - 1) }

// StancesBytes is the memory that NewStances asks for with n samples, for callers with a
// budget.
func StancesBytes(n int) int { return 8 * n }

// A Subset is some of N samples: their numbers, ascending, and a bit for each of the N, which is 1
// for these.
type Subset struct {
	Numbers []int32
	Bits    []uint64
}

// NewSubset returns room for a subset of n samples, which has none.
func NewSubset(n int) *Subset {
	return &Subset{Numbers: make([]int32, 0, n), Bits: make([]uint64, (n+63)/64)}
}

// check panics unless s is a subset of n samples. It does not look at the numbers.
func (s *Subset) check(n int, rule string) {
	checkBits(s.Bits, n, rule)
	size := 0
	for _, w := range s.Bits {
		size += bits.OnesCount64(w)
	}
	need(size == len(s.Numbers), rule)
}

// Screened is what Screen finds of the samples of a subset, in their order, and its room for that.
// The slices have room for all of them and 15 more.
type Screened struct {
	Sums  []uint32 // see [Screen]
	Right []uint16 // 1: the answer is correct
	Sure  []byte   // 255: Sums and Right are those of the set; else 0
	Open  []int32  // places in the subset, counted from 0

	gathered [maxScreened * screenRow]uint64 // stances of a step, by member

	best    []uint32 // of each sample, for Decide, as ResolveSamples makes them
	class   []uint16
	numbers []int32 // of the samples that it decides by lists
}

const (
	maxScreened = 16             // members that the assembly takes
	screenStep  = 256            // samples whose stances are gathered at a time, at most
	screenRow   = screenStep + 8 // room for them, and what a register is longer
	screenPast  = 15             // how far the last register of a step may reach past it
)

// NewScreened returns room for n samples.
func NewScreened(n int) *Screened {
	room := n + screenPast
	return &Screened{
		Sums: make([]uint32, room), Right: make([]uint16, room), Sure: make([]byte, room), Open: make([]int32, room),
		best: make([]uint32, n), class: make([]uint16, n), numbers: make([]int32, n),
	}
}

// Screen decides, of a subset of the samples, those for which the members' stances suffice. For
// number i, which is number r of the subset, let
//
//	label = Σ weights[m] * the value of the label
//	vote  = the largest of votes(c), of all members' rivals c
//	most  = the largest of bound(c), of all members' rivals c
//
// where member m adds to votes(c) and to bound(c) v, its weight times its rival's value, if c
// is its rival, and else nothing to votes(c) and (v/128+1)*(q+1) to bound(c). No class but
// the label has a sum above most, and one has vote or more. The sample is
//
//   - sure if label > most: the answer is the label, its sum label; or if all members have the
//     same rival and give it more than the label: this is the answer, its sum vote. Sums[r] is
//     the sum, Right[r] is 1 if the label is the answer, and Sure[r] is 255;
//   - known to go on if most < least: Sums[r] is most, which its sum does not exceed;
//   - known to be answered incorrectly if vote >= least and vote > label: Sums[r] is 2^32-1;
//   - else open: r is appended to Open, and Sums[r] is most.
//
// The first that applies counts. Right[r] and Sure[r] are 0 if it is not the first one. A cascade
// that continues with sums less than least does the same with Sums in place of the sums and the
// answers taken as wrong, if the sample is not open. At a last stage, of which nothing continues,
// least is 0. Weights are 1 or more and sum to at most 255; nil means all 1.
func Screen(to *Screened, samples *Subset, members []Stances, weights []uint32, least uint32) (open int) {
	need(len(members) > 0, "Screen: no members")
	need(weights == nil || len(weights) == len(members), "Screen: members and weights differ in length")
	total := uint64(0)
	for m, s := range members {
		need(len(s) == len(members[0]), "Screen: lengths do not fit the number of samples")
		w := weight(weights, m)
		need(w >= 1, "Screen: a weight is 0")
		total += uint64(w)
	}
	need(total <= 255, "Screen: the weights sum to more than 255")
	samples.check(len(members[0]), "Screen: not a subset of the samples")
	n := len(samples.Numbers) + screenPast
	need(len(to.Sums) >= n && len(to.Right) >= n && len(to.Sure) >= n && len(to.Open) >= n, "Screen: no room for all samples")
	return screen(to, samples, members, weights, least)
}

// Decide screens the samples and resolves those left open from the members' lists; their Sums and
// Right are then exact, and their Sure is 255. Without stances all samples are resolved from lists.
// to was made for as many samples as there are labels.
func Decide(to *Screened, samples *Subset, labels []uint16, members []*Lists, stances []Stances, weights []uint32, least uint32) {
	n := len(samples.Numbers)
	need(len(to.class) == len(labels) && n <= len(labels), "Decide: no room for all samples")
	places, numbers := to.Open[:n], to.numbers[:n]
	if len(stances) > 0 {
		places = places[:Screen(to, samples, stances, weights, least)]
		for j, r := range places {
			numbers[j] = samples.Numbers[r]
		}
		numbers = numbers[:len(places)]
	} else {
		for r := range places {
			places[r] = int32(r)
		}
		copy(numbers, samples.Numbers)
	}
	ResolveSamples(to.best, to.class, numbers, members, weights)
	for j, r := range places {
		i := numbers[j]
		to.Sums[r], to.Right[r], to.Sure[r] = to.best[i], 0, math.MaxUint8
		if to.class[i] == labels[i] {
			to.Right[r] = 1
		}
	}
}
