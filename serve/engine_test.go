package serve

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/infer/torch"
)

// fakeModel has its outputs by the number of the image, which is the colour of all of its
// pixels.
type fakeModel struct {
	rows    []uint16
	classes int
	size    int // bytes of an image
	most    int // images at a time; more are out of memory
	bad     int // an image it fails for; 0 for none
	mu      sync.Mutex
	batches []int
	entered chan struct{} // if not nil, told of every call
	release chan struct{} // if not nil, waited for in every call
}

func (m *fakeModel) Classify(pixels []byte, n int, probs []uint16) error {
	if m.entered != nil {
		m.entered <- struct{}{}
		<-m.release
	}
	if len(pixels) != n*m.size || len(probs) != n*m.classes {
		return fmt.Errorf("%d pixels and %d outputs for %d images", len(pixels), len(probs), n)
	}
	if n > m.most {
		return fmt.Errorf("%w: %d images", torch.ErrOutOfMemory, n)
	}
	for i := range n {
		p := pixels[i*m.size:]
		for at := 3; at < m.size; at += 3 {
			if [3]byte(p[at:]) != [3]byte(p) {
				return errors.New("pixels of several images")
			}
		}
		image := int(p[0]) | int(p[1])<<8 | int(p[2])<<16
		if m.bad != 0 && image == m.bad {
			return errors.New("bad image")
		}
		copy(probs[i*m.classes:][:m.classes], m.rows[image*m.classes:][:m.classes])
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, n)
	return nil
}

// colour is the image of a number.
func colour(image, width, height int) imaging.RGB {
	pix := make([]byte, 3*width*height)
	for at := 0; at < len(pix); at += 3 {
		pix[at], pix[at+1], pix[at+2] = byte(image), byte(image>>8), byte(image>>16)
	}
	return imaging.RGB{Width: width, Height: height, Pix: pix}
}

func input(size int) imaging.Preprocessing {
	return imaging.Preprocessing{Height: size, Width: size, CropPct: 1}
}

// trial is a random cascade of fake models over random outputs.
type trial struct {
	cascade cascade.Cascade
	classes int
	images  int
	models  []*fakeModel
	stages  []Stage
}

func newTrial(seed uint64, images, stages int) *trial {
	rng := rand.New(rand.NewPCG(seed, 3))
	t := &trial{classes: 2 + rng.IntN(9), images: images}
	t.cascade.Rule = cascade.Rule(rng.IntN(3))
	for i := range stages {
		size := []int{2, 2, 3, 5}[rng.IntN(4)]
		m := &fakeModel{rows: make([]uint16, images*t.classes), classes: t.classes, size: 3 * size * size, most: 1000}
		for image := range images {
			// A distribution of two classes, with float16 that sum to one.
			a, b := rng.IntN(t.classes), rng.IntN(t.classes)
			p := []uint16{0x3800, 0x3A00, 0x3B00, 0x3C00}[rng.IntN(4)] // 0.5, 0.75, 0.875, 1
			m.rows[image*t.classes+b] = map[uint16]uint16{0x3800: 0x3800, 0x3A00: 0x3400, 0x3B00: 0x3000, 0x3C00: 0}[p]
			m.rows[image*t.classes+a] = p
		}
		t.models = append(t.models, m)
		t.stages = append(t.stages, Stage{m, input(size)})
		t.cascade.Stages = append(t.cascade.Stages, cascade.Stage{Model: fmt.Sprint("m", i), Weight: 1 + rng.IntN(3), Threshold: float32(rng.IntN(20)) / 20})
	}
	return t
}

// want is the cascade's answer by its definition.
func (t *trial) want(image int) Answer {
	var w cascade.Walk
	for {
		stage := w.Passed()
		if v := t.cascade.Step(&w, t.models[stage].rows[image*t.classes:][:t.classes]); v.Exits {
			return Answer{v.Class, v.Confidence, stage}
		}
	}
}

// TestEngineIsTheCascade runs random cascades with random options, and compares answers,
// reach and the batches with what they must be.
func TestEngineIsTheCascade(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 9))
		x := newTrial(seed, 200+rng.IntN(200), 1+rng.IntN(4))
		o := Options{Batch: 1 + rng.IntN(20), Workers: 1 + rng.IntN(4), Wait: Forever, Keep: int64(1 + rng.IntN(2)*1<<20)}
		if rng.IntN(3) == 0 {
			o.Wait = time.Duration(rng.IntN(2000)) * time.Microsecond
		}
		e, err := New(x.cascade, x.classes, x.stages, o)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		got := map[int]Answer{}
		for image := range x.images {
			load := func() (imaging.RGB, error) { return colour(image, 2+image%7, 2+image%5), nil }
			err := e.Submit(context.Background(), load, func(a Answer, err error) {
				mu.Lock()
				defer mu.Unlock()
				if _, twice := got[image]; err != nil || twice {
					t.Errorf("seed %d: image %d: %v, %v", seed, image, err, twice)
				}
				got[image] = a
			})
			if err != nil {
				t.Fatal(err)
			}
			if image == x.images/2 {
				e.Flush()
				if mu.Lock(); len(got) != image+1 {
					t.Fatalf("seed %d: %d answers after a flush of %d images", seed, len(got), image+1)
				}
				mu.Unlock()
			}
		}
		e.Close()
		exits := make([]int, len(x.stages))
		for image := range x.images {
			want := x.want(image)
			exits[want.Stage]++
			if got[image] != want {
				t.Fatalf("seed %d: image %d: %+v, want %+v", seed, image, got[image], want)
			}
		}
		tally := e.Tally()
		reach := x.images
		for i, s := range tally.Stages {
			total := 0
			for _, n := range s.Bins {
				total += n
			}
			if s.Images != reach || s.Exits != exits[i] || total != reach {
				t.Errorf("seed %d: stage %d: %+v, want reach %d and %d exits", seed, i, s, reach, exits[i])
			}
			// Two flushes leave two batches that are not full, and images that stages before
			// give up then no more.
			full := s.Sizes()[o.Batch]
			if most := full + 2*(i+1); o.Wait == Forever && s.Batches > most {
				t.Errorf("seed %d: stage %d ran %d batches, of which %d were full", seed, i, s.Batches, full)
			}
			reach -= exits[i]
		}
		if kept := e.kept; kept != 0 {
			t.Errorf("seed %d: %d bytes of images are kept at the end", seed, kept)
		}
		if again := tally.Again; again > 0 && o.Keep > 1 {
			t.Errorf("seed %d: %d images were decoded again although all may be kept", seed, again)
		}
	}
}

// TestEngineFailures: images that cannot be read, images that a model fails for, and a
// device without room harm nobody else.
func TestEngineFailures(t *testing.T) {
	t.Parallel()
	x := newTrial(5, 100, 3)
	x.models[0].most, x.models[0].bad = 7, 42
	e, err := New(x.cascade, x.classes, x.stages, Options{Batch: 16, Wait: Forever})
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	var mu sync.Mutex
	errs, got := map[int]error{}, map[int]Answer{}
	for image := range x.images {
		load := func() (imaging.RGB, error) {
			if image == 13 {
				return imaging.RGB{}, broken
			}
			return colour(image, 4, 4), nil
		}
		err := e.Submit(context.Background(), load, func(a Answer, err error) {
			mu.Lock()
			defer mu.Unlock()
			got[image], errs[image] = a, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	e.Close()
	for image := range x.images {
		switch {
		case image == 13:
			if !errors.Is(errs[image], broken) || !errors.As(errs[image], new(*ImageError)) {
				t.Errorf("image %d: %v", image, errs[image])
			}
		case image == 42:
			if errs[image] == nil || errors.As(errs[image], new(*ImageError)) {
				t.Errorf("image %d: %v", image, errs[image])
			}
		case errs[image] != nil || got[image] != x.want(image):
			t.Errorf("image %d: %+v, %v, want %+v", image, got[image], errs[image], x.want(image))
		}
	}
	if b := e.Tally().Stages[0].Batch; b > 7 {
		t.Errorf("batches of %d, and there is room for 7", b)
	}
	if err := e.Submit(context.Background(), nil, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// TestEngineBounds: what waits is bounded, Offer says no, and who gives up gets out.
func TestEngineBounds(t *testing.T) {
	t.Parallel()
	x := newTrial(1, 10, 1)
	x.models[0].entered, x.models[0].release = make(chan struct{}), make(chan struct{})
	e, err := New(x.cascade, x.classes, x.stages, Options{Batch: 1, Waiting: 2})
	if err != nil {
		t.Fatal(err)
	}
	load := func() (imaging.RGB, error) { return colour(1, 4, 4), nil }
	answers := make(chan error, 10)
	done := func(_ Answer, err error) { answers <- err }
	for range 2 {
		if err := e.Submit(context.Background(), load, done); err != nil {
			t.Fatal(err)
		}
	}
	<-x.models[0].entered
	loads := []func() (imaging.RGB, error){load}
	if err := e.Offer(context.Background(), loads, func(int, Answer, error) {}); !errors.Is(err, ErrBusy) {
		t.Errorf("a third image: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := e.Submit(ctx, load, done); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a third image that waits: %v", err)
	}
	close(x.models[0].release)
	<-x.models[0].entered
	for range 2 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	x.models[0].entered = nil
	if err := e.Submit(gone, load, done); !errors.Is(err, context.Canceled) {
		t.Errorf("somebody who has gone: %v", err)
	}
	e.Close()
	if n := e.Waiting(); n != 0 {
		t.Errorf("%d images wait at the end", n)
	}
}

// TestEngineWaits: an image that nobody joins is answered after the wait, not before.
func TestEngineWaits(t *testing.T) {
	t.Parallel()
	x := newTrial(1, 10, 1)
	const wait = 30 * time.Millisecond
	e, err := New(x.cascade, x.classes, x.stages, Options{Batch: 8, Wait: wait})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	begin, answered := time.Now(), make(chan error)
	load := func() (imaging.RGB, error) { return colour(1, 4, 4), nil }
	if err := e.Submit(context.Background(), load, func(_ Answer, err error) { answered <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil || time.Since(begin) < wait {
		t.Errorf("answered after %v: %v", time.Since(begin), err)
	}
}
