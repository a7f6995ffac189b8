package main

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/encas-zoo/encas-zoo/front"
	"github.com/encas-zoo/encas-zoo/internal/ui"
	"github.com/encas-zoo/encas-zoo/study"
)

// tableRows is how many rows of a front are shown at most.
const tableRows = 16

// optimized is the JSON result of optimize.
type optimized struct {
	Version   int                `json:"version"`
	Run       string             `json:"run"`                  // folder
	Best      front.Point        `json:"best"`                 // most accurate within the budget
	BestModel *front.Model       `json:"best_model,omitempty"` // at no more cost
	Dominate  *front.Domination  `json:"dominate,omitempty"`
	Certified *front.Certificate `json:"certified,omitempty"`
	Front     *front.Front       `json:"front"`
}

// showFound shows the front that was found, the best cascade within the budget, and the
// cascades that beat a model, if one was named.
func (t *terminal) showFound(found *study.Found, o *optimizeOptions, zooGiven string) error {
	f, budget := found.Front, o.MaxCost
	choice, ok := f.Choose(budget)
	if !ok {
		return errors.New("on the full stored outputs every cascade of the front costs more than the budget")
	}
	var beaten *front.Domination
	if i := slices.IndexFunc(f.Models, func(m front.Model) bool { return m.Name == o.Dominate }); i >= 0 {
		beaten = f.Dominate(f.Models[i])
	}
	return t.give(optimized{front.Version, found.Dir, f.Points[choice.Point], choice.Model, beaten, found.Certificate, f}, func() {
		if o.chart == "always" || o.chart == "auto" && t.out.Terminal() {
			t.out.Chart(drawFront(f, choice, budget))
			t.out.Printf("\n")
		}
		t.showTable(f, choice.Point)
		if f.Proof != "" {
			t.out.Printf("\n%s.\n", f.Proof)
		}
		if f.Interrupted {
			t.out.Printf("\nThe search is incomplete: there may be better cascades.\n")
		}
		t.showChoice(f, choice, budget)
		t.showCrossValidation(f)
		if beaten != nil {
			t.showDominated(f, beaten)
		}
		if found.Certificate != nil {
			t.out.Printf("\n%s\n", t.out.Bold(found.Certificate.Headline()))
		}
		files := []string{front.FrontFile, front.CSVFile, front.RunFile}
		if found.Certificate != nil {
			files = append(files, front.CertifiedFile)
		}
		t.out.Printf("\nWritten to %s: %s\n", found.Dir, strings.Join(files, ", "))
		if t.out.Terminal() {
			t.showNext(found, choice.Point, zooGiven)
		}
	})
}

// drawFront returns a chart of a front within a budget, 0 for none, and of the single
// models, with the choice marked.
func drawFront(f *front.Front, choice front.Choice, budget float64) *ui.Chart {
	cascades := ui.Stairs{Name: "cascades", Colour: ui.Cyan}
	for _, c := range f.Points {
		cascades.Points = append(cascades.Points, ui.XY{X: c.Cost, Y: c.Accuracy()})
	}
	first, last := cascades.Points[0], cascades.Points[len(cascades.Points)-1]
	best := f.Points[choice.Point]
	chart := &ui.Chart{
		X: f.Cost, Y: "accuracy",
		Marks:   []ui.Mark{{Name: "cascade " + strconv.Itoa(choice.Point), At: ui.XY{X: best.Cost, Y: best.Accuracy()}, Sign: '◆', Colour: ui.Cyan}},
		FormatX: func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) },
		FormatY: func(y, step float64) string {
			// As many digits as distinguish the steps.
			digits := max(0, int(math.Ceil(-math.Log10(100*step)-1e-9)))
			return strconv.FormatFloat(100*y, 'f', digits, 64) + " %"
		},
	}
	models := ui.Stairs{Name: "best single model", Colour: ui.Yellow, Dotted: true}
	for _, m := range front.Stairs(f.Models) {
		at := ui.XY{X: m.Cost, Y: float64(m.Correct) / float64(f.Split.Samples)}
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
		if at := (ui.XY{X: m.Cost, Y: float64(m.Correct) / float64(f.Split.Samples)}); at.Y >= first.Y {
			chart.Marks = append(chart.Marks, ui.Mark{Name: m.Name, At: at, Sign: '◇', Colour: ui.Yellow})
		}
	}
	low, high := first.X, last.X
	for _, at := range models.Points {
		low, high = min(low, at.X), max(high, at.X)
	}
	chart.Log = high > 10*low
	return chart
}

// showNext suggests commands to run next.
func (t *terminal) showNext(found *study.Found, choice int, zooGiven string) {
	dir, zoo := shellPath(found.Dir), ""
	if zooGiven != "" {
		zoo = " --zoo " + shellPath(zooGiven)
	}
	next := [][2]string{
		{fmt.Sprintf("encas-zoo evaluate %s%s --split %s", dir, zoo, ui.ShellWord(found.Other)), "on samples the search did not see"},
		{fmt.Sprintf("encas-zoo report %s --open", dir), "as a page"},
		{fmt.Sprintf("encas-zoo export %s --pick %d", dir, choice), "export this cascade"},
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
	return ui.ShellWord(path)
}

// showTable shows as much of a front as fits a screen, and one cascade always.
func (t *terminal) showTable(f *front.Front, always int) {
	rows := f.Spread(tableRows)
	if !slices.Contains(rows, always) {
		rows = append(rows, always)
		slices.Sort(rows)
	}
	table := new(ui.Table).Right("#", "accuracy", f.Cost, "at worst").Shrink("cascade")
	for _, i := range rows {
		c := f.Points[i]
		table.Row(strconv.Itoa(i), percent(c.Accuracy()), ui.Number(c.Cost), ui.Number(c.WorstCost), c.String())
	}
	t.out.Printf("%d cascades of %d models on the split %s (%s samples)", len(f.Points), len(f.Models), f.Split.Name, ui.Count(f.Split.Samples))
	if len(rows) < len(f.Points) {
		t.out.Printf(", %d of them here", len(rows))
	}
	t.out.Printf("\n\n")
	t.out.Table(table)
}

// showChoice compares the best cascade with the best model.
func (t *terminal) showChoice(f *front.Front, choice front.Choice, budget float64) {
	if budget > 0 {
		t.out.Printf("\nWithin %g %s:\n", budget, f.Cost)
	} else {
		t.out.Printf("\nMost accurate:\n")
	}
	line := func(what string, accuracy, cost float64, less, name string) {
		t.out.Printf("   %-12s %s at %s %s%s: %s\n", what, t.out.Bold(percent(accuracy)), ui.Number(cost), f.Cost, less, name)
	}
	best := f.Points[choice.Point]
	line("cascade "+strconv.Itoa(choice.Point), best.Accuracy(), best.Cost, "", best.String())
	if best.Bound > 0 && best.Bound < best.Samples {
		bound := float64(best.Bound) / float64(best.Samples)
		t.out.Printf("   %-12s %s, %.2f points more: no cascade of any kind at this cost is more accurate on these samples\n", "bound", percent(bound), 100*(bound-best.Accuracy()))
	}
	if choice.Model == nil {
		return
	}
	single := choice.Model
	line("best model", float64(single.Correct)/float64(f.Split.Samples), single.Cost, "", single.Name)
	if choice.AsAccurate < 0 {
		return
	}
	if c := f.Points[choice.AsAccurate]; c.Cost < single.Cost {
		line("as accurate", c.Accuracy(), c.Cost, fmt.Sprintf(" (%s less)", saving(c.Cost, single.Cost)), c.String())
	}
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

func (t *terminal) showDominated(f *front.Front, d *front.Domination) {
	accuracy := float64(d.Model.Correct) / float64(f.Split.Samples)
	model := fmt.Sprintf("%s (%s at %s %s)", d.Model.Name, percent(accuracy), ui.Number(d.Model.Cost), f.Cost)
	if d.Cheapest == nil {
		t.out.Printf("\nNo cascade found is both cheaper and more accurate than %s.\n", model)
		return
	}
	t.out.Printf("\nCheaper and more accurate than %s:\n", model)
	line := func(what string, c *front.Point) {
		t.out.Printf("   %-12s %s (%s points) at %s %s (%s less): %s\n", what, t.out.Bold(percent(c.Accuracy())),
			points(c.Accuracy()-accuracy), ui.Number(c.Cost), f.Cost, saving(c.Cost, d.Model.Cost), c.String())
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
