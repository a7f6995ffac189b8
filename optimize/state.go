package optimize

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
)

// ErrBadState is returned, wrapped with the reason, when [Options.Resume] is
// damaged or belongs to a search of another problem or with other options.
var ErrBadState = errors.New("optimize: the saved search cannot be resumed")

// stateVersion is raised when the meaning of a saved state changes.
const stateVersion = 3

// saveEvery is the least time between two states saved.
const saveEvery = 10 * time.Second

// A savedState is a search at a moment it has settled at: everything evaluated
// so far is in the archive, and an algorithm that starts over can pass over the
// finished units of work and is given the results that its choices depend on.
type savedState struct {
	Version     int             `json:"version"`
	Run         string          `json:"run"` // names problem and options
	Elapsed     time.Duration   `json:"elapsed"`
	Evaluations int64           `json:"evaluations"`
	Units       int             `json:"units"`   // finished
	Archive     []savedPlan     `json:"archive"` // ascending in correct answers
	Results     string          `json:"results"` // see packResults
	Own         json.RawMessage `json:"own,omitempty"`
	Curve       []CurvePoint    `json:"curve"`
}

type savedPlan struct {
	Correct int          `json:"correct"`
	Cost    float64      `json:"cost"` // of all samples together
	Rule    cascade.Rule `json:"rule"`
	Models  []uint16     `json:"models"`
	Weights []uint16     `json:"weights"`
	Exits   []uint16     `json:"exits"`
}

// settle marks a moment that the search can be resumed from: the archive holds
// what all finished units of work and all results have found. Now and then it
// draws a point of the curve and saves the search.
func (s *search) settle() error {
	s.settledEvaluations, s.settledUnits = s.evaluations.Load(), s.finishedUnits
	if s.settledEvaluations >= s.recorder.next {
		s.recorder.record(s.settledEvaluations, s.archive)
	}
	if s.Save == nil || time.Now().Before(s.saveNext) {
		return nil
	}
	return s.saveState()
}

// saveState hands the moment the search last settled at to Save. The archive
// must not have changed since.
func (s *search) saveState() error {
	begin := time.Now()
	state := savedState{
		Version:     stateVersion,
		Run:         s.runName(),
		Elapsed:     s.recorder.elapsed(),
		Evaluations: s.settledEvaluations,
		Units:       s.settledUnits,
		Results:     packResults(s.results),
		Curve:       s.recorder.curve,
	}
	for correct, p := range s.archive.plans {
		if len(p.members) == 0 {
			continue
		}
		saved := savedPlan{Correct: correct, Cost: s.archive.cost[correct], Rule: p.rule}
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
	if s.own != nil {
		if state.Own, err = json.Marshal(s.own); err != nil {
			return err
		}
	}
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	if err := s.Save(data); err != nil {
		return fmt.Errorf("saving the search: %w", err)
	}
	s.saveNext = time.Now().Add(max(saveEvery, 50*time.Since(begin)))
	return nil
}

// resumeState continues from a saved state.
func (s *search) resumeState(data []byte) error {
	var state savedState
	if err := json.Unmarshal(data, &state); err != nil {
		return fmt.Errorf("%w: %w", ErrBadState, err)
	}
	if state.Version != stateVersion {
		return fmt.Errorf("%w: it has version %d, this program reads version %d; start again without --resume", ErrBadState, state.Version, stateVersion)
	}
	if state.Run != s.runName() {
		return fmt.Errorf("%w: it belongs to other models, samples or options", ErrBadState)
	}
	if state.Evaluations < 0 || state.Units < 0 || state.Elapsed < 0 {
		return fmt.Errorf("%w: it has a negative counter", ErrBadState)
	}
	for i, saved := range state.Archive {
		if i > 0 && saved.Correct <= state.Archive[i-1].Correct {
			return fmt.Errorf("%w: its cascades are out of order", ErrBadState)
		}
		p, err := saved.plan(len(s.models), len(s.Grid))
		if err == nil && !s.uses(p.rule) {
			err = fmt.Errorf("a cascade of rule %s, which is not searched", p.rule)
		}
		if err == nil {
			err = s.archive.restore(saved.Correct, saved.Cost, p)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBadState, err)
		}
	}
	results, err := unpackResults(state.Results, s.Samples())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadState, err)
	}
	s.results, s.resumed = results, state.Own
	s.settledEvaluations, s.settledUnits, s.finishedUnits = state.Evaluations, state.Units, state.Units
	s.evaluations.Store(state.Evaluations)
	s.recorder.curve = state.Curve
	s.recorder.start = s.recorder.start.Add(-state.Elapsed)
	if n := len(state.Curve); n > 0 {
		s.recorder.next = nextPoint(state.Curve[n-1].Evaluations)
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

// runName names what the outcome of a search depends on. It knows the models'
// outputs by the bins and hits of each alone.
func (s *search) runName() string {
	h := sha256.New()
	fmt.Fprintln(h, s.Algorithm, s.Rules, s.Confidence, s.Grid, s.Paper, s.MaxModels, s.MaxCost, s.MaxWorstCost, s.MaxParams, s.MinAccuracy, s.Seed, s.Evals, s.Samples())
	fmt.Fprintf(h, "%q\n", s.Include)
	for m, table := range s.singles {
		fmt.Fprintf(h, "%q %v %v\n", s.models[m].Name, s.costs[m], s.models[m].Params)
		h.Write(table)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
