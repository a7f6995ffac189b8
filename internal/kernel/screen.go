package kernel

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
		first, second := -1, -1 // of the listed classes but the label
		for j, class := range l.Classes[i*l.K:][:3] {
			switch {
			case class == label:
			case first < 0:
				first = i*l.K + j
			case second < 0:
				second = i*l.K + j
			}
		}
		q := uint32(0)
		if value := fixed1(l.Values[first]); value > 0 {
			q = max(1, (128*fixed1(l.Values[second])+value-1)/value) - 1
		}
		s[i] = uint64(l.Classes[first])<<48 | uint64(l.Values[first])<<32 | uint64(q<<25|l.value(i, label))
	}
	return s
}

// StancesBytes is the memory that NewStances asks for with n samples, for callers with a
// budget.
func StancesBytes(n int) int { return 8 * n }

// Screened is what Screen finds. Its slices have room for as many samples as it is given,
// rounded up to a multiple of 16.
type Screened struct {
	// Of the samples given that are neither exact nor open, sums that serve in place of
	// theirs: see [Screen].
	Bounds []uint32

	// Samples of which all is known: numbers, sums, and whether the answer is correct (1 or 0).
	Exact []int32
	Sums  []uint32
	Right []uint16

	// Samples that remain to be resolved.
	Open []int32

	numbers  [screenStep]int32                // of the samples of a step
	gathered [maxScreened * screenStep]uint64 // their stances, by member
}

const (
	maxScreened = 16  // members that the assembly takes
	screenStep  = 256 // samples whose stances are gathered at a time
)

// NewScreened returns room for n samples.
func NewScreened(n int) *Screened {
	n = (n + 15) &^ 15
	return &Screened{
		Bounds: make([]uint32, n),
		Exact:  make([]int32, n),
		Sums:   make([]uint32, n),
		Right:  make([]uint16, n),
		Open:   make([]int32, n),
	}
}

// Screen decides, of the samples given, those for which the members' stances suffice. For
// sample r of them, number i, let
//
//	label = Σ weights[m] * the value of the label
//	vote  = the largest of votes(c), of all members' rivals c
//	most  = the largest of bound(c), of all members' rivals c
//
// where member m adds to votes(c) and to bound(c) v, its weight times its rival's value, if c
// is its rival, and else nothing to votes(c) and (v/128+1)*(q+1) to bound(c). No class but
// the label has a sum above most, and one has vote or more. The sample is
//
//   - exact if label > most: the answer is the label, its sum label; or if all members have the
//     same rival and give it more than the label: this is the answer, its sum vote. i, sum and
//     correctness are appended to Exact, Sums and Right;
//   - known to go on if label and most are below least: Bounds[r] is the larger of them, which
//     its sum does not exceed;
//   - known to be answered incorrectly if vote >= least and vote > label: Bounds[r] is 2^32-1;
//   - else open: i is appended to Open.
//
// The first that applies counts. A cascade that continues with sums below least does the same
// with the bounds in place of the sums and the answers taken as wrong. At a last stage, of
// which nothing continues, least is 0. Weights are 1 or more and sum to at most 255; nil means
// all 1.
func Screen(to *Screened, samples []int32, members []Stances, weights []uint32, least uint32) (exact, open int) {
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
	n := (len(samples) + 15) &^ 15
	need(len(to.Bounds) >= n && len(to.Exact) >= n && len(to.Sums) >= n && len(to.Right) >= n && len(to.Open) >= n, "Screen: no room for all samples")
	return screen(to, samples, members, weights, least)
}

// gather copies the stances of some samples, at most a step of them, side by side. It
// panics at a sample that does not exist.
func (to *Screened) gather(samples []int32, members []Stances) {
	copy(to.numbers[:], samples)
	for m, s := range members {
		row := to.gathered[m*screenStep:][:len(samples)]
		for r, i := range samples {
			row[r] = s[i]
		}
	}
}
