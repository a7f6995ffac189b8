package tuning

import (
	"cmp"
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/ingest/augment"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// ahead is the number of batches that are prepared before they are needed, the one in use
// included.
const ahead = 3

// A batch is what one step takes.
type batch struct {
	images   []int // of the data set
	plans    []supernet.Plan
	sides    []int // of the images that the plans ask for, each once
	sizes    []imaging.Preprocessing
	pixels   [][]byte  // all images, by side
	targets  []float32 // the shares of the classes, an image after the other
	classes  int
	chance   func(i int) *rand.Rand // for each image
	together func() *rand.Rand      // for all of them, the same at each call

	mu   sync.Mutex
	left int           // images not prepared yet
	bad  int           // the first image that failed
	err  error         // and why
	done chan struct{} // closed when all is prepared
}

// newBatch returns a batch of images for some subnets, without chance.
func (r *run) newBatch(images []int, plans []supernet.Plan) *batch {
	b := &batch{images: images, plans: plans, classes: r.space.Classes, left: len(images), done: make(chan struct{})}
	b.chance = func(int) *rand.Rand { return nil }
	of := &r.space.Table.Images
	for _, plan := range plans {
		side := of.Side(int(plan[0]))
		if slices.Contains(b.sides, side) {
			continue
		}
		p := imaging.Preprocessing{Height: side, Width: side, CropPct: of.CropPct(side), Filter: r.filter}
		p.SetFill(of.Mean)
		b.sides, b.sizes = append(b.sides, side), append(b.sizes, p)
		b.pixels = append(b.pixels, make([]byte, len(images)*p.Size()))
	}
	b.targets = make([]float32, len(images)*b.classes)
	for i, image := range images {
		b.targets[i*b.classes+int(r.o.Images.Labels[image])] = 1
	}
	return b
}

// of returns where an image's pixels go, by side.
func (b *batch) of(i int) [][]uint8 {
	out := make([][]uint8, len(b.sizes))
	for k, p := range b.sizes {
		out[k] = b.pixels[k][i*p.Size():][:p.Size()]
	}
	return out
}

// finish says that an image is prepared, or why not. With the last one all is.
func (b *batch) finish(i int, err error, o augment.Options) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && (b.err == nil || i < b.bad) {
		b.bad, b.err = i, err
	}
	if b.left--; b.left > 0 {
		return
	}
	if b.together != nil {
		targets := b.targets
		for k, side := range b.sides {
			o.Batch(b.pixels[k], side, side, targets, b.classes, b.together())
			targets = nil
		}
	}
	close(b.done)
}

// eachBatch prepares the batches of the steps [from, to), which next says, on several workers
// ahead of use, and calls use with each in order. It ends with the first error, of an image
// or of use, or when ctx does; then no worker is left.
func eachBatch(ctx context.Context, o *Options, from, to int, next func(step int) *batch, use func(*batch) error) error {
	ctx, cancel := context.WithCancel(ctx)
	type task struct {
		b *batch
		i int
	}
	tasks, ready := make(chan task), make(chan *batch, ahead-1)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	for range cmp.Or(o.Workers, runtime.NumCPU()) {
		running.Go(func() {
			defer crash.Guard()()
			r := o.Images.NewReader()
			defer r.Close()
			a := augment.Augmenter{Options: o.Augment}
			for t := range tasks {
				img, err := r.Image(t.b.images[t.i])
				if err == nil {
					a.Image(t.b.of(t.i), img, t.b.sizes, t.b.chance(t.i))
				}
				t.b.finish(t.i, err, o.Augment)
			}
		})
	}
	running.Go(func() {
		defer crash.Guard()()
		defer close(tasks)
		defer close(ready)
		for step := from; step < to; step++ {
			b := next(step)
			select {
			case ready <- b:
			case <-ctx.Done():
				return
			}
			for i := range b.images {
				select {
				case tasks <- task{b, i}:
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
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return ctx.Err()
}
