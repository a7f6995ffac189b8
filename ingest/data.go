package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A split is an open data set.
type split struct {
	*dataset.Set              // with the zoo's class numbers
	given        *dataset.Set // as it was opened, cut down to the images to run
	whole        *dataset.Set // what it is a share of, nil if it is all
	class        []uint16     // the zoo's class of each of theirs; nil if they are equal
	name         string
	fingerprint  string
	stored       zoo.Split // in the zoo
}

// addTo adds the split to a zoo.
func (s *split) addTo(w *zoo.Writer, z *zoo.Zoo) (err error) {
	if s.Labels == nil {
		err = w.AddUnlabelled(s.name, s.Len(), s.IDs)
	} else {
		err = w.AddSplit(s.name, s.Labels, s.IDs)
	}
	if err != nil {
		return err
	}
	s.stored, err = z.Split(s.name)
	return err
}

// gone is the error of a split that is not in the zoo any more as it was added: rows of
// other samples must not be taken for its own.
func (s *split) gone(z *zoo.Zoo) error {
	if now, err := z.Split(s.name); err != nil || now != s.stored {
		return fmt.Errorf("split %s was removed from the zoo or replaced while the model ran; run it again", s.name)
	}
	return nil
}

// images counts those of several splits.
func images(splits []*split) (n int64) {
	for _, s := range splits {
		n += int64(s.Len())
	}
	return n
}

// openSplit opens the data of a split.
func (r *runner) openSplit(d Data) (*split, error) {
	open := dataset.Open
	if d.Unlabelled {
		open = dataset.OpenUnlabelled
	}
	if d.Share != 0 && r.o.Group != "" && !d.Unlabelled {
		open = func(path string) (*dataset.Set, error) { return dataset.OpenGrouped(path, r.o.Group) }
	}
	set, err := open(d.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w%s", err, NearPath(d.Path))
	}
	if err != nil {
		return nil, err
	}
	s := &split{given: set, name: d.Split}
	if d.Share != 0 {
		s.whole = set
		if s.given, err = r.share(d, set); err != nil {
			set.Close()
			return nil, err
		}
	}
	s.given = s.given.Sample(r.o.Limit)
	s.Set = s.given
	return s, nil
}

// checkData checks all that can be checked of the data before the first model is made
// ready.
func (r *runner) checkData(ctx context.Context) error {
	seen := map[string]bool{}
	for _, s := range r.splits {
		for _, note := range s.given.Notes {
			if note = fmt.Sprintf("data set %s: %s", s.given.Path, note); !seen[note] {
				r.log("%s", note)
			}
			seen[note] = true
		}
	}
	r.o.Classes = cmp.Or(r.o.Classes, len(r.o.ClassNames))
	classes, own := r.countClasses(0), []string(nil)
	if r.zoo != nil {
		classes, own = r.zoo.Classes(), r.zoo.ClassNames()
	}
	if classes != 0 {
		if _, _, err := r.settle(classes, own, nil); err != nil && !r.mayBeNamed(err) {
			return err
		}
	}
	if err := r.checkShares(); err != nil {
		return err
	}
	if err := r.checkImages(ctx); err != nil {
		return err
	}
	r.images = images(r.splits)
	return nil
}

// share returns the share of a data set that becomes a split, which depends on all shares
// of that data set.
func (r *runner) share(d Data, whole *dataset.Set) (*dataset.Set, error) {
	if whole.Labels == nil {
		return nil, fmt.Errorf("data set %s has no labels to draw shares by", d.Path)
	}
	var fractions []float64
	which := 0
	for _, other := range r.o.Data {
		switch {
		case !sameFolder(other.Path, d.Path):
			continue
		case other.Share == 0:
			return nil, fmt.Errorf("data set %s: split %s takes all of it, and split %s a share; give each a share", d.Path, other.Split, d.Split)
		case other.Split == d.Split:
			which = len(fractions)
		}
		fractions = append(fractions, other.Share)
	}
	share, err := whole.Share(r.o.Seed, fractions, which)
	if err != nil {
		return nil, fmt.Errorf("data set %s: %w", d.Path, err)
	}
	return share, nil
}

// sameFolder reports whether two paths lead to the same place.
func sameFolder(a, b string) bool {
	full := func(path string) string {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		return path
	}
	return a == b || full(a) == full(b)
}

// ranOn reports whether a model of the zoo was run on exactly these images.
func (r *runner) ranOn(split, fingerprint string) bool {
	for _, m := range r.zoo.Models() {
		if m.Columns[zoo.ColumnDataPrefix+split] == fingerprint {
			return true
		}
	}
	return false
}

// checkImages decodes all images that are not in the zoo yet, before the first model
// runs. Broken ones are an error that lists them, or with SkipBroken are dropped for good.
func (r *runner) checkImages(ctx context.Context) error {
	var problems []error
	which, all, before := make([][]int, len(r.splits)), 0, 0
	for i, s := range r.splits {
		var err error
		if which[i], err = r.unchecked(s); err != nil {
			return err
		}
		all += len(which[i])
	}
	for i, s := range r.splits {
		broken, err := s.Check(ctx, which[i], r.o.Workers, func(n int) {
			if r.o.Progress != nil {
				r.o.Progress(Progress{Split: s.name, Images: n, Of: len(which[i]), Done: int64(before + n), Total: int64(all)})
			}
		})
		before += len(which[i])
		switch {
		case err != nil:
			return err
		case len(broken) == 0:
		case !r.o.SkipBroken:
			problems = append(problems, fmt.Errorf("data set %s: %d of %d images cannot be read; mend or remove them, or leave them out for good with --skip-broken:\n%s",
				s.Path, len(broken), s.Len(), listBroken(s.Set, broken)))
		case len(broken) == s.Len():
			return fmt.Errorf("data set %s: none of its %d images can be read:\n%s", s.Path, s.Len(), listBroken(s.Set, broken))
		default:
			r.log("data set %s: left out %d of %d images, which cannot be read: %s", s.Path, len(broken), s.Len(), strings.Join(nameBroken(s.Set, broken), "; "))
			s.given = s.given.Without(broken)
			s.Set = s.Set.Without(broken)
			s.fingerprint = s.Fingerprint()
		}
	}
	return errors.Join(problems...)
}

// unchecked returns the images of a split that the zoo does not have in it: the others
// were read before they came into it.
func (r *runner) unchecked(s *split) (which []int, err error) {
	known := map[string]bool{}
	if r.zoo != nil {
		ids, err := r.zoo.IDs(s.name)
		if err != nil && !errors.Is(err, zoo.ErrNoSplit) {
			return nil, err
		}
		for _, id := range ids {
			known[id] = true
		}
	}
	for i, id := range s.IDs {
		if !known[id] {
			which = append(which, i)
		}
	}
	return which, nil
}

// listBroken lists the first of the broken images, a line each.
func listBroken(set *dataset.Set, broken []dataset.Broken) string {
	return "  " + strings.Join(nameBroken(set, broken), "\n  ")
}

// nameBroken names the first of the broken images and what is wrong with each.
func nameBroken(set *dataset.Set, broken []dataset.Broken) (texts []string) {
	const most = 10
	for _, b := range broken[:min(most, len(broken))] {
		texts = append(texts, fmt.Sprintf("%s: %v", set.IDs[b.Image], b.Reason))
	}
	if more := len(broken) - most; more > 0 {
		texts = append(texts, fmt.Sprintf("... and %d more", more))
	}
	return texts
}
