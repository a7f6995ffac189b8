package kernel

// The conversions around the products keep the compiler from fusing them with
// the sums, which would round differently.

func cost3Generic(cost []float64, reach2, reach3 []int32, n int, c1, c2, c3 float64) {
	if len(cost) == 0 {
		return
	}
	cols := len(cost) / len(reach2)
	fn := float64(n)
	for r, r2 := range reach2 {
		x := float64(c1*fn) + float64(c2*float64(r2))
		row := cost[r*cols:][:cols]
		for c, r3 := range reach3[r*cols:][:cols] {
			row[c] = (x + float64(c3*float64(r3))) / fn
		}
	}
}

func improvingGeneric(dst []int32, correct []int32, cost, best []float64) (m int) {
	for i, c := range correct {
		if cost[i] <= best[c] {
			dst[m] = int32(i)
			m++
		}
	}
	return m
}
