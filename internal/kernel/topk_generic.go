package kernel

func topKGeneric(classes, values, row []uint16) (sum uint64) {
	k := len(classes)
	values = values[:k]
	for j := range classes {
		classes[j], values[j] = NoClass, 0
	}
	// The first K classes always enter; after that only values above the last
	// listed one do: on a tie the lower class was there first.
	least := uint16(0)
	for c, h := range row {
		sum += uint64(fixed1(h))
		if h <= least && c >= k {
			continue
		}
		j := min(c, k-1)
		for ; j > 0 && values[j-1] < h; j-- {
			classes[j], values[j] = classes[j-1], values[j-1]
		}
		classes[j], values[j] = uint16(c), h
		if c >= k-1 {
			least = values[k-1]
		}
	}
	return sum
}
