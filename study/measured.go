package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// What a search of a part of the samples has found is measured on the others, and compared with the
// stored outputs.

const (
	measureBytes = 128 << 20 // of lists in memory while others are measured
	checkedFirst = 4096      // samples on which complete lists are compared with stored outputs
)

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
		return s.leaveUnmeasured(p, result, ctx.Err() == nil)
	case err != nil:
		return fmt.Errorf("measuring what was found on the samples that were not searched: %w", err)
	}
	s.drawn.about.Measured = s.split.Samples - len(s.drawn.rows)
	result.Models = make([]float64, len(p.Models()))
	for i, m := range p.Models() {
		result.Models[i] = float64(s.drawn.correct[m.Name]-p.Correct(i)) / float64(s.drawn.about.Measured)
	}
	if result.Front, err = s.remake(result.Front, searched, others); err != nil {
		if errors.Is(err, optimize.ErrNothingFeasible) {
			return errors.Join(err, s.folder.DropState())
		}
		return err
	}
	s.describe(p, result)
	return nil
}

// leaveUnmeasured makes the front one of the samples searched alone, as the time is up or the search
// was interrupted.
func (s *search) leaveUnmeasured(p *optimize.Problem, result *optimize.Result, timeUp bool) (err error) {
	result.Status = optimize.Interrupted
	why, more := "interrupted", ""
	switch {
	case timeUp && s.joining != nil:
		why, more = "the time was up", "; 'encas-zoo front merge' with --force and a longer --time, or without, measures it"
	case timeUp:
		why, more = "the time was up", "; --resume with a longer --time, or without, measures it"
	case s.joining != nil:
		more = "; 'encas-zoo front merge' with --force measures it"
	}
	if s.options.Unlabelled != "" {
		more += fmt.Sprintf("; those with the split %s are missing", s.options.Unlabelled)
	}
	s.watch.warn("%s before what was found was measured on the %d samples that were not searched: all results are those on the %d that were%s",
		why, s.split.Samples-len(s.drawn.rows), len(s.drawn.rows), more)
	if result.Front, err = optimize.Choose(result.Front, s.search); err != nil {
		return err
	}
	s.describe(p, result)
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
func (s *search) countListed(ctx context.Context, cascades []cascade.Cascade) (counts []optimize.Count, err error) {
	o, err := s.openUnsearched(ctx, cascades)
	if err != nil {
		return nil, err
	}
	defer o.close()
	update, stop := s.watch.task("measuring on the samples not searched", "samples")
	defer stop()
	var done atomic.Int64
	total := int64(s.split.Samples - len(s.drawn.rows))
	update(0, total, "")
	for from := 0; from < s.split.Samples; from += o.block {
		p, err := o.read(ctx, from, min(from+o.block, s.split.Samples))
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		more, err := p.Count(ctx, cascades, s.threads(), func(samples int) { update(done.Add(int64(samples)), total, "") })
		if err != nil {
			return nil, err
		}
		if counts == nil {
			counts = more
			continue
		}
		for i := range counts {
			counts[i].Add(more[i])
		}
	}
	return counts, nil
}

// unsearched is the samples that were not drawn, of which a block at a time is in memory.
type unsearched struct {
	search *search
	block  int // samples of the split, some of which were drawn
	models []optimize.Model
	files  []*zoo.ListFile
	rooms  []zoo.Lists // of a block
	labels []uint16
}

// openUnsearched opens the lists of the models that cascades have.
func (s *search) openUnsearched(ctx context.Context, cascades []cascade.Cascade) (*unsearched, error) {
	o := &unsearched{search: s, models: modelsIn(s.priced(), cascades)}
	row := 4*s.zoo.ListLength() + 8 // bytes
	o.block = min(s.split.Samples, max(listBlock, measureBytes/(row*len(o.models))/listBlock*listBlock))
	o.files, o.rooms = make([]*zoo.ListFile, len(o.models)), make([]zoo.Lists, len(o.models))
	err := s.inParallel(ctx, len(o.models), func(ctx context.Context, i int) (err error) {
		o.rooms[i] = s.zoo.NewLists(o.block)
		o.files[i], err = s.zoo.OpenLists(ctx, o.models[i].Name, s.split.Name)
		return err
	})
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *unsearched) close() {
	for _, f := range o.files {
		if f != nil {
			f.Close()
		}
	}
}

// read returns the problem on those of the samples from..to-1 that were not drawn, valid until the
// next call; nil if there are none.
func (o *unsearched) read(ctx context.Context, from, to int) (*optimize.Problem, error) {
	d := o.search.drawn
	o.labels = o.labels[:0]
	for row := from; row < to; row++ {
		if !d.in[row] {
			o.labels = append(o.labels, d.labels[row])
		}
	}
	if len(o.labels) == 0 {
		return nil, nil
	}
	err := o.search.inParallel(ctx, len(o.models), func(ctx context.Context, i int) error {
		kept := 0
		err := eachList(ctx, o.files[i], o.search.zoo, from, to, func(row int, part *zoo.Lists, at int) {
			if !d.in[row] {
				copyList(&o.rooms[i], kept, part, at)
				kept++
			}
		})
		o.models[i].Lists = o.rooms[i].Slice(0, kept)
		return err
	})
	if err != nil {
		return nil, err
	}
	return optimize.NewProblem(o.labels, o.search.zoo.Classes(), o.models)
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
// them ascending in cost, without those that cost more than the limit on all samples and, if the
// search is by evidence, those that are no more accurate on the others than a cheaper one, else those
// that are no more accurate on all samples.
func (s *search) remake(points []front.Point, searched, others []optimize.Count) ([]front.Point, error) {
	measured := make([]front.Point, len(points))
	for i, p := range points {
		measured[i] = s.together(p, searched[i], others[i])
	}
	worth := front.Point.Accuracy
	if s.search.Evidence {
		worth = front.Point.Likely
	}
	slices.SortStableFunc(measured, func(a, b front.Point) int {
		return cmp.Or(cmp.Compare(a.Cost, b.Cost), cmp.Compare(worth(b), worth(a)))
	})
	measured, err := optimize.WithinCost(measured, s.search.MaxCost)
	if err != nil {
		return nil, err
	}
	if !s.search.Evidence {
		most := -1
		measured = slices.DeleteFunc(measured, func(p front.Point) bool {
			beaten := p.Correct <= most
			most = max(most, p.Correct)
			return beaten
		})
	}
	return optimize.Choose(measured, s.search)
}

// together returns a point with its results on all samples, and the accuracy on the others as the
// expected one.
func (s *search) together(p front.Point, searched, others optimize.Count) front.Point {
	n := others.Reach[0]
	e := &front.Expected{Accuracy: float64(others.Correct) / float64(n)}
	e.Interval[0], e.Interval[1] = stats.Wilson(others.Correct, n, confidenceLevel)
	both := optimize.Count{Correct: searched.Correct, Reach: slices.Clone(searched.Reach)}
	both.Add(others)
	return front.Point{Cascade: p.Cascade, Evaluation: cascade.NewEvaluation(p.Costs, both.Correct, both.Reach, s.split.Samples), Expected: e}
}

// checkDrawn is check of a front of which a part of the samples was searched. Complete lists have
// all that stored outputs have, and are compared with these on a few samples; all are counted
// again if a cascade does something else there.
func (s *search) checkDrawn(ctx context.Context) error {
	if s.front.Checked {
		return nil
	}
	n := min(checkedFirst, s.split.Samples)
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
// stored outputs, and records and reports differences.
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
	differences := map[string]front.Difference{} // by cascade, as text
	for i, p := range before {
		if stored := s.together(p, searched[i], others[i]); p.Correct != stored.Correct || !slices.Equal(p.Reach, stored.Reach) {
			differences[p.String()] = front.Difference{IndexCorrect: p.Correct, IndexReach: p.Reach}
		}
	}
	s.front.Points = front.Thin(points, s.options.MinGain/100)
	for i, p := range s.front.Points {
		d, ok := differences[p.String()]
		if !ok {
			continue
		}
		d.Cascade = i
		s.front.Differences = append(s.front.Differences, d)
		s.watch.warn("cascade %d has %d correct answers on the stored outputs, %d on the search index", i, p.Correct, d.IndexCorrect)
	}
	return nil
}
