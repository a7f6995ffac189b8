package serve

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/encas-zoo/encas-zoo/answers"
	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/internal/crash"
)

// Machine says what models run on and how, for a person's command.
type Machine struct {
	Shim    string // path of the torch library; "" for the one built last
	Device  string // cpu, cuda, cuda:1; "" for cuda if torch can use it, else cpu
	Threads int    // of torch on a CPU; 0 for all
	Batch   int    // images at a time; 0 for 32 on a CPU, else 256
	Workers int    // decoding; 0 for all cores

	// Log receives what a user may want to know; it may be nil.
	Log func(string)
}

// open opens torch and settles what is not given.
func (m *Machine) open() (Place, error) {
	shim, err := torch.Open(m.Shim)
	if err != nil {
		return Place{}, err
	}
	if m.Device, err = shim.Choose(m.Device); err != nil {
		return Place{}, err
	}
	if m.Batch == 0 {
		m.Batch = torch.DefaultBatch(m.Device)
	}
	return Place{Shim: shim, Device: m.Device, Threads: m.Threads}, nil
}

// maxThreads is the largest number of threads that torch is asked for.
const maxThreads = 1 << 10

// Opened is a bundle whose models are loaded.
type Opened struct {
	*bundle.Bundle
	Machine Machine
	place   Place
	models  *Models
}

// Open reads a bundle, verifies the files of its models and loads them.
func Open(dir string, m Machine) (*Opened, error) {
	b, err := bundle.Read(dir)
	if err != nil {
		return nil, err
	}
	if err := b.CanRun(); err != nil {
		return nil, err
	}
	if err := b.Verify(); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if m.Batch > MaxBatch || m.Threads > maxThreads {
		return nil, fmt.Errorf("batches of %d images on %d threads: at most %d and %d are possible", m.Batch, m.Threads, MaxBatch, maxThreads)
	}
	o := &Opened{Bundle: b, Machine: m}
	if o.place, err = o.Machine.open(); err != nil {
		return nil, err
	}
	if o.models, err = Load(b, o.place); err != nil {
		return nil, err
	}
	return o, nil
}

// Close frees the models.
func (o *Opened) Close() { o.models.Close() }

// Engine starts an engine whose images wait so long for others.
func (o *Opened) Engine(options Options) (*Engine, error) {
	options.Batch, options.Workers, options.Log = o.Machine.Batch, o.Machine.Workers, o.Machine.Log
	return o.models.Start(o.Bundle, o.place, options)
}

// Warm runs every model once on a black image, since the first run of a model is slow.
func (o *Opened) Warm() error {
	for i, s := range o.models.stages {
		if err := s.Model.Classify(make([]byte, s.Input.Size()), 1, make([]uint16, o.Classes)); err != nil {
			return fmt.Errorf("stage %d, model %s: %w", i+1, o.Stages[i].ExportedStage.Model, err)
		}
	}
	return nil
}

// Job says what RunJob runs.
type Job struct {
	Machine
	Bundle     string    // its folder
	Data       string    // see dataset.OpenEither
	Unlabelled bool      // labels, if there are any, are not looked at
	Against    string    // the folder of another bundle, or the name of a model of the bundle; "" for none
	Limit      int       // images, spread evenly; 0 for all
	Stdin      io.Reader // for the data "-"

	Progress func(Progress) // may be nil
}

// A Result is what a job found out.
type Result struct {
	*Summary
	Other   *Summary         // of what it was compared with; nil if with nothing
	Answers []answers.Answer // of the images that have one, in their order
	Failed  []FailedImage
}

// A FailedImage has no answer.
type FailedImage struct {
	ID     string
	Reason error
}

// RunJob answers images with a bundle.
func RunJob(ctx context.Context, j Job) (*Result, error) {
	o, err := Open(j.Bundle, j.Machine)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	other, err := o.other(j.Against)
	if err != nil {
		return nil, err
	}
	if other != nil {
		defer other.Close()
	}
	set, err := openImages(ctx, j)
	if err != nil {
		return nil, err
	}
	defer set.Close()
	set, err = o.match(set)
	if err != nil {
		return nil, err
	}
	set = set.Sample(j.Limit)
	e, err := o.Engine(Options{Wait: Forever})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	var s, rivals *Summary
	var r *Run
	if other == nil {
		if r, err = Images(ctx, e, set, 0, set.Len(), j.Progress); err != nil {
			return nil, err
		}
		s = Summarize(o.Bundle, set.Labels, r, e.Tally())
	} else {
		rival, err := other.Engine(Options{Wait: Forever})
		if err != nil {
			return nil, err
		}
		defer rival.Close()
		runs, tallies, speeds, err := Turns(ctx, [2]*Engine{e, rival}, set, o.Machine.Batch, j.Progress)
		if err != nil {
			return nil, err
		}
		r = runs[0]
		s = Summarize(o.Bundle, set.Labels, r, tallies[0])
		rivals = Summarize(other.Bundle, set.Labels, runs[1], tallies[1])
		s.Against = against(s, rivals, runs, speeds, o.Machine.Batch)
	}
	result := &Result{Summary: s, Other: rivals}
	for i, a := range r.Answers {
		if a.Stage < 0 {
			continue
		}
		answer := answers.Answer{ID: set.IDs[i], Class: a.Class, Confidence: a.Confidence, Stage: a.Stage + 1}
		if o.ClassNames != nil {
			answer.Name = o.ClassNames[a.Class]
		}
		result.Answers = append(result.Answers, answer)
	}
	for _, f := range r.Failed {
		result.Failed = append(result.Failed, FailedImage{set.IDs[f.Image], f.Reason})
	}
	return result, nil
}

// openImages opens the images of a job. Nobody can end the reading of standard input: if ctx
// ends first, it is left behind.
func openImages(ctx context.Context, j Job) (*dataset.Set, error) {
	type opened struct {
		set *dataset.Set
		err error
	}
	done := make(chan opened, 1)
	go func() {
		defer crash.Guard()()
		set, err := dataset.OpenEither(j.Data, j.Unlabelled, j.Stdin)
		done <- opened{set, err}
	}()
	select {
	case o := <-done:
		return o.set, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// match gives the images the bundle's class numbers. Labels that are not the bundle's classes
// are left out, with a note.
func (o *Opened) match(set *dataset.Set) (*dataset.Set, error) {
	note := func(format string, args ...any) {
		if o.Machine.Log != nil {
			o.Machine.Log(fmt.Sprintf("data set %s: ", set.Path) + fmt.Sprintf(format, args...))
		}
	}
	for _, n := range set.Notes {
		note("%s", n)
	}
	if set.Labels == nil {
		return set, nil
	}
	var known [][]string
	if o.ClassNames != nil {
		known = append(known, o.ClassNames)
	}
	class, said, err := ingest.Match(set, o.Classes, known)
	if err != nil {
		note("its labels are left out: %v", err) // without what ingest could do about it
		return set.Unlabelled(), nil
	}
	if said != "" {
		note("%s", said)
	}
	return set.Relabel(class), nil
}

// other opens what the bundle is compared with: one of its models, or another bundle.
func (o *Opened) other(name string) (*Opened, error) {
	if name == "" {
		return nil, nil
	}
	i := slices.IndexFunc(o.Stages, func(s bundle.Stage) bool { return s.ExportedStage.Model == name })
	if i < 0 {
		other, err := Open(name, o.Machine)
		if err != nil {
			return nil, fmt.Errorf("--against %s is neither a model of the cascade nor another bundle: %w", name, err)
		}
		switch {
		case other.Classes != o.Classes || !slices.Equal(other.ClassNames, o.ClassNames):
			err = fmt.Errorf("%s has other classes than %s, or in another order: its answers cannot be compared", name, o.Dir)
		case other.Cost != o.Cost:
			err = fmt.Errorf("%s has its costs in %s, and %s in %s: export both from runs with one cost", name, other.Cost, o.Dir, o.Cost)
		}
		if err != nil {
			other.Close()
			return nil, err
		}
		return other, nil
	}
	alone := o.Stages[i]
	alone.Threshold, alone.Weight = nil, 1
	c := cascade.Single(name)
	b := &bundle.Bundle{Export: front.Export{Text: c.String(), Classes: o.Classes, Cost: o.Cost}, Stages: []bundle.Stage{alone}, ClassNames: o.ClassNames, Cascade: c}
	return &Opened{Bundle: b, Machine: o.Machine, place: o.place, models: &Models{stages: o.models.stages[i : i+1]}}, nil
}

// against compares two runs over the same images.
func against(s, other *Summary, runs [2]*Run, speeds [2]Speed, batch int) *Against {
	a := &Against{
		Model: other.Cascade, Cost: other.Cost, Cascade: speeds[0], Other: speeds[1], Batch: batch,
		TimeRatio: runs[0].Time.Seconds() / runs[1].Time.Seconds(),
	}
	if other.Measured != nil {
		a.Correct = &other.Measured.Correct
	}
	a.SavedTime = 1 - a.TimeRatio
	if other.Cost > 0 {
		a.CostRatio = s.Cost / other.Cost
		a.SavedCost = 1 - a.CostRatio
	}
	for i, x := range runs[0].Answers {
		if y := runs[1].Answers[i]; x.Stage >= 0 && y.Stage >= 0 && x.Class != y.Class {
			a.Difference++
		}
	}
	return a
}
