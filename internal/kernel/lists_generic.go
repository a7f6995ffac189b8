package kernel

// better says whether (sum, class) beats (best, bestClass).
func better(sum uint32, class uint16, best uint32, bestClass uint16) bool {
	return sum > best || sum == best && class < bestClass
}

// agreeGeneric handles the samples from the given one on, of which nOpen before
// are open.
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
	var bound uint32 // the most promising class whose sum s cannot tell
	boundClass := uint16(NoClass)
	for j := range k {
		v := w * fixed1(lv[j])
		if sum := sv[j] + w*l.value(i, sc[j]); better(sum, sc[j], best, class) {
			best, class = sum, sc[j]
		}
		sum := base // a lower bound, unless rest says that it is all there is
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
	var classes [64]uint16
	var values [64]uint32
	for i := range s.Rest {
		sc, sv := s.Classes[i*k:][:k], s.Values[i*k:][:k]
		lc, lv := l.Classes[i*k:][:k], l.Values[i*k:][:k]
		n := 0
		for j, c := range sc {
			classes[n], values[n] = c, sv[j]+w*l.value(i, c)
			n++
		}
		exact := s.Rest[i] == s.Base[i]
		for j, c := range lc {
			if index(sc, c) >= 0 {
				continue
			}
			sum := s.Base[i]
			if !exact {
				sum = setValue(i, c, members, weights)
			}
			classes[n], values[n] = c, sum+w*fixed1(lv[j])
			n++
		}
		base := s.Base[i] + w*l.Tail[i]
		rest := s.Rest[i] + w*l.Tail[i]
		dc, dv := dst.Classes[i*k:][:k], dst.Values[i*k:][:k]
		selectTop(dc, dv, classes[:n], values[:n])
		// What was not selected is bounded by its best.
		last, lastClass := dv[k-1], dc[k-1]
		for j, c := range classes[:n] {
			if values[j] > rest && better(last, lastClass, values[j], c) {
				rest = values[j]
			}
		}
		dst.Base[i], dst.Rest[i] = base, rest
		dst.TopClass[i], dst.Top[i] = dc[0], dv[0]
	}
}

// setValue is the sum of class c on sample i over the members.
func setValue(i int, c uint16, members []*Lists, weights []uint32) (sum uint32) {
	for m, l := range members {
		sum += weight(weights, m) * l.value(i, c)
	}
	return sum
}

// selectTop fills dc and dv with the best of the candidates, in order. There are
// at least as many candidates as places.
func selectTop(dc []uint16, dv []uint32, classes []uint16, values []uint32) {
	k := len(dc)
	dv = dv[:k]
	for n, c := range classes {
		v := values[n]
		if n >= k && !better(v, c, dv[k-1], dc[k-1]) {
			continue
		}
		j := min(n, k-1)
		for ; j > 0 && better(v, c, dv[j-1], dc[j-1]); j-- {
			dc[j], dv[j] = dc[j-1], dv[j-1]
		}
		dc[j], dv[j] = c, v
	}
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
