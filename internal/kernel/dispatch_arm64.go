//go:build !purego

package kernel

func evaluate(tables [][]byte, exits []byte, reach []int) (correct int) {
	clear(reach)
	done := 0
	if n := len(tables[0]) &^ 15; active == NEON && n > 0 && len(exits) > 0 {
		correct, done = evaluateNEON(&tables[0], len(tables), n, &exits[0], &reach[0]), n
		reach[0] = n
	}
	return correct + evaluateGeneric(tables, exits, reach, done)
}

func correct(table []byte) (right int) {
	done := 0
	if n := len(table) &^ 15; active == NEON && n > 0 {
		right, done = correctNEON(&table[0], n), n
	}
	return right + correctGeneric(table[done:])
}

func same(a, b []uint16) (equal int) {
	done := 0
	if n := len(a) &^ 15; active == NEON && n > 0 {
		equal, done = sameNEON(&a[0], &b[0], n), n
	}
	return equal + sameGeneric(a[done:], b[done:])
}

func settle(to, table []byte, exit, keep, code byte) {
	done := 0
	if n := len(table) &^ 15; active == NEON && n > 0 {
		settleNEON(&to[0], &table[0], n, exit, keep, code)
		done = n
	}
	settleGeneric(to, table, exit, keep, code, done)
}

func judge(may []byte, open []int32, a, b *Margins) (nOpen int) {
	done := 0
	if n := len(may) &^ (marginBlock - 1); active == NEON && n > 0 {
		nOpen, done = judgeNEON(&may[0], &open[0], &a.data[0], &b.data[0], n), n
	}
	return judgeGeneric(may, open, a, b, done, nOpen)
}

// differing calls add for the samples that are correct in just one of two tables, except for the last
// few, and returns how many samples it has looked at.
func differing(from, to []byte, add func(i int32)) (done int) {
	var list [512]int32
	for n := len(from) &^ 15; done < n; {
		step := min(len(list), n-done)
		for _, i := range list[:differNEON(&list[0], &from[done], &to[done], step)] {
			add(int32(done) + i)
		}
		done += step
	}
	return done
}

func delta(hist []int32, cells []uint16, from, to []byte) {
	done := 0
	if active == NEON {
		done = differing(from, to, func(i int32) { hist[cells[i]] += int32(to[i]&1) - int32(from[i]&1) })
	}
	deltaGeneric(hist, cells[done:], from[done:], to[done:])
}

func delta1(hist []int32, table, from, to []byte) {
	done := 0
	if active == NEON {
		done = differing(from, to, func(i int32) { hist[table[i]>>1] += int32(to[i]&1) - int32(from[i]&1) })
	}
	delta1Generic(hist, table[done:], from[done:], to[done:])
}
