package ingest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/ingest/dataset"
)

// earlierShare is a split of the zoo that an earlier run made of a data set.
type earlierShare struct {
	name     string
	ids      []string
	fraction float64
}

// nameShares says with which options a share of a data set can be drawn beside those that
// earlier runs drew: all of them in one command, with the fractions that give the same images
// again.
func (r *runner) nameShares(s *split, whole *dataset.Set, earlier []earlierShare) string {
	const most = 3 // of which all orders are tried
	mine, total := 0.0, 0.0
	for _, d := range r.o.Data {
		if d.Split == s.name {
			mine = d.Share
		}
	}
	for i := range earlier {
		earlier[i].fraction = shortFraction(len(earlier[i].ids), whole.Len())
		total += earlier[i].fraction
	}
	another := "for other shares, draw all anew in one command, into another folder with --zoo"
	switch {
	case total+mine > 1+1e-9 && total > 1-1e-9:
		return "these have all of its images: for others, name another data set"
	case total+mine > 1+1e-9:
		return fmt.Sprintf("these have %.6g of its images, so that a share of %v is more than is left; %s", total, mine, another)
	case len(earlier) > most:
		return another
	}
	// A smaller share than what is left may change the others.
	left := math.Round((1-total)*1e6) / 1e6
	for _, share := range slices.Compact([]float64{mine, left}) {
		options := r.drawnAgain(s, whole, earlier, share)
		switch {
		case options != "" && share == mine:
			return "name all of them in one command, in this order: " + options
		case options != "":
			return fmt.Sprintf("only what is left, %v, can be drawn beside them, if all are named in one command, in this order: %s; %s", left, options, another)
		}
	}
	return fmt.Sprintf("seed %d does not draw these again: with that of the earlier run, and its shares first and in its order, one command draws all; else %s", r.o.Seed, another)
}

// drawnAgain returns the options that draw earlier shares of a data set again, and one more;
// "" if no order of them does.
func (r *runner) drawnAgain(s *split, whole *dataset.Set, earlier []earlierShare, more float64) string {
	for _, order := range orders(len(earlier)) {
		var fractions []float64
		var options []string
		for _, i := range order {
			fractions = append(fractions, earlier[i].fraction)
			options = append(options, fmt.Sprintf("--data %s=%s:%v", earlier[i].name, s.Path, earlier[i].fraction))
		}
		fractions = append(fractions, more)
		options = append(options, fmt.Sprintf("--data %s=%s:%v", s.name, s.Path, more))
		same := true
		for which, i := range order {
			share, err := whole.Share(r.o.Seed, fractions, which)
			same = same && err == nil && slices.Equal(share.IDs, earlier[i].ids)
		}
		if same {
			return fmt.Sprintf("%s --seed %d", strings.Join(options, " "), r.o.Seed)
		}
	}
	return ""
}

// shortFraction is the shortest fraction of which a share of a set of all images has so many.
func shortFraction(images, all int) float64 {
	exact := float64(images) / float64(all)
	for digits := 1; digits < 5; digits++ {
		f, _ := strconv.ParseFloat(strconv.FormatFloat(exact, 'f', digits, 64), 64)
		if f > 0 && math.Abs(f*float64(all)-float64(images)) < 1 {
			return f
		}
	}
	return exact
}

// orders are the orders of 0..n-1, their own first.
func orders(n int) (all [][]int) {
	if n == 0 {
		return [][]int{nil}
	}
	for at := n - 1; at >= 0; at-- {
		for _, order := range orders(n - 1) {
			all = append(all, slices.Insert(order, at, n-1))
		}
	}
	return all
}

// checkShares refuses a share with images of another split that an earlier run made of the
// same data set, and one beside which that split would get other images: shares have no image
// in common only if one command draws them.
func (r *runner) checkShares() error {
	if r.zoo == nil {
		return nil
	}
	for _, s := range r.splits {
		if _, err := r.zoo.Split(s.name); err == nil || s.whole == nil {
			continue
		}
		earlier, err := r.earlierShares(s)
		if err != nil {
			return err
		}
		for _, e := range earlier {
			if what := r.overlap(s, e); what != "" {
				return fmt.Errorf("data set %s: %s; %s", s.Path, what, r.nameShares(s, s.whole.Relabel(s.class), earlier))
			}
		}
	}
	return nil
}

// overlap says what a share has to do with an earlier one of its data set; "" if they have no
// image in common, and the earlier one would get the same images again.
func (r *runner) overlap(s *split, e earlierShare) string {
	for _, t := range r.splits {
		if t.name != e.name || t.whole == nil || !sameFolder(t.Path, s.Path) {
			continue
		}
		if slices.Equal(t.IDs, e.ids) {
			return ""
		}
		return fmt.Sprintf("the share for split %s goes with another one for split %s than it has already", s.name, e.name)
	}
	mine := map[string]bool{}
	for _, id := range s.IDs {
		mine[id] = true
	}
	common := 0
	for _, id := range e.ids {
		if mine[id] {
			common++
		}
	}
	if common == 0 {
		return ""
	}
	return fmt.Sprintf("%d images of the share for split %s are in split %s already", common, s.name, e.name)
}

// earlierShares are the splits of the zoo that are of images of the data set of a share, the
// largest first.
func (r *runner) earlierShares(s *split) (earlier []earlierShare, err error) {
	whole := s.whole.Relabel(s.class)
	for _, other := range r.zoo.Splits() {
		ids, err := r.zoo.IDs(other.Name)
		if err != nil {
			return nil, err
		}
		if set := whole.Select(ids); set != nil && r.ranOn(other.Name, set.Fingerprint()) {
			earlier = append(earlier, earlierShare{name: other.Name, ids: ids})
		}
	}
	slices.SortStableFunc(earlier, func(a, b earlierShare) int { return cmp.Compare(len(b.ids), len(a.ids)) })
	return earlier, nil
}
