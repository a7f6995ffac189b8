package importer

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/zoo"
)

// A Cut selects the samples of a source that become a split. Exactly one of From..To,
// Share and Set is used; a Cut with a Split alone takes all samples.
type Cut struct {
	Split    string
	From, To int     // rows From up to, not including, To; To is -1 for the last row and 0 if no range is given
	Share    float64 // a share of all samples, drawn at random
	Set      string  // the set of that name, for sources with splits of their own

	Unlabelled bool // the split gets no labels, whether there are any or not
}

// maxCuts is the number of splits one import can make.
const maxCuts = 250

// ParseSplits reads the texts that say how samples become splits:
//
//	test             all samples (of a source with splits of its own: those of its split test)
//	search=0:5000    rows 0 to 4999; 5000: and :5000 leave an end open
//	search=0.5       half of the samples, drawn at random
//	search=val       the samples of the source's own split val
//
// Ranges may not overlap and shares may not sum to more than 1; the kinds are not
// mixed.
func ParseSplits(texts []string) ([]Cut, error) {
	var cuts []Cut
	for _, text := range texts {
		c, err := parseCut(text)
		if err != nil {
			return nil, fmt.Errorf("split %q: %w", text, err)
		}
		cuts = append(cuts, c)
	}
	if err := checkCuts(cuts); err != nil {
		return nil, err
	}
	return cuts, nil
}

func parseCut(text string) (Cut, error) {
	name, what, ok := strings.Cut(text, "=")
	c := Cut{Split: name}
	if err := zoo.CheckSplitName(name); err != nil {
		return c, err
	}
	if !ok {
		return c, nil
	}
	if from, to, ok := strings.Cut(what, ":"); ok {
		c.To = -1
		var err error
		if from != "" {
			if c.From, err = parseRow(from); err != nil {
				return c, err
			}
		}
		if to != "" {
			if c.To, err = parseRow(to); err != nil {
				return c, err
			}
			if c.To <= c.From {
				return c, fmt.Errorf("the range %s has no rows: the second number is the first row after it", what)
			}
		}
		return c, nil
	}
	if share, err := strconv.ParseFloat(what, 64); err == nil {
		if !(share > 0 && share <= 1) {
			return c, fmt.Errorf("%s is not a share above 0 and up to 1; a range of rows is written as 0:%s", what, what)
		}
		c.Share = share
		return c, nil
	}
	if zoo.CheckSplitName(what) != nil {
		return c, fmt.Errorf("%q is neither a range of rows (0:5000), a share (0.5), nor the name of a split of the source", what)
	}
	c.Set = what
	return c, nil
}

func parseRow(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("%q is not a row number", s)
	}
	return int(n), nil
}

// kind is the kind of a cut: a range, a share, a set or the whole source.
func (c Cut) kind() string {
	switch {
	case c.To != 0:
		return "a range of rows"
	case c.Share != 0:
		return "a share"
	case c.Set != "":
		return "a split of the source"
	default:
		return "a name alone"
	}
}

// checkCuts reports cuts that do not go together, whatever the source.
func checkCuts(cuts []Cut) error {
	if len(cuts) > maxCuts {
		return fmt.Errorf("%d splits: at most %d can be made at once", len(cuts), maxCuts)
	}
	sum := 0.0
	for i, c := range cuts {
		for _, d := range cuts[:i] {
			switch {
			case strings.EqualFold(c.Split, d.Split):
				return fmt.Errorf("the splits %q and %q need different names", d.Split, c.Split)
			case c.kind() != d.kind() && (c.isOfRows() || d.isOfRows()):
				return fmt.Errorf("split %q is %s and split %q is %s: use one kind", d.Split, d.kind(), c.Split, c.kind())
			case c.To != 0 && (d.To < 0 || c.From < d.To) && (c.To < 0 || d.From < c.To):
				return fmt.Errorf("the row ranges of the splits %q and %q overlap: no sample can be in two splits", d.Split, c.Split)
			}
		}
		sum += c.Share
	}
	// Shares such as 0.7, 0.2 and 0.1 may sum to a hair more than 1.
	if sum > 1+1e-9 {
		return fmt.Errorf("the shares sum to %.6g: they may not exceed 1", sum)
	}
	return nil
}

// isOfRows is true for cuts of the rows of a single set.
func (c Cut) isOfRows() bool { return c.To != 0 || c.Share != 0 }

// none marks samples that are in no split.
const none = 255

// A plan assigns every sample to a split.
type plan struct {
	names []string // of the splits
	set   []int    // the set that each split is cut from
	bare  []bool   // splits that get no labels
	// of holds for each set of the source the number of each sample's split, or
	// none; nil for a set that is not imported.
	of [][]uint8
}

// newPlan applies cuts to the sets of a source. Without cuts, a source with splits
// of its own keeps them.
func newPlan(sets []Set, cuts []Cut, seed uint64) (*plan, error) {
	if err := checkCuts(cuts); err != nil {
		return nil, err
	}
	p := &plan{of: make([][]uint8, len(sets))}
	if len(sets) == 1 && sets[0].Name == "" {
		if len(cuts) == 0 {
			return nil, errors.New("which split are these samples? Name it, as in --split search, or cut several: --split search=0.5 --split test=0.5")
		}
		for _, c := range cuts {
			p.names = append(p.names, c.Split)
			p.set = append(p.set, 0)
			p.bare = append(p.bare, c.Unlabelled)
		}
		of, err := cutRows(sets[0].Len(), cuts, seed)
		p.of[0] = of
		return p, err
	}
	if len(cuts) == 0 {
		for _, s := range sets {
			cuts = append(cuts, Cut{Split: s.Name})
		}
	}
	for i, c := range cuts {
		if c.isOfRows() {
			return nil, fmt.Errorf("split %q is %s, but the source has the splits %s of its own: use --split %s, or rename it with --split %s=%s",
				c.Split, c.kind(), setNames(sets), sets[0].Name, c.Split, sets[0].Name)
		}
		name := c.Split
		if c.Set != "" {
			name = c.Set
		}
		k := slices.IndexFunc(sets, func(s Set) bool { return s.Name == name })
		if k < 0 {
			return nil, fmt.Errorf("the source has no split %q: it has %s", name, setNames(sets))
		}
		if p.of[k] != nil {
			return nil, fmt.Errorf("the source's split %q is taken twice", name)
		}
		p.names = append(p.names, c.Split)
		p.set = append(p.set, k)
		p.bare = append(p.bare, c.Unlabelled)
		p.of[k] = slices.Repeat([]uint8{uint8(i)}, sets[k].Len())
	}
	return p, nil
}

// left returns how many samples are in no split, though others of their set are.
func (p *plan) left() (left, all int) {
	for _, of := range p.of {
		for _, number := range of {
			if number == none {
				left++
			}
		}
		all += len(of)
	}
	return left, all
}

// lackLabels returns a split that is to have labels and is of a set without; "" if there is
// none.
func (p *plan) lackLabels(sets []Set) string {
	for i, name := range p.names {
		if !p.bare[i] && sets[p.set[i]].Labels == nil {
			return name
		}
	}
	return ""
}

func setNames(sets []Set) string {
	var names []string
	for _, s := range sets {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

// cutRows returns for each of n rows the number of its cut.
func cutRows(n int, cuts []Cut, seed uint64) ([]uint8, error) {
	of := slices.Repeat([]uint8{none}, n)
	var shuffled []uint32
	if cuts[0].Share != 0 {
		shuffled = shuffle(n, seed)
	}
	sum, drawn := 0.0, 0
	for i, c := range cuts {
		count := 0
		switch {
		case c.Set != "":
			return nil, fmt.Errorf("split %q: the source has no splits of its own, so there is no %q; give a range of rows (0:5000) or a share (0.5)", c.Split, c.Set)
		case c.To != 0:
			to := c.To
			if to < 0 {
				to = n
			}
			if to > n || c.From >= n {
				return nil, fmt.Errorf("split %q takes rows %d to %d, but there are %d samples", c.Split, c.From, to-1, n)
			}
			for r := c.From; r < to; r++ {
				of[r] = uint8(i)
			}
			count = to - c.From
		case c.Share != 0:
			// Rounding the running sum gives shares that sum to 1 all samples.
			sum += c.Share
			end := min(int(sum*float64(n)+0.5), n)
			for _, r := range shuffled[drawn:end] {
				of[r] = uint8(i)
			}
			count, drawn = end-drawn, end
		case len(cuts) > 1:
			return nil, fmt.Errorf("split %q takes all samples, which leaves none for split %q: give ranges of rows (0:5000) or shares (0.5)", c.Split, cuts[1].Split)
		default:
			for r := range of {
				of[r] = uint8(i)
			}
			count = n
		}
		if count == 0 {
			return nil, fmt.Errorf("split %q would have none of the %d samples", c.Split, n)
		}
	}
	return of, nil
}

// shuffle returns a random order of 0..n-1, the same for the same seed on every
// machine and with every version of Go: only the generator is the library's.
func shuffle(n int, seed uint64) []uint32 {
	order := make([]uint32, n)
	for i := range order {
		order[i] = uint32(i)
	}
	pcg := rand.NewPCG(seed, 0)
	for i := n - 1; i > 0; i-- {
		j, _ := bits.Mul64(pcg.Uint64(), uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}
