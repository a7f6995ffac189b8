package study

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/kernel"
	"github.com/encas-zoo/encas-zoo/internal/stats"
	"github.com/encas-zoo/encas-zoo/optimize"
	"github.com/encas-zoo/encas-zoo/report"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// A zooKind is what a zoo keeps of its models.
type zooKind struct {
	classes int
	answers bool // alone
	lists   bool // alone
}

// manySampled makes a zoo of models, the later ones more expensive and more accurate, on the
// split search, sorted by class.
func manySampled(t *testing.T, samples, models int, kind zooKind) *zoo.Zoo {
	t.Helper()
	z, err := zoo.Create(filepath.Join(t.TempDir(), "zoo"), kind.classes)
	if err != nil {
		t.Fatal(err)
	}
	w, err := z.Write()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.KeepLists(kind.lists)
	labels, easy := make([]uint16, samples), make([]float64, samples)
	random := rand.New(rand.NewPCG(5, uint64(kind.classes)))
	for i := range labels {
		labels[i] = uint16(i * kind.classes / samples)
		easy[i] = 1 + 2*random.NormFloat64()
	}
	if err := w.AddSplit("search", labels, nil); err != nil {
		t.Fatal(err)
	}
	for model := range models {
		m, err := w.NewModel(zoo.Model{Name: fmt.Sprintf("m%d", model), Answers: kind.answers, Columns: map[string]string{zoo.ColumnGFLOPs: strconv.Itoa(1 << model)}})
		if err != nil {
			t.Fatal(err)
		}
		row, bits := make([]float32, kind.classes), make([]uint16, kind.classes)
		for i, label := range labels {
			sum := 0.0
			for c := range row {
				logit := random.NormFloat64()
				if c == int(label) {
					logit += easy[i] + float64(model)
				}
				row[c] = float32(math.Exp(logit))
				sum += float64(row[c])
			}
			top := 0
			for c := range row {
				if row[c] /= float32(sum); row[c] > row[top] {
					top = c
				}
			}
			kernel.F16FromF32(bits, row)
			if kind.answers {
				err = m.WriteAnswer("search", uint16(top), bits[top])
			} else {
				err = m.WriteRow("search", bits)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return z
}

// drawnOptions are those of a quick search of a part of the samples.
func drawnOptions(t *testing.T, samples int) Options {
	o := Defaults()
	o.SearchSamples, o.Evals, o.Seed, o.Dir = samples, 30_000, 3, filepath.Join(t.TempDir(), "run")
	return o
}

// traced returns the stage at which a cascade answers each sample, and whether correctly, by the
// lists of the zoo or by the definition.
func traced(t *testing.T, z *zoo.Zoo, kind zooKind, c cascade.Cascade) (stages []int, correct []bool) {
	t.Helper()
	labels, _, err := z.Labels("search")
	if err != nil {
		t.Fatal(err)
	}
	if kind.lists {
		var names []string
		for _, m := range z.Models() {
			names = append(names, m.Name)
		}
		index, err := z.OpenIndex(t.Context(), "search", names, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer index.Close()
		var models []optimize.Model
		for _, name := range names {
			models = append(models, optimize.Model{Name: name, Lists: index.Lists(name)})
		}
		p, err := optimize.NewProblem(labels, z.Classes(), models)
		if err != nil {
			t.Fatal(err)
		}
		stages, correct, err = p.Trace(c)
		if err != nil {
			t.Fatal(err)
		}
		return stages, correct
	}
	outputs := map[string][][]float32{}
	for _, s := range c.Stages {
		rows, err := openRows(z, s.Model, "search")
		if err != nil {
			t.Fatal(err)
		}
		bits := make([]uint16, z.Classes())
		outputs[s.Model] = nil
		for range labels {
			row := make([]float32, z.Classes())
			if _, err := rows.ReadRows(bits); err != nil {
				t.Fatal(err)
			}
			kernel.F16ToF32(row, bits)
			outputs[s.Model] = append(outputs[s.Model], row)
		}
		rows.Close()
	}
	for i, label := range labels {
		stage, class := defined(c, outputs, i)
		stages, correct = append(stages, stage), append(correct, class == int(label))
	}
	return stages, correct
}

// defined runs a cascade of any rule on a sample as it is defined, its confidence being the largest
// value.
func defined(c cascade.Cascade, outputs map[string][][]float32, sample int) (stage, class int) {
	if c.Rule == cascade.RuleMean {
		return answerTo(c, outputs, sample)
	}
	votes, weight := map[int]int{}, 0
	for stage, s := range c.Stages {
		row := outputs[s.Model][sample]
		class := slices.Index(row, slices.Max(row))
		confidence := float64(row[class])
		if c.Rule == cascade.RuleVote {
			votes[class] += s.Weight
			weight += s.Weight
			for other, n := range votes {
				if n > votes[class] || n == votes[class] && other < class {
					class = other
				}
			}
			confidence = float64(votes[class]) / float64(weight)
		}
		if stage == len(c.Stages)-1 || confidence > float64(s.Threshold) {
			return stage, class
		}
	}
	panic("a cascade ends")
}

// TestSearchDrawn: the results of a search of a part are those of the definitions, on the samples
// drawn and on the others, whatever a zoo keeps, and do not depend on the threads.
func TestSearchDrawn(t *testing.T) {
	t.Parallel()
	const samples, searched = 2000, 500
	for _, c := range []struct {
		kind   zooKind
		change func(o *Options)
	}{
		{zooKind{classes: 10}, func(o *Options) {}},
		{zooKind{classes: 10}, func(o *Options) { o.Algorithm, o.Evals = "exact", 0 }},
		{zooKind{classes: 10}, func(o *Options) { o.Algorithm = "gomea" }},
		{zooKind{classes: 10}, func(o *Options) { o.Rule = "vote" }},
		{zooKind{classes: 10, lists: true}, func(o *Options) {}},
		{zooKind{classes: 10, answers: true}, func(o *Options) {}},
		{zooKind{classes: 40}, func(o *Options) {}},
		{zooKind{classes: 40}, func(o *Options) { o.Algorithm, o.Evals = "exact", 0 }},
		{zooKind{classes: 40, lists: true}, func(o *Options) {}},
	} {
		t.Run(fmt.Sprintf("%+v", c.kind), func(t *testing.T) {
			t.Parallel()
			z := manySampled(t, samples, 4, c.kind)
			o := drawnOptions(t, searched)
			c.change(&o)
			found, err := Search(t.Context(), z, o, Watch{})
			if err != nil {
				t.Fatal(err)
			}
			f, err := front.ReadFront(o.Dir)
			if err != nil {
				t.Fatal(err)
			}
			d := f.Drawn()
			if d == nil || d.Samples != searched || d.Measured != samples-searched || f.Interrupted || f.Proof != "" || len(f.Differences) > 0 {
				t.Fatalf("drawn %+v, interrupted %t, proof %q, differences %v", d, f.Interrupted, f.Proof, f.Differences)
			}
			if cut := c.kind.lists && c.kind.classes > 32; f.Checked == cut {
				t.Errorf("checked: %t", f.Checked)
			}
			rows, err := d.Again(samples)
			if err != nil {
				t.Fatal(err)
			}
			in := make([]bool, samples)
			for _, row := range rows {
				in[row] = true
			}
			if len(f.Points) < 2 {
				t.Errorf("only %d cascades", len(f.Points))
			}
			before := 0.0
			for i, p := range f.Points {
				checkDrawnPoint(t, z, c.kind, in, f, p)
				if o.Algorithm == "auto" && p.Expected.Accuracy <= before {
					t.Errorf("cascade %d is no more accurate on the others than a cheaper one", i)
				}
				before = p.Expected.Accuracy
			}
			for i := range f.Models {
				m := &f.Models[i]
				p := front.Point{Cascade: cascade.Single(m.Name)}
				_, correct := traced(t, z, c.kind, p.Cascade)
				all, others := countIn(correct, in)
				if m.Correct != all || m.Expected == nil || *m.Expected != float64(others)/(samples-searched) {
					t.Errorf("%s: %d correct, %v expected; want %d, %d of the others", m.Name, m.Correct, m.Expected, all, others)
				}
			}
			one := o
			one.Threads, one.Dir = 1, filepath.Join(t.TempDir(), "one")
			if _, err := Search(t.Context(), z, one, Watch{}); err != nil {
				t.Fatal(err)
			}
			sameFile(t, filepath.Join(o.Dir, front.FrontFile), filepath.Join(one.Dir, front.FrontFile))
			if found.Other != "" {
				t.Errorf("the split %s is taken to be unseen", found.Other)
			}
		})
	}
}

// countIn returns how many samples are answered correctly, of all and of those not drawn.
func countIn(correct, drawn []bool) (all, others int) {
	for i, right := range correct {
		if right {
			all++
			if !drawn[i] {
				others++
			}
		}
	}
	return all, others
}

func checkDrawnPoint(t *testing.T, z *zoo.Zoo, kind zooKind, in []bool, f *front.Front, p front.Point) {
	t.Helper()
	stages, correct := traced(t, z, kind, p.Cascade)
	all, others := countIn(correct, in)
	reach := make([]int, len(p.Stages))
	for _, stage := range stages {
		for s := range stage + 1 {
			reach[s]++
		}
	}
	d := f.Drawn()
	var interval [2]float64
	interval[0], interval[1] = stats.Wilson(others, d.Measured, 0.95)
	if p.Correct != all || p.Samples != len(in) || !slices.Equal(p.Reach, reach) || p.Bound != 0 {
		t.Errorf("%v: %d of %d correct, reach %v, bound %d; want %d of %d, %v", p, p.Correct, p.Samples, p.Reach, p.Bound, all, len(in), reach)
	}
	if p.Expected == nil || p.Expected.Accuracy != float64(others)/float64(d.Measured) || p.Expected.Interval != interval {
		t.Errorf("%v: expected %+v, want %d of the others, %v", p, p.Expected, others, interval)
	}
	if got, want := f.SearchedAccuracy(p), float64(all-others)/float64(d.Samples); got != want {
		t.Errorf("%v: %g on the samples searched, want %g", p, got, want)
	}
}

func sameFile(t *testing.T, a, b string) {
	t.Helper()
	first, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Errorf("%s and %s differ", a, b)
	}
}

// TestSearchDrawnAll: a part that is all of the samples is none.
func TestSearchDrawnAll(t *testing.T) {
	t.Parallel()
	z := manySampled(t, 300, 3, zooKind{classes: 5})
	o := drawnOptions(t, 0)
	if _, err := Search(t.Context(), z, o, Watch{}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{300, 1 << 40} {
		all := o
		all.SearchSamples, all.Dir = n, filepath.Join(t.TempDir(), "all")
		if _, err := Search(t.Context(), z, all, Watch{}); err != nil {
			t.Fatal(err)
		}
		sameFile(t, filepath.Join(o.Dir, front.FrontFile), filepath.Join(all.Dir, front.FrontFile))
	}
}

// TestDrawnByDefault: of very many samples a part, by evidence, if enough are left to measure on.
func TestDrawnByDefault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		samples, asked int
		evidence       bool
		want           int
	}{
		{1 << 17, 0, true, 0}, {1<<17 + 1<<15 - 1, 0, true, 0}, {1<<17 + 1<<15, 0, true, 1 << 17}, {1_000_000, 0, true, 1 << 17},
		{1_000_000, 0, false, 0}, {1_000_000, 10, false, 10}, {1_000_000, 999_999, true, 999_999}, {1000, 1000, true, 0}, {1000, 2000, true, 0},
	} {
		s := &search{run: new(front.Run), split: zoo.Split{Samples: c.samples}, options: Options{SearchSamples: c.asked, Seed: 1}}
		s.search.Evidence = c.evidence
		if err := s.draw(); err != nil {
			t.Fatal(err)
		}
		got := 0
		if s.drawn != nil {
			got = len(s.drawn.rows)
		}
		if got != c.want {
			t.Errorf("%+v: %d samples are drawn", c, got)
		}
	}
	s := &search{run: new(front.Run), split: zoo.Split{Samples: 5}, options: Options{SearchSamples: -1}}
	if err := s.draw(); err == nil {
		t.Error("-1 samples are drawn")
	}
}

// TestSearchDrawnInterrupted: what was found and not measured is written as that, and measured when
// the search is resumed.
func TestSearchDrawnInterrupted(t *testing.T) {
	t.Parallel()
	for _, kind := range []zooKind{{classes: 10}, {classes: 40}} {
		z := manySampled(t, 2000, 4, kind)
		whole := drawnOptions(t, 500)
		if _, err := Search(t.Context(), z, whole, Watch{}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		o := drawnOptions(t, 500)
		var warned []string
		searched := false
		watch := Watch{
			Warn:   func(text string) { warned = append(warned, text) },
			Search: func(optimize.Progress, int) {},
			Task: func(name, _ string) (func(int64, int64, string), func()) {
				// The index is read before the search; what follows measures.
				if searched = searched || name == "reading the search index"; searched && name != "reading the search index" {
					cancel()
				}
				return func(int64, int64, string) {}, func() {}
			},
		}
		found, err := Search(ctx, z, o, watch)
		if err != nil {
			t.Fatal(err)
		}
		f, err := front.ReadFront(o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if d := f.Drawn(); !f.Interrupted || !found.Searched || d == nil || d.Measured != 0 || f.Checked || f.Counted() != 500 || found.Certificate != nil {
			t.Errorf("interrupted %t, drawn %+v, checked %t", f.Interrupted, d, f.Checked)
		}
		for _, p := range f.Points {
			if p.Expected != nil || p.Samples != 500 {
				t.Errorf("%v: expected %v, of %d samples", p, p.Expected, p.Samples)
			}
		}
		if len(warned) != 1 || !strings.Contains(warned[0], "interrupted before what was found was measured on the 1500 samples that were not searched") {
			t.Errorf("warned %q", warned)
		}
		useUnmeasured(t, z, o.Dir)
		o.Resume = true
		if _, err := Search(t.Context(), z, o, Watch{}); err != nil {
			t.Fatal(err)
		}
		sameFile(t, filepath.Join(o.Dir, front.FrontFile), filepath.Join(whole.Dir, front.FrontFile))
		if isThere(o.Dir, front.StateFile) {
			t.Error("the state of a search that is done is there")
		}
	}
}

// useUnmeasured has those use a front that was not measured who take one.
func useUnmeasured(t *testing.T, z *zoo.Zoo, dir string) {
	t.Helper()
	r, err := ReadRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := EvaluateFront(t.Context(), z, "search", r.Front, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	last := len(e.Cascades) - 1
	if got, want := e.Cascades[last].Change, e.Cascades[last].Accuracy()-r.Front.Points[last].Accuracy(); got != want || e.Cascades[last].Samples != 2000 {
		t.Errorf("the accuracy changes by %g from the samples searched to all %d, want %g", got, e.Cascades[last].Samples, want)
	}
	data, err := Report(t.Context(), z, nil, []report.Source{r}, TestSplit{}, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(data.Notes, func(note string) bool {
		return strings.Contains(note, "results are those on the 500 that were searched")
	}) || data.Search.Samples != 500 {
		t.Errorf("the report says %q, of %d samples", data.Notes, data.Search.Samples)
	}
	if _, err := Picked(r, front.Pick{MinAccuracy: 0.2}); err != nil {
		t.Error(err)
	}
	if export, err := r.Front.Export(last); err != nil || export.Measured.Samples != 500 {
		t.Errorf("exported: %+v, %v", export, err)
	}
	if err := r.Front.Comparable(r.Front, "a", "b"); err != nil {
		t.Error(err)
	}
}

// TestSearchDrawnTime: within a limit on time what was found is measured.
func TestSearchDrawnTime(t *testing.T) {
	t.Parallel()
	z := manySampled(t, 3000, 5, zooKind{classes: 10})
	o := drawnOptions(t, 1000)
	o.Evals, o.Time, o.Effort = 0, 2*time.Second, "high"
	found, err := Search(t.Context(), z, o, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if d := found.Front.Drawn(); d.Measured != 2000 {
		t.Errorf("%d samples were measured", d.Measured)
	}
}

// TestDrawnTimeOfParts: parts measure nothing, and have all of the time.
func TestDrawnTimeOfParts(t *testing.T) {
	t.Parallel()
	for shards, want := range map[int]time.Duration{0: time.Minute, 3: 2 * time.Minute} {
		o := optimize.Options{Time: 2 * time.Minute, Shards: shards}
		if new(drawn).restrict(&o); o.Time != want {
			t.Errorf("%d parts: %v, want %v", shards, o.Time, want)
		}
	}
}

// TestSearchDrawnLeastAccuracy: by evidence it is one on the samples that were not searched.
func TestSearchDrawnLeastAccuracy(t *testing.T) {
	t.Parallel()
	z := manySampled(t, 2000, 4, zooKind{classes: 10})
	o := drawnOptions(t, 500)
	found, err := Search(t.Context(), z, o, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	points := found.Front.Points
	o.MinAccuracy, o.Force = points[len(points)/2].Expected.Accuracy, true
	limited, err := Search(t.Context(), z, o, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(limited.Front.Points), len(points)-len(points)/2; got != want {
		t.Errorf("%d cascades, want %d", got, want)
	}
	o.MinAccuracy = 0.9999
	if _, err := Search(t.Context(), z, o, Watch{}); err == nil || !strings.Contains(err.Error(), "none of those searched is expected to reach") {
		t.Errorf("error %v", err)
	}
}

// TestDrawnFrontIsUsed: what takes a front takes one of a part of the samples.
func TestDrawnFrontIsUsed(t *testing.T) {
	t.Parallel()
	z := manySampled(t, 2000, 4, zooKind{classes: 10})
	o := drawnOptions(t, 500)
	o.CrossValidate = 2
	found, err := Search(t.Context(), z, o, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if v := found.Front.CrossValidation; v == nil || v.At[0].Samples != 500 {
		t.Errorf("cross-validated: %+v", v)
	}
	e, err := EvaluateFront(t.Context(), z, "search", found.Front, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if e.Drawn == nil || e.Searched == nil || e.Cascades[0].Drift != nil {
		t.Errorf("drawn %v, overlap %v, drift %v", e.Drawn, e.Searched, e.Cascades[0].Drift)
	}
	for i, c := range e.Cascades {
		searched := found.Front.SearchedAccuracy(found.Front.Points[i])
		if *c.Searched != searched || c.Change != c.Accuracy()-searched {
			t.Errorf("cascade %d: %g on the samples searched, %g on all, changes by %g; want %g on those searched", i, *c.Searched, c.Accuracy(), c.Change, searched)
		}
	}
	r, err := ReadRun(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var warned []string
	data, err := Report(t.Context(), z, nil, []report.Source{r}, TestSplit{}, Watch{Warn: func(text string) { warned = append(warned, text) }})
	if err != nil {
		t.Fatal(err)
	}
	if data.Drawn == nil || data.Runs[0].Cascades[0].Search == nil || !strings.Contains(data.Notes[len(warned)], "Of the 2000 samples of search, 500 were drawn at random") {
		t.Errorf("drawn %v, notes %q, warnings %q", data.Drawn, data.Notes, warned)
	}
	o.CrossValidate, o.Force = 600, true
	if _, err := Search(t.Context(), z, o, Watch{}); err == nil || !strings.Contains(err.Error(), "500 samples of the split search are searched") {
		t.Errorf("error %v", err)
	}
}

// TestDrawnShortlist: a shortlist is chosen by the samples drawn, so that nothing was on the others.
func TestDrawnShortlist(t *testing.T) {
	t.Parallel()
	const samples, searched = 300, 40
	kind := zooKind{classes: 10}
	z := manySampled(t, samples, 8, kind)
	o := drawnOptions(t, searched)
	o.Shortlist = 4
	found, err := Search(t.Context(), z, o, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := found.Front.Drawn().Again(samples)
	if err != nil {
		t.Fatal(err)
	}
	var models []front.Model
	for _, m := range z.Models() {
		rated := front.Model{Name: m.Name}
		if rated.Cost, err = m.Cost(zoo.ColumnGFLOPs); err != nil {
			t.Fatal(err)
		}
		_, correct := traced(t, z, kind, cascade.Single(m.Name))
		for _, row := range rows {
			if correct[row] {
				rated.Correct++
			}
		}
		models = append(models, rated)
	}
	want := slices.Sorted(maps.Keys(front.Shortlist(models, nil, 4)))
	var got []string
	for _, m := range found.Front.Models {
		got = append(got, m.Name)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("the shortlist is %q, want %q", got, want)
	}
	if text := found.Front.Selection.String(); !strings.Contains(text, "The models searched are the most accurate for their cost of 8") {
		t.Errorf("%q does not tell of a shortlist", text)
	}
}

// TestDrawnParts: parts of a search of a part of the samples are joined, and then measured.
func TestDrawnParts(t *testing.T) {
	t.Parallel()
	z := manySampled(t, 2000, 4, zooKind{classes: 10})
	o := drawnOptions(t, 500)
	o.Algorithm, o.Evals, o.Shards = "exact", 0, 2
	var dirs []string
	for o.Shard = range o.Shards {
		o.Dir = filepath.Join(t.TempDir(), "part")
		if _, err := Search(t.Context(), z, o, Watch{}); err != nil {
			t.Fatal(err)
		}
		f, err := front.ReadFront(o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if d := f.Drawn(); d == nil || d.Measured != 0 || f.Counted() != 500 {
			t.Errorf("part %d: drawn %+v", o.Shard, d)
		}
		dirs = append(dirs, o.Dir)
	}
	whole := drawnOptions(t, 500)
	whole.Algorithm, whole.Evals = "exact", 0
	if _, err := Search(t.Context(), z, whole, Watch{}); err != nil {
		t.Fatal(err)
	}
	parts, err := ReadParts(dirs, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	joined := filepath.Join(t.TempDir(), "joined")
	if _, err := Merge(t.Context(), z, parts, MergeOptions{Dir: joined}, Watch{}); err != nil {
		t.Fatal(err)
	}
	sameFile(t, filepath.Join(joined, front.FrontFile), filepath.Join(whole.Dir, front.FrontFile))
}

// TestCountAgain: results on the index that full outputs contradict are replaced and reported.
func TestCountAgain(t *testing.T) {
	t.Parallel()
	z := manySampled(t, 2000, 4, zooKind{classes: 10})
	o := drawnOptions(t, 500)
	s, err := newSearch(t.Context(), z, o, nil, Watch{})
	if err != nil {
		t.Fatal(err)
	}
	if s.folder, err = front.CreateFolder(o.Dir, s.run.Started, o.Algorithm, o.earlier()); err != nil {
		t.Fatal(err)
	}
	defer s.folder.Discard()
	if _, err := s.find(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(s.front.Points)
	last := len(want) - 1
	s.front.Points[last].Correct--
	wrong := s.front.Points[last].Correct
	if err := s.countAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, p := range s.front.Points {
		if p.Correct != want[i].Correct || *p.Expected != *want[i].Expected || !slices.Equal(p.Reach, want[i].Reach) {
			t.Errorf("cascade %d: %+v, want %+v", i, p, want[i])
		}
	}
	if d := s.front.Differences; len(d) != 1 || d[0].Cascade != last || d[0].IndexCorrect != wrong {
		t.Errorf("differences %+v", d)
	}
}

// TestDrawnMaxCost: the limit on the cost holds for all samples, not for those searched alone.
func TestDrawnMaxCost(t *testing.T) {
	t.Parallel()
	z := manySampled(t, 2000, 4, zooKind{classes: 10})
	for limit := 1.2; limit < 4; limit += 0.2 {
		o := drawnOptions(t, 200)
		o.MaxCost, o.Algorithm, o.Evals = limit, "exact", 0
		found, err := Search(t.Context(), z, o, Watch{})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range found.Front.Points {
			if p.Cost > limit*(1+1e-9) {
				t.Errorf("cascade %d costs %g, the limit is %g", i, p.Cost, limit)
			}
		}
	}
}
