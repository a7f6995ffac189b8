package kernel

// decideByHeadsGeneric is PairByHeads as far as heads tell. It begins at sample done, with nOpen samples
// listed, and appends those that heads do not decide; their best and class are not specified.
//
// No class that a head lacks has more than its last value. So of the classes of a's head the sums are
// known or bounded. No other class has more than a's last and b's first value together; and if b's first
// class is one of a's head, no more than that one, which comes before it in both lists. Sums are made in
// float32. Rounding keeps their order, and it changes only those from 1 to 1+2^-13, to which a value
// below 2^-13 contributes; these are left open, and so are ties.
func decideByHeadsGeneric(best []uint32, class []uint16, open []int32, a, b *Heads, done, nOpen int) int {
	for i := done; i < a.n; i++ {
		ac, av := a.of(i)
		bc, bv := b.of(i)
		last := (headLength - 1) * headBlock
		top, topClass, tie := float32(0), uint16(NoClass), false
		first := false // class of b is one of a
		for j := 0; j <= last; j += headBlock {
			theirs, name := bv[last], uint16(NoClass)
			for k := 0; k <= last; k += headBlock {
				if ac[j] == bc[k] {
					theirs, name, first = bv[k], ac[j], first || k == 0
				}
			}
			sum := f32(av[j]) + f32(theirs)
			tie = tie || j > 0 && sum == top
			if j == 0 || sum > top {
				top, topClass = sum, name
			}
		}
		best[i], class[i] = uint32(top*One), topClass
		if tie || topClass == NoClass || !first && top <= f32(av[last])+f32(bv[0]) || 1 <= top && top <= 1+1.0/(1<<13) {
			open[nOpen] = int32(i)
			nOpen++
		}
	}
	return nOpen
}
