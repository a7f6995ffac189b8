package optimize

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/internal/seal"
)

// ErrBadState is returned, wrapped with the reason, when [Options.Resume] is
// damaged or belongs to a search of another problem or with other options.
var ErrBadState = errors.New("optimize: the saved search cannot be resumed")

// ErrOtherSearch is the ErrBadState of a search of another problem or with other options.
var ErrOtherSearch = fmt.Errorf("%w: it belongs to other models, samples or options", ErrBadState)

// stateVersion is raised when the meaning of a saved state changes.
const stateVersion = 6

// saveEvery is the least time between two states saved.
const saveEvery = 10 * time.Second

// A savedState is a run at a checkpoint: everything evaluated so far is in the archive,
// and an algorithm that starts over can pass over the finished units of work and is given
// the outcomes that its choices depend on.
type savedState struct {
	Version     int             `json:"version"`
	Run         string          `json:"run"` // names problem and options, and the part
	Shard       int             `json:"shard,omitempty"`
	Shards      int             `json:"shards,omitempty"` // 0: all of the search
	Elapsed     time.Duration   `json:"elapsed"`
	Evaluations int64           `json:"evaluations"`
	Units       int             `json:"units"`   // finished
	Archive     []savedPlan     `json:"archive"` // ascending in score
	Results     string          `json:"results"` // see packOutcomes
	Own         json.RawMessage `json:"own,omitempty"`
	Curve       []CurvePoint    `json:"curve"`
}

type savedPlan struct {
	Score   int          `json:"score"` // see archive
	Cost    float64      `json:"cost"`  // of all samples together
	Rule    cascade.Rule `json:"rule"`
	Models  []uint16     `json:"models"`
	Weights []uint16     `json:"weights"`
	Exits   []uint16     `json:"exits"`
}

// A checkpoint says how far a run had come at the last moment that it can be resumed from.
type checkpoint struct {
	evaluations int64
	units       int
}

// reachCheckpoint marks a moment that the run can be resumed from: the archive holds what
// all finished units of work and all outcomes have found. Now and then it adds a point to
// the curve and saves the run.
func (r *run) reachCheckpoint() error {
	r.checkpoint = checkpoint{r.evaluations.Load(), r.finishedUnits}
	if r.checkpoint.evaluations >= r.recorder.next {
		r.recorder.record(r.checkpoint.evaluations, r.archive)
	}
	if r.options.Save == nil || time.Now().Before(r.saveNext) {
		return nil
	}
	return r.save()
}

// interrupt saves the run and then takes over what the workers have found since its last
// checkpoint.
func (r *run) interrupt() error {
	if r.options.Save != nil {
		if err := r.save(); err != nil {
			return err
		}
	}
	r.mergeWorkers()
	return nil
}

// save hands the last checkpoint to Save. The archive must not have changed since.
func (r *run) save() error {
	begin := time.Now()
	state := savedState{
		Version:     stateVersion,
		Run:         nameOf(r.name(), r.options.Shard, r.options.Shards),
		Shard:       r.options.Shard,
		Shards:      r.options.Shards,
		Elapsed:     r.recorder.elapsed(),
		Evaluations: r.checkpoint.evaluations,
		Units:       r.checkpoint.units,
		Results:     packOutcomes(r.outcomes),
		Curve:       r.recorder.curve,
	}
	for score, p := range r.archive.plans() {
		saved := savedPlan{Score: score, Cost: r.archive.totals[score], Rule: p.rule}
		for _, m := range p.members {
			saved.Models = append(saved.Models, m.model)
			saved.Weights = append(saved.Weights, uint16(m.weight))
		}
		for _, g := range p.exits {
			saved.Exits = append(saved.Exits, uint16(g))
		}
		state.Archive = append(state.Archive, saved)
	}
	var err error
	if r.own != nil {
		if state.Own, err = json.Marshal(r.own); err != nil {
			return err
		}
	}
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := r.options.Save(seal.Seal(data)); err != nil {
		return fmt.Errorf("saving the search: %w", err)
	}
	r.saveNext = time.Now().Add(max(saveEvery, 50*time.Since(begin)))
	return nil
}

// readState reads a saved state of any run.
func readState(data []byte) (*savedState, error) {
	// Older states had no checksum; no proof may rest on one.
	sealed, err := seal.Check(data)
	if err != nil {
		return nil, err
	}
	state := new(savedState)
	if err := json.Unmarshal(data, state); err != nil {
		return nil, err
	}
	switch {
	case state.Version != stateVersion:
		return nil, fmt.Errorf("it has version %d, this program reads version %d", state.Version, stateVersion)
	case !sealed:
		return nil, errors.New("it has no checksum")
	case state.Evaluations < 0 || state.Units < 0 || state.Elapsed < 0:
		return nil, errors.New("it has a negative counter")
	}
	return state, nil
}

// resume continues from a saved state.
func (r *run) resume(data []byte) error {
	state, err := readState(data)
	if err != nil {
		return fmt.Errorf("%w: %w; start again without --resume", ErrBadState, err)
	}
	o := &r.options
	switch name := r.name(); {
	case state.Run == nameOf(name, o.Shard, o.Shards):
	case state.Shards < 0 || state.Run != nameOf(name, state.Shard, state.Shards):
		return ErrOtherSearch
	case state.Shards == 0:
		return fmt.Errorf("%w: it is not cut into parts; leave out --shard", ErrBadState)
	default:
		return fmt.Errorf("%w: it is part %d of %d; go on with --shard %d/%d", ErrBadState, state.Shard, state.Shards, state.Shard, state.Shards)
	}
	if err := state.checkCurve(); err != nil {
		return fmt.Errorf("%w: %w", ErrBadState, err)
	}
	if err := r.restoreArchive(r.archive, state.Archive); err != nil {
		return fmt.Errorf("%w: %w", ErrBadState, err)
	}
	outcomes, err := unpackOutcomes(state.Results, r.eval.samples())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadState, err)
	}
	r.outcomes, r.resumed = outcomes, state.Own
	r.checkpoint, r.finishedUnits = checkpoint{state.Evaluations, state.Units}, state.Units
	r.evaluations.Store(state.Evaluations)
	r.recorder.curve = state.Curve
	r.recorder.start = r.recorder.start.Add(-state.Elapsed)
	if n := len(state.Curve); n > 0 {
		r.recorder.next = nextPoint(state.Curve[n-1].Evaluations)
	}
	return nil
}

// checkCurve reports a curve that no search has drawn.
func (s *savedState) checkCurve() error {
	last := int64(-1)
	for i, c := range s.Curve {
		if c.Evaluations <= last || c.Evaluations > s.Evaluations || c.Elapsed < 0 || c.Elapsed > s.Elapsed {
			return fmt.Errorf("point %d of its curve, after %d evaluations and %v, does not fit %d evaluations in %v", i, c.Evaluations, c.Elapsed, s.Evaluations, s.Elapsed)
		}
		last = c.Evaluations
	}
	return nil
}

// checkFinished reports a state that said that more units of work were finished than the
// search has, which a resumed run would have passed over.
func (r *run) checkFinished() error {
	if r.checkpoint.units > r.nextUnit {
		return fmt.Errorf("%w: it has %d units of work finished, the search has %d", ErrBadState, r.checkpoint.units, r.nextUnit)
	}
	return nil
}

// restoreArchive puts saved cascades into an empty archive.
func (r *run) restoreArchive(a *archive, plans []savedPlan) error {
	for i, saved := range plans {
		if i > 0 && saved.Score <= plans[i-1].Score {
			return errors.New("its cascades are out of order")
		}
		if !r.options.uses(saved.Rule) {
			return fmt.Errorf("a cascade has rule %s, which is not searched", saved.Rule)
		}
		p, err := saved.plan(len(r.eval.models), len(r.eval.grid))
		if err != nil {
			return err
		}
		if err := a.restore(saved.Score, saved.Cost, p); err != nil {
			return err
		}
	}
	return nil
}

// plan checks a saved plan and returns it.
func (saved *savedPlan) plan(models, grid int) (plan, error) {
	if len(saved.Models) == 0 || len(saved.Weights) != len(saved.Models) || len(saved.Exits) != len(saved.Models)-1 {
		return plan{}, fmt.Errorf("a cascade of %d models with %d weights and %d thresholds", len(saved.Models), len(saved.Weights), len(saved.Exits))
	}
	p := plan{rule: saved.Rule}
	weight := 0
	for stage, m := range saved.Models {
		weight += int(saved.Weights[stage])
		if int(m) >= models || saved.Weights[stage] == 0 || weight > cascade.MaxStages {
			return plan{}, fmt.Errorf("a cascade with model %d of %d, weight %d", m, models, saved.Weights[stage])
		}
		p.members = append(p.members, member{m, uint8(saved.Weights[stage])})
	}
	for _, g := range saved.Exits {
		if int(g) >= grid {
			return plan{}, fmt.Errorf("a cascade with threshold %d of %d", g, grid)
		}
		p.exits = append(p.exits, uint8(g))
	}
	return p, nil
}

// name names what the outcome of a run depends on. It knows the models' outputs by the
// bins and hits of each alone.
func (r *run) name() string {
	h, o := sha256.New(), &r.options
	evals := o.Evals
	if o.patience != (patience{}) {
		evals = 0 // a budget that follows from the problem, and which a limit on time replaces
	}
	fmt.Fprintln(h, o.Algorithm, o.Rules, o.Confidence, o.Grid, o.Paper, o.MaxModels, o.MaxCost, o.MaxWorstCost, o.MaxParams, o.MinAccuracy, o.Seed, evals, o.Thorough, o.charge, o.leastReach, r.eval.samples())
	fmt.Fprintf(h, "%q\n", o.Include)
	for m, model := range r.eval.models {
		fmt.Fprintf(h, "%q %v %v\n", model.Name, model.Cost, model.Params)
		h.Write(r.eval.singles[m])
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
