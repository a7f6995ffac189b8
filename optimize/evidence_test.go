package optimize

import (
	"context"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// byEvidence are options of a search by evidence that ends soon.
func byEvidence() Options {
	return Options{Algorithm: "auto", Evidence: true, Folds: 3, Rules: bothRules, Grid: shortGrid, Evals: 30_000, Seed: 5, Snap: true}
}

// findings are all that a search has found, but for how long it took.
func findings(t testing.TB, p *Problem, o Options) *Result {
	t.Helper()
	r, err := Search(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return timeless(r)
}

func timeless(r *Result) *Result {
	r.Elapsed = 0
	for i := range r.Curve {
		r.Curve[i].Elapsed = 0
	}
	return r
}

// What is found by evidence depends on neither threads and memory nor the order of models.
func TestEvidenceDoesNotDependOnThreads(t *testing.T) {
	t.Parallel()
	complete, _ := newZoo(t, 3, 7, 160, 8)
	truncated, d := newZoo(t, 4, 6, 120, 60)
	tied, _ := newTiedZoo(t, 5, 6, 60, 5)
	large, _ := newZoo(t, 6, 3, 5300, 4) // no copies
	for name, c := range map[string]struct {
		p      *Problem
		change func(o *Options)
	}{
		"complete":   {complete, func(*Options) {}},
		"truncated":  {truncated, func(*Options) {}},
		"outputs":    {truncated, func(o *Options) { o.Outputs = rowsOf(d, 0) }},
		"tied":       {tied, func(o *Options) { o.Rules = cascade.Rules() }},
		"required":   {complete, func(o *Options) { o.Include = []string{"m5", "m1"} }},
		"limits":     {complete, func(o *Options) { o.MaxCost, o.MaxWorstCost = 20, 90 }},
		"margin":     {complete, func(o *Options) { o.Confidence, o.Paper = cascade.Margin, true }},
		"answers":    {answersOnly(complete), func(o *Options) { o.Rules = []cascade.Rule{cascade.RuleLast, cascade.RuleVote} }},
		"patience":   {tied, func(o *Options) { o.Evals, o.MaxModels = 0, 4 }},
		"no copies":  {large, func(*Options) {}},
		"no folds":   {complete, func(o *Options) { o.Folds = 0 }},
		"few budget": {complete, func(o *Options) { o.Evals = 30 }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := byEvidence()
			c.change(&o)
			o.Threads = 1
			want := findings(t, c.p, o)
			models := slices.Clone(c.p.models)
			for _, other := range []struct {
				threads int
				memory  int64
			}{{2, 0}, {3, 1}, {5, 0}} {
				rand.New(rand.NewPCG(1, 1)).Shuffle(len(models), func(i, j int) { models[i], models[j] = models[j], models[i] })
				p, err := NewProblem(c.p.labels, c.p.classes, models)
				if err != nil {
					t.Fatal(err)
				}
				o.Threads, o.Memory = other.threads, other.memory
				if got := findings(t, p, o); !reflect.DeepEqual(got, want) {
					t.Errorf("%d threads, %d bytes: another result:\n%+v\nwant\n%+v", other.threads, other.memory, got, want)
				}
			}
		})
	}
}

// least is how many samples a stage must be reached by.
func least(samples int) int { return max(5, (samples+999)/1000) }

// A front by evidence ascends in cost and in what is expected, its results are those of
// the problem, and enough samples reach every stage.
func TestFrontsByEvidence(t *testing.T) {
	t.Parallel()
	long := 0
	for seed := range uint64(12) {
		classes := []int{3, 8, 40}[seed%3]
		samples := []int{40, 150, 600}[seed%3]
		if seed == 11 && !testing.Short() {
			samples = 7000
		}
		p, d := newZoo(t, 80+seed, 6, samples, classes)
		o := byEvidence()
		evaluate := p.Evaluate
		if classes == 40 && seed%2 == 0 {
			o.Outputs, evaluate = rowsOf(d, 0), d.Evaluate
		}
		r := findings(t, p, o)
		want := newSettings(p)
		want.Softening = min(want.Softening, newReference(t.Context(), p, 1).trusted(t.Context()))
		if r.Settings == nil || *r.Settings != want || r.Proof.Length != 0 || r.Status != Finished {
			t.Errorf("seed %d: %+v, %+v, %v", seed, r.Settings, r.Proof, r.Status)
		}
		for i, point := range r.Front {
			if i > 0 && (point.Cost <= r.Front[i-1].Cost || point.Expected.Accuracy <= r.Front[i-1].Expected.Accuracy) {
				t.Errorf("seed %d: %v at %v with %v expected after %v with %v", seed, point.Cascade, point.Cost, point.Expected, r.Front[i-1].Cost, r.Front[i-1].Expected)
			}
			if a := point.Expected.Accuracy; !(0 <= a && a <= 1) {
				t.Errorf("seed %d: an expected accuracy of %v", seed, a)
			}
			e, err := evaluate(point.Cascade)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(e, point.Evaluation) {
				t.Errorf("seed %d: %v is %+v, by the definition %+v", seed, point.Cascade, point.Evaluation, e)
			}
			if point.Bound < point.Correct || point.Bound > point.Samples {
				t.Errorf("seed %d: a bound of %d for %d of %d", seed, point.Bound, point.Correct, point.Samples)
			}
			if len(point.Stages) > 1 {
				long++
			}
			if few := slices.Min(point.Reach); few < least(samples) {
				t.Errorf("seed %d: %v has a stage that %d samples reach", seed, point.Cascade, few)
			}
		}
	}
	if long < 20 {
		t.Errorf("only %d cascades have several stages: the test shows little", long)
	}
}

// A limit on the cost is one of the samples, which their copies may miss by a little.
func TestMaxCostByEvidence(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 90, 6, 150, 6)
	o := byEvidence()
	o.Folds, o.Evals = 0, 20_000
	for part := range 25 {
		o.MaxCost = d.Costs["m0"] + float64(part)
		front := findings(t, p, o).Front
		for _, point := range front {
			if point.Cost > slack*o.MaxCost {
				t.Errorf("%v costs %v, the limit is %v", point.Cascade, point.Cost, o.MaxCost)
			}
		}
		if most := front[len(front)-1].Cost; most < 0.75*o.MaxCost {
			t.Errorf("all cost %v at most, the limit is %v", most, o.MaxCost)
		}
	}
	o.Include, o.MaxCost = []string{"m0", "m5"}, d.Costs["m0"]/2
	if _, err := Search(context.Background(), p, o); !errors.Is(err, ErrNothingFeasible) {
		t.Errorf("nothing costs as little: %v", err)
	}
}

// A least accuracy is one on what is expected: it leaves the part of the front from there
// on.
func TestMinAccuracyIsOfTheExpected(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 91, 6, 300, 6)
	o := byEvidence()
	all := findings(t, p, o).Front
	if len(all) < 4 {
		t.Fatalf("a front of %d: the test shows nothing", len(all))
	}
	for _, from := range []int{0, 1, len(all) / 2, len(all) - 1} {
		o.MinAccuracy = all[from].Expected.Accuracy
		if got := findings(t, p, o).Front; !reflect.DeepEqual(got, all[from:]) {
			t.Errorf("%d cascades are expected to reach %v, want %d", len(got), o.MinAccuracy, len(all)-from)
		}
	}
	o.MinAccuracy = all[len(all)-1].Expected.Accuracy + 1e-6
	if _, err := Search(context.Background(), p, o); !errors.Is(err, ErrNothingFeasible) {
		t.Errorf("more than any is expected to reach: %v", err)
	}
}

// A search that is interrupted again and again, in its folds, too, finds what one finds
// that never was.
func TestResumedEvidenceEqualsUninterrupted(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(o *Options){
		"budget":   func(*Options) {},
		"patience": func(o *Options) { o.Evals, o.MaxModels, o.Grid = 0, 3, Grid{0.3, 0.6, 0.9} },
		"required": func(o *Options) { o.Include = []string{"m2"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, _ := newZoo(t, 3, 5, 90, 40)
			o := byEvidence()
			change(&o)
			want := findings(t, p, o)
			for start := int64(1); start <= 41; start += 20 {
				got, interrupted := searchWithInterruptions(t, p, o, start)
				if timeless(got); !reflect.DeepEqual(got.Front, want.Front) || got.Evaluations != want.Evaluations || !reflect.DeepEqual(got.Settings, want.Settings) {
					t.Errorf("interrupted %d times and resumed: %d points, %d evaluations; uninterrupted: %d, %d",
						interrupted, len(got.Front), got.Evaluations, len(want.Front), want.Evaluations)
				}
				if interrupted < 2 {
					t.Errorf("the test interrupted the search %d times", interrupted)
				}
			}
		})
	}
}

// A search whose folds are interrupted has its front, but nothing is expected of it, and it
// continues with the folds.
func TestInterruptedFolds(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 5, 90, 6)
	for _, raw := range []bool{false, true} {
		o := byEvidence()
		o.Evidence = !raw
		want := findings(t, p, o)
		for fold := range int64(o.Folds) {
			ctx, cancel := context.WithCancel(context.Background())
			again := o
			again.Save = func(state []byte) error {
				again.Resume = state
				return nil
			}
			again.Progress = func(now Progress) {
				if now.Unit == "folds searched again" && now.Done == fold {
					cancel()
				}
			}
			r, err := Search(ctx, p, again)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status != Interrupted || len(r.Front) < len(want.Front) || r.Front[0].Expected != nil {
				t.Errorf("fold %d interrupted: %v, %d cascades, %v expected", fold, r.Status, len(r.Front), r.Front[0].Expected)
			}
			if again.Resume == nil {
				t.Fatalf("fold %d: there is nothing to resume from", fold)
			}
			again.Progress = nil
			if got := findings(t, p, again); !reflect.DeepEqual(got, want) {
				t.Errorf("fold %d: resumed, another result", fold)
			}
		}
	}
}

// A search may be resumed with another limit on the time, or with none.
func TestResumeWithOtherTime(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 6, 250, 6)
	o := byEvidence()
	o.Evals, o.Grid, o.MaxModels, o.Folds = 0, shortGrid, 4, 2
	saved := savedSearch(t, p, o)
	limited := o
	limited.Time = 10 * time.Millisecond
	limited.Save = func(state []byte) error {
		limited.Resume = state
		return nil
	}
	r, err := Search(context.Background(), p, limited)
	for errors.Is(err, ErrNothingFeasible) { // a slow machine has not found anything
		limited.Time *= 2
		r, err = Search(context.Background(), p, limited)
	}
	if err != nil || r.Status != Interrupted {
		t.Fatalf("%+v, %v: the time was not up", r, err)
	}
	for name, resumed := range map[string]Options{
		"with a limit, after none":    {Resume: saved, Time: 2 * time.Second},
		"with none, after a limit":    {Resume: limited.Resume},
		"with another, after a limit": {Resume: limited.Resume, Time: 2 * time.Second},
	} {
		again := o
		again.Resume, again.Time = resumed.Resume, resumed.Time
		r, err := Search(context.Background(), p, again)
		if err != nil || len(r.Front) == 0 || r.Front[0].Expected == nil {
			t.Errorf("resumed %s: %+v, %v", name, r, err)
		}
	}
	o.Resume, o.Thorough = saved, true
	if _, err := Search(context.Background(), p, o); !errors.Is(err, ErrBadState) {
		t.Errorf("a search that is now thorough is resumed: %v", err)
	}
}

// A patience ends a search that gains little, whoever does it and with interruptions, too.
func TestPatienceEndsASearch(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 92, 7, 300, 6)
	o := byEvidence()
	o.Folds, o.Evals = 0, 200_000
	thorough := findings(t, p, o)
	before := thorough.Evaluations
	for _, gain := range []float64{1e-3, 0.01, 0.1} {
		o.patience, o.Threads = patience{gain: gain, evaluations: 2000}, 1
		soon := findings(t, p, o)
		if soon.Evaluations >= thorough.Evaluations || soon.Evaluations > before {
			t.Errorf("a gain of %v: %d evaluations; with less %d, without patience %d", gain, soon.Evaluations, before, thorough.Evaluations)
		}
		before = soon.Evaluations
		if pairs := o.pairs(p); soon.Evaluations < pairs {
			t.Errorf("a gain of %v: %d evaluations, pairs are %d", gain, soon.Evaluations, pairs)
		}
		o.Threads = 3
		if got := findings(t, p, o); !reflect.DeepEqual(got, soon) {
			t.Errorf("a gain of %v: three threads give another result", gain)
		}
		got, interrupted := searchWithInterruptions(t, p, o, 1)
		if interrupted < 2 || !reflect.DeepEqual(got.Front, soon.Front) || got.Evaluations != soon.Evaluations {
			t.Errorf("a gain of %v, interrupted %d times: %d evaluations, want %d", gain, interrupted, got.Evaluations, soon.Evaluations)
		}
	}
}

// The default has a patience and a budget, which a fold has a part of; a thorough search
// and one with a limit of its own have neither.
func TestEffortOfEvidence(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 92, 7, 300, 6)
	o := byEvidence()
	o.Evals, o.MaxModels = 0, 8
	prepared := func(o Options, part float64) Options {
		prepared, err := newTrial(t.Context(), p, o, part)
		if err != nil {
			t.Fatal(err)
		}
		return prepared.options
	}
	whole, part := prepared(o, 1), prepared(o, 0.25)
	pairs := int64(2 * (7 + 7*6*len(o.Grid)))
	if got, want := whole.Evals-pairs, 4*(part.Evals-pairs); pairs != o.pairs(p) || got < want || got > want+4 || want <= 0 {
		t.Errorf("%d evaluations after %d pairs, in a fold %d", whole.Evals, pairs, part.Evals)
	}
	if whole.patience.gain <= 0 || whole.patience.evaluations <= part.patience.evaluations || whole.patience.evaluations > whole.Evals {
		t.Errorf("%+v, in a fold %+v", whole.patience, part.patience)
	}
	for _, change := range []func(o *Options){
		func(o *Options) { o.Thorough = true },
		func(o *Options) { o.Time = time.Second },
		func(o *Options) { o.Evals = 1234 },
		func(o *Options) { o.Evidence = false },
	} {
		o := o
		change(&o)
		if got := prepared(o, 1); got.patience != (patience{}) || got.Evals != o.Evals {
			t.Errorf("%+v, %d evaluations of %d", got.patience, got.Evals, o.Evals)
		}
	}
}

// The time ends the search, which has no other limit, and suffices for the folds.
func TestTimeOfEvidenceIsKept(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector slows a search down twentyfold: the time does not suffice")
	}
	t.Parallel()
	p, _ := newZoo(t, 93, 25, 1500, 6)
	o := byEvidence()
	o.Grid, o.Evals, o.Time = nil, 0, 4*time.Second
	start := time.Now()
	r, err := Search(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 20*time.Second || r.Elapsed > took {
		t.Errorf("took %v and says %v, the limit is %v", took, r.Elapsed, o.Time)
	}
	if r.Status != Interrupted || r.Front[0].Expected == nil {
		t.Errorf("%v, %+v expected", r.Status, r.Front[0].Expected)
	}
}

// Zoos that leave no choice are searched, too.
func TestEvidenceOfLittle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ models, samples, classes, folds int }{
		{1, 60, 5, 5}, {3, 1, 5, 5}, {3, 2, 5, 5}, {3, 3, 2, 2}, {4, 30, 1, 5}, {1, 1, 1, 5}, {2, 7, 3, 100},
	} {
		p, _ := newZoo(t, 94, c.models, c.samples, c.classes)
		o := byEvidence()
		o.Folds = c.folds
		r := findings(t, p, o)
		for _, point := range r.Front {
			if (point.Expected != nil) != (c.samples > 1) {
				t.Errorf("%+v: %+v is expected", c, point.Expected)
			}
			if c.samples < 5 && len(point.Stages) > 1 {
				t.Errorf("%+v: %v of stages that cannot have been measured", c, point.Cascade)
			}
		}
	}
}

// What is told of a search by evidence is of its samples, not of their copies.
func TestProgressOfEvidence(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 95, 6, 200, 6)
	o := byEvidence()
	o.Rules = []cascade.Rule{cascade.RuleLast}
	told := 0
	o.Progress = func(now Progress) {
		if now.Correct > p.Samples() {
			t.Errorf("told of %d correct answers of %d", now.Correct, p.Samples())
		}
		told = max(told, now.Correct)
	}
	best := 0
	for _, point := range findings(t, p, o).Front {
		best = max(best, point.Correct)
	}
	if told < best/2 {
		t.Errorf("told of %d correct answers, found %d", told, best)
	}
}
