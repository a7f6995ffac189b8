package kernel

// Lists holds the top-K lists of one model on N samples, as the search index
// stores them (docs/architecture.md, "Top-K lists and what a set's sum means").
type Lists struct {
	K int
	// Classes and Values hold [N*K]: for each sample the classes in descending order
	// of value, the lower class first on a tie, and their values as float16 bits. A
	// list with fewer than K classes ends in NoClass and value 0. With a Tail of 0, those of
	// value 0 may be in any order: sums above 0 do not depend on it.
	Classes, Values []uint16
	// Tail holds [N]: the value of every class that is not listed, in fixed point: the
	// mean of what is left, rounded down.
	Tail []uint32
	// TopClass and TopValue hold [N]: the first of each list.
	TopClass, TopValue []uint16
}

// Len is the number of samples.
func (l *Lists) Len() int { return len(l.Tail) }

// Slice is the part of l with samples from..to-1; it shares l's memory.
func (l *Lists) Slice(from, to int) Lists {
	return Lists{
		K:        l.K,
		Classes:  l.Classes[from*l.K : to*l.K],
		Values:   l.Values[from*l.K : to*l.K],
		Tail:     l.Tail[from:to],
		TopClass: l.TopClass[from:to],
		TopValue: l.TopValue[from:to],
	}
}

// check panics unless l holds n samples with lists of k classes.
func (l *Lists) check(n, k int) {
	need(l.K == k && (k == 16 || k == 32), "Lists: K differs between arguments or is neither 16 nor 32")
	need(len(l.Tail) == n && len(l.Classes) == n*k && len(l.Values) == n*k &&
		len(l.TopClass) == n && len(l.TopValue) == n, "Lists: lengths do not fit the number of samples")
}

// value is the value of class c on sample i, in fixed point.
func (l *Lists) value(i int, c uint16) uint32 {
	lo, hi := i*l.K, (i+1)*l.K
	for j, x := range l.Classes[lo:hi] {
		if x == c {
			return fixed1(l.Values[lo+j])
		}
	}
	return l.Tail[i]
}

// Given sets dst, [N], to what l gives the labels, in fixed point.
func (l *Lists) Given(dst []uint32, labels []uint16) {
	need(len(dst) == l.Len() && len(labels) == l.Len(), "Given: lengths do not fit the number of samples")
	for i, label := range labels {
		dst[i] = l.value(i, label)
	}
}

// Sums is the running weighted sum of a set of models: for every sample the K
// classes with the largest sums, and what is known of all the others. It is what
// a chain's prefix leaves for the models that may come next.
type Sums struct {
	K      int
	Weight uint32 // sum of the members' weights

	// [N*K]: the K best classes of the union of the members' lists by sum
	// descending, lower class first if equal, with their exact sums.
	Classes []uint16
	Values  []uint32

	// [N]: no class outside Classes has a larger sum than Rest. Where Rest equals
	// Base, every class outside Classes has exactly this sum. No listed sum is
	// smaller than Rest.
	Rest []uint32

	// [N]: the sum of a class that is in no member's list: Σ w·tail.
	Base []uint32

	// [N]: the first class of each sample and its sum, side by side for the
	// kernels that need no more.
	TopClass []uint16
	Top      []uint32
}

// NewSums returns room for n samples and k classes each (16 or 32).
func NewSums(n, k int) *Sums {
	w, h := make([]uint32, n*k+3*n), make([]uint16, n*k+n)
	return &Sums{
		K:        k,
		Classes:  h[: n*k : n*k],
		TopClass: h[n*k:],
		Values:   w[: n*k : n*k],
		Rest:     w[n*k : n*k+n : n*k+n],
		Base:     w[n*k+n : n*k+2*n : n*k+2*n],
		Top:      w[n*k+2*n:],
	}
}

// SumsBytes is the memory NewSums(n, k) asks for, for callers with a budget.
func SumsBytes(n, k int) int { return n*k*6 + n*14 }

// Len is the number of samples.
func (s *Sums) Len() int { return len(s.Rest) }

// check panics unless s holds n samples with k classes each.
func (s *Sums) check(n, k int) {
	need(s.K == k && (k == 16 || k == 32), "Sums: K differs between arguments or is neither 16 nor 32")
	need(len(s.Rest) == n && len(s.Base) == n && len(s.Classes) == n*k && len(s.Values) == n*k &&
		len(s.TopClass) == n && len(s.Top) == n, "Sums: lengths do not fit the number of samples")
}

// Single makes dst the weighted sum of the one model l:
//
//	for i := range N {
//		for k := range K {
//			dst.Classes[i*K+k] = l.Classes[i*K+k]
//			dst.Values[i*K+k] = w * fixed(l.Values[i*K+k])
//		}
//		dst.Rest[i], dst.Base[i] = w*l.Tail[i], w*l.Tail[i]
//	}
//
// w is 1..255.
func Single(dst *Sums, l *Lists, w uint32) {
	n := l.Len()
	l.check(n, l.K)
	dst.check(n, l.K)
	need(1 <= w && w <= 255, "Single: the weight is not in 1..255")
	dst.Weight = w
	copy(dst.Classes, l.Classes)
	copy(dst.TopClass, l.TopClass)
	fixed(dst.Values, l.Values)
	fixed(dst.Top, l.TopValue)
	if w != 1 {
		for i := range dst.Values {
			dst.Values[i] *= w
		}
		for i := range dst.Top {
			dst.Top[i] *= w
		}
	}
	for i, t := range l.Tail {
		dst.Rest[i], dst.Base[i] = w*t, w*t
	}
}

// Extend makes dst = s + w·l, where members and weights (nil: all 1) are those of s,
// in any order:
//
//	for i := range N {
//		known := union of the lists of all members and of l on sample i
//		dst.Classes, dst.Values = the K classes of known with the largest sums, in order
//		dst.Base[i] = s.Base[i] + w*l.Tail[i]
//		dst.Rest[i] = max(s.Rest[i]+w*l.Tail[i], the largest sum of a class of s or l
//			on sample i that is not among them)
//	}
//
// dst and s must not share memory. The weights must sum to at most 255 together
// with w.
//
// Where s does not know a class of l, its sum in s is taken from the members. The
// K best classes of s and of l together are the K best of the whole union: a
// class that s has dropped is beaten in s by K others, and unless l lists it, l
// adds at least as much to each of those.
func Extend(dst, s *Sums, members []*Lists, weights []uint32, l *Lists, w uint32) {
	n := s.Len()
	s.check(n, l.K)
	dst.check(n, l.K)
	l.check(n, l.K)
	need(len(members) > 0, "Extend: no members")
	checkMembers(n, l.K, members, weights)
	need(s.Weight+w <= 255 && w >= 1, "Extend: the weights are not in 1..255 together")
	dst.Weight = s.Weight + w
	extend(dst, s, members, weights, l, w)
}

// Combine finds the best class of s + w·l on every sample without building that
// sum:
//
//	for i := range N {
//		for c := range union of the classes of s and l on sample i {
//			S(c) = s(c) + w*l(c)
//		}
//		best[i] = max of S; class[i] = the lowest class with S(c) = best[i]
//	}
//
// s knows K classes only. Where a class that l lists and s does not could be the
// best one, and s does not know its sum (s.Rest > s.Base), the sample is open: its
// number is appended to open (at least N long), its best is a lower bound only,
// and ResolveSamples must decide it. open[:nOpen] ascends. Sums of a single model leave
// nothing open. All paths leave the same samples open and the same lower bounds.
func Combine(best []uint32, class []uint16, open []int32, s *Sums, l *Lists, w uint32) (nOpen int) {
	n := s.Len()
	s.check(n, l.K)
	l.check(n, l.K)
	need(len(best) == n && len(class) == n && len(open) >= n, "Combine: lengths do not fit the number of samples")
	need(s.Weight+w <= 255 && w >= 1, "Combine: the weights are not in 1..255 together")
	return combine(best, class, open, s, l, w)
}

// Pair finds the best class of the sum of two models on every sample:
//
//	for i := range N {
//		S = a + b, as ResolveSamples adds them
//		best[i] = max of S; class[i] = the lowest class with S(c) = best[i]
//	}
//
// It is Combine without the Sums, for callers that try many pairs on a few samples
// at a time. open is room for N numbers.
func Pair(best []uint32, class []uint16, open []int32, a, b *Lists) {
	n := a.Len()
	a.check(n, a.K)
	b.check(n, a.K)
	need(len(best) == n && len(class) == n && len(open) >= n, "Pair: lengths do not fit the number of samples")
	fixed(best, a.TopValue)
	pair(best, class, open[:agree(best, class, open, best, a.TopClass, b, 1)], a, b)
}

// PairSamples is Pair for the given samples alone.
func PairSamples(best []uint32, class []uint16, samples []int32, a, b *Lists) {
	n := a.Len()
	a.check(n, a.K)
	b.check(n, a.K)
	need(len(best) == n && len(class) == n, "PairSamples: lengths do not fit the number of samples")
	needSamples(samples, n, "PairSamples: no such sample")
	pair(best, class, samples, a, b)
}

// needSamples panics, as need does, unless all numbers are those of n samples.
func needSamples(samples []int32, n int, rule string) {
	last := uint32(0)
	for _, i := range samples {
		last = max(last, uint32(i))
	}
	need(len(samples) == 0 || int(last) < n, rule)
}

// ResolveSamples applies the definition of a set's sum to the given samples:
//
//	for _, i := range samples {
//		for c := range union of the members' lists on sample i {
//			S(c) = Σ weights[m] * members[m](c)
//		}
//		best[i] = max of S; class[i] = the lowest class with S(c) = best[i]
//	}
//
// Weights are 1 or more and sum to at most 255; nil means all 1.
func ResolveSamples(best []uint32, class []uint16, samples []int32, members []*Lists, weights []uint32) {
	need(len(members) > 0, "ResolveSamples: no members")
	n := members[0].Len()
	checkMembers(n, members[0].K, members, weights)
	need(len(best) == n && len(class) == n, "ResolveSamples: lengths do not fit the number of samples")
	needSamples(samples, n, "ResolveSamples: no such sample")
	resolveSamples(best, class, samples, members, weights)
}

// ResolveAll is ResolveSamples for every sample. It builds no Sums, and is the shortest way to the table of a set of which no
// part is at hand.
func ResolveAll(best []uint32, class []uint16, members []*Lists, weights []uint32) {
	need(len(members) > 0, "ResolveAll: no members")
	n := members[0].Len()
	checkMembers(n, members[0].K, members, weights)
	need(len(best) == n && len(class) == n, "ResolveAll: lengths do not fit the number of samples")
	var room [1024]int32
	for from := 0; from < n; from += len(room) {
		to := min(from+len(room), n)
		open := room[:agreeAll(best, class, room[:], from, to, members, weights)]
		resolveSamples(best, class, open, members, weights)
	}
}

func checkMembers(n, k int, members []*Lists, weights []uint32) {
	need(weights == nil || len(weights) == len(members), "members and weights differ in length")
	total := uint64(0)
	for i, m := range members {
		m.check(n, k)
		w := weight(weights, i)
		need(w >= 1, "a weight is 0")
		total += uint64(w)
	}
	need(total <= 255, "the weights sum to more than 255")
}

// weight is weights[m], or 1 if there are none.
func weight(weights []uint32, m int) uint32 {
	if weights == nil {
		return 1
	}
	return weights[m]
}
