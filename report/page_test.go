package report

import (
	"bytes"
	gocmp "cmp"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/encas-zoo/encas-zoo/cascade"
	"github.com/encas-zoo/encas-zoo/front"
)

// Names that people's files may hold.
var hostile = []string{
	`<script>window.broken=1</script>`,
	`</script><img src=x onerror="window.broken=2">`,
	`<!--<script>`,
	"tab\tnew\nline\r\nnul\x00bell\x07",
	`"double" 'single' ` + "`back`",
	strings.Repeat("long_name_", 30),
	"ñandú_模型_😀_\u202egnp.exe\u202c_\u2028_\u2029",
	`a|b;c,d@0.5*2&amp;{{script}}`,
	`=HYPERLINK("http://example.com")`,
	"not\xffutf8",
}

const testSamples = 4000

// newFront makes a front of so many cascades of up to five stages over models of
// rising cost.
func newFront(t testing.TB, models, cascades int, seed uint64) *front.Front {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	f := &front.Front{
		Version: front.Version, Zoo: front.Zoo{Fingerprint: "f00d", Classes: 1000},
		Split: front.Split{Name: "search", Samples: 20000, Fingerprint: "beef"},
		Cost:  "gflops", Algorithm: "exact", Grid: []float32{0, 0.5, 1}, Proof: "optimal among <all> chains", Checked: true,
	}
	for m := range models {
		name := fmt.Sprintf("model_%03d.a_name_as_long_as_they_are_in_timm", m)
		if m < len(hostile) {
			name = hostile[m]
		}
		place := float64(m) / float64(models)
		f.Models = append(f.Models, front.Model{Name: name, Cost: 0.05 * math.Pow(5000, place), Correct: int(20000 * (0.5 + 0.35*math.Sqrt(place) - 0.05*rng.Float64()))})
	}
	for i := range cascades {
		var c cascade.Cascade
		var reach []int
		var costs []float64
		left := 20000
		for stage := range 1 + rng.IntN(5) {
			m := f.Models[(i*(models-6)/cascades+stage)%models]
			c.Stages = append(c.Stages, cascade.Stage{Model: m.Name, Weight: 1 + rng.IntN(2), Threshold: float32(rng.IntN(51)) * 0.02})
			reach, costs = append(reach, left), append(costs, m.Cost)
			left = int(float64(left) * (0.2 + 0.6*rng.Float64()))
		}
		c.Stages[len(c.Stages)-1].Threshold = 0
		f.Points = append(f.Points, front.Point{Cascade: c, Evaluation: cascade.NewEvaluation(costs, 0, reach, 20000), Bound: 19000})
	}
	slices.SortFunc(f.Points, func(a, b front.Point) int { return gocmp.Compare(a.Cost, b.Cost) })
	for i := range f.Points { // the more expensive, the better
		f.Points[i].Correct = 10000 + 7500*i/cascades
	}
	return f
}

// expect adds accuracies expected on other samples, lower than on those searched.
func expect(f *front.Front) *front.Front {
	for i := range f.Points {
		a := f.Points[i].Accuracy() - 0.004
		f.Points[i].Expected = &front.Expected{Accuracy: a, Interval: [2]float64{a - 0.003, a + 0.003}}
	}
	for i := range f.Models {
		f.Models[i].Expected = new(float64(f.Models[i].Correct)/float64(f.Split.Samples) - 0.002)
	}
	return f
}

// newData makes a page of fronts, with made-up results on a test split.
func newData(t testing.TB, fronts ...*front.Front) *Data {
	t.Helper()
	var sources []Source
	for i, f := range fronts {
		run := &front.Run{Version: 1, Command: []string{"encas-zoo", "optimize", "--models", "<b>'x'"}, Seed: 7, Program: "v1", Evaluations: 600000, Seconds: map[string]float64{"search": 3}}
		sources = append(sources, Source{Dir: "/runs/" + strings.ReplaceAll(hostile[i], "/", "_"), Front: f, Run: run})
	}
	d, err := New(sources, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	d.Test = &front.Split{Name: "<i>test</i>", Samples: testSamples, Fingerprint: "cafe"}
	d.Device = "<b>device"
	d.UseZoo("the zoo")
	for class := range d.Zoo.Classes {
		d.Classes = append(d.Classes, hostile[class%len(hostile)])
	}
	for m := range d.Models {
		right := d.Models[m].Search * testSamples / d.Search.Samples
		d.Models[m].Test = &right
		d.Models[m].Params, d.Models[m].Latency = float64(1_000_000+m), 0.5+float64(m)
	}
	for r := range d.Runs {
		for i := range d.Runs[r].Cascades {
			c := &d.Runs[r].Cascades[i]
			c.Search = madeUp(rng, c, d.Search.Samples)
			c.Test = madeUp(rng, c, testSamples)
		}
	}
	d.Explain("This page is made up & <tested>.")
	return d
}

func madeUp(rng *rand.Rand, c *Cascade, samples int) *Results {
	f := &Results{Correct: c.Correct * samples / 20000, Cost: c.Cost * (0.95 + 0.1*rng.Float64())}
	left := samples
	for i := range c.Stages {
		s := cascade.StageDetails{Exits: left / 3, Correct: left / 4, Repaired: rng.IntN(100), Broken: rng.IntN(50)}
		if i == len(c.Stages)-1 {
			s.Exits = left
		}
		for b := range 10 {
			s.Reliability[b] = cascade.Bin{Samples: left / 10, Correct: left / 20, Confidence: float64(b)/10 + 0.1*rng.Float64()}
		}
		left -= s.Exits
		f.Stages = append(f.Stages, s)
	}
	cascade, model, all := make([]int, 1000), make([]int, 1000), make([]int, 1000)
	for class := range all {
		cascade[class], model[class], all[class] = rng.IntN(50), rng.IntN(50), 50
	}
	f.Gains, f.Losses = Changes(cascade, model, all)
	f.Against = NewAgainst(60, 40)
	return f
}

func pageOf(t testing.TB, d *Data) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pageData is the data as the page reads it.
type pageData struct {
	Data
	Runs []struct {
		Run
		Cascades []cascadeJSON `json:"cascades"`
	} `json:"runs"`
}

// dataOf takes the data out of a page.
func dataOf(t testing.TB, page string) *pageData {
	t.Helper()
	_, rest, ok := strings.Cut(page, `<script id="data" type="application/json">`)
	text, _, end := strings.Cut(rest, "</script>")
	if !ok || !end {
		t.Fatal("the page has no data")
	}
	d := new(pageData)
	if err := json.Unmarshal([]byte(text), d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestPageShowsTheResultsOfTheFront(t *testing.T) {
	t.Parallel()
	run := expect(newFront(t, 40, 60, 1))
	page := dataOf(t, pageOf(t, newData(t, run)))
	if page.Zoo != run.Zoo || page.Search != run.Split || page.Cost != run.Cost || len(page.Runs) != 1 {
		t.Errorf("the page is of %+v, %+v, %s", page.Zoo, page.Search, page.Cost)
	}
	var models []front.Model
	for _, m := range page.Models {
		models = append(models, front.Model{Name: m.Name, Cost: m.Cost, Correct: m.Search, Expected: m.Expected})
	}
	for i := range run.Models {
		run.Models[i].Name = valid(run.Models[i].Name)
	}
	if diff := cmp.Diff(run.Models, models); diff != "" {
		t.Errorf("models (front.json, page):\n%s", diff)
	}
	if len(page.Runs[0].Cascades) != len(run.Points) {
		t.Fatalf("%d cascades of %d", len(page.Runs[0].Cascades), len(run.Points))
	}
	for i, c := range page.Runs[0].Cascades {
		p := run.Points[i]
		want := cascadeJSON{
			Text: valid(p.String()), Rule: &p.Rule, Confidence: &p.Confidence, Expected: p.Expected, Correct: p.Correct, Cost: p.Cost, WorstCost: p.WorstCost, Bound: p.Bound,
			Word:       c.Word,                                                                 // see TestWords
			NoMoreCost: c.NoMoreCost, AsAccurate: c.AsAccurate, Search: c.Search, Test: c.Test, // see TestRivals
		}
		for stage, s := range p.Stages {
			out := stageJSON{Model: slices.IndexFunc(models, func(m front.Model) bool { return m.Name == valid(s.Model) }), Weight: s.Weight, Reach: p.Reach[stage]}
			if stage < len(p.Stages)-1 {
				out.Threshold = &s.Threshold
			}
			want.Stages = append(want.Stages, out)
		}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("cascade %d (front.json, page):\n%s", i, diff)
		}
	}
}

// valid is a name as JSON holds it: what is no UTF-8 becomes U+FFFD.
func valid(name string) string { return strings.ToValidUTF8(name, "\ufffd") }

func TestRivals(t *testing.T) {
	t.Parallel()
	run := newFront(t, 3, 1, 1)
	run.Models = []front.Model{{Name: "a", Cost: 1, Correct: 100}, {Name: "b", Cost: 2, Correct: 90}, {Name: "c", Cost: 4, Correct: 200}, {Name: "d", Cost: 5, Correct: 200}}
	run.Points = nil
	for _, c := range []struct {
		correct int
		cost    float64
	}{{100, 0.5}, {101, 3}, {150, 4.5}, {300, 9}} {
		run.Points = append(run.Points, front.Point{Cascade: cascade.Single("a"), Evaluation: cascade.Evaluation{Samples: 20000, Correct: c.correct, Cost: c.cost, Costs: []float64{1}, Reach: []int{1}}})
	}
	d, err := New([]Source{{Dir: "x", Front: run}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var got [][2]int
	for _, c := range d.Runs[0].Cascades {
		got = append(got, [2]int{c.NoMoreCost, c.AsAccurate})
	}
	if want := [][2]int{{-1, 0}, {0, 2}, {2, 2}, {2, -1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("rivals %v instead of %v", got, want)
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	gains, losses := Changes([]int{5, 3, 7, 1}, []int{4, 3, 2, 9}, []int{10, 10, 10, 10})
	if want := []Change{{2, 10, 2, 7}, {0, 10, 4, 5}}; !reflect.DeepEqual(gains, want) {
		t.Errorf("gains %v", gains)
	}
	if want := []Change{{3, 10, 9, 1}}; !reflect.DeepEqual(losses, want) {
		t.Errorf("losses %v", losses)
	}
	many := make([]int, 50)
	for i := range many {
		many[i] = i
	}
	if gains, _ := Changes(many, make([]int, 50), many); len(gains) != 10 || gains[9].Class != 40 {
		t.Errorf("gains %v", gains)
	}
}

func TestRunsThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*front.Front){
		"split": func(f *front.Front) { f.Split.Fingerprint = "other" },
		"cost":  func(f *front.Front) { f.Cost = "euros" },
		"model": func(f *front.Front) { f.Models[3].Correct++ },
	} {
		other := newFront(t, 20, 10, 1)
		change(other)
		_, err := New([]Source{{Dir: "a", Front: newFront(t, 20, 10, 1)}, {Dir: "b", Front: other}}, time.Now())
		if !errors.Is(err, ErrDifferent) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	empty := newFront(t, 20, 10, 1)
	empty.Points = nil
	if _, err := New([]Source{{Dir: "a", Front: empty}}, time.Now()); err == nil {
		t.Error("no error for an empty front")
	}
	lost := newFront(t, 20, 10, 1)
	lost.Models = lost.Models[:2]
	if _, err := New([]Source{{Dir: "a", Front: lost}}, time.Now()); err == nil {
		t.Error("no error for a cascade of models that are not listed")
	}
}

// Of runs of different parts of the samples the notes say of each what its accuracies are of.
func TestRunsOfDifferentParts(t *testing.T) {
	t.Parallel()
	whole, part := expect(newFront(t, 20, 10, 1)), expect(newFront(t, 20, 10, 1))
	drawn := func(f *front.Front, seed uint64) {
		n := f.Split.Samples
		d := front.NewDrawn(front.Draw(n/4, n, seed), seed)
		d.Measured = n - d.Samples
		f.Selection = &front.Selection{Drawn: d}
	}
	drawn(part, 7)
	notes := func(fronts ...*front.Front) (*Data, string) {
		d := newData(t, fronts...)
		return d, strings.Join(d.Notes, "\n")
	}
	ofBoth := "were drawn at random and searched. The accuracy expected on other samples is that measured"
	if d, text := notes(part, part); d.Drawn == nil || !strings.Contains(text, ofBoth) {
		t.Errorf("the same part: drawn %v, notes\n%s", d.Drawn, text)
	}
	d, text := notes(whole, part)
	if d.Drawn != nil || d.Runs[0].Drawn != nil || d.Runs[1].Drawn == nil || strings.Contains(text, ofBoth) {
		t.Errorf("a part and all: drawn %v, notes\n%s", d.Drawn, text)
	}
	for _, want := range []string{"searched in " + d.Runs[1].Name + ". Its accuracy", "were searched in " + d.Runs[0].Name + ": "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the notes\n%s", want, text)
		}
	}
	var tables strings.Builder
	if err := d.WriteMarkdown(&tables); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(tables.String(), "were searched and the others measured"); n != 1 {
		t.Errorf("%d tables are of a part", n)
	}
	other := expect(newFront(t, 20, 10, 1))
	drawn(other, 8)
	if d, text := notes(other, part); d.Drawn != nil || strings.Contains(text, "All samples of") || strings.Count(text, "Its accuracy expected") != 2 {
		t.Errorf("two parts: drawn %v, notes\n%s", d.Drawn, text)
	}
}

// newPart is a front of a part of a search, of a shortlist, and of a part of the samples beside which
// the others were measured.
func newPart(t *testing.T) *front.Front {
	t.Helper()
	f := expect(newFront(t, 20, 10, 1))
	n := f.Split.Samples
	d := front.NewDrawn(front.Draw(n/4, n, 7), 7)
	d.Measured = n - d.Samples
	f.Selection, f.Parts, f.Proof = &front.Selection{Drawn: d, Shortlisted: 1200}, &front.Parts{Of: 3, Searched: []int{1}}, ""
	return f
}

// Accuracies on the samples searched are those of the part that was; what a front is not and how
// many models it was searched in comes first.
func TestPartsAreCalledSo(t *testing.T) {
	t.Parallel()
	f := newPart(t)
	d := newData(t, f)
	var tables strings.Builder
	if err := d.WriteMarkdown(&tables); err != nil {
		t.Fatal(err)
	}
	head := "\n\n" + f.Parts.Caveat() + ".\n\n10 cascades of the 20 most accurate for their cost of 1,200 models, chosen on search (20000 samples), of which 5000 were searched"
	if !strings.Contains(tables.String(), head) || !strings.Contains(tables.String(), "| searched | cascade |") {
		t.Errorf("no %q in\n%s", head, tables.String())
	}
	page := dataOf(t, pageOf(t, d))
	for i, p := range f.Points {
		want := f.SearchedAccuracy(p)
		if row := fmt.Sprintf("| %.2f %% | %s |", 100*want, markdown(p.String())); !strings.Contains(tables.String(), row) {
			t.Errorf("cascade %d: no %q in\n%s", i, row, tables.String())
		}
		if c := page.Runs[0].Cascades[i]; c.Searched == nil || *c.Searched != want || c.Correct != p.Correct {
			t.Errorf("the page has cascade %d with %+v, want %g on the samples searched", i, c, want)
		}
	}
	if m := page.Models[3]; m.Searched == nil || *m.Searched != f.SearchedAccuracyOf(&f.Models[3]) {
		t.Errorf("the page has the model %+v", m)
	}
	if r := page.Runs[0]; r.Caveat != f.Parts.Caveat() || r.Shortlist == nil || r.Shortlist.Of != 1200 {
		t.Errorf("the page has the run %+v", r.Run)
	}
}

func TestHostileNamesInThePage(t *testing.T) {
	t.Parallel()
	d := newData(t, newFront(t, 20, 20, 1), newFront(t, 20, 15, 1))
	page := pageOf(t, d)
	if n := strings.Count(strings.ToLower(page), "<script"); n != 2 {
		t.Errorf("%d script elements open instead of 2", n)
	}
	if n := strings.Count(strings.ToLower(page), "</script"); n != 2 {
		t.Errorf("%d script elements end instead of 2", n)
	}
	if strings.Contains(page, "<!--") || strings.Contains(page, "<img") || strings.ContainsAny(page, "\u2028\u2029") {
		t.Error("a name stands in the page as it is")
	}
	got := dataOf(t, page)
	for i, m := range got.Models {
		if m.Name != valid(d.Models[i].Name) {
			t.Errorf("model %d is %q instead of %q", i, m.Name, d.Models[i].Name)
		}
	}
	for _, address := range []string{"http:", "https:", "//", "@import", "url(h", "url(\""} {
		// The namespace of SVG is a name, not a place; comments begin with //.
		rest := strings.ReplaceAll(strings.ReplaceAll(frame+style+script, "http://www.w3.org/2000/svg", ""), " // ", "")
		if strings.Contains(strings.ReplaceAll(rest, "\n// ", ""), address) {
			t.Errorf("the page has an address with %q", address)
		}
	}
}

func TestHostileNamesInTables(t *testing.T) {
	t.Parallel()
	d := newData(t, expect(newFront(t, 20, 20, 1)), newFront(t, 20, 15, 1))
	var b bytes.Buffer
	if err := d.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+20+15 {
		t.Fatalf("%d rows", len(rows))
	}
	for i, row := range rows[1:21] {
		c := d.Runs[0].Cascades[i]
		cost, _ := strconv.ParseFloat(row[4], 64)
		low, _ := strconv.ParseFloat(row[9], 64)
		accuracy, _ := strconv.ParseFloat(row[8], 64)
		expected, _ := strconv.ParseFloat(row[17], 64)
		if row[2] != c.String() || expected != c.Expected.Accuracy || rows[21][17] != "" || row[1] != strconv.Itoa(i) || cost != c.Cost || accuracy != float64(c.Correct)/20000 || low >= accuracy {
			t.Errorf("row %d: %q", i, row)
		}
	}

	b.Reset()
	if err := d.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if strings.HasPrefix(line, "|") && cells != 10 || !strings.HasPrefix(line, "|") && cells != 0 {
			t.Errorf("%d cells: %q", cells, line)
		}
		if strings.ContainsAny(line, "<>") {
			t.Errorf("markup: %q", line)
		}
	}

	b.Reset()
	if err := d.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b.Bytes(), new(pageData)); err != nil {
		t.Error(err)
	}
}

func TestPlots(t *testing.T) {
	t.Parallel()
	plain := newData(t, newFront(t, 30, 20, 1), newFront(t, 30, 15, 1))
	untested := newData(t, newFront(t, 30, 1, 1))
	untested.Test = nil
	expecting := newData(t, expect(newFront(t, 30, 20, 1)))
	expecting.Test = nil
	for i, d := range []*Data{plain, untested, expecting} {
		for _, format := range PlotFormats {
			var b bytes.Buffer
			if err := d.WritePlot(&b, format); err != nil {
				t.Fatal(err)
			}
			switch format {
			case "svg":
				for x := xml.NewDecoder(&b); ; {
					token, err := x.Token()
					if err == io.EOF {
						break
					}
					if err != nil {
						t.Fatalf("data %d: %v", i, err)
					}
					if e, ok := token.(xml.StartElement); ok && (e.Name.Local == "script" || e.Name.Local == "img") {
						t.Errorf("data %d: the plot has an element %s", i, e.Name.Local)
					}
				}
			case "png":
				picture, err := png.Decode(&b)
				if err != nil || picture.Bounds().Dx() < 1200 {
					t.Errorf("data %d: %v", i, err)
				}
			case "pdf":
				if !bytes.HasPrefix(b.Bytes(), []byte("%PDF-")) || !bytes.Contains(b.Bytes(), []byte("%%EOF")) {
					t.Errorf("data %d: no PDF", i)
				}
			}
		}
	}
}

// The picture goes right, then up, and never down; everything it names has room.
func TestPicture(t *testing.T) {
	t.Parallel()
	d := newData(t, expect(newFront(t, 60, 80, 1)))
	for _, test := range []*front.Split{d.Test, nil} {
		d.Test = test
		show := d.picture()
		line := steps(show.fronts[0], show.highest.cost)
		for i := 1; i < len(line); i++ {
			from, to := line[i-1], line[i]
			if from.X != to.X && from.Y != to.Y || to.X < from.X || to.Y < from.Y {
				t.Errorf("%s: a line from %v to %v", d.axis(), from, to)
			}
		}
		// At every cost it has the accuracy of the best cascade that costs no more.
		for _, at := range show.cascades[0] {
			best := 0.0
			for _, other := range show.cascades[0] {
				if other.cost <= at.cost {
					best = max(best, other.accuracy)
				}
			}
			here := -1.0
			for _, p := range line {
				if p.X <= at.cost {
					here = max(here, p.Y)
				}
			}
			if math.Abs(here-100*best) > 1e-9 {
				t.Errorf("%s: %v %% at %v, the best is %v", d.axis(), here, at.cost, 100*best)
			}
		}
	}
	if got := d.axis(); got != "accuracy expected on other samples (%)" {
		t.Errorf("without a test split the axis is %q", got)
	}
	for i, c := range d.Runs[0].Cascades {
		if at := d.at(c); at.low != c.Expected.Interval[0] || at.high != c.Expected.Interval[1] {
			t.Errorf("the interval of cascade %d is %v to %v", i, at.low, at.high)
		}
	}
	d.Runs[0].Cascades[3].Expected = nil
	if got := d.axis(); got != "accuracy on the samples searched (%)" {
		t.Errorf("if one cascade lacks an expectation the axis is %q", got)
	}
}

func TestHeadline(t *testing.T) {
	t.Parallel()
	run := newFront(t, 3, 1, 1)
	run.Models = []front.Model{{Name: "a", Cost: 1, Correct: 15000}, {Name: "b", Cost: 9, Correct: 18000}}
	point := func(cost float64, correct int) front.Point {
		return front.Point{Cascade: cascade.Single("a"), Evaluation: cascade.Evaluation{Samples: 20000, Correct: correct, Cost: cost, WorstCost: cost, Costs: []float64{1}, Reach: []int{20000}}}
	}
	run.Points = []front.Point{point(1, 15000), point(3, 18010), point(5, 18200)}
	headline := func(l front.Limits) string {
		d, err := New([]Source{{Dir: "x", Front: run, Run: &front.Run{Options: l}}}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		h := d.Runs[0].Headline
		h.Limits = front.Limits{}
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		if len(d.Runs[0].Landmarks) != 3 || h.Instead != nil && d.Runs[0].Landmarks[0] != *h.Instead {
			t.Errorf("%s: landmarks %v", text, d.Runs[0].Landmarks)
		}
		return strings.TrimPrefix(string(text), `{"max_cost":0,"max_worst_cost":0,`)
	}
	for _, test := range []struct {
		limits front.Limits
		want   string
	}{
		{front.Limits{}, `"best_model":1,"instead":2,"most_accurate":2,"within_model":1}`},
		{front.Limits{Cost: 4}, `"best_model":1,"instead":1,"margin":0.0025,"most_accurate":1,"within_model":0}`},
		{front.Limits{WorstCost: 4}, `"best_model":0,"most_accurate":1,"within_model":0}`}, // a is no cheaper than itself
		{front.Limits{Cost: 0.1}, `"best_model":1,"instead":2,"most_accurate":2,"within_model":1}`},
	} {
		if got := headline(test.limits); got != test.want {
			t.Errorf("%+v: %s, want %s", test.limits, got, test.want)
		}
	}
	expect(run)
	if got, want := headline(front.Limits{}), `"best_model":1,"instead":2,"most_accurate":2,"within_model":1}`; got != want {
		t.Errorf("by expectation: %s, want %s", got, want)
	}
}

// Words of commands do nothing but name what they are.
func TestWords(t *testing.T) {
	t.Parallel()
	d := newData(t, newFront(t, 40, 60, 1))
	d.UseZoo("-my zoo")
	if d.ZooWord != "'./-my zoo'" {
		t.Errorf("the zoo is %s", d.ZooWord)
	}
	for _, c := range d.Runs[0].Cascades {
		var out cascadeJSON
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatal(err)
		}
		word := gocmp.Or(out.Word, "'"+out.Text+"'")
		if strings.ContainsFunc(word, func(r rune) bool { return r < ' ' }) || out.Word == "" && strings.Contains(out.Text, "'") {
			t.Errorf("%q is quoted as %q", out.Text, word)
		}
	}
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	got := describeRun(&front.Run{Command: []string{"encas-zoo", "--models", "a b*", "it's", "", "runs/x_1=2"}}).Command
	if want := `encas-zoo --models 'a b*' 'it'\''s' '' runs/x_1=2`; got != want {
		t.Errorf("%s instead of %s", got, want)
	}
}

func writePage(t *testing.T, d *Data) (path string, size int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "page.html")
	page := pageOf(t, d)
	if err := os.WriteFile(path, []byte(page), 0o666); err != nil {
		t.Fatal(err)
	}
	return path, len(page)
}

// TestPDFWithoutTemporaryFolder: an error, not a panic of the library.
func TestPDFWithoutTemporaryFolder(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	d := newData(t, newFront(t, 30, 20, 1))
	err := d.WritePlot(io.Discard, "pdf")
	if err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("error %v", err)
	}
}
