package ingest

import (
	"context"
	"sync"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/internal/crash"
)

// ahead is the number of batches that are decoded before they are needed, the one
// in use included.
const ahead = 3

// A batch is consecutive images of a data set, decoded and cropped.
type batch struct {
	first, n int
	pixels   []byte

	mu   sync.Mutex
	left int           // images not decoded yet
	bad  int           // the first image that failed
	err  error         // and why
	done chan struct{} // closed when left is 0
}

func (b *batch) finish(i int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && (b.err == nil || i < b.bad) {
		b.bad, b.err = i, err
	}
	if b.left--; b.left == 0 {
		close(b.done)
	}
}

// eachBatch decodes a data set on several workers, ahead of use, and calls use with
// each batch in order. It ends with the first error, of an image or of use, or when
// ctx does; then no worker is left.
func eachBatch(ctx context.Context, set *dataset.Set, p imaging.Preprocessing, size, workers int, use func(*batch) error) error {
	ctx, cancel := context.WithCancel(ctx)
	type job struct {
		b *batch
		i int
	}
	jobs := make(chan job)
	free := make(chan *batch, ahead)
	ready := make(chan *batch, ahead)
	for range min(ahead, (set.Len()+size-1)/size) {
		free <- &batch{pixels: make([]byte, min(size, set.Len())*p.Size())}
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for range workers {
		running.Go(func() {
			defer crash.Guard()()
			r := set.NewReader()
			defer r.Close()
			var resizer imaging.Resizer
			for j := range jobs {
				img, err := r.Image(j.b.first + j.i)
				if err == nil {
					resizer.Apply(j.b.pixels[j.i*p.Size():][:p.Size()], img, p)
				}
				j.b.finish(j.i, err)
			}
		})
	}
	running.Go(func() {
		defer crash.Guard()()
		defer close(jobs)
		defer close(ready)
		for first := 0; first < set.Len(); first += size {
			var b *batch
			select {
			case b = <-free:
			case <-ctx.Done():
				return
			}
			b.first, b.n = first, min(size, set.Len()-first)
			b.left, b.err, b.done = b.n, nil, make(chan struct{})
			n := b.n
			ready <- b
			for i := range n {
				select {
				case jobs <- job{b, i}:
				case <-ctx.Done():
					return
				}
			}
		}
	})
	for b := range ready {
		select {
		case <-b.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b.err != nil {
			return b.err
		}
		if err := use(b); err != nil {
			return err
		}
		free <- b
	}
	return ctx.Err()
}
