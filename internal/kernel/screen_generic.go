package kernel

// wrongEntry is an entry that is incorrect and above every exit.
const wrongEntry = 254

// screenGeneric goes on after the first done samples, of which so many are exact and open.
func screenGeneric(to *Screened, samples []int32, members []*Stances, weights []uint32, least uint32, done, exact, open int) (int, int) {
	for r := done; r < len(samples); r++ {
		i := samples[r]
		var label, rival, top, vote uint32
		first, agreed := members[0].Rival[i]>>16, true
		for m, s := range members {
			w, class := weight(weights, m), s.Rival[i]>>16
			l, v := w*s.Label[i], w*fixed1(uint16(s.Rival[i]))
			label += l
			rival += v
			top += max(l, v)
			agreed = agreed && class == first
			if class != NoClass {
				votes := uint32(0)
				for o, other := range members {
					if other.Rival[i]>>16 == class {
						votes += weight(weights, o) * fixed1(uint16(other.Rival[i]))
					}
				}
				vote = max(vote, votes)
			}
		}
		to.Entries[r] = 0
		switch {
		case label > rival || agreed:
			to.Exact[exact], to.Sums[exact], to.Right[exact] = i, top, 0
			if label > rival {
				to.Sums[exact] = label
			}
			if label > rival || first == NoClass {
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
