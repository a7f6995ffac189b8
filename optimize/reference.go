package optimize

import (
	"context"
	"math"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// A reference is an ensemble of the problem's models whose outputs say how likely each
// class is the label of a sample. It is selected for the likelihood of the labels, with
// replacement, each time the model that raises it most (Caruana et al.: Ensemble selection
// from libraries of models, ICML 2004), and its outputs get a temperature (Guo et al.: On
// calibration of modern neural networks, ICML 2017).
type reference struct {
	problem     *Problem
	members     []int // each as often as it was selected
	temperature float64
}

const (
	referenceMembers = 24
	// floor is the share of a uniform distribution in the outputs: no label is impossible.
	floor = 1e-4
)

// temperatures are those tried, 0.5 to 3.
func temperatures() []float64 {
	var all []float64
	for t := 5; t <= 30; t++ {
		all = append(all, float64(t)/10)
	}
	return all
}

// newReference selects the reference ensemble of a problem. If ctx ends it is of no use.
func newReference(ctx context.Context, p *Problem, threads int) *reference {
	r := &reference{problem: p, temperature: 1}
	values := make([][]float64, len(p.models)) // of the samples' labels
	inPieces(threads, len(values), func(_, from, to int) {
		for m := from; m < to && ctx.Err() == nil; m++ {
			values[m] = make([]float64, p.Samples())
			for i, label := range p.labels {
				values[m][i] = share(classValue(&p.models[m].Lists, i, label))
			}
		}
	})
	sums := make([]float64, p.Samples())
	losses := make([]float64, len(values))
	best := math.Inf(1)
	for len(r.members) < referenceMembers && ctx.Err() == nil {
		inPieces(threads, len(values), func(_, from, to int) {
			for m := from; m < to && ctx.Err() == nil; m++ {
				losses[m] = logLoss(sums, values[m], float64(len(r.members)+1), p.classes)
			}
		})
		next := 0
		for m, loss := range losses {
			if loss < losses[next] {
				next = m
			}
		}
		if losses[next] >= best {
			break
		}
		best = losses[next]
		r.members = append(r.members, next)
		for i, v := range values[next] {
			sums[i] += v
		}
	}
	r.calibrate(ctx)
	return r
}

func share(fixed uint32) float64 { return float64(fixed) / kernel.One }

// logLoss is the negative log likelihood of labels to which the mean of so many outputs,
// the sums of all but one and that one's, gives these values.
func logLoss(sums, values []float64, members float64, classes int) float64 {
	loss, product := 0.0, 1.0
	for i, v := range values {
		product *= (sums[i]+v)/members*(1-floor) + floor/float64(classes)
		if product < 1e-200 {
			loss -= math.Log(product)
			product = 1
		}
	}
	return loss - math.Log(product)
}

// calibrate chooses the temperature by the likelihood of the labels.
func (r *reference) calibrate(ctx context.Context) {
	best, chosen := math.Inf(1), 1.0
	var d distribution
	all := make([]distribution, 0, r.problem.Samples())
	for i := range r.problem.Samples() {
		if ctx.Err() != nil {
			return
		}
		r.mean(&d, i)
		all = append(all, d.clone())
	}
	for _, t := range temperatures() {
		if ctx.Err() != nil {
			return
		}
		loss := 0.0
		for i, label := range r.problem.labels {
			d = all[i].clone()
			d.temper(t, r.problem.classes)
			loss -= math.Log(d.of(label))
		}
		if loss < best {
			best, chosen = loss, t
		}
	}
	r.temperature = chosen
}

// A distribution is how likely each class is: the classes listed, and each of the others.
type distribution struct {
	classes []uint16
	shares  []float64
	other   float64
}

func (d *distribution) clone() distribution {
	return distribution{append([]uint16(nil), d.classes...), append([]float64(nil), d.shares...), d.other}
}

// of returns how likely a class is.
func (d *distribution) of(class uint16) float64 {
	for j, c := range d.classes {
		if c == class {
			return d.shares[j]
		}
	}
	return d.other
}

// temper raises all shares to the power 1/t and scales them to a sum of 1.
func (d *distribution) temper(t float64, classes int) {
	d.other = math.Pow(d.other, 1/t)
	sum := d.other * float64(classes-len(d.shares))
	for j, s := range d.shares {
		d.shares[j] = math.Pow(s, 1/t)
		sum += d.shares[j]
	}
	if sum == 0 {
		return // of a damaged list
	}
	d.other /= sum
	for j := range d.shares {
		d.shares[j] /= sum
	}
}

// mean makes d the mean of the members' outputs on sample i.
func (r *reference) mean(d *distribution, i int) {
	d.classes, d.shares, d.other = d.classes[:0], d.shares[:0], 0
	n := float64(len(r.members))
	for _, m := range r.members {
		lists := &r.problem.models[m].Lists
		for _, c := range lists.Classes[i*lists.K : (i+1)*lists.K] {
			if int(c) < r.problem.classes && d.place(c) < 0 {
				d.classes = append(d.classes, c)
			}
		}
	}
	for _, c := range d.classes {
		sum := uint64(0)
		for _, m := range r.members {
			sum += uint64(classValue(&r.problem.models[m].Lists, i, c))
		}
		d.shares = append(d.shares, float64(sum)/kernel.One/n)
	}
	for _, m := range r.members {
		d.other += share(r.problem.models[m].Lists.Tail[i]) / n
	}
	uniform := floor / float64(r.problem.classes)
	for j := range d.shares {
		d.shares[j] = d.shares[j]*(1-floor) + uniform
	}
	d.other = d.other*(1-floor) + uniform
}

func (d *distribution) place(class uint16) int {
	for j, c := range d.classes {
		if c == class {
			return j
		}
	}
	return -1
}

// likely makes d how likely each class is the label of sample i.
func (r *reference) likely(d *distribution, i int) {
	r.mean(d, i)
	d.temper(r.temperature, r.problem.classes)
}

// trustedModels is the most models that a reference is checked with.
const trustedModels = 16

// trusted returns the share of a label that may be replaced for how well the reference
// predicts the models' accuracies: s²/(s²+t²), with s² the variance of a difference of two
// accuracies counted on the samples and t² that of the difference predicted from the true
// one, both means over pairs of models. If ctx ends it is of no use.
func (r *reference) trusted(ctx context.Context) float64 {
	p := r.problem
	models := p.stairs(trustedModels)
	n := p.Samples()
	counted, wrong := make([][]float64, len(models)), make([][]float64, len(models))
	for k := range models {
		counted[k], wrong[k] = make([]float64, n), make([]float64, n)
	}
	var d distribution
	for i, label := range p.labels {
		if ctx.Err() != nil {
			break
		}
		r.likely(&d, i)
		for k, m := range models {
			answer := p.models[m].Lists.TopClass[i]
			if answer == label {
				counted[k][i] = 1
			}
			wrong[k][i] = counted[k][i] - d.of(answer)
		}
	}
	s, t := 0.0, 0.0
	for j := range models {
		for k := range j {
			_, variance := differ(counted[j], counted[k])
			mean, luck := differ(wrong[j], wrong[k])
			s += variance / float64(n)
			t += mean*mean - luck/float64(n)
		}
	}
	if s == 0 {
		return 1
	}
	return s / (s + max(0, t))
}

// differ returns mean and variance of the differences of pairs.
func differ(a, b []float64) (mean, variance float64) {
	n := float64(len(a))
	squares := 0.0
	for i := range a {
		x := a[i] - b[i]
		mean += x / n
		squares += x * x / n
	}
	return mean, squares - mean*mean
}
