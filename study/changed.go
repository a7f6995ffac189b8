package study

import (
	"fmt"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// warnIfChanged warns if a front was found in another zoo, or in this one as it was before,
// and says what differs.
func warnIfChanged(z *zoo.Zoo, f *front.Front, w Watch) {
	if f.Zoo == describeZoo(z) {
		return
	}
	w.warn("the run was made with another zoo, or this one has changed since: %s", strings.Join(changedSince(z, f), "; "))
}

// changedSince says how a zoo differs from that of a front, as far as the front says it.
func changedSince(z *zoo.Zoo, f *front.Front) (changes []string) {
	if z.Classes() != f.Zoo.Classes {
		changes = append(changes, fmt.Sprintf("it has %d classes instead of %d", z.Classes(), f.Zoo.Classes))
	}
	switch s, err := z.Split(f.Split.Name); {
	case err != nil:
		changes = append(changes, fmt.Sprintf("it has no split %s", f.Split.Name))
	case s.Samples != f.Split.Samples:
		changes = append(changes, fmt.Sprintf("the split %s has %d samples instead of %d", s.Name, s.Samples, f.Split.Samples))
	case describeSplit(s) != f.Split:
		changes = append(changes, fmt.Sprintf("the split %s has other labels or ids", s.Name))
	}
	var lost, priced, added []string
	searched := map[string]bool{}
	for _, m := range f.Models {
		searched[m.Name] = true
		have, err := z.Model(m.Name)
		if err != nil {
			lost = append(lost, m.Name)
			continue
		}
		if cost, err := have.Cost(f.Cost); err != nil || cost != m.Cost {
			priced = append(priced, m.Name)
		}
	}
	models, _ := z.ModelsOn(f.Split.Name)
	for _, name := range models {
		if !searched[name] {
			added = append(added, name)
		}
	}
	for _, c := range []struct {
		models []string
		says   string
	}{{lost, "models are gone"}, {added, "models were added, or not searched"}, {priced, f.Cost + " is another"}} {
		if len(c.models) > 0 {
			changes = append(changes, fmt.Sprintf("%s (%s)", c.says, zoo.FewNames(c.models)))
		}
	}
	if len(changes) == 0 || len(changes) == 1 && len(added) > 0 {
		changes = append(changes, "predictions, other columns or other splits may differ")
	}
	return slices.Clip(changes)
}
