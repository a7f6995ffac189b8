// Package tuning trains the weights that the subnets of a supernet share, through the
// supernet's file and without Python.
//
// A [Trainer] turns one file into the next, iteration by iteration, as a search of
// architectures asks for; [Run] trains one file. What comes out depends on the settings,
// images and subnets alone: all chance follows from the seed, the iteration and the number of
// the step, so that a training that was killed goes on from its last checkpoint as if nothing
// had been, on the same device with the same number of threads. (A GPU sums gradients in any
// order; there two runs differ in the last bits.)
//
// A step draws a batch in the order of the epoch, augments its images on several workers
// ahead of use, sums the gradients of one subnet or of the sandwich (the largest subnet learns
// the labels, the smallest and two random ones what it answers) and moves the weights.
package tuning

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest/augment"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/nat"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// Settings are what the weights depend on, beside images, subnets and where they began.
type Settings struct {
	Epochs   int     `json:"epochs"` // of one iteration
	Batch    int     `json:"batch"`  // images
	Rate     float64 `json:"rate"`   // of learning, the highest; it falls along a cosine
	WarmUp   float64 `json:"warm_up"`
	Momentum float64 `json:"momentum"`
	Decay    float64 `json:"decay"` // of the weights
	// Cosine is how many iterations, counted from 0, share one cosine and one warm-up; 0: each
	// has its own.
	Cosine   int             `json:"cosine"`
	Sandwich bool            `json:"sandwich"`
	Augment  augment.Options `json:"augment"`
	// Average is the number of last epochs of an iteration after which the weights are averaged.
	Average   int             `json:"average"`
	Precision torch.Precision `json:"precision"`
	Seed      uint64          `json:"seed"`
}

// Paper returns the settings with which NAT and ENCAS fine-tune.
func Paper() Settings {
	return Settings{Epochs: 5, Batch: 96, Rate: 0.01, Momentum: 0.9, Decay: 4e-5, Augment: augment.Options{Crop: 0.08, Flip: true, CutMix: 0.5, RandAugment: 9}, Seed: 1}
}

// Check fails unless the settings are possible.
func (s *Settings) Check() error {
	most := func(name string, v, most float64) error {
		if !(v >= 0 && v <= most) {
			return fmt.Errorf("%s is from 0 to %v, not %v", name, most, v)
		}
		return nil
	}
	if s.Epochs < 1 || s.Batch < 2 || s.Cosine < 0 || s.Average < 0 || s.Average > s.Epochs {
		return fmt.Errorf("training: %d epochs in batches of %d, a cosine of %d iterations, an average of %d epochs cannot be", s.Epochs, s.Batch, s.Cosine, s.Average)
	}
	return errors.Join(most("the rate of learning", s.Rate, 100), most("the number of epochs in which the rate rises", s.WarmUp, 1e6),
		most("the momentum", s.Momentum, 1), most("the decay of weights", s.Decay, 1), s.Augment.Check())
}

// Options say what is trained on what.
type Options struct {
	Settings
	Shim    *torch.Shim
	Device  string
	Threads int           // of torch; 0 for all cores
	Workers int           // augmenting; 0 for all cores
	Every   time.Duration // between checkpoints; 0 for a minute
	// Images are labelled, with the supernet's numbers of classes, of which Labels are the
	// names, if they have any.
	Images   *dataset.Set
	Labels   []string
	Progress func(Progress) // nil for none
}

// Progress is how far an iteration is.
type Progress struct {
	Epoch, Epochs int     // which epoch it is, from 1
	Done, Total   int64   // images
	Loss          float64 // mean cross entropy with the labels, over the epoch since it was begun or resumed
	Rate          float64 // images a second
}

// A Trainer trains a supernet in several iterations, each from the weights of the last.
type Trainer struct {
	o          Options
	start, dir string
}

// Close closes the images.
func (t *Trainer) Close() error { return t.o.Images.Close() }

// Facts are what the weights depend on beside those that the training begins with.
func (t *Trainer) Facts() []nat.Fact {
	settings, err := json.Marshal(t.o.Settings)
	if err != nil {
		panic(err) // numbers that Check let through
	}
	return []nat.Fact{{Name: "training", Value: string(settings)}, {Name: "the hash of the images trained on", Value: t.o.Images.Fingerprint()}}
}

// Images are those that are trained on.
func (t *Trainer) Images() *dataset.Set { return t.o.Images }

// New returns a trainer that begins with the file start and leaves what it makes in dir,
// which exists.
func New(o Options, start, dir string) (*Trainer, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	return &Trainer{o, start, dir}, nil
}

// Artifact is the file that an iteration makes.
func (t *Trainer) Artifact(iteration int) string {
	return filepath.Join(t.dir, fmt.Sprintf("weights-%04d.pt", iteration))
}

// Train trains the weights of the last iteration before this one, or those of the start, for
// some subnets, of which each batch trains one, and returns the file that it makes. If it is
// there already it is not made again. With Sandwich the subnets may be none.
func (t *Trainer) Train(ctx context.Context, iteration int, candidates []supernet.Genome) (artifact string, err error) {
	j := job{start: t.start, out: t.Artifact(iteration), iteration: iteration, candidates: candidates}
	for before := iteration - 1; before >= 0; before-- {
		if _, err := os.Stat(t.Artifact(before)); err == nil {
			j.start = t.Artifact(before)
			break
		}
	}
	_, err = j.run(ctx, &t.o)
	return j.out, err
}

// Average writes the file out with the mean of the weights of some files, as [Average] does.
func (t *Trainer) Average(ctx context.Context, artifacts []string, out string) error {
	return Average(ctx, t.o, artifacts, out)
}

func (o *Options) check() error {
	if err := o.Settings.Check(); err != nil {
		return err
	}
	if o.Images == nil || o.Images.Labels == nil {
		return errors.New("training needs images with labels")
	}
	if o.Images.Len() < 2 {
		return fmt.Errorf("data set %s: to train takes two images at least", o.Images.Path)
	}
	return nil
}

// A job trains one file.
type job struct {
	start, out string
	iteration  int
	candidates []supernet.Genome
	keeps      bool // a file that is there already, whatever it is
}

// An origin is all that the weights depend on.
type origin struct {
	Settings
	Start      string   `json:"start"` // checkpoint of the weights it began with
	Iteration  int      `json:"iteration"`
	Candidates []string `json:"candidates"`
	Images     string   `json:"images"` // which
}

func (o *origin) hash() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // numbers that Check let through
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// origin returns where a job's weights come from.
func (j *job) origin(o *Options, checkpoint string) *origin {
	from := &origin{Settings: o.Settings, Start: checkpoint, Iteration: j.iteration, Candidates: []string{}, Images: o.Images.Fingerprint()}
	for _, g := range j.candidates {
		from.Candidates = append(from.Candidates, g.String())
	}
	return from
}

// run makes the job's file, unless it is there.
func (j *job) run(ctx context.Context, o *Options) (made bool, err error) {
	meta, err := export.ReadMeta(j.start)
	if err != nil {
		return false, err
	}
	space, err := meta.Space()
	if err != nil {
		return false, fmt.Errorf("%s: %w", j.start, err)
	}
	for i, label := range o.Images.Labels {
		if int(label) >= meta.Classes {
			return false, fmt.Errorf("data set %s: image %s has class %d, and %s has %d classes", o.Images.Path, o.Images.IDs[i], label, j.start, meta.Classes)
		}
	}
	checkpoint, err := export.Checkpoint(j.start)
	if err != nil {
		return false, err
	}
	from := j.origin(o, checkpoint)
	if there, err := export.ReadMeta(j.out); err == nil && there.Training == from.hash() {
		return false, j.removePart()
	}
	if _, err := os.Lstat(j.out); err == nil && j.keeps {
		return false, fmt.Errorf("%s is there already, and not by this training: remove it, or name another file", j.out)
	}
	release, err := o.useTorch()
	if err != nil {
		return false, err
	}
	defer release()
	r, err := begin(o, j, space, from)
	if err != nil {
		return false, err
	}
	defer r.close()
	if err := r.resume(); err != nil {
		return false, err
	}
	if err := r.train(ctx); err != nil {
		return false, err
	}
	return true, r.finish(ctx, meta)
}

// useTorch prepares this goroutine for torch, until release is called.
func (o *Options) useTorch() (release func(), err error) {
	// Torch keeps a pool of threads for every thread that calls it.
	runtime.LockOSThread()
	if o.Threads > 0 {
		if err := o.Shim.Threads(o.Threads); err != nil {
			runtime.UnlockOSThread()
			return nil, err
		}
	}
	return runtime.UnlockOSThread, nil
}

// part is the file of the checkpoint.
func (j *job) part() string { return j.out + ".part" }

func (j *job) removePart() error {
	if err := os.Remove(j.part()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// rate is that of learning at a step of the iteration.
func (r *run) rate(step int) float64 {
	s, done, steps := &r.o.Settings, step, r.steps
	if s.Cosine > 0 {
		done, steps = done+min(r.iteration, s.Cosine-1)*steps, steps*s.Cosine
	}
	rate := s.Rate * (1 + math.Cos(math.Pi*float64(done)/float64(steps))) / 2
	if warm := s.WarmUp * float64(r.perEpoch); warm > 0 {
		rate *= min(1, float64(done+1)/warm)
	}
	return rate
}
