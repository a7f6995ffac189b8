package optimize

import (
	"cmp"
	"fmt"
	"slices"
)

// mustOffer panics unless an offer to an archive fits together: every sample reaches the
// first stage, and no stage is reached by more than the one before.
func (a *archive) mustOffer(correct int, p plan, reach []int) {
	samples := a.samples()
	must(correct >= 0 && correct <= samples, "%d correct answers of %d", correct, samples)
	must(len(p.members) > 0 && len(p.exits) == len(p.members)-1 && len(reach) == len(p.members),
		"%d members, %d thresholds, %d numbers of samples", len(p.members), len(p.exits), len(reach))
	must(p.evaluable(), "weights of %+v", p)
	falls := slices.IsSortedFunc(reach, func(a, b int) int { return cmp.Compare(b, a) })
	must(falls && reach[0] == samples && reach[len(reach)-1] >= 0, "%v of %d samples reach the stages", reach, samples)
}

// mustHold panics unless all that an archive holds is within its limits and in canonical
// form.
func (a *archive) mustHold() {
	for score, p := range a.plans() {
		must(score >= a.limits.correct && a.totals[score] >= 0 && a.totals[score] <= a.limits.total && a.limits.within(p), "%+v is beyond the limits", p)
		must(a.isCanonical(p), "%+v is not in canonical form", p)
	}
}

func must(ok bool, format string, args ...any) {
	if !ok {
		panic("invariant: " + fmt.Sprintf(format, args...))
	}
}
