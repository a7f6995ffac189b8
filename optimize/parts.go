package optimize

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/encas-zoo/encas-zoo/front"
)

// The chains of an exact search can be cut into parts, which several processes try, and what
// these have found can be joined. Parts are disjoint but for single models, which all of them try,
// and together they are all chains. A part rules out only what something that it has found itself
// dominates; and its archive keeps, of cascades of equal accuracy and cost, the one that comes
// first in an order that knows nothing of parts. So the joint archive has, on the front and (where
// full outputs follow) near it, what that of one search has.

// ErrBadPart is returned, wrapped with the reason, when one of [Options.Join] is damaged or belongs
// to a search of another problem or with other options.
var ErrBadPart = errors.New("optimize: this part cannot be joined")

// checkParts refuses options of parts that contradict each other.
func (o *Options) checkParts() error {
	switch {
	case o.Shards == 0 && o.Shard == 0 && o.Join == nil:
		return nil
	case o.Algorithm != "exact":
		return fmt.Errorf("only algorithm exact is searched in parts, not %s", o.Algorithm)
	case o.Join != nil && (o.Shards != 0 || o.Resume != nil):
		return errors.New("parts are joined as a whole, once they are searched")
	case o.Join == nil && (o.Shards < 1 || o.Shards > front.MaxParts || o.Shard < 0 || o.Shard >= o.Shards):
		return fmt.Errorf("part %d of %d is not possible, only 0 to N-1 of at most %d", o.Shard, o.Shards, front.MaxParts)
	}
	return nil
}

// tiles returns the tiles of pairs of a search or, of a part, a stretch with its share of the pairs.
// The order of the tiles has those that have models in common together, in about as many blocks as
// there are parts: so a part reads the lists, and needs the margins, of few models.
func (o *Options) tiles(models int) []tile {
	if o.Shards == 0 {
		return tilesOf(models, max(models, tileModels))
	}
	rows := int(math.Ceil(math.Sqrt(2 * float64(o.Shards)))) // of blocks, of which half are used
	wide := (models + tileModels*rows - 1) / (tileModels * rows)
	pairs, before := max(models*(models-1)/2, 1), 0
	return slices.DeleteFunc(tilesOf(models, wide*tileModels), func(t tile) bool {
		part := before * o.Shards / pairs
		before += t.size()
		return part != o.Shard
	})
}

// groups returns how many of so many groups of pairs, the most promising first, a search or a part
// of it extends, and the number of the i-th of them.
func (o *Options) groups(all int) (count int, number func(i int) int) {
	if o.Shards == 0 {
		return all, func(i int) int { return i }
	}
	return (all - o.Shard + o.Shards - 1) / o.Shards, func(i int) int { return o.Shard + i*o.Shards }
}

// exactUnits is the number of units of work of an exact search or a part of it.
func (o *Options) exactUnits(models int) int {
	units := models
	if o.MaxModels > 1 {
		units += len(o.tiles(models))
	}
	if o.MaxModels > 2 {
		groups, _ := o.groups(groupsOf(models))
		units += groups
	}
	return units * len(o.Rules)
}

// nameOf returns the name of a part of a run that has a name.
func nameOf(run string, shard, shards int) string {
	if shards == 0 {
		return run
	}
	return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%s: part %d of %d", run, shard, shards)))
}

// own is what a part of a search says of itself, nil of a whole one.
func (o *Options) own(status Status) *front.Parts {
	if o.Shards == 0 {
		return nil
	}
	p := &front.Parts{Of: o.Shards, Searched: []int{o.Shard}}
	if status == Interrupted {
		p.Unfinished = p.Searched
	}
	return p
}

// join puts what parts of the search have found into the archive. The proof is empty, and parts
// are set, unless all of them are there and finished.
func (r *run) join(ctx context.Context, states iter.Seq2[[]byte, error]) (Proof, error) {
	parts := joined{run: r, name: r.name(), w: r.newSoleWorker(), found: make(map[int]progress)}
	for data, err := range states {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return Proof{}, err
		}
		if err := parts.add(data); err != nil {
			return Proof{}, fmt.Errorf("%w: %w", ErrBadPart, err)
		}
	}
	if len(parts.found) == 0 {
		return Proof{}, errors.New("there are no parts to join")
	}
	if r.parts = parts.describe(); r.parts != nil {
		return Proof{}, nil
	}
	return r.proofOfChains(r.options.MaxModels), nil
}

// joined are the parts of a search that were joined.
type joined struct {
	run   *run
	name  string // of the whole search
	w     *worker
	of    int // how many parts there are; 0: not known yet
	found map[int]progress
}

// progress is how far a part has come.
type progress struct {
	finished    bool
	units       int
	evaluations int64
	elapsed     time.Duration
}

// add takes over what a part has found.
func (j *joined) add(data []byte) error {
	r := j.run
	state, err := readState(data)
	if err != nil {
		return err
	}
	switch {
	case state.Shards == 0:
		return errors.New("it is a whole search")
	case state.Shards < 0 || state.Shards > front.MaxParts || state.Shard < 0 || state.Shard >= state.Shards:
		return fmt.Errorf("it says that it is part %d of %d", state.Shard, state.Shards)
	case state.Run != nameOf(j.name, state.Shard, state.Shards):
		return errors.New("it belongs to other models, samples or options")
	case j.of != 0 && state.Shards != j.of:
		return fmt.Errorf("it is part %d of %d, another one is of %d parts", state.Shard, state.Shards, j.of)
	}
	j.of = state.Shards
	o := r.options
	o.Shard, o.Shards = state.Shard, state.Shards
	all := o.exactUnits(len(r.eval.models))
	if state.Units > all {
		return fmt.Errorf("it has %d units of work finished, the part has %d", state.Units, all)
	}
	found := newArchive(r.eval.samples(), r.limits)
	if err := r.restoreArchive(found, state.Archive); err != nil {
		return err
	}
	if err := j.take(found); err != nil {
		return err
	}
	if p, known := j.found[state.Shard]; !known || p.units < state.Units {
		j.found[state.Shard] = progress{state.Units == all, state.Units, state.Evaluations, state.Elapsed}
	}
	return nil
}

// take evaluates what may belong on the joint front, or near it, once more, and offers it.
func (j *joined) take(found *archive) error {
	slack := 0
	if j.run.truncated() {
		slack = nearFront
	}
	for _, p := range found.near(slack) {
		o := j.w.evaluateAndOffer(p, j.run.archive)
		if score := found.score(int(o.correct), len(p.members)); found.places[score] == nil || found.totals[score] != o.total || j.run.limits.compare(found.plan(score), p) != 0 {
			return errors.New("a cascade of it has other results")
		}
	}
	return nil
}

// describe adds up what the parts took, and says which are missing or not finished; nil if none are.
func (j *joined) describe() *front.Parts {
	r := j.run
	parts := &front.Parts{Of: j.of, Searched: slices.Sorted(maps.Keys(j.found))}
	alone := int64(len(r.options.Rules) * len(r.eval.models)) // single models, which all parts try
	evaluations, elapsed := alone, time.Duration(0)
	for _, number := range parts.Searched {
		p := j.found[number]
		evaluations += max(0, p.evaluations-alone)
		elapsed += p.elapsed
		if !p.finished {
			parts.Unfinished = append(parts.Unfinished, number)
		}
	}
	r.evaluations.Store(evaluations)
	r.recorder.start = r.recorder.start.Add(-elapsed)
	if len(parts.Searched) == parts.Of && parts.Unfinished == nil {
		return nil
	}
	return parts
}
