package kernel

// Cost3 is the cost of every threshold combination of a chain of three, from the
// reach counts of Chain3 and the models' costs a sample:
//
//	for r := range reach2 {
//		x := c1*float64(n) + c2*float64(reach2[r])
//		for c := range cols {
//			cost[r*cols+c] = (x + c3*float64(reach3[r*cols+c])) / float64(n)
//		}
//	}
//
// with cols = len(cost) / len(reach2). Every operation is rounded to float64 on
// its own, in this order: products, then sums in stage order, then the division.
func Cost3(cost []float64, reach2, reach3 []int32, n int, c1, c2, c3 float64) {
	need(len(cost) == len(reach3), "Cost3: cost and reach3 differ in length")
	need(len(cost) == 0 || len(reach2) > 0 && len(cost)%len(reach2) == 0, "Cost3: reach3 is not a whole number of columns")
	need(n > 0, "Cost3: no samples")
	cost3(cost, reach2, reach3, n, c1, c2, c3)
}

// Improving lists the points that no known point with as many correct answers
// undercuts:
//
//	for i := range correct {
//		if cost[i] <= best[correct[i]] {
//			dst[m] = i
//			m++
//		}
//	}
//	return m
//
// best[n] is the cheapest known cost with n correct answers, +Inf where there is
// none. A NaN is never listed. dst is at least as long as correct. Improving
// panics where a number of correct answers is outside best.
func Improving(dst []int32, correct []int32, cost, best []float64) int {
	need(len(cost) == len(correct) && len(dst) >= len(correct), "Improving: lengths do not fit the number of points")
	return improving(dst, correct, cost, best)
}
