package cascade

import (
	"context"
	"fmt"
	"runtime"

	"github.com/encas-zoo/encas-zoo/internal/kernel"
)

// Rows are a model's full outputs on a split, in sample order: ReadRows fills dst with
// whole rows of float16 bits and returns their number, and io.EOF after the last.
type Rows interface {
	ReadRows(dst []uint16) (rows int, err error)
}

// A Split is what cascades are evaluated on: samples and the full outputs of models on
// them.
type Split struct {
	Labels  []uint16 // of each sample; outputs.NoClass, if it is not known, counts as answered wrong
	Classes int
	Costs   map[string]float64 // of a model, for one sample

	// Open opens the outputs of a model. It is called once for each model of the cascades
	// evaluated together; the result is closed at the end if it is an io.Closer.
	Open func(model string) (Rows, error)

	// Lists, which may be nil, returns the largest outputs of a model, or nil. They name
	// the classes that can win, so that fewer are summed. Results do not depend on them if
	// they match the full outputs; a check of the outputs does not use them.
	Lists func(model string) *kernel.Lists

	Threads int // to evaluate on; 0: all cores
}

// Evaluate evaluates cascades exactly, in one pass over the models they name. It
// takes a byte of memory for each cascade and sample.
func (s *Split) Evaluate(ctx context.Context, cascades []Cascade) ([]Evaluation, error) {
	details, err := s.Detail(ctx, cascades, nil)
	if err != nil {
		return nil, err
	}
	evaluations := make([]Evaluation, len(details))
	for i, d := range details {
		evaluations[i] = d.Evaluation
	}
	return evaluations, nil
}

func (s *Split) threads() int {
	if s.Threads > 0 {
		return s.Threads
	}
	return runtime.GOMAXPROCS(0)
}

// check returns an error if a cascade cannot be evaluated.
func (s *Split) check(c Cascade) error {
	if err := c.Validate(); err != nil {
		return err
	}
	for i, stage := range c.Stages {
		if _, ok := s.Costs[stage.Model]; !ok {
			return fmt.Errorf("stage %d: no model named %q", i+1, stage.Model)
		}
	}
	return nil
}
