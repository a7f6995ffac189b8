// Package ingest runs models once over images and puts their softmax
// outputs, their cost and their origin into a zoo. docs/ingest.md describes it.
package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/encas-zoo/encas-zoo/infer/classifier"
	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// Data is a data set and the split it becomes.
type Data struct {
	Split, Path string
	Unlabelled  bool    // a folder of images; the split has no labels
	Share       float64 // of the images, drawn by Seed: see dataset.Set.Share; 0 for all
}

// Options say what Run does.
type Options struct {
	Zoo     string // the folder; made if there is none
	Classes int    // 0: the zoo's, else the data's, else the first model's
	Data    []Data
	Models  []Entry

	ClassNames []string // what the data call the classes, one a class; nil if only they say
	Group      string   // images that belong together are in one share: see dataset.OpenGrouped; "" if none do
	SkipBroken bool     // leave out images that cannot be read, instead of ending

	Calibrate       string // images that the batch norms of subnets are recalibrated on
	CalibrateImages int    // how many of them, drawn by Seed; 0 for DefaultCalibrateImages

	Shim      string // path of the torch library; "" for the one that torch.Find finds for Python
	Device    string // cpu, cuda, cuda:1; "" for cuda if torch can use it, else cpu
	Precision torch.Precision
	Threads   int // of torch on a CPU; 0 for all

	Python     string    // for names; files need none
	Stderr     io.Writer // what Python's libraries print; may be nil
	ModelsDir  string    // where exported files are kept
	Pretrained bool      // false: random weights
	Seed       uint64    // of the random weights, and of shares
	SizeOf     string    // test or train: which of their own sizes models run at; "" for test

	Batch       int           // images at a time; halved for a model that has no room; 0 for 32 on a CPU, else 256
	Workers     int           // decoding; 0 for all cores
	GroupMemory int64         // bytes of model files loaded together; below 0 for one model on a CPU, else 8 GiB
	Timing      time.Duration // spent on timing a model at each batch size, at least; 0 for one run
	Limit       int           // images of each data set, spread evenly; 0 for all
	Shard       int           // of Shards: this run takes every Shards-th model
	Shards      int           // 0 or 1 for all
	Replace     bool          // models of the same name that differ
	KeepLists   bool          // of outputs the largest classes alone: see zoo.Writer.KeepLists
	FailFast    bool

	// Progress is called after every batch and every model; it may be nil. It is called
	// from one goroutine.
	Progress func(Progress)
	// Failed is called for each model that fails, when it does; it may be nil.
	Failed func(Failure)
	// Log receives what else a user may want to know; it may be nil. It may be called
	// from several goroutines.
	Log func(string)
}

// Progress is how far a run is.
type Progress struct {
	Models []string // being run now, over the same images; none while these are read to find broken ones
	Split  string
	Images int // of the split that those models have seen
	Of     int
	// Done of Total counts images times models, over the whole list.
	Done, Total int64
	// Rate is images times models a second since the run began, and Left the time
	// that the rest will take at that rate; 0 before anything is known.
	Rate float64
	Left time.Duration
}

// A Failure is a model that did not get into the zoo.
type Failure struct {
	Model  string
	Reason error
}

// A Result lists the models of a run by how they ended.
type Result struct {
	Added   []string // and extended
	Skipped []string // in the zoo already
	Failed  []Failure
}

// chunk is the number of models that are prepared together: those of one
// preprocessing setting among them share batches, and the next ones are exported
// while these run.
const chunk = 32

// lockWait is how long a finished model waits for another process to let go of the
// zoo. Writers of this package hold it for seconds.
const lockWait = 30 * time.Minute

var errFailFast = errors.New("stopped at the first failure")

// runner is the state of one Run.
type runner struct {
	o        Options
	shim     *torch.Shim
	device   string
	exporter *export.Exporter
	heads    [][][]string // names of ImageNet heads, once prepare has asked for them
	splits   []*split

	calibration     *dataset.Set // what subnets are recalibrated on; nil if there are none
	calibrationFile *dataset.Set // what it is drawn from

	zoo     *zoo.Zoo
	classes int
	before  int      // classes of a zoo that has no models yet
	probs   []uint16 // one batch of outputs
	result  Result

	saidSizes bool

	begin    time.Time
	progress Progress
	images   int64 // of all splits
}

// Run ingests. A model that fails is in the result and does not end the run; the
// error is for what ends it: an image that cannot be read, a full disk, an
// interruption. Models that were added before stay.
func Run(ctx context.Context, o Options) (Result, error) {
	r := &runner{o: o, begin: time.Now()}
	if err := r.start(ctx); err != nil {
		return r.result, err
	}
	defer r.exporter.Close()
	defer r.closeData()
	// Torch keeps a pool of threads for every thread that calls it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if o.Threads > 0 {
		if err := r.shim.Threads(o.Threads); err != nil {
			return r.result, err
		}
	}
	err := r.run(ctx)
	if errors.Is(err, errFailFast) {
		err = nil
	}
	return r.result, err
}

// start checks everything that can be checked before the first model.
func (r *runner) start(ctx context.Context) (err error) {
	o := &r.o
	if o.Batch < 0 || o.Limit < 0 || o.Shards < 0 || o.Shard < 0 || o.Shard >= max(o.Shards, 1) {
		return fmt.Errorf("ingest: batch %d, limit %d, shard %d of %d cannot be", o.Batch, o.Limit, o.Shard, o.Shards)
	}
	if len(o.Data) == 0 || len(o.Models) == 0 {
		return errors.New("ingest: no data or no models")
	}
	if err := r.openTorch(ctx); err != nil {
		return err
	}
	// On a CPU decoding costs little beside the models, and a group would only put
	// off the moment the first of them is safe in the zoo.
	memory := int64(8 << 30)
	if o.Device == "cpu" {
		memory = 0
	}
	o.Batch = cmp.Or(o.Batch, torch.DefaultBatch(o.Device))
	if o.GroupMemory < 0 {
		o.GroupMemory = memory
	}
	r.device = deviceName(ctx, o.Device)
	if err := r.openData(); err != nil {
		return err
	}
	r.exporter = export.New(o.Python, o.Stderr)
	if r.zoo, err = zoo.Open(o.Zoo); errors.Is(err, fs.ErrNotExist) {
		err = nil
	} else if err == nil && len(r.zoo.Models()) == 0 {
		r.before, r.zoo = r.zoo.Classes(), nil // what a failed run left binds nobody
	} else if err == nil && o.Classes != 0 && o.Classes != r.zoo.Classes() {
		err = fmt.Errorf("zoo %s has %d classes, not %d", o.Zoo, r.zoo.Classes(), o.Classes)
	}
	if err == nil {
		err = r.checkData(ctx)
	}
	if err == nil {
		err = r.openCalibration(ctx)
	}
	if err != nil {
		r.closeData()
	}
	return err
}

// openTorch opens the shim and finds out what it runs on.
func (r *runner) openTorch(ctx context.Context) (err error) {
	o := &r.o
	o.Workers = cmp.Or(o.Workers, runtime.NumCPU())
	if o.Shim == "" {
		var note string
		if o.Shim, note, err = torch.Find(ctx, o.Python); err != nil {
			return err
		}
		if note != "" {
			r.log("%s", note)
		}
	}
	if r.shim, err = torch.Open(o.Shim); err != nil {
		return err
	}
	given := o.Device
	if o.Device, err = r.shim.Choose(given); err != nil {
		return err
	}
	if given == "" {
		r.log("running on %s", o.Device)
	}
	return nil
}

// openData opens the data sets, cut down to as many images each as may be.
func (r *runner) openData() (err error) {
	defer func() {
		if err != nil {
			r.closeData()
		}
	}()
	for _, d := range r.o.Data {
		if slices.ContainsFunc(r.splits, func(s *split) bool { return s.name == d.Split }) {
			return fmt.Errorf("split %s is given twice", d.Split)
		}
		s, err := r.openSplit(d)
		if err != nil {
			return err
		}
		r.splits = append(r.splits, s)
	}
	return nil
}

func (r *runner) closeData() {
	for _, s := range r.splits {
		s.given.Close()
	}
	if r.calibrationFile != nil {
		r.calibrationFile.Close()
	}
}

func (r *runner) log(format string, args ...any) {
	if r.o.Log != nil {
		r.o.Log(fmt.Sprintf(format, args...))
	}
}

// prepared is a chunk of models ready to run, and those that are not.
type prepared struct {
	models []*planned
	failed []Failure
}

func (r *runner) run(ctx context.Context) error {
	if err := r.checkPython(ctx, r.o.Models); err != nil {
		return err
	}
	if flaws := torch.Flaws(r.shim.Version()); flaws != "" && slices.ContainsFunc(r.o.Models, Entry.fromOthers) {
		r.log("%s", flaws)
	}
	entries, err := expand(ctx, r.o.Models, r.exporter)
	if err != nil {
		return err
	}
	if r.o.Shards > 0 {
		all := len(entries)
		entries = part(entries, r.o.Shard, r.o.Shards)
		r.log("part %d of %d (parts are from 0): %d of %d models", r.o.Shard, r.o.Shards, len(entries), all)
	}
	r.progress.Total = int64(len(entries)) * r.images

	// Python exports the next chunk while torch runs this one.
	ctx, cancel := context.WithCancel(ctx)
	chunks := make(chan prepared)
	stopped := make(chan struct{})
	defer func() { cancel(); <-stopped }()
	go func() {
		defer crash.Guard()()
		defer close(stopped)
		defer close(chunks)
		for first := 0; first < len(entries); first += chunk {
			var c prepared
			for _, e := range entries[first:min(first+chunk, len(entries))] {
				p, err := r.prepare(ctx, e)
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					c.failed = append(c.failed, Failure{e.As, err})
					continue
				}
				c.models = append(c.models, p)
			}
			select {
			case chunks <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	for c := range chunks {
		for _, f := range c.failed {
			if err := r.fail(f.Model, f.Reason, r.images); err != nil {
				return err
			}
		}
		r.saySizes(c.models)
		if err := r.runChunk(ctx, c.models); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fail notes a failed model; images are those that will not be run for it.
func (r *runner) fail(model string, reason error, images int64) error {
	r.result.Failed = append(r.result.Failed, Failure{model, reason})
	r.progress.Total -= images
	if r.o.Failed != nil {
		r.o.Failed(Failure{model, reason})
	}
	if r.o.FailFast {
		return errFailFast
	}
	return nil
}

func (r *runner) runChunk(ctx context.Context, models []*planned) error {
	var todo []*planned
	if r.classes != 0 {
		if err := r.nameClasses(ctx, models); err != nil {
			return err
		}
	}
	for i, p := range models {
		err := r.learnClasses(ctx, p)
		var end *runError
		if errors.As(err, &end) {
			return end.error
		}
		if err != nil {
			if err := r.fail(p.name, err, r.images); err != nil {
				return err
			}
			continue
		}
		if err := r.needZoo(ctx, models[i:]); err != nil {
			return err
		}
		var splits []*split
		if err = r.readHead(p); err == nil {
			splits, _, err = r.missing(p)
		}
		if err != nil {
			if err := r.fail(p.name, err, r.images); err != nil {
				return err
			}
			continue
		}
		if len(splits) == 0 {
			r.result.Skipped = append(r.result.Skipped, p.name)
			r.progress.Total -= r.images
			continue
		}
		p.splits = splits
		r.progress.Total += images(splits) - r.images
		todo = append(todo, p)
	}
	queue := groups(todo, r.o.GroupMemory)
	for len(queue) > 0 {
		alone, err := r.runGroup(ctx, queue[0])
		if err != nil {
			return err
		}
		queue = queue[1:]
		for _, p := range alone {
			queue = append(queue, []*planned{p})
		}
	}
	return nil
}

// needZoo makes the zoo, if there is none, and its splits, once. What neither zoo nor data
// say of the classes the models do.
func (r *runner) needZoo(ctx context.Context, models []*planned) (err error) {
	if r.classes != 0 {
		return nil
	}
	if r.zoo == nil {
		classes := r.countClasses(r.fewest(models))
		if classes == 0 {
			return errors.New("the number of classes is in neither the data nor the models; give --classes")
		}
		r.suspectBackground(models[0])
		err := r.locked(ctx, func() (err error) {
			if r.zoo, err = zoo.Create(r.o.Zoo, classes); errors.Is(err, fs.ErrExist) {
				r.zoo, err = zoo.Open(r.o.Zoo) // another ingest was faster
			}
			return err
		})
		if err == nil {
			err = r.renew(ctx, classes, models)
		}
		if err != nil {
			return err
		}
	}
	err = r.write(ctx, func(w *zoo.Writer) error {
		// Another ingest may have named the classes since.
		names, notes, err := r.settle(r.zoo.Classes(), r.zoo.ClassNames(), models)
		if err != nil {
			return err
		}
		for _, note := range notes {
			r.log("%s", note)
		}
		for _, s := range r.splits {
			if err := s.addTo(w, r.zoo); err != nil {
				return fmt.Errorf("data set %s: %w", s.Path, err)
			}
		}
		if names != nil && r.zoo.ClassNames() == nil {
			return w.SetClassNames(names)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if r.o.KeepLists && !r.zoo.ListsSmaller() {
		r.log("all %d classes are kept: lists of the largest would take more", r.zoo.Classes())
	}
	r.classes = r.zoo.Classes()
	r.probs = make([]uint16, r.o.Batch*r.classes)
	return nil
}

// write calls f with the zoo's writer.
func (r *runner) write(ctx context.Context, f func(*zoo.Writer) error) error {
	var w *zoo.Writer
	err := r.locked(ctx, func() (err error) {
		w, err = r.zoo.Write()
		return err
	})
	if err != nil {
		return err
	}
	return errors.Join(f(w), w.Close())
}

// locked calls take, again and again while another process has the zoo.
func (r *runner) locked(ctx context.Context, take func() error) error {
	deadline := time.Now().Add(lockWait)
	for waited := false; ; waited = true {
		err := take()
		if !errors.Is(err, zoo.ErrLocked) || time.Now().After(deadline) {
			return err
		}
		if !waited {
			r.log("waiting for another process that writes to %s", r.o.Zoo)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// running is a model that is loaded.
type running struct {
	*planned
	*classifier.Classifier
	costs  costs
	spools map[*split]*spool
	seen   int64 // images
}

func (m *running) close() {
	if m.Classifier != nil {
		m.Classifier.Close()
	}
	for _, s := range m.spools {
		s.close()
	}
}

// runGroup runs models of one setting over the same batches. It returns those that
// have to be run again alone.
func (r *runner) runGroup(ctx context.Context, group []*planned) (alone []*planned, err error) {
	var live []*running
	defer func() {
		for _, m := range live {
			m.close()
		}
	}()
	// drop takes a model out of the group because of an error of its own.
	drop := func(p *planned, seen int64, reason error) error {
		r.progress.Done -= seen
		if len(group) > 1 && errors.Is(reason, torch.ErrOutOfMemory) {
			alone = append(alone, p)
			return nil
		}
		return r.fail(p.name, reason, images(p.splits))
	}
	models := &loader{r, map[string]*torch.Supernet{}}
	defer models.close()
	for _, p := range group {
		m := &running{planned: p, spools: map[*split]*spool{}}
		if m.Classifier, err = models.load(p); err != nil {
			if err := drop(p, 0, err); err != nil {
				return nil, err
			}
			continue
		}
		live = append(live, m)
		for _, s := range p.splits {
			if m.spools[s], err = newSpool(r.o.Zoo, r.classes); err != nil {
				return nil, err
			}
		}
	}
	// each calls f for every live model and drops those it fails for, unless the run
	// itself has to end.
	each := func(f func(*running) error) error {
		kept := live[:0]
		var stop error
		for i, m := range live {
			if stop == nil {
				stop = ctx.Err()
			}
			if stop != nil {
				kept = append(kept, live[i])
				continue
			}
			err := f(m)
			var end *runError
			if errors.As(err, &end) {
				stop = end.error
			} else if err != nil {
				m.close()
				stop = drop(m.planned, m.seen, err)
				continue
			}
			kept = append(kept, m)
		}
		live = kept
		return stop
	}
	if slices.ContainsFunc(live, func(m *running) bool { return m.subnet != nil }) {
		err := eachBatch(ctx, r.calibration, group[0].setting, calibrationBatch, r.o.Workers, func(b *batch) error {
			if len(live) == 0 {
				return errNoModels
			}
			err := each(func(m *running) error { return m.observe(b) })
			r.report(live, "calibration", b.first+b.n, r.calibration.Len())
			return err
		})
		if err == nil {
			err = each((*running).settle)
		}
		if err != nil && !errors.Is(err, errNoModels) {
			return nil, err
		}
	}
	if len(live) > 0 {
		// The first batch alone, so that no decoder disturbs the timing.
		n := max(r.o.Batch, looked)
		err := eachBatch(ctx, group[0].splits[0].Head(n), group[0].setting, n, r.o.Workers, func(b *batch) error {
			return each(func(m *running) error {
				if err := r.probe(m, b); err != nil {
					return err
				}
				return r.measure(m, b)
			})
		})
		if err != nil {
			return nil, err
		}
	}
	for _, s := range group[0].splits {
		if len(live) == 0 {
			break
		}
		err := eachBatch(ctx, s.Set, group[0].setting, r.o.Batch, r.o.Workers, func(b *batch) error {
			if len(live) == 0 {
				return errNoModels
			}
			err := each(func(m *running) error { return r.runBatch(m, s, b) })
			r.report(live, s.name, b.first+b.n, s.Len())
			return err
		})
		if err != nil && !errors.Is(err, errNoModels) {
			return nil, err
		}
	}
	return alone, each(func(m *running) error { return r.commit(ctx, m) })
}

var errNoModels = errors.New("no model is left")

// A runError ends the run and not only a model.
type runError struct{ error }

// runBatch runs one model over one batch and keeps the outputs.
func (r *runner) runBatch(m *running, s *split, b *batch) error {
	return r.classify(m, s, b, func(_ int, probs []uint16) error {
		if err := m.spools[s].add(probs); err != nil {
			return &runError{err}
		}
		n := len(probs) / r.classes
		m.seen += int64(n)
		r.progress.Done += int64(n)
		return nil
	})
}

// classify runs one model over one batch, in as many parts as the device has room for, and
// calls use with the outputs of each and the number of its first image.
func (r *runner) classify(m *running, s *split, b *batch, use func(first int, probs []uint16) error) error {
	p := m.planned
	size := p.setting.Size()
	for first := 0; first < b.n; {
		n := min(p.batch, b.n-first)
		probs := r.probs[:n*r.classes]
		err := m.Classify(b.pixels[first*size:(first+n)*size], n, probs)
		if errors.Is(err, torch.ErrOutOfMemory) && p.batch > 1 {
			r.halve(p)
			continue
		}
		var bad *classifier.RowError
		if errors.As(err, &bad) {
			return fmt.Errorf("image %s of %s: %w", s.IDs[b.first+first+bad.Row], s.name, advised(bad))
		}
		if err != nil {
			return err
		}
		if err := use(b.first+first, probs); err != nil {
			return err
		}
		first += n
	}
	return nil
}

// commit puts a finished model into the zoo.
func (r *runner) commit(ctx context.Context, m *running) error {
	var own error
	err := r.write(ctx, func(w *zoo.Writer) error {
		// Another process may have been here since the plan was made.
		splits, extend, err := r.missing(m.planned)
		if err != nil {
			own = err
			return nil
		}
		if len(splits) == 0 {
			return nil
		}
		w.KeepLists(r.o.KeepLists)
		var mw *zoo.ModelWriter
		if extend {
			if stored, err := r.zoo.Model(m.name); err != nil {
				return err
			} else if c := stored.Columns[zoo.ColumnActivation]; c != m.Head.Activation.Column() {
				own = fmt.Errorf("its outputs on other splits were taken with activation=%s, and now %s is right; run all splits again with --replace", cmp.Or(classifier.Activation(c), classifier.Softmax), m.Head.Activation.InList())
				return nil
			}
			mw, err = w.ExtendModel(m.name)
		} else {
			mw, err = w.ReplaceModel(zoo.Model{Name: m.name, Columns: r.columns(m)})
		}
		if err != nil {
			return err
		}
		defer mw.Abort()
		for _, s := range splits {
			if m.spools[s] == nil {
				own = fmt.Errorf("split %s went from the zoo while the model ran; run it again", s.name)
				return nil
			}
			if own = s.gone(r.zoo); own != nil {
				return nil
			}
			err := m.spools[s].each(func(row []uint16) error { return mw.WriteRow(s.name, row) })
			var file *fs.PathError
			if err != nil && !errors.As(err, &file) {
				own = err // the row, and not the disk
				return nil
			}
			if err != nil {
				return err
			}
		}
		return mw.Commit()
	})
	if own != nil {
		return own
	}
	if err != nil {
		return &runError{fmt.Errorf("%s: %w", m.name, err)}
	}
	r.result.Added = append(r.result.Added, m.name)
	return nil
}

// report passes the progress on.
func (r *runner) report(live []*running, split string, images, of int) {
	if r.o.Progress == nil {
		return
	}
	p := &r.progress
	p.Models = p.Models[:0:0]
	for _, m := range live {
		p.Models = append(p.Models, m.name)
	}
	p.Split, p.Images, p.Of = split, images, of
	if seconds := time.Since(r.begin).Seconds(); seconds > 0 && p.Done > 0 {
		p.Rate = float64(p.Done) / seconds
		left := float64(p.Total-p.Done) / p.Rate
		p.Left = time.Duration(math.Max(left, 0) * float64(time.Second))
	}
	r.o.Progress(*p)
}
