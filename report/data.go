// Package report shows fronts to people: as one HTML file that needs nothing else, as
// plots for papers and as tables.
package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/stats"
)

// Version is the version of the JSON form of Data.
const Version = 1

// Data is everything a page shows: the fronts of one or more runs on the samples
// they were chosen on, and what their cascades do on other samples. It is the JSON
// result of report, too.
type Data struct {
	Version int          `json:"version"`
	Program string       `json:"program"`
	Made    string       `json:"made"`
	Zoo     front.Zoo    `json:"zoo"`
	Search  front.Split  `json:"search"`         // the split the cascades were chosen on
	Test    *front.Split `json:"test,omitempty"` // the split they were checked on
	Cost    string       `json:"cost"`
	Device  string       `json:"device,omitempty"`      // that the models' latencies were measured on
	Classes []string     `json:"class_names,omitempty"` // one a class
	Models  []Model      `json:"models"`
	Runs    []Run        `json:"runs"`
	Notes   []string     `json:"notes"` // what a reader of the figures should know

	number map[string]int // of a model in Models
	alone  []front.Model  // the models as the fronts have them
}

// Model is a model on its own.
type Model struct {
	Name   string  `json:"name"`
	Cost   float64 `json:"cost"`
	Search int     `json:"search"`         // samples answered right
	Test   *int    `json:"test,omitempty"` // the same on the test split
	// What is known of it beside its cost; 0 is not known.
	Params  float64 `json:"params,omitempty"`
	Latency float64 `json:"latency_ms,omitempty"` // of one sample at a time
}

// Run is one front.
type Run struct {
	Name        string    `json:"name"`
	Algorithm   string    `json:"algorithm"`
	Grid        string    `json:"grid"`
	Proof       string    `json:"proof,omitempty"`
	Interrupted bool      `json:"interrupted,omitempty"`
	Checked     bool      `json:"checked"`
	Differences int       `json:"differences,omitempty"`
	How         *How      `json:"how,omitempty"`
	Cascades    []Cascade `json:"cascades"`
}

// How says how a run was made.
type How struct {
	Command     string  `json:"command"`
	Program     string  `json:"program"`
	Go          string  `json:"go"`
	Started     string  `json:"started"`
	Seed        uint64  `json:"seed"`
	Evaluations int64   `json:"evaluations"`
	Seconds     float64 `json:"seconds"`
	Machine     string  `json:"machine"`
}

// A Cascade is a point of a front, with what it is compared with and what it does.
type Cascade struct {
	front.Point
	Models []int // of the stages: places in Data.Models

	// Models to compare it with, by their figures on the search split: the most
	// accurate one that costs no more, and the cheapest that is as accurate; places in
	// Data.Models, -1 if there is none.
	NoMoreCost, AsAccurate int

	Search, Test *Figures // nil if they are not known
}

// cascadeJSON is a cascade as the page reads it: models are named by their places.
type cascadeJSON struct {
	Text       string             `json:"cascade"`
	Rule       cascade.Rule       `json:"rule"`
	Confidence cascade.Confidence `json:"confidence"`
	Correct    int                `json:"correct"`
	Cost       float64            `json:"cost"`
	WorstCost  float64            `json:"worst_cost"`
	Bound      int                `json:"bound,omitempty"`
	Stages     []stageJSON        `json:"stages"`
	NoMoreCost *int               `json:"model_of_no_more_cost,omitempty"`
	AsAccurate *int               `json:"model_as_accurate,omitempty"`
	Search     *Figures           `json:"search,omitempty"`
	Test       *Figures           `json:"test,omitempty"`
}

type stageJSON struct {
	Model     int      `json:"model"` // place in Data.Models
	Weight    int      `json:"weight"`
	Threshold *float32 `json:"threshold,omitempty"`
	Reach     int      `json:"reach"` // on the search split
}

// MarshalJSON writes the cascade as the page reads it.
func (c Cascade) MarshalJSON() ([]byte, error) {
	out := cascadeJSON{
		Text: c.String(), Rule: c.Rule, Confidence: c.Confidence, Correct: c.Correct, Cost: c.Cost, WorstCost: c.WorstCost,
		Bound: c.Bound, NoMoreCost: numbered(c.NoMoreCost), AsAccurate: numbered(c.AsAccurate), Search: c.Search, Test: c.Test,
	}
	for i, s := range c.Stages {
		stage := stageJSON{Model: c.Models[i], Weight: s.Weight, Reach: c.Reach[i]}
		if i < len(c.Stages)-1 {
			stage.Threshold = &s.Threshold
		}
		out.Stages = append(out.Stages, stage)
	}
	return json.Marshal(out)
}

func numbered(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// Figures say what a cascade does on a split.
type Figures struct {
	Correct int            `json:"correct"`
	Cost    float64        `json:"cost"`
	Stages  []StageFigures `json:"stages"`
	// Classes by the samples answered right more often, and less often, than by the
	// best model of no more cost: the ten largest each way.
	Gains  []Change `json:"gains"`
	Losses []Change `json:"losses"`
	// Against is the same comparison, sample by sample; nil where there is no model.
	Against *Against `json:"against,omitempty"`
}

// Against compares a cascade with a model on the same samples.
type Against struct {
	OnlyCascade int     `json:"only_cascade_right"` // samples
	OnlyModel   int     `json:"only_model_right"`
	McNemar     float64 `json:"mcnemar_p"`
}

// NewAgainst counts the samples that only one of the two has right.
func NewAgainst(onlyCascade, onlyModel int) *Against {
	pairs := stats.Pairs{OnlyFirst: onlyCascade, OnlySecond: onlyModel}
	return &Against{onlyCascade, onlyModel, pairs.McNemar()}
}

// StageFigures say what one stage does with the samples that reach it.
type StageFigures struct {
	Exits       int   `json:"exits"`
	Correct     int   `json:"correct"` // of those that exit
	Repaired    int   `json:"repaired"`
	Broken      int   `json:"broken"`
	Reliability []Bin `json:"reliability"`
}

// Bin is one bin of a reliability diagram.
type Bin struct {
	Samples, Correct int
	Confidence       float64 // mean
}

// MarshalJSON writes the bin as [samples, correct, confidence]: there are many.
func (b Bin) MarshalJSON() ([]byte, error) {
	return json.Marshal([3]float64{float64(b.Samples), float64(b.Correct), math.Round(b.Confidence*1e4) / 1e4})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (b *Bin) UnmarshalJSON(data []byte) error {
	var x [3]float64
	if err := json.Unmarshal(data, &x); err != nil {
		return err
	}
	*b = Bin{int(x[0]), int(x[1]), x[2]}
	return nil
}

// Change is what a cascade changes in one class.
type Change struct {
	Class   int `json:"class"`
	Samples int `json:"samples"`
	Model   int `json:"model"` // samples that the model answers right
	Cascade int `json:"cascade"`
}

// Source is a run folder to show.
type Source struct {
	Dir   string
	Front *front.Front
	Run   *front.Run // nil where run.json is missing
}

// ErrDifferent is the error for runs that cannot be shown together.
var ErrDifferent = errors.New("the runs cannot be compared")

// New describes the fronts of runs that were made on the same split of the same zoo.
func New(sources []Source, now time.Time) (*Data, error) {
	first := sources[0].Front
	d := &Data{
		Version: Version,
		Program: "encas-zoo " + front.ProgramVersion(),
		Made:    now.UTC().Format("2006-01-02 15:04 MST"),
		Zoo:     first.Zoo,
		Search:  first.Split,
		Cost:    first.Cost,
		number:  map[string]int{},
	}
	for _, s := range sources {
		f := s.Front
		switch {
		case len(f.Points) == 0:
			return nil, fmt.Errorf("the front in %s is empty", s.Dir)
		case f.Split != first.Split:
			return nil, fmt.Errorf("%w: %s is of %d samples of the split %q, %s of %d other ones of %q", ErrDifferent,
				sources[0].Dir, first.Split.Samples, first.Split.Name, s.Dir, f.Split.Samples, f.Split.Name)
		case f.Zoo.Classes != first.Zoo.Classes || f.Cost != first.Cost:
			return nil, fmt.Errorf("%w: %s and %s differ in their classes or in what cost is", ErrDifferent, sources[0].Dir, s.Dir)
		}
		for _, m := range f.Models {
			known, ok := d.number[m.Name]
			if !ok {
				d.number[m.Name] = len(d.Models)
				d.Models = append(d.Models, Model{Name: m.Name, Cost: m.Cost, Search: m.Correct})
				d.alone = append(d.alone, m)
			} else if k := d.Models[known]; k.Cost != m.Cost || k.Search != m.Correct {
				return nil, fmt.Errorf("%w: the model %q is another one in %s than in %s", ErrDifferent, m.Name, s.Dir, sources[0].Dir)
			}
		}
	}
	for _, s := range sources {
		run, err := d.describe(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Dir, err)
		}
		d.Runs = append(d.Runs, run)
	}
	return d, nil
}

func (d *Data) describe(s Source) (Run, error) {
	f := s.Front
	name := filepath.Base(s.Dir)
	if absolute, err := filepath.Abs(s.Dir); err == nil {
		name = filepath.Base(absolute) // of "." too
	}
	run := Run{
		Name: name, Algorithm: f.Algorithm, Grid: describeGrid(f.Grid), Proof: f.Proof,
		Interrupted: f.Interrupted, Checked: f.Checked, Differences: len(f.Differences),
	}
	if s.Run != nil {
		run.How = describeRun(s.Run)
	}
	for i, p := range f.Points {
		out := Cascade{Point: p}
		for stage, s := range p.Stages {
			model, ok := d.number[s.Model]
			if !ok || d.Models[model].Cost != p.Costs[stage] {
				return run, fmt.Errorf("cascade %d: the front does not list the model %.200q at its cost", i, s.Model)
			}
			out.Models = append(out.Models, model)
		}
		out.NoMoreCost = front.BestModel(d.alone, p.Cost)
		out.AsAccurate = front.CheapestModel(d.alone, p.Correct)
		run.Cascades = append(run.Cascades, out)
	}
	return run, nil
}

func describeGrid(grid []float32) string {
	if len(grid) == 0 {
		return "unknown values"
	}
	return fmt.Sprintf("%d values from %v to %v", len(grid), grid[0], grid[len(grid)-1])
}

func describeRun(r *front.Run) *How {
	seconds := 0.0
	for _, s := range r.Seconds {
		seconds = max(seconds, s)
	}
	if s, ok := r.Seconds["search"]; ok {
		seconds = s
	}
	m := r.Machine
	return &How{
		Command: commandLine(r.Command), Program: r.Program, Go: r.Go,
		Started: r.Started.UTC().Format("2006-01-02 15:04 MST"),
		Seed:    r.Seed, Evaluations: r.Evaluations, Seconds: seconds,
		Machine: fmt.Sprintf("%d of %d cores, %s %s/%s", m.Threads, m.Cores, m.CPU, m.OS, m.Arch),
	}
}

// AddTest says which split the cascades are checked on.
func (d *Data) AddTest(split front.Split) { d.Test = &split }

// ModelNumber returns the place of a model in Models.
func (d *Data) ModelNumber(name string) (int, bool) {
	n, ok := d.number[name]
	return n, ok
}

// Changes compares right answers by class and returns the ten largest gains and
// losses of the cascade against the model.
func Changes(cascade, model, samples []int) (gains, losses []Change) {
	gains, losses = []Change{}, []Change{}
	for class := range samples {
		c := Change{class, samples[class], model[class], cascade[class]}
		switch {
		case c.Cascade > c.Model:
			gains = append(gains, c)
		case c.Cascade < c.Model:
			losses = append(losses, c)
		}
	}
	const most = 10
	byGain := func(a, b Change) int { return cmp.Compare(b.Cascade-b.Model, a.Cascade-a.Model) }
	slices.SortStableFunc(gains, byGain)
	slices.SortStableFunc(losses, func(a, b Change) int { return byGain(b, a) })
	return gains[:min(len(gains), most)], losses[:min(len(losses), most)]
}

// wilson is the 95 % interval of a share of k in n.
func wilson(k, n int) (low, high float64) { return stats.Wilson(k, n, 0.95) }
