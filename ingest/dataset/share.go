package dataset

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// Share returns one of several shares of a labelled set, of the fraction fractions[which]
// of its images. They are drawn by chance, class by class, from seed and the ids of the
// images alone: the shares of one call's fractions have no image in common, and of each
// class they have as equal parts as its number allows. Images that belong together are in
// one share: see drawGroups. Images stay in the set's order.
// It shares the set's files: only one of the sets is to be closed.
func (s *Set) Share(seed uint64, fractions []float64, which int) (*Set, error) {
	sum := 0.0
	for _, f := range fractions {
		if sum += f; !(f > 0) {
			return nil, fmt.Errorf("a share of %v is not above 0", f)
		}
	}
	if sum > 1+1e-9 {
		return nil, fmt.Errorf("its shares sum to %.6g, which is more than 1", sum)
	}
	// What is in no share is one more.
	quota := append(slices.Clone(fractions), max(1-sum, 0))
	shares := s.draw(seed, quota)
	var mine []int
	for image, share := range shares {
		if share == which {
			mine = append(mine, image)
		}
	}
	if len(mine) == 0 {
		return nil, fmt.Errorf("data set %s: a share of %v of %d images is none", s.Path, fractions[which], s.Len())
	}
	share := s.pick(len(mine), func(i int) int { return mine[i] })
	share.Notes = slices.Clone(s.Notes)
	if s.Groups != nil {
		groups := func(s *Set) int { return len(slices.Compact(slices.Sorted(slices.Values(s.Groups)))) }
		share.note("the share of %v has %d of %d images, those of %d of %d groups", fractions[which], share.Len(), s.Len(), groups(share), groups(s))
	}
	return share, nil
}

// draw gives every image its share of some quotas.
func (s *Set) draw(seed uint64, quota []float64) []int {
	if s.Groups != nil {
		return s.drawGroups(seed, quota)
	}
	shares := make([]int, s.Len())
	given := make([]int, len(quota))
	for position, image := range s.shuffled(seed) {
		// Each image goes to the share that lags most behind its fraction of those before.
		share := 0
		lag := func(k int) float64 { return quota[k]*float64(position+1) - float64(given[k]) }
		for k := range quota {
			if lag(k) > lag(share)+1e-9 {
				share = k
			}
		}
		given[share]++
		shares[image] = share
	}
	return shares
}

// shuffled returns the images class by class, shuffled within each.
func (s *Set) shuffled(seed uint64) []int {
	type drawn struct {
		image  int
		chance [sha256.Size]byte
	}
	images := make([]drawn, s.Len())
	for i, id := range s.IDs {
		images[i] = drawn{i, sha256.Sum256(append(binary.LittleEndian.AppendUint64(nil, seed), id...))}
	}
	slices.SortFunc(images, func(a, b drawn) int {
		return cmp.Or(cmp.Compare(s.Labels[a.image], s.Labels[b.image]), bytes.Compare(a.chance[:], b.chance[:]))
	})
	order := make([]int, len(images))
	for i, d := range images {
		order[i] = d.image
	}
	return order
}
