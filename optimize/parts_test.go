package optimize

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

func TestPartsHoldEveryChainOnce(t *testing.T) {
	t.Parallel()
	for models := range 5*tileModels + 2 {
		for shards := 1; shards <= 9; shards++ {
			seen := make(map[[2]int]int)
			groups := make([]int, groupsOf(models))
			for shard := range shards {
				o := &Options{Shard: shard, Shards: shards}
				pairs := 0
				for _, tile := range o.tiles(models) {
					if len(tile.pairs()) != tile.size() {
						t.Fatalf("a tile %+v of %d pairs says it has %d", tile, len(tile.pairs()), tile.size())
					}
					pairs += tile.size()
					for _, pair := range tile.pairs() {
						seen[pair]++
					}
				}
				if share := float64(models*(models-1)/2) / float64(shards); float64(pairs) > share+tileModels*tileModels || float64(pairs) < share-tileModels*tileModels {
					t.Fatalf("%d models: part %d of %d has %d pairs, its share is %.1f", models, shard, shards, pairs, share)
				}
				count, number := o.groups(len(groups))
				for i := range count {
					groups[number(i)]++
				}
			}
			for pair, times := range seen {
				if times != 1 {
					t.Fatalf("%d models, %d parts: the pair %v is in %d of them", models, shards, pair, times)
				}
			}
			if len(seen) != models*(models-1)/2 || slices.ContainsFunc(groups, func(times int) bool { return times != 1 }) {
				t.Fatalf("%d models, %d parts have %d pairs, and groups %v times", models, shards, len(seen), groups)
			}
		}
	}
}

// A part needs the margins of few models.
func TestPartsHaveFewModels(t *testing.T) {
	t.Parallel()
	const models, shards = 2000, 100
	sum, most := 0, 0
	for shard := range shards {
		seen := make(map[int]bool)
		for _, tile := range (&Options{Shard: shard, Shards: shards}).tiles(models) {
			for x := tile.fromX; x < tile.toX; x++ {
				seen[x] = true
			}
			for y := tile.fromY; y < tile.toY; y++ {
				seen[y] = true
			}
		}
		sum, most = sum+len(seen), max(most, len(seen))
	}
	if most > models/3 || sum/shards > models/4 {
		t.Errorf("of %d models a part has %d at the most, %d on average", models, most, sum/shards)
	}
}

// partStates searches all parts, and returns what they saved at the end.
func partStates(t testing.TB, p *Problem, o Options, shards int) (states [][]byte) {
	t.Helper()
	states = make([][]byte, shards)
	o.Shards = shards
	for shard := range shards {
		o.Shard = shard
		o.Save = func(state []byte) error { states[shard] = state; return nil }
		r, err := Search(t.Context(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		if want := (&front.Parts{Of: shards, Searched: []int{shard}}); !reflect.DeepEqual(r.Parts, want) || r.Proof.Length > 0 || r.Folds > 0 {
			t.Fatalf("part %d of %d says it is of %v and proves %q", shard, shards, r.Parts, r.Proof)
		}
	}
	return states
}

func joinOf(states ...[]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, state := range states {
			if !yield(state, nil) {
				return
			}
		}
	}
}

// compareJoined compares a search in parts with one that is not cut.
func compareJoined(t *testing.T, p *Problem, o Options, shards int, want *Result) {
	t.Helper()
	states := partStates(t, p, o, shards)
	o.Join = joinOf(states...)
	got, err := Search(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	if got.Parts != nil || !reflect.DeepEqual(got.Front, want.Front) || !reflect.DeepEqual(got.Models, want.Models) || !reflect.DeepEqual(got.Proof, want.Proof) || got.Evaluations != want.Evaluations || got.Corrected != want.Corrected {
		t.Errorf("%d parts: %d points, %d evaluations, %d corrected; in one: %d, %d, %d", shards,
			len(got.Front), got.Evaluations, got.Corrected, len(want.Front), want.Evaluations, want.Corrected)
	}
}

func TestJoinedPartsEqualOneSearch(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{
		{MaxModels: 1},
		{Rules: cascade.Rules(), Snap: true},
		{Rules: bothRules, Confidence: cascade.Margin},
		{Confidence: cascade.Entropy, MinAccuracy: 0.6},
		{Include: []string{"m3", "m9"}},
		{MaxCost: 40, MaxWorstCost: 90, Folds: 3},
		{MaxModels: 3, Rules: cascade.Rules(), Grid: shortGrid},
		{MaxModels: 3, Grid: shortGrid, Confidence: cascade.Margin, Include: []string{"m1", "m4"}},
		{MaxModels: 3, Grid: shortGrid, Confidence: cascade.Entropy, MaxParams: 90},
	} {
		t.Run(fmt.Sprint(o.MaxModels, o.Rules, o.Confidence, o.Include, o.Folds), func(t *testing.T) {
			t.Parallel()
			o.Algorithm = "exact"
			models := 2*tileModels + 3
			if o.MaxModels == 3 {
				models = 7
			}
			for seed := range uint64(3) {
				p, d := newZoo(t, 90+seed, models, 150, []int{2, 5, 40}[seed])
				if seed == 2 {
					o.Outputs = rowsOf(d, 0)
				}
				want, err := Search(t.Context(), p, o)
				if err != nil {
					t.Fatal(err)
				}
				for shards := 1; shards <= 7; shards++ {
					o.Threads = 1 + shards%3
					compareJoined(t, p, o, shards, want)
				}
			}
		})
	}
}

// Where lists leave classes out, cascades near the front of lists may be on that of full outputs:
// parts hand them over.
func TestPartsHaveWhatIsNearTheFront(t *testing.T) {
	t.Parallel()
	near := 0
	for seed := range uint64(8) {
		p, d := newZoo(t, 300+seed, 12, 300, 80)
		o := Options{Algorithm: "exact", Rules: bothRules, Grid: shortGrid, Outputs: rowsOf(d, 0)}
		want, err := Search(t.Context(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		compareJoined(t, p, o, 5, want)
		r := runOf(t, p, o)
		if err := r.tryChains(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		bound := make([]float64, p.Samples()+2)
		r.archive.staircase(bound)
		for _, state := range partStates(t, p, o, 5) {
			var s savedState
			if err := json.Unmarshal(state, &s); err != nil {
				t.Fatal(err)
			}
			for _, saved := range s.Archive {
				if saved.Cost > bound[saved.Score] && saved.Cost < bound[min(saved.Score+nearFront+1, p.Samples()+1)] {
					near++
				}
			}
		}
	}
	if near == 0 {
		t.Error("nothing is near a front and not on it: the test shows nothing")
	}
}

func TestJoinedPartsEqualBruteForce(t *testing.T) {
	t.Parallel()
	p, d := newZoo(t, 1, 5, 70, 6)
	for _, rule := range cascade.Rules() {
		for length := 1; length <= 3; length++ {
			o := Options{Algorithm: "exact", Rules: []cascade.Rule{rule}, Grid: shortGrid, MaxModels: length}
			want := bruteForce(t, d, rule, cascade.MaxProbability, shortGrid, length, func(cascade.Cascade, cascade.Evaluation) bool { return true })
			o.Join = joinOf(partStates(t, p, o, 3)...)
			r, err := Search(t.Context(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			if got := points(r); !slices.Equal(got, want) || r.Proof.Length != length {
				t.Errorf("rule %v, %d models: front %v with the proof %+v, brute force %v", rule, length, got, r.Proof, want)
			}
		}
	}
}

// Of parts that are missing or interrupted nothing is proven, and they are named. Parts may be there
// twice, also one of them interrupted.
func TestPartsThatAreMissing(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 3*tileModels, 200, 5)
	o := Options{Algorithm: "exact"}
	want, err := Search(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	states := partStates(t, p, o, 4)
	part := o
	part.Shard, part.Shards = 2, 4
	early := savedSearch(t, p, part)
	for _, c := range []struct {
		name  string
		join  [][]byte
		parts *front.Parts
		lacks string
	}{
		{"all", states, nil, ""},
		{"twice", [][]byte{states[3], states[1], early, states[2], states[0], states[2], early}, nil, ""},
		{"one missing", states[1:], &front.Parts{Of: 4, Searched: []int{1, 2, 3}}, "part 0 of 4 is missing"},
		{"two missing", [][]byte{states[0], states[2]}, &front.Parts{Of: 4, Searched: []int{0, 2}}, "parts 1, 3 of 4 are missing"},
		{"unfinished", [][]byte{states[3], early, states[1], states[0]}, &front.Parts{Of: 4, Searched: []int{0, 1, 2, 3}, Unfinished: []int{2}}, "part 2 of 4 is not finished"},
		{"both", [][]byte{early}, &front.Parts{Of: 4, Searched: []int{2}, Unfinished: []int{2}}, "parts 0-1, 3 of 4 are missing and part 2 is not finished"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := o
			o.Join = joinOf(c.join...)
			got, err := Search(t.Context(), p, o)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got.Parts, c.parts) || (got.Proof.Length > 0) != (c.parts == nil) {
				t.Errorf("it is of %+v with the proof %+v, want %+v", got.Parts, got.Proof, c.parts)
			}
			if c.parts != nil && got.Parts.String() != c.lacks {
				t.Errorf("it says %q, want %q", got.Parts, c.lacks)
			}
			if c.parts == nil && (!reflect.DeepEqual(got.Front, want.Front) || got.Evaluations != want.Evaluations) {
				t.Errorf("%d points, %d evaluations, want %d, %d", len(got.Front), got.Evaluations, len(want.Front), want.Evaluations)
			}
			for _, point := range got.Front { // what there is is true
				if e, err := p.Evaluate(point.Cascade); err != nil || !reflect.DeepEqual(e, point.Evaluation) {
					t.Errorf("%v: %+v, want %+v (%v)", point.Cascade, point.Evaluation, e, err)
				}
			}
		})
	}
}

// A part that has no cascade within the limits is finished, too.
func TestPartsWithoutCascades(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 3*tileModels, 100, 5)
	o := Options{Algorithm: "exact", Include: []string{"m2", "m20"}}
	want, err := Search(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	compareJoined(t, p, o, 6, want)
	empty := 0
	for _, state := range partStates(t, p, o, 6) {
		if !strings.Contains(string(state), `"score"`) {
			empty++
		}
	}
	if empty != 5 {
		t.Errorf("%d of 6 parts have no cascade with both models", empty)
	}
	o.Include, o.MinAccuracy = nil, 1
	_, err = Search(t.Context(), p, o)
	o.Join = joinOf(partStates(t, p, o, 3)...)
	if _, joined := Search(t.Context(), p, o); !errors.Is(joined, ErrNothingFeasible) || joined.Error() != err.Error() {
		t.Errorf("nothing in any part: %v, want %v", joined, err)
	}
}

func TestResumedPartsEqualUninterrupted(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 9, 200, 40)
	for shard := range 3 {
		o := smallSearch("exact")
		o.Shard, o.Shards = shard, 3
		want, err := Search(t.Context(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		got, interrupted := searchWithInterruptions(t, p, o, 1)
		if !reflect.DeepEqual(got.Front, want.Front) || got.Evaluations != want.Evaluations || interrupted < 2 {
			t.Errorf("part %d, interrupted %d times: %d points, %d evaluations; uninterrupted: %d, %d",
				shard, interrupted, len(got.Front), got.Evaluations, len(want.Front), want.Evaluations)
		}
	}
}

func TestPartsThatDoNotFit(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 9, 200, 5)
	other, _ := newZoo(t, 4, 9, 200, 5)
	o := Options{Algorithm: "exact"}
	states := partStates(t, p, o, 3)
	with := func(change func(o *Options)) []byte {
		o := o
		change(&o)
		return partStates(t, p, o, 3)[1]
	}
	changed := func(change func(s *savedState)) []byte {
		var s savedState
		if err := json.Unmarshal(states[1], &s); err != nil {
			t.Fatal(err)
		}
		change(&s)
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return seal.Seal(data)
	}
	var whole []byte
	saved := o
	saved.Folds, saved.Save = 2, func(state []byte) error { whole = state; return nil }
	if _, err := Search(t.Context(), p, saved); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		state      []byte
	}{
		{"empty", "", nil},
		{"cut", "", states[1][:len(states[1])/2]},
		{"a changed digit", "", []byte(strings.Replace(string(states[1]), `"units":`, `"units":1`, 1))},
		{"no checksum", "checksum", unsealed(states[1])},
		{"whole", "it is a whole search", whole},
		{"other zoo", "other models, samples or options", partStates(t, other, o, 3)[1]},
		{"other grid", "other models, samples or options", with(func(o *Options) { o.Grid = shortGrid })},
		{"other limit", "other models, samples or options", with(func(o *Options) { o.MaxCost = 50 })},
		{"other rule", "other models, samples or options", with(func(o *Options) { o.Rules = bothRules })},
		{"triples", "other models, samples or options", with(func(o *Options) { o.MaxModels = 3 })},
		{"of more parts", "another one is of 3 parts", partStates(t, p, o, 4)[1]},
		{"another number", "other models, samples or options", changed(func(s *savedState) { s.Shard = 2 })},
		{"a number that is none", "part 3 of 3", changed(func(s *savedState) { s.Shard = 3 })},
		{"more units", "units of work", changed(func(s *savedState) { s.Units++ })},
		{"better", "other results", changed(func(s *savedState) { s.Archive[len(s.Archive)-1].Cost /= 2 })},
		{"more correct", "other results", changed(func(s *savedState) { s.Archive[len(s.Archive)-1].Score++ })},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := o
			o.Join = joinOf(states[0], c.state, states[2])
			if _, err := Search(t.Context(), p, o); !errors.Is(err, ErrBadPart) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want ErrBadPart: %s", err, c.want)
			}
		})
	}
	o.Shard, o.Shards, o.Resume = 2, 3, states[1]
	if _, err := Search(t.Context(), p, o); !errors.Is(err, ErrBadState) || !strings.Contains(err.Error(), "it is part 1 of 3; go on with --shard 1/3") {
		t.Errorf("another part resumed: %v", err)
	}
	o.Shard, o.Shards = 0, 0
	if _, err := Search(t.Context(), p, o); !errors.Is(err, ErrBadState) || !strings.Contains(err.Error(), "go on with --shard 1/3") {
		t.Errorf("a part resumed as a whole: %v", err)
	}
	o.Shards, o.Resume = 3, whole
	if _, err := Search(t.Context(), p, o); !errors.Is(err, ErrBadState) || !strings.Contains(err.Error(), "leave out --shard") {
		t.Errorf("a whole search resumed as a part: %v", err)
	}
}

func TestPartsThatCannotBe(t *testing.T) {
	t.Parallel()
	p, _ := newZoo(t, 3, 3, 20, 5)
	for _, o := range []Options{
		{Algorithm: "auto", Shards: 2},
		{Algorithm: "greedy", Join: joinOf()},
		{Shard: 1},
		{Shards: -1},
		{Shard: 2, Shards: 2},
		{Shard: -1, Shards: 2},
		{Shards: front.MaxParts + 1},
		{Shards: 2, Join: joinOf()},
		{Join: joinOf()},
		{Join: func(yield func([]byte, error) bool) { yield(nil, errors.New("unreadable")) }},
	} {
		if _, err := Search(t.Context(), p, o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	o := Options{Algorithm: "exact"}
	states := partStates(t, p, o, 2)
	cancel()
	o.Join = joinOf(states...)
	if r, err := Search(ended, p, o); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted join gives %v, %v", r, err)
	}
}

// More parts than there are tiles leave some without pairs.
func TestMorePartsThanWork(t *testing.T) {
	t.Parallel()
	for models := 1; models <= 3; models++ {
		p, _ := newZoo(t, 8, models, 60, 5)
		o := Options{Algorithm: "exact", MaxModels: 3, Grid: shortGrid}
		want, err := Search(t.Context(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		compareJoined(t, p, o, 12, want)
	}
}

func FuzzJoin(f *testing.F) {
	p, _ := newZoo(f, 3, 4, 30, 5)
	o := Options{Algorithm: "exact", Grid: shortGrid, Rules: bothRules}
	for _, state := range partStates(f, p, o, 2) {
		f.Add(strings.Trim(string(unsealed(state)), "{}"))
	}
	f.Fuzz(func(t *testing.T, state string) {
		o, data := o, []byte(state)
		if object := []byte("{" + state + "}"); json.Valid(object) && strings.TrimSpace(state) != "" {
			data = seal.Seal(object) // what is behind the checksum
		}
		o.Join = joinOf(data)
		r, err := Search(t.Context(), p, o)
		if err != nil {
			if !errors.Is(err, ErrBadPart) && !errors.Is(err, ErrNothingFeasible) {
				t.Errorf("error %v, want ErrBadPart", err)
			}
			return
		}
		if r.Proof.Length > 0 {
			t.Error("one part of two has a proof")
		}
		for _, point := range r.Front {
			if e, err := p.Evaluate(point.Cascade); err != nil || !reflect.DeepEqual(e, point.Evaluation) {
				t.Errorf("%v: %+v, want %+v (%v)", point.Cascade, point.Evaluation, e, err)
			}
		}
	})
}
