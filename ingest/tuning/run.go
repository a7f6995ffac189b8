package tuning

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/imaging"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest/augment"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/supernet"
)

const (
	// randomSubnets are those of a sandwich between the largest and the smallest.
	randomSubnets = 2
	// recalibrated images give the largest subnet its statistics in the end, in batches of
	// calibrationBatch.
	recalibrated, calibrationBatch = 2000, 64
	// firstScale is that of losses in float16 at first, as in torch.
	firstScale = 1 << 16
	// mostOverflows in a row say that the weights are no numbers any more.
	mostOverflows = 40
)

// A run is a job under way.
type run struct {
	*job
	o        *Options
	space    *supernet.Space
	from     *origin
	net      *torch.Supernet
	training *torch.Training
	mean     *torch.Supernet // of the weights after the last epochs, nil for none
	meanOf   *torch.Training // which can be stored and restored
	batch    int             // images
	perEpoch int             // steps
	steps    int
	filter   imaging.Filter
	largest  supernet.Plan
	smallest supernet.Plan
	plans    []supernet.Plan // of the candidates
	step     int             // how many were done
}

// begin loads the weights a job starts from.
func begin(o *Options, j *job, space *supernet.Space, from *origin) (r *run, err error) {
	n := o.Images.Len()
	r = &run{job: j, o: o, space: space, from: from, batch: min(o.Batch, n)}
	r.perEpoch = n / r.batch
	r.steps = r.perEpoch * o.Epochs
	if r.filter, err = imaging.ParseFilter(space.Table.Images.Interpolation); err != nil {
		return nil, err
	}
	for _, g := range j.candidates {
		plan, err := space.Decode(g)
		if err != nil {
			return nil, err
		}
		r.plans = append(r.plans, plan)
	}
	if len(r.plans) == 0 && !o.Sandwich {
		return nil, errors.New("no subnets to train")
	}
	if r.largest, err = space.Decode(space.Largest()); err != nil {
		return nil, err
	}
	if r.smallest, err = space.Decode(space.Smallest()); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	options := torch.TrainOptions{Momentum: o.Momentum, Decay: o.Decay}
	if o.Precision == torch.Float16 {
		options.Scale = firstScale
	}
	if r.net, r.training, err = r.load(options); err != nil {
		return r, err
	}
	if o.Average > 0 {
		r.mean, r.meanOf, err = r.load(torch.TrainOptions{})
	}
	return r, err
}

func (r *run) load(options torch.TrainOptions) (*torch.Supernet, *torch.Training, error) {
	s, err := r.o.Shim.Supernet(r.start, r.o.Device, r.o.Precision, r.space.Classes)
	if err != nil {
		return nil, nil, err
	}
	t, err := s.Train(options)
	if err != nil {
		s.Close()
		return nil, nil, fmt.Errorf("%s: %w", r.start, err)
	}
	return s, t, nil
}

func (r *run) close() {
	for _, t := range []*torch.Training{r.training, r.meanOf} {
		if t != nil {
			t.Close()
		}
	}
	for _, s := range []*torch.Supernet{r.net, r.mean} {
		if s != nil {
			s.Close()
		}
	}
}

// What random numbers are for.
const (
	forOrder = iota
	forSubnets
	forImages
	forBatches
	forCalibration
)

// chance returns the generator of the n-th random choice of a kind.
func (r *run) chance(kind, n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(r.o.Seed, uint64(r.iteration)<<48|kind<<40|n))
}

// batchOf says what a step takes. order is that of the images of its epoch.
func (r *run) batchOf(step int, order []int) *batch {
	at := step % r.perEpoch * r.batch
	b := r.newBatch(order[at:at+r.batch], r.plansOf(step))
	b.chance = func(i int) *rand.Rand { return r.chance(forImages, uint64(step*r.batch+i)) }
	b.together = func() *rand.Rand { return r.chance(forBatches, uint64(step)) }
	return b
}

// plansOf returns the subnets whose gradients a step sums.
func (r *run) plansOf(step int) []supernet.Plan {
	c := r.chance(forSubnets, uint64(step))
	if !r.o.Sandwich {
		return []supernet.Plan{r.plans[c.IntN(len(r.plans))]}
	}
	plans := []supernet.Plan{r.largest, r.smallest}
	for range randomSubnets {
		if len(r.plans) > 0 {
			plans = append(plans, r.plans[c.IntN(len(r.plans))])
			continue
		}
		plan, err := r.space.Decode(r.space.Random(c))
		if err != nil {
			panic(err) // it is one of the space
		}
		plans = append(plans, plan)
	}
	return plans
}

// train takes the steps that are left. If ctx ends they are kept.
func (r *run) train(ctx context.Context) error {
	watch := r.watch()
	kept := time.Now()
	every := cmp.Or(r.o.Every, time.Minute)
	var order []int
	epoch, overflows := -1, 0
	next := func(step int) *batch {
		if e := step / r.perEpoch; e != epoch {
			epoch, order = e, r.chance(forOrder, uint64(e)).Perm(r.o.Images.Len())
		}
		return r.batchOf(step, order)
	}
	err := eachBatch(ctx, r.o, r.step, r.steps, next, func(b *batch) error {
		loss, done, err := r.take(b)
		switch {
		case errors.Is(err, torch.ErrOutOfMemory):
			return fmt.Errorf("%w; smaller batches may do (%d images at a time now)", err, r.batch)
		case err != nil:
			return err
		case done:
			overflows = 0
		default:
			overflows++
		}
		if overflows > mostOverflows || r.o.Precision != torch.Float16 && (math.IsNaN(loss) || math.IsInf(loss, 0)) {
			return fmt.Errorf("after step %d of %d the weights are no numbers any more: begin again, with a lower rate of learning than %v", r.step, r.steps, r.o.Rate)
		}
		r.step++
		if err := r.average(); err != nil {
			return err
		}
		watch(loss)
		if time.Since(kept) < every || r.step == r.steps {
			return nil
		}
		started := time.Now()
		if err := r.keep(); err != nil {
			return err
		}
		// To write large weights to a slow disk must not take most of the time.
		every = max(every, 20*time.Since(started))
		kept = time.Now()
		return nil
	})
	if ctx.Err() != nil && r.step > 0 {
		return errors.Join(err, r.keep())
	}
	return err
}

// take takes one step. It returns the loss of the first subnet, and whether the weights moved.
func (r *run) take(b *batch) (loss float64, moved bool, err error) {
	images := &r.space.Table.Images
	mean, std := single(images.Mean), single(images.Std)
	targets, answers := b.targets, []float32(nil)
	if len(b.plans) > 1 {
		answers = make([]float32, len(targets))
	}
	for i, plan := range b.plans {
		side := images.Side(int(plan[0]))
		l, err := r.training.Step(plan, b.pixels[slices.Index(b.sides, side)], r.batch, side, side, mean, std, targets, answers)
		if err != nil {
			return 0, false, err
		}
		if i == 0 {
			loss, targets, answers = l, answers, nil
		}
	}
	moved, err = r.training.Apply(r.rate(r.step))
	return loss, moved, err
}

func single(v [3]float64) [3]float32 {
	return [3]float32{float32(v[0]), float32(v[1]), float32(v[2])}
}

// average takes the weights at the end of one of the last epochs into their mean.
func (r *run) average() error {
	epochs := r.step/r.perEpoch - (r.o.Epochs - r.o.Average)
	if r.mean == nil || r.step%r.perEpoch != 0 || epochs < 1 {
		return nil
	}
	return r.mean.Average(r.net, 1/float64(epochs))
}

// watch returns what to call with the loss of each step.
func (r *run) watch() func(loss float64) {
	if r.o.Progress == nil {
		return func(float64) {}
	}
	started, first, epoch := time.Now(), r.step, 0
	sum, n := 0.0, 0
	return func(loss float64) {
		if e := (r.step-1)/r.perEpoch + 1; e != epoch {
			epoch, sum, n = e, 0, 0
		}
		sum, n = sum+loss, n+1
		r.o.Progress(Progress{
			Epoch: epoch, Epochs: r.o.Epochs, Done: int64(r.step) * int64(r.batch), Total: int64(r.steps) * int64(r.batch),
			Loss: sum / float64(n), Rate: float64((r.step-first)*r.batch) / time.Since(started).Seconds(),
		})
	}
}

// finish writes the file. Its statistics are those of its largest subnet, so that it is a
// model as it is.
func (r *run) finish(ctx context.Context, meta export.Meta) error {
	net := r.net
	if r.mean != nil {
		net = r.mean
	}
	meta.Training = r.from.hash()
	if len(meta.Labels) == 0 && len(r.o.Labels) > 0 {
		meta.Labels, meta.Aliases = r.o.Labels, nil
	}
	if err := save(ctx, r.o, net, r.space, meta, r.out); err != nil {
		return err
	}
	return r.removePart()
}

// save recalibrates the largest subnet of a supernet and writes its file.
func save(ctx context.Context, o *Options, net *torch.Supernet, space *supernet.Space, meta export.Meta, out string) error {
	if err := recalibrate(ctx, o, net, space); err != nil {
		return err
	}
	weights, err := net.Weights()
	if err != nil {
		return err
	}
	meta.Checkpoint, meta.Pretrained, meta.Torch = torch.Checkpoint(weights), true, o.Shim.Version()
	text, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	temp := out + ".tmp"
	defer os.Remove(temp)
	if err := net.Write(temp, string(text)); err != nil {
		return err
	}
	data, err := os.ReadFile(temp)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(out, data)
}

// recalibrate gives the largest subnet the statistics of images as they are prepared for
// evaluation, and the supernet those of it.
func recalibrate(ctx context.Context, o *Options, net *torch.Supernet, space *supernet.Space) error {
	largest, err := space.Decode(space.Largest())
	if err != nil {
		return err
	}
	m, err := net.Subnet(largest)
	if err != nil {
		return err
	}
	defer m.Close()
	plain := *o
	plain.Augment = augment.Options{}
	r := &run{job: &job{}, o: &plain, space: space}
	if r.filter, err = imaging.ParseFilter(space.Table.Images.Interpolation); err != nil {
		return err
	}
	order := r.chance(forCalibration, 0).Perm(o.Images.Len())
	order = order[:min(len(order), recalibrated)]
	size := min(calibrationBatch, len(order))
	images := &space.Table.Images
	side := images.Side(int(largest[0]))
	next := func(i int) *batch { return r.newBatch(order[i*size:(i+1)*size], []supernet.Plan{largest}) }
	err = eachBatch(ctx, &plain, 0, len(order)/size, next, func(b *batch) error {
		return m.Observe(b.pixels[0], size, side, side, single(images.Mean), single(images.Std), space.Table.Calibration)
	})
	if err != nil {
		return err
	}
	if err := m.Settle(); err != nil {
		return err
	}
	return m.Keep()
}
