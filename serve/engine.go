// Package serve runs the cascade of a bundle: over a data set (RunJob), or for whoever asks
// (Engine, and over HTTP serve/inference).
//
// # Design
//
// A sample is decoded once and cropped for the first stage. What does not exit goes on
// to the queue of the next stage, cropped again if that stage sees images otherwise, so
// that every stage runs full batches of what reaches it, gathered over time. One goroutine
// runs the models, since they share the device; decoding and cropping have workers of
// their own.
//
// Which stage runs next: the last one with a full batch; else, where there is a bound on
// waiting, the last one whose oldest sample has waited as long as it may; else, if nothing
// more can come, the first one that has samples, so that those that go on fill the later
// ones. The number of samples before the first stage is bounded, and every later queue is run
// as soon as it is full, so memory is bounded, too. Decoded images that a later stage may
// need are kept up to a budget, and decoded again beyond it.
//
// A sample's answer is a function of its image, of the models and of nothing else, but for
// the last digits of the models' outputs, which depend on the size of a batch.
package serve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/internal/crash"
)

// A Model makes probabilities of pixels. It is used from one goroutine at a time.
type Model interface {
	// Classify fills probs, [n][classes], with float16 bits. pixels holds n images
	// of the model's size, [n][height][width][3].
	Classify(pixels []byte, n int, probs []uint16) error
}

// A Stage is a model of a cascade and the pixels it sees.
type Stage struct {
	Model Model
	Input imaging.Preprocessing
}

// Options say how an Engine works. With the zero value no image waits for another.
type Options struct {
	Batch   int           // images at a time, at most; 0 for 32. Halved for a stage that has no room
	Wait    time.Duration // longest that an image waits for others to fill a batch; Forever: until Close
	Workers int           // decoding and cropping; 0 for all cores
	Waiting int           // images before the first stage, at most; 0 for three batches
	Keep    int64         // bytes of decoded images that may be kept for later stages; 0 for 1 GiB

	// Log receives what a user may want to know; it may be nil.
	Log func(string)
	// Start is called first on the thread that the models run on; it may be nil.
	Start func()
}

// MaxBatch is the largest batch.
const MaxBatch = 1 << 14

// Forever is a Wait without end.
const Forever time.Duration = -1

// An Answer is that of a cascade to an image.
type Answer struct {
	Class      int
	Confidence float64 // of the stage that answered
	Stage      int     // from 0
}

// ErrBusy: as many images wait as may. The same request may succeed later.
var ErrBusy = errors.New("too many images are waiting")

// ErrClosed: the engine takes no more images.
var ErrClosed = errors.New("no more images are taken")

// An ImageError is about one image: it cannot be read, or a model gives no valid output for
// it.
type ImageError struct{ Err error }

func (e *ImageError) Error() string { return e.Err.Error() }
func (e *ImageError) Unwrap() error { return e.Err }

// An Engine runs a cascade. It may be used from several goroutines.
type Engine struct {
	cascade cascade.Cascade
	classes int
	stages  []stage
	o       Options

	mu      sync.Mutex
	work    sync.Cond   // of workers: something to crop
	room    sync.Cond   // of Submit: room before the first stage
	crops   []*sample   // to be cropped, those of later stages first
	ready   [][]*sample // by stage
	empty   sync.Cond   // of Flush: nothing is on its way
	before  int         // samples admitted that have not run the first stage
	within  int         // samples admitted that have not left
	busy    int         // samples in crops or in a worker's hands
	kept    int64       // bytes of decoded images
	flushes int         // Flush calls that wait
	closing bool
	ended   bool

	wake    chan struct{} // of run: something has changed
	workers sync.WaitGroup
	running sync.WaitGroup
	tally   Tally
	recent  window
}

type stage struct {
	Stage
	batch int  // images at a time
	again bool // a later stage sees images otherwise than this one
}

// A sample is an image on its way.
type sample struct {
	ctx    context.Context
	load   func() (imaging.RGB, error)
	done   func(Answer, error)
	walk   cascade.Walk
	image  imaging.RGB // decoded, if kept
	pixels []byte      // of its next stage
	since  time.Time   // when it came to wait for that
}

// A Tally counts what an engine did.
type Tally struct {
	Answered int // images
	Recent   int // images of them, the last ones, that the stages' Recent counts are of
	Again    int // decodings of an image that was not kept
	Stages   []StageTally
}

// A StageTally is a stage's part.
type StageTally struct {
	Images  int           // that it ran on
	Exits   int           // that it answered
	Batches int           // that it ran
	Batch   int           // images in a full one
	Time    time.Duration // that its model took
	// Bins counts the images by confidence, in equal parts of [0, 1].
	Bins [bundle.Bins]int
	// Recent counts as Bins, and RecentExits as Exits, those of the last images alone.
	Recent      [bundle.Bins]int
	RecentExits int
	runs        map[int]timed // by size of batch
}

// Sizes are how many batches of each size a stage ran.
func (t *StageTally) Sizes() map[int]int {
	sizes := map[int]int{}
	for size, runs := range t.runs {
		sizes[size] = runs.n
	}
	return sizes
}

// New starts an engine for a valid cascade of so many classes, with a stage for each of
// its stages. It must be closed.
func New(c cascade.Cascade, classes int, stages []Stage, o Options) (*Engine, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if len(stages) != len(c.Stages) {
		return nil, fmt.Errorf("serve: %d models for a cascade of %d stages", len(stages), len(c.Stages))
	}
	if o.Batch < 0 || o.Batch > MaxBatch {
		return nil, fmt.Errorf("serve: batches of %d images; at most %d run at a time", o.Batch, MaxBatch)
	}
	o.Batch = cmp.Or(o.Batch, 32)
	o.Workers = cmp.Or(o.Workers, runtime.NumCPU())
	o.Waiting = cmp.Or(o.Waiting, 3*o.Batch)
	o.Keep = cmp.Or(o.Keep, 1<<30)
	e := &Engine{cascade: c, classes: classes, o: o, ready: make([][]*sample, len(stages)), wake: make(chan struct{}, 1)}
	e.work.L, e.room.L, e.empty.L = &e.mu, &e.mu, &e.mu
	for i, s := range stages {
		if err := s.Input.Validate(); err != nil {
			return nil, fmt.Errorf("serve: stage %d: %w", i+1, err)
		}
		again := slices.ContainsFunc(stages[i+1:], func(later Stage) bool { return later.Input != s.Input })
		e.stages = append(e.stages, stage{s, o.Batch, again})
		e.tally.Stages = append(e.tally.Stages, StageTally{runs: map[int]timed{}})
	}
	for range o.Workers {
		e.workers.Go(e.crop)
	}
	e.running.Go(e.run)
	return e, nil
}

// Submit hands in an image and waits while there is no room for it. load decodes the image;
// it may be called more than once, and what it returns is the engine's. done is called once
// with the answer, from another goroutine and perhaps before Submit returns, unless Submit
// returns an error. If ctx ends first, it may be called with its error.
func (e *Engine) Submit(ctx context.Context, load func() (imaging.RGB, error), done func(Answer, error)) error {
	stop := context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.room.Broadcast()
	})
	defer stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	for e.before >= e.o.Waiting && !e.closing && ctx.Err() == nil {
		e.room.Wait()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.admit(ctx, load, done)
}

// Offer is Submit for several images, all or none, which returns ErrBusy rather than wait.
func (e *Engine) Offer(ctx context.Context, loads []func() (imaging.RGB, error), done func(image int, a Answer, err error)) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.before+len(loads) > e.o.Waiting {
		return ErrBusy
	}
	for i, load := range loads {
		if err := e.admit(ctx, load, func(a Answer, err error) { done(i, a, err) }); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) admit(ctx context.Context, load func() (imaging.RGB, error), done func(Answer, error)) error {
	if e.closing {
		return ErrClosed
	}
	e.before++
	e.within++
	e.busy++
	e.crops = append(e.crops, &sample{ctx: ctx, load: load, done: done})
	e.work.Signal()
	return nil
}

// Room is how many images may wait for the first stage.
func (e *Engine) Room() int { return e.o.Waiting }

// Waiting is the number of images that have not run the first stage.
func (e *Engine) Waiting() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.before
}

// Flush answers the images that are there, without waiting for others to fill batches.
func (e *Engine) Flush() {
	e.mu.Lock()
	e.flushes++
	e.nudge()
	for e.within > 0 {
		e.empty.Wait()
	}
	e.flushes--
	e.mu.Unlock()
}

// Close takes no more images, answers those that are there, and waits for that.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closing = true
	e.room.Broadcast()
	e.mu.Unlock()
	e.Flush()
	e.mu.Lock()
	e.ended = true
	e.work.Broadcast()
	e.mu.Unlock()
	e.nudge()
	e.running.Wait()
	e.workers.Wait()
}

// Tally returns what has been counted so far.
func (e *Engine) Tally() Tally {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.tally
	t.Stages = slices.Clone(t.Stages)
	for i := range t.Stages {
		t.Stages[i].Batch = e.stages[i].batch
		t.Stages[i].runs = maps.Clone(t.Stages[i].runs)
		t.Stages[i].Recent, t.Stages[i].RecentExits = e.recent.sum(i)
	}
	t.Recent = e.recent.images()
	return t
}

// Reset forgets what has been counted.
func (e *Engine) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tally.Answered, e.tally.Again = 0, 0
	e.recent = window{}
	for i := range e.tally.Stages {
		e.tally.Stages[i] = StageTally{runs: map[int]timed{}}
	}
}

// nudge makes run look again.
func (e *Engine) nudge() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// crop is a worker: it makes the pixels of a sample's next stage.
func (e *Engine) crop() {
	defer crash.Guard()()
	var resizer imaging.Resizer
	for {
		e.mu.Lock()
		for len(e.crops) == 0 && !e.ended {
			e.work.Wait()
		}
		if len(e.crops) == 0 {
			e.mu.Unlock()
			return
		}
		s := e.crops[0]
		e.crops = e.crops[1:]
		e.mu.Unlock()

		err := e.makePixels(s, &resizer)
		if err != nil {
			s.done(Answer{}, err)
		}
		e.mu.Lock()
		e.busy--
		if err != nil {
			e.leave(s)
		} else {
			s.since = time.Now()
			e.ready[s.walk.Passed()] = append(e.ready[s.walk.Passed()], s)
		}
		e.mu.Unlock()
		e.nudge()
	}
}

// makePixels decodes a sample, if that has to be, and crops it for its next stage.
func (e *Engine) makePixels(s *sample, resizer *imaging.Resizer) (err error) {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	next := &e.stages[s.walk.Passed()]
	img := s.image
	if img.Pix == nil {
		if img, err = s.load(); err != nil {
			return &ImageError{err}
		}
	}
	s.pixels = slices.Grow(s.pixels[:0], next.Input.Size())[:next.Input.Size()]
	resizer.Apply(s.pixels, img, next.Input)
	e.mu.Lock()
	defer e.mu.Unlock()
	if s.walk.Passed() > 0 && s.image.Pix == nil {
		e.tally.Again++
	}
	switch size := int64(len(img.Pix)); {
	case !next.again:
		e.drop(s)
	case s.image.Pix == nil && e.kept+size <= e.o.Keep:
		s.image = img
		e.kept += size
	}
	return nil
}

// drop forgets the decoded image of a sample.
func (e *Engine) drop(s *sample) {
	e.kept -= int64(len(s.image.Pix))
	s.image = imaging.RGB{}
}

// leave forgets a sample that gets no further.
func (e *Engine) leave(s *sample) {
	e.drop(s)
	if e.within--; e.within == 0 {
		e.empty.Broadcast()
	}
	if s.walk.Passed() == 0 {
		e.before--
		e.room.Signal()
	}
}

// run runs the models until the engine is closed and nothing is left.
func (e *Engine) run() {
	defer crash.Guard()()
	// Torch keeps a pool of threads for every thread that calls it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if e.o.Start != nil {
		e.o.Start()
	}
	timer := time.NewTimer(math.MaxInt64)
	defer timer.Stop()
	r := runner{Engine: e}
	for {
		e.mu.Lock()
		stage, wait := e.next(time.Now())
		if stage >= 0 {
			n := min(e.stages[stage].batch, len(e.ready[stage]))
			batch := slices.Clone(e.ready[stage][:n])
			e.ready[stage] = slices.Delete(e.ready[stage], 0, n)
			e.mu.Unlock()
			r.runBatch(stage, batch)
			continue
		}
		over := e.ended
		e.mu.Unlock()
		if over {
			return
		}
		timer.Reset(wait)
		select {
		case <-e.wake:
		case <-timer.C:
		}
	}
}

// next is the stage to run now, or -1 and how long nothing can change by itself.
func (e *Engine) next(now time.Time) (stage int, wait time.Duration) {
	wait = math.MaxInt64
	for i := len(e.stages) - 1; i >= 0; i-- {
		if len(e.ready[i]) >= e.stages[i].batch {
			return i, 0
		}
	}
	if e.o.Wait >= 0 {
		for i := len(e.stages) - 1; i >= 0; i-- {
			if len(e.ready[i]) == 0 {
				continue
			}
			left := e.o.Wait - now.Sub(e.ready[i][0].since)
			if left <= 0 {
				return i, 0
			}
			wait = min(wait, left)
		}
	}
	if e.flushes > 0 && e.busy == 0 {
		for i := range e.stages {
			if len(e.ready[i]) > 0 {
				return i, 0
			}
		}
	}
	return -1, wait
}

// A runner has the buffers of the goroutine that runs the models.
type runner struct {
	*Engine
	pixels []byte
	probs  []uint16
}

// runBatch takes samples through a stage.
func (r *runner) runBatch(stage int, batch []*sample) {
	live := batch[:0:0]
	for _, s := range batch {
		if err := s.ctx.Err(); err != nil {
			r.fail(s, err)
			continue
		}
		live = append(live, s)
	}
	if len(live) == 0 {
		return
	}
	st := &r.stages[stage]
	size := st.Input.Size()
	r.pixels, r.probs = r.pixels[:0], slices.Grow(r.probs[:0], len(live)*r.classes)[:len(live)*r.classes]
	for _, s := range live {
		r.pixels = append(r.pixels, s.pixels[:size]...)
	}
	begin := time.Now()
	err := st.Model.Classify(r.pixels, len(live), r.probs)
	took := time.Since(begin)
	if err != nil && len(live) > 1 {
		// Less at a time may do, and nobody is to suffer from another one's image.
		half := (len(live) + 1) / 2
		if errors.Is(err, torch.ErrOutOfMemory) {
			r.halve(stage, half)
		}
		r.runBatch(stage, live[:half])
		r.runBatch(stage, live[half:])
		return
	}
	if err != nil {
		err = fmt.Errorf("stage %d, model %s: %w", stage+1, r.cascade.Stages[stage].Model, err)
		if errors.As(err, new(*classifier.RowError)) {
			err = &ImageError{err}
		}
		r.fail(live[0], err)
		return
	}
	r.count(stage, len(live), took)
	for i, s := range live {
		v := r.cascade.Step(&s.walk, r.probs[i*r.classes:][:r.classes])
		r.settle(stage, s, v)
	}
	r.nudge() // Submit may wait for room, and nothing else tells run so
}

// fail ends a sample without an answer.
func (r *runner) fail(s *sample, err error) {
	s.done(Answer{}, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(s)
}

// halve makes the batches of a stage smaller for good.
func (r *runner) halve(stage, to int) {
	r.mu.Lock()
	r.stages[stage].batch = min(r.stages[stage].batch, to)
	to = r.stages[stage].batch
	r.mu.Unlock()
	if r.o.Log != nil {
		r.o.Log(fmt.Sprintf("stage %d, model %s: out of memory, going on with batches of %d", stage+1, r.cascade.Stages[stage].Model, to))
	}
}

// count adds a batch to the tally.
func (r *runner) count(stage, images int, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &r.tally.Stages[stage]
	t.Images += images
	t.Batches++
	t.Time += took
	t.runs[images] = t.runs[images].and(took)
	if stage == 0 {
		r.before -= images
		r.room.Broadcast()
	}
}

// settle answers a sample that exits, and sends one that does not to its next stage.
func (r *runner) settle(stage int, s *sample, v cascade.Verdict) {
	r.mu.Lock()
	t := &r.tally.Stages[stage]
	bin := cascade.ConfidenceBin(v.Confidence, bundle.Bins)
	t.Bins[bin]++
	r.recent.add(stage, len(r.stages), bin, v.Exits)
	if v.Exits {
		t.Exits++
		r.tally.Answered++
		r.mu.Unlock()
		s.done(Answer{v.Class, v.Confidence, stage}, nil)
		r.mu.Lock()
		r.leave(s)
		r.mu.Unlock()
		return
	}
	defer r.mu.Unlock()
	if r.stages[stage+1].Input == r.stages[stage].Input {
		s.since = time.Now()
		r.ready[stage+1] = append(r.ready[stage+1], s)
		return
	}
	r.busy++
	// Before those that have yet to begin, after those that are as far.
	i := slices.IndexFunc(r.crops, func(other *sample) bool { return other.walk.Passed() < s.walk.Passed() })
	if i < 0 {
		i = len(r.crops)
	}
	r.crops = slices.Insert(r.crops, i, s)
	r.work.Signal()
}
