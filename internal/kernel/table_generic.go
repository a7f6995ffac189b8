package kernel

import "math/bits"

func binsGeneric(table []byte, sums []uint32, class, labels []uint16, cuts []uint32) {
	for i, s := range sums {
		// The samples crowd in the last bin, so look there first.
		lo, hi := 0, len(cuts)
		if hi > 0 && cuts[hi-1] < s {
			lo = hi
		}
		for lo < hi {
			mid := int(uint(lo+hi) >> 1)
			if cuts[mid] < s {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		b := byte(lo) << 1
		if class[i] == labels[i] {
			b |= 1
		}
		table[i] = b
	}
}

// evaluateGeneric adds the samples from the given one on to reach.
func evaluateGeneric(tables [][]byte, exits []byte, reach []int, from int) (correct int) {
	last := len(tables) - 1
	for i := from; i < len(tables[0]); i++ {
		j := 0
		for j < last && tables[j][i] < exits[j] {
			reach[j]++
			j++
		}
		reach[j]++
		correct += int(tables[j][i] & 1)
	}
	return correct
}

// missingGeneric goes from the given sample on, a multiple of 64, before which n are listed.
func missingGeneric(numbers []int32, asked []uint64, tables [][]byte, exits []byte, known, held []uint64, from, n int) int {
	clear(asked[from/64:])
	last := len(tables) - 1
next:
	for i := from; i < len(tables[0]); i++ {
		bit := uint64(1) << (i & 63)
		if known[i>>6]&bit != 0 || held[i>>6]&bit != 0 && tables[last][i] < exits[last] {
			continue
		}
		for j, exit := range exits[:last] {
			if tables[j][i] >= exit {
				continue next
			}
		}
		asked[i>>6] |= bit
		numbers[n] = int32(i)
		n++
	}
	return n
}

func enterGeneric(table []byte, known, held []uint64, samples *Subset, entries, sure []byte) {
	r := 0
	for word, asked := range samples.Bits {
		held[word] |= asked
		for left := asked; left != 0; left &= left - 1 {
			i := bits.TrailingZeros64(left)
			table[word<<6+i] = entries[r]
			if sure[r] != 0 {
				known[word] |= 1 << i
			}
			r++
		}
	}
}

func sameGeneric(a, b []uint16) (n int) {
	for i, x := range a {
		if x == b[i] {
			n++
		}
	}
	return n
}

// passGeneric goes from the given sample on, a multiple of 64.
func passGeneric(samples []uint64, table []byte, exit byte, from int) (exited, correct int) {
	for word := from / 64; word < len(samples); word++ {
		for some := samples[word]; some != 0; some &= some - 1 {
			bit := bits.TrailingZeros64(some)
			if b := table[word<<6+bit]; b >= exit {
				samples[word] &^= 1 << bit
				exited++
				correct += int(b & 1)
			}
		}
	}
	return exited, correct
}

// settleGeneric goes from the given sample on.
func settleGeneric(to, table []byte, exit, keep, code byte, from int) {
	for i := from; i < len(table); i++ {
		if b := table[i]; b >= exit {
			to[i] = b&keep | code
		}
	}
}

// compactGeneric goes from the given sample on, a multiple of 64, before which it has put n bytes.
func compactGeneric(to []byte, samples []uint64, bytes []byte, from, n int) int {
	for word := from / 64; word < len(samples); word++ {
		for some := samples[word]; some != 0; some &= some - 1 {
			to[n] = bytes[word<<6+bits.TrailingZeros64(some)]
			n++
		}
	}
	return n
}

func correctGeneric(table []byte) (n int) {
	for _, b := range table {
		n += int(b & 1)
	}
	return n
}
