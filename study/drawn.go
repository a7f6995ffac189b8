package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// Of very many samples a part is searched, drawn at random, and what was found is measured on
// all others (docs/search.md, "Many samples"). Lists are read a few thousand samples at a time,
// so memory holds those of the samples searched, or a block of the others.

const (
	// drawnSamples is how many samples are searched by default if there are more: they tell
	// accuracies to 0.1 points.
	drawnSamples = 1 << 17
	// leastOthers are as many as must be left to measure on, by default.
	leastOthers = drawnSamples / 4

	// fewSamples are too few for an accuracy: its standard error is 5 points.
	fewSamples = 100

	listBlock = 4096 // samples whose lists of a model are read at a time
)

// drawn is the part of the samples that is searched.
type drawn struct {
	about   front.Drawn
	rows    []int // ascending
	in      []bool
	labels  []uint16       // of all samples
	correct map[string]int // answers of each model on all samples
	checked bool           // what was found was measured on the full stored outputs
}

// draw draws the samples to be searched, if not all are.
func (s *search) draw() error {
	n := s.options.SearchSamples
	if n < 0 {
		return inputf("search-samples", fmt.Sprint(n), "it is a number of samples to draw; without the option a search by evidence draws %d of very many", drawnSamples)
	}
	if n == 0 && s.search.Evidence && s.split.Samples >= drawnSamples+leastOthers {
		n = drawnSamples
	}
	if n >= s.split.Samples {
		s.watch.note("all samples are searched: the split %s has %d, and --search-samples is %d", s.split.Name, s.split.Samples, n)
	}
	if n == 0 || n >= s.split.Samples {
		return nil
	}
	if few := min(n, s.split.Samples-n); few < fewSamples {
		s.watch.warn("%d samples to search and %d to measure on: with fewer than %d of either, accuracies say little", n, s.split.Samples-n, fewSamples)
	}
	s.options.SearchSamples = n
	s.run.Options = s.options
	d := &drawn{rows: front.Draw(n, s.split.Samples, s.options.Seed), in: make([]bool, s.split.Samples), correct: map[string]int{}}
	d.about = *front.NewDrawn(d.rows, s.options.Seed)
	for _, row := range d.rows {
		d.in[row] = true
	}
	s.drawn = d
	s.search.Folds = 0
	return nil
}

// searchedSamples returns how many samples are searched.
func (s *search) searchedSamples() int {
	if s.drawn != nil {
		return len(s.drawn.rows)
	}
	return s.split.Samples
}

// measured reports whether what was found was measured on the samples that were not drawn.
func (d *drawn) measured() bool { return d != nil && d.about.Measured > 0 }

// restrict makes options those of the search of the samples drawn: half of the time is for
// measuring, which parts do not, and the least accuracy is one on the others.
func (d *drawn) restrict(o *optimize.Options) {
	if o.Shards == 0 {
		o.Time /= 2
	}
	o.SaveAtEnd = true
	if o.Evidence {
		o.MinAccuracy = 0
	}
}

// An opened is the lists that are searched, and their labels.
type opened interface {
	Lists(model string) zoo.Lists
	Labels() []uint16
	Close() error
}

// openSearched opens the lists of the models on the samples searched.
func (s *search) openSearched(ctx context.Context) (opened, error) {
	if s.drawn == nil {
		return openIndex(ctx, s.zoo, s.split.Name, s.models, s.watch)
	}
	return s.gather(ctx)
}

// gathered is the lists of the samples drawn.
type gathered struct {
	lists  map[string]zoo.Lists
	labels []uint16
}

func (g *gathered) Lists(model string) zoo.Lists { return g.lists[model] }
func (g *gathered) Labels() []uint16             { return g.labels }
func (g *gathered) Close() error                 { return nil }

// gather reads the lists of all models, keeps those of the samples drawn, and counts the models'
// correct answers.
func (s *search) gather(ctx context.Context) (*gathered, error) {
	d := s.drawn
	var err error
	if d.labels, _, err = s.zoo.Labels(s.split.Name); err != nil {
		return nil, err
	}
	g := &gathered{lists: map[string]zoo.Lists{}}
	for _, row := range d.rows {
		g.labels = append(g.labels, d.labels[row])
	}
	update, stop := s.watch.task("reading the search index", "models")
	defer stop()
	lists, correct := make([]zoo.Lists, len(s.models)), make([]int, len(s.models))
	var done atomic.Int64
	err = s.inParallel(ctx, len(s.models), func(ctx context.Context, i int) error {
		lists[i] = s.zoo.NewLists(len(d.rows))
		kept := 0
		err := s.readLists(ctx, s.models[i].Name, 0, s.split.Samples, func(row int, part *zoo.Lists, at int) {
			if part.TopClass[at] == d.labels[row] {
				correct[i]++
			}
			if d.in[row] {
				copyList(&lists[i], kept, part, at)
				kept++
			}
		})
		update(done.Add(1), int64(len(s.models)), s.models[i].Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, m := range s.models {
		g.lists[m.Name], d.correct[m.Name] = lists[i], correct[i]
	}
	return g, nil
}

// threads is how many processors may be used.
func (s *search) threads() int { return cmp.Or(s.options.Threads, runtime.GOMAXPROCS(0)) }

// inParallel calls f for 0 to n-1 on the threads, and stops at the first error.
func (s *search) inParallel(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.threads())
	for i := range n {
		g.Go(func() error {
			defer crash.Guard()()
			if err := ctx.Err(); err != nil {
				return err
			}
			return f(ctx, i)
		})
	}
	return g.Wait()
}

// readLists calls f for each of the samples from..to-1 with lists of a model and the place of the
// sample in them.
func (s *search) readLists(ctx context.Context, model string, from, to int, f func(row int, part *zoo.Lists, at int)) error {
	file, err := s.zoo.OpenLists(ctx, model, s.split.Name)
	if err != nil {
		return err
	}
	defer file.Close()
	return eachList(ctx, file, s.zoo, from, to, f)
}

// eachList is readLists of an open file.
func eachList(ctx context.Context, file *zoo.ListFile, z *zoo.Zoo, from, to int, f func(row int, part *zoo.Lists, at int)) error {
	room := z.NewLists(min(listBlock, to-from))
	for from < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := room.Slice(0, min(listBlock, to-from))
		if err := file.Read(&part, from); err != nil {
			return err
		}
		for at := range part.Len() {
			f(from+at, &part, at)
		}
		from += part.Len()
	}
	return nil
}

// copyList makes list number i of dst that with number j of src.
func copyList(dst *zoo.Lists, i int, src *zoo.Lists, j int) {
	k := dst.K
	copy(dst.Classes[i*k:(i+1)*k], src.Classes[j*k:(j+1)*k])
	copy(dst.Values[i*k:(i+1)*k], src.Values[j*k:(j+1)*k])
	dst.Tail[i], dst.TopClass[i], dst.TopValue[i] = src.Tail[j], src.TopClass[j], src.TopValue[j]
}

// only returns the rows of the samples drawn alone; all of them if d is nil.
func (d *drawn) only(rows rowsCloser, classes int) cascade.Rows {
	if d == nil || rows == nil {
		return rows
	}
	return &drawnRows{rowsCloser: rows, in: d.in, classes: classes}
}

// drawnRows are the rows of the samples that are in the part drawn.
type drawnRows struct {
	rowsCloser
	in      []bool
	at      int // sample of the next row
	classes int
	block   []uint16
	left    []uint16 // of the block
}

func (r *drawnRows) ReadRows(dst []uint16) (rows int, err error) {
	for len(dst) > 0 {
		if len(r.left) == 0 {
			if r.block == nil {
				r.block = make([]uint16, max(1, 65536/r.classes)*r.classes)
			}
			n, err := r.rowsCloser.ReadRows(r.block)
			if n == 0 {
				if rows > 0 && errors.Is(err, io.EOF) {
					return rows, nil
				}
				return rows, cmp.Or(err, io.ErrNoProgress)
			}
			r.left = r.block[:n*r.classes]
		}
		if r.at >= len(r.in) {
			return rows, io.EOF
		}
		if r.in[r.at] {
			copy(dst, r.left[:r.classes])
			dst = dst[r.classes:]
			rows++
		}
		r.left = r.left[r.classes:]
		r.at++
	}
	return rows, nil
}
