package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/infer/imaging/turbojpeg"
	"github.com/encas-zoo/encas-zoo/internal/crash"
)

// A Broken image cannot be read.
type Broken struct {
	Image  int // of the set
	Reason error
}

// A sharedFault is the error of a part of a file that holds many images: it is not known
// which of them are broken.
type sharedFault struct{ error }

// ownFault reports whether an error is the fault of an image, and not of its
// surroundings: then a set without the image is whole.
func ownFault(err error) bool {
	var shared sharedFault
	var system *fs.PathError
	switch {
	case errors.Is(err, turbojpeg.ErrMissing), errors.As(err, &shared):
		return false
	case errors.As(err, &system): // neither of these is a disk that fails
		return errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)
	}
	return true
}

// Check decodes those images of the set that which gives the numbers of, on several
// workers, in the order of the set's files, and returns the broken ones in their order. It calls progress with the number of
// images begun, if it is not nil. The error is for what is no fault of an image.
func (s *Set) Check(ctx context.Context, which []int, workers int, progress func(n int)) (broken []Broken, err error) {
	// A row group of a Parquet file is read once, however the set was drawn from it.
	which = slices.SortedFunc(slices.Values(which), func(i, j int) int { return cmp.Compare(s.at(i), s.at(j)) })
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	images := make(chan int)
	var mu sync.Mutex
	var running sync.WaitGroup
	for range min(workers, len(which)) {
		running.Go(func() {
			defer crash.Guard()()
			r := s.NewReader()
			defer r.Close()
			for i := range images {
				_, err := s.source.image(s.at(i), r)
				switch {
				case err == nil:
				case !ownFault(err):
					cancel(fmt.Errorf("data set %s: image %s: %w", s.Path, s.IDs[i], err))
				default:
					mu.Lock()
					broken = append(broken, Broken{i, err})
					mu.Unlock()
				}
			}
		})
	}
feed:
	for n, i := range which {
		select {
		case images <- i:
			if progress != nil {
				progress(n + 1)
			}
		case <-ctx.Done():
			break feed
		}
	}
	close(images)
	running.Wait()
	slices.SortFunc(broken, func(a, b Broken) int { return cmp.Compare(a.Image, b.Image) })
	return broken, context.Cause(ctx)
}

// Without returns the set without some of its images. It shares the set's files: only one
// of the two is to be closed.
func (s *Set) Without(broken []Broken) *Set {
	drop := map[int]bool{}
	for _, b := range broken {
		drop[b.Image] = true
	}
	var kept []int
	for i := range s.Len() {
		if !drop[i] {
			kept = append(kept, i)
		}
	}
	return s.pick(len(kept), func(i int) int { return kept[i] })
}
