package optimize

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/zoo/example"
)

// newTiedZoo makes models many cascades of which are equal: costs are few whole numbers,
// and some models are another one under a longer or a shorter name.
func newTiedZoo(t testing.TB, seed uint64, models, samples, classes int) (*Problem, *cascade.Dense) {
	t.Helper()
	p, d := newZoo(t, seed, models, samples, classes)
	names := []string{"ü", "bb", "a", "dddd", "cc", "e"}
	list := slices.Clone(p.Models())
	for m := range list {
		from := &list[m]
		if m%3 == 2 {
			from = &list[m-1]
		}
		outputs := d.Outputs[from.Name]
		delete(d.Costs, list[m].Name)
		list[m] = Model{Name: names[m], Cost: float64(int(1) << (m / 2)), Params: float64(1 + m/2), Lists: from.Lists}
		d.Costs[names[m]], d.Outputs[names[m]] = list[m].Cost, outputs
	}
	for m := range models {
		delete(d.Outputs, modelName(m))
	}
	tied, err := NewProblem(p.labels, p.classes, list)
	if err != nil {
		t.Fatal(err)
	}
	return tied, d
}

// runOf returns a run that has not begun.
func runOf(t testing.TB, p *Problem, o Options) *run {
	t.Helper()
	s, _, err := newRun(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCanonicalForm(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 1, 5, 20, 3)
	required := Options{Algorithm: "auto", Grid: shortGrid, Rules: bothRules, Include: []string{"m4", "m2", "m4"}}
	for _, c := range []struct {
		o     Options
		p     plan
		reach []int
		want  string
	}{
		{p: plan{0, []member{{0, 1}, {1, 1}, {2, 1}}, []uint8{3, 2}}, reach: []int{20, 9, 1}, want: "m0@0.75,m1@0.5,m2"},
		{p: plan{0, []member{{0, 1}, {1, 1}, {2, 1}}, []uint8{3, 2}}, reach: []int{20, 9, 0}, want: "m0@0.75,m1"},
		{p: plan{0, []member{{0, 3}, {1, 1}, {2, 1}}, []uint8{3, 2}}, reach: []int{20, 0, 0}, want: "m0"},
		{p: plan{1, []member{{0, 3}, {1, 1}}, []uint8{3}}, reach: []int{20, 0}, want: "m0"},
		{p: plan{1, []member{{0, 3}, {1, 2}}, []uint8{3}}, reach: []int{20, 1}, want: "last:m0@0.75,m1"},
		{p: plan{0, []member{{0, 4}, {1, 6}, {2, 3}}, []uint8{3, 5}}, reach: []int{20, 9, 0}, want: "m0*2@0.75,m1*3"},
		{p: plan{0, []member{{0, 4}, {1, 6}, {2, 3}}, []uint8{3, 5}}, reach: []int{20, 9, 2}, want: "m0*4@0.75,m1*6@1,m2*3"},
		{p: plan{0, []member{{0, 1}, {0, 1}}, []uint8{3}}, reach: []int{20, 2}, want: "m0@0.75,m0"},
		{required, plan{0, []member{{0, 2}, {4, 3}, {1, 1}, {2, 2}}, []uint8{3, 2, 1}}, []int{20, 0, 0, 0}, "m0@0,m2@0,m4"},
		{required, plan{1, []member{{0, 1}, {4, 1}, {1, 1}, {2, 1}}, []uint8{3, 2, 1}}, []int{20, 5, 0, 0}, "last:m0@0.75,m4@0,m2"},
		{required, plan{0, []member{{2, 2}, {4, 4}, {1, 1}}, []uint8{3, 2}}, []int{20, 5, 0}, "m2@0.75,m4*2"},
	} {
		if c.o.Grid == nil {
			c.o = Options{Algorithm: "auto", Grid: shortGrid, Rules: bothRules}
		}
		s := runOf(t, p, c.o)
		var room plan
		got := s.limits.canonical(&room, c.p, c.reach)
		if text := s.eval.cascade(got).String(); text != c.want {
			t.Errorf("%s reached by %v is kept as %s, want %s", s.eval.cascade(c.p), c.reach, text, c.want)
		}
		if !s.archive.isCanonical(got.clone()) {
			t.Errorf("%s is not in the form of what is kept", s.eval.cascade(got))
		}
	}
}

// drawPlan draws a plan of up to longest stages, any model and weight at each.
func drawPlan(rng *rand.Rand, s *run, longest int) plan {
	p := plan{rule: s.options.Rules[rng.IntN(len(s.options.Rules))]}
	for stage := range 1 + rng.IntN(longest) {
		if stage > 0 {
			p.exits = append(p.exits, uint8(rng.IntN(len(s.eval.grid))))
		}
		p.members = append(p.members, member{uint16(rng.IntN(len(s.eval.models))), uint8(1 + rng.IntN(4))})
	}
	return p
}

// What is kept does the same as what was offered, has no stage that no sample reaches
// but for required models, and is its own form.
func TestCanonicalFormDoesTheSame(t *testing.T) {
	t.Parallel()
	p, d := newTiedZoo(t, 3, 6, 30, 4)
	for _, o := range []Options{
		{Confidence: cascade.MaxProbability},
		{Confidence: cascade.Margin, Include: []string{"e"}},
		{Confidence: cascade.Entropy, Include: []string{"e", "a"}},
	} {
		o.Algorithm, o.Rules, o.Grid = "auto", bothRules, shortGrid
		s := runOf(t, p, o)
		w, rng := s.newWorker(), rand.New(rand.NewPCG(1, 1))
		shorter := 0
		for range 3000 {
			drawn := drawPlan(rng, s, 5)
			correct, reach := w.evaluate(drawn)
			var room plan
			kept := s.limits.canonical(&room, drawn, reach)
			e, err := d.Evaluate(s.eval.cascade(kept))
			if err != nil {
				t.Fatal(err)
			}
			if e.Correct != correct || s.eval.totalCost(kept, e.Reach) != s.eval.totalCost(drawn, reach) {
				t.Fatalf("%s is kept as %s, which does something else", s.eval.cascade(drawn), s.eval.cascade(kept))
			}
			again := s.limits.canonical(new(plan), kept, e.Reach)
			if s.limits.compare(kept, again) != 0 {
				t.Fatalf("%s is kept as %s, and that as %s", s.eval.cascade(drawn), s.eval.cascade(kept), s.eval.cascade(again))
			}
			for stage, m := range kept.members {
				if e.Reach[stage] == 0 && !slices.Contains(s.limits.required, int(m.model)) {
					t.Fatalf("%s is kept as %s, with a stage that no sample reaches", s.eval.cascade(drawn), s.eval.cascade(kept))
				}
			}
			if len(kept.members) < len(drawn.members) {
				shorter++
			}
		}
		if shorter < 300 {
			t.Errorf("only %d cascades are kept as shorter ones", shorter)
		}
	}
}

// beforeByNames is the order of equal cascades as it is described, by names.
func beforeByNames(costs map[string]float64, a, b cascade.Cascade) bool {
	worst := func(c cascade.Cascade) (total float64) {
		for _, s := range c.Stages {
			total += costs[s.Model]
		}
		return total
	}
	namesOf := func(c cascade.Cascade) (names []string) {
		for _, s := range c.Stages {
			names = append(names, s.Model)
		}
		return names
	}
	characters := func(c cascade.Cascade) int { return utf8.RuneCountInString(strings.Join(namesOf(c), "")) }
	return cmp.Or(
		cmp.Compare(worst(a), worst(b)),
		cmp.Compare(len(a.Stages), len(b.Stages)),
		cmp.Compare(characters(a), characters(b)),
		slices.Compare(namesOf(a), namesOf(b)),
		cmp.Compare(a.Rule, b.Rule),
		slices.CompareFunc(a.Stages, b.Stages, func(a, b cascade.Stage) int { return cmp.Compare(a.Weight, b.Weight) }),
		slices.CompareFunc(a.Stages, b.Stages, func(a, b cascade.Stage) int { return cmp.Compare(a.Threshold, b.Threshold) }),
	) < 0
}

// Plans have a total order, the one described, and only equal ones compare equal.
func TestOrderOfEqualCascades(t *testing.T) {
	t.Parallel()
	p, d := newTiedZoo(t, 3, 6, 30, 4)
	s := runOf(t, p, Options{Algorithm: "auto", Rules: bothRules, Grid: shortGrid})
	rng := rand.New(rand.NewPCG(1, 1))
	var plans []plan
	for range 150 {
		plans = append(plans, drawPlan(rng, s, 3))
	}
	for _, a := range plans {
		for _, b := range plans {
			order := s.limits.compare(a, b)
			if order != -s.limits.compare(b, a) || (order == 0) != (fmt.Sprint(a) == fmt.Sprint(b)) {
				t.Fatalf("%v and %v compare as %d and %d", a, b, order, s.limits.compare(b, a))
			}
			if len(a.members) == 1 || len(b.members) == 1 {
				continue // written without their rule
			}
			if before := beforeByNames(d.Costs, s.eval.cascade(a), s.eval.cascade(b)); before != (order < 0) {
				t.Fatalf("%s before %s: %v", s.eval.cascade(a), s.eval.cascade(b), order < 0)
			}
		}
	}
}

// The archive that offers lead to depends on neither their order nor on which of several
// archives they were made to, or in which order these are merged.
func TestArchivesMergeInAnyOrder(t *testing.T) {
	t.Parallel()
	p, _ := newTiedZoo(t, 3, 6, 20, 4)
	for _, o := range []Options{
		{}, {Include: []string{"cc"}}, {MaxCost: 3, MinAccuracy: 0.4}, {MaxWorstCost: 7}, {MaxParams: 5, Paper: true},
		{charge: 1, leastReach: 3}, {charge: 2, Include: []string{"cc"}}, {leastReach: 6, Include: []string{"a"}, MaxWorstCost: 7},
	} {
		o.Algorithm, o.Rules, o.Grid = "auto", bothRules, shortGrid
		s := runOf(t, p, o)
		w, rng := s.newWorker(), rand.New(rand.NewPCG(1, 1))
		var plans []plan
		for range 4000 {
			plans = append(plans, drawPlan(rng, s, 3))
		}
		want := newArchive(p.Samples(), s.limits)
		for _, p := range plans {
			w.evaluateAndOffer(p, want)
		}
		if len(want.front()) == 0 {
			t.Fatalf("%+v: nothing was kept", o)
		}
		for range 20 {
			rng.Shuffle(len(plans), func(i, j int) { plans[i], plans[j] = plans[j], plans[i] })
			parts := make([]*archive, 1+rng.IntN(5))
			for i := range parts {
				parts[i] = newArchive(p.Samples(), s.limits)
			}
			for _, p := range plans {
				w.evaluateAndOffer(p, parts[rng.IntN(len(parts))])
			}
			got := parts[0].copy()
			for _, i := range rng.Perm(len(parts)) {
				got.merge(parts[i])
			}
			if !reflect.DeepEqual(got.totals, want.totals) || !slices.Equal(listed(got), listed(want)) {
				t.Fatalf("%+v: another order of offers leads to another archive", o)
			}
		}
	}
}

// listed returns the cascades of an archive with their scores.
func listed(a *archive) (all []string) {
	for score, p := range a.plans() {
		all = append(all, fmt.Sprint(score, p))
	}
	return all
}

// kept is a cascade as an archive should keep it, told by what the definition says of it.
func kept(d *cascade.Dense, c cascade.Cascade, e cascade.Evaluation, include []string) cascade.Cascade {
	k := c
	k.Stages = nil
	for stage, s := range c.Stages {
		if e.Reach[stage] > 0 {
			k.Stages = append(k.Stages, s)
		}
	}
	reached := len(k.Stages)
	for _, model := range slices.Sorted(slices.Values(include)) {
		is := func(s cascade.Stage) bool { return s.Model == model }
		if !slices.ContainsFunc(k.Stages, is) && slices.ContainsFunc(c.Stages, is) {
			k.Stages[len(k.Stages)-1].Threshold = 0 // of the grid's lowest
			k.Stages = append(k.Stages, cascade.Stage{Model: model, Weight: 1})
		}
	}
	if len(k.Stages) == 1 {
		k.Rule = cascade.RuleMean
	}
	if reached == len(k.Stages) {
		k.Stages[reached-1].Threshold = 0 // not used
	}
	return k
}

// bestOfEqual finds, of all cascades with up to so many stages, those on the front, and of
// equal ones that which the order puts first.
func bestOfEqual(t *testing.T, d *cascade.Dense, o Options, repeat bool) []string {
	t.Helper()
	type known struct {
		total float64
		best  cascade.Cascade
	}
	found := make(map[int]known)
	params := map[string]float64{"ü": 1, "bb": 1, "a": 2, "dddd": 2, "cc": 3, "e": 3}
	consider := func(c cascade.Cascade) {
		e, err := d.Evaluate(c)
		if err != nil {
			t.Fatal(err)
		}
		c = kept(d, c, e, o.Include)
		worst, sum, distinct := 0.0, 0.0, make(map[string]bool)
		for _, s := range c.Stages {
			worst += d.Costs[s.Model]
			if !distinct[s.Model] {
				distinct[s.Model] = true
				sum += params[s.Model]
			}
		}
		total := e.Cost * float64(len(d.Labels)) // whole numbers
		total = math.Round(total)
		if o.MaxWorstCost > 0 && worst > o.MaxWorstCost || o.MaxParams > 0 && sum > o.MaxParams ||
			slices.ContainsFunc(o.Include, func(m string) bool { return !distinct[m] }) {
			return
		}
		k, ok := found[e.Correct]
		if !ok || total < k.total || total == k.total && beforeByNames(d.Costs, c, k.best) {
			found[e.Correct] = known{total, c}
		}
	}
	var extend func(c cascade.Cascade)
	extend = func(c cascade.Cascade) {
		if len(c.Stages) > 0 {
			consider(c)
		}
		if len(c.Stages) == o.MaxModels {
			return
		}
		thresholds := o.Grid
		if len(c.Stages) == 0 {
			thresholds = Grid{0}
		}
		for m := range d.Costs {
			if !repeat && slices.ContainsFunc(c.Stages, func(s cascade.Stage) bool { return s.Model == m }) {
				continue
			}
			for _, threshold := range thresholds {
				next := c
				next.Stages = append(slices.Clone(c.Stages), cascade.Stage{Model: m, Weight: 1})
				if n := len(c.Stages); n > 0 {
					next.Stages[n-1].Threshold = threshold
				}
				extend(next)
			}
		}
	}
	for _, rule := range o.Rules {
		extend(cascade.Cascade{Rule: rule})
	}
	var front []string
	least := math.Inf(1)
	for correct := len(d.Labels); correct >= 0; correct-- {
		if k, ok := found[correct]; ok && k.total < least {
			least = k.total
			front = append(front, k.best.String())
		}
	}
	slices.Reverse(front)
	return front
}

// Of equal cascades every complete search returns the one that the order puts first, in
// the form that archives keep.
func TestEqualCascadesEqualBruteForce(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		p, d := newTiedZoo(t, seed, 4, 40, 4)
		grid := Grid{0, 0.5, 0.8, 1}
		for _, limits := range []Options{
			{Rules: bothRules},
			{Rules: []cascade.Rule{cascade.RuleLast}},
			{Rules: bothRules, Include: []string{"ü"}},
			{Rules: bothRules, Include: []string{"dddd", "a"}},
			{Rules: bothRules, MaxWorstCost: 3},
			{Rules: []cascade.Rule{cascade.RuleMean}, MaxParams: 3},
			{Rules: bothRules, Include: []string{"a"}, MaxWorstCost: 5},
		} {
			for _, algorithm := range []string{"exact", "gomea", "nsga2", "random"} {
				if algorithm == "gomea" && (seed > 0 || limits.Include != nil) {
					continue // it takes long to see that nothing new is left
				}
				o := limits
				o.Algorithm, o.Grid, o.MaxModels = algorithm, grid, 3
				o.Paper = algorithm == "gomea" || algorithm == "nsga2"
				t.Run(fmt.Sprint(seed, algorithm, o.Rules, o.Include, o.MaxWorstCost, o.MaxParams), func(t *testing.T) {
					want := bestOfEqual(t, d, o, o.Paper)
					if algorithm != "exact" {
						o.Evals = 1 << 40
					}
					r, err := Search(context.Background(), p, o)
					if err != nil {
						t.Fatal(err)
					}
					var got []string
					for _, point := range r.Front {
						got = append(got, point.Cascade.String())
					}
					if !slices.Equal(got, want) {
						t.Errorf("front\n%s\nbrute force\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
					}
				})
			}
		}
	}
}

// What no sample reaches is not paid for: limits on members are for what is left.
func TestLimitsAreForWhatIsLeft(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 2, 4, 50, 5)
	for _, o := range []Options{{MaxWorstCost: d.Costs["m0"] + d.Costs["m1"]}, {MaxParams: 3}} { // those of m0 and m1
		o.Algorithm, o.Grid = "auto", shortGrid
		s := runOf(t, p, o)
		chain := plan{0, []member{{0, 1}, {1, 1}, {3, 1}}, []uint8{2, 2}}
		s.archive.offer(30, 200, chain, []int{50, 20, 1})
		if len(s.archive.front()) != 0 {
			t.Errorf("%+v: a cascade beyond the limits was taken", o)
		}
		s.archive.offer(30, 200, chain, []int{50, 20, 0})
		if f := s.archive.front(); len(f) != 1 || s.eval.cascade(s.archive.plan(f[0])).String() != "m0@0.5,m1" {
			t.Errorf("%+v: a cascade within the limits was not taken without the stage that no sample reaches", o)
		}
		if cut, stages := s.limits.cut(chain.members); stages != 2 || !slices.Equal(cut, chain.members[:2]) {
			t.Errorf("%+v: %v is cut to %v", o, chain.members, cut)
		}
		o.Include = []string{"m1"}
		s = runOf(t, p, o)
		behind := []member{{0, 1}, {2, 1}, {1, 1}}
		if cut, stages := s.limits.cut(behind); stages != 1 || !slices.Equal(cut, []member{{0, 1}, {1, 1}}) {
			t.Errorf("%+v: %v is cut to %v, of which %d stages", o, behind, cut, stages)
		}
		if _, stages := s.limits.cut([]member{{0, 1}, {2, 1}}); stages != 0 {
			t.Errorf("%+v: a chain without a required model is within the limits", o)
		}
	}
}

// What costs just a limit is within it, however that is rounded: 0.1 + 0.2 is more than
// 0.3 in float64.
func TestLimitsAllowForRounding(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 1, 2, 60, 5)
	models := slices.Clone(p.models)
	models[0].Cost, models[1].Cost = 0.1, 0.2
	p, err := NewProblem(p.labels, p.classes, models)
	if err != nil {
		t.Fatal(err)
	}
	everything := Grid{1}
	for _, o := range []Options{{MaxWorstCost: 0.3}, {MaxCost: 0.3}} {
		o.Include, o.Grid = []string{"m0", "m1"}, everything
		if r, err := Search(t.Context(), p, o); err != nil || len(r.Front) != 1 || r.Front[0].WorstCost <= 0.3 {
			t.Errorf("%+v: %v, %v", o, r, err)
		}
		o.MaxWorstCost, o.MaxCost = 0.299999*o.MaxWorstCost/0.3, 0.299999*o.MaxCost/0.3
		if r, err := Search(t.Context(), p, o); !errors.Is(err, ErrNothingFeasible) {
			t.Errorf("%+v: %v, %v", o, r, err)
		}
	}
}

// A budget that is just what a model costs finds the model.
func TestBudgetOfOneModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		p, d := newZoo(t, 40+seed, 5, 97, 5)
		for _, name := range Algorithms() {
			for _, o := range []Options{{MaxCost: d.Costs["m0"]}, {MaxWorstCost: d.Costs["m0"]}} {
				o.Algorithm = name
				if name != "exact" {
					o.Evals = 3000
				}
				r, err := Search(context.Background(), p, o)
				if err != nil {
					t.Errorf("%s within %v, %v: %v", name, o.MaxCost, o.MaxWorstCost, err)
				} else if len(r.Front) != 1 || r.Front[0].String() != "m0" {
					t.Errorf("%s within %v, %v: %d cascades", name, o.MaxCost, o.MaxWorstCost, len(r.Front))
				}
			}
		}
	}
}

// checkStages reports stages of a front that no sample reaches and that are not required,
// and thresholds that let all samples exit.
func checkStages(t *testing.T, r *Result, include []string) {
	t.Helper()
	for _, point := range r.Front {
		for stage, s := range point.Stages {
			if point.Reach[stage] == 0 && !slices.Contains(include, s.Model) {
				t.Errorf("%s: no sample reaches %s", point.Cascade, s.Model)
			}
		}
		if len(point.Stages) == 1 && (point.Rule != cascade.RuleMean || point.Stages[0].Weight != 1) {
			t.Errorf("a model alone is %s", point.Cascade)
		}
	}
}

func TestEveryStageIsReached(t *testing.T) {
	t.Parallel()
	for _, classes := range []int{4, 40} {
		p, d := newZoo(t, 5, 8, 150, classes)
		for _, name := range Algorithms() {
			for _, limits := range []Options{
				{},
				{Rules: bothRules},
				{Snap: true},
				{Include: []string{"m5", "m0"}},
				{MaxWorstCost: d.Costs["m4"] + d.Costs["m2"], Paper: true},
				{Outputs: rowsOf(d, 0), Include: []string{"m1"}},
			} {
				o := smallSearch(name)
				o.Rules, o.Snap, o.MaxWorstCost, o.Paper, o.Outputs = limits.Rules, limits.Snap, limits.MaxWorstCost, limits.Paper, limits.Outputs
				if name != "greedy" { // which takes none
					o.Include = limits.Include
				}
				r, err := Search(context.Background(), p, o)
				if err != nil {
					t.Fatalf("%s, %+v: %v", name, limits, err)
				}
				checkStages(t, r, o.Include)
			}
		}
	}
}

// exampleProblem is the search split of the example zoo.
func exampleProblem(t testing.TB) *Problem {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	z, err := example.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var models []Model
	for _, m := range z.Models() {
		cost, err := m.Cost("gflops")
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, m.Name)
		models = append(models, Model{Name: m.Name, Cost: cost})
	}
	index, err := z.OpenIndex(t.Context(), "search", names, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { index.Close() })
	for i := range models {
		models[i].Lists = kernel.Lists(index.Lists(models[i].Name))
	}
	p, err := NewProblem(index.Labels(), z.Classes(), models)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryStageIsReachedInExample(t *testing.T) {
	p, evals := exampleProblem(t), int64(20_000_000)
	if testing.Short() {
		evals = 200_000
	}
	for _, o := range []Options{{Algorithm: "exact", MaxModels: 3}, {Algorithm: "auto", Evals: evals}, {Algorithm: "nsga2", Evals: 10_000}} {
		o.Rules = bothRules
		r, err := Search(context.Background(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		checkStages(t, r, nil)
	}
}

// Neither the order of the models nor that of the required ones matters.
func TestOrderOfModelsDoesNotMatter(t *testing.T) {
	t.Parallel()
	p, _ := newTiedZoo(t, 7, 6, 60, 5)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, name := range Algorithms() {
		o := smallSearch(name)
		if name != "greedy" {
			o.Include = []string{"cc", "a"}
		}
		want, err := Search(context.Background(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		models := slices.Clone(p.Models())
		for range 3 {
			rng.Shuffle(len(models), func(i, j int) { models[i], models[j] = models[j], models[i] })
			slices.Reverse(o.Include)
			other, err := NewProblem(p.labels, p.classes, models)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Search(context.Background(), other, o)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Front, want.Front) || got.Evaluations != want.Evaluations {
				t.Errorf("%s: models in another order give another front", name)
			}
		}
	}
}

func TestProofs(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 9, 60, 40)
	exhausted := func(o Options) string {
		r, err := Search(context.Background(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		return r.Proof.String()
	}
	included := []string{p.models[0].Name, p.models[1].Name, p.models[2].Name}
	listed := ", as far as the 16 largest outputs of each model tell"
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{Algorithm: "exact", MaxModels: 1}, "No single one of the 9 models beats this front within the limits"},
		{Options{Algorithm: "exact"}, "No chain of at most 2 of the 9 models, each once and with weight 1, at the 78 thresholds of the grid and rule mean, beats this front within the limits" + listed},
		{Options{Algorithm: "exact", MaxModels: 3, Grid: shortGrid, Rules: []cascade.Rule{cascade.RuleLast}}, "No chain of at most 3 of the 9 models, each once and with weight 1, at the 6 thresholds of the grid and rule last, beats this front within the limits"},
		{Options{Algorithm: "auto", Grid: shortGrid, Rules: bothRules, Confidence: cascade.Margin}, "No chain of at most 2 of the 9 models, each once and with weight 1, at the 6 thresholds of the grid on the margin and rules mean and last, beats this front within the limits" + listed},
		{Options{Algorithm: "exact", Grid: shortGrid, Rules: []cascade.Rule{cascade.RuleVote}, Confidence: cascade.Margin}, "No chain of at most 2 of the 9 models, each once and with weight 1, at the 6 thresholds of the grid on the margin and rule vote, beats this front within the limits"},
		{Options{Algorithm: "exact", Grid: shortGrid, Rules: cascade.Rules()}, "No chain of at most 2 of the 9 models, each once and with weight 1, at the 6 thresholds of the grid and rules mean, last and vote, beats this front within the limits" + listed},
		{Options{Algorithm: "auto", Grid: shortGrid, Evals: 20}, "No single one of the 9 models beats this front within the limits"},
		{Options{Algorithm: "exact", Grid: shortGrid, Rules: []cascade.Rule{cascade.RuleVote}, Include: included[:2]}, "No chain that has " + included[0] + " and " + included[1] + ", of at most 2 of the 9 models, each once and with weight 1, at the 6 thresholds of the grid and rule vote, beats this front within the limits"},
		{Options{Algorithm: "exact", MaxModels: 1, Include: included[:1]}, ""},
		{Options{Algorithm: "auto", Grid: shortGrid, Include: included}, ""}, // of chains of two
		{Options{Algorithm: "auto", Grid: shortGrid, Evals: 5}, ""},
		{Options{Algorithm: "random", Evals: 100}, ""},
	} {
		if got := exhausted(c.o); got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
	small, _ := newZoo(t, 3, 3, 60, 10)
	r, err := Search(context.Background(), small, Options{})
	if err != nil || r.Proof.Listed != 0 {
		t.Errorf("with complete lists: %+v, %v", r.Proof, err)
	}
}
