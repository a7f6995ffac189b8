package front

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The names of cascades that a [Pick] takes.
const (
	PickBest         = "best"          // the one that is named first, see [Front.First]
	PickMostAccurate = "most-accurate" // whatever it costs
	PickCheapest     = "cheapest"      // however accurate it is
)

// PickNames returns the names of cascades that a [Pick] takes.
func PickNames() []string { return []string{PickBest, PickMostAccurate, PickCheapest} }

// A Pick says which cascade of a front is meant, by one of its fields; the others are zero.
// Accuracies are the expected ones if they are known.
type Pick struct {
	Name        string  // one of PickNames, or the number of a cascade, from 0
	Within      float64 // the most accurate cascade that costs at most so much on average
	MinAccuracy float64 // the cheapest cascade that is at least so accurate, 0 to 1
}

// Of returns the number of the cascade in a front, which was searched within limits.
func (p Pick) Of(f *Front, l Limits) (int, error) {
	switch {
	case len(f.Points) == 0:
		return 0, errors.New("the front is empty")
	case p.Within > 0:
		if i := BestWithin(f.Points, p.Within); i >= 0 {
			return i, nil
		}
		return 0, fmt.Errorf("no cascade costs at most %g %s: the cheapest costs %.4g", p.Within, f.Cost, f.Points[0].Cost)
	case p.MinAccuracy > 0:
		if i := CheapestFrom(f.Points, p.MinAccuracy*float64(f.Counted())); i >= 0 {
			return i, nil
		}
		return 0, fmt.Errorf("no cascade is at least %g %% accurate: the most accurate has %s", 100*p.MinAccuracy, f.describe(mostAccurate(f.Points, Limits{})))
	}
	return f.named(p.Name, l)
}

// named returns the number of a cascade by its number or its name.
func (f *Front) named(name string, l Limits) (int, error) {
	switch name {
	case PickBest:
		if first := f.First(l); first >= 0 {
			return first, nil
		}
		return 0, errors.New("every cascade costs more than the limits of the search")
	case PickMostAccurate:
		return mostAccurate(f.Points, Limits{}), nil
	case PickCheapest:
		return BestWithin(f.Points, f.Points[0].Cost), nil
	}
	number, err := strconv.Atoi(name)
	if err != nil {
		return 0, fmt.Errorf("%q is neither the number of a cascade nor one of: %s", name, strings.Join(PickNames(), ", "))
	}
	if number < 0 || number >= len(f.Points) {
		return 0, fmt.Errorf("there is no cascade %d: the front has 0 to %d", number, len(f.Points)-1)
	}
	return number, nil
}

// describe names the accuracy that a choice of a cascade goes by.
func (f *Front) describe(number int) string {
	p := f.Points[number]
	where := "on the samples searched"
	if p.Expected != nil {
		where = "expected on other samples"
	}
	return fmt.Sprintf("%.2f %% %s", 100*p.Likely(), where)
}
