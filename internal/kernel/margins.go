package kernel

// Margins tell how far the label is ahead of all other classes on N samples, by the
// values of one model or by the sums of two. They are in steps of 2^-14.
//
//   - The lead is at most what the label has more than any other class. Below 0 it is less
//     than that by less than a step.
//   - The excess is at least what the label has more than a class that is not listed.
//   - The rival is a class other than the label over which it has the least lead, if the
//     lead is then right but for less than two steps; else NoClass, and the lead is 0 or
//     more.
type Margins struct {
	n int
	// For each 32 samples their leads, their excesses and their rivals, and the same for
	// the last few.
	data []uint16
}

// marginBlock is the number of samples whose margins lie side by side.
const marginBlock = 32

// NewMargins returns room for n samples.
func NewMargins(n int) *Margins { return &Margins{n, make([]uint16, MarginsBytes(n)/2)} }

// MarginsBytes is the memory that NewMargins(n) asks for, for callers with a budget.
func MarginsBytes(n int) int { return (n + marginBlock - 1) / marginBlock * 6 * marginBlock }

// Slice is the part of m with samples from..to-1, from a multiple of 32; it shares m's
// memory.
func (m *Margins) Slice(from, to int) Margins {
	need(from%marginBlock == 0, "Slice: margins begin at multiples of 32 only")
	return Margins{to - from, m.data[3*from : (to+marginBlock-1)/marginBlock*3*marginBlock]}
}

// at returns the lead, the excess and the rival of sample i.
func (m *Margins) at(i int) (lead, excess int32, rival uint16) {
	b := m.data[i/marginBlock*3*marginBlock+i%marginBlock:]
	return int32(int16(b[0])), int32(int16(b[marginBlock])), b[2*marginBlock]
}

func (m *Margins) set(i int, lead, excess int16, rival uint16) {
	b := m.data[i/marginBlock*3*marginBlock+i%marginBlock:]
	b[0], b[marginBlock], b[2*marginBlock] = uint16(lead), uint16(excess), rival
}

// leadOf is the lead of a label with a sum of value over a class with one of most.
func leadOf(value, most uint32) int16 {
	return clampMargin((int32(value) - int32(most)) >> 10)
}

func clampMargin(x int32) int16 { return int16(max(-1<<15, min(1<<15-1, x))) }

// SetSingle sets all samples to the margins of one model.
func (m *Margins) SetSingle(l *Lists, labels []uint16) {
	need(len(labels) == l.Len() && m.n == l.Len(), "SetSingle: lengths do not fit the number of samples")
	for i, label := range labels {
		rival := i * l.K
		if l.Classes[rival] == label {
			rival++
		}
		value, tail := l.value(i, label), l.Tail[i]
		most := max(fixed1(l.Values[rival]), tail) // NoClass has less than a class that is not listed
		m.set(i, leadOf(value, most), int16((int32(value)-int32(tail)+1<<10-1)>>10), l.Classes[rival])
	}
}

// SetAnswers sets all samples to margins by which Judge, asked about them together with those
// of [Margins.SetBlank], finds just those right whose lowest bit in a table is set.
func (m *Margins) SetAnswers(table []byte) {
	need(len(table) == m.n, "SetAnswers: the length does not fit the number of samples")
	for i, b := range table {
		m.set(i, int16(b&1)*2-1, 0, 0)
	}
}

// SetBlank sets all samples to margins that leave the answer to others.
func (m *Margins) SetBlank() {
	for i := range m.n {
		m.set(i, 0, 0, NoClass)
	}
}

// SetPair sets all samples to the margins of the sum of two models, given their margins, what they give
// the labels ([Lists.Given]), and the best sum and its class, which Pair finds:
//
//	for i := range N {
//		lead := a.lead(i) + b.lead(i)
//		switch excess := a.excess(i) + b.excess(i); {
//		case class[i] != labels[i]:
//			m.set(i, (int32(aGiven[i]+bGiven[i])-int32(best[i]))>>10, excess, class[i])
//		case a.rival(i) == b.rival(i):
//			m.set(i, max(0, lead), excess, a.rival(i))
//		default:
//			m.set(i, max(0, lead), excess, NoClass)
//		}
//	}
//
// Sums saturate at the limits of int16. If the answer is not the label it is the rival. Otherwise the leads of both
// are taken together, unless that makes less than 0; if the two have not the same rival, the lead may
// be larger than that, and the rival is not known.
func (m *Margins) SetPair(a, b *Margins, aGiven, bGiven, best []uint32, class, labels []uint16) {
	n := m.n
	need(a.n == n && b.n == n && len(aGiven) == n && len(bGiven) == n && len(best) == n && len(class) == n && len(labels) == n,
		"SetPair: lengths do not fit the number of samples")
	setPair(m, a, b, aGiven, bGiven, best, class, labels)
}

// Judge decides, by their margins, on which samples a set of one or two models, a, and
// another model, b, together have the label as their answer:
//
//	for i := range N {
//		lead := a.lead(i) + b.lead(i)
//		right := lead > 0
//		wrong := a.lead(i)+b.excess(i) < 0 || b.lead(i)+a.excess(i) < 0 ||
//			a.rival(i) == b.rival(i) && lead < -2
//		may[i] = !wrong // 1 or 0
//		if !right && !wrong {
//			open = append(open, i)
//		}
//	}
//
// open has room for N numbers; those that it gets ascend.
//
// No class is further ahead of the label in the sum than it is in a and in b together, so
// the label wins if it is ahead by both leads. It loses to the rival of a if b does not
// give it more above a class that is not listed than it lacks there, and the other way
// round. If both have the same rival, the leads are those to one class and add up, less
// than three steps aside. Ties stay open.
func Judge(may []byte, open []int32, a, b *Margins) (nOpen int) {
	n := len(may)
	need(len(open) >= n, "Judge: no room for the open samples")
	need(a.n == n && b.n == n, "Judge: lengths do not fit the number of samples")
	return judge(may, open, a, b)
}

// A Forecast has histograms over two numberings of cells: which samples, answered correctly
// or not so far, may change sides.
type Forecast struct{ Gains, Losses, Gains2, Losses2 [256]int32 }

// Foresee adds to f the samples that a has wrong and that Judge finds may be right by a and
// b together, and those that a has right and that are wrong by both. right tells, in its
// lowest bits, which a has right; cells has two numbers for each sample, one in the low
// byte:
//
//	for i, c := range cells {
//		if may[i] > right[i]&1 {
//			f.Gains[c&255]++
//			f.Gains2[c>>8]++
//		}
//		if may[i] < right[i]&1 {
//			f.Losses[c&255]++
//			f.Losses2[c>>8]++
//		}
//	}
func Foresee(f *Forecast, cells []uint16, right []byte, a, b *Margins) {
	n := len(cells)
	need(len(right) == n && a.n == n && b.n == n, "Foresee: lengths do not fit the number of samples")
	foresee(f, cells, right, a, b)
}
