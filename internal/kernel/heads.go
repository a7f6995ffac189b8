package kernel

// Heads are the first four classes of each list of a model on N samples, and their values. They take a
// quarter of the memory of lists of 16, are read from end to end, and decide most samples of a pair.
type Heads struct {
	n int
	// For each 32 samples their first classes, their second ones and so on, then their first values
	// and so on, and the same for the last few.
	data []uint16
}

const (
	headLength = 4
	headBlock  = 32 // samples whose heads lie side by side
)

// HeadsBytes is the memory that NewHeads asks for, for callers with a budget.
func HeadsBytes(n int) int { return (n + headBlock - 1) / headBlock * headBlock * 4 * headLength }

// NewHeads returns the heads of lists.
func NewHeads(l *Lists) *Heads {
	h := &Heads{l.Len(), make([]uint16, HeadsBytes(l.Len())/2)}
	for i := range h.n {
		classes, values := h.of(i)
		for j := range headLength {
			classes[j*headBlock], values[j*headBlock] = l.Classes[i*l.K+j], l.Values[i*l.K+j]
		}
	}
	return h
}

// of returns the memory in which the classes of sample i, and its values, are each 32 words apart.
func (h *Heads) of(i int) (classes, values []uint16) {
	block := h.data[i/headBlock*headBlock*2*headLength:][:headBlock*2*headLength]
	return block[i%headBlock:], block[headBlock*headLength+i%headBlock:]
}

// UsesHeads reports whether PairByHeads is faster than Pair: whether the path has assembly for heads.
func UsesHeads() bool { return active == AVX2 || active == AVX512 }

// PairByHeads is Pair for lists whose heads are at hand.
func PairByHeads(best []uint32, class []uint16, open []int32, a, b *Lists, aHeads, bHeads *Heads) {
	n := a.Len()
	a.check(n, a.K)
	b.check(n, a.K)
	need(aHeads.n == n && bHeads.n == n, "PairByHeads: the heads are of another number of samples")
	need(len(best) == n && len(class) == n && len(open) >= n, "PairByHeads: lengths do not fit the number of samples")
	if !UsesHeads() {
		Pair(best, class, open, a, b)
		return
	}
	pair(best, class, open[:decideByHeads(best, class, open, aHeads, bHeads)], a, b)
}
