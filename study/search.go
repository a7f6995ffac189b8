package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/memory"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/zoo"
	"github.com/encas-zoo/encas-zoo/zoo/calibrate"
)

// Found is the result of a search, and its run folder.
type Found struct {
	Dir     string // run folder
	Options Options
	Front   *front.Front
	Run     *front.Run
	Elapsed time.Duration // of the search, all its runs together
	Other   string        // a split of the zoo without samples searched, to check the front on; "" if there is none

	// Searched: the search itself is done, and an interrupted front lacks expected accuracies alone.
	Searched bool

	Certificate *front.Certificate // nil if nothing was asked to be certified, or the search was interrupted
}

// Search searches cascades of a zoo and writes the result to a run folder. If ctx ends it
// returns the front found so far, marked as interrupted; [Options.Resume] continues from
// there.
func Search(ctx context.Context, z *zoo.Zoo, o Options, w Watch) (*Found, error) {
	s, err := newSearch(ctx, z, o, nil, w)
	if err != nil {
		return nil, err
	}
	return s.do(ctx)
}

// do searches, and writes the run folder.
func (s *search) do(ctx context.Context) (found *Found, err error) {
	if err := front.Writable(s.run); err != nil {
		return nil, err
	}
	if s.folder, err = front.CreateFolder(s.options.Dir, s.run.Started, s.options.Algorithm, s.options.earlier()); err != nil {
		return nil, err
	}
	defer s.folder.Discard()
	result, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.keep(ctx, result); err != nil {
		return nil, err
	}
	found = &Found{Dir: s.folder.Dir, Options: s.options, Front: s.front, Run: s.run, Elapsed: result.Elapsed, Searched: result.Searched}
	if s.isPart() {
		return found, nil
	}
	if result.Status == optimize.Finished {
		if err := s.folder.DropState(); err != nil {
			s.watch.warn("the front is written, but the state of the search, which is done, could not be removed: %v", err)
		}
	}
	if s.front.Interrupted && s.split.Samples > manySamples {
		return found, nil
	}
	if found.Other, err = unseenSplit(context.WithoutCancel(ctx), s.zoo, s.split, s.watch); err != nil {
		return nil, err
	}
	found.Certificate, err = s.certify(ctx)
	return found, err
}

// manySamples are so many that comparing them with those of another split takes long, for a search
// that was to end.
const manySamples = 1 << 18

// A search is one call of Search.
type search struct {
	watch   Watch
	options Options
	search  optimize.Options
	zoo     *zoo.Zoo
	split   zoo.Split
	models  []zoo.Model
	costs   map[string]float64
	folder  *front.Folder
	front   *front.Front
	run     *front.Run
	unsaved bool   // the last state
	joining *Parts // that are merged; nil: none

	shortlisted int // of so many models; 0: all are searched

	drawn *drawn    // the samples searched; nil: all of the split
	whole bool      // the search index has all classes
	end   time.Time // of the search, by its limit on time; zero: none
}

// isPart reports whether the search is of a part of the chains.
func (s *search) isPart() bool { return s.options.Shards > 0 }

// newSearch checks the options against the zoo. If parts of the search are merged its models are
// theirs.
func newSearch(ctx context.Context, z *zoo.Zoo, o Options, joining *Parts, w Watch) (s *search, err error) {
	s = &search{watch: w, options: o, zoo: z, joining: joining}
	s.run = &front.Run{
		Version: front.Version,
		Command: append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...),
		Program: front.ProgramVersion(),
		Go:      runtime.Version(),
		Started: time.Now(),
		Seed:    o.Seed,
		Seconds: map[string]float64{},
		Machine: front.ThisMachine(cmp.Or(o.Threads, runtime.GOMAXPROCS(0))),
	}
	defer s.timed("open")()
	if s.split, err = labelled(z, "split", cmp.Or(o.Split, searchSplit(z))); err != nil {
		return nil, err
	}
	var models []zoo.Model
	if joining != nil {
		models, err = joining.models(z)
	} else {
		models, err = Select(z.Models(), o.Models)
	}
	if err != nil {
		return nil, err
	}
	models, lack := on(models, s.split.Name)
	if len(models) == 0 {
		return nil, fmt.Errorf("no model has predictions on the split %q", s.split.Name)
	}
	if lack > 0 {
		w.warn("%d models have no predictions on the split %q and are left out", lack, s.split.Name)
	}
	s.models = models
	if err := o.Certify.checkBefore(ctx, z, models, describeSplit(s.split), w); err != nil {
		return nil, err
	}
	if s.options.Cost, err = costColumn(z, models, o.Cost, w); err != nil {
		return nil, err
	}
	if err := s.resolve(); err != nil {
		return nil, err
	}
	if err := s.draw(); err != nil {
		return nil, err
	}
	switch searched := s.searchedSamples(); {
	case o.CrossValidate <= searched:
	case s.drawn != nil:
		return nil, inputf("cross-validate", fmt.Sprint(o.CrossValidate), "%d samples of the split %s are searched", searched, s.split.Name)
	default:
		return nil, inputf("cross-validate", fmt.Sprint(o.CrossValidate), "the split %s has %d samples", s.split.Name, searched)
	}
	if err := s.checkUnlabelled(ctx); err != nil {
		return nil, err
	}
	if s.costs, err = columnOf(s.zoo, models, s.options.Cost); err != nil {
		return nil, err
	}
	if err := notAllFree(s.costs, s.options.Cost); err != nil {
		return nil, err
	}
	if o.Dominate != "" {
		if err := searched("dominate", o.Dominate, models); err != nil {
			return nil, err
		}
	}
	if s.search.Include, err = o.required(models); err != nil {
		return nil, err
	}
	if err := s.search.Check(); err != nil {
		if about := (*optimize.OptionError)(nil); errors.As(err, &about) {
			err = &InputError{Option: about.Option, Err: about.Err}
		}
		return nil, err
	}
	s.run.Zoo, s.run.Fingerprint, s.run.Split = folderOf(z), z.Fingerprint(), s.split.Name
	if o.Resume {
		if s.search.Resume, err = front.ReadState(o.Dir); err != nil {
			if run, _ := front.ReadRun(o.Dir); run != nil && len(run.Joined) > 0 {
				err = fmt.Errorf("%s was merged of parts, and is no search to resume: 'encas-zoo front merge' with --force merges them again", o.Dir)
			}
			return nil, err
		}
	}
	return s, nil
}

// resolve fills in the options that depend on others and on the models.
func (s *search) resolve() (err error) {
	answers := 0
	for _, m := range s.models {
		if m.Answers {
			answers++
		}
	}
	byDefault := s.options.Rule == ""
	if s.search, err = s.options.resolve(answers > 0); err != nil {
		return err
	}
	s.run.Options = s.options
	if byDefault && 0 < answers && answers < len(s.models) && !slices.Contains(s.search.Rules, cascade.RuleMean) {
		s.watch.warn("%d of %d models give answers only, which cannot be averaged: the rules searched are %s; --rule and --models choose others", answers, len(s.models), s.options.Rule)
	}
	return nil
}

// timed records how long a part of the work takes, until the returned function is called.
func (s *search) timed(part string) func() {
	start := time.Now()
	return func() { s.run.Seconds[part] = time.Since(start).Seconds() }
}

// find searches, and fills in the front and its results on the search index.
func (s *search) find(ctx context.Context) (*optimize.Result, error) {
	if err := s.shortlist(ctx); err != nil {
		return nil, err
	}
	var params map[string]float64
	if s.search.MaxParams > 0 {
		var err error
		if params, err = columnOf(s.zoo, s.models, zoo.ColumnParams); err != nil {
			return nil, &InputError{Option: "max-params", Err: fmt.Errorf("the parameters of every model are needed: %w", err)}
		}
	}
	if s.isPart() {
		s.run.Inputs = s.inputs()
	}
	done := s.timed("index")
	index, err := s.openSearched(ctx)
	if err != nil {
		return nil, err
	}
	done()
	defer index.Close()
	entries := make([]optimize.Model, len(s.models))
	for i, m := range s.models {
		entries[i] = optimize.Model{Name: m.Name, Cost: s.costs[m.Name], Params: params[m.Name], Answers: m.Answers, Lists: index.Lists(m.Name)}
	}
	// What is cached is garbage for a while before it is collected.
	if left, limited := memory.AddressSpace(); limited {
		s.search.Memory = min(cmp.Or(s.search.Memory, optimize.DefaultMemory), max(left/4, 1<<20))
	}
	s.whole = entries[0].Lists.K >= s.zoo.Classes()
	problem, err := optimize.NewProblem(index.Labels(), s.zoo.Classes(), entries)
	if err != nil {
		return nil, err
	}
	result, err := s.searchProblem(ctx, problem)
	if err != nil {
		return nil, err
	}
	s.describe(problem, result)
	if s.drawn != nil && !s.isPart() {
		if err := s.measure(ctx, problem, result); err != nil {
			return nil, err
		}
	}
	if err := s.crossValidate(ctx, problem); err != nil {
		return nil, err
	}
	return result, nil
}

// describe makes the front and fills in the run's description of a result.
func (s *search) describe(problem *optimize.Problem, result *optimize.Result) {
	interrupted := result.Status == optimize.Interrupted
	s.front = &front.Front{
		Version:     front.Version,
		Zoo:         describeZoo(s.zoo),
		Split:       describeSplit(s.split),
		Cost:        s.options.Cost,
		Algorithm:   result.Algorithm,
		Grid:        s.search.Grid,
		Selection:   s.selection(result),
		Proof:       result.Proof.String(),
		Interrupted: interrupted,
		Parts:       result.Parts,
		Checked:     s.drawn != nil && s.drawn.checked,
		Points:      append([]front.Point{}, front.Thin(result.Front, s.options.MinGain/100)...), // a part may have none
	}
	if len(s.front.Points) < len(result.Front) || s.drawn != nil {
		s.front.Proof = "" // only the whole front is proven, on the samples searched
	}
	for _, m := range s.models {
		temperature, _ := calibrate.Temperature(m)
		i, _ := problem.Find(m.Name)
		model := front.Model{Name: m.Name, Cost: s.costs[m.Name], Correct: problem.Correct(i), Temperature: temperature}
		if s.drawn.measured() {
			model.Correct = s.drawn.correct[m.Name]
		}
		if result.Models != nil {
			model.Expected = &result.Models[i]
		}
		s.front.Models = append(s.front.Models, model)
	}
	s.run.Evaluations, s.run.Interrupted, s.run.Corrected = result.Evaluations, interrupted, result.Corrected
	s.run.Curve = nil
	for _, p := range result.Curve {
		s.run.Curve = append(s.run.Curve, front.CurvePoint{Evaluations: p.Evaluations, Seconds: p.Elapsed.Seconds(), Linear: p.Linear, Log: p.Log})
	}
}

// selection says what the front was chosen by, and gives expected accuracies intervals.
func (s *search) selection(result *optimize.Result) *front.Selection {
	chosen := &front.Selection{Shortlisted: s.shortlisted}
	if c := result.Settings; c != nil {
		chosen.Evidence, chosen.Softening, chosen.Charge, chosen.Reach = true, c.Softening, c.Charge, c.Reach
	}
	if s.drawn != nil {
		chosen.Drawn = new(s.drawn.about)
		return chosen
	}
	for _, p := range result.Front {
		if e := p.Expected; e != nil {
			chosen.Folds = result.Folds
			e.Interval[0], e.Interval[1] = stats.OnOthers(e.Accuracy, p.Samples, confidenceLevel)
		}
	}
	return chosen
}

func (s *search) searchProblem(ctx context.Context, p *optimize.Problem) (*optimize.Result, error) {
	defer s.timed("search")()
	o := s.search
	if o.Time > 0 {
		s.end = time.Now().Add(o.Time)
	}
	if o.Join == nil {
		o.Save = s.save
	}
	if s.drawn != nil {
		s.drawn.restrict(&o)
	}
	if s.watch.Search != nil {
		o.Progress = func(now optimize.Progress) { s.watch.Search(now, p.Samples()) }
	}
	if stored(s.zoo, s.models, s.split.Name) {
		o.Outputs = func(model string) (cascade.Rows, error) {
			rows, err := openRows(s.zoo, model, s.split.Name)
			return s.drawn.only(rows, s.zoo.Classes()), err
		}
	}
	result, err := optimize.Search(ctx, p, o)
	switch {
	case errors.Is(err, optimize.ErrBadState):
		run, _ := front.ReadRun(s.folder.Dir) // nil if the program was killed
		command := ResumeCommand(run, s.folder.Dir)
		// Of the same command it is the models or samples that have changed.
		if other := command != "" && command != ResumeCommand(s.run, s.folder.Dir); other && errors.Is(err, optimize.ErrOtherSearch) {
			return nil, fmt.Errorf("%s: %w; '%s' continues it", s.folder.Dir, err, command)
		}
		return nil, fmt.Errorf("%s: %w", s.folder.Dir, err)
	case errors.Is(err, optimize.ErrBadPart):
		return nil, fmt.Errorf("%s: %w; search it again, with --force, or leave it out", s.joining.reading, err)
	case errors.Is(err, optimize.ErrNothingFeasible) && ctx.Err() == nil && o.Time == 0:
		return nil, errors.Join(err, s.folder.DropState()) // going on would find nothing either
	}
	return result, err
}

// save saves the state of the search. A search goes on if that fails: its front is worth
// more than that it could be resumed.
func (s *search) save(state []byte) error {
	err := s.folder.SaveState(state)
	if err != nil && !s.unsaved {
		s.watch.warn("the state of the search could not be saved: %v; it goes on, but if it is interrupted --resume cannot continue from here", err)
	}
	s.unsaved = err != nil
	return nil
}

// keep writes the run folder: at once, so that no result is lost, and again with the
// results on the full stored outputs. If the search was to end, and the index has all classes,
// this is given up when it takes longer than a moment; otherwise a second interrupt ends it.
func (s *search) keep(ctx context.Context, result *optimize.Result) error {
	if err := s.folder.Write(s.front, s.run); err != nil {
		return err
	}
	if s.isPart() {
		if s.unsaved {
			return fmt.Errorf("what this part has found could not be saved in %s: without it the part cannot be joined", filepath.Join(s.folder.Dir, front.StateFile))
		}
		return nil
	}
	if s.drawn != nil && !s.drawn.measured() {
		return nil
	}
	if !stored(s.zoo, s.models, s.split.Name) {
		s.watch.warn("the zoo has the %d largest classes alone of some models' outputs: results are those on these, and cannot be checked on full outputs", s.zoo.ListLength())
		return nil
	}
	inTime := context.WithoutCancel(ctx)
	if s.whole {
		var cancel context.CancelFunc
		inTime, cancel = optimize.Closing(ctx, s.end)
		defer cancel()
	}
	done := s.timed("check")
	check := s.check
	if s.drawn != nil {
		check = s.checkDrawn
	}
	err := check(inTime)
	done()
	switch {
	case err != nil && inTime.Err() != nil:
		s.watch.warn("stopped before the front was checked on the stored outputs: its results are those on the search index, and 'encas-zoo evaluate --split %s' checks them", s.split.Name)
		return nil
	case err != nil:
		return fmt.Errorf("checking the front on the stored outputs: %w; %s has the front with its results on the search index", err, s.folder.Dir)
	}
	switch err := s.addUnlabelled(inTime); {
	case err != nil && inTime.Err() != nil:
		s.watch.warn("stopped before the results with the split %s were there: they are missing", s.options.Unlabelled)
	case err != nil:
		return fmt.Errorf("estimating with unlabelled samples: %w; %s has the front without", err, s.folder.Dir)
	}
	return s.folder.Write(s.front, s.run)
}

// check replaces the results on the search index by those on the full stored outputs,
// and records and reports differences.
func (s *search) check(ctx context.Context) error {
	seen := s.front.Points
	split, stop, err := storedSplit(s.zoo, s.split.Name, s.costs, s.watch)
	if err != nil {
		return err
	}
	defer stop()
	evaluations, err := split.Evaluate(ctx, cascadesOf(seen))
	if err != nil {
		return err
	}
	order := make([]int, len(seen)) // ascending in cost, which may have changed
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(evaluations[a].Cost, evaluations[b].Cost) })
	s.front.Points, s.front.Checked = nil, true
	for place, i := range order {
		p := front.Point{Cascade: seen[i].Cascade, Evaluation: evaluations[i], Bound: seen[i].Bound, Expected: seen[i].Expected}
		if p.Correct != seen[i].Correct || !slices.Equal(p.Reach, seen[i].Reach) {
			p.Bound = 0
			s.front.Differences = append(s.front.Differences, front.Difference{Cascade: place, IndexCorrect: seen[i].Correct, IndexReach: seen[i].Reach})
			s.watch.warn("cascade %d has %d correct answers at %g %s on the stored outputs, %d at %g on the search index",
				place, p.Correct, p.Cost, s.front.Cost, seen[i].Correct, seen[i].Cost)
		}
		s.front.Points = append(s.front.Points, p)
	}
	return nil
}

// crossValidate adds to the front the accuracy of such fronts on samples held out of
// the search. An interrupt loses these results, not the front.
func (s *search) crossValidate(ctx context.Context, p *optimize.Problem) error {
	folds := s.options.CrossValidate
	if folds == 0 || s.front.Interrupted || s.isPart() {
		return nil
	}
	// The search is done: its result must not be lost.
	if err := s.folder.Write(s.front, s.run); err != nil {
		return err
	}
	defer s.timed("cross_validation")()
	update, stop := s.watch.task("cross-validating", "folds")
	defer stop()
	update(0, int64(folds), "")
	results, err := optimize.CrossValidate(ctx, p, s.search, folds, func(done int) { update(int64(done), int64(folds), "") })
	if errors.Is(err, context.Canceled) {
		s.watch.warn("interrupted while cross-validating: its results are missing")
		return nil
	}
	if errors.Is(err, optimize.ErrNothingFeasible) && s.search.Time > 0 { // there may have been no time to find anything
		s.watch.warn("cross-validating within --time %v: %v: its results are missing", s.search.Time, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("cross-validating in %d folds: %w; %s has the front with its results on the search index", folds, err, s.folder.Dir)
	}
	s.front.CrossValidation = &front.CrossValidation{Folds: folds}
	for _, r := range results {
		h := front.HeldOut{
			Limit:    r.Limit,
			Searched: float64(r.SearchedCorrect) / float64(r.Searched),
			Correct:  r.Correct,
			Samples:  r.Samples,
			Accuracy: float64(r.Correct) / float64(r.Samples),
			Cost:     r.Cost,
		}
		h.Interval[0], h.Interval[1] = stats.Wilson(r.Correct, r.Samples, confidenceLevel)
		h.Change = h.Accuracy - h.Searched
		s.front.CrossValidation.At = append(s.front.CrossValidation.At, h)
	}
	return nil
}

// certify tests what can be claimed of the front, if that was asked for, and writes it to
// the run folder.
func (s *search) certify(ctx context.Context) (*front.Certificate, error) {
	if s.options.Certify == nil || s.front.Interrupted {
		return nil, nil
	}
	c, err := Certify(ctx, s.zoo, s.front, *s.options.Certify, s.watch)
	if err == nil {
		err = front.WriteCertificate(s.folder.Dir, c)
	}
	if err != nil {
		return nil, fmt.Errorf("certifying: %w; %s has the front, and 'encas-zoo certify' certifies it later", err, s.folder.Dir)
	}
	return c, nil
}

func cascadesOf(points []front.Point) []cascade.Cascade {
	cascades := make([]cascade.Cascade, len(points))
	for i, p := range points {
		cascades[i] = p.Cascade
	}
	return cascades
}
