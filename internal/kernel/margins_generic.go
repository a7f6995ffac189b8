package kernel

// setPairGeneric is setPair from the given sample on.
func setPairGeneric(m, a, b *Margins, aGiven, bGiven, best []uint32, class, labels []uint16, from int) {
	for i := from; i < m.n; i++ {
		aLead, aExcess, aRival := a.at(i)
		bLead, bExcess, bRival := b.at(i)
		lead, rival := max(0, clampMargin(aLead+bLead)), aRival
		switch {
		case class[i] != labels[i]:
			lead, rival = leadOf(aGiven[i]+bGiven[i], best[i]), class[i]
		case aRival != bRival:
			rival = NoClass
		}
		m.set(i, lead, clampMargin(aExcess+bExcess), rival)
	}
}

// judge1 judges sample i.
func judge1(a, b *Margins, i int) (right, wrong bool) {
	aLead, aExcess, aRival := a.at(i)
	bLead, bExcess, bRival := b.at(i)
	lead := aLead + bLead
	return lead > 0, aLead+bExcess < 0 || bLead+aExcess < 0 || aRival == bRival && lead < -2
}

// judgeGeneric is judge from the given sample on, before which nOpen are open.
func judgeGeneric(may []byte, open []int32, a, b *Margins, from, nOpen int) int {
	for i := from; i < len(may); i++ {
		right, wrong := judge1(a, b, i)
		may[i] = 1
		if wrong {
			may[i] = 0
		} else if !right {
			open[nOpen] = int32(i)
			nOpen++
		}
	}
	return nOpen
}

// foreseeGeneric is foresee from the given sample on.
func foreseeGeneric(f *Forecast, cells []uint16, right []byte, a, b *Margins, from int) {
	for i := from; i < len(cells); i++ {
		_, wrong := judge1(a, b, i)
		switch c, is := cells[i], right[i]&1 == 1; {
		case !wrong && !is:
			f.Gains[c&255]++
			f.Gains2[c>>8]++
		case wrong && is:
			f.Losses[c&255]++
			f.Losses2[c>>8]++
		}
	}
}
