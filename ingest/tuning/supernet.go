package tuning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/encas-zoo/encas-zoo/infer/export"
	"github.com/encas-zoo/encas-zoo/infer/torch"
	"github.com/encas-zoo/encas-zoo/ingest"
	"github.com/encas-zoo/encas-zoo/ingest/dataset"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/lock"
	"github.com/encas-zoo/encas-zoo/supernet"
)

// A Request asks for one file to be trained.
type Request struct {
	Options
	File    string // a supernet's file; or a family or table, whose weights begin at random
	Width   string // of a family that has several
	Data    string // images with labels
	Classes int    // 0 for those of the file, or of the data
	Out     string
	Library string // the torch library; "" for the one that torch.Find finds for Python
	Python  string // which makes the file to begin with of a table
	Log     func(note string)
	Stderr  io.Writer // of Python
}

// What a Request takes if it says nothing else: rates of learning, and how many epochs it
// takes from nothing to reach the rate.
const (
	tuningRate, untrainedRate = 0.01, 0.3
	untrainedWarmUp           = 0.5
)

// ErrInUse: another process trains the file that is asked for.
var ErrInUse = errors.New("another training writes to this file")

// Run trains a file and returns what it states. If it is there already it is not trained
// again.
func Run(ctx context.Context, r Request) (result export.Meta, err error) {
	if err := r.Settings.Check(); err != nil {
		return result, err
	}
	if sameFile(r.File, r.Out) {
		return result, fmt.Errorf("%s would take the place of the file that the training begins with: name another file", r.Out)
	}
	if err := atomicfile.Probe(r.Out); err != nil {
		return result, err
	}
	held, err := lock.File(r.Out + ".lock")
	if errors.Is(err, lock.ErrInUse) {
		return result, fmt.Errorf("%s: %w: wait until it ends, or name another file", r.Out, ErrInUse)
	} else if err != nil {
		return result, err
	}
	defer held.Unlock()
	set, err := r.open(ctx)
	if err != nil {
		return result, err
	}
	defer set.Close()
	start, meta, remove, err := r.start(ctx, set)
	if err != nil {
		return result, err
	}
	defer remove()
	if meta.Names() == nil && len(set.ClassNames) == meta.Classes {
		if sameFile(start, r.File) {
			r.Log(fmt.Sprintf("%s does not name its classes: they are numbered in the order of the names in %s", r.File, set.Path))
		}
		r.Images, r.Labels = set, set.ClassNames
	} else if r.Images, err = match(set, meta, nil); err != nil {
		return result, err
	}
	if err := r.check(); err != nil {
		return result, err
	}
	j := job{start: start, out: r.Out, keeps: true}
	made, err := j.run(ctx, &r.Options)
	if err != nil {
		return result, err
	}
	if !made {
		r.Log(fmt.Sprintf("%s is there already, from the same weights by the same training", r.Out))
	}
	return export.ReadMeta(r.Out)
}

// open opens the images to train on and torch, and chooses the device. The set is to be closed.
func (r *Request) open(ctx context.Context) (set *dataset.Set, err error) {
	set, err = dataset.Open(r.Data)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			set.Close()
		}
	}()
	for _, note := range set.Notes {
		r.Log(fmt.Sprintf("data set %s: %s", set.Path, note))
	}
	if r.Library == "" {
		var note string
		if r.Library, note, err = torch.Find(ctx, r.Python); err != nil {
			return nil, err
		}
		if note != "" {
			r.Log(note)
		}
	}
	if r.Shim, err = torch.Open(r.Library); err != nil {
		return nil, err
	}
	given := r.Device
	if r.Device, err = r.Shim.Choose(given); err != nil {
		return nil, err
	}
	if given == "" {
		r.Log("training on " + r.Device)
	}
	return set, nil
}

// Open opens the images and torch for a trainer, which begins with the request's file and leaves
// what it makes in dir. classes are the names of the classes if the file has none; without these,
// either, the data have numbers. It must be closed.
func Open(ctx context.Context, r Request, classes []string, dir string) (_ *Trainer, err error) {
	meta, err := export.ReadMeta(r.File)
	if err != nil {
		return nil, err
	}
	set, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			set.Close()
		}
	}()
	if r.Images, err = match(set, meta, classes); err != nil {
		return nil, fmt.Errorf("%w; give --class-names, the names of the classes in the order of the outputs of %s", err, r.File)
	}
	return New(r.Options, r.File, dir)
}

// start returns the file to begin with, and what removes it if it was made for that.
func (r *Request) start(ctx context.Context, set *dataset.Set) (path string, meta export.Meta, remove func(), err error) {
	nothing := func() {}
	meta, errMeta := export.ReadMeta(r.File)
	if errMeta == nil {
		if _, err := meta.Space(); err != nil {
			return "", meta, nothing, fmt.Errorf("%s: %w", r.File, err)
		}
		if r.Classes != 0 && r.Classes != meta.Classes {
			return "", meta, nothing, fmt.Errorf("%s has %d classes; for %d export its weights again with --classes %d", r.File, meta.Classes, r.Classes, r.Classes)
		}
		r.Rate = cmp.Or(r.Rate, tuningRate)
		return r.File, meta, nothing, nil
	}
	table, err := supernet.Find(r.File, r.Width)
	switch {
	case err == nil:
	case errors.Is(errMeta, os.ErrNotExist):
		return "", meta, nothing, fmt.Errorf("there is no file %s, and %w", r.File, err)
	case filepath.Ext(r.File) == ".json":
		return "", meta, nothing, err
	default:
		return "", meta, nothing, errMeta
	}
	r.Rate, r.WarmUp = cmp.Or(r.Rate, untrainedRate), cmp.Or(r.WarmUp, untrainedWarmUp)
	if r.Classes == 0 {
		if r.Classes = set.Classes; r.Classes == 0 {
			return "", meta, nothing, fmt.Errorf("data set %s does not say how many classes there are: say it with --classes", set.Path)
		}
	}
	dir, err := os.MkdirTemp("", "encas-untrained")
	if err != nil {
		return "", meta, nothing, err
	}
	remove = func() { os.RemoveAll(dir) }
	e := export.New(r.Python, r.Stderr)
	defer e.Close()
	path = filepath.Join(dir, "untrained.pt")
	meta, err = e.Supernet(ctx, export.SupernetRequest{Table: table, Classes: r.Classes, Seed: r.Seed, Untrained: true, Out: path})
	if err != nil {
		remove()
		return "", meta, nothing, err
	}
	return path, meta, remove, nil
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// match returns the data with the class numbers of a supernet's file; names are those of its
// classes if it has none.
func match(set *dataset.Set, meta export.Meta, names []string) (*dataset.Set, error) {
	known := meta.Names()
	if known == nil && len(names) > 0 {
		known = [][]string{names}
	}
	class, _, err := ingest.Match(set, meta.Classes, known)
	if err != nil {
		return nil, fmt.Errorf("data set %s: %w", set.Path, err)
	}
	return set.Relabel(class), nil
}

// Average writes a supernet's file whose weights are the averages of those of several files
// of one table, whatever was recalibrated in them: its statistics are new.
func Average(ctx context.Context, o Options, files []string, out string) error {
	if len(files) == 0 {
		return errors.New("no files to average")
	}
	meta, err := export.ReadMeta(files[0])
	if err != nil {
		return err
	}
	space, err := meta.Space()
	if err != nil {
		return fmt.Errorf("%s: %w", files[0], err)
	}
	load := func(file string) (*torch.Supernet, error) {
		return o.Shim.Supernet(file, o.Device, torch.Float32, space.Classes)
	}
	release, err := o.useTorch()
	if err != nil {
		return err
	}
	defer release()
	mean, err := load(files[0])
	if err != nil {
		return err
	}
	defer mean.Close()
	for i, file := range files[1:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		other, err := load(file)
		if err != nil {
			return err
		}
		err = mean.Average(other, 1/float64(i+2))
		other.Close()
		if err != nil {
			return fmt.Errorf("%s and %s: %w", files[0], file, err)
		}
	}
	meta.Training = ""
	return save(ctx, &o, mean, space, meta, out)
}
