package front

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Parts says that a front is of some parts of a search alone, and of which. Nothing is proven of
// such a front.
type Parts struct {
	Of         int   `json:"of"`                   // how many the search has, numbered from 0
	Searched   []int `json:"searched"`             // ascending
	Unfinished []int `json:"unfinished,omitempty"` // of these, those that were interrupted, ascending
}

// MaxParts is more parts than any search has use for.
const MaxParts = 1_000_000

// check reports numbers that no parts have.
func (p *Parts) check() error {
	if p == nil {
		return nil
	}
	ascending := func(numbers []int) bool {
		for i, number := range numbers {
			if number < 0 || number >= p.Of || i > 0 && number <= numbers[i-1] {
				return false
			}
		}
		return true
	}
	unknown := func(number int) bool {
		_, found := slices.BinarySearch(p.Searched, number)
		return !found
	}
	if p.Of > MaxParts || len(p.Searched) == 0 || !ascending(p.Searched) || !ascending(p.Unfinished) || slices.ContainsFunc(p.Unfinished, unknown) {
		return errors.New("the parts of the search that it is of are not ascending numbers below their number")
	}
	return nil
}

// String says which parts are missing or not finished.
func (p *Parts) String() string {
	var lacks []string
	missing := p.missing()
	if len(missing) > 0 {
		lacks = append(lacks, fmt.Sprintf("%s of %d %s missing", theParts(missing), p.Of, are(missing)))
	}
	if unfinished := rangesOf(p.Unfinished); len(unfinished) > 0 {
		of := ""
		if len(missing) == 0 {
			of = fmt.Sprintf(" of %d", p.Of)
		}
		lacks = append(lacks, fmt.Sprintf("%s%s %s not finished", theParts(unfinished), of, are(unfinished)))
	}
	if lacks == nil {
		return "the only part is not joined"
	}
	return strings.Join(lacks, " and ")
}

// Caveat says what a front of these parts is not, without the last full stop.
func (p *Parts) Caveat() string {
	what := "Incomplete: " + p.String()
	if len(p.Searched) == 1 {
		what = fmt.Sprintf("Part %d of %d (parts are from 0) of a search", p.Searched[0], p.Of)
		if len(p.Unfinished) > 0 {
			what += ", not finished"
		}
	}
	return what + ": no proof; its cascades are not those of the whole search"
}

// Caveat says what a front is not if its search was stopped, or is of some parts alone; "" if it
// is neither. It has no last full stop.
func (f *Front) Caveat() string {
	switch {
	case f.Parts != nil:
		return f.Parts.Caveat()
	case f.Interrupted && f.Proof != "": // of what it is about there is nothing better
		return "Incomplete: the search was stopped"
	case f.Interrupted:
		return "Incomplete: the search was stopped, so there may be better cascades"
	}
	return ""
}

// missing returns the parts that are not there.
func (p *Parts) missing() (missing [][2]int) {
	next := 0
	for _, number := range append(slices.Clone(p.Searched), p.Of) {
		if number > next {
			missing = append(missing, [2]int{next, number - 1})
		}
		next = number + 1
	}
	return missing
}

// rangesOf returns the ranges of numbers that ascend.
func rangesOf(numbers []int) (ranges [][2]int) {
	for _, number := range numbers {
		if last := len(ranges) - 1; last >= 0 && ranges[last][1] == number-1 {
			ranges[last][1] = number
		} else {
			ranges = append(ranges, [2]int{number, number})
		}
	}
	return ranges
}

// theParts names parts as Slurm does the tasks of an array.
func theParts(ranges [][2]int) string {
	const most = 20 // that anybody reads
	var words []string
	for i, r := range ranges {
		switch {
		case i == most:
			return "parts " + strings.Join(words, ", ") + ", ..."
		case r[0] == r[1]:
			words = append(words, strconv.Itoa(r[0]))
		default:
			words = append(words, fmt.Sprintf("%d-%d", r[0], r[1]))
		}
	}
	if single(ranges) {
		return "part " + words[0]
	}
	return "parts " + strings.Join(words, ", ")
}

func are(ranges [][2]int) string {
	if single(ranges) {
		return "is"
	}
	return "are"
}

func single(ranges [][2]int) bool { return len(ranges) == 1 && ranges[0][0] == ranges[0][1] }
