package optimize

import "math"

// Settings are how a search by evidence ([Options.Evidence]) guards against choosing what
// is only lucky on the samples searched. They follow from these alone.
//
// A cascade wins on the samples searched by what it is worth and by luck; the more there
// are to choose from and the fewer the samples, the more by luck. Four things shift the
// balance; `go run ./benchmarks holdout` measures what they gain on samples that were not
// searched.
//
//   - Softened labels. A share a of every label is replaced by how likely an ensemble of
//     the models ([reference]) takes each class to be: correct answers are then partly
//     those that are likely to be correct, of which luck is no part. It is a bias, too, so
//     the share shrinks as the samples grow: a = s²/(s²+t²), with s² the variance of a
//     difference of accuracies on n samples, proportional to 1/n, and t² that of the
//     ensemble's error, at least as large as the models show it to be.
//   - Shaken confidences: the copies of a sample that softened labels need have outputs at
//     temperatures from 1/e^0.4 to e^0.4, so that a threshold counts with its neighbours.
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
	evenSamples  = 2000
	mostSoftened = 0.9
	// chargedErrors is the charge as a share of the standard error of a number of correct
	// answers.
	chargedErrors = 0.11
	// spread is how far, up and down, the logarithms of the copies' temperatures go.
	spread     = 0.4
	leastReach = 5     // samples
	reachShare = 0.001 // of the samples

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
	if p.classes == 1 {
		s.Copies = 1
	}
	if s.Copies > 1 {
		s.Softening = min(mostSoftened, evenSamples/float64(evenSamples+n))
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
