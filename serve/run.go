package serve

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
)

// A Failure is an image of a set without an answer.
type Failure struct {
	Image  int // its number
	Reason error
}

// Progress is how far a run is.
type Progress struct {
	Done, Of int           // images
	Rate     float64       // a second, since the run began
	Left     time.Duration // that the rest will take at that rate; 0 before anything is known
}

// A Run has the answers of a cascade to the images of a set.
type Run struct {
	Answers []Answer  // by image; Stage is -1 for one that failed
	Failed  []Failure // in the order of the images
	Time    time.Duration
}

// Images answers images [from, to) of a set and flushes the engine. An image that cannot
// be read, or that a model gives no valid output for, is in the result; the error is
// for what ends the run. progress may be nil.
func Images(ctx context.Context, e *Engine, set *dataset.Set, from, to int, progress func(Progress)) (*Run, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	begin := time.Now()
	r := &Run{Answers: make([]Answer, to-from)}
	readers := newReaders(set)
	defer readers.close()
	var mu sync.Mutex
	done := 0
	answered := func(image int, a Answer, err error) {
		mu.Lock()
		defer mu.Unlock()
		r.Answers[image-from] = a
		if err != nil {
			r.Answers[image-from].Stage = -1
			if !errors.As(err, new(*ImageError)) {
				cancel(err)
				return
			}
			r.Failed = append(r.Failed, Failure{image, err})
		}
		if done++; progress != nil {
			progress(progressOf(done, to-from, time.Since(begin)))
		}
	}
	for image := from; image < to; image++ {
		load := func() (imaging.RGB, error) { return readers.load(image) }
		if err := e.Submit(ctx, load, func(a Answer, err error) { answered(image, a, err) }); err != nil {
			break
		}
	}
	e.Flush()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(r.Failed, func(a, b Failure) int { return a.Image - b.Image })
	r.Time = time.Since(begin)
	return r, nil
}

func progressOf(done, of int, took time.Duration) Progress {
	p := Progress{Done: done, Of: of}
	if took > 0 {
		p.Rate = float64(done) / took.Seconds()
		p.Left = time.Duration(float64(of-done) / p.Rate * float64(time.Second))
	}
	return p
}

// readers are readers of a set, as many as are used at a time.
type readers struct {
	set  *dataset.Set
	mu   sync.Mutex
	free []*dataset.Reader
}

func newReaders(set *dataset.Set) *readers { return &readers{set: set} }

// load decodes an image, which is the caller's.
func (r *readers) load(image int) (imaging.RGB, error) {
	r.mu.Lock()
	var reader *dataset.Reader
	if n := len(r.free); n > 0 {
		reader, r.free = r.free[n-1], r.free[:n-1]
	}
	r.mu.Unlock()
	if reader == nil {
		reader = r.set.NewReader()
	}
	img, err := reader.Image(image)
	img.Pix = slices.Clone(img.Pix)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, reader)
	return img, err
}

func (r *readers) close() {
	for _, reader := range r.free {
		reader.Close()
	}
}
