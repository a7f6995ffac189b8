package kernel

import "math/bits"

// better reports whether (sum, class) beats (best, bestClass).
func better(sum uint32, class uint16, best uint32, bestClass uint16) bool {
	return sum > best || sum == best && class < bestClass
}

// agreeGeneric decides the samples on which a set, of which top and topClass are known,
// and l name the same class: it is the best class of both together. No class has more
// in either, and one with as much in both is a higher class, because it comes after
// this one in a list. The others are open, their best and class unspecified. It goes
// from the given sample on, before which nOpen are open. best and class may be top and
// topClass themselves.
func agreeGeneric(best []uint32, class []uint16, open []int32, top []uint32, topClass []uint16, l *Lists, w uint32, from, nOpen int) int {
	for i := from; i < len(topClass); i++ {
		if c := topClass[i]; c == l.TopClass[i] {
			best[i], class[i] = top[i]+w*fixed1(l.TopValue[i]), c
		} else {
			open[nOpen] = int32(i)
			nOpen++
		}
	}
	return nOpen
}

// combineGeneric decides the given samples and keeps those that stay open at the
// front of samples.
func combineGeneric(best []uint32, class []uint16, samples []int32, s *Sums, l *Lists, w uint32) (nOpen int) {
	for _, i := range samples {
		var open bool
		best[i], class[i], open = combine1(int(i), s, l, w)
		if open {
			samples[nOpen] = i
			nOpen++
		}
	}
	return nOpen
}

// combine1 decides sample i by walking down both lists at once. After step j no
// class that has not been seen can have more than s.Values[j] + w·l.Values[j].
func combine1(i int, s *Sums, l *Lists, w uint32) (best uint32, class uint16, open bool) {
	k := s.K
	sc, sv := s.Classes[i*k:][:k], s.Values[i*k:][:k]
	lc, lv := l.Classes[i*k:][:k], l.Values[i*k:][:k]
	rest, base := s.Rest[i], s.Base[i]
	class = NoClass
	var bound uint32 // the most promising class whose sum s does not know
	boundClass := uint16(NoClass)
	for j := range k {
		v := w * fixed1(lv[j])
		if sum := sv[j] + w*l.value(i, sc[j]); better(sum, sc[j], best, class) {
			best, class = sum, sc[j]
		}
		sum := base // a lower bound, unless rest shows that it is exact
		if p := index(sc, lc[j]); p >= 0 {
			sum = sv[p]
		} else if rest > base && better(rest+v, lc[j], bound, boundClass) {
			bound, boundClass = rest+v, lc[j]
		}
		if sum += v; better(sum, lc[j], best, class) {
			best, class = sum, lc[j]
		}
		if sv[j]+v < best {
			break
		}
	}
	return best, class, better(bound, boundClass, best, class)
}

func pairGeneric(best []uint32, class []uint16, samples []int32, a, b *Lists) {
	for _, i := range samples {
		best[i], class[i] = pair1(int(i), a, b)
	}
}

// pair1 decides sample i by walking down both lists at once. After step j no class
// that has not been seen can have more than the values listed there.
func pair1(i int, a, b *Lists) (best uint32, class uint16) {
	class = NoClass
	from, to := i*a.K, (i+1)*a.K
	ac, av, bc, bv := a.Classes[from:to], a.Values[from:to], b.Classes[from:to], b.Values[from:to]
	for j := range ac {
		va, vb := fixed1(av[j]), fixed1(bv[j])
		if sum := va + b.value(i, ac[j]); better(sum, ac[j], best, class) {
			best, class = sum, ac[j]
		}
		if sum := vb + a.value(i, bc[j]); better(sum, bc[j], best, class) {
			best, class = sum, bc[j]
		}
		if va+vb < best {
			break
		}
	}
	return best, class
}

// index is the place of class c, or -1.
func index(classes []uint16, c uint16) int {
	for j, x := range classes {
		if x == c {
			return j
		}
	}
	return -1
}

func extendGeneric(dst, s *Sums, members []*Lists, weights []uint32, l *Lists, w uint32) {
	k := s.K
	var known, added [32]uint32
	for i := range s.Rest {
		sc, sv := s.Classes[i*k:][:k], s.Values[i*k:][:k]
		lc, lv := l.Classes[i*k:][:k], l.Values[i*k:][:k]
		inL, inS := uint32(0), uint32(0)
		for j, c := range sc {
			v := l.Tail[i]
			if p := index(lc, c); p >= 0 {
				inL |= 1 << j
				inS |= 1 << p
				v = fixed1(lv[p])
			}
			known[j] = sv[j] + w*v
		}
		exact := s.Rest[i] == s.Base[i]
		for p, c := range lc {
			if inS>>p&1 != 0 {
				continue
			}
			sum := s.Base[i]
			if !exact {
				sum = setValue(i, c, members, weights)
			}
			added[p] = sum + w*fixed1(lv[p])
		}
		mergeExtended(dst, s, i, lc, w*l.Tail[i], known[:k], added[:k], inL, inS)
	}
}

// mergeExtended makes sample i of dst from the sums of the classes of s and of l.
// inL marks the classes of s that l lists too, inS those of l that s lists.
//
// Three sorted runs are merged: the classes of s alone, in the order they have
// there; those of l alone, likewise where all of them have the sum base in s; and
// the others, which must be sorted. The best of what is not taken bounds it.
func mergeExtended(dst, s *Sums, i int, lc []uint16, tail uint32, known, added []uint32, inL, inS uint32) {
	k := s.K
	sc := s.Classes[i*k:][:k]
	all := uint32(uint64(1)<<k - 1)
	ofS, ofL := ^inL&all, ^inS&all
	var classes [64]uint16
	var values [64]uint32
	n := 0
	insert := func(c uint16, v uint32) {
		j := n
		for ; j > 0 && better(v, c, values[j-1], classes[j-1]); j-- {
			classes[j], values[j] = classes[j-1], values[j-1]
		}
		classes[j], values[j] = c, v
		n++
	}
	for m := inL; m != 0; m &= m - 1 {
		j := bits.TrailingZeros32(m)
		insert(sc[j], known[j])
	}
	if s.Rest[i] != s.Base[i] {
		for ; ofL != 0; ofL &= ofL - 1 {
			j := bits.TrailingZeros32(ofL)
			insert(lc[j], added[j])
		}
	}

	// The first of each run, or what is worse than anything.
	var sum [3]uint32
	var class [3]uint16
	next := 0
	advance := func(run int) {
		sum[run], class[run] = 0, NoClass
		switch {
		case run == 0 && ofS != 0:
			j := bits.TrailingZeros32(ofS)
			ofS &= ofS - 1
			sum[0], class[0] = known[j], sc[j]
		case run == 1 && ofL != 0:
			j := bits.TrailingZeros32(ofL)
			ofL &= ofL - 1
			sum[1], class[1] = added[j], lc[j]
		case run == 2 && next < n:
			sum[2], class[2] = values[next], classes[next]
			next++
		}
	}
	for run := range sum {
		advance(run)
	}
	dc, dv := dst.Classes[i*k:][:k], dst.Values[i*k:][:k]
	for j := range dc {
		run := 0
		if better(sum[1], class[1], sum[0], class[0]) {
			run = 1
		}
		if better(sum[2], class[2], sum[run], class[run]) {
			run = 2
		}
		dc[j], dv[j] = class[run], sum[run]
		advance(run)
	}
	dst.TopClass[i], dst.Top[i] = dc[0], dv[0]
	dst.Base[i] = s.Base[i] + tail
	dst.Rest[i] = max(s.Rest[i]+tail, sum[0], sum[1], sum[2])
}

// setValue is the sum of class c on sample i over the members.
func setValue(i int, c uint16, members []*Lists, weights []uint32) (sum uint32) {
	for m, l := range members {
		sum += weight(weights, m) * l.value(i, c)
	}
	return sum
}

func resolveSamplesGeneric(best []uint32, class []uint16, samples []int32, members []*Lists, weights []uint32) {
	for _, i := range samples {
		best[i], class[i] = resolveGeneric(int(i), members, weights)
	}
}

// agreeAllGeneric settles the samples from..to-1 on which all members name the
// same class and lists the others.
func agreeAllGeneric(best []uint32, class []uint16, open []int32, from, to int, members []*Lists, weights []uint32) (nOpen int) {
	for i := from; i < to; i++ {
		if sum, ok := agreed(i, members, weights); ok {
			best[i], class[i] = sum, members[0].TopClass[i]
		} else {
			open[nOpen] = int32(i)
			nOpen++
		}
	}
	return nOpen
}

// resolveGeneric walks down all lists at once. After depth j a class that has not
// been seen has at most v_m(j) in every member m, the value listed there.
func resolveGeneric(i int, members []*Lists, weights []uint32) (best uint32, class uint16) {
	class = NoClass
	k := members[0].K
	for j := range k {
		unseen := uint32(0)
		for m, l := range members {
			c := l.Classes[i*k+j]
			unseen += weight(weights, m) * fixed1(l.Values[i*k+j])
			if c == class {
				continue
			}
			if sum := setValue(i, c, members, weights); better(sum, c, best, class) {
				best, class = sum, c
			}
		}
		if unseen < best {
			break
		}
	}
	return best, class
}

// agreed is the sum of the members' top values, and whether all of them name the
// same class.
func agreed(i int, members []*Lists, weights []uint32) (sum uint32, ok bool) {
	c := members[0].TopClass[i]
	for m, l := range members {
		if l.TopClass[i] != c {
			return 0, false
		}
		sum += weight(weights, m) * fixed1(l.TopValue[i])
	}
	return sum, true
}
