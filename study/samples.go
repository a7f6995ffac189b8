package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// Whether two splits have samples in common, ids alone do not tell: without ids of its own
// a sample has the number of its row, and files in two folders often have the same names.
// Nor do labels, which are often sorted. So samples with the same id and label are compared
// by the models' outputs, if the zoo has these; and any samples with the same label whose
// outputs are equal are the same, whatever their ids are and in whatever order they come.

// Overlap is samples that two splits have in common.
type Overlap struct {
	Splits  [2]string `json:"splits"`
	Sizes   [2]int    `json:"sizes"`   // their samples
	Samples int       `json:"samples"` // that are in both
}

// All reports whether all samples of the second split are in the first.
func (o *Overlap) All() bool { return o.Samples == o.Sizes[1] }

// String says so in one sentence.
func (o *Overlap) String() string {
	switch {
	case o.All() && o.Samples == o.Sizes[0]:
		return fmt.Sprintf("the splits %s and %s have the same samples", o.Splits[0], o.Splits[1])
	case o.All():
		return fmt.Sprintf("all %d samples of the split %s are the same samples as in %s", o.Samples, o.Splits[1], o.Splits[0])
	}
	return fmt.Sprintf("%d of the %d samples of the split %s are the same samples as in %s", o.Samples, o.Sizes[1], o.Splits[1], o.Splits[0])
}

// overlap returns which samples two splits have in common, nil if none. Doubtful is
// how many have the same id and label, but other outputs: of a few models that were run
// twice, or other samples with the same names.
func overlap(ctx context.Context, z *zoo.Zoo, a, b zoo.Split) (shared *Overlap, doubtful int, err error) {
	first, err := readSamples(z, a)
	if err != nil {
		return nil, 0, err
	}
	second, err := readSamples(z, b)
	if err != nil {
		return nil, 0, err
	}
	kind, err := digest(ctx, z, first, second)
	if err != nil {
		return nil, 0, err
	}
	count, doubtful := first.sameIDs(second, kind)
	if kind == byOutputs {
		count = max(count, first.sameOutputs(second))
	}
	if count == 0 {
		return nil, doubtful, nil
	}
	return &Overlap{[2]string{a.Name, b.Name}, [2]int{a.Samples, b.Samples}, count}, 0, nil
}

// samples are those of a split.
type samples struct {
	split   zoo.Split
	labels  []uint16 // nil if there are none
	ids     []string
	digests []uint64 // of what models give on each
	told    []bool   // a model is not entirely sure: few other samples have the same outputs
}

func readSamples(z *zoo.Zoo, split zoo.Split) (s *samples, err error) {
	s = &samples{split: split, digests: make([]uint64, split.Samples), told: make([]bool, split.Samples)}
	if split.Unlabelled {
		s.ids, err = z.IDs(split.Name)
	} else {
		s.labels, s.ids, err = z.Labels(split.Name)
	}
	return s, err
}

// sameLabel reports whether a sample of s and one of o may have the same label.
func (s *samples) sameLabel(o *samples, i, j int) bool {
	return s.labels == nil || o.labels == nil || s.labels[i] == o.labels[j]
}

// What samples are compared by, beside ids and labels.
type comparedBy int

const (
	byNothing comparedBy = iota
	byAnswers            // of models that give nothing else: many samples have the same
	byOutputs
)

// digestModels is the number of models whose outputs are compared at most.
const digestModels = 4

// digest fills in what a few models give on the samples of two splits: models of which most
// is stored, as samples on which a model is entirely sure look alike. If lists are all that was
// kept of one on either split, they are what is compared. Of models that give answers only it
// takes all.
func digest(ctx context.Context, z *zoo.Zoo, a, b *samples) (comparedBy, error) {
	var full, answers []zoo.Model
	for _, m := range z.Models() {
		_, ok := m.Splits[a.split.Name]
		_, both := m.Splits[b.split.Name]
		switch {
		case !ok || !both:
		case m.Answers:
			answers = append(answers, m)
		default:
			full = append(full, m)
		}
	}
	kind, models := byOutputs, full
	if len(full) == 0 {
		kind, models = byAnswers, answers
	}
	if len(models) == 0 {
		return byNothing, nil
	}
	if kind == byOutputs {
		slices.SortStableFunc(models, func(x, y zoo.Model) int {
			return cmp.Compare(y.Splits[a.split.Name].Bytes, x.Splits[a.split.Name].Bytes)
		})
		models = models[:min(len(models), digestModels)]
	}
	seed := maphash.MakeSeed()
	for _, m := range models {
		lists := cutShort(z, m, a.split.Name) || cutShort(z, m, b.split.Name)
		for _, s := range []*samples{a, b} {
			if err := s.add(ctx, z, m.Name, lists, seed); err != nil {
				return kind, err
			}
		}
		if kind == byOutputs && a.alike()+a.untold()+b.alike()+b.untold() <= (len(a.ids)+len(b.ids))/100 {
			break // the samples are told apart
		}
	}
	return kind, nil
}

// certain is the probability 1 as float16 bits.
const certain = 0x3C00

// add adds what a model gives on the samples, or what lists tell of it.
func (s *samples) add(ctx context.Context, z *zoo.Zoo, model string, lists bool, seed maphash.Seed) error {
	r, err := openRows(z, model, s.split.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	if lists {
		r = &listedRows{r, z.Classes()}
	}
	classes := z.Classes()
	block := make([]uint16, max(1, 65536/classes)*classes)
	var h maphash.Hash
	h.SetSeed(seed)
	for done := 0; done < len(s.digests); {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.ReadRows(block)
		for i := range min(n, len(s.digests)-done) {
			h.Reset()
			maphash.WriteComparable(&h, s.digests[done])
			sure := false
			for _, v := range block[i*classes : (i+1)*classes] {
				h.WriteByte(byte(v))
				h.WriteByte(byte(v >> 8))
				sure = sure || v == certain
			}
			s.told[done] = s.told[done] || !sure
			s.digests[done] = h.Sum64()
			done++
		}
		switch {
		case done == len(s.digests):
		case errors.Is(err, io.EOF) || err == nil && n == 0:
			return fmt.Errorf("%q has %d outputs on the split %s, which has %d samples", model, done, s.split.Name, len(s.digests))
		case err != nil:
			return err
		}
	}
	return nil
}

// places returns the samples that their outputs tell by their digests, and alike how many of
// them are not the only one of theirs; untold is the number of the others.
func (s *samples) places() map[uint64][]int {
	places := make(map[uint64][]int, len(s.digests))
	for i, d := range s.digests {
		if s.told[i] {
			places[d] = append(places[d], i)
		}
	}
	return places
}

func (s *samples) untold() (untold int) {
	for _, told := range s.told {
		if !told {
			untold++
		}
	}
	return untold
}

func (s *samples) alike() (alike int) {
	for places := range maps.Values(s.places()) {
		if len(places) > 1 {
			alike += len(places)
		}
	}
	return alike
}

// sameOutputs returns how many samples of s and o have the same label and outputs that no
// other sample of their split has. Chance must not explain them, nor a few pictures that a
// set of data has twice: they must be several times as many as samples that look alike
// within a split.
func (s *samples) sameOutputs(o *samples) int {
	const few, times = 2, 4
	there, same := o.places(), 0
	for d, here := range s.places() {
		if places := there[d]; len(here) == 1 && len(places) == 1 && s.sameLabel(o, here[0], places[0]) {
			same++
		}
	}
	if same <= few+times*(s.alike()+o.alike()) && same < min(len(s.ids), len(o.ids))/2 {
		return 0
	}
	// Samples on which the models are entirely sure cannot be counted: if all others, which
	// are most, are the same, these are.
	if told := len(o.ids) - o.untold(); same == told && 2*told >= len(o.ids) {
		return len(o.ids)
	}
	return same
}

// sameIDs returns how many samples of s and o have the same id and label and, as far as can
// be compared, the same outputs; doubtful is how many have other ones.
func (s *samples) sameIDs(o *samples, kind comparedBy) (same, doubtful int) {
	there := make(map[string]int, len(o.ids))
	for j, id := range o.ids {
		there[id] = j
	}
	ids, told, equal := 0, 0, 0
	all := true // pairs have the same digest
	for i, id := range s.ids {
		j, ok := there[id]
		if !ok {
			continue
		}
		ids++
		if s.sameLabel(o, i, j) {
			same++
			all = all && s.digests[i] == o.digests[j]
			if s.told[i] || o.told[j] {
				told++
				if s.digests[i] == o.digests[j] {
					equal++
				}
			}
		}
	}
	numbers := numbered(s.ids) || numbered(o.ids)
	switch {
	case same == 0:
		return 0, 0
	case kind == byOutputs && told > 0 && 2*equal >= told:
		return same, 0
	case kind == byOutputs && told > 0 && numbers:
		return 0, 0 // the rows of two tables
	case kind == byOutputs && told > 0:
		return 0, same
	case kind != byNothing && !all:
		return 0, 0
	case !numbers:
		return same, 0
	// The labels must say it, more clearly than by chance.
	case s.labels != nil && o.labels != nil && same == ids && float64(ids)*math.Log(s.chance(o)) < math.Log(1e-6):
		return same, 0
	}
	return 0, 0
}

// numbered reports whether all ids are numbers, as those of samples that have none are.
func numbered(ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool {
		_, err := strconv.ParseUint(id, 10, 64)
		return err != nil
	})
}

// chance returns the share of pairs of a sample of s and one of o that have the same label.
func (s *samples) chance(o *samples) (share float64) {
	count := map[uint16]float64{}
	for _, label := range s.labels {
		count[label]++
	}
	for _, label := range o.labels {
		share += count[label] / float64(len(s.labels)) / float64(len(o.labels))
	}
	return share
}

// searchedAgain returns what a split of the zoo has in common with the samples of a front,
// nil if nothing. w is warned if that cannot be told.
func searchedAgain(ctx context.Context, z *zoo.Zoo, searched front.Split, on zoo.Split, w Watch) (*Overlap, error) {
	here, err := z.Split(searched.Name)
	known := err == nil && here.Fingerprint == searched.Fingerprint
	switch {
	case on.Fingerprint == searched.Fingerprint && (!known || on.Name == searched.Name):
		return &Overlap{[2]string{searched.Name, on.Name}, [2]int{searched.Samples, on.Samples}, on.Samples}, nil
	case !known:
		return nil, nil // the zoo does not have the samples of the front
	}
	shared, doubtful, err := overlap(ctx, z, here, on)
	switch {
	case ctx.Err() != nil:
		return nil, err
	case err != nil: // what is damaged may not be needed
		w.warn("it is not known whether the splits %s and %s have samples in common: %v", here.Name, on.Name, err)
	case doubtful > 0:
		w.warn("%d samples have the same id and label on the splits %s and %s, but other outputs: if they are the same samples, nothing on %s is new to the search",
			doubtful, here.Name, on.Name, on.Name)
	}
	return shared, nil
}

// unseenSplit returns the name of a split with labels to check a front on that has no
// samples of the one searched, test if that is one; "" if there is none. w is warned of
// splits passed over.
func unseenSplit(ctx context.Context, z *zoo.Zoo, searched zoo.Split, w Watch) (string, error) {
	splits := z.Splits()
	slices.SortStableFunc(splits, func(a, b zoo.Split) int { return testFirst(a) - testFirst(b) })
	for _, s := range splits {
		if s.Name == searched.Name || s.Unlabelled {
			continue
		}
		shared, err := searchedAgain(ctx, z, describeSplit(searched), s, w)
		if err != nil || shared == nil {
			return s.Name, err
		}
		w.warn("%v: %s is not used to check the front", shared, s.Name)
	}
	return "", nil
}

// testSplit is the name of the split that fronts are checked on by default.
const testSplit = "test"

func testFirst(s zoo.Split) int {
	if s.Name == testSplit {
		return 0
	}
	return 1
}

// overlaps returns what the splits of a zoo have in common, pair by pair.
func overlaps(ctx context.Context, z *zoo.Zoo) ([]Overlap, error) {
	all := []Overlap{}
	splits := z.Splits()
	for i, a := range splits {
		for _, b := range splits[i+1:] {
			shared, err := searchedAgain(ctx, z, describeSplit(a), b, Watch{})
			if err != nil {
				return nil, err
			}
			if shared != nil {
				all = append(all, *shared)
			}
		}
	}
	return all, nil
}
