package zoo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// An Index is the top-K lists of some models on one split. What is beyond 1 GiB, or half of the free memory, is mapped from disk.
type Index struct {
	split  string
	labels []uint16
	models map[string]openIndex
	rest   func() // ends keepSmall
}

// OpenIndex opens the search index of the named models on a split. What is missing,
// stale or damaged is built from the archives, on all processors: that takes about
// a second per 300 MB of float16 and processor. progress, which may be nil, is
// called with how many of the models to build are done.
//
// If the folder cannot be written the lists are kept in memory, which is not an error
// but reported through Notify.
func (z *Zoo) OpenIndex(ctx context.Context, split string, models []string, progress func(done, total int)) (*Index, error) {
	s, err := z.Split(split)
	if err != nil {
		return nil, err
	}
	labels, _, err := z.readSplit(s)
	if err != nil {
		return nil, err
	}
	todo := make([]Model, 0, len(models))
	for _, name := range slices.Compact(slices.Sorted(slices.Values(models))) {
		m, err := z.Model(name)
		if err != nil {
			return nil, err
		}
		if _, ok := m.Splits[split]; !ok {
			return nil, fmt.Errorf("%w: model %q has no predictions on %q", ErrNoSplit, clip(name, 200), split)
		}
		todo = append(todo, m)
	}

	opened, missing := make([]openIndex, len(todo)), make([]bool, len(todo))
	err = parallel(ctx, len(todo), nil, func(i int) (err error) {
		opened[i], err = z.loadIndex(ctx, todo[i], s)
		switch {
		case err == nil:
			return nil
		case todo[i].Splits[split].IndexOnly:
			return z.orChanged(todo[i], s, err)
		case !errors.Is(err, fs.ErrNotExist):
			z.note("%v: building it again", err)
		}
		missing[i] = true
		return nil
	})
	if err == nil {
		var build []int
		for i := range todo {
			if missing[i] {
				build = append(build, i)
			}
		}
		err = z.buildIndex(ctx, s, labels, todo, build, opened, progress)
	}
	ix := &Index{split: split, labels: labels, models: make(map[string]openIndex, len(todo))}
	for i, m := range todo {
		ix.models[m.Name] = opened[i]
	}
	ix.rest = ix.keepSmall(residentLimit)
	if err != nil {
		ix.Close()
		return nil, err
	}
	return ix, nil
}

// buildIndex builds the lists of the models with the numbers in build from their
// archives, writes them, and opens them.
func (z *Zoo) buildIndex(ctx context.Context, s Split, labels []uint16, models []Model, build []int, opened []openIndex, progress func(done, total int)) error {
	if len(build) == 0 {
		return nil
	}
	unwritten := make([]error, len(build))
	folder := os.MkdirAll(filepath.Join(z.dir, "index", s.Name), 0o777)
	err := parallel(ctx, len(build), progress, func(i int) error {
		m := models[build[i]]
		l, err := z.buildLists(ctx, m, s)
		if err != nil {
			return err
		}
		o := openIndex{lists: l}
		err = z.saveIndex(z.indexPath(s.Name, m.Name), l, labels, z.indexMeta(m.Splits[s.Name], s))
		if err == nil {
			o, err = z.loadIndex(ctx, m, s)
		}
		if err != nil {
			o, unwritten[i] = openIndex{lists: l}, cmp.Or(folder, err)
		}
		opened[build[i]] = o
		return nil
	})
	unwritten = slices.DeleteFunc(unwritten, func(err error) bool { return err == nil })
	if len(unwritten) > 0 {
		z.note("the search index of %d models could not be written and is kept in memory: %v", len(unwritten), unwritten[0])
	}
	return err
}

// buildLists makes the lists of one model from its archive, a page at a time.
func (z *Zoo) buildLists(ctx context.Context, m Model, s Split) (Lists, error) {
	r, err := z.predictions(ctx, m.Name, s.Name)
	if err != nil {
		return Lists{}, err
	}
	defer r.Close()
	l := outputs.NewLists(s.Samples, z.classes)
	for at := 0; ; {
		if err := ctx.Err(); err != nil {
			return Lists{}, context.Cause(ctx)
		}
		n, err := r.readLists(&l, at)
		if err == io.EOF {
			return l, nil
		}
		if err != nil {
			return Lists{}, err
		}
		at += n
	}
}

// Lists returns the lists of a model, or the zero Lists if it was not asked for.
// They are mapped memory: they must not be changed, nor used after Close.
func (ix *Index) Lists(model string) Lists { return ix.models[model].lists }

// Labels returns the labels of the split, nil if it has none. They must not be changed.
func (ix *Index) Labels() []uint16 { return ix.labels }

// Split returns the name of the split.
func (ix *Index) Split() string { return ix.split }

// Models returns the names of the models, sorted.
func (ix *Index) Models() []string { return slices.Sorted(maps.Keys(ix.models)) }

// Close unmaps the lists, none of which may be in use.
func (ix *Index) Close() error {
	ix.rest()
	var errs []error
	for _, o := range ix.models {
		if o.unmap != nil {
			errs = append(errs, o.unmap())
		}
	}
	ix.models = nil
	return errors.Join(errs...)
}

// parallel calls f for 0 to n-1 on all processors, and stops at the first error or
// when ctx ends, whose cause it returns. Every call that began has returned by then.
// progress, which may be nil, is called with how many are done, one call at a time.
func parallel(ctx context.Context, n int, progress func(done, total int), f func(i int) error) error {
	return parallelBy(ctx, runtime.GOMAXPROCS(0), n, progress, f)
}

// parallelBy is parallel with so many calls at a time.
func parallelBy(ctx context.Context, workers, n int, progress func(done, total int), f func(i int) error) error {
	if progress == nil {
		progress = func(int, int) {}
	}
	var mu sync.Mutex
	done := 0
	progress(done, n)
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i := range n {
		g.Go(func() error {
			defer crash.Guard()()
			if working.Err() != nil {
				return context.Cause(working)
			}
			if err := f(i); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			progress(done, n)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}
