package kernel

// Stances hold, in eight bytes a sample, what a model makes of the labels: enough to tell
// for most samples, without their lists, whether a set answers them correctly. Of each
// sample
//
//   - bits 0 to 31 are the value of the label, in fixed point;
//   - bits 32 to 47 are the largest value of the other classes, as float16 bits;
//   - bits 48 to 63 are the class that has it if that is the first of all, and NoClass if the
//     label is.
type Stances []uint64

// NewStances returns what a model with the lists l makes of the labels.
func NewStances(l *Lists, labels []uint16) Stances {
	n := l.Len()
	l.check(n, l.K)
	need(len(labels) == n, "NewStances: lengths do not fit the number of samples")
	s := make(Stances, n)
	for i, label := range labels {
		class, value := l.TopClass[i], l.TopValue[i]
		if class == label {
			class, value = NoClass, l.Values[i*l.K+1]
		}
		s[i] = uint64(class)<<48 | uint64(value)<<32 | uint64(l.value(i, label))
	}
	return s
}

// StancesBytes is the memory that NewStances asks for with n samples, for callers with a
// budget.
func StancesBytes(n int) int { return 8 * n }

// rival returns the class that is first on sample i, or NoClass if the label is, and the
// largest value of a class that is not the label.
func (s Stances) rival(i int32) (class uint16, value uint32) {
	return uint16(s[i] >> 48), fixed1(uint16(s[i] >> 32))
}

// Screened is what Screen finds. Its slices have room for as many samples as it is given,
// rounded up to a multiple of 16.
type Screened struct {
	// What the samples given would be as entries of the set's table, where they are neither
	// exact nor open: see [Screen].
	Entries []byte

	// Samples of which all is known, their sums, and whether the answer is correct (1 or 0).
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
		Entries: make([]byte, n),
		Exact:   make([]int32, n),
		Sums:    make([]uint32, n),
		Right:   make([]uint16, n),
		Open:    make([]int32, n),
	}
}

// Screen decides, of the samples given, those for which the members' stances suffice. With
//
//	label = Σ weights[m] * the value of the label, by members[m]
//	rival = Σ weights[m] * the largest value of another class, by members[m]
//	top   = Σ weights[m] * the larger of the two
//	vote  = the largest of Σ weights[m] * that value over members that have the same other class first
//
// sample r of them, number i, is
//
//   - exact if label > rival: the answer is the label and its sum is label; or if all members
//     have the same class first: the answer is this class and its sum is top. i, sum and
//     correctness are appended to Exact, Sums and Right;
//   - known to go on if top < least, whatever the answer: Entries[r] is 0;
//   - known to be answered incorrectly if vote >= least and vote > label: Entries[r] is 254,
//     the answer of the highest confidence that is wrong;
//   - else open: i is appended to Open.
//
// The first that applies counts. An entry that is neither open nor exact is that of the set
// as far as a cascade can tell that continues with sums below least; a last stage, of which
// nothing continues, has least = 0. Weights are 1 or more and sum to at most 255; nil means
// all 1.
func Screen(to *Screened, samples []int32, members []Stances, weights []uint32, least uint32) (exact, open int) {
	need(len(members) > 0, "Screen: no members")
	need(weights == nil || len(weights) == len(members), "members and weights differ in length")
	total := uint64(0)
	for m, s := range members {
		need(len(s) == len(members[0]), "Screen: lengths do not fit the number of samples")
		w := weight(weights, m)
		need(w >= 1, "a weight is 0")
		total += uint64(w)
	}
	need(total <= 255, "the weights sum to more than 255")
	n := (len(samples) + 15) &^ 15
	need(len(to.Entries) >= n && len(to.Exact) >= n && len(to.Sums) >= n && len(to.Right) >= n && len(to.Open) >= n, "Screen: no room for all samples")
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
