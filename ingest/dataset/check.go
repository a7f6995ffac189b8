package dataset

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/infer/imaging/turbojpeg"
)

// A Broken image cannot be read.
type Broken struct {
	Image  int // of the set
	Reason error
}

// Check decodes those images of the set that which gives the numbers of, on several
// workers, and returns the broken ones in their order. It calls progress with the number of
// images begun, if it is not nil. The error is for what is no fault of an image.
func (s *Set) Check(ctx context.Context, which []int, workers int, progress func(n int)) (broken []Broken, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	images := make(chan int)
	var mu sync.Mutex
	var running sync.WaitGroup
	for range min(workers, len(which)) {
		running.Go(func() {
			r := s.NewReader()
			defer r.Close()
			for i := range images {
				_, err := s.source.image(s.at(i), r)
				switch {
				case err == nil:
				case errors.Is(err, turbojpeg.ErrMissing):
					cancel(err)
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
