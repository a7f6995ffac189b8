package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/shell"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
	"github.com/encas-zoo/encas-zoo/zoo"
)

// tableRows is how many rows of a front are shown at most.
const tableRows = 16

// worthwhileRows is how many rows of a front that was found are shown at most.
const worthwhileRows = 20

// optimized is the JSON result of optimize.
type optimized struct {
	Version   int                `json:"version"`
	Run       string             `json:"run"`                // folder
	Headline  *headline          `json:"headline,omitempty"` // absent if nothing is saved
	Most      named              `json:"most_accurate"`      // within the limits
	Best      front.Point        `json:"best"`               // the first to be named: what --pick best takes
	Number    int                `json:"best_number"`        // of that
	Dominate  *front.Domination  `json:"dominate,omitempty"`
	Certified *front.Certificate `json:"certified,omitempty"`
	Front     *front.Front       `json:"front"`
}

// A named is a cascade of a front that is spoken of, beside a model.
type named struct {
	Model   *front.Model `json:"model,omitempty"` // nil: none is within the limits
	Number  int          `json:"number"`          // of the cascade
	Cascade front.Point  `json:"cascade"`
	// Measured has both on samples that were not searched; nil if the zoo has none.
	Measured *study.Evaluation `json:"measured,omitempty"`
}

// A headline is the cheapest cascade that stands in for the most accurate model.
type headline struct {
	named
	Margin float64 `json:"margin"` // that it is likely to be at most less accurate by
	Less   float64 `json:"less"`   // share of the model's cost that is saved
}

// newHeadline returns the headline of a front, nil if no cascade stands in for the most
// accurate model.
func (t *terminal) newHeadline(c *cli.Context, z *zoo.Zoo, found *study.Found, choice front.Choice) (*headline, error) {
	if choice.Instead < 0 {
		return nil, nil
	}
	n, err := t.name(c, z, found, choice.Instead, choice.Best)
	return &headline{n, choice.Margin, found.Front.Saving(choice)}, err
}

// name describes a cascade beside a model, measured unless the search was interrupted.
func (t *terminal) name(c *cli.Context, z *zoo.Zoo, found *study.Found, number int, model *front.Model) (named, error) {
	n := named{Model: model, Number: number, Cascade: found.Front.Points[number]}
	if found.Other == "" || found.Front.Interrupted {
		return n, nil
	}
	var err error
	beside := ""
	if model != nil {
		beside = model.Name
	}
	n.Measured, err = study.Confirm(c.Context, z, found.Other, found.Front, number, beside, t.watch())
	return n, err
}

// showFound shows the front that was found, what it saves, the best cascade within the
// budget, and the cascades that beat a model, if one was named.
func (t *terminal) showFound(c *cli.Context, z *zoo.Zoo, found *study.Found, o *optimizeOptions) error {
	f, limits := found.Front, front.Limits{Cost: o.MaxCost, WorstCost: o.MaxWorstCost}
	choice, ok := f.Choose(limits)
	if !ok {
		return errors.New("on the full stored outputs every cascade of the front costs more than the budget")
	}
	head, err := t.newHeadline(c, z, found, choice)
	if err != nil {
		return err
	}
	most, err := t.name(c, z, found, choice.Point, choice.Model)
	if err != nil {
		return err
	}
	limited := limits != front.Limits{}
	first := f.First(limits)
	certified := -1
	if found.Certificate != nil && found.Certificate.Cheapest != nil {
		certified = found.Certificate.Tested[*found.Certificate.Cheapest].Number
	}
	var beaten *front.Domination
	if i := slices.IndexFunc(f.Models, func(m front.Model) bool { return m.Name == o.Dominate }); i >= 0 {
		beaten = f.Dominate(f.Models[i])
	}
	return t.give(optimized{front.Version, found.Dir, head, most, f.Points[first], first, beaten, found.Certificate, f}, func() {
		if o.chart == "always" || o.chart == "auto" && t.out.Terminal() {
			t.out.Chart(drawFront(f, choice, o.MaxCost))
			t.out.Printf("\n")
		}
		t.showTable(f, o.all, choice.Instead, choice.Point, certified)
		if f.Points[len(f.Points)-1].Cost == 0 {
			t.out.Printf("\nThe whole front costs 0 %s: no cascade within the limits that runs a model that costs something is more accurate than those that are free.\n", f.Cost)
		}
		if f.Selection != nil {
			t.out.Printf("\n%s.\n", f.Selection)
		}
		if f.Proof != "" {
			t.out.Printf("\n%s.\n", f.Proof)
		}
		if f.Parts != nil {
			t.out.Printf("\nIncomplete: %s: no proof.\n", f.Parts)
		}
		if f.Interrupted {
			t.out.Printf("\n%s.\n", incomplete(found))
		}
		if limited {
			t.showMost(f, most, limits)
		}
		t.showHeadline(found, head, choice, limits)
		if !limited && choice.Point != choice.Instead {
			t.showMost(f, most, limits)
		}
		t.showCrossValidation(f)
		t.showUnlabelled(f)
		if beaten != nil {
			t.showDominated(f, beaten)
		}
		if found.Certificate != nil {
			t.out.Printf("\n%s\n", t.out.Bold(found.Certificate.Headline()))
			if certified >= 0 {
				t.showCascade(f, certified, f.Points[certified])
			}
		}
		files := []string{front.FrontFile, front.CSVFile, front.RunFile}
		if found.Certificate != nil {
			files = append(files, front.CertifiedFile)
		}
		t.out.Printf("\nWritten to %s: %s\n", found.Dir, strings.Join(files, ", "))
		if t.out.Terminal() {
			t.showNext(found, c.String("zoo"))
		}
	})
}

// incomplete says what a front that was interrupted lacks.
func incomplete(found *study.Found) string {
	switch {
	case !found.Searched:
		return "The search is incomplete: there may be better cascades"
	case found.Front.Drawn() != nil:
		return "Accuracies on the samples that were not searched are missing: they were not measured to the end"
	}
	return "Expected accuracies are missing: they were not estimated to the end"
}

// drawFront returns a chart of a front within a budget, 0 for none, and of the single
// models, with the choice marked.
func drawFront(f *front.Front, choice front.Choice, budget float64) *ui.Chart {
	cascades := ui.Stairs{Name: "cascades", Colour: ui.Cyan}
	for _, c := range f.Points {
		// A cascade that is expected to be less accurate than a cheaper one is no step.
		if n := len(cascades.Points); n == 0 || c.Likely() > cascades.Points[n-1].Y {
			cascades.Points = append(cascades.Points, ui.XY{X: c.Cost, Y: c.Likely()})
		}
	}
	first, last := cascades.Points[0], cascades.Points[len(cascades.Points)-1]
	best := f.Points[choice.Point]
	chart := &ui.Chart{
		X: f.Cost, Y: "accuracy",
		Marks:   []ui.Mark{{Name: "cascade " + strconv.Itoa(choice.Point), At: ui.XY{X: best.Cost, Y: best.Likely()}, Sign: '◆', Colour: ui.Cyan}},
		FormatX: func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) },
		FormatY: func(y, step float64) string {
			// As many digits as distinguish the steps.
			digits := max(0, int(math.Ceil(-math.Log10(100*step)-1e-9)))
			return strconv.FormatFloat(100*y, 'f', digits, 64) + " %"
		},
	}
	models := ui.Stairs{Name: "best single model", Colour: ui.Yellow, Dotted: true}
	for _, m := range front.Stairs(f.LikelyModels()) {
		at := ui.XY{X: m.Cost, Y: float64(m.Correct) / float64(f.Counted())}
		// Models worse than all cascades, or beyond a limit, would squeeze the front into
		// a corner.
		if at.Y < first.Y || at.X > last.X && (at.Y > last.Y || budget > 0) {
			continue
		}
		models.Points = append(models.Points, at)
	}
	if len(models.Points) > 0 {
		chart.Stairs = append(chart.Stairs, models)
	}
	chart.Stairs = append(chart.Stairs, cascades)
	if m := choice.Model; m != nil {
		if at := (ui.XY{X: m.Cost, Y: f.LikelyOf(m)}); at.Y >= first.Y {
			chart.Marks = append(chart.Marks, ui.Mark{Name: m.Name, At: at, Sign: '◇', Colour: ui.Yellow})
		}
	}
	low, high := first.X, last.X
	for _, at := range models.Points {
		low, high = min(low, at.X), max(high, at.X)
	}
	chart.Log = low > 0 && high > 10*low
	return chart
}

// showNext suggests commands to run next.
func (t *terminal) showNext(found *study.Found, zooGiven string) {
	dir, zooFlag := shellPath(found.Dir), ""
	if zooGiven != "" {
		zooFlag = " --zoo " + shellPath(zooGiven)
	}
	next := [][2]string{
		{fmt.Sprintf("encas-zoo evaluate %s%s --split %s", dir, zooFlag, shell.Word(found.Other)), "on samples the search did not see"},
		{fmt.Sprintf("encas-zoo report %s --open", dir), "as a page"},
		{fmt.Sprintf("encas-zoo export %s --pick %s", dir, front.PickBest), "export this cascade"},
	}
	if found.Other == "" {
		next = next[1:]
	}
	width := 0
	for _, n := range next {
		width = max(width, ui.Width(n[0]))
	}
	t.out.Printf("\nNext:\n")
	for _, n := range next {
		t.out.Printf("   %s%*s   %s\n", n[0], width-ui.Width(n[0]), "", t.out.Dim(n[1]))
	}
}

// shellPath quotes a path as an argument of a command, which must not become a flag.
func shellPath(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	return shell.Word(path)
}

// showTable shows the cascades of a front that the samples tell apart, or all, and some
// always; -1 is none.
func (t *terminal) showTable(f *front.Front, all bool, always ...int) {
	chosen := f.Worthwhile(worthwhileRows)
	if all {
		chosen = f.Spread(len(f.Points))
	}
	rows := rowsWith(chosen, always...)
	expects := slices.ContainsFunc(f.Points, func(p front.Point) bool { return p.Expected != nil })
	table := new(ui.Table).Right("#")
	if expects {
		table.Right("expected", "95 % interval", "searched")
	} else {
		table.Right("accuracy")
	}
	table.Right(f.Cost, "at worst").Shrink("cascade")
	for _, i := range rows {
		c := f.Points[i]
		row := []string{strconv.Itoa(i)}
		if x := c.Expected; x != nil {
			row = append(row, percent(x.Accuracy), between(x.Interval))
		} else if expects {
			row = append(row, "", "")
		}
		table.Row(append(row, percent(f.SearchedAccuracy(c)), ui.Number(c.Cost), ui.Number(c.WorstCost), c.String())...)
	}
	t.out.Printf("%s of %s on the split %s (%s)", plural(len(f.Points), "cascade", "cascades"), plural(len(f.Models), "model", "models"), f.Split.Name, samplesOf(f))
	if len(rows) < len(f.Points) {
		t.out.Printf(", the %d that the samples tell apart (--all shows all)", len(rows))
	}
	t.out.Printf("\n\n")
	t.out.Table(table)
}

// rowsWith adds some rows to others; -1 is none.
func rowsWith(rows []int, always ...int) []int {
	rows = slices.DeleteFunc(append(always, rows...), func(i int) bool { return i < 0 })
	slices.Sort(rows)
	return slices.Compact(rows)
}

// samplesOf says how many samples a front's results are of.
func samplesOf(f *front.Front) string {
	all := plural(f.Split.Samples, "sample", "samples")
	if counted := f.Counted(); counted < f.Split.Samples {
		return ui.Count(counted) + " of " + all
	}
	return all
}

// showLine shows a cascade or a model below a heading.
func (t *terminal) showLine(what, accuracy, more string, cost float64, column, name string) {
	t.out.Printf("   %-12s %s%s at %s %s: %s\n", what, t.out.Bold(accuracy), more, ui.Number(cost), column, name)
}

// showCascade shows a cascade by the accuracy it was chosen by; if that is the expected one,
// that on the samples searched follows.
func (t *terminal) showCascade(f *front.Front, number int, p front.Point) {
	more := ""
	if x := p.Expected; x != nil {
		more = fmt.Sprintf(" expected (%s), %s on the samples searched,", between(x.Interval), percent(f.SearchedAccuracy(p)))
	}
	t.showLine("cascade "+strconv.Itoa(number), percent(p.Likely()), more, p.Cost, f.Cost, p.String())
}

// showModel shows a model by the accuracy that it is compared by.
func (t *terminal) showModel(f *front.Front, what string, m *front.Model) {
	more := ""
	if m.Expected != nil {
		more = fmt.Sprintf(" expected, %s on the samples searched,", percent(f.SearchedAccuracyOf(m)))
	}
	t.showLine(what, percent(f.LikelyOf(m)), more, m.Cost, f.Cost, m.Name)
}

// showHeadline shows the cascade within limits that stands in for the most accurate model within
// that on the worst cost.
func (t *terminal) showHeadline(found *study.Found, h *headline, choice front.Choice, limits front.Limits) {
	if choice.Best == nil {
		return
	}
	f, limit := found.Front, ""
	if limits.WorstCost > 0 {
		limit = fmt.Sprintf(" that costs at most %g %s", limits.WorstCost, f.Cost)
	}
	if h == nil {
		t.out.Printf("\nNo cheaper cascade%s is likely to be nearly as accurate as the most accurate single model%s:\n", within(limits, f.Cost), limit)
		t.showModel(f, "that model", choice.Best)
		return
	}
	likely := "Likely " + asAccurate(h.Margin) + " the most accurate single model" + limit
	if h.Cascade.Expected == nil {
		likely = "On the samples searched " + strings.TrimPrefix(likely, "Likely ")
	}
	t.out.Printf("\n%s, for %s less:\n", likely, t.out.Bold(saving(h.Cascade.Cost, h.Model.Cost)))
	t.showCascade(f, h.Number, h.Cascade)
	t.showModel(f, "that model", h.Model)
	switch d := f.Drawn(); {
	case h.Measured != nil || h.Cascade.Expected != nil:
	case d != nil && d.Measured == 0:
		t.out.Printf("   No accuracy on other samples is known. %s\n", measures(found.Run, found.Dir))
	default:
		t.out.Printf("   No accuracy on other samples is known. 'encas-zoo evaluate %s --split NAME' measures it.\n", shellPath(found.Dir))
	}
	t.showMeasured(h.named, "that model", h.Margin)
}

// measures says how what a search has found is measured on the samples that were not searched.
func measures(run *front.Run, dir string) string {
	if command := study.ResumeCommand(run, dir); command != "" {
		return fmt.Sprintf("'%s' measures it.", command)
	}
	return fmt.Sprintf("The command that was interrupted, with --resume %s, measures it.", shellPath(dir))
}

// showMeasured shows what a cascade and the model beside it do on samples that were not
// searched, if that was measured, and says so if it misses a margin.
func (t *terminal) showMeasured(n named, model string, margin float64) {
	if n.Measured == nil {
		return
	}
	m := n.Measured.Cascades[0]
	beside := ""
	if a := m.Against; a != nil && m.Accuracy() != a.Accuracy {
		beside = fmt.Sprintf(", %s %s (%s points)", model, percent(a.Accuracy), points(m.Accuracy()-a.Accuracy))
		if m.Accuracy()-a.Accuracy < -margin {
			beside += ": less accurate there than is likely"
		}
	} else if a != nil {
		beside = fmt.Sprintf(", %s the same", model)
	}
	t.out.Printf("   %-12s %s (%s)%s\n", "on "+n.Measured.Split.Name, percent(m.Accuracy()), between(m.Interval), beside)
}

// asAccurate compares a cascade with a model that it is at most a margin less accurate than.
func asAccurate(margin float64) string {
	switch margin {
	case 0:
		return "as accurate as"
	case 0.01:
		return "at most 1 point less accurate than"
	}
	return fmt.Sprintf("at most %g points less accurate than", 100*margin)
}

// within names limits, "" for none.
func within(l front.Limits, unit string) string {
	var words []string
	if l.Cost > 0 {
		words = append(words, fmt.Sprintf("%g %s", l.Cost, unit))
	}
	if l.WorstCost > 0 {
		words = append(words, fmt.Sprintf("%g %s at worst", l.WorstCost, unit))
	}
	if len(words) == 0 {
		return ""
	}
	return " within " + strings.Join(words, " and ")
}

// showMost shows the most accurate cascade within the limits, and the most accurate model
// within them.
func (t *terminal) showMost(f *front.Front, most named, limits front.Limits) {
	words := within(limits, f.Cost)
	if words == "" {
		t.out.Printf("\nMost accurate:\n")
	} else {
		t.out.Printf("\nWithin%s:\n", strings.TrimPrefix(words, " within"))
	}
	t.showCascade(f, most.Number, most.Cascade)
	model := "that model" // which the headline has shown
	if words != "" {
		model = "best model"
	}
	if most.Model != nil && words != "" {
		t.showModel(f, model, most.Model)
	}
	t.showMeasured(most, model, 1)
}

// showCrossValidation compares the results on held-out samples with those of the
// searches.
func (t *terminal) showCrossValidation(f *front.Front) {
	v := f.CrossValidation
	if v == nil {
		return
	}
	t.out.Printf("\nCross-validation: the best cascades of %d searches within a cost, each on the samples its search did not see.\n\n", v.Folds)
	table := new(ui.Table).Right("within "+f.Cost, "on search", "held out", "95 % interval", "change", f.Cost+" held out")
	for _, h := range v.At {
		table.Row(ui.Number(h.Limit), percent(h.Searched), percent(h.Accuracy), between(h.Interval), points(h.Change), ui.Number(h.Cost))
	}
	t.out.Table(table)
}

// showUnlabelled compares the results on the samples searched with those that unlabelled
// ones add to.
func (t *terminal) showUnlabelled(f *front.Front) {
	if f.Unlabelled == nil {
		return
	}
	t.out.Printf("\nOn the samples of %s alone, and with the %s of %s, whose labels are not used:\n\n", f.Split.Name, ui.Count(f.Unlabelled.Samples), f.Unlabelled.Name)
	table := new(ui.Table).Right("#", "accuracy", "with "+f.Unlabelled.Name, "", f.Cost, "with "+f.Unlabelled.Name).
		Left("reach of each stage", "with "+f.Unlabelled.Name)
	for _, i := range f.Spread(tableRows) {
		p := f.Points[i]
		if p.With == nil {
			continue
		}
		accuracy, give := "-", ""
		if a := p.With.Accuracy; a != nil {
			accuracy, give = percent(a.Value), fmt.Sprintf("± %.2f", 100*a.StandardError)
		}
		with := p
		with.Reach, with.Samples = p.With.Reach, p.With.Samples
		table.Row(strconv.Itoa(i), percent(p.Accuracy()), accuracy, give, ui.Number(p.Cost), ui.Number(p.With.Cost), reachOf(p), reachOf(with))
	}
	t.out.Table(table)
}

func (t *terminal) showDominated(f *front.Front, d *front.Domination) {
	accuracy := f.LikelyOf(&d.Model)
	model := fmt.Sprintf("%s (%s at %s %s)", d.Model.Name, percent(accuracy), ui.Number(d.Model.Cost), f.Cost)
	if d.Cheapest == nil {
		t.out.Printf("\nNo cascade found is cheaper than %s and likely to be more accurate.\n", model)
		return
	}
	t.out.Printf("\nCheaper and likely more accurate than %s:\n", model)
	line := func(what string, c *front.Point) {
		expected := ""
		if c.Expected != nil {
			expected = " expected"
		}
		t.out.Printf("   %-12s %s%s (%s points) at %s %s (%s less): %s\n", what, t.out.Bold(percent(c.Likely())), expected,
			points(c.Likely()-accuracy), ui.Number(c.Cost), f.Cost, saving(c.Cost, d.Model.Cost), c.String())
	}
	line("cheapest", d.Cheapest)
	if d.Best != d.Cheapest {
		line("best", d.Best)
	}
}

// saving is how much less a cost is than another, with more digits if nearly all is
// saved.
func saving(cost, other float64) string {
	share, digits := 100*(1-cost/other), 0
	switch {
	case share > 99:
		digits = 2
	case share > 95:
		digits = 1
	}
	return strconv.FormatFloat(share, 'f', digits, 64) + " %"
}
