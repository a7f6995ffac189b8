// Package nat searches good subnets of a supernet: Neural Architecture Transfer (Lu,
// Sreekumar, Goodman, Banzhaf, Deb, Boddeti: Neural Architecture Transfer, TPAMI 2021) as
// ENCAS ran it.
//
// [Run] evaluates the smallest, the largest and random subnets. Then, again and again, a
// surrogate learns the error of a subnet from its genes, a search over the surrogate finds
// subnets that are likely to be good, some of them, apart in cost, become candidates, the
// weights are trained on these if there is a [Trainer], and an [Evaluator] measures them.
// Costs are never predicted: each subnet's is known.
//
// # The run folder
//
// All of a run is in a folder, in files that are written atomically and sealed. An iteration
// has a file, which is written when its subnets are chosen, when the weights are trained and
// whenever subnets have been evaluated. What an iteration chooses depends on the files of
// those before it and on the seed alone. So a run that is killed at any moment goes on where
// it was, and ends with the files of one that was not. Two runs in one folder at the same
// time waste work, and write the same.
package nat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/encas-zoo/encas-zoo/supernet"
)

// A Result counts the correct answers of a subnet.
type Result struct{ Correct, Samples int }

// An Evaluator measures subnets.
type Evaluator interface {
	// Evaluate returns the results of subnets of an artifact, in order. It tells done how
	// many of them are evaluated; of several that are evaluated together, a share.
	Evaluate(ctx context.Context, artifact string, genomes []supernet.Genome, done func(n int)) ([]Result, error)
}

// A Trainer trains the weights that subnets share.
type Trainer interface {
	// Train trains for an iteration, from 0 for the start, and returns the file with the
	// weights. If a run is killed it may be called again for the same iteration.
	Train(ctx context.Context, iteration int, candidates []supernet.Genome) (artifact string, err error)

	// Average writes the file out, whose weights are the mean of those of some files. It may be
	// called again for the same, too.
	Average(ctx context.Context, artifacts []string, out string) error
}

// Searches.
const (
	NSGA3 = "nsga3"
	GOMEA = "gomea"
)

// Searches are the names of all of them.
func Searches() []string { return []string{NSGA3, GOMEA} }

// Scales of cost, along which candidates are spread.
const (
	Linear = "linear"
	Log    = "log"
)

// Scales are the names of all of them.
func Scales() []string { return []string{Linear, Log} }

// Settings decide, with the data, what a run does.
type Settings struct {
	Iterations   int    `json:"iterations"` // after the start; a run may go on with more
	Start        int    `json:"start"`      // subnets of the start
	Candidates   int    `json:"candidates"` // subnets of each iteration after it
	Evaluations  int    `json:"surrogate_evaluations"`
	Interpolants int    `json:"interpolants"` // of the surrogate
	Search       string `json:"search"`
	Scale        string `json:"scale"`
	Average      int    `json:"average,omitempty"` // last iterations whose weights are averaged in the end; a run may end again with another number
	Replace      bool   `json:"replace"`           // candidates replace what was known before, which may be among them
	Seed         uint64 `json:"seed"`
}

// Papers are the names of the settings that [Paper] knows.
func Papers() []string { return []string{"imagenet", "cifar"} }

// Paper returns the settings of the ENCAS paper for a data set.
func Paper(name string) (Settings, error) {
	s := Settings{Iterations: 15, Start: 150, Candidates: 30, Evaluations: 2000, Interpolants: 500, Search: NSGA3, Scale: Linear, Seed: 1}
	switch name {
	case "imagenet":
		return s, nil
	case "cifar":
		s.Iterations, s.Start, s.Candidates, s.Evaluations, s.Replace = 30, 300, 300, 10_000, true
		return s, nil
	}
	return s, fmt.Errorf("%q is none of the paper's settings: %s", name, strings.Join(Papers(), ", "))
}

// Defaults are those of the command line: the paper's for weights that stay.
func Defaults() Settings {
	s, _ := Paper("imagenet")
	return s
}

// Bounds of settings. The time that an interpolant takes grows with the cube of the subnets
// it learns from, the memory with the square.
const (
	maxIterations  = 1000
	maxSubnets     = 2000
	maxArchive     = 10_000
	minEvaluations = 200 // of which NSGA-III draws the first hundred at random
	maxEvaluations = 10_000_000
)

// Check refuses settings that cannot be. The error begins with the name of one.
func (s *Settings) Check() error {
	for _, v := range []struct {
		name           string
		value, low, up int
	}{
		{"iterations", s.Iterations, 0, maxIterations},
		{"start", s.Start, 3, maxSubnets},
		{"candidates", s.Candidates, 1, maxSubnets},
		{"surrogate-evaluations", s.Evaluations, minEvaluations, maxEvaluations},
		{"interpolants", s.Interpolants, 1, 10_000},
	} {
		if v.value < v.low || v.value > v.up {
			return fmt.Errorf("%s is %d; it is %d to %d", v.name, v.value, v.low, v.up)
		}
	}
	if s.Average < 0 || s.Average > s.Iterations {
		return fmt.Errorf("average is %d; it is 0 for none, or at most as many as there are iterations, %d", s.Average, s.Iterations)
	}
	if n := s.Start + s.Iterations*s.Candidates; !s.Replace && n > maxArchive {
		return fmt.Errorf("iterations of %d candidates are %d subnets with the start; a surrogate learns from %d at most", s.Candidates, n, maxArchive)
	}
	for _, v := range []struct {
		name, value string
		of          []string
	}{{"search", s.Search, Searches()}, {"scale", s.Scale, Scales()}} {
		if !slices.Contains(v.of, v.value) {
			return fmt.Errorf("%s %q is none of %s", v.name, v.value, strings.Join(v.of, ", "))
		}
	}
	return nil
}

// A Fact is something beside the settings that a run depends on, such as which images it
// sees.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Options say what Run does.
type Options struct {
	Dir      string  // the run folder; made if there is none
	Folder   *Folder // that folder, if it is taken already
	Artifact string  // the supernet's file
	Space    *supernet.Space
	Settings
	Facts     []Fact // another run has other ones
	Evaluator Evaluator
	Trainer   Trainer // nil: the weights stay

	// Line is the line of a list of models that names a subnet of a file.
	Line func(path string, g supernet.Genome) string

	// Progress is told how far the run is; it may be nil.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	Iteration, Of int
	Doing         string // choosing, training, averaging or evaluating
	Done, Total   int    // subnets of the whole run
}

var (
	// ErrOther: the folder has another run.
	ErrOther = errors.New("the folder has another run")

	// ErrInUse: another process is at a run in the folder.
	ErrInUse = errors.New("another search writes to this run folder")
)
