package optimize

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Settings are how a search by evidence ([Options.Evidence]) guards against choosing what
// is only lucky on the samples searched. They follow from these alone.
//
// A cascade wins on the samples searched by what it is worth and by luck; the more there
// are to choose from and the fewer the samples, the more by luck. Three things shift the
// balance. benchmarks/REPORT.md has what they gain on samples that were not searched.
//
//   - Softened labels. A share a of every label is replaced by how likely an ensemble of
//     the models ([reference]) takes each class to be: correct answers are then partly
//     those that are likely to be correct, of which luck is no part. It is a bias, too, so
//     the share shrinks as the samples grow: a = s²/(s²+t²), with s² the variance of a
//     difference of accuracies on n samples, proportional to 1/n, and t² that of the
//     ensemble's error.
//   - A charge for every model beyond the first, in correct answers.
//   - No stage that hardly any sample reaches: its worth cannot have been measured.
type Settings struct {
	Softening float64 // share of every label that is replaced
	Copies    int     // of every sample, with labels that together have these shares
	Charge    float64 // correct answers that every model beyond the first must be worth
	Reach     int     // least samples that reach a stage
}

const (
	// evenSamples is the number of samples at which a label and the reference count alike.
	evenSamples = 2000
	// chargedErrors is the charge as a share of the standard error of a number of correct
	// answers.
	chargedErrors = 0.11
	leastReach    = 5     // samples
	reachShare    = 0.001 // of the samples

	// Bounds on the copies of samples: each, all together, and of all models' lists.
	mostCopies = 8
	copySample = 10_000
	copyLists  = 6_000_000
)

// newSettings returns the settings for a problem.
func newSettings(p *Problem) Settings {
	n := p.Samples()
	s := Settings{
		Copies: max(1, min(mostCopies, copySample/n, copyLists/(n*len(p.models)))),
		Charge: chargedErrors * math.Sqrt(float64(n)*p.typicalError()),
		Reach:  max(leastReach, int(math.Ceil(reachShare*float64(n)))),
	}
	if s.Copies > 1 {
		s.Softening = evenSamples / float64(evenSamples+n)
	}
	return s
}

// typicalError is the error of the best single model within a budget, averaged over
// budgets.
func (p *Problem) typicalError() float64 {
	b := p.budgets()
	singles := make([]scored, len(p.models))
	for m := range p.models {
		singles[m] = scored{p.models[m].Cost, float64(p.Correct(m))}
	}
	return 1 - b.mean(singles)/float64(p.Samples())
}

// soften returns a problem whose samples are copies of p's, some with other labels.
func (s Settings) soften(p *Problem, threads int) *Problem {
	if s.Softening == 0 {
		return p
	}
	r := newReference(p, threads)
	n := p.Samples()
	labels := make([]uint16, n*s.Copies)
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	var d distribution
	samples := make([]int, 0, len(labels))
	for i, label := range p.labels {
		for range s.Copies {
			samples = append(samples, i)
		}
		r.likely(&d, i)
		s.draw(labels[i*s.Copies:][:s.Copies], label, &d, p.classes, rng.Float64())
	}
	softened := p.Subset(samples)
	softened.labels = labels
	return softened
}

// draw labels the copies of a sample: systematic sampling from its softened label, with
// one random number from [0, 1).
func (s Settings) draw(labels []uint16, label uint16, d *distribution, classes int, random float64) {
	kept := 1 - s.Softening + s.Softening*d.of(label)
	for c := range labels {
		left := (float64(c)+random)/float64(len(labels)) - kept
		labels[c] = label
		if left >= 0 {
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
