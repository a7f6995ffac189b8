package kernel

// Stances hold, in eight bytes a sample, what a model makes of the labels: enough to tell
// for most samples, without their lists, whether a set answers them correctly.
type Stances struct {
	// [N]: the value of the label, in fixed point.
	Label []uint32

	// [N]: in the lower half the largest value of the other classes, as float16 bits, in
	// the upper half the class that has it if that is the first of all, and NoClass if
	// the label is.
	Rival []uint32
}

// NewStances returns what a model with the lists l makes of the labels.
func NewStances(l *Lists, labels []uint16) *Stances {
	n := l.Len()
	l.check(n, l.K)
	need(len(labels) == n, "NewStances: lengths do not fit the number of samples")
	s := &Stances{Label: make([]uint32, n), Rival: make([]uint32, n)}
	for i, label := range labels {
		s.Label[i] = l.value(i, label)
		s.Rival[i] = uint32(l.TopClass[i])<<16 | uint32(l.TopValue[i])
		if l.TopClass[i] == label {
			s.Rival[i] = NoClass<<16 | uint32(l.Values[i*l.K+1])
		}
	}
	return s
}

// StancesBytes is the memory that NewStances asks for with n samples, for callers with a
// budget.
func StancesBytes(n int) int { return 8 * n }

// Slice is the part of s with samples from..to-1; it shares s's memory.
func (s *Stances) Slice(from, to int) Stances { return Stances{s.Label[from:to], s.Rival[from:to]} }

// Screened is what Screen finds. All slices have room for as many samples as it is given.
type Screened struct {
	// What the first samples given would be as entries of the set's table with the one
	// threshold in question, [n], where they are not open: see [Screen].
	Entries []byte

	// Samples of which all is known, their sums and whether the answer is correct (1 or 0).
	Exact []int32
	Sums  []uint32
	Right []uint16

	// Samples that remain to be resolved.
	Open []int32
}

// Screen decides, of the samples given, those for which the members' stances suffice. With
//
//	label = Σ weights[m] * members[m].Label[i]
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
func Screen(to *Screened, samples []int32, members []*Stances, weights []uint32, least uint32) (exact, open int) {
	need(len(members) > 0, "Screen: no members")
	need(weights == nil || len(weights) == len(members), "members and weights differ in length")
	n, total := len(members[0].Label), uint64(0)
	for m, s := range members {
		need(len(s.Label) == n && len(s.Rival) == n, "Screen: lengths do not fit the number of samples")
		w := weight(weights, m)
		need(w >= 1, "a weight is 0")
		total += uint64(w)
	}
	need(total <= 255, "the weights sum to more than 255")
	k := len(samples)
	need(len(to.Entries) >= k && len(to.Exact) >= k && len(to.Sums) >= k && len(to.Right) >= k && len(to.Open) >= k, "Screen: no room for all samples")
	last := uint32(0)
	for _, i := range samples {
		last = max(last, uint32(i))
	}
	need(k == 0 || int(last) < n, "Screen: no such sample")
	return screen(to, samples, members, weights, least)
}
