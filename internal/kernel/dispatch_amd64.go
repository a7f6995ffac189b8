//go:build amd64 && !purego

package kernel

func f16FromF32(dst []uint16, src []float32)              { f16FromF32Generic(dst, src) }
func f16ToF32(dst []float32, src []uint16)                { f16ToF32Generic(dst, src) }
func fixed(dst []uint32, src []uint16)                    { fixedGeneric(dst, src) }
func topK(classes, values, row []uint16) uint64           { return topKGeneric(classes, values, row) }
func cellNumbers(cells []uint16, t1, t2 []byte, cols int) { cellsGeneric(cells, t1, t2, cols) }
func count(hist []int32, cells []uint16)                  { countGeneric(hist, cells) }
func count1(hist []int32, table []byte)                   { count1Generic(hist, table) }
func delta(hist []int32, cells []uint16, from, to []byte) { deltaGeneric(hist, cells, from, to) }
func delta1(hist []int32, table, from, to []byte)         { delta1Generic(hist, table, from, to) }
func prefix2(hist []int32, rows, cols int)                { prefix2Generic(hist, rows, cols) }

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

func agree(best []uint32, class []uint16, open []int32, top []uint32, topClass []uint16, l *Lists, w uint32) (nOpen int) {
	done := 0
	if len(top) >= 32 && active == AVX512 {
		done = len(top) &^ 31
		nOpen = agreeAVX512(&best[0], &class[0], &open[0], &top[0], &topClass[0], &l.TopClass[0], &l.TopValue[0], done, float32(w)*One)
	}
	return agreeGeneric(best, class, open, top, topClass, l, w, done, nOpen)
}

func combine(best []uint32, class []uint16, open []int32, s *Sums, l *Lists, w uint32) int {
	n := agree(best, class, open, s.Top, s.TopClass, l, w)
	if n == 0 || active != AVX512 {
		return combineGeneric(best, class, open[:n], s, l, w)
	}
	if s.K == 16 {
		n = combine16AVX512(&best[0], &class[0], &open[0], n, &s.Classes[0], &s.Values[0], &s.Rest[0], &s.Base[0],
			&l.Classes[0], &l.Values[0], &l.Tail[0], w, float32(w)*One)
	} else {
		n = combine32AVX512(&best[0], &class[0], &open[0], n, &s.Classes[0], &s.Values[0], &s.Rest[0], &s.Base[0],
			&l.Classes[0], &l.Values[0], &l.Tail[0], w, float32(w)*One)
	}
	// What is left may be open; few samples are.
	return combineGeneric(best, class, open[:n], s, l, w)
}

func extend(dst, s *Sums, members []*Lists, weights []uint32, l *Lists, w uint32) {
	extendGeneric(dst, s, members, weights, l, w)
}

func resolveSamples(best []uint32, class []uint16, samples []int32, members []*Lists, weights []uint32) {
	resolveSamplesGeneric(best, class, samples, members, weights)
}

func resolveAll(best []uint32, class []uint16, members []*Lists, weights []uint32) {
	resolveAllGeneric(best, class, members, weights)
}

func cost3(cost []float64, reach2, reach3 []int32, n int, c1, c2, c3 float64) {
	cost3Generic(cost, reach2, reach3, n, c1, c2, c3)
}

func improving(dst []int32, correct []int32, cost, best []float64) int {
	return improvingGeneric(dst, correct, cost, best)
}
