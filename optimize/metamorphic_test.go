package optimize_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/optimize"
)

// The test of this file makes small zoos at random, searches each in many ways and
// compares what comes out. It needs to know nothing of how a search works, only how its
// results must be related. More zoos than go test takes:
//
//	go test ./optimize -run TestMetamorphic -metamorphic.seed 1000 -metamorphic.zoos 20000
//
// Of a relation that does not hold a reduced zoo is printed. Put into a file it is tried
// again with -metamorphic.case, and in testdata/metamorphic by every go test. If a search
// panics, -metamorphic.trace shows at which zoo.
var (
	metamorphicSeed  = flag.Uint64("metamorphic.seed", 1, "seed of the first zoo of the metamorphic test")
	metamorphicZoos  = flag.Int("metamorphic.zoos", 0, "how many zoos the metamorphic test makes; 0: 1500, or 150 with -short")
	metamorphicCase  = flag.String("metamorphic.case", "", "try the zoo of this `file` again, which the metamorphic test has printed")
	metamorphicTrace = flag.Bool("metamorphic.trace", false, "print the seeds of the metamorphic test as their turn comes")
)

// An outcome is all that a user sees of a search, but for the time it took.
type outcome struct {
	Front       []front.Point
	Status      optimize.Status
	Proof       optimize.Proof
	Evaluations int64
	Corrected   int
	Curve       []optimize.CurvePoint
	err         error
	looks       int64 // at the context, which may end the search
}

// String has a line for each cascade and for each other thing.
func (r *outcome) String() string {
	if r.err != nil {
		return "error: " + r.err.Error()
	}
	var b strings.Builder
	for _, p := range r.Front {
		line, err := json.Marshal(p)
		if err != nil {
			line = []byte(err.Error())
		}
		fmt.Fprintf(&b, "%s\n", line)
	}
	fmt.Fprintf(&b, "%s after %d evaluations, %d corrected, proof %+v", r.Status, r.Evaluations, r.Corrected, r.Proof)
	for _, p := range r.Curve {
		fmt.Fprintf(&b, "\n%d evaluations: hypervolume %v, %v over log cost", p.Evaluations, p.Linear, p.Log)
	}
	return b.String()
}

// compare returns an error that shows how a search differs from what it should be.
func compare(got, want *outcome) error {
	g, w := got.String(), want.String()
	if g == w {
		return nil
	}
	var differing []string
	gotLines, wantLines := strings.Split(g, "\n"), strings.Split(w, "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		line := func(lines []string) string {
			if i < len(lines) {
				return lines[i]
			}
			return "nothing"
		}
		if a, b := line(gotLines), line(wantLines); a != b && len(differing) < 8 {
			differing = append(differing, fmt.Sprintf("  got  %s\n  want %s", a, b))
		}
	}
	return errors.New("two searches differ:\n" + strings.Join(differing, "\n"))
}

// A deadline is a context that ends after it was looked at so many times.
type deadline struct {
	context.Context
	left atomic.Int64
}

func newDeadline(looks int64) *deadline {
	d := &deadline{Context: context.Background()}
	d.left.Store(looks)
	return d
}

func (d *deadline) Err() error {
	if d.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// search runs the search of a trial in a variant, on the kernel path in use. looks is how
// many a search that is not interrupted takes at its context.
func (c *trial) search(v variant, looks int64) *outcome {
	as := c.clone()
	if v.Models > 0 {
		as.shuffleModels(v.Models)
	}
	if v.Samples > 0 {
		as.takeSamples(order(v.Samples, len(c.Labels)))
	}
	p, rows, err := as.problem()
	if err == nil && v.Samples%2 > 0 { // the same by other means
		if p, _, err = c.problem(); err == nil {
			p = p.Subset(order(v.Samples, len(c.Labels)))
		}
	}
	if err != nil {
		return &outcome{err: err}
	}
	c = as
	o := optimize.Options{
		Algorithm: c.Options.Algorithm, Rules: slices.Clone(c.Options.Rules), Confidence: c.Options.Confidence, Grid: c.Options.Grid,
		Snap: c.Options.Snap, Paper: c.Options.Paper, MaxModels: c.Options.MaxModels, MaxCost: c.Options.MaxCost,
		MaxWorstCost: c.Options.MaxWorstCost, MaxParams: c.Options.MaxParams, Include: c.Options.Include, MinAccuracy: c.Options.MinAccuracy,
		Evidence: c.Options.Evidence, Folds: c.Options.Folds, Evals: c.Options.Evals, Seed: c.Options.Seed,
		Threads: max(1, v.Threads), Memory: v.Memory,
	}
	if c.Full {
		o.Outputs = rows
	}
	if v.Threads > 1 {
		o.Progress = func(optimize.Progress) {} // has searches tell what they have found
	}
	if v.Parts > 0 {
		return searchInParts(p, o, v, looks)
	}
	if v.Resume > 0 {
		rng := rand.New(rand.NewPCG(v.Resume, 0))
		for range 1 + rng.IntN(5) {
			saved := false
			o.Save = func(state []byte) error {
				o.Resume, saved = state, true
				return nil
			}
			r, err := optimize.Search(newDeadline(1+rng.Int64N(looks+1)), p, o)
			if !saved && !errors.Is(err, context.Canceled) {
				return newOutcome(r, err, 0)
			}
			if v.Threads == 0 {
				o.Threads = 1 + rng.IntN(3)
			}
		}
		o.Save = nil
	}
	all := newDeadline(math.MaxInt64)
	r, err := optimize.Search(all, p, o)
	return newOutcome(r, err, math.MaxInt64-all.left.Load())
}

// searchInParts is an exact search cut into parts, which may be interrupted and resumed, and are
// joined in any order, some twice.
func searchInParts(p *optimize.Problem, o optimize.Options, v variant, looks int64) *outcome {
	rng := rand.New(rand.NewPCG(v.Resume, 1))
	whole := o
	var states [][]byte
	o.Shards = v.Parts
	for _, o.Shard = range rng.Perm(v.Parts) {
		var state []byte
		o.Resume = nil
		o.Save = func(s []byte) error { state = s; return nil }
		if v.Resume > 0 {
			for range rng.IntN(5) {
				if r, err := optimize.Search(newDeadline(1+rng.Int64N(looks+1)), p, o); err != nil && !errors.Is(err, context.Canceled) {
					return newOutcome(r, err, 0)
				}
				if o.Resume = state; v.Threads == 0 {
					o.Threads = 1 + rng.IntN(3)
				}
			}
		}
		if r, err := optimize.Search(context.Background(), p, o); err != nil {
			return newOutcome(r, err, 0)
		} else if r.Proof.Length > 0 || r.Parts == nil || state == nil {
			return newOutcome(nil, fmt.Errorf("part %d has the proof %+v and is of %v", o.Shard, r.Proof, r.Parts), 0)
		}
		states = append(states, state)
		if rng.IntN(4) == 0 {
			states = append(states, states[rng.IntN(len(states))])
		}
	}
	whole.Join = func(yield func([]byte, error) bool) {
		for _, state := range states {
			if !yield(state, nil) {
				return
			}
		}
	}
	r, err := optimize.Search(context.Background(), p, whole)
	if err == nil && r.Parts != nil {
		err = errors.New(r.Parts.String())
	}
	return newOutcome(r, err, 0)
}

// order puts n samples in another order.
func order(seed uint64, n int) []int { return rand.New(rand.NewPCG(seed, 0)).Perm(n) }

func newOutcome(r *optimize.Result, err error, looks int64) *outcome {
	if err != nil {
		return &outcome{err: err, looks: looks}
	}
	return &outcome{r.Front, r.Status, r.Proof, r.Evaluations, r.Corrected, r.Curve, nil, looks}
}

// plain is the search of a trial that others are compared with.
func (c *trial) plain() *outcome { return c.search(variant{}, 0) }

// try returns how the check of a trial fails, if it does. It chooses the kernel path.
func (c *trial) try() error {
	if c.Check.Relation != relationSame {
		return c.holds(c.plain())
	}
	want := c.plain()
	if v := c.Check.Variant; v.Path != "" {
		for _, path := range kernel.Paths() {
			if path.String() == v.Path {
				defer kernel.Force(path)()
			}
		}
	}
	return c.holds(want)
}

// holds is try for the outcome of the plain search and on the kernel path in use.
func (c *trial) holds(plain *outcome) error {
	if c.Check.Relation == relationSame {
		got := c.search(c.Check.Variant, plain.looks)
		if c.Check.Variant.Parts > 0 { // each has a curve of its own
			got.Curve = plain.Curve
		}
		return compare(got, plain)
	}
	if plain.err != nil {
		return nil
	}
	return relations[c.Check.Relation](c, plain, rand.New(rand.NewPCG(c.Check.Seed, 0)))
}

// relationSame is the relation that no variant of a search gives anything else. Every
// algorithm promises it.
const relationSame = "same"

// checks returns what is to be checked of a trial: every kernel path with other things
// drawn at random, some variants on the path in use, all relations.
func (c *trial) checks(seed uint64) []check {
	rng := rand.New(rand.NewPCG(seed, 1))
	vary := func(path string) check {
		v := variant{Threads: rng.IntN(4), Path: path, Memory: int64(rng.IntN(2))}
		for _, seed := range []*uint64{&v.Resume, &v.Models, &v.Samples} {
			if rng.IntN(2) == 0 {
				*seed = 1 + rng.Uint64N(1000)
			}
		}
		if c.Options.Evidence {
			v.Samples = 0 // copies and folds are drawn in the order of the samples
		}
		if c.Options.Algorithm == "exact" && rng.IntN(2) == 0 {
			v.Parts = 1 + rng.IntN(7)
		}
		return check{Relation: relationSame, Variant: v}
	}
	var checks []check
	for _, path := range kernel.Paths() {
		checks = append(checks, vary(path.String()))
	}
	for range 2 {
		checks = append(checks, vary(""))
	}
	for _, name := range slices.Sorted(maps.Keys(relations)) {
		checks = append(checks, check{Relation: name, Seed: rng.Uint64N(1000)})
	}
	return checks
}

func TestMetamorphic(t *testing.T) {
	if *metamorphicCase != "" {
		tryAgain(t, *metamorphicCase)
		return
	}
	zoos := *metamorphicZoos
	if zoos == 0 {
		if zoos = 1500; testing.Short() {
			zoos = 150
		}
	}
	type made struct {
		*trial
		seed   uint64
		plain  *outcome
		checks []check
		failed []check
	}
	trials := make([]made, zoos)
	// The kernel path is the same for all searches at a time, so that the zoos are gone
	// through once for each.
	eachZoo := func(do func(c *made)) {
		var next atomic.Int64
		var wait sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wait.Go(func() {
				for {
					i := int(next.Add(1)) - 1
					if i >= len(trials) {
						return
					}
					do(&trials[i])
				}
			})
		}
		wait.Wait()
	}
	checkOn := func(c *made, path string) {
		for _, k := range c.checks {
			if k.Variant.Path != path {
				continue
			}
			d := *c.trial
			d.Check = k
			if d.holds(c.plain) != nil {
				c.failed = append(c.failed, k)
			}
		}
	}
	for i := range trials {
		trials[i].seed = *metamorphicSeed + uint64(i)
	}
	eachZoo(func(c *made) {
		if *metamorphicTrace {
			fmt.Println("metamorphic seed", c.seed)
		}
		c.trial = newTrial(c.seed)
		c.plain, c.checks = c.trial.plain(), c.trial.checks(c.seed)
		checkOn(c, "")
	})
	for _, path := range kernel.Paths() {
		restore := kernel.Force(path)
		eachZoo(func(c *made) { checkOn(c, path.String()) })
		restore()
	}
	found, refused := 0, 0
	shown := make(map[string]int) // failures, by relation
	end := time.Now().Add(time.Minute)
	for _, c := range trials {
		if len(c.plain.Front) > 1 {
			found++
		} else if c.plain.err != nil && !errors.Is(c.plain.err, optimize.ErrNothingFeasible) {
			refused++
			t.Logf("seed %d: %v", c.seed, c.plain.err)
		}
		for _, k := range c.failed {
			if shown[k.Relation]++; shown[k.Relation] > 2 {
				continue
			}
			report(t, c.trial, k, c.seed, min(20*time.Second, time.Until(end)))
		}
	}
	for relation, n := range shown {
		if n > 2 {
			t.Errorf("relation %q: %d failures in all", relation, n)
		}
	}
	if found < zoos/4 || refused > 0 {
		t.Errorf("%d of %d zoos have a front of several cascades, %d searches are refused", found, zoos, refused)
	}
}

// report reduces a trial that fails and prints it.
func report(t *testing.T, c *trial, k check, seed uint64, patience time.Duration) {
	t.Helper()
	c = c.clone()
	c.Check = k
	fails := func(c *trial) bool {
		for range 1 + c.Check.Variant.Threads { // on several threads it may take luck
			if c.try() != nil {
				return true
			}
		}
		return false
	}
	if !fails(c) {
		t.Errorf("seed %d, relation %q, variant %+v: failed, but not when tried again", seed, k.Relation, k.Variant)
		return
	}
	c = shrink(c, fails, patience)
	err := c.try()
	t.Errorf("seed %d, relation %q: %v\nReduced, for -metamorphic.case:\n%s", seed, k.Relation, err, c)
}

// tryAgain tries the trial of a file.
func tryAgain(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readTrial(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := c.try(); err != nil {
		t.Errorf("%s: %v", path, err)
	}
}

// What the metamorphic test has found once does not come back.
func TestMetamorphicCasesOfOld(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("testdata", "metamorphic", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { tryAgain(t, path) })
	}
}

// A trial that is printed is read as it was.
func TestMetamorphicTrialsAsText(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		c := newTrial(seed)
		checks := c.checks(seed)
		c.Check = checks[int(seed)%len(checks)]
		d, err := readTrial([]byte(c.String()))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got, want := d.String(), c.String(); got != want {
			t.Fatalf("seed %d: read as\n%s\nwritten as\n%s", seed, got, want)
		}
	}
}

// Of a zoo only what makes it fail is left.
func TestMetamorphicTrialsShrink(t *testing.T) {
	t.Parallel()
	c := newTrial(0)
	for seed := uint64(1); len(c.Models) < 4 || len(c.Labels) < 50 || c.Classes < 5; seed++ {
		c = newTrial(seed)
	}
	c.Check.Relation = relationSame
	c = shrink(c, func(c *trial) bool {
		if _, _, err := c.problem(); err != nil {
			t.Fatal(err)
		}
		cheap := slices.MinFunc(c.Models, func(a, b model) int { return cmp.Compare(a.Cost, b.Cost) })
		return len(c.Models) > 1 && len(c.Labels) > 1 && c.Classes > 2 && slices.Max(c.Labels) == 2 && cheap.Rows[0].sum() > 1
	}, time.Minute)
	size := fmt.Sprint(len(c.Models), len(c.Labels), c.Classes, c.Options.Evals, len(c.Options.Rules))
	if want := fmt.Sprint(2, 2, 3, min(c.Options.Evals, 1), 1); size != want || len(c.String()) > 500 {
		t.Errorf("%s, want %s, is left:\n%s", size, want, c)
	}
}

// relations are what must hold between a search and others, by name. Where a search has
// not promised a relation it holds.
var relations = map[string]func(c *trial, plain *outcome, rng *rand.Rand) error{
	"kept":      promisesAreKept,
	"referee":   refereeAgrees,
	"lists":     listsAgree,
	"snapped":   thresholdsSnapped,
	"scaled":    costsScaled,
	"twice":     samplesTwice,
	"cost":      costOfTheFront,
	"accuracy":  accuracyOfTheFront,
	"worst":     worstCostOfTheFront,
	"beyond":    modelBeyondTheLimits,
	"dominated": dominatedModel,
	"unused":    unusedModel,
	"all":       allTried,
}

// same compares the cascades of two fronts. Without bounds it leaves out the bounds,
// which other models move.
func same(got, want []front.Point, bounds bool) error {
	strip := func(points []front.Point) *outcome {
		points = slices.Clone(points)
		for i := range points {
			if !bounds {
				points[i].Bound = 0
			}
		}
		return &outcome{Front: points}
	}
	return compare(strip(got), strip(want))
}

// promisesAreKept: a search keeps its budget; cascades keep the limits, have the form they
// are kept in, and none beats another.
func promisesAreKept(c *trial, plain *outcome, _ *rand.Rand) error {
	o := c.Options
	params := make(map[string]float64)
	for _, m := range c.Models {
		params[m.Name] = m.Params
	}
	grid := o.Grid
	if grid == nil {
		grid = optimize.FineGrid()
	}
	most := map[string]int{"exact": 2, "auto": 8, "gomea": 5, "nsga2": 5, "random": 5, "gomea-exact": 6, "ensemble": 32, "greedy": cascade.MaxStages}[o.Algorithm]
	if o.MaxModels > 0 {
		most = o.MaxModels
	}
	if o.Evals > 0 && plain.Evaluations > o.Evals {
		return fmt.Errorf("%d evaluations of %d", plain.Evaluations, o.Evals)
	}
	for i, p := range plain.Front {
		bad := func(format string, args ...any) error {
			line, _ := json.Marshal(p)
			return fmt.Errorf("%s: %s", line, fmt.Sprintf(format, args...))
		}
		if err := p.Validate(); err != nil {
			return bad("%v", err)
		}
		if i > 0 && (p.Cost < plain.Front[i-1].Cost || !o.Evidence && p.Correct <= plain.Front[i-1].Correct) {
			return bad("out of order")
		}
		if e := p.Expected; e != nil && (i > 0 && e.Accuracy <= plain.Front[i-1].Expected.Accuracy || e.Accuracy < o.MinAccuracy) {
			return bad("what is expected is out of order or too low")
		}
		if p.Bound < p.Correct || p.Bound > p.Samples || p.Samples != len(c.Labels) {
			return bad("a bound of %d", p.Bound)
		}
		if len(p.Stages) > most {
			return bad("%d stages, at most %d are allowed", len(p.Stages), most)
		}
		sum, divisor := 0.0, 0
		seen := make(map[string]bool)
		for stage, s := range p.Stages {
			if p.Reach[stage] == 0 && !slices.Contains(o.Include, s.Model) {
				return bad("no sample reaches stage %d", stage+1)
			}
			if seen[s.Model] && !o.Paper && o.Algorithm != "gomea" && o.Algorithm != "nsga2" {
				return bad("%s is named twice", s.Model)
			}
			if !seen[s.Model] {
				sum += params[s.Model]
			}
			seen[s.Model] = true
			divisor = gcd(divisor, s.Weight)
			if stage < len(p.Stages)-1 && !o.Snap && !slices.Contains(grid, s.Threshold) {
				return bad("threshold %v is not of the grid", s.Threshold)
			}
		}
		if divisor != 1 {
			return bad("weights have the divisor %d", divisor)
		}
		for _, name := range o.Include {
			if !seen[name] {
				return bad("%s is missing", name)
			}
		}
		if o.MaxCost > 0 && !costsAtMost(p, o.MaxCost) || o.MaxWorstCost > 0 && p.WorstCost > o.MaxWorstCost*(1+1e-12) || o.MaxParams > 0 && sum > o.MaxParams*(1+1e-12) ||
			!o.Evidence && float64(p.Correct) < o.MinAccuracy*float64(p.Samples)-1e-9 {
			return bad("beyond the limits; %v parameters", sum)
		}
	}
	return nil
}

// totalCost is what all samples of a point cost together.
func totalCost(p front.Point) float64 {
	total := 0.0
	for stage, cost := range p.Costs {
		total += float64(cost * float64(p.Reach[stage]))
	}
	return total
}

// costsAtMost reports whether a point is within a limit on the cost. One that costs just
// that much is, however the total and the mean are rounded.
func costsAtMost(p front.Point, limit float64) bool {
	return totalCost(p) <= limit*float64(p.Samples)*(1+1e-12)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// refereeAgrees: every cascade does what it says by the definition. Measures other than
// the largest probability on lists that leave classes out are approximate.
func refereeAgrees(c *trial, plain *outcome, _ *rand.Rand) error {
	if c.truncated() && !c.Full && c.Options.Confidence != cascade.MaxProbability {
		return nil
	}
	d := c.dense(!c.Full)
	for _, p := range plain.Front {
		e, err := d.Evaluate(p.Cascade)
		if err != nil {
			return err
		}
		if err := same([]front.Point{p}, []front.Point{{Cascade: p.Cascade, Evaluation: e, Expected: p.Expected}}, false); err != nil {
			return err
		}
	}
	return nil
}

// listsAgree: every cascade does what it says by the models' lists, unless it was worked
// out on full outputs.
func listsAgree(c *trial, plain *outcome, _ *rand.Rand) error {
	if c.Full && c.truncated() {
		return nil
	}
	problem, _, err := c.problem()
	if err != nil {
		return err
	}
	for _, p := range plain.Front {
		e, err := problem.Evaluate(p.Cascade)
		if err != nil {
			return err
		}
		if err := same([]front.Point{p}, []front.Point{{Cascade: p.Cascade, Evaluation: e, Expected: p.Expected}}, false); err != nil {
			return err
		}
	}
	return nil
}

// thresholdsSnapped: thresholds that are moved into the gaps between samples change
// nothing else.
func thresholdsSnapped(c *trial, plain *outcome, _ *rand.Rand) error {
	if c.Options.Evidence {
		return nil // the gaps are between copies
	}
	d := c.clone()
	d.Options.Snap = !c.Options.Snap
	strip := func(r outcome) *outcome {
		r.Front = slices.Clone(r.Front)
		for i := range r.Front {
			stages := slices.Clone(r.Front[i].Stages)
			for stage := range stages {
				stages[stage].Threshold = 0
			}
			r.Front[i].Stages = stages
		}
		return &r
	}
	return compare(strip(*d.plain()), strip(*plain))
}

// costsScaled: costs in a unit that is a power of 2 times another give the same
// cascades at scaled costs.
func costsScaled(c *trial, plain *outcome, rng *rand.Rand) error {
	d := c.clone()
	exponent := rng.IntN(60) - 30
	for m := range d.Models {
		d.Models[m].Cost = math.Ldexp(d.Models[m].Cost, exponent)
	}
	d.Options.MaxCost = math.Ldexp(d.Options.MaxCost, exponent)
	d.Options.MaxWorstCost = math.Ldexp(d.Options.MaxWorstCost, exponent)
	got, want := d.plain(), *plain
	for i := range got.Front {
		p := &got.Front[i]
		p.Cost, p.WorstCost = math.Ldexp(p.Cost, -exponent), math.Ldexp(p.WorstCost, -exponent)
		for stage := range p.Costs {
			p.Costs[stage] = math.Ldexp(p.Costs[stage], -exponent)
		}
	}
	got.Curve, want.Curve = nil, nil
	return compare(got, &want)
}

// samplesTwice: a split that has every sample twice gives the same cascades at the same
// mean costs.
func samplesTwice(c *trial, plain *outcome, _ *rand.Rand) error {
	switch {
	case c.Options.Algorithm == "gomea-exact":
		return nil // its rates of exchange depend on the number of samples
	case c.Options.Evidence:
		return nil // more samples are more evidence
	case c.Full && c.truncated():
		return nil // what lacks up to two correct answers is worked out again
	}
	d := c.clone()
	var numbers []int
	for i := range c.Labels {
		numbers = append(numbers, i, i)
	}
	d.takeSamples(numbers)
	got, want := d.plain(), *plain
	want.Front = slices.Clone(want.Front)
	for i := range got.Front {
		p := &got.Front[i]
		if i < len(want.Front) {
			if bound := 2 * want.Front[i].Bound; p.Bound != bound && p.Bound != bound+1 { // it counts whole samples
				return fmt.Errorf("%v: a bound of %d on each sample twice, %d on each once", p.Cascade, p.Bound, want.Front[i].Bound)
			}
			p.Bound = want.Front[i].Bound
		}
		if p.Samples%2+p.Correct%2 > 0 {
			return fmt.Errorf("%v: %d correct of %d", p.Cascade, p.Correct, p.Samples)
		}
		p.Samples, p.Correct = p.Samples/2, p.Correct/2
		for stage := range p.Reach {
			p.Reach[stage] /= 2
		}
	}
	got.Curve, want.Curve = nil, nil
	return compare(got, &want)
}

// provenExactly reports whether the whole front is proven, and not only as far as lists
// tell that full outputs then correct.
func (c *trial) provenExactly() bool {
	return c.Options.Algorithm == "exact" && !(c.Full && c.truncated())
}

// costOfTheFront: a limit that one of the front's cascades costs keeps those up to it.
func costOfTheFront(c *trial, plain *outcome, rng *rand.Rand) error {
	if !c.provenExactly() {
		return nil
	}
	d := c.clone()
	d.Options.MaxCost = plain.Front[rng.IntN(len(plain.Front))].Cost
	want := slices.DeleteFunc(slices.Clone(plain.Front), func(p front.Point) bool { return !costsAtMost(p, d.Options.MaxCost) })
	return same(d.plain().Front, want, true)
}

// accuracyOfTheFront: an accuracy that one of the front's cascades has keeps those from
// it on.
func accuracyOfTheFront(c *trial, plain *outcome, rng *rand.Rand) error {
	if !c.provenExactly() {
		return nil
	}
	d := c.clone()
	least := rng.IntN(len(plain.Front))
	d.Options.MinAccuracy = plain.Front[least].Accuracy()
	return same(d.plain().Front, plain.Front[least:], true)
}

// worstCostOfTheFront: a limit on the worst cost keeps those of the front that are
// within it, if others may join them.
func worstCostOfTheFront(c *trial, plain *outcome, rng *rand.Rand) error {
	if !c.provenExactly() {
		return nil
	}
	d := c.clone()
	d.Options.MaxWorstCost = plain.Front[rng.IntN(len(plain.Front))].WorstCost
	within := func(p front.Point) bool { return p.WorstCost <= d.Options.MaxWorstCost }
	got, want := d.plain(), slices.DeleteFunc(slices.Clone(plain.Front), func(p front.Point) bool { return !within(p) })
	kept := slices.DeleteFunc(slices.Clone(got.Front), func(p front.Point) bool {
		return !slices.ContainsFunc(want, func(q front.Point) bool { return q.Correct == p.Correct })
	})
	return same(kept, want, true)
}

// modelBeyondTheLimits: a model that no cascade can afford changes nothing.
func modelBeyondTheLimits(c *trial, _ *outcome, rng *rand.Rand) error {
	if c.Options.Algorithm != "exact" {
		return nil
	}
	d := c.clone()
	if d.Options.MaxWorstCost == 0 {
		for _, m := range d.Models {
			d.Options.MaxWorstCost += 2 * m.Cost
		}
	}
	without := d.clone()
	extra := d.Models[rng.IntN(len(d.Models))]
	extra.Name, extra.Cost = "beyond", d.Options.MaxWorstCost*(1+1e-11)
	d.Models = append(d.Models, extra)
	d.shuffleModels(rng.Uint64())
	return same(d.plain().Front, without.plain().Front, false)
}

// dominatedModel: a model that does what another does for more changes no front of
// pairs. (In longer chains it can lend the other weight, or its answer once more.)
func dominatedModel(c *trial, plain *outcome, rng *rand.Rand) error {
	if c.Options.Algorithm != "exact" || c.Options.MaxModels > 2 {
		return nil
	}
	d := c.clone()
	extra := d.Models[rng.IntN(len(d.Models))]
	extra.Name, extra.Cost = "dominated", extra.Cost*(1+rng.Float64())+extra.Cost/1000
	d.Models = append(d.Models, extra)
	d.shuffleModels(rng.Uint64())
	return same(d.plain().Front, plain.Front, false)
}

// unusedModel: without a model that no cascade of the front has, the front is the same.
func unusedModel(c *trial, plain *outcome, rng *rand.Rand) error {
	if !c.provenExactly() {
		return nil
	}
	for _, m := range rng.Perm(len(c.Models)) {
		name := c.Models[m].Name
		used := slices.Contains(c.Options.Include, name)
		for _, p := range plain.Front {
			used = used || slices.ContainsFunc(p.Stages, func(s cascade.Stage) bool { return s.Model == name })
		}
		if !used {
			d := c.clone()
			d.Models = slices.Delete(d.Models, m, m+1)
			return same(d.plain().Front, plain.Front, false)
		}
	}
	return nil
}

// allTried: an exact front is what trying all chains at all thresholds by the definition
// gives, and of cascades that do equally well it has the one that is documented.
func allTried(c *trial, _ *outcome, _ *rand.Rand) error {
	length := cmp.Or(c.Options.MaxModels, 2)
	grid := c.Options.Grid
	if grid == nil {
		grid = optimize.FineGrid()
	}
	work := float64(len(c.Options.Rules) * len(c.Labels) * c.Classes * length)
	for n := range min(length, len(c.Models)) {
		work *= float64(len(c.Models) - n)
		if n > 0 {
			work *= float64(len(grid))
		}
	}
	if !c.provenExactly() || c.truncated() || work > 3e6 {
		return nil
	}
	d := c.clone()
	d.Options.Snap = false
	return same(d.plain().Front, d.bestOfAll(grid, length), false)
}

// bestOfAll returns the front of all chains of at most so many models.
func (c *trial) bestOfAll(grid optimize.Grid, length int) []front.Point {
	type candidate struct {
		front.Point
		total float64
	}
	var all []candidate
	dense := c.dense(false)
	params := make(map[string]float64)
	for _, m := range c.Models {
		params[m.Name] = m.Params
	}
	o := c.Options
	offer := func(x cascade.Cascade) {
		e, err := dense.Evaluate(x)
		if err != nil {
			panic(err)
		}
		// Stages that no sample reaches go, but for required models.
		reached := len(x.Stages)
		for e.Reach[reached-1] == 0 {
			reached--
		}
		var required []cascade.Stage
		for _, s := range x.Stages[reached:] {
			if slices.Contains(o.Include, s.Model) {
				required = append(required, cascade.Stage{Model: s.Model, Weight: 1, Threshold: grid[0]})
			}
		}
		slices.SortFunc(required, func(a, b cascade.Stage) int { return strings.Compare(a.Model, b.Model) })
		x.Stages = append(slices.Clone(x.Stages[:reached]), required...)
		if len(required) > 0 {
			x.Stages[reached-1].Threshold = grid[0]
		}
		x.Stages[len(x.Stages)-1].Threshold = 0
		if len(x.Stages) == 1 {
			x.Rule = cascade.RuleMean
		}
		if e, err = dense.Evaluate(x); err != nil {
			panic(err)
		}
		sum := 0.0
		for _, s := range x.Stages {
			sum += params[s.Model]
		}
		for _, name := range o.Include {
			if !slices.ContainsFunc(x.Stages, func(s cascade.Stage) bool { return s.Model == name }) {
				return
			}
		}
		p := front.Point{Cascade: x, Evaluation: e}
		if o.MaxCost > 0 && !costsAtMost(p, o.MaxCost) || o.MaxWorstCost > 0 && e.WorstCost > o.MaxWorstCost || o.MaxParams > 0 && sum > o.MaxParams ||
			float64(e.Correct) < o.MinAccuracy*float64(e.Samples)-1e-9 {
			return
		}
		all = append(all, candidate{p, totalCost(p)})
	}
	var extend func(x cascade.Cascade)
	extend = func(x cascade.Cascade) {
		for _, m := range c.Models {
			if slices.ContainsFunc(x.Stages, func(s cascade.Stage) bool { return s.Model == m.Name }) {
				continue
			}
			next := x
			next.Stages = append(slices.Clone(x.Stages), cascade.Stage{Model: m.Name, Weight: 1})
			offer(next)
			if len(next.Stages) == length {
				continue
			}
			for _, t := range grid {
				next.Stages[len(x.Stages)].Threshold = t
				extend(next)
			}
		}
	}
	for _, rule := range o.Rules {
		extend(cascade.Cascade{Rule: rule, Confidence: o.Confidence})
	}
	characters := func(x cascade.Cascade) (n int) {
		for _, s := range x.Stages {
			n += utf8.RuneCountInString(s.Model)
		}
		return n
	}
	// Rounded alike for the same costs in any order.
	worst := func(x candidate) (total float64) {
		for _, cost := range slices.Sorted(slices.Values(x.Costs)) {
			total += cost
		}
		return total
	}
	slices.SortFunc(all, func(a, b candidate) int {
		stages := func(by func(a, b cascade.Stage) int) int { return slices.CompareFunc(a.Stages, b.Stages, by) }
		return cmp.Or(cmp.Compare(b.Correct, a.Correct), cmp.Compare(a.total, b.total), cmp.Compare(worst(a), worst(b)),
			cmp.Compare(len(a.Stages), len(b.Stages)), cmp.Compare(characters(a.Cascade), characters(b.Cascade)),
			stages(func(a, b cascade.Stage) int { return strings.Compare(a.Model, b.Model) }), cmp.Compare(a.Rule, b.Rule),
			stages(func(a, b cascade.Stage) int { return cmp.Compare(a.Threshold, b.Threshold) }))
	})
	var best []front.Point
	least := math.Inf(1)
	for _, x := range all {
		if x.total < least {
			least = x.total
			best = append(best, x.Point)
		}
	}
	slices.Reverse(best)
	return best
}
