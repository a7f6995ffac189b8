//go:build !amd64 || purego

package kernel

func f16FromF32(dst []uint16, src []float32)    { f16FromF32Generic(dst, src) }
func f16ToF32(dst []float32, src []uint16)      { f16ToF32Generic(dst, src) }
func fixed(dst []uint32, src []uint16)          { fixedGeneric(dst, src) }
func topK(classes, values, row []uint16) uint64 { return topKGeneric(classes, values, row) }
func missing(numbers []int32, asked []uint64, tables [][]byte, exits []byte, known, held []uint64) int {
	return missingGeneric(numbers, asked, tables, exits, known, held, 0, 0)
}
func enter(table []byte, known, held []uint64, samples *Subset, entries, sure []byte) {
	enterGeneric(table, known, held, samples, entries, sure)
}
func screen(to *Screened, samples *Subset, members []Stances, weights []uint32, least uint32) (open int) {
	return screenGeneric(to, samples.Numbers, members, weights, least)
}
func pass(samples []uint64, table []byte, exit byte) (exited, correct int) {
	return passGeneric(samples, table, exit, 0)
}
func compact(to []byte, samples []uint64, from []byte) int {
	return compactGeneric(to, samples, from, 0, 0)
}
func cellNumbers(cells []uint16, t1, t2 []byte, cols int) { cellsGeneric(cells, t1, t2, cols) }
func count(hist []int32, cells []uint16)                  { countGeneric(hist, cells) }
func count1(hist []int32, table []byte)                   { count1Generic(hist, table) }
func prefix2(hist []int32, rows, cols int)                { prefix2Generic(hist, rows, cols) }

func bins(table []byte, sums []uint32, class, labels []uint16, cuts []uint32) {
	binsGeneric(table, sums, class, labels, cuts)
}

func agree(best []uint32, class []uint16, open []int32, top []uint32, topClass []uint16, l *Lists, w uint32) int {
	return agreeGeneric(best, class, open, top, topClass, l, w, 0, 0)
}

func combine(best []uint32, class []uint16, open []int32, s *Sums, l *Lists, w uint32) int {
	return combineGeneric(best, class, open[:agree(best, class, open, s.Top, s.TopClass, l, w)], s, l, w)
}

func decideByHeads(best []uint32, class []uint16, open []int32, a, b *Heads) int {
	return decideByHeadsGeneric(best, class, open, a, b, 0, 0)
}

func pair(best []uint32, class []uint16, samples []int32, a, b *Lists) {
	pairGeneric(best, class, samples, a, b)
}

func extend(dst, s *Sums, members []*Lists, weights []uint32, l *Lists, w uint32) {
	extendGeneric(dst, s, members, weights, l, w)
}

func resolveSamples(best []uint32, class []uint16, samples []int32, members []*Lists, weights []uint32) {
	resolveSamplesGeneric(best, class, samples, members, weights)
}

func agreeAll(best []uint32, class []uint16, open []int32, from, to int, members []*Lists, weights []uint32) int {
	return agreeAllGeneric(best, class, open, from, to, members, weights)
}

func setPair(m, a, b *Margins, aGiven, bGiven, best []uint32, class, labels []uint16) {
	setPairGeneric(m, a, b, aGiven, bGiven, best, class, labels, 0)
}

func foresee(f *Forecast, cells []uint16, right []byte, a, b *Margins) {
	foreseeGeneric(f, cells, right, a, b, 0)
}
