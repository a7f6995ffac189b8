package kernel

import "math"

func screenGeneric(to *Screened, samples []int32, members []Stances, weights []uint32, least uint32) (open int) {
	for r, i := range samples {
		var label, vote, most uint32
		agreed := true
		first := members[0].at(i, 1).rival
		for m, s := range members {
			x := s.at(i, weight(weights, m))
			label += x.label
			agreed = agreed && x.rival == first && x.label < x.value
			votes, bound := votesFor(x.rival, i, members, weights)
			vote, most = max(vote, votes), max(most, bound)
		}
		to.Sums[r], to.Right[r], to.Sure[r] = max(label, most), 0, 0
		switch {
		case label > most:
			to.Right[r], to.Sure[r] = 1, math.MaxUint8
		case agreed:
			to.Sums[r], to.Sure[r] = vote, math.MaxUint8
		case label < least && most < least:
		case vote >= least && vote > label:
			to.Sums[r] = math.MaxUint32
		default:
			to.Open[open] = int32(r)
			open++
		}
	}
	return open
}

// A stance is what a member makes of a sample's label: values times its weight.
type stance struct {
	rival        uint16
	label, value uint32
	other        uint32 // what other classes have at the most
}

// at returns the stance on sample i of a member of weight w.
func (s Stances) at(i int32, w uint32) stance {
	x := s[i]
	value := w * fixed1(uint16(x>>32))
	return stance{
		rival: uint16(x >> 48),
		label: w * s.Given(int(i)),
		value: value,
		other: (value>>7 + 1) * (uint32(x)>>25 + 1),
	}
}

// votesFor returns votes and bound of a rival: see Screen.
func votesFor(rival uint16, i int32, members []Stances, weights []uint32) (votes, bound uint32) {
	for m, s := range members {
		x := s.at(i, weight(weights, m))
		if x.rival == rival {
			votes += x.value
			bound += x.value
		} else {
			bound += x.other
		}
	}
	return votes, bound
}
