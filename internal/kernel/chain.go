package kernel

// All thresholds of a chain at once. For the set tables t1, t12, t123 of a chain
// of three, with b1, b12 the bins and c the correct bits, exiting at the grid
// thresholds g1 and g2 gives
//
//	reach2(g1)     = #{b1 <= g1}
//	reach3(g1, g2) = #{b1 <= g1, b12 <= g2}
//	correct(g1, g2) = Σ c1 + Σ_{b1 <= g1} (c12 - c1) + Σ_{b1 <= g1, b12 <= g2} (c123 - c12)
//
// so a histogram over the bins and its prefix sums hold every combination.

// Cells numbers the pairs of bins of two tables, row by row:
//
//	for i := range N {
//		cells[i] = (t1[i]>>1)*cols + t2[i]>>1
//	}
//
// cols is 1..128 and larger than every bin of t2.
func Cells(cells []uint16, t1, t2 []byte, cols int) {
	need(len(t1) == len(cells) && len(t2) == len(cells), "Cells: lengths do not fit the number of samples")
	need(1 <= cols && cols <= MaxCuts+1, "Cells: cols is not in 1..128")
	cellNumbers(cells, t1, t2, cols)
}

// Count adds a histogram of cells:
//
//	for _, c := range cells {
//		hist[c]++
//	}
//
// It panics if a cell is outside hist.
func Count(hist []int32, cells []uint16) { count(hist, cells) }

// Count1 adds a histogram of the bins of a table:
//
//	for _, b := range table {
//		hist[b>>1]++
//	}
//
// It panics if a bin is outside hist.
func Count1(hist []int32, table []byte) { count1(hist, table) }

// Delta adds, cell by cell, how many more samples are correct in table to than in
// table from:
//
//	for i, c := range cells {
//		hist[c] += to[i]&1 - from[i]&1
//	}
//
// It panics if the cell of a sample that differs is outside hist.
func Delta(hist []int32, cells []uint16, from, to []byte) {
	need(len(from) == len(cells) && len(to) == len(cells), "Delta: lengths do not fit the number of samples")
	delta(hist, cells, from, to)
}

// Delta1 is Delta over the bins of a table:
//
//	for i, b := range table {
//		hist[b>>1] += to[i]&1 - from[i]&1
//	}
func Delta1(hist []int32, table, from, to []byte) {
	need(len(from) == len(table) && len(to) == len(table), "Delta1: lengths do not fit the number of samples")
	delta1(hist, table, from, to)
}

// Prefix1 replaces every entry by the sum of all entries up to and with it.
func Prefix1(hist []int32) {
	sum := int32(0)
	for i, v := range hist {
		sum += v
		hist[i] = sum
	}
}

// Prefix2 replaces every entry of a [rows*cols] histogram by the sum of all
// entries in the rectangle from (0, 0) to it, both ends included:
//
//	for r := range rows {
//		for c := range cols {
//			hist[r*cols+c] += hist[r][c-1] + hist[r-1][c] - hist[r-1][c-1] // already summed
//		}
//	}
func Prefix2(hist []int32, rows, cols int) {
	need(rows >= 0 && cols >= 0 && len(hist) == rows*cols, "Prefix2: hist is not rows times cols long")
	prefix2(hist, rows, cols)
}

// Chain2 solves all thresholds of a chain of two from its set tables. For g in
// 0..bins-1, bins = len(correct) = len(reach2):
//
//	reach2[g]  = #{b1 <= g}
//	correct[g] = Σ c1 + Σ_{b1 <= g} (c12 - c1)
//
// Every bin of t1 is below bins.
func Chain2(correct, reach2 []int32, t1, t12 []byte) {
	need(len(correct) == len(reach2), "Chain2: correct and reach2 differ in length")
	need(len(t1) == len(t12), "Chain2: tables differ in length")
	clear(reach2)
	Count1(reach2, t1)
	Prefix1(reach2)
	clear(correct)
	if len(correct) > 0 {
		correct[0] = int32(Correct(t1))
	}
	Delta1(correct, t1, t1, t12)
	Prefix1(correct)
}

// Chain3 solves all thresholds of a chain of three from its set tables, as the
// formulas above say. correct and reach3 are [bins*bins] with g2 running fastest,
// reach2 is [bins], and cells is room for N numbers (left as Cells made them).
// Every bin of t1 and t12 is below bins.
//
// It goes through the samples in blocks, so that the cells of one are still in the
// first cache when they are read again.
func Chain3(correct, reach3, reach2 []int32, t1, t12, t123 []byte, cells []uint16) {
	bins := len(reach2)
	need(len(correct) == bins*bins && len(reach3) == bins*bins, "Chain3: correct and reach3 are not bins times bins long")
	need(len(t1) == len(cells) && len(t12) == len(cells) && len(t123) == len(cells), "Chain3: lengths do not fit the number of samples")
	if bins == 0 {
		return
	}
	const block = 8192
	clear(reach3)
	clear(correct)
	// What stage 2 changes for a row of g1 enters every column of it, and a
	// prefix sum spreads the first column over the row.
	var first [MaxCuts + 1]int32
	first[0] = int32(Correct(t1))
	for from := 0; from < len(cells); from += block {
		to := min(from+block, len(cells))
		c, a, b := cells[from:to], t1[from:to], t12[from:to]
		Cells(c, a, b, bins)
		Count(reach3, c)
		Delta(correct, c, b, t123[from:to])
		Delta1(first[:bins], a, a, b)
	}
	Prefix2(reach3, bins, bins)
	for r := range reach2 {
		reach2[r] = reach3[(r+1)*bins-1] // whatever b12 is
	}
	for r, v := range first[:bins] {
		correct[r*bins] += v
	}
	Prefix2(correct, bins, bins)
}
