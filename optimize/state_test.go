package optimize

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// A countdown is a context that ends after it was asked so many times.
type countdown struct {
	context.Context
	left atomic.Int64
}

func newCountdown(left int64) *countdown {
	c := &countdown{Context: context.Background()}
	c.left.Store(left)
	return c
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// smallSearch returns options under which the algorithm ends soon.
func smallSearch(name string) Options {
	o := Options{Algorithm: name, Seed: 7}
	switch name {
	case "auto":
		o.Evals = 5_000_000 // every threshold combination counts
	case "gomea-exact":
		o.Evals = 300_000 // and here
	case "exact":
		o.MaxModels = 3
	default:
		o.Evals = 3000
	}
	return o
}

// searchWithInterruptions interrupts a search after so many looks at its context, resumes
// it with another number of threads, lets it go on for longer each time until it is done,
// and tells how often it was interrupted with a front.
func searchWithInterruptions(t *testing.T, p *Problem, o Options, step int64) (r *Result, interrupted int) {
	t.Helper()
	for ; ; step += step/8 + 1 {
		o.Save = func(state []byte) error {
			o.Resume = state
			return nil
		}
		o.Threads = 1 + int(step)%2
		r, err := Search(newCountdown(step), p, o)
		if errors.Is(err, context.Canceled) || errors.Is(err, ErrNothingFeasible) {
			continue // nothing found yet
		}
		if err != nil {
			t.Fatal(err)
		}
		if r.Status == Finished {
			return r, interrupted
		}
		interrupted++
	}
}

func TestResumedSearchEqualsUninterrupted(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 9, 200, 40)
	for _, name := range append(Algorithms(), "auto both") {
		t.Run(name, func(t *testing.T) {
			name, both := strings.CutSuffix(name, " both")
			o := smallSearch(name)
			if both {
				o.Rules = bothRules
			}
			compareResumed(t, p, o)
		})
	}
}

// What is evaluated of models that are free may cost nothing.
func TestResumedSearchOfFreeModels(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 6, 100, 10)
	for m := range p.models[:3] {
		p.models[m].Cost = 0
	}
	for _, name := range Algorithms() {
		t.Run(name, func(t *testing.T) { compareResumed(t, p, smallSearch(name)) })
	}
}

// compareResumed compares a search that is interrupted and resumed with one that is not.
func compareResumed(t *testing.T, p *Problem, o Options) {
	t.Helper()
	want, err := Search(context.Background(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	got, interrupted := searchWithInterruptions(t, p, o, 1)
	if !reflect.DeepEqual(got.Front, want.Front) || !reflect.DeepEqual(got.Proof, want.Proof) || got.Evaluations != want.Evaluations {
		t.Errorf("interrupted %d times and resumed: %d points, %d evaluations; uninterrupted: %d, %d",
			interrupted, len(got.Front), got.Evaluations, len(want.Front), want.Evaluations)
	}
	if interrupted < 2 {
		t.Errorf("the test interrupted the search %d times", interrupted)
	}
}

func TestCurve(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 9, 200, 40)
	for _, name := range Algorithms() {
		t.Run(name, func(t *testing.T) {
			r, err := Search(context.Background(), p, smallSearch(name))
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Curve) < 2 || len(r.Curve) > 60 {
				t.Fatalf("a curve of %d points", len(r.Curve))
			}
			if last := r.Curve[len(r.Curve)-1]; last.Evaluations != r.Evaluations || last.Linear <= 0 || last.Log <= 0 {
				t.Errorf("the curve ends in %+v, the search after %d evaluations", last, r.Evaluations)
			}
			for i, c := range r.Curve[1:] {
				if before := r.Curve[i]; c.Evaluations <= before.Evaluations || c.Elapsed < before.Elapsed || c.Linear < before.Linear || c.Log < before.Log {
					t.Errorf("the curve falls from %+v to %+v", before, c)
				}
			}
		})
	}
}

func savedSearch(t testing.TB, p *Problem, o Options) []byte {
	t.Helper()
	var saved []byte
	o.Save = func(state []byte) error {
		saved = state
		return nil
	}
	for step := int64(1); !bytes.Contains(saved, []byte(`"score"`)); step++ {
		_, err := Search(newCountdown(step), p, o)
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, ErrNothingFeasible) {
			t.Fatal(err)
		}
	}
	return saved
}

// unsealed returns a state without its checksum.
func unsealed(state []byte) []byte {
	_, rest, _ := bytes.Cut(state, []byte(`",`))
	return append([]byte("{"), rest...)
}

// resealed returns a changed state with a right checksum.
func resealed(state []byte) []byte { return seal.Seal(unsealed(state)) }

func TestResumeRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 9, 200, 40)
	o := smallSearch("random")
	o.Include, o.MaxCost = []string{"m3"}, 1e6
	saved := savedSearch(t, p, o)
	change := func(f func(s *savedState)) func(o *Options) {
		return func(o *Options) {
			var s savedState
			if err := json.Unmarshal(saved, &s); err != nil {
				t.Fatal(err)
			}
			f(&s)
			data, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			o.Resume = seal.Seal(data)
		}
	}
	single := func(p savedPlan, model uint16) savedPlan {
		p.Models, p.Weights, p.Exits = []uint16{model}, []uint16{1}, nil
		return p
	}
	if _, err := Search(context.Background(), p, func() Options { o := o; change(func(*savedState) {})(&o); return o }()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(o *Options)
	}{
		{"empty", func(o *Options) { o.Resume = []byte{} }},
		{"cut", func(o *Options) { o.Resume = saved[:len(saved)/2] }},
		{"version", func(o *Options) {
			o.Resume = resealed(bytes.Replace(saved, fmt.Appendf(nil, `"version":%d`, stateVersion), []byte(`"version":2`), 1))
		}},
		{"seed", func(o *Options) { o.Seed++ }},
		{"grid", func(o *Options) { o.Grid = PaperGrid() }},
		{"evaluations", func(o *Options) { o.Evals++ }},
		{"model", func(o *Options) {
			o.Resume = resealed(bytes.Replace(saved, []byte(`"models":[`), []byte(`"models":[9,`), 1))
		}},
		{"cheaper", func(o *Options) {
			o.Resume = resealed(bytes.Replace(saved, []byte(`"cost":`), []byte(`"cost":1e-`), 1))
		}},
		{"names", func(*Options) { p.models[0].Name = "other" }},
		{"a changed digit", func(o *Options) {
			o.Resume = bytes.Replace(saved, []byte(`"units":`), []byte(`"units":1`), 1)
		}},
		{"no checksum", func(o *Options) { o.Resume = unsealed(saved) }},
		{"more units than there are", change(func(s *savedState) { s.Units = 1 << 30 })},
		{"a curve beyond the evaluations", change(func(s *savedState) { s.Curve = []CurvePoint{{Evaluations: s.Evaluations + 1}} })},
		{"a curve that returns", change(func(s *savedState) { s.Curve = []CurvePoint{{}, {}} })},
		{"order", change(func(s *savedState) { slices.Reverse(s.Archive) })},
		{"twice", change(func(s *savedState) { s.Archive = append(s.Archive[:1:1], s.Archive...) })},
		{"too many correct", change(func(s *savedState) { s.Archive[len(s.Archive)-1].Score = p.Samples() + 1 })},
		{"beyond the limit on cost", change(func(s *savedState) { s.Archive[0].Cost = 1e9 })},
		{"without a required model", change(func(s *savedState) { s.Archive[0] = single(s.Archive[0], 0) })},
		{"other rule", change(func(s *savedState) { s.Archive[0].Rule = cascade.RuleLast })},
		{"weights", change(func(s *savedState) {
			for i := range s.Archive[0].Weights {
				s.Archive[0].Weights[i] = 2
			}
		})},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := o
			o.Resume = saved
			defer func(name string) { p.models[0].Name = name }(p.models[0].Name)
			c.change(&o)
			if _, err := Search(context.Background(), p, o); !errors.Is(err, ErrBadState) {
				t.Errorf("error %v, want ErrBadState", err)
			}
		})
	}
}

func TestFailureToSaveEndsSearch(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 9, 200, 40)
	o := smallSearch("random")
	full := errors.New("disk full")
	o.Save = func([]byte) error { return full }
	if _, err := Search(newCountdown(20), p, o); !errors.Is(err, full) {
		t.Errorf("error %v, want that of Save", err)
	}
}

func FuzzResume(f *testing.F) {
	p, _ := newZoo(f, 3, 4, 30, 5)
	for _, name := range Algorithms() {
		o := smallSearch(name)
		o.Evals = min(o.Evals, 300)
		saved := savedSearch(f, p, o)
		f.Add(name, string(saved))
		f.Add(name, strings.Trim(string(unsealed(saved)), "{}"))
	}
	f.Fuzz(func(t *testing.T, name, state string) {
		if !slices.Contains(Algorithms(), name) {
			return
		}
		o := smallSearch(name)
		o.Evals = min(o.Evals, 300)
		o.Resume = []byte(state)
		if json.Valid([]byte("{"+state+"}")) && state != "" {
			o.Resume = seal.Seal([]byte("{" + state + "}")) // what is behind the checksum
		}
		r, err := Search(context.Background(), p, o)
		if err != nil {
			if !errors.Is(err, ErrBadState) {
				t.Errorf("error %v, want ErrBadState", err)
			}
			return
		}
		for _, point := range r.Front {
			if err := point.Cascade.Validate(); err != nil {
				t.Error(err)
			}
		}
	})
}
