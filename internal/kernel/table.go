package kernel

// MaxCuts is the largest number of cuts of a grid: the bin has seven bits.
const MaxCuts = 127

// Bins makes a set table, one byte a sample:
//
//	for i := range N {
//		bin := number of cuts < sums[i]
//		table[i] = bin<<1 | (class[i] == labels[i])
//	}
//
// cuts ascends and holds at most 127 values.
func Bins(table []byte, sums []uint32, class, labels []uint16, cuts []uint32) {
	n := len(table)
	need(len(sums) == n && len(class) == n && len(labels) == n, "Bins: lengths do not fit the number of samples")
	need(len(cuts) <= MaxCuts, "Bins: more than 127 cuts")
	bins(table, sums, class, labels, cuts)
}

// Evaluate runs the cascade of the k set tables of a chain's prefixes with k-1
// exits, where exits[j] = 2·(g+1) for the grid threshold with number g:
//
//	for i := range N {
//		j := 0
//		for j < k-1 && tables[j][i] < exits[j] {
//			j++
//		}
//		correct += tables[j][i] & 1
//		reach[0..j]++ // reach is set, not added to
//	}
//
// A sample exits at stage j if its bin is larger than g: exactly then the byte
// bin<<1 | correct is at least 2·(g+1).
func Evaluate(tables [][]byte, exits []byte, reach []int) (correct int) {
	k := len(tables)
	need(k >= 1 && len(exits) == k-1 && len(reach) == k, "Evaluate: k tables need k-1 exits and k counts")
	for _, t := range tables {
		need(len(t) == len(tables[0]), "Evaluate: tables differ in length")
	}
	return evaluate(tables, exits, reach)
}

// Missing finds the samples of which the cascade of k tables needs the entry in the last one,
// but this is not known. A bit of known is 1 if the entry of its sample is; one of held, if the table
// has an upper bound of it, the lowest bit aside: if that is below the last of the k exits, so is the
// entry. Exits are as in [Evaluate], and so even; for the last stage of a cascade the exit is 0.
//
//	for i := range N {
//		bit := func(of []uint64) bool { return of[i/64]>>(i%64)&1 == 1 }
//		if tables[j][i] < exits[j] for every j < k-1 && !bit(known) &&
//			(!bit(held) || tables[k-1][i] >= exits[k-1]) {
//			to.Numbers = append(to.Numbers, i), and its bit of to.Bits is 1; else it is 0
//		}
//	}
//
// to was made for N samples; what it held is gone.
func Missing(to *Subset, tables [][]byte, exits []byte, known, held []uint64) {
	k := len(tables)
	need(k >= 1 && len(exits) == k, "Missing: k tables need k exits")
	samples := len(tables[0])
	for _, t := range tables {
		need(len(t) == samples, "Missing: tables differ in length")
	}
	words := (samples + 63) / 64
	need(cap(to.Numbers) >= samples && len(to.Bits) == words && len(known) == words && len(held) == words, "Missing: lengths do not fit the number of samples")
	all := to.Numbers[:samples]
	to.Numbers = all[:missing(all, to.Bits, tables, exits, known, held)]
}

// Enter puts entries into a table that lacks some, those of a subset of its samples in order, and
// notes which it has: see [Missing]. Every sure[r] is 0 or 255.
//
//	for r, i := range samples.Numbers {
//		table[i] = entries[r]
//		held[i/64] |= 1 << (i % 64)
//		if sure[r] == 255 {
//			known[i/64] |= 1 << (i % 64)
//		}
//	}
func Enter(table []byte, known, held []uint64, samples *Subset, entries, sure []byte) {
	n := len(samples.Numbers)
	need(len(entries) == n && len(sure) == n, "Enter: entries and samples differ in number")
	words := (len(table) + 63) / 64
	need(len(known) == words && len(held) == words, "Enter: lengths do not fit the number of samples")
	samples.check(len(table), "Enter: not a subset of the samples")
	enter(table, known, held, samples, entries, sure)
}

// Same counts the samples to which two rows of classes have the same one, such as answers and
// labels:
//
//	for i := range N {
//		if a[i] == b[i] {
//			n++
//		}
//	}
func Same(a, b []uint16) (n int) {
	need(len(a) == len(b), "Same: lengths differ")
	return same(a, b)
}

// Pass clears the bits of samples that exit at a table, and counts them and those answered correctly:
//
//	for i := range N {
//		if samples[i/64]>>(i%64)&1 == 1 && table[i] >= exit {
//			samples[i/64] &^= 1 << (i % 64)
//			exited++
//			correct += table[i] & 1
//		}
//	}
func Pass(samples []uint64, table []byte, exit byte) (exited, correct int) {
	checkBits(samples, len(table), "Pass: not a subset of the samples")
	return pass(samples, table, exit)
}

// Settle overwrites the bytes of samples that exit at a table with a byte made from their entry:
//
//	for i, b := range table {
//		if b >= exit {
//			to[i] = b&keep | code
//		}
//	}
func Settle(to, table []byte, exit, keep, code byte) {
	need(len(to) == len(table), "Settle: lengths differ")
	settle(to, table, exit, keep, code)
}

// Compact puts the bytes of the samples whose bits are 1 side by side:
//
//	for i := range N {
//		if samples[i/64]>>(i%64)&1 == 1 {
//			to[n] = from[i]
//			n++
//		}
//	}
//
// to is room for N bytes. What it has after n is undefined.
func Compact(to []byte, samples []uint64, from []byte) (n int) {
	need(len(to) >= len(from), "Compact: no room for all samples")
	checkBits(samples, len(from), "Compact: not a subset of the samples")
	return compact(to, samples, from)
}

// checkBits panics unless there is a bit for each of n samples, and no other one is 1.
func checkBits(samples []uint64, n int, rule string) {
	need(len(samples) == (n+63)/64 && (n&63 == 0 || samples[n>>6]>>(n&63) == 0), rule)
}

// Correct counts the samples that a set predicts correctly:
//
//	for _, b := range table {
//		n += b & 1
//	}
func Correct(table []byte) (n int) {
	return correct(table)
}
