package kernel

// wrongEntry is an entry that is incorrect and above every exit.
const wrongEntry = 254

func screenGeneric(to *Screened, samples []int32, members []Stances, weights []uint32, least uint32) (exact, open int) {
	for r, i := range samples {
		var label, rival, top, vote uint32
		first, _ := members[0].rival(i)
		agreed := true
		for m, s := range members {
			w := weight(weights, m)
			class, value := s.rival(i)
			l, v := w*uint32(s[i]), w*value
			label += l
			rival += v
			top += max(l, v)
			agreed = agreed && class == first
			if class != NoClass {
				vote = max(vote, votesFor(class, i, members, weights))
			}
		}
		to.Entries[r] = 0
		switch {
		case label > rival:
			to.Exact[exact], to.Sums[exact], to.Right[exact] = i, label, 1
			exact++
		case agreed:
			to.Exact[exact], to.Sums[exact], to.Right[exact] = i, top, 0
			if first == NoClass {
				to.Right[exact] = 1
			}
			exact++
		case top < least:
		case vote >= least && vote > label:
			to.Entries[r] = wrongEntry
		default:
			to.Open[open] = i
			open++
		}
	}
	return exact, open
}

// votesFor is what members that have a class first give it.
func votesFor(class uint16, i int32, members []Stances, weights []uint32) (votes uint32) {
	for m, s := range members {
		if c, value := s.rival(i); c == class {
			votes += weight(weights, m) * value
		}
	}
	return votes
}
