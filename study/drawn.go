package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/crash"
	"github.com/encas-zoo/encas-zoo/internal/stats"
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

	listBlock    = 4096      // samples whose lists of a model are read at a time
	measureBytes = 128 << 20 // of lists in memory while others are measured
	checkedBlock = 4096      // samples on which complete lists are compared with stored outputs
)

// drawn is the part of the samples that is searched.
type drawn struct {
	about       front.Drawn
	split       zoo.Split
	rows        []int // ascending
	in          []bool
	labels      []uint16              // of all samples
	correct     map[string]int        // answers of each model on all samples
	differences map[string]difference // by cascade, as text
	checked     bool                  // what was found was measured on the full stored outputs
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
	if n == 0 || n >= s.split.Samples {
		return nil
	}
	s.options.SearchSamples = n
	s.run.Options = s.options
	d := &drawn{split: s.split, rows: front.Draw(n, s.split.Samples, s.options.Seed), in: make([]bool, s.split.Samples), correct: map[string]int{}, differences: map[string]difference{}}
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
// measuring, and the least accuracy is one on the others.
func (d *drawn) restrict(o *optimize.Options) {
	o.Time /= 2
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
	return readPart(ctx, file, s.zoo, from, to, f)
}

// readPart is readLists of an open file.
func readPart(ctx context.Context, file *zoo.ListFile, z *zoo.Zoo, from, to int, f func(row int, part *zoo.Lists, at int)) error {
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

// measure measures what was found on the samples that were not drawn, unless the search was
// interrupted or there is no time for that: the front then has counts of the samples searched
// alone, and the search counts as interrupted.
func (s *search) measure(ctx context.Context, p *optimize.Problem, result *optimize.Result) error {
	defer s.timed("measure")()
	debug.FreeOSMemory() // what the search has cached makes room for blocks of the others
	inTime := ctx
	if !s.end.IsZero() {
		var cancel context.CancelFunc
		inTime, cancel = context.WithDeadline(ctx, s.end)
		defer cancel()
	}
	searched, others, err := s.count(inTime, result.Front)
	switch {
	case err != nil && inTime.Err() != nil:
		result.Status = optimize.Interrupted
		why, missing := "interrupted", ""
		if ctx.Err() == nil {
			why, missing = "the time was up", "; --resume with a longer --time, or without, measures it"
		}
		if s.options.Unlabelled != "" {
			missing += fmt.Sprintf("; those with the split %s are missing", s.options.Unlabelled)
		}
		s.watch.warn("%s before what was found was measured on the %d samples that were not searched: all results are those on the %d that were%s", why, s.split.Samples-len(s.drawn.rows), len(s.drawn.rows), missing)
		if result.Front, err = optimize.Choose(result.Front, s.search); err != nil {
			return err
		}
		s.describe(p, result)
		return nil
	case err != nil:
		return fmt.Errorf("measuring what was found on the samples that were not searched: %w", err)
	}
	s.drawn.about.Measured = s.split.Samples - len(s.drawn.rows)
	result.Models = make([]float64, len(p.Models()))
	for i, m := range p.Models() {
		result.Models[i] = float64(s.drawn.correct[m.Name]-p.Correct(i)) / float64(s.drawn.about.Measured)
	}
	for i, point := range result.Front {
		saw := optimize.Count{Correct: point.Correct, Reach: point.Reach}
		s.drawn.note(s.together(point, saw, others[i]), s.together(point, searched[i], others[i]))
	}
	if result.Front, err = s.remake(result.Front, searched, others); err != nil {
		if errors.Is(err, optimize.ErrNothingFeasible) {
			return errors.Join(err, s.folder.DropState())
		}
		return err
	}
	s.describe(p, result)
	s.addDifferences()
	return nil
}

// count counts what cascades do on the samples searched and on the others: on full outputs if
// these have more than the lists.
func (s *search) count(ctx context.Context, points []front.Point) (searched, others []optimize.Count, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if !s.whole && stored(s.zoo, s.models, s.split.Name) {
		searched, others, err = s.countStored(ctx, cascadesOf(points))
		if err == nil {
			s.drawn.checked = true
		}
		return searched, others, err
	}
	for _, p := range points {
		searched = append(searched, optimize.Count{Correct: p.Correct, Reach: p.Reach})
	}
	others, err = s.countListed(ctx, cascadesOf(points))
	return searched, others, err
}

// countListed counts what cascades do on the samples that were not drawn, by the models' lists.
func (s *search) countListed(ctx context.Context, cascades []cascade.Cascade) ([]optimize.Count, error) {
	models := modelsIn(s.priced(), cascades)
	files := make([]*zoo.ListFile, len(models))
	defer func() {
		for _, f := range files {
			if f != nil {
				f.Close()
			}
		}
	}()
	err := s.inParallel(ctx, len(models), func(ctx context.Context, i int) (err error) {
		files[i], err = s.zoo.OpenLists(ctx, models[i].Name, s.split.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	update, stop := s.watch.task("measuring on the samples not searched", "samples")
	defer stop()
	var done atomic.Int64
	total := int64(s.split.Samples - len(s.drawn.rows))
	update(0, total, "")
	row := 4*s.zoo.ListLength() + 8 // bytes
	block := max(listBlock, measureBytes/(row*len(models))/listBlock*listBlock)
	rooms := make([]zoo.Lists, len(models))
	for i := range rooms {
		rooms[i] = s.zoo.NewLists(min(block, s.split.Samples))
	}
	labels := make([]uint16, 0, block)
	var counts []optimize.Count
	for from := 0; from < s.split.Samples; from += block {
		to := min(from+block, s.split.Samples)
		labels = labels[:0]
		for row := from; row < to; row++ {
			if !s.drawn.in[row] {
				labels = append(labels, s.drawn.labels[row])
			}
		}
		if len(labels) == 0 {
			continue
		}
		err := s.inParallel(ctx, len(models), func(ctx context.Context, i int) error {
			kept := 0
			err := readPart(ctx, files[i], s.zoo, from, to, func(row int, part *zoo.Lists, at int) {
				if !s.drawn.in[row] {
					copyList(&rooms[i], kept, part, at)
					kept++
				}
			})
			models[i].Lists = rooms[i].Slice(0, kept)
			return err
		})
		if err != nil {
			return nil, err
		}
		part, err := optimize.NewProblem(labels, s.zoo.Classes(), models)
		if err != nil {
			return nil, err
		}
		more, err := part.Count(ctx, cascades, s.threads(), func(samples int) { update(done.Add(int64(samples)), total, "") })
		if err != nil {
			return nil, err
		}
		counts = addCounts(counts, more)
	}
	return counts, nil
}

// modelsIn returns those models that cascades have.
func modelsIn(all []optimize.Model, cascades []cascade.Cascade) (models []optimize.Model) {
	for _, m := range all {
		if slices.ContainsFunc(cascades, func(c cascade.Cascade) bool {
			return slices.ContainsFunc(c.Stages, func(s cascade.Stage) bool { return s.Model == m.Name })
		}) {
			models = append(models, m)
		}
	}
	return models
}

// addCounts adds counts of the same cascades on other samples; sums may be nil.
func addCounts(sums, more []optimize.Count) []optimize.Count {
	if sums == nil {
		return more
	}
	for i := range sums {
		sums[i].Correct += more[i].Correct
		for stage, n := range more[i].Reach {
			sums[i].Reach[stage] += n
		}
	}
	return sums
}

// countStored counts what cascades do on the samples searched and on the others, on their full
// stored outputs.
func (s *search) countStored(ctx context.Context, cascades []cascade.Cascade) (searched, others []optimize.Count, err error) {
	split, stop, err := storedSplit(s.zoo, s.split.Name, s.costs, s.watch)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	both, err := s.replay(ctx, split, cascades, s.drawn.in)
	return both[0], both[1], err
}

// replay counts what cascades do on two parts of a split's samples: those that are in the first,
// and the others.
func (s *search) replay(ctx context.Context, split *cascade.Split, cascades []cascade.Cascade, first []bool) (counts [2][]optimize.Count, err error) {
	r, err := split.Replay(cascades)
	if err != nil {
		return counts, err
	}
	threads := make([][2][]tally, s.threads())
	for t := range threads {
		threads[t] = [2][]tally{newTallies(cascades), newTallies(cascades)}
	}
	err = r.Run(ctx, len(threads), func(thread int, x *cascade.Sample) {
		part := 1
		if first[x.Number] {
			part = 0
		}
		for i := range cascades {
			threads[thread][part][i].add(r, x, i, -1)
		}
	})
	if err != nil {
		return counts, err
	}
	for part := range counts {
		for i := range cascades {
			sum := &threads[0][part][i]
			for _, t := range threads[1:] {
				sum.join(&t[part][i])
			}
			counts[part] = append(counts[part], optimize.Count{Correct: sum.correct, Reach: sum.reach()})
		}
	}
	return counts, nil
}

// remake gives points the results counted on the samples searched and on the others, and returns
// them ascending in cost, without those that are no more accurate on the others than a cheaper one
// if the search is by evidence.
func (s *search) remake(points []front.Point, searched, others []optimize.Count) ([]front.Point, error) {
	measured := make([]front.Point, len(points))
	for i, p := range points {
		measured[i] = s.together(p, searched[i], others[i])
	}
	slices.SortStableFunc(measured, func(a, b front.Point) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(b.Likely(), a.Likely()))
	})
	return optimize.Choose(measured, s.search)
}

// together returns a point with its results on all samples, and the accuracy on the others as the
// expected one.
func (s *search) together(p front.Point, searched, others optimize.Count) front.Point {
	n := others.Reach[0]
	e := &front.Expected{Accuracy: float64(others.Correct) / float64(n)}
	e.Interval[0], e.Interval[1] = stats.Wilson(others.Correct, n, confidenceLevel)
	both := addCounts([]optimize.Count{{Correct: searched.Correct, Reach: slices.Clone(searched.Reach)}}, []optimize.Count{others})[0]
	return front.Point{Cascade: p.Cascade, Evaluation: cascade.NewEvaluation(p.Costs, both.Correct, both.Reach, s.split.Samples), Expected: e}
}

// A difference is what the search index says of a cascade on all samples, if full outputs say
// something else.
type difference struct {
	correct int
	reach   []int
}

// note notes a point whose results on all samples are others on full outputs than those by the
// index.
func (d *drawn) note(byIndex, stored front.Point) {
	if byIndex.Correct != stored.Correct || !slices.Equal(byIndex.Reach, stored.Reach) {
		d.differences[stored.String()] = difference{byIndex.Correct, byIndex.Reach}
	}
}

// addDifferences adds to the front, and reports, what was noted of its cascades.
func (s *search) addDifferences() {
	for i, p := range s.front.Points {
		d, ok := s.drawn.differences[p.String()]
		if !ok {
			continue
		}
		s.front.Differences = append(s.front.Differences, front.Difference{Cascade: i, IndexCorrect: d.correct, IndexReach: d.reach})
		s.watch.warn("cascade %d has %d correct answers on the stored outputs, %d on the search index", i, p.Correct, d.correct)
	}
}

// checkDrawn is check of a front of which a part of the samples was searched. Complete lists have
// all that stored outputs have, and are compared with these on a few samples; all are counted
// again if a cascade does something else there.
func (s *search) checkDrawn(ctx context.Context) error {
	if s.front.Checked {
		return nil
	}
	n := min(checkedBlock, s.split.Samples)
	listed, err := s.countFirst(ctx, n)
	if err != nil {
		return err
	}
	split, stop, err := storedSplit(s.zoo, s.split.Name, s.costs, s.watch)
	if err != nil {
		return err
	}
	split.Labels = split.Labels[:n]
	first, err := s.replay(ctx, split, cascadesOf(s.front.Points), slices.Repeat([]bool{true}, n))
	stop()
	if err != nil {
		return err
	}
	if !slices.EqualFunc(listed, first[0], func(a, b optimize.Count) bool {
		return a.Correct == b.Correct && slices.Equal(a.Reach, b.Reach)
	}) {
		if err := s.countAgain(ctx); err != nil {
			return err
		}
	}
	s.front.Checked = true
	return nil
}

// countFirst counts what the front's cascades do on the first samples of the split, by the models'
// lists.
func (s *search) countFirst(ctx context.Context, n int) ([]optimize.Count, error) {
	cascades := cascadesOf(s.front.Points)
	models := modelsIn(s.priced(), cascades)
	err := s.inParallel(ctx, len(models), func(ctx context.Context, i int) error {
		models[i].Lists = s.zoo.NewLists(n)
		return s.readLists(ctx, models[i].Name, 0, n, func(row int, part *zoo.Lists, at int) {
			copyList(&models[i].Lists, row, part, at)
		})
	})
	if err != nil {
		return nil, err
	}
	p, err := optimize.NewProblem(s.drawn.labels[:n], s.zoo.Classes(), models)
	if err != nil {
		return nil, err
	}
	return p.Count(ctx, cascades, s.threads(), nil)
}

// priced returns the models as a search sees them, without lists.
func (s *search) priced() (models []optimize.Model) {
	for _, m := range s.models {
		models = append(models, optimize.Model{Name: m.Name, Cost: s.costs[m.Name], Answers: m.Answers})
	}
	return models
}

// countAgain replaces the results of the front, those on the search index, by those on the full
// stored outputs.
func (s *search) countAgain(ctx context.Context) error {
	before := s.front.Points
	searched, others, err := s.countStored(ctx, cascadesOf(before))
	if err != nil {
		return err
	}
	points, err := s.remake(before, searched, others)
	if err != nil {
		return err
	}
	for i, p := range before {
		s.drawn.note(p, s.together(p, searched[i], others[i]))
	}
	s.front.Points = front.Thin(points, s.options.MinGain/100)
	s.addDifferences()
	return nil
}
