package optimize

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/outputs"
)

// simulated makes models of ten classes, of growing cost and accuracy, on samples of different
// difficulty, in little time.
func simulated(t testing.TB, models, samples int) *Problem {
	t.Helper()
	const classes = 10
	labels, easy := make([]uint16, samples), make([]float64, samples)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range labels {
		labels[i], easy[i] = uint16(rng.IntN(classes)), rng.Float64()
	}
	list := make([]Model, models)
	var wait sync.WaitGroup
	for thread := range 2 {
		wait.Go(func() {
			for m := thread; m < models; m += 2 {
				rng := rand.New(rand.NewPCG(2, uint64(m)))
				skill := 0.4 + 0.5*float64(m)/float64(models)
				l, row := outputs.NewLists(samples, classes), make([]uint16, classes)
				for i, label := range labels {
					top := int(label)
					if (1-easy[i]+rng.Float64())/2 > skill {
						top = rng.IntN(classes)
					}
					clear(row)
					pair := [][2]uint16{{0x3800, 0x3800}, {0x3a00, 0x3400}, {0x3b00, 0x3000}}[rng.IntN(3)] // sums of 1
					row[top], row[(top+1+rng.IntN(classes-1))%classes] = pair[0], pair[1]
					outputs.SetRow(&l, i, row)
				}
				list[m] = Model{Name: fmt.Sprintf("m%04d", m), Cost: 1 + 0.01*float64(m*m), Lists: l}
			}
		})
	}
	wait.Wait()
	p, err := NewProblem(labels, classes, list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// work is the time that this process has spent on processors.
func work(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// stepContext is done once it has been asked so many times, and calls then.
type stepContext struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
	then   func()
}

func (c *stepContext) Err() error {
	if c.left.Add(-1) == 0 {
		c.then()
		c.cancel()
	}
	return c.Context.Err()
}

// TestStops stops searches of many models, or of many samples, at many moments, and measures how
// much work follows. It is not parallel, as the work is that of the whole process; it is not the
// time that passes, which depends on what else the machine does.
func TestStops(t *testing.T) {
	if testing.Short() {
		t.Skip("makes large zoos")
	}
	const most = 1500 * time.Millisecond // of two threads, which would be too long if it were of one
	for _, size := range [][2]int{{3000, 200}, {6, 150_000}} {
		p := simulated(t, size[0], size[1])
		for _, evidence := range []bool{true, false} {
			for _, steps := range []int64{1, 100, 5000} {
				o := Options{Algorithm: "auto", Evidence: evidence, Folds: 3, Threads: 2, Snap: true, Memory: 1 << 28}
				inner, cancel := context.WithCancel(t.Context())
				var at time.Duration
				ctx := &stepContext{Context: inner, cancel: cancel, then: func() { at = work(t) }}
				ctx.left.Store(steps)
				r, err := Search(ctx, p, o)
				after := work(t) - at
				cancel()
				if at == 0 {
					continue // it was done before
				}
				t.Logf("%d models, %d samples, evidence %v, step %d: %v", size[0], size[1], evidence, steps, after)
				if after > most {
					t.Errorf("%d models, %d samples, evidence %v: %v of work after it was stopped at step %d", size[0], size[1], evidence, after, steps)
				}
				if err == nil && r.Status != Interrupted || err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrNothingFeasible) {
					t.Errorf("step %d: %v", steps, err)
				}
			}
		}
	}
}

// TestTimeIsUp does the same for a limit on time, folds included.
func TestTimeIsUp(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a large zoo")
	}
	p := simulated(t, 3000, 200)
	for _, limit := range []time.Duration{300 * time.Millisecond} {
		var at atomic.Int64
		timer := time.AfterFunc(limit, func() { at.Store(int64(work(t))) })
		r, err := Search(t.Context(), p, Options{Algorithm: "auto", Evidence: true, Folds: 5, Threads: 2, Snap: true, Time: limit})
		if after := work(t) - time.Duration(at.Load()); !timer.Stop() && after > 2*time.Second {
			t.Errorf("%v of work after %v were up", after, limit)
		}
		if err != nil && !errors.Is(err, ErrNothingFeasible) || err == nil && r.Status != Interrupted {
			t.Errorf("%v: %v", limit, err)
		}
	}
}

// TestUnitsStop: units of work that take long leave off when they are to, and offer nothing that
// they have not finished.
func TestUnitsStop(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 12, 3*tileSamples, 4)
	r := runOf(t, p, Options{Algorithm: "auto", Rules: bothRules})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	w := r.newWorker()
	w.archive, w.ctx = r.archive.copy(), ended
	chain := plan{cascade.RuleMean, []member{{1, 1}, {5, 1}, {9, 1}}, []uint8{3, 4}}
	var models []uint16
	for m := range p.models {
		models = append(models, uint16(m))
	}
	solver := newThresholdSolver(w, 8)
	for what, do := range map[string]func(){
		"pairs": func() {
			newPairSolver(r, w, cascade.RuleMean, r.eval.newMargins(cascade.RuleMean, 0)).solve(r.options.tiles(len(p.models))[0])
		},
		"triples": func() {
			newTripleSolver(r, w, cascade.RuleMean, r.eval.newMargins(cascade.RuleMean, 0)).solve([][2]int{{0, 1}, {2, 1}})
		},
		"neighbours": func() { newNeighborhood(ended, r, w, models, anyOrder).explore([]plan{chain}) },
		"a child":    func() { child{plan: chain}.raise(solver, newWindow(w)) },
	} {
		before := r.evaluations.Load()
		do()
		if n := r.evaluations.Load() - before; n != 0 || len(w.archive.front()) > 0 {
			t.Errorf("%s: %d evaluations after the end, a front of %d", what, n, len(w.archive.front()))
		}
	}
	if _, ok := newCascadeBuilder(r).build(ended, 3, 99); ok {
		t.Error("a greedy cascade was built after the end")
	}
	if kernel.Correct(r.eval.singles[0]) == 0 {
		t.Error("the zoo has nothing to find")
	}
}

// TestReachIsKept: what an archive knows of how many samples reach the stages of a cascade is
// what its evaluation gives.
func TestReachIsKept(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		p, _ := newZoo(t, seed, 6, 70, 5)
		o := Options{Algorithm: "auto", Rules: cascade.Rules(), Evals: 100_000}
		if seed > 1 {
			o.Include = []string{"m4", "m2"}
		}
		r, algorithm, err := newRun(p, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := algorithm.search(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		w := r.newWorker()
		for _, score := range r.archive.front() {
			_, reach := w.evaluate(r.archive.plan(score))
			if got := r.archive.places[score].reach; fmt.Sprint(got) != fmt.Sprint(reach) {
				t.Errorf("zoo %d, %v: %v is kept, %v reach it", seed, r.archive.plan(score), got, reach)
			}
		}
	}
}
