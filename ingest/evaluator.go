package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
	"github.com/encas-zoo/encas-zoo/nat"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// An Evaluator counts the correct answers of subnets on one labelled data set: those that
// [Run] would store the outputs of. It is used from the goroutine that made it alone, and
// must be closed.
type Evaluator struct {
	r     *runner
	space *supernet.Space
	order []int // of the outputs; nil if it is that of the classes
	names []string
}

// NewEvaluator opens data and torch for subnets of an artifact, and reads each image once.
// Of the options it takes what concerns data (of one split), recalibration and torch.
func NewEvaluator(ctx context.Context, artifact string, o Options) (_ *Evaluator, err error) {
	if len(o.Data) != 1 || o.Data[0].Unlabelled {
		return nil, errors.New("subnets are evaluated on one labelled data set: name one with --data val=PATH")
	}
	meta, err := export.ReadMeta(artifact)
	if err != nil {
		return nil, err
	}
	space, err := meta.Space()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", artifact, err)
	}
	smallest := subnetEntry(artifact, space.Smallest())
	o.Models, o.Classes = []Entry{smallest}, meta.Classes
	e := &Evaluator{r: &runner{o: o}, space: space}
	r := e.r
	if err := r.openTorch(ctx); err != nil {
		return nil, err
	}
	r.o.Batch = cmp.Or(r.o.Batch, torch.DefaultBatch(r.o.Device))
	if err := r.openData(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			r.closeData()
		}
	}()
	if err := r.checkData(ctx); err != nil {
		return nil, err
	}
	if err := r.openCalibration(ctx); err != nil {
		return nil, err
	}
	p, err := r.prepare(ctx, smallest)
	if err != nil {
		return nil, err
	}
	names, notes, err := r.settle(meta.Classes, nil, []*planned{p})
	if err != nil {
		return nil, err
	}
	for _, note := range notes {
		r.log("%s", note)
	}
	e.names = names
	if e.order, err = permutation(names, meta.Names()); err != nil {
		return nil, fmt.Errorf("%s: %w", artifact, err)
	}
	r.classes, r.probs = meta.Classes, make([]uint16, r.o.Batch*meta.Classes)
	// Torch keeps a pool of threads for every thread that calls it.
	runtime.LockOSThread()
	if r.o.Threads > 0 {
		if err := r.shim.Threads(r.o.Threads); err != nil {
			runtime.UnlockOSThread()
			return nil, err
		}
	}
	return e, nil
}

// subnetEntry is the entry of a subnet of an artifact.
func subnetEntry(artifact string, g supernet.Genome) Entry {
	return Entry{Source: "file", Name: artifact, As: g.String(), Genome: g}
}

// Close closes the data.
func (e *Evaluator) Close() {
	e.r.closeData()
	runtime.UnlockOSThread()
}

// Space is that of the subnets.
func (e *Evaluator) Space() *supernet.Space { return e.space }

// Images is how many there are to answer, and to recalibrate on.
func (e *Evaluator) Images() (answered, calibration int) {
	return e.r.splits[0].Len(), e.r.calibration.Len()
}

// Facts are what results depend on beside the artifact.
func (e *Evaluator) Facts() []nat.Fact {
	return []nat.Fact{
		{Name: "the hash of the images of --data", Value: e.r.splits[0].fingerprint},
		{Name: "--calibrate", Value: e.r.calibrationOf(e.space.Table.Calibration)},
		{Name: "--precision", Value: e.r.o.Precision.String()},
	}
}

// ClassNames is what the classes are called, in the order of their numbers; nil if nobody says.
func (e *Evaluator) ClassNames() []string { return e.names }

// Overlap returns how many images to answer are among those to recalibrate on or those that
// are trained on, nil for none, by their names: 0 if the two come from different files.
func (e *Evaluator) Overlap(trained *dataset.Set) (n int) {
	if !sameFolder(e.r.o.Data[0].Path, e.r.o.Calibrate) {
		return 0
	}
	others := e.r.calibration
	if trained != nil {
		others = trained // the others are some of them
	}
	seen := map[string]bool{}
	for _, id := range others.IDs {
		seen[id] = true
	}
	for _, id := range e.r.splits[0].IDs {
		if seen[id] {
			n++
		}
	}
	return n
}

// Evaluate recalibrates subnets of an artifact, each by itself, and counts their correct
// answers. Subnets of one image size share batches.
func (e *Evaluator) Evaluate(ctx context.Context, artifact string, genomes []supernet.Genome, done func(n int)) ([]nat.Result, error) {
	if err := e.check(artifact); err != nil {
		return nil, err
	}
	place := map[*planned]int{}
	var all []*planned
	for i, g := range genomes {
		p, err := e.r.prepare(ctx, subnetEntry(artifact, g))
		if err != nil {
			return nil, err
		}
		p.splits = e.r.splits
		place[p] = i
		all = append(all, p)
	}
	c := &counting{Evaluator: e, weights: &loader{e.r, map[string]*torch.Supernet{}}, done: done, place: place, results: make([]nat.Result, len(genomes))}
	defer c.weights.close()
	for _, group := range groups(all, 0) {
		if err := c.group(ctx, group); err != nil {
			return nil, err
		}
	}
	return c.results, nil
}

// check refuses an artifact of another supernet.
func (e *Evaluator) check(artifact string) error {
	meta, err := export.ReadMeta(artifact)
	if err != nil {
		return err
	}
	space, err := meta.Space()
	if err != nil {
		return fmt.Errorf("%s: %w", artifact, err)
	}
	if meta.Classes != e.r.classes || space.Table.Name != e.space.Table.Name || len(space.Genes()) != len(e.space.Genes()) {
		return fmt.Errorf("%s is another supernet, %s with %d classes, than %s with %d", artifact, space.Table.Name, meta.Classes, e.space.Table.Name, e.r.classes)
	}
	return nil
}

// counting is what one call of Evaluate does.
type counting struct {
	*Evaluator
	weights *loader
	done    func(n int)
	images  int // times subnets, that were run
	place   map[*planned]int
	results []nat.Result
}

// group evaluates subnets of one image size.
func (c *counting) group(ctx context.Context, group []*planned) (err error) {
	r := c.r
	var live []*running
	defer func() {
		for _, m := range live {
			m.close()
		}
	}()
	for _, p := range group {
		m := &running{planned: p}
		if m.Classifier, err = c.weights.load(p); err != nil {
			return c.of(m, err)
		}
		m.Head.Order = c.order
		live = append(live, m)
	}
	each := func(f func(m *running) error) error {
		for _, m := range live {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := f(m); err != nil {
				return c.of(m, err)
			}
		}
		return nil
	}
	err = eachBatch(ctx, r.calibration, group[0].setting, calibrationBatch, r.o.Workers, func(b *batch) error {
		err := each(func(m *running) error { return m.observe(b) })
		c.ran(b.n * len(live))
		return err
	})
	if err == nil {
		err = each((*running).settle)
	}
	if err != nil {
		return err
	}
	s := r.splits[0]
	return eachBatch(ctx, s.Set, group[0].setting, r.o.Batch, r.o.Workers, func(b *batch) error {
		err := each(func(m *running) error {
			result := &c.results[c.place[m.planned]]
			return r.classify(m, s, b, func(first int, probs []uint16) error {
				for i := range len(probs) / r.classes {
					result.Samples++
					if outputs.Top(probs[i*r.classes:][:r.classes]) == int(s.Labels[first+i]) {
						result.Correct++
					}
				}
				return nil
			})
		})
		c.ran(b.n * len(live))
		return err
	})
}

// of says which subnet an error is of.
func (c *counting) of(m *running, err error) error {
	return fmt.Errorf("%s genome=%s: %w", m.path, m.subnet.Genome, err)
}

// ran counts images, times subnets, and says how many subnets that makes.
func (c *counting) ran(images int) {
	c.images += images
	answered, calibration := c.Images()
	c.done(c.images / (answered + calibration))
}
