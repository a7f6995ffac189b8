//go:build amd64 && !purego

package kernel

import (
	"math/bits"
	"unsafe"
)

func f16FromF32(dst []uint16, src []float32) {
	n, done := len(src), 0
	switch {
	case active == AVX512 && n >= 16:
		done = n &^ 15
		f16FromF32AVX512(&dst[0], &src[0], done)
	case active == AVX2 && n >= 8:
		done = n &^ 7
		f16FromF32AVX2(&dst[0], &src[0], done)
	}
	f16FromF32Generic(dst[done:], src[done:])
}

func f16ToF32(dst []float32, src []uint16) {
	n, done := len(src), 0
	switch {
	case active == AVX512 && n >= 16:
		done = n &^ 15
		f16ToF32AVX512(&dst[0], &src[0], done)
	case active == AVX2 && n >= 8:
		done = n &^ 7
		f16ToF32AVX2(&dst[0], &src[0], done)
	}
	f16ToF32Generic(dst[done:], src[done:])
}

func fixed(dst []uint32, src []uint16) {
	n, done := len(src), 0
	switch {
	case active == AVX512 && n >= 16:
		done = n &^ 15
		fixedAVX512(&dst[0], &src[0], done)
	case active == AVX2 && n >= 8:
		done = n &^ 7
		fixedAVX2(&dst[0], &src[0], done)
	}
	fixedGeneric(dst[done:], src[done:])
}

func topK(classes, values, row []uint16) uint64 {
	n := len(row)
	switch {
	case n == 0 || active == Generic:
	case active == AVX512 && len(classes) == 16:
		return topK16AVX512(&classes[0], &values[0], &row[0], n)
	case active == AVX512 && n <= 32:
		return topK32AVX512(&classes[0], &values[0], &row[0], n)
	case len(classes) == 16 && n >= 64:
		return topK16AVX2(classes, values, row)
	}
	return topKGeneric(classes, values, row)
}

// topK16AVX2 goes from one value that may enter the list to the next: at first
// those that reach a bound that 16 values of the row reach, and as soon as the
// list is full those above its last value.
func topK16AVX2(classes, values, row []uint16) uint64 {
	whole := len(row) &^ 15
	sum, bound := boundAVX2(&row[0], whole)
	for _, h := range row[whole:] {
		sum += uint64(fixed1(h))
	}
	listed := 0
	for c := 0; ; c++ {
		if c = nextAVX2(&row[0], c, len(row), bound); c >= len(row) {
			return sum
		}
		h := row[c]
		if h < bound { // the row's end, which nextAVX2 does not look at
			continue
		}
		j := listed
		if listed < 16 {
			listed++
		} else {
			j = 15
		}
		for ; j > 0 && values[j-1] < h; j-- {
			classes[j], values[j] = classes[j-1], values[j-1]
		}
		classes[j], values[j] = uint16(c), h
		if listed == 16 {
			bound = values[15] + 1
		}
	}
}

// maxStages is the longest chain that the assembly of evaluate knows.
const maxStages = 16

func evaluate(tables [][]byte, exits []byte, reach []int) (correct int) {
	clear(reach)
	k, n, done := len(tables), len(tables[0]), 0
	if k == 1 {
		reach[0] = n
		return Correct(tables[0])
	}
	if k <= maxStages && n > 0 {
		switch active {
		case AVX512:
			correct, done = evaluateAVX512(&tables[0], k, n, &exits[0], &reach[0]), n
		case AVX2:
			done = n &^ 31
			correct = evaluateAVX2(&tables[0], k, done, &exits[0], &reach[0])
		}
		reach[0] += done
	}
	return correct + evaluateGeneric(tables, exits, reach, done)
}

func missing(numbers []int32, asked []uint64, tables [][]byte, exits []byte, known, held []uint64) (n int) {
	done := len(tables[0]) &^ 63
	if done > 0 {
		switch active {
		case AVX512:
			n = missingAVX512(&numbers[0], &asked[0], &tables[0], len(exits)-1, done, &exits[0], &known[0], &held[0])
		case AVX2:
			n = missingAVX2(&numbers[0], &asked[0], &tables[0], len(exits)-1, done, &exits[0], &known[0], &held[0])
		default:
			done = 0
		}
	}
	return missingGeneric(numbers, asked, tables, exits, known, held, done, n)
}

func enter(table []byte, known, held []uint64, samples *Subset, entries, sure []byte) {
	switch {
	case len(entries) == 0:
	case active == AVX512:
		enterAVX512(&table[0], &known[0], &held[0], &samples.Bits[0], len(samples.Bits), &entries[0], &sure[0])
	case active == AVX2:
		enterAVX2(&table[0], &known[0], &held[0], &samples.Bits[0], len(samples.Bits), &entries[0], &sure[0])
	default:
		enterGeneric(table, known, held, samples, entries, sure)
	}
}

func same(a, b []uint16) (n int) {
	done := len(a) &^ 31
	if done > 0 {
		switch active {
		case AVX512:
			n = sameAVX512(&a[0], &b[0], done)
		case AVX2:
			n = sameAVX2(&a[0], &b[0], done)
		default:
			done = 0
		}
	}
	return n + sameGeneric(a[done:], b[done:])
}

func pass(samples []uint64, table []byte, exit byte) (exited, correct int) {
	done := len(table) &^ 63
	if done > 0 {
		switch active {
		case AVX512:
			exited, correct = passAVX512(&samples[0], &table[0], done, exit)
		case AVX2:
			exited, correct = passAVX2(&samples[0], &table[0], done, exit)
		default:
			done = 0
		}
	}
	e, c := passGeneric(samples, table, exit, done)
	return exited + e, correct + c
}

func settle(to, table []byte, exit, keep, code byte) {
	done := len(table) &^ 63
	if done > 0 {
		switch active {
		case AVX512:
			settleAVX512(&to[0], &table[0], done, exit, keep, code)
		case AVX2:
			settleAVX2(&to[0], &table[0], done, exit, keep, code)
		default:
			done = 0
		}
	}
	settleGeneric(to, table, exit, keep, code, done)
}

func compact(to []byte, samples []uint64, from []byte) (n int) {
	done := len(from) &^ 63
	if done > 0 {
		switch active {
		case AVX512:
			n = compactAVX512(&to[0], &samples[0], &from[0], done)
		case AVX2:
			n = compactAVX2(&to[0], &samples[0], &from[0], done)
		default:
			done = 0
		}
	}
	return compactGeneric(to, samples, from, done, n)
}

func correct(table []byte) (right int) {
	n, done := len(table), 0
	if n > 0 {
		switch active {
		case AVX512:
			return correctAVX512(&table[0], n)
		case AVX2:
			done = n &^ 31
			right = correctAVX2(&table[0], done)
		}
	}
	return right + correctGeneric(table[done:])
}

func bins(table []byte, sums []uint32, class, labels []uint16, cuts []uint32) {
	n, done := len(table), 0
	if n == 0 {
		return
	}
	switch active {
	case AVX512:
		var first *uint32
		if len(cuts) > 0 {
			first = &cuts[0]
		}
		binsAVX512(&table[0], &sums[0], &class[0], &labels[0], n, first, len(cuts))
		return
	case AVX2:
		var tree [MaxCuts + 1]uint32
		levels := 6
		if len(cuts) > 63 {
			levels = 7
		}
		cutTree(&tree, cuts, levels)
		done = n &^ 31
		binsAVX2(&table[0], &sums[0], &class[0], &labels[0], done, &tree[0], levels)
	}
	binsGeneric(table[done:], sums[done:], class[done:], labels[done:], cuts)
}

// cutTree puts the cuts in the order of a search tree with the given number of
// levels, node 1 the root and 2x, 2x+1 the nodes below x, upper bits flipped.
// Nodes past the last cut hold the largest value, which no sum is above.
func cutTree(tree *[MaxCuts + 1]uint32, cuts []uint32, levels int) {
	x := 1
	for d := range levels {
		step := 1 << (levels - d)
		for place := step/2 - 1; place < 1<<levels-1; place += step {
			tree[x] = 1<<31 - 1
			if place < len(cuts) {
				tree[x] = cuts[place] ^ 1<<31
			}
			x++
		}
	}
}

func cellNumbers(cells []uint16, t1, t2 []byte, cols int) {
	n, done := len(cells), 0
	if n > 0 {
		switch active {
		case AVX512:
			done = n &^ 31
			cellsAVX512(&cells[0], &t1[0], &t2[0], done, cols)
		case AVX2:
			done = n &^ 15
			cellsAVX2(&cells[0], &t1[0], &t2[0], done, cols)
		}
	}
	cellsGeneric(cells[done:], t1[done:], t2[done:], cols)
}

// The assembly of the histograms stops at a cell outside the histogram, and then
// the reference runs over the same samples to panic at it.

func count(hist []int32, cells []uint16) {
	n, done := len(cells), 0
	if active == AVX512 && n >= 64 && 0 < len(hist) && len(hist) <= 1<<15 {
		hot := frequent(cells, 0)
		if int(hot) < len(hist) && countAVX512(&hist[0], len(hist), &cells[0], n&^31, hot) {
			done = n &^ 31
		}
	}
	countGeneric(hist, cells[done:])
}

func count1(hist []int32, table []byte) {
	n, done := len(table), 0
	if active == AVX512 && n >= 64 && len(hist) > 0 {
		hot := frequent(table, 1) >> 1
		if int(hot) < len(hist) && count1AVX512(&hist[0], min(len(hist), 128), &table[0], n&^63, hot) {
			done = n &^ 63
		}
	}
	count1Generic(hist, table[done:])
}

// frequent guesses the most frequent value but for its lowest bits: of the first 8
// of 32 samples the one that most of them have. One that a third of the data have is
// nearly never missed.
func frequent[T byte | uint16](data []T, lowBits int) (v T) {
	var samples [32]T
	for i := range samples {
		samples[i] = data[i*len(data)>>5] >> lowBits
	}
	most := 0
	for _, candidate := range samples[:8] {
		n := 0
		for _, x := range samples {
			if x == candidate {
				n++
			}
		}
		if n > most {
			v, most = candidate, n
		}
	}
	return v << lowBits
}

func delta(hist []int32, cells []uint16, from, to []byte) {
	n, done, ok := len(cells), 0, false
	if n >= 64 && 0 < len(hist) && len(hist) <= 1<<15 {
		switch active {
		case AVX512:
			ok = deltaAVX512(&hist[0], len(hist), &cells[0], &from[0], &to[0], n&^63)
		case AVX2:
			ok = deltaAVX2(&hist[0], len(hist), &cells[0], &from[0], &to[0], n&^63)
		}
		if ok {
			done = n &^ 63
		}
	}
	deltaGeneric(hist, cells[done:], from[done:], to[done:])
}

func delta1(hist []int32, table, from, to []byte) {
	n, done, ok := len(table), 0, false
	if n >= 64 && len(hist) > 0 {
		switch limit := min(len(hist), 128); active {
		case AVX512:
			ok = delta1AVX512(&hist[0], limit, &table[0], &from[0], &to[0], n&^63)
		case AVX2:
			ok = delta1AVX2(&hist[0], limit, &table[0], &from[0], &to[0], n&^63)
		}
		if ok {
			done = n &^ 63
		}
	}
	delta1Generic(hist, table[done:], from[done:], to[done:])
}

func prefix2(hist []int32, rows, cols int) {
	if active == AVX512 && len(hist) > 0 {
		prefix2AVX512(&hist[0], rows, cols)
		return
	}
	prefix2Generic(hist, rows, cols)
}

func agree(best []uint32, class []uint16, open []int32, top []uint32, topClass []uint16, l *Lists, w uint32) (nOpen int) {
	n, done := len(top), 0
	switch {
	case active == AVX512 && n >= 32:
		done = n &^ 31
		nOpen = agreeAVX512(&best[0], &class[0], &open[0], &top[0], &topClass[0], &l.TopClass[0], &l.TopValue[0], done, float32(w)*One)
	case active == AVX2 && n >= 16:
		done = n &^ 15
		nOpen = agreeAVX2(&best[0], &class[0], &open[0], &top[0], &topClass[0], &l.TopClass[0], &l.TopValue[0], done, w)
	}
	return agreeGeneric(best, class, open, top, topClass, l, w, done, nOpen)
}

func combine(best []uint32, class []uint16, open []int32, s *Sums, l *Lists, w uint32) int {
	n := agree(best, class, open, s.Top, s.TopClass, l, w)
	if n > 0 {
		switch {
		case active == AVX512 && s.K == 16:
			n = combine16AVX512(&best[0], &class[0], &open[0], n, &s.Classes[0], &s.Values[0], &s.Rest[0], &s.Base[0],
				&l.Classes[0], &l.Values[0], &l.Tail[0], w, float32(w)*One)
		case active == AVX512:
			n = combine32AVX512(&best[0], &class[0], &open[0], n, &s.Classes[0], &s.Values[0], &s.Rest[0], &s.Base[0],
				&l.Classes[0], &l.Values[0], &l.Tail[0], w, float32(w)*One)
		case active == AVX2 && s.K == 16:
			n = combine16AVX2(&best[0], &class[0], &open[0], n, &s.Classes[0], &s.Values[0], &s.Rest[0], &s.Base[0],
				&l.Classes[0], &l.Values[0], &l.Tail[0], w)
		}
	}
	// Of what the assembly leaves, few samples are really open.
	return combineGeneric(best, class, open[:n], s, l, w)
}

func decideByHeads(best []uint32, class []uint16, open []int32, a, b *Heads) (nOpen int) {
	done := a.n &^ (headBlock - 1)
	switch {
	case done == 0:
	case active == AVX512:
		nOpen = decideByHeadsAVX512(&best[0], &class[0], &open[0], &a.data[0], &b.data[0], done)
	case active == AVX2:
		nOpen = decideByHeadsAVX2(&best[0], &class[0], &open[0], &a.data[0], &b.data[0], done)
	default:
		done = 0
	}
	return decideByHeadsGeneric(best, class, open, a, b, done, nOpen)
}

func pair(best []uint32, class []uint16, samples []int32, a, b *Lists) {
	n := len(samples)
	switch {
	case n == 0:
	case active == AVX512 && a.K == 16:
		pair16AVX512(&best[0], &class[0], &samples[0], n, &a.Classes[0], &a.Values[0], &a.Tail[0], &b.Classes[0], &b.Values[0], &b.Tail[0])
	case active == AVX512:
		pair32AVX512(&best[0], &class[0], &samples[0], n, &a.Classes[0], &a.Values[0], &a.Tail[0], &b.Classes[0], &b.Values[0], &b.Tail[0])
	case active == AVX2 && a.K == 16:
		pair16AVX2(&best[0], &class[0], &samples[0], n, &a.Classes[0], &a.Values[0], &a.Tail[0], &b.Classes[0], &b.Values[0], &b.Tail[0])
	default:
		pairGeneric(best, class, samples, a, b)
	}
}

// extended is what the assembly finds out about one sample: the sums of all
// classes of s and of l, and which of them the other side lists too.
type extended struct {
	known, added [16]uint32
	inL, inS     uint32
}

func extend(dst, s *Sums, members []*Lists, weights []uint32, l *Lists, w uint32) {
	var set memberSet
	if active == Generic || l.K != 16 || !fillMembers(&set, members, weights) {
		extendGeneric(dst, s, members, weights, l, w)
		return
	}
	add := describe(l, w)
	from, this := (*byte)(unsafe.Pointer(s)), (*byte)(unsafe.Pointer(&add))
	if active == AVX512 {
		extend16AVX512((*byte)(unsafe.Pointer(dst)), from, s.Len(), this, set.bytes(), len(members))
		return
	}
	var found [32]extended
	for i := 0; i < s.Len(); i += len(found) {
		end := min(i+len(found), s.Len())
		extendSums16AVX2((*byte)(unsafe.Pointer(&found)), from, i, end, this, set.bytes(), len(members))
		for j := i; j < end; j++ {
			e := &found[j-i]
			mergeExtended(dst, s, j, l.Classes[16*j:][:16], w*l.Tail[j], e.known[:], e.added[:], e.inL, e.inS)
		}
	}
}

// member is what the assembly needs to know of one member of a set. The
// generator knows its layout.
type member struct {
	classes, values    *uint16
	tail               *uint32
	topClass, topValue *uint16
	w                  uint32
	scale              float32 // w·2^24
}

// maxMembers is the largest set that the assembly takes, and maxWeight its largest
// sum of weights: sums of whole lists must fit into 32 bits, and a row may sum to
// 1.01.
const (
	maxMembers = 16
	maxWeight  = 250
)

func describe(l *Lists, w uint32) member {
	return member{&l.Classes[0], &l.Values[0], &l.Tail[0], &l.TopClass[0], &l.TopValue[0], w, float32(w) * One}
}

// The generator knows these offsets; a change is a compile error here.
var (
	_ = [1]int{}[unsafe.Offsetof(Sums{}.Classes)-16]
	_ = [1]int{}[unsafe.Offsetof(Sums{}.Values)-40]
	_ = [1]int{}[unsafe.Offsetof(Sums{}.Rest)-64]
	_ = [1]int{}[unsafe.Offsetof(Sums{}.Base)-88]
	_ = [1]int{}[unsafe.Offsetof(Sums{}.TopClass)-112]
	_ = [1]int{}[unsafe.Offsetof(Sums{}.Top)-136]
	_ = [1]int{}[unsafe.Offsetof(member{}.scale)-44]
	_ = [1]int{}[unsafe.Sizeof(member{})-48]
	_ = [1]int{}[unsafe.Offsetof(extended{}.inS)-132]
	_ = [1]int{}[unsafe.Sizeof(extended{})-136]
)

// memberSet is a set as the assembly takes it, which knows bytes only.
type memberSet [maxMembers]member

func (s *memberSet) bytes() *byte { return (*byte)(unsafe.Pointer(s)) }

// fillMembers describes a set to the assembly; ok is whether it can be described.
func fillMembers(dst *memberSet, members []*Lists, weights []uint32) (ok bool) {
	if len(members) > maxMembers || members[0].Len() == 0 {
		return false
	}
	total := uint64(0)
	for m, l := range members {
		w := weight(weights, m)
		total += uint64(w)
		dst[m] = describe(l, w)
	}
	return total <= maxWeight
}

func resolveSamples(best []uint32, class []uint16, samples []int32, members []*Lists, weights []uint32) {
	var set memberSet
	n, k, size := len(samples), len(members), members[0].K
	switch {
	case n == 0:
	case active == AVX512 && size == 16 && fillMembers(&set, members, weights):
		resolve16AVX512(&best[0], &class[0], &samples[0], n, set.bytes(), k)
	case active == AVX512 && size == 32 && fillMembers(&set, members, weights):
		resolve32AVX512(&best[0], &class[0], &samples[0], n, set.bytes(), k)
	case active == AVX2 && size == 16 && fillMembers(&set, members, weights):
		resolve16AVX2(&best[0], &class[0], &samples[0], n, set.bytes(), k)
	default:
		resolveSamplesGeneric(best, class, samples, members, weights)
	}
}

func agreeAll(best []uint32, class []uint16, open []int32, from, to int, members []*Lists, weights []uint32) (nOpen int) {
	var set memberSet
	switch n := to - from; {
	case active == AVX512 && n&31 == 0 && fillMembers(&set, members, weights):
		return agreeAllAVX512(&best[0], &class[0], &open[0], from, to, set.bytes(), len(members))
	case active == AVX2 && n&15 == 0 && fillMembers(&set, members, weights):
		return agreeAllAVX2(&best[0], &class[0], &open[0], from, to, set.bytes(), len(members))
	}
	return agreeAllGeneric(best, class, open, from, to, members, weights)
}

func setPair(m, a, b *Margins, aGiven, bGiven, best []uint32, class, labels []uint16) {
	done := m.n &^ (marginBlock - 1)
	switch {
	case done == 0:
	case active == AVX512:
		setPairAVX512(&m.data[0], &a.data[0], &b.data[0], &aGiven[0], &bGiven[0], &best[0], &class[0], &labels[0], done)
	case active == AVX2:
		setPairAVX2(&m.data[0], &a.data[0], &b.data[0], &aGiven[0], &bGiven[0], &best[0], &class[0], &labels[0], done)
	default:
		done = 0
	}
	setPairGeneric(m, a, b, aGiven, bGiven, best, class, labels, done)
}

func judge(may []byte, open []int32, a, b *Margins) (nOpen int) {
	n, done := len(may), 0
	if n >= marginBlock {
		switch active {
		case AVX512:
			done = n &^ (marginBlock - 1)
			nOpen = judgeAVX512(&may[0], &open[0], &a.data[0], &b.data[0], done)
		case AVX2:
			done = n &^ (marginBlock - 1)
			nOpen = judgeAVX2(&may[0], &open[0], &a.data[0], &b.data[0], done)
		}
	}
	return judgeGeneric(may, open, a, b, done, nOpen)
}

func foresee(f *Forecast, cells []uint16, right []byte, a, b *Margins) {
	n, done := len(cells), 0
	if n >= marginBlock {
		switch active {
		case AVX512:
			done = n &^ (marginBlock - 1)
			foreseeAVX512(&f.Gains[0], &cells[0], &right[0], &a.data[0], &b.data[0], done)
		case AVX2:
			done = n &^ (marginBlock - 1)
			foreseeAVX2(&f.Gains[0], &cells[0], &right[0], &a.data[0], &b.data[0], done)
		}
	}
	foreseeGeneric(f, cells, right, a, b, done)
}

// A voter is what the assembly needs to know of a member whose stances are gathered. The
// generator knows its layout.
type voter struct {
	w     uint32
	scale float32 // w·2^24
}

// screening is what the assembly knows of a Screened from the present samples on: which place the
// first of them has, and how many are listed as open. The generator knows its layout.
type screening struct {
	sums     *uint32
	right    *uint16
	sure     *byte
	open     *int32
	nOpen    int
	first    int
	gathered *uint64
}

// The generator knows these offsets; a change is a compile error here.
var (
	_ = [1]int{}[unsafe.Offsetof(voter{}.scale)-4]
	_ = [1]int{}[unsafe.Offsetof(screening{}.gathered)-48]
)

func screen(to *Screened, samples *Subset, members []Stances, weights []uint32, least uint32) (open int) {
	n := len(samples.Numbers)
	if active == Generic || len(members) > maxScreened || n == 0 {
		return screenGeneric(to, samples.Numbers, members, weights, least)
	}
	var set [maxScreened]voter
	for m := range members {
		w := weight(weights, m)
		set[m] = voter{w, float32(w) * One}
	}
	s := screening{open: &to.Open[0], gathered: &to.gathered[0]}
	this, voters := (*byte)(unsafe.Pointer(&s)), (*byte)(unsafe.Pointer(&set))
	for word, size := 0, 0; s.first < n; s.first += size {
		from := word
		word, size = samples.step(word)
		s.sums, s.right, s.sure = &to.Sums[s.first], &to.Right[s.first], &to.Sure[s.first]
		if active == AVX512 {
			gatherAVX512(s.gathered, (*[]uint64)(&members[0]), len(members), &samples.Bits[0], from, word)
			screenAVX512(this, size, voters, len(members), least)
		} else {
			gatherAVX2(s.gathered, (*[]uint64)(&members[0]), len(members), &samples.Bits[0], from, word)
			screenAVX2(this, size, voters, len(members), least)
		}
	}
	return s.nOpen
}

// step returns the words from a word on that have at most a step of the samples together: the word
// after them, and how many samples they have.
func (s *Subset) step(from int) (to, size int) {
	for to = from; to < len(s.Bits); to++ {
		more := size + bits.OnesCount64(s.Bits[to])
		if more > screenStep {
			break
		}
		size = more
	}
	return to, size
}
