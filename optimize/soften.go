package optimize

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// soften returns a problem whose samples are copies of p's, with labels softened by a
// reference; p itself if there are to be no copies. If ctx ends it is of no use.
func (s Settings) soften(ctx context.Context, p *Problem, r *reference, threads int) *Problem {
	if s.Copies == 1 {
		return p
	}
	n := p.Samples()
	labels := make([]uint16, n*s.Copies)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	var d distribution
	samples := make([]int, 0, len(labels))
	for i, label := range p.labels {
		if ctx.Err() != nil {
			return p
		}
		for range s.Copies {
			samples = append(samples, i)
		}
		r.likely(&d, i)
		s.draw(labels[i*s.Copies:][:s.Copies], label, &d, p.classes, rng.Float64())
	}
	softened := p.subset(ctx, samples)
	softened.labels = labels
	inPieces(threads, len(softened.models), func(_, from, to int) {
		for m := from; m < to && ctx.Err() == nil; m++ {
			s.shake(&softened.models[m], p.classes)
		}
	})
	return softened
}

// shake gives the copies of every sample a model's outputs at temperatures in equal ratios.
func (s Settings) shake(m *Model, classes int) {
	l := &m.Lists
	values := make([]float32, len(l.Values))
	kernel.F16ToF32(values, l.Values)
	d := distribution{shares: make([]float64, min(l.K, classes))}
	for i := range l.Tail {
		row := values[i*l.K : (i+1)*l.K]
		for j := range d.shares {
			d.shares[j] = float64(row[j])
		}
		d.other = share(l.Tail[i])
		listed := len(d.shares)
		if m.Answers { // the rest is not known but for its sum
			listed = 1
			d.other = (1 - d.shares[0]) / float64(classes-1)
		}
		d.shares = d.shares[:listed]
		d.temper(math.Exp(spread*(2*float64(i%s.Copies)/float64(s.Copies-1)-1)), classes)
		for j, x := range d.shares {
			row[j] = float32(x)
		}
		d.shares = d.shares[:min(l.K, classes)]
		if !m.Answers {
			l.Tail[i] = uint32(d.other * kernel.One)
		}
	}
	kernel.F16FromF32(l.Values, values)
	var last [1]uint32
	for i := range l.Tail {
		classesOf, valuesOf := l.Classes[i*l.K:(i+1)*l.K], l.Values[i*l.K:(i+1)*l.K]
		orderTies(classesOf, valuesOf)
		l.TopClass[i], l.TopValue[i] = classesOf[0], valuesOf[0]
		kernel.Fixed(last[:], valuesOf[len(d.shares)-1:][:1])
		l.Tail[i] = min(l.Tail[i], last[0])
	}
}

// orderTies puts classes of equal values, which descend, in order.
func orderTies(classes, values []uint16) {
	for j := 1; j < len(values); j++ {
		for k := j; k > 0 && values[k] == values[k-1] && classes[k] < classes[k-1]; k-- {
			classes[k], classes[k-1] = classes[k-1], classes[k]
		}
	}
}

// draw labels the copies of a sample: systematic sampling from its softened label, with
// one random number from [0, 1).
func (s Settings) draw(labels []uint16, label uint16, d *distribution, classes int, random float64) {
	kept := 1 - s.Softening + s.Softening*d.of(label)
	for c := range labels {
		left := (float64(c)+random)/float64(len(labels)) - kept
		labels[c] = label
		if left >= 0 && s.Softening > 0 {
			labels[c] = d.at(left/s.Softening, label, classes)
		}
	}
}

// at returns the class in which a point of [0, 1) falls if the classes but one are laid
// side by side with their shares: the listed ones first, then the others in their order.
func (d *distribution) at(point float64, but uint16, classes int) uint16 {
	last := but
	for j, c := range d.classes {
		if c == but {
			continue
		}
		last = c
		if point -= d.shares[j]; point < 0 {
			return c
		}
	}
	for c := range uint16(classes) {
		if c == but || slices.Contains(d.classes, c) {
			continue
		}
		last = c
		if point -= d.other; point < 0 {
			break
		}
	}
	return last
}
