package serve

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"

	"github.com/encas-zoo/encas-zoo/bundle"
	"github.com/encas-zoo/encas-zoo/internal/atomicfile"
	"github.com/encas-zoo/encas-zoo/internal/stats"
)

const confidenceLevel = 0.95

// A Summary says how a run went, beside what was promised: the JSON result of run.
type Summary struct {
	Version int            `json:"version"`
	Cascade string         `json:"cascade"`
	Images  int            `json:"images"`
	Failed  int            `json:"failed"` // without an answer
	Seconds float64        `json:"seconds"`
	Rate    float64        `json:"images_per_second"`
	Unit    string         `json:"unit"` // of costs
	Cost    float64        `json:"cost"` // mean over the images answered
	Again   int            `json:"decoded_again"`
	Stages  []StageSummary `json:"stages"`

	Measured *Accuracy  `json:"measured,omitempty"` // nil without labels
	Promise  *Agreement `json:"promise,omitempty"`
	Against  *Against   `json:"against,omitempty"`
}

// A StageSummary is the part of one stage.
type StageSummary struct {
	Model   string  `json:"model"`
	Images  int     `json:"images"` // that reached it
	Reach   float64 `json:"reach"`  // share of the images answered
	Exits   int     `json:"exits"`
	Batches int     `json:"batches"`
	Batch   int     `json:"batch"` // images in a full one
	Fill    float64 `json:"fill"`  // mean share of a full batch
	Seconds float64 `json:"seconds"`

	FixedMS  float64 `json:"fixed_ms"` // of a batch
	SampleMS float64 `json:"sample_ms"`
	Error    float64 `json:"model_error"` // largest, of fixed_ms + n*sample_ms; -1 if one size of batch was run
}

// An Accuracy is that measured on labelled images.
type Accuracy struct {
	Samples  int        `json:"n"`
	Correct  int        `json:"correct"`
	Accuracy float64    `json:"accuracy"`
	Interval [2]float64 `json:"accuracy_95"`
}

// An Agreement compares a run with what was promised.
type Agreement struct {
	Split    string     `json:"split"`
	Searched bool       `json:"searched,omitempty"`
	Samples  int        `json:"n"`
	Accuracy float64    `json:"accuracy"`
	Interval [2]float64 `json:"accuracy_95"`
	Cost     float64    `json:"cost"`
	Reach    []float64  `json:"reach"`

	// ReachTest tests whether images exit at the promised stages, AccuracyTest whether as many
	// are answered correctly (nil without labels): tests of two samples.
	ReachTest    *Test `json:"reach_test,omitempty"` // nil if there is one stage
	AccuracyTest *Test `json:"accuracy_test,omitempty"`
}

// A Test is a chi-square test or, for few samples, Fisher's exact one.
type Test struct {
	ChiSquare float64 `json:"chi_square"`
	Freedom   int     `json:"freedom"`
	Exact     bool    `json:"exact,omitempty"`
	P         float64 `json:"p"`
}

// enough is how many images can agree with a promise: fewer can only contradict it.
const enough = 100

// Agrees reports whether there is no difference at the 1 % level: whoever runs a cascade often
// would be alarmed by chance at a higher one.
func (t *Test) Agrees() bool { return t == nil || t.P >= 0.01 }

// Summarize summarizes a run of a bundle over images with these labels, nil for none.
func Summarize(b *bundle.Bundle, labels []uint16, r *Run, tally Tally) *Summary {
	s := &Summary{
		Version: 1, Cascade: b.Text, Images: len(r.Answers), Failed: len(r.Failed), Seconds: r.Time.Seconds(),
		Rate: float64(len(r.Answers)) / r.Time.Seconds(), Unit: b.Cost, Again: tally.Again,
	}
	answered := len(r.Answers) - len(r.Failed)
	exits := make([]int, len(b.Stages))
	correct := 0
	for i, a := range r.Answers {
		if a.Stage < 0 {
			continue
		}
		exits[a.Stage]++
		if labels != nil && int(labels[i]) == a.Class {
			correct++
		}
	}
	reach := answered
	for i, t := range tally.Stages {
		times := t.Times()
		stage := StageSummary{
			Model: b.Stages[i].ExportedStage.Model, Images: reach, Reach: share(reach, answered), Exits: exits[i],
			Batches: t.Batches, Batch: t.Batch, Fill: share(t.Images, t.Batches*t.Batch), Seconds: t.Time.Seconds(),
			FixedMS: 1e3 * times.Fixed.Seconds(), SampleMS: 1e3 * times.Each.Seconds(), Error: times.Error,
		}
		s.Cost += b.Stages[i].Cost * stage.Reach
		s.Stages = append(s.Stages, stage)
		reach -= exits[i]
	}
	if labels != nil && answered > 0 {
		s.Measured = &Accuracy{Samples: answered, Correct: correct, Accuracy: share(correct, answered)}
		s.Measured.Interval[0], s.Measured.Interval[1] = stats.Wilson(correct, answered, confidenceLevel)
	}
	if b.Promise != nil && answered > 0 {
		s.Promise = agreement(b.Promise, exits, s.Measured)
	}
	return s
}

func agreement(p *bundle.Promise, exits []int, measured *Accuracy) *Agreement {
	a := &Agreement{Split: p.Split, Searched: p.Searched, Samples: p.Samples, Accuracy: p.Accuracy, Interval: p.Interval, Cost: p.Cost}
	for _, n := range p.Reach {
		a.Reach = append(a.Reach, share(n, p.Samples))
	}
	a.ReachTest = test(p.Exits(), exits)
	if measured != nil {
		promised := int(math.Round(p.Accuracy * float64(p.Samples)))
		a.AccuracyTest = test([]int{promised, p.Samples - promised}, []int{measured.Correct, measured.Samples - measured.Correct})
	}
	return a
}

// test tests whether two samples have the same shares; nil if there is nothing to test. Those
// that are too few for the chi-square test are compared by the share of the first category
// alone, exactly.
func test(a, b []int) *Test {
	if h := stats.SameShares(a, b); h.Freedom > 0 {
		return &Test{ChiSquare: h.ChiSquare, Freedom: h.Freedom, P: h.P}
	}
	n, m := 0, 0
	for i := range a {
		n, m = n+a[i], m+b[i]
	}
	if len(a) < 2 || n == 0 || m == 0 {
		return nil
	}
	return &Test{Exact: true, P: stats.Fisher(a[0], n, b[0], m)}
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// Sentence says whether the run agrees with what was promised, as far as can be told.
func (s *Summary) Sentence() string {
	a, measured, answered := s.Promise, s.Measured, s.Images-s.Failed
	on := fmt.Sprintf("measured on the %d samples of the split %s", a.Samples, a.Split)
	if a.Searched {
		on = fmt.Sprintf("expected from the %d samples of the split %s, on which it was chosen", a.Samples, a.Split)
	}
	verdict := "this agrees with it"
	if answered < enough {
		verdict = fmt.Sprintf("%d images do not contradict it, but are too few to tell", answered)
	}
	switch {
	case !a.AccuracyTest.Agrees():
		verdict = fmt.Sprintf("the accuracy here is another one (by chance with a probability of %.2g): these images are of another kind, or something differs in how they are run", a.AccuracyTest.P)
	case !a.ReachTest.Agrees():
		verdict = fmt.Sprintf("images exit at other stages here (by chance with a probability of %.2g): they are of another kind, or something differs in how they are run", a.ReachTest.P)
	case a.ReachTest == nil && measured == nil:
		verdict = "without labels nothing tells whether it is kept here"
	}
	return fmt.Sprintf("The promise was %s; %s.", on, verdict)
}

// ColumnServe is the column of WriteTimes that can be the cost of a search.
const ColumnServe = "serve_ms"

// WriteTimes writes a table of the models of runs with what they took: serve_ms of an image in
// full batches, fixed_ms of a batch and sample_ms of an image of it.
func WriteTimes(path string, runs ...*Summary) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"name", ColumnServe, "fixed_ms", "sample_ms"})
	seen := map[string]bool{}
	number := func(ms float64) string { return strconv.FormatFloat(ms, 'g', 6, 64) }
	for _, run := range runs {
		for _, stage := range run.Stages {
			if stage.Batches == 0 || seen[stage.Model] {
				continue
			}
			seen[stage.Model] = true
			w.Write([]string{stage.Model, number(stage.FixedMS/float64(stage.Batch) + stage.SampleMS), number(stage.FixedMS), number(stage.SampleMS)})
		}
	}
	w.Flush()
	return atomicfile.WriteFile(path, b.Bytes())
}
