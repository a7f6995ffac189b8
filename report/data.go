// Package report shows fronts to people: as one HTML file that needs nothing else, as
// plots for papers and as tables.
package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/internal/stats"
)

// Version is the version of the JSON form of Data.
const Version = 1

// Data is everything a page shows: the fronts of one or more runs on the samples they
// were chosen on, and the results of their cascades on other samples. It is the JSON
// result of report, too.
type Data struct {
	Version int          `json:"version"`
	Program string       `json:"program"`
	Made    string       `json:"made"`
	Zoo     front.Zoo    `json:"zoo"`
	Search  front.Split  `json:"search"`         // the split the cascades were chosen on
	Test    *front.Split `json:"test,omitempty"` // the split they were checked on
	Seen    int          `json:"seen,omitempty"` // samples of the test split that were searched, too
	// Drawn is the part of the search split that was searched in all runs, and beside which the
	// others were measured; counts are of the whole split then. nil: there is no such part.
	Drawn   *front.Drawn `json:"drawn,omitempty"`
	Cost    string       `json:"cost"`
	ZooWord string       `json:"zoo_word,omitempty"`    // the zoo as the flag --zoo takes it, quoted for a shell
	Device  string       `json:"device,omitempty"`      // that the models' latencies were measured on
	Classes []string     `json:"class_names,omitempty"` // one a class
	Models  []Model      `json:"models"`
	Runs    []Run        `json:"runs"`
	Notes   []string     `json:"notes"` // how to read the results

	number map[string]int // index of a model in Models
}

// Model is a model on its own.
type Model struct {
	Name   string  `json:"name"`
	Cost   float64 `json:"cost"`
	Search int     `json:"search"`         // correct answers on the search split
	Test   *int    `json:"test,omitempty"` // and on the test split
	// Expected is the accuracy expected on other samples, by the first run that has one, and
	// Searched that on the part of the samples that was searched in it; nil if all were.
	Expected *float64 `json:"expected,omitempty"`
	Searched *float64 `json:"accuracy_searched,omitempty"`
	// 0 if it is not known.
	Params  float64 `json:"params,omitempty"`
	Latency float64 `json:"latency_ms,omitempty"` // of one sample at a time
}

// Run is one front.
type Run struct {
	Name        string       `json:"name"`
	Word        string       `json:"word"` // the run folder, quoted for a shell
	Headline    Headline     `json:"headline"`
	Landmarks   []int        `json:"landmarks"` // numbers of the cascades to name in a picture, the most important first
	Algorithm   string       `json:"algorithm"`
	Grid        string       `json:"grid"`
	Proof       string       `json:"proof,omitempty"`
	Incomplete  string       `json:"incomplete,omitempty"` // which parts of the search are missing
	Caveat      string       `json:"caveat,omitempty"`     // what it is not, if parts are missing or the search was stopped
	Interrupted bool         `json:"interrupted,omitempty"`
	Drawn       *front.Drawn `json:"drawn,omitempty"` // the part searched beside which the others were measured; nil: there is none
	Checked     bool         `json:"checked"`
	Differences int          `json:"differences,omitempty"`
	How         *How         `json:"how,omitempty"`

	Shortlist *front.Shortlisted `json:"shortlist,omitempty"` // nil: the search could choose from all models

	Cascades []Cascade `json:"cascades"`
}

// How describes how a run was made.
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

// A Cascade is a point of a front, with its results and the models to compare it with.
type Cascade struct {
	front.Point
	Models   []int    // of the stages: indices in Data.Models
	Searched *float64 // the accuracy on the part of the samples that was searched; nil if all were

	// The most accurate model that costs no more and the cheapest one that is as accurate,
	// as far as is known on other samples; indices in Data.Models, -1 if there is none.
	NoMoreCost, AsAccurate int

	Search, Test *Results // nil if they are not known
}

// cascadeJSON is a cascade as the page reads it, with models by their index.
type cascadeJSON struct {
	Text       string              `json:"cascade"`
	Word       string              `json:"word,omitempty"` // the text quoted for a shell, if that takes more than ' on both sides
	Rule       *cascade.Rule       `json:"rule"`
	Confidence *cascade.Confidence `json:"confidence"`
	Expected   *front.Expected     `json:"expected,omitempty"`
	Correct    int                 `json:"correct"`
	Searched   *float64            `json:"accuracy_searched,omitempty"`
	Cost       float64             `json:"cost"`
	WorstCost  float64             `json:"worst_cost"`
	Bound      int                 `json:"bound,omitempty"`
	Stages     []stageJSON         `json:"stages"`
	NoMoreCost *int                `json:"model_of_no_more_cost,omitempty"`
	AsAccurate *int                `json:"model_as_accurate,omitempty"`
	Search     *Results            `json:"search,omitempty"`
	Test       *Results            `json:"test,omitempty"`
}

type stageJSON struct {
	Model     int      `json:"model"` // index in Data.Models
	Weight    int      `json:"weight"`
	Threshold *float32 `json:"threshold,omitempty"`
	Reach     int      `json:"reach"` // on the search split
}

// MarshalJSON writes the cascade as the page reads it.
func (c Cascade) MarshalJSON() ([]byte, error) {
	p := c.JSON()
	out := cascadeJSON{
		Text: p.Text, Rule: p.Rule, Confidence: p.Confidence, Expected: p.Expected, Correct: p.Correct, Searched: c.Searched, Cost: p.Cost, WorstCost: p.WorstCost,
		Bound: p.Bound, NoMoreCost: indexed(c.NoMoreCost), AsAccurate: indexed(c.AsAccurate), Search: c.Search, Test: c.Test,
	}
	if word := shell.Word(p.Text); word != p.Text && word != "'"+p.Text+"'" {
		out.Word = word
	}
	for i, s := range p.Stages {
		out.Stages = append(out.Stages, stageJSON{c.Models[i], s.Weight, s.Threshold, s.Reach})
	}
	return json.Marshal(out)
}

func indexed(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// OnSearched returns the accuracy on the samples that were searched.
func (c Cascade) OnSearched() float64 {
	if c.Searched != nil {
		return *c.Searched
	}
	return c.Accuracy()
}

// Results are those of a cascade on a split.
type Results struct {
	Correct int                    `json:"correct"`
	Cost    float64                `json:"cost"`
	Stages  []cascade.StageDetails `json:"stages"`
	// The ten classes with the most additional correct answers, and the ten with the most
	// lost ones, compared with the best model of no more cost.
	Gains  []Change `json:"gains"`
	Losses []Change `json:"losses"`
	// Against is the same comparison, sample by sample; nil if there is no such model.
	Against *Against `json:"against,omitempty"`
}

// Against compares a cascade with a model on the same samples.
type Against struct {
	OnlyCascade int     `json:"only_cascade_right"` // samples
	OnlyModel   int     `json:"only_model_right"`
	McNemar     float64 `json:"mcnemar_p"`
}

// NewAgainst tests the numbers of samples that only one of the two answers correctly.
func NewAgainst(onlyCascade, onlyModel int) *Against {
	pairs := stats.Pairs{OnlyFirst: onlyCascade, OnlySecond: onlyModel}
	return &Against{onlyCascade, onlyModel, pairs.McNemar()}
}

// Change compares the correct answers of a cascade and a model in one class.
type Change struct {
	Class   int `json:"class"`
	Samples int `json:"samples"`
	Model   int `json:"model"` // correct answers
	Cascade int `json:"cascade"`
}

// Source is a run folder to show.
type Source struct {
	Dir   string
	Front *front.Front
	Run   *front.Run // nil if run.json is missing
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
	d.Search.Samples = first.Counted()
	if !slices.ContainsFunc(sources, func(s Source) bool { return !s.Front.SameSamples(first) }) {
		d.Drawn = measuredBeside(first)
	}
	for _, s := range sources {
		f := s.Front
		switch {
		case len(f.Points) == 0:
			return nil, fmt.Errorf("the front in %s is empty", s.Dir)
		case f.Counted() != first.Counted():
			return nil, fmt.Errorf("%w: %s has results on %d samples, %s on %d: continue the search that was interrupted with encas-zoo optimize --resume", ErrDifferent,
				sources[0].Dir, first.Counted(), s.Dir, f.Counted())
		case f.Split != first.Split:
			return nil, fmt.Errorf("%w: %s is on %d samples of the split %q, %s on %d others of %q", ErrDifferent,
				sources[0].Dir, first.Split.Samples, first.Split.Name, s.Dir, f.Split.Samples, f.Split.Name)
		case f.Zoo.Classes != first.Zoo.Classes || f.Cost != first.Cost:
			return nil, fmt.Errorf("%w: %s and %s differ in their classes or in their cost column", ErrDifferent, sources[0].Dir, s.Dir)
		}
		for _, m := range f.Models {
			known, ok := d.number[m.Name]
			if !ok {
				known = len(d.Models)
				d.number[m.Name] = known
				d.Models = append(d.Models, Model{Name: m.Name, Cost: m.Cost, Search: m.Correct})
			} else if k := d.Models[known]; k.Cost != m.Cost || k.Search != m.Correct {
				return nil, fmt.Errorf("%w: the model %q is not the same in %s as in %s", ErrDifferent, m.Name, s.Dir, sources[0].Dir)
			}
			if k := &d.Models[known]; k.Expected == nil && m.Expected != nil {
				k.Expected = m.Expected
				if measuredBeside(f) != nil {
					k.Searched = new(f.SearchedAccuracyOf(&m))
				}
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

// measuredBeside returns the part of the samples that was searched, nil if no others were measured.
func measuredBeside(f *front.Front) *front.Drawn {
	if part := f.Drawn(); part != nil && part.Measured > 0 {
		return part
	}
	return nil
}

func (d *Data) describe(s Source) (Run, error) {
	f := s.Front
	name := filepath.Base(s.Dir)
	if absolute, err := filepath.Abs(s.Dir); err == nil {
		name = filepath.Base(absolute) // "." has one, too
	}
	run := Run{
		Name: name, Word: word(s.Dir), Headline: d.newHeadline(f, s.Run.Limits()), Algorithm: f.Algorithm, Grid: describeGrid(f.Grid), Proof: f.Proof,
		Interrupted: f.Interrupted, Drawn: measuredBeside(f), Checked: f.Checked, Differences: len(f.Differences),
		Shortlist: f.Shortlisted(), Caveat: f.Caveat(),
	}
	if f.Parts != nil {
		run.Incomplete = f.Parts.String()
	}
	run.Landmarks = landmarks(f, run.Headline)
	if s.Run != nil {
		run.How = describeRun(s.Run)
	}
	models := f.LikelyModels()
	numberOf := func(i int) int {
		if i < 0 {
			return -1
		}
		return d.number[models[i].Name]
	}
	for i, p := range f.Points {
		out := Cascade{Point: p}
		if run.Drawn != nil {
			out.Searched = new(f.SearchedAccuracy(p))
		}
		for stage, s := range p.Stages {
			model, ok := d.number[s.Model]
			if !ok || d.Models[model].Cost != p.Costs[stage] {
				return run, fmt.Errorf("cascade %d: the front does not list the model %.200q at its cost", i, s.Model)
			}
			out.Models = append(out.Models, model)
		}
		out.NoMoreCost = numberOf(front.BestWithin(models, p.Cost))
		out.AsAccurate = numberOf(front.CheapestFrom(models, p.Likely()*float64(p.Samples)))
		run.Cascades = append(run.Cascades, out)
	}
	return run, nil
}

// UseZoo names the zoo in commands: its folder, or a name that --zoo takes.
func (d *Data) UseZoo(folder string) { d.ZooWord = word(folder) }

// word quotes a path as an argument of a command, which must not become a flag.
func word(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	return shell.Word(path)
}

func describeGrid(grid []float32) string {
	if len(grid) == 0 {
		return "unknown values"
	}
	return fmt.Sprintf("%d values from %v to %v", len(grid), grid[0], grid[len(grid)-1])
}

func describeRun(r *front.Run) *How {
	var words []string
	for _, word := range r.Command {
		words = append(words, shell.Word(word))
	}
	m := r.Machine
	return &How{
		Command: strings.Join(words, " "), Program: r.Program, Go: r.Go,
		Started: r.Started.UTC().Format("2006-01-02 15:04 MST"),
		Seed:    r.Seed, Evaluations: r.Evaluations, Seconds: r.Seconds["search"],
		Machine: fmt.Sprintf("%d of %d cores, %s %s/%s", m.Threads, m.Cores, m.CPU, m.OS, m.Arch),
	}
}

// Changes compares correct answers by class and returns the ten largest gains and
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
