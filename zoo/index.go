package zoo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// An Index is the top-K lists of some models on one split, mapped from disk.
type Index struct {
	split  string
	labels []uint16
	models map[string]openIndex
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
	labels, _, err := z.Labels(split)
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

	ix := &Index{split: split, labels: labels, models: make(map[string]openIndex, len(todo))}
	var mu sync.Mutex
	add := func(name string, o openIndex) {
		mu.Lock()
		defer mu.Unlock()
		ix.models[name] = o
	}
	missing := make([]bool, len(todo))
	err = parallel(ctx, len(todo), func(i int) error {
		o, err := z.loadIndex(todo[i], s)
		switch {
		case err == nil:
			add(todo[i].Name, o)
			return nil
		case todo[i].Splits[split].IndexOnly:
			return fmt.Errorf("%w; there is no archive to build it from; import the model again", err)
		case !isMissing(err):
			z.note("%v: building it again", err)
		}
		missing[i] = true
		return nil
	})
	if err == nil {
		var build []Model
		for i, m := range todo {
			if missing[i] {
				build = append(build, m)
			}
		}
		err = z.buildIndex(ctx, s, labels, build, add, progress)
	}
	if err != nil {
		ix.Close()
		return nil, err
	}
	return ix, nil
}

// buildIndex builds the lists of models from their archives, writes them, and hands
// them to add.
func (z *Zoo) buildIndex(ctx context.Context, s Split, labels []uint16, models []Model, add func(string, openIndex), progress func(done, total int)) error {
	if len(models) == 0 {
		return nil
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	var mu sync.Mutex
	done := 0
	progress(0, len(models))
	var unwritten error
	kept := 0
	if err := os.MkdirAll(filepath.Join(z.dir, "index", s.Name), 0o777); err != nil {
		unwritten = err
	}
	err := parallel(ctx, len(models), func(i int) error {
		m := models[i]
		l, err := z.buildLists(ctx, m, s)
		if err != nil {
			return err
		}
		o := openIndex{lists: l}
		err = z.saveIndex(z.indexPath(s.Name, m.Name), l, labels, z.indexMeta(m.Splits[s.Name], s))
		if err == nil {
			o, err = z.loadIndex(m, s)
		}
		if err != nil {
			o = openIndex{lists: l}
		}
		add(m.Name, o)

		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			kept++
			if unwritten == nil {
				unwritten = err
			}
		}
		done++
		progress(done, len(models))
		return nil
	})
	if kept > 0 {
		z.note("the search index of %d models could not be written and is kept in memory: %v", kept, unwritten)
	}
	return err
}

// buildLists makes the lists of one model from its archive, a page at a time.
func (z *Zoo) buildLists(ctx context.Context, m Model, s Split) (Lists, error) {
	r, err := z.Predictions(m.Name, s.Name)
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

// Labels returns the labels of the split. They must not be changed.
func (ix *Index) Labels() []uint16 { return ix.labels }

// Split returns the name of the split.
func (ix *Index) Split() string { return ix.split }

// Models returns the names of the models, sorted.
func (ix *Index) Models() []string { return slices.Sorted(maps.Keys(ix.models)) }

// Close unmaps the lists, none of which may be in use.
func (ix *Index) Close() error {
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
func parallel(ctx context.Context, n int, f func(i int) error) error {
	g, working := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error {
			if working.Err() != nil {
				return context.Cause(working)
			}
			return f(i)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}
